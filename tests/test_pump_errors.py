"""The frontier's traffic when MongoDB refuses something: who is told, and what goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from pymongo import AsyncMongoClient
from scrapy import Request

from caliber_crawler.pump import Pump
from caliber_crawler.ready import ReadyQueue
from caliber_crawler.store import Store
from caliber_crawler.store.leases import Entry
from tests.stories import story, url

R = TypeVar("R")


class _Addon:
    """What the pump asks of the add-on, with what it was told."""

    lost = stopping = False
    config = SimpleNamespace(stay=True)
    crawl_id = "c"

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.closed: list[str] = []
        self.told = asyncio.Event()  # of what a test waits for

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        return await call()

    def server_now(self) -> datetime:
        return datetime.now(UTC)

    def count(self, name: str, number: int = 1) -> None:
        self.counts[name] += number
        if number and name == "sightings/lost":
            self.told.set()

    def taken_back(self, *_: object) -> None: ...

    def nudge(self) -> None: ...

    def give_up(self, message: str) -> None:
        self.closed.append(f"lost: {message}")
        self.told.set()

    def break_off(self, message: str) -> None:
        self.closed.append(f"broken off: {message}")
        self.told.set()


def pump(store: Store, addon: Any) -> Pump:
    return Pump(
        addon, store, ReadyQueue(1), 8,
        request_of=lambda leased: Request(leased.request["url"]), settle=lambda: None,
    )  # fmt: skip


@pytest.fixture
async def store(mongo_uri: str, database_name: str, tmp_path: Path) -> Any:
    opened = await Store.open(mongo_uri, database_name, tmp_path, "c", worker="w")
    yield opened
    await opened.close()


def named(section: str) -> Entry:
    said = {"sections": [{"slug": section, "name": section}], "addresses": []}
    return Entry("k", url("a"), 0, {"url": url("a")}, merged=said)


async def test_a_sighting_that_mongodb_refuses_is_lost_by_itself(
    store: Store, mongo_uri: str, database_name: str
) -> None:
    await store.articles.save([story("a"), story("b", sections=[{"slug": "x", "name": "X"}])])
    async with AsyncMongoClient[dict[str, Any]](mongo_uri) as client:
        # Somebody's own index: no two articles are of one section.
        articles = client[database_name].articles
        await articles.create_index(
            "sections.slug", unique=True, partialFilterExpression={"sections.slug": "x"}
        )
    at = datetime.now(UTC)
    await store.frontier.add([named("world")], at)
    [leased] = await store.frontier.lease(1, at, browsers=1)
    await store.frontier.end(at, {leased.key: leased.lease}, {}, {})

    addon = _Addon()
    works = pump(store, addon)
    works.start()
    works.add(named("x"), Request(url("a")))
    async with asyncio.timeout(20):
        await addon.told.wait()
    await works.close()
    assert addon.closed == []
    assert addon.counts["sightings/lost"] == 1


async def test_a_refusal_of_the_frontier_itself_is_told_apart(store: Store) -> None:
    addon = _Addon()
    works = pump(store, addon)
    works.start()
    works.add(Entry("k", url("a"), 2**70, {"url": url("a")}), Request(url("a")))
    async with asyncio.timeout(20):
        await addon.told.wait()
    await works.close()
    [line] = addon.closed
    assert line.startswith("lost: MongoDB refuses the frontier's traffic: ")


async def test_what_lists_said_of_what_a_killed_worker_had_stored_is_not_lost(
    store: Store, mongo_uri: str, database_name: str
) -> None:
    """Another worker takes the request up, and finds that there is nothing to be fetched."""
    at = datetime.now(UTC)
    await store.frontier.add([named("world")], at)
    await store.frontier.lease(1, at, browsers=1)
    await store.articles.save([story("a", crawl_id="c")])
    await store.frontier.add([named("latest")], at)
    await store.frontier.reclaim(at, ["w"])

    addon = _Addon()
    works = pump(store, addon)
    works.start()
    async with AsyncMongoClient[dict[str, Any]](mongo_uri) as client, asyncio.timeout(20):
        frontier = client[database_name].frontier
        while await frontier.count_documents({"state": "done"}) == 0:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.05)
        record = await client[database_name].articles.find_one()
    await works.close()
    assert record is not None
    assert {section["slug"] for section in record["sections"]} == {"world", "latest"}
