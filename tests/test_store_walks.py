"""How far lists were walked, as the store notes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.listing.walk import End
from caliber_crawler.store.walks import Before, Bounds, WalkStore

Documents = Database[dict[str, Any]]
KEY = "/en/category/world"
START = datetime(2026, 6, 25, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
FREE = Bounds(ceiling=10_000)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


class Lists:
    """Crawls, an hour apart, that walk one list."""

    def __init__(self, database: Documents, async_database: AsyncDatabase[dict[str, Any]]) -> None:
        self.database = database
        self._async = async_database
        self.hour = 0

    def at(self, hour: int) -> datetime:
        return START + hour * HOUR

    def _enter(self) -> WalkStore:
        self.hour += 1
        name = f"c{self.hour}"
        self.database.crawls.insert_one(
            {"_id": name, "status": "running", "exit_code": None, "started_at": self.at(self.hour)}
        )
        return WalkStore(self._async, name)

    async def begin(self, bounds: Bounds = FREE) -> Before:
        """What a crawl that begins now is told; it does nothing else."""
        walks = self._enter()
        before = await walks.begin(KEY, bounds, self.at(self.hour) + HOUR / 2)
        self.leave("finished", 0)
        return before

    async def walk(
        self,
        end: End | None,
        bounds: Bounds = FREE,
        status: str = "finished",
        code: int = 0,
        reason: str = "finished",
        doubted: bool | None = False,
    ) -> None:
        """A crawl that goes beyond the first page; with `end` None it is not walked to an end."""
        walks = self._enter()
        before = await walks.begin(KEY, bounds, self.at(self.hour) + HOUR / 2)
        await walks.open(KEY, before.known_before)
        if end is not None:
            await walks.end(KEY, end, bounds, before.known_before)
        self.leave(status, code, reason, doubted)

    def leave(
        self, status: str, code: int, reason: str = "finished", doubted: bool | None = False
    ) -> None:
        """`doubted` is None for what older versions noted."""
        said: dict[str, Any] = {"status": status, "exit_code": code, "reason": reason}
        if doubted is not None:
            said["lists_doubted"] = doubted
        self.database.crawls.update_one({"_id": f"c{self.hour}"}, {"$set": said})


@pytest.fixture
def lists(database: Documents, async_database: AsyncDatabase[dict[str, Any]]) -> Lists:
    return Lists(database, async_database)


async def test_nothing_is_known_of_a_list_that_nobody_walked(lists: Lists) -> None:
    assert await lists.begin() == Before(None, closed=False)


@pytest.mark.parametrize(
    ("code", "doubted", "closed"),
    [(0, None, True), (4, False, True), (3, False, True), (3, True, False), (3, None, False)],
)
async def test_a_walk_to_the_end_closes_a_list(
    lists: Lists, code: int, doubted: bool | None, closed: bool
) -> None:
    await lists.walk("end", code=code, doubted=doubted)
    expected = Before(lists.at(2), closed=True) if closed else Before(None, closed=False)
    assert await lists.begin() == expected


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
async def test_only_with_the_end_of_its_crawl(lists: Lists, status: str) -> None:
    """Articles that were still to be asked for are lost with it, unless it is resumed."""
    await lists.walk("end", status=status)
    assert await lists.begin() == Before(None, closed=False)
    lists.database.crawls.update_one(
        {"_id": "c1"}, {"$set": {"status": "finished", "exit_code": 0}}
    )
    assert (await lists.begin()).closed


async def test_a_crawl_that_was_closed_early_closes_nothing(lists: Lists) -> None:
    """By Scrapy's CLOSESPIDER settings, say: some articles were taken, which is exit code 4."""
    await lists.walk("end", code=4, reason="closespider_itemcount")
    assert await lists.begin() == Before(None, closed=False)


async def test_a_crawl_whose_requests_were_removed_closes_nothing(lists: Lists) -> None:
    await lists.walk("end", code=4)
    lists.database.crawls.update_one({"_id": "c1"}, {"$set": {"counts": {"frontier/lost": 3}}})
    assert await lists.begin() == Before(None, closed=False)


async def test_a_walk_that_is_cut_short_opens_it_until_one_gets_to_what_was_known_before(
    lists: Lists,
) -> None:
    await lists.walk("end")
    await lists.walk(None)  # crawl 2
    assert await lists.begin() == Before(lists.at(2), closed=False)
    await lists.walk(None)
    assert await lists.begin() == Before(lists.at(2), closed=False), "not from the second one on"
    await lists.walk("known")
    assert (await lists.begin()).closed


async def test_what_a_crawl_stored_before_it_was_resumed_is_not_known_to_it(lists: Lists) -> None:
    await lists.walk("end")
    walks = lists._enter()
    late = lists.at(2) + 5 * HOUR
    assert await walks.begin(KEY, FREE, late) == Before(lists.at(2), closed=True)


@pytest.mark.parametrize(
    ("bounds", "end", "others"),
    [
        (Bounds(limit=20), "limit", [Bounds(limit=21), FREE]),
        (Bounds(since=JUNE), "since", [Bounds(since=JUNE - HOUR), Bounds(limit=5), FREE]),
        (Bounds(ceiling=3), "ceiling", [Bounds(ceiling=4)]),
    ],
)
async def test_bounds_hold_for_what_stays_within_them(
    lists: Lists, bounds: Bounds, end: End, others: list[Bounds]
) -> None:
    await lists.walk(end, bounds)
    assert (await lists.begin(bounds)).closed
    for wider in others:
        assert await lists.begin(wider) == Before(None, closed=False)


async def test_the_end_of_a_list_is_its_end_for_walks_with_any_bounds(lists: Lists) -> None:
    await lists.walk("end", Bounds(limit=1_000))
    for bounds in (FREE, Bounds(limit=5), Bounds(since=JUNE)):
        assert (await lists.begin(bounds)).closed


async def test_bounds_within_what_is_known_leave_the_rest_open(lists: Lists) -> None:
    """Of thirty new articles, twenty are taken; the next update without bounds takes the others."""
    await lists.walk("end")
    await lists.walk("limit", Bounds(limit=20))
    assert await lists.begin() == Before(lists.at(2), closed=False)
    await lists.walk("known")
    assert (await lists.begin()).closed


async def test_the_same_bounds_again_and_again(lists: Lists) -> None:
    hundred = Bounds(limit=100)
    await lists.walk("limit", hundred)
    for _ in range(3):
        assert (await lists.begin(hundred)).closed
        await lists.walk("limit", hundred)
    assert lists.database.walks.count_documents({}) == 1


async def test_first_pages_make_up_for_nothing(lists: Lists) -> None:
    await lists.walk("first_page")
    assert (await lists.begin()).closed
    await lists.walk(None)  # crawl 3
    await lists.walk("first_page")
    assert await lists.begin() == Before(lists.at(3), closed=False)


async def test_a_document_of_somebody_else_tells_nothing(lists: Lists) -> None:
    lists.database.walks.insert_one({"_id": KEY})
    assert await lists.begin() == Before(None, closed=False)


async def test_an_end_above_all_that_is_known_is_believed_after_a_day(
    lists: Lists, database: Documents, async_database: AsyncDatabase[dict[str, Any]]
) -> None:
    await lists.walk("end")
    walks = WalkStore(async_database, "c1")
    assert [await walks.doubt_end(KEY, lists.at(hour)) for hour in (2, 3, 25, 26)] == [
        False, False, False, True,
    ]  # fmt: skip
    await lists.walk("known")
    assert not await walks.doubt_end(KEY, lists.at(27)), "it ended otherwise in between"
    # The first was told by a clock that was ahead.
    assert not await walks.doubt_end(KEY, lists.at(3))
    noted = database.walks.find_one() or {}
    assert noted["doubted_since"] == lists.at(3)
