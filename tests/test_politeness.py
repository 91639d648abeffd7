"""Turns and pauses: the row of requests within one process, and as the database keeps it."""

from __future__ import annotations

import asyncio
import doctest
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler import politeness
from caliber_crawler.politeness import _Row
from caliber_crawler.store.limiter import LimiterStore

SITE = "https://caliber.az"
GAPS = {"first": 2.0, "most": 300.0}


@pytest.fixture
def limiter(async_database: AsyncDatabase[dict[str, Any]]) -> LimiterStore:
    return LimiterStore(async_database)


def test_what_retry_after_means() -> None:
    assert doctest.testmod(politeness).attempted > 0
    assert not doctest.testmod(politeness).failed


async def test_slots_are_apart_whoever_takes_them(limiter: LimiterStore) -> None:
    slots = await asyncio.gather(*(limiter.take(SITE, 10.0) for _ in range(5)))
    waits = sorted(slot.wait for slot in slots)
    assert waits[0] == 0
    for number, wait in enumerate(waits):
        assert wait == pytest.approx(10.0 * number, abs=2)


async def test_a_row_told_by_a_clock_that_was_ahead_begins_anew(
    limiter: LimiterStore, database: Database[dict[str, Any]]
) -> None:
    await limiter.take(SITE, 10.0, furthest=100.0)
    ahead = {"$set": {"next": datetime.now(UTC) + timedelta(hours=5)}}
    database.politeness.update_one({"_id": SITE}, ahead)
    slot = await limiter.take(SITE, 10.0, furthest=100.0)
    assert (slot.wait, slot.mended) == (0, True)
    slot = await limiter.take(SITE, 10.0, furthest=100.0)
    assert slot.wait == pytest.approx(10, abs=2)
    assert not slot.mended


async def test_a_pause_told_by_a_clock_that_was_ahead_is_over(
    limiter: LimiterStore, database: Database[dict[str, Any]]
) -> None:
    await limiter.take(SITE, 1.0, furthest=100.0)
    ahead = datetime.now(UTC) + timedelta(hours=5)
    told = {"$set": {"next": ahead, "paused_until": ahead}}
    database.politeness.update_one({"_id": SITE}, told)
    assert (await limiter.take(SITE, 1.0, furthest=100.0)).mended
    assert (await limiter.pause(SITE, 20.0, **GAPS)).wait == 20
    assert (await limiter.take(SITE, 1.0, furthest=100.0)).wait == pytest.approx(20, abs=2)


async def test_sites_are_apart(limiter: LimiterStore) -> None:
    await limiter.take(SITE, 100.0)
    assert (await limiter.take("https://example.org", 100.0)).wait == 0


async def test_without_a_delay_nobody_waits(limiter: LimiterStore) -> None:
    assert [(await limiter.take(SITE, 0)).wait for _ in range(3)] == [0, 0, 0]


async def test_a_pause_that_the_site_names_is_kept_and_capped(limiter: LimiterStore) -> None:
    assert (await limiter.pause(SITE, 60.0, **GAPS)).wait == 60
    assert (await limiter.take(SITE, 1.0)).wait == pytest.approx(60, abs=2)
    # A shorter one does not end it, a longer one is cut.
    assert (await limiter.pause(SITE, 5.0, **GAPS)).wait == pytest.approx(60, abs=2)
    assert (await limiter.pause(SITE, 10_000.0, **GAPS)).wait == 300


async def test_gaps_without_a_number_double_and_begin_anew(limiter: LimiterStore) -> None:
    short = {"first": 0.05, "most": 0.15}
    waits = []
    for _ in range(4):
        slot = await limiter.pause(SITE, None, **short)
        waits.append(slot.wait)
        await asyncio.sleep(slot.wait + 0.01)
    assert waits == [0.05, 0.1, 0.15, 0.15]
    await limiter.relax(SITE)
    assert (await limiter.pause(SITE, None, **short)).wait == 0.05


async def test_failures_of_requests_on_their_way_together_count_once(
    limiter: LimiterStore,
) -> None:
    slots = await asyncio.gather(*(limiter.pause(SITE, None, **GAPS) for _ in range(8)))
    assert {slot.level for slot in slots} == {1}
    assert max(slot.wait for slot in slots) == pytest.approx(2, abs=1)


async def test_the_row_keeps_its_order_and_lets_some_go_first() -> None:
    row, order = _Row(), []
    begun = asyncio.Event()

    async def stand(name: str, *, first: bool) -> None:
        async with row.place(first=first):
            begun.set()
            order.append(name)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(stand("a", first=False))
        await begun.wait()
        waiting = [
            group.create_task(stand(n, first=n == "page")) for n in ("b", "gone", "c", "page")
        ]
        await asyncio.sleep(0)
        waiting[1].cancel()
    assert order == ["a", "page", "b", "c"]
    async with row.place(first=False):  # it is free again
        pass
