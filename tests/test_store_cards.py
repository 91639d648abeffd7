"""From which lists walks took an article, as the store notes it with the article's card."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.items import Card
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.cards import CardStore, Source
from caliber_crawler.store.client import connect
from caliber_crawler.store.migrations import prepare
from tests.mongods import free_port, start_mongod
from tests.stories import HOUR, START, story, url

Documents = Database[dict[str, Any]]
WORLD, LATEST = "/en/category/world", "/en/category/latest.html"
CARD = Card(url("a"), url("a"), "A story", None, "01 April 2025 10:00", START)


class Shown:
    """A stored article, and one card of it that is shown hour by hour."""

    def __init__(self, async_database: AsyncDatabase[dict[str, Any]]) -> None:
        self._articles, self._cards = ArticleStore(async_database), CardStore(async_database)
        self.hour = 0

    async def by(self, *lists: str, source: Source = "list") -> None:
        """Shown once more; walks along these lists take it."""
        self.hour += 1
        compared = await self._cards.compare([CARD], self.at(self.hour), source)
        await self._cards.note(compared, [(CARD.url, key) for key in lists])
        if not compared.known:
            await self._articles.save([story("a", hours=self.hour + 0.1)])

    async def taken_from(self, key: str) -> datetime | None:
        """Since when an update of a list may take the article for a sign of the known."""
        compared = await self._cards.compare([CARD], self.at(self.hour + 1))
        return compared.known[CARD.url].taken_from(key)

    def at(self, hour: int) -> datetime:
        return START + hour * HOUR


@pytest.fixture
async def shown(async_database: AsyncDatabase[dict[str, Any]]) -> Shown:
    await prepare(async_database)
    return Shown(async_database)


async def test_what_the_feed_stored_no_list_took(shown: Shown) -> None:
    await shown.by(source="feed")
    assert await shown.taken_from(WORLD) is None, "though it need not be fetched again"
    await shown.by(WORLD)
    await shown.by(source="feed")
    assert await shown.taken_from(WORLD) == shown.at(2)


async def test_each_list_is_told_apart_and_the_first_walk_counts(shown: Shown) -> None:
    await shown.by(WORLD)
    assert await shown.taken_from(LATEST) is None
    await shown.by(LATEST, WORLD)
    await shown.by(LATEST)
    assert await shown.taken_from(WORLD) == shown.at(1)
    assert await shown.taken_from(LATEST) == shown.at(2)


async def test_what_a_walk_passed_over_it_did_not_take(shown: Shown) -> None:
    """As with `until`: what lies between is not asked for either."""
    await shown.by()
    assert await shown.taken_from(WORLD) is None


async def test_what_an_older_version_noted_counts_for_every_list(
    shown: Shown, database: Documents
) -> None:
    await shown.by(WORLD)
    stored = database.articles.find_one()
    assert stored is not None
    for change in ({"$unset": {"lists": 1}}, {"$set": {"digest": "of another headline"}}):
        database.cards.update_one({"_id": CARD.url}, change)
        await shown.by(LATEST)
        for key in (WORLD, LATEST):
            assert await shown.taken_from(key) == stored["first_seen_at"]


async def test_a_clock_that_was_ahead_is_put_right_by_the_next_walk(
    shown: Shown, database: Documents
) -> None:
    await shown.by(WORLD)
    (mark,) = database.cards.find_one({"_id": CARD.url})["lists"]  # type: ignore[index]
    ahead = {f"lists.{mark}": START + timedelta(days=2)}
    database.cards.update_one({"_id": CARD.url}, {"$set": ahead})
    await shown.by(WORLD)
    assert await shown.taken_from(WORLD) == shown.at(2)


async def test_nothing_is_written_where_nothing_is_new(shown: Shown, database: Documents) -> None:
    await shown.by(WORLD, LATEST)
    database.command("profile", 2)
    await shown.by(WORLD, LATEST)
    database.command("profile", 0)
    asked = database["system.profile"].find({"ns": database.cards.full_name})
    assert {operation["op"] for operation in asked} == {"query"}


async def test_a_server_that_ends_meanwhile_is_waited_for(tmp_path: Path) -> None:
    """It has taken the write, and says that it may not be safe: `StoreUnavailable`, not an error of
    these cards, by which the list would be lost."""
    port = free_port()
    server = start_mongod(tmp_path, port, "--setParameter=enableTestCommands=1")
    try:
        uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        async with await connect(uri, timeout_ms=30_000) as client:
            database = client["caliber"]
            await prepare(database)
            said = {"code": 91, "codeName": "ShutdownInProgress", "errmsg": "it ends"}
            data = {"failCommands": ["update"], "writeConcernError": said}
            await client.admin.command(
                {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
            )
            cards = CardStore(database)
            compared = await cards.compare([CARD], START, "list")
            with pytest.raises(StoreUnavailable, match="lost while writing to cards"):
                await cards.note(compared)
            await cards.note(compared)
            assert await database["cards"].count_documents({}) == 1
    finally:
        server.terminate()
        server.wait(60)
