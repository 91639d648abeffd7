"""Opening and closing the store, and its indexes."""

from __future__ import annotations

import asyncio
import fcntl
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.errors import ConfigError, StoreError, StoreUnavailable
from caliber_crawler.store import Store, watchdog
from caliber_crawler.store.client import redact
from caliber_crawler.store.indexes import INDEXES, ensure_indexes
from caliber_crawler.store.migrations import prepare
from tests.conftest import wait_until

Documents = Database[dict[str, Any]]
ROOT = Path(__file__).resolve().parent.parent


OPEN_AND_CLOSE = """
import asyncio, sys
from pathlib import Path
from caliber_crawler.store import Store

async def main():
    store = await Store.open(sys.argv[1], sys.argv[2], Path(), "crawl")
    await store.close()

asyncio.run(main())
"""


def connections(uri: str) -> int:
    """Connections that crawlers hold to the server at this moment."""
    with MongoClient[dict[str, Any]](uri) as client:
        sessions = client.admin.aggregate(
            [{"$currentOp": {"allUsers": True, "idleConnections": True}}]
        )
        return sum(1 for one in sessions if one.get("appName") == "caliber-crawler")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition without holding up the event loop."""
    await asyncio.to_thread(wait_until, condition)


def is_running(folder: Path) -> bool:
    """Whether the embedded server of the folder runs: its watchdog holds a lock then."""
    with (folder / watchdog.SERVER_LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class TestOpening:
    async def test_given_server(self, mongo_uri: str, database: Documents, tmp_path: Path) -> None:
        store = await Store.open(mongo_uri, database.name, tmp_path / "unused", "crawl-1")
        assert store.where == f"{redact(mongo_uri)} database {database.name!r}"
        assert store.database.name == database.name
        await store.close()
        assert not (tmp_path / "unused").exists()
        assert {"meta", *INDEXES} <= set(database.list_collection_names())

    async def test_password_is_not_shown(self, mongo_uri: str, database_name: str) -> None:
        secret = re.sub(r"//.*@", "//ann:s3cret@", mongo_uri)
        with pytest.raises(StoreUnavailable) as caught:
            await Store.open(secret, database_name, Path(), "crawl-1")
        assert "s3cret" not in str(caught.value)

    async def test_embedded_server_starts_and_stops_with_its_last_user(
        self, tmp_path: Path
    ) -> None:
        one, two = await asyncio.gather(
            *(Store.open("", "news", tmp_path, f"crawl-{n}") for n in range(2))
        )
        assert one.where == two.where
        await one.close()
        await two.database["cards"].insert_one({"_id": "a"})
        assert is_running(tmp_path)
        await two.close()
        await until(lambda: not is_running(tmp_path))
        again = await Store.open("", "news", tmp_path, "crawl-3")
        assert await again.database["cards"].count_documents({}) == 1
        await again.close()

    async def test_closing_twice(self, mongo_uri: str, database_name: str) -> None:
        store = await Store.open(mongo_uri, database_name, Path(), "crawl-1")
        await store.close()
        await store.close()
        await until(lambda: not connections(mongo_uri))


class TestFailingToOpen:
    """Whatever fails, no connection and no server stays behind."""

    async def test_impossible_uri(self, database_name: str) -> None:
        with pytest.raises(ConfigError):
            await Store.open("mongo://x", database_name, Path(), "crawl-1")

    @pytest.mark.parametrize("name", ["two words", "", "a.b", "x" * 80])
    async def test_database_name_that_mongodb_refuses(
        self, mongo_uri: str, name: str, tmp_path: Path
    ) -> None:
        with pytest.raises(StoreError):
            await Store.open(mongo_uri, name, tmp_path, "crawl-1")
        await until(lambda: not connections(mongo_uri))

    async def test_embedded_server_is_left_again(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError):
            await Store.open("", "two words", tmp_path, "crawl-1")
        await until(lambda: not is_running(tmp_path))

    async def test_data_that_contradict_an_index(
        self, mongo_uri: str, database: Documents, tmp_path: Path
    ) -> None:
        database.articles.insert_many(
            [{"_id": n, "url": "same", "first_seen_at": datetime.now(UTC)} for n in range(2)]
        )
        with pytest.raises(StoreError, match="making indexes"):
            await Store.open(mongo_uri, database.name, tmp_path, "crawl-1")
        await until(lambda: not connections(mongo_uri))

    async def test_cancelled_while_the_server_starts(self, tmp_path: Path) -> None:
        opening = asyncio.create_task(Store.open("", "news", tmp_path, "crawl-1"))
        await until(lambda: (tmp_path / watchdog.USERS_LOCK).exists())
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await until(lambda: not is_running(tmp_path))


class TestIndexes:
    async def test_making_them_again_changes_nothing(
        self, async_database: AsyncDatabase[dict[str, Any]], database: Documents
    ) -> None:
        await ensure_indexes(async_database)
        before = {name: database[name].index_information() for name in INDEXES}
        await ensure_indexes(async_database)
        assert {name: database[name].index_information() for name in INDEXES} == before
        for name, models in INDEXES.items():
            names = {model.document["name"] for model in models}
            assert set(before[name]) - {"_id_"} == names

    async def test_what_made_mongodb_forget_queued_requests_is_removed(
        self, async_database: AsyncDatabase[dict[str, Any]], database: Documents
    ) -> None:
        database["frontier"].create_index("at", name="forgotten", expireAfterSeconds=30 * 24 * 3600)
        await asyncio.gather(*(prepare(async_database) for _ in range(8)))
        assert set(database["frontier"].index_information()) == {"_id_", "order"}

    async def test_a_url_that_need_not_be_unique_is_refused(
        self, async_database: AsyncDatabase[dict[str, Any]], database: Documents
    ) -> None:
        """Unique keys decide races: without this one, two workers would store one article twice."""
        database["articles"].create_index("url", name="url")
        with pytest.raises(StoreError, match="url"):
            await prepare(async_database)

    async def test_rejects_alone_are_forgotten_by_mongodb(
        self, async_database: AsyncDatabase[dict[str, Any]], database: Documents
    ) -> None:
        """By the time at which they were made, which does not move: nothing else may be."""
        await ensure_indexes(async_database)
        expiring = {
            (name, *(field for field, _ in index["key"])): index["expireAfterSeconds"]
            for name in INDEXES
            for index in database[name].index_information().values()
            if "expireAfterSeconds" in index
        }
        assert expiring == {("rejects", "at"): 180 * 24 * 3600}

    def test_several_processes_at_first_start(
        self, mongo_uri: str, database_name: str, database: Documents
    ) -> None:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN_AND_CLOSE, mongo_uri, database_name],
                cwd=ROOT, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(6)
        ]  # fmt: skip
        for process in processes:
            _, error = process.communicate(timeout=60)
            assert process.returncode == 0, error
        for name, models in INDEXES.items():
            names = {model.document["name"] for model in models}
            assert set(database[name].index_information()) - {"_id_"} == names

    async def test_many_at_once(
        self, async_database: AsyncDatabase[dict[str, Any]], database: Documents
    ) -> None:
        await asyncio.gather(*(ensure_indexes(async_database) for _ in range(16)))
        for name, models in INDEXES.items():
            names = {model.document["name"] for model in models}
            assert set(database[name].index_information()) - {"_id_"} == names
