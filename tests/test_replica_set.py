"""A crawl on a replica set, as compose.yaml has it, and on one whose primary is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from caliber_crawler.store import Store
from caliber_crawler.store.client import connect
from caliber_crawler.store.leases import Entry
from demo_site import SiteConfig, serve
from demo_site.server import ServedSite
from tests.cluster import Cluster, articles_asked, check_complete
from tests.conftest import Scrapy, wait_until
from tests.mongods import free_port, start_mongod

SMALL = SiteConfig(articles=300, seed=5, cards=100)


@contextmanager
def replica_set(folder: Path, members: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Members on loopback; gives the set's URI and its processes, in the order of its hosts."""
    ports = [free_port() for _ in range(members)]
    processes = []
    try:
        for port in ports:
            (folder / str(port)).mkdir(parents=True)
            processes.append(start_mongod(folder / str(port), port, "--replSet=rs0"))
        hosts = [f"127.0.0.1:{port}" for port in ports]
        wait_until(lambda: _initiated(hosts), what="the replica set", seconds=40)
        uri = f"mongodb://{','.join(hosts)}/?replicaSet=rs0"
        with MongoClient[dict[str, Any]](uri) as client:
            wait_until(lambda: _primary(client), what="a primary", seconds=40)
        yield uri, processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _initiated(hosts: list[str]) -> bool:
    members = [{"_id": i, "host": host} for i, host in enumerate(hosts)]
    settings = {"electionTimeoutMillis": 2000}
    config = {"_id": "rs0", "members": members, "settings": settings}
    try:
        with MongoClient[dict[str, Any]](hosts[0], directConnection=True) as client:
            client.admin.command("replSetInitiate", config)
    except PyMongoError:
        return False
    return True


def _hosts(uri: str) -> list[str]:
    return uri.removeprefix("mongodb://").partition("/")[0].split(",")


def _primary(client: MongoClient[dict[str, Any]]) -> Any:
    return client.primary


@contextmanager
def served_cluster(
    scrapy: Scrapy, folder: Path, members: int
) -> Iterator[tuple[ServedSite, Cluster, list[subprocess.Popen[bytes]]]]:
    with (
        serve(SMALL) as site,
        replica_set(folder, members) as (uri, processes),
        MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
    ):
        scrapy.settings |= {"MONGODB_URI": uri, "MONGODB_DATABASE": "caliber"}
        yield site, Cluster(scrapy, client["caliber"], "crawl-1"), processes


def test_two_workers_on_a_replica_set(scrapy: Scrapy, tmp_path: Path) -> None:
    with served_cluster(scrapy, tmp_path / "rs", 1) as (site, cluster, _):
        site.knobs.delay = 0.02
        workers = [cluster.start(site.url) for _ in range(2)]
        for worker in workers:
            run = scrapy.finish(worker)
            assert run.code == 0, run.err
        check_complete(site, cluster)
        assert max(articles_asked(site).values()) == 1


async def test_a_write_is_answered_when_most_members_have_it(tmp_path: Path) -> None:
    with replica_set(tmp_path / "rs", 3) as (uri, members):
        async with await connect(uri) as client:
            notes = client["caliber"]["notes"]
            await notes.insert_one({"_id": 1})
            primary = await client.primary
            assert primary is not None
            at = _hosts(uri).index(f"{primary[0]}:{primary[1]}")
            others = members[:at] + members[at + 1 :]
            for member in others:
                member.send_signal(signal.SIGSTOP)
            try:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await notes.insert_one({"_id": 2})
            finally:
                for member in others:
                    member.send_signal(signal.SIGCONT)


async def test_the_uri_may_ask_for_less(mongo_uri: str) -> None:
    mark = "&" if "?" in mongo_uri else "/?"
    async with await connect(f"{mongo_uri}{mark}w=1&journal=false") as client:
        assert client.write_concern.document == {"w": 1, "j": False}


async def test_what_was_written_is_read_whatever_the_uri_prefers(tmp_path: Path) -> None:
    with replica_set(tmp_path / "rs", 3) as (uri, members):
        async with await connect(uri) as client:
            primary = await client.primary
        assert primary is not None
        at = _hosts(uri).index(f"{primary[0]}:{primary[1]}")
        wishes = "&readPreference=secondaryPreferred&readConcernLevel=majority"
        store = await Store.open(uri + wishes, "caliber", tmp_path, "c", worker="w")
        late = members[at - 1]
        try:
            now = datetime.now(UTC)
            await store.frontier.add([_entry(n) for n in range(200)], now)
            late.send_signal(signal.SIGSTOP)  # the other one of the two is enough for additions
            got = [len(await store.frontier.lease(8, now, browsers=1)) for _ in range(25)]
        finally:
            late.send_signal(signal.SIGCONT)
            await store.close()
    assert got == [8] * 25


def _entry(number: int) -> Entry:
    return Entry(f"k{number:03}", f"https://caliber.az/{number}", 0, {"url": "x"})


def test_the_primary_is_killed(scrapy: Scrapy, tmp_path: Path) -> None:
    with served_cluster(scrapy, tmp_path / "rs", 3) as (site, cluster, members):
        site.knobs.delay = 0.05
        worker = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 60, what="some requests", seconds=40)
        primary = cluster.database.client.primary
        assert primary is not None
        hosts = _hosts(scrapy.settings["MONGODB_URI"])
        members[hosts.index(f"{primary[0]}:{primary[1]}")].kill()
        began = time.monotonic()
        run = scrapy.finish(worker)
        assert run.code == 0, run.err
        assert time.monotonic() - began < 60
        check_complete(site, cluster)
