"""The frontier's documents, against a real mongod: who gets what, and what is lost when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from scrapy import Request

from caliber_crawler.pump import Pump
from caliber_crawler.ready import ReadyQueue
from caliber_crawler.store.forgetting import close_lost, forget
from caliber_crawler.store.frontier import FrontierStore
from caliber_crawler.store.frontier_admin import FrontierAdmin
from caliber_crawler.store.indexes import ensure_indexes
from caliber_crawler.store.leases import Added, Entry, Leased, new_lease

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(seconds=31)


@pytest.fixture
async def database(async_database: AsyncDatabase[dict[str, Any]]) -> Any:
    await ensure_indexes(async_database)
    return async_database


def frontier(database: Any, worker: str = "a", crawl: str = "c", **options: Any) -> FrontierStore:
    return FrontierStore(database, crawl, worker, **options)


def entry(key: str, priority: int = 0, **more: Any) -> Entry:
    url = f"https://caliber.az/en/post/{key}"
    return Entry(key, url, priority, {"url": url}, **more)


async def lease(store: FrontierStore, most: int = 10, at: datetime = AT, **more: Any) -> list[str]:
    return [found.key for found in await take(store, most, at, **more)]


async def take(
    store: FrontierStore, most: int = 10, at: datetime = AT, **more: Any
) -> list[Leased]:
    return await store.lease(most, at, **({"browsers": 2} | more))


async def numbers(database: Any) -> dict[str, dict[str, int]]:
    return await FrontierAdmin(database).numbers()


async def done(store: FrontierStore, *leased: Leased) -> int:
    overdue, _ = await store.end(AT, {found.key: found.lease for found in leased}, {}, {})
    return overdue


async def test_lists_come_before_articles_and_the_newest_article_first(database: Any) -> None:
    store = frontier(database)
    await store.add(
        [
            entry("undated"),
            entry("old", newest=AT - timedelta(days=2)),
            entry("new", newest=AT),
            entry("list", priority=100),
        ],
        AT,
    )
    assert await lease(store, 1) == ["list"]
    assert await lease(store, 2) == ["new", "old"]
    assert await lease(store) == ["undated"]
    assert await lease(store) == []


async def test_one_priority_at_a_time(database: Any) -> None:
    """What a list brings may be newer than the articles that are known."""
    store = frontier(database)
    await store.add([entry("article"), entry("list", priority=100)], AT)
    assert await lease(store) == ["list"]


async def test_a_request_is_there_once_whoever_adds_it(database: Any) -> None:
    one, other = frontier(database, "a"), frontier(database, "b")
    many = [entry(f"k{i}") for i in range(200)]
    added = await asyncio.gather(*(s.add(many, AT) for s in (one, other, one, other)))
    assert sum(len(a.new) for a in added) == 200
    assert await database.frontier.count_documents({}) == 200
    assert (await one.add(many, AT)).new == frozenset()


async def test_crawls_do_not_see_one_another(database: Any) -> None:
    await frontier(database, crawl="one").add([entry("k")], AT)
    assert await lease(frontier(database, crawl="two")) == []
    assert (await frontier(database, crawl="two").add([entry("k")], AT)).new == {"k"}


async def test_no_two_workers_have_one_request_on_lease(database: Any) -> None:
    workers = [frontier(database, f"w{i}") for i in range(8)]
    await workers[0].add([entry(f"k{i:03}") for i in range(400)], AT)

    async def drain(store: FrontierStore) -> list[str]:
        mine: list[str] = []
        while found := await take(store, 7):
            mine += [one.key for one in found]
            await done(store, *found)
        return mine

    shares = await asyncio.gather(*map(drain, workers))
    assert sorted(key for share in shares for key in share) == [f"k{i:03}" for i in range(400)]
    assert sum(map(bool, shares)) > 1


async def test_what_is_done_stays_known_and_is_not_leased_again(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("k")], AT)
    assert await done(store, *await take(store)) == 0
    assert (await store.add([entry("k")], AT)).new == frozenset()
    assert await lease(store, at=LATER) == []
    assert not await store.anything_left()
    document = await database.frontier.find_one()
    assert document["request"] == {}
    await store.clear()
    assert await database.frontier.count_documents({}) == 0


async def test_a_worker_whose_clock_is_set_takes_back_nothing_of_others(database: Any) -> None:
    one, other = frontier(database, "a"), frontier(database, "b")
    now = await one.clock()
    await one.add([entry("k")], now)
    assert await lease(one, at=now) == ["k"]
    assert await other.reclaim(now + timedelta(hours=1)) == (0, [])
    assert await other.reclaim(now, ["a"]) == (1, [])


async def test_taking_back_reads_only_what_is_on_lease(database: Any) -> None:
    store = frontier(database)
    await store.add([entry(f"k{n:03}") for n in range(300)], AT)
    await done(store, *await take(store, 200))
    assert len(await take(store, 5)) == 5
    await database.command("profile", 2)
    assert await store.reclaim(LATER) == (5, [])
    await database.command("profile", 0)
    ours = {"ns": database.frontier.full_name}
    seen = [entry async for entry in database["system.profile"].find(ours)]
    assert seen
    for entry_ in seen:
        assert entry_.get("docsExamined", 0) <= 5, entry_
        assert entry_.get("keysExamined", 0) <= 11, entry_


async def test_clearing_removes_what_is_done_in_portions(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caliber_crawler.store.frontier._CLEARED", 4)
    store = frontier(database)
    await store.add([entry(f"k{n}") for n in range(12)], AT)
    first, *others = await take(store, 11)
    await store.end(AT, {one.key: one.lease for one in others}, {first.key: (first.lease, "?")}, {})
    await database.command("profile", 2)
    await store.clear()
    await database.command("profile", 0)
    removals = [entry async for entry in database["system.profile"].find({"op": "remove"})]
    assert [entry["ndeleted"] for entry in removals] == [4, 4, 2]
    assert await database.frontier.distinct("state") == ["failed", "queued"]


async def test_a_lease_that_is_not_renewed_goes_to_another_worker(database: Any) -> None:
    dead, alive = frontier(database, "dead"), frontier(database, "alive")
    await dead.add([entry("k")], AT)
    (first,) = await take(dead)
    assert await alive.reclaim(AT + timedelta(seconds=29)) == (0, [])
    assert await lease(alive, at=AT + timedelta(seconds=29)) == []
    assert await alive.reclaim(LATER) == (1, [])
    (second,) = await take(alive, at=LATER)
    assert (second.key, second.attempts) == ("k", 2)
    # Whoever was thought dead comes back: its end counts no more.
    assert await done(dead, first) == 1
    assert await dead.renew({"k": first.lease}, LATER) == ["k"]
    assert await alive.anything_left()
    assert await database.frontier.distinct("state") == ["leased"]
    assert await done(alive, second) == 0


async def test_a_lease_that_is_renewed_stays(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("k")], AT)
    (found,) = await take(store)
    assert await store.renew({"k": found.lease}, AT + timedelta(seconds=20)) == []
    assert await store.reclaim(LATER) == (0, [])


async def test_a_lease_told_by_a_clock_that_was_far_ahead_is_over(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("k"), entry("l")], AT)
    await take(store, 1)
    await take(store, 1, at=AT + timedelta(hours=5))
    assert await frontier(database, "other").reclaim(AT) == (1, [])


async def test_what_a_dead_worker_had_is_taken_back_at_once(database: Any) -> None:
    await frontier(database, "dead").add([entry("k"), entry("l")], AT)
    assert len(await take(frontier(database, "dead"), 1)) == 1
    assert len(await take(frontier(database, "other"), 1)) == 1
    assert await frontier(database, "me").reclaim(AT, ["dead"]) == (1, [])


async def test_what_kills_its_workers_is_set_aside_with_its_error(database: Any) -> None:
    store = frontier(database, attempts=3)
    await store.add([entry("poison")], AT)
    at = AT
    for attempt in (1, 2):
        assert [found.attempts for found in await take(store, at=at)] == [attempt]
        at += timedelta(seconds=31)
        assert await store.reclaim(at) == (1, [])
    assert [found.attempts for found in await take(store, at=at)] == [3]
    assert await store.reclaim(at + timedelta(seconds=31)) == (0, [entry("poison").url])
    ((url, error),) = await store.failures()
    assert url == entry("poison").url
    assert "worker a died" in error
    assert not await store.anything_left()
    await store.clear()
    assert await database.frontier.count_documents({"state": "failed"}) == 1


async def test_a_page_in_a_browser_has_twice_the_attempts(database: Any) -> None:
    store = frontier(database, attempts=2)
    await store.add([entry("list", browser=True)], AT)
    at = AT
    for _ in range(3):
        assert await lease(store, at=at) == ["list"]
        at += timedelta(seconds=31)
        assert await store.reclaim(at) == (1, [])
    assert await lease(store, at=at) == ["list"]
    assert await store.reclaim(at + timedelta(seconds=31)) == (0, [entry("list").url])


async def test_suspects_are_leased_one_at_a_time(database: Any) -> None:
    """One of several that were lost together twice kills its workers; the others shall live."""
    store = frontier(database)
    await store.add([entry(f"k{i}") for i in range(4)], AT)
    at = AT
    for _ in range(2):
        assert len(await take(store, at=at)) == 4
        at += timedelta(seconds=31)
        await store.reclaim(at)
    await store.add([entry("harmless")], at)
    first = await take(store, at=at)
    assert len([found for found in first if found.key != "harmless"]) == 1
    assert "harmless" in {found.key for found in first}
    assert await lease(store, at=at) == []
    await done(store, *first)
    assert len(await lease(store, at=at)) == 1


async def test_what_is_given_back_has_lost_no_attempt(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("k")], AT)
    for _ in range(5):
        (found,) = await take(store)
        assert found.attempts == 1
        await store.end(AT, {}, {}, {"k": found.lease})


async def test_failures_are_kept_with_their_error(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("k")], AT)
    (found,) = await take(store)
    await store.end(AT, {}, {"k": (found.lease, "the site answered with 500")}, {})
    assert await store.failures() == [(entry("k").url, "the site answered with 500")]
    assert await lease(store, at=LATER) == []


async def test_merged_lists_grow_until_the_lease_and_what_comes_later_is_told(
    database: Any,
) -> None:
    store = frontier(database)
    world, sport = {"slug": "world", "name": "WORLD"}, {"slug": "sport", "name": "SPORT"}
    await store.add([entry("k", merged={"sections": [world]})], AT)
    assert (await store.add([entry("k", merged={"sections": [sport, world]})], AT)).late == []
    (found,) = await take(store)
    assert found.merged == {"sections": [world, sport]}

    other = {"slug": "other", "name": "OTHER"}
    assert (await store.add([entry("k", merged={"sections": [other]})], AT)).late == []
    _, late = await store.end(AT, {"k": found.lease}, {}, {})
    assert [said.merged["sections"] for said in late] == [[world, sport, other]]

    added = await store.add([entry("k", merged={"sections": [world]})], AT)
    assert [said.url for said in added.late] == [entry("k").url]


async def test_articles_wait_for_lists_that_may_say_more_of_them(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("list", priority=100), entry("article")], AT)
    (found,) = await take(store, held=5)
    assert found.key == "list"
    assert await lease(store, held=5) == []
    await done(store, found)
    assert await lease(store, held=5) == ["article"]


async def test_not_too_many_articles_wait_for_lists(database: Any) -> None:
    store = frontier(database)
    await store.add([entry("list", priority=100), *(entry(f"k{i}") for i in range(6))], AT)
    assert await lease(store, 1) == ["list"]
    assert len(await lease(store, held=5)) == 6


async def test_browsers_requests_are_leased_as_pages_are_free(database: Any) -> None:
    store = frontier(database)
    await store.add([entry(f"b{i}", priority=100, browser=True) for i in range(3)], AT)
    await store.add([entry("list", priority=100)], AT)
    assert await lease(store, browsers=1) == ["b0", "list"]
    assert await lease(store, browsers=0) == []


async def test_what_waits_for_a_browser_keeps_nothing_else_from_being_leased(database: Any) -> None:
    store = frontier(database)
    pages = [entry(f"b{i:02}", priority=100, browser=True) for i in range(30)]
    await store.add([*pages, *(entry(f"k{i:02}", priority=100) for i in range(20))], AT)
    assert await lease(store, 8, browsers=0) == [f"k{i:02}" for i in range(8)]
    assert await lease(store, 8, browsers=1) == ["b00", *(f"k{i:02}" for i in range(8, 15))]


async def test_suspects_keep_nothing_else_from_being_leased(database: Any) -> None:
    store = frontier(database)
    await store.add([entry(f"a{i:02}") for i in range(20)], AT)
    await database.frontier.update_many({}, {"$set": {"attempts": 2}})
    await store.add([entry(f"k{i:02}") for i in range(20)], AT)
    assert await lease(store, 8) == ["a00", *(f"k{i:02}" for i in range(7))]
    assert await lease(store, 8) == [f"k{i:02}" for i in range(7, 15)]


async def test_what_is_passed_over_does_not_let_lower_ones_in(database: Any) -> None:
    """Both kinds at once, and still one priority at a time, the first in order first."""
    store = frontier(database)
    await store.add([entry(f"b{i:02}", priority=9, browser=True) for i in range(20)], AT)
    await store.add([entry(f"c{i:02}", priority=9) for i in range(20)], AT)
    await database.frontier.update_many({"_id": {"$gt": "c/b09"}}, {"$set": {"attempts": 2}})
    await store.add([entry("k", priority=9), *(entry(f"z{i}", priority=5) for i in range(9))], AT)
    assert await lease(store, 4, browsers=2) == ["b00", "b01", "c00", "k"]
    assert await lease(store, 4, browsers=0) == ["z0", "z1", "z2", "z3"]
    assert await lease(store, 20, browsers=9) == [f"b{i:02}" for i in range(2, 10)]


async def test_a_step_of_ones_own_is_added_on_lease(database: Any) -> None:
    one, other = frontier(database, "a"), frontier(database, "b")
    mine, again = entry("step").under(new_lease()), entry("step").under(new_lease())
    added = await one.add([mine], AT)
    assert (added.new, added.leases) == ({"step"}, {mine.lease})
    assert await lease(other) == []
    # Another worker that does the page before it once more makes no second walk of it.
    added = await other.add([again], AT)
    assert (added.new, added.leases) == (frozenset(), frozenset())
    assert await other.reclaim(LATER) == (1, [])
    assert await lease(other, at=LATER) == ["step"]


class Slow(FrontierStore):
    """Additions wait until they may be written; `renewed` has an entry for each renewal."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.may_write = asyncio.Event()
        self.renewed: asyncio.Queue[None] = asyncio.Queue()

    async def add(self, *args: Any, **options: Any) -> Added:
        await self.may_write.wait()
        return await super().add(*args, **options)

    async def renew(self, *args: Any) -> list[str]:
        lost = await super().renew(*args)
        self.renewed.put_nowait(None)
        return lost

    async def renewals(self, number: int) -> None:
        for _ in range(number):
            await self.renewed.get()


class Worker:
    """What the pump needs of the add-on."""

    lost = stopping = False
    config = SimpleNamespace(stay=True)

    async def patiently(self, call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    def server_now(self) -> datetime:
        return datetime.now(UTC)

    def nothing(self, *_: Any, **__: Any) -> None: ...

    count = taken_back = nudge = nothing


@pytest.mark.parametrize("begun", [False, True], ids=["waits", "is being written"])
async def test_a_step_that_is_not_written_yet_is_not_lost_when_leases_are_renewed(
    database: Any, begun: bool
) -> None:
    """Else it would be written as this worker's, who has it no more: its list stands still."""
    slow = Slow(database, "c", "a", lease_time=timedelta(seconds=0.9))
    queue, step = ReadyQueue(1), entry("step", priority=100).under(new_lease())
    pump = Pump(
        cast("Any", Worker()), cast("Any", SimpleNamespace(frontier=slow)), queue, 8,
        request_of=lambda leased: Request(leased.request["url"]), settle=lambda: None,
    )  # fmt: skip
    if begun:
        pump.add(step, Request(step.url))
    else:
        pump.add(entry("before"), Request(entry("before").url))
    pump.start()
    if not begun:
        await asyncio.sleep(0.1)  # the batch before it is being written
        pump.add(step, Request(step.url))
    await slow.renewals(2)
    assert step.key in queue.held()
    slow.may_write.set()
    await slow.renewals(4)  # longer than a lease; now it is renewed like all others
    assert queue.held()["step"] == step.lease
    row = await database.frontier.find_one({"_id": "c/step"})
    assert (row["state"], row["lease"], row["attempts"]) == ("leased", step.lease, 1)
    await pump.close()


async def test_an_addition_whose_answer_was_lost_is_known_by_its_lease(database: Any) -> None:
    one, other = frontier(database, "a"), frontier(database, "b")
    await other.add([entry("theirs").under(new_lease())], AT)
    mine = [entry(key).under(new_lease()) for key in ("step", "theirs", "k")]
    await one.add(mine[:2], AT)  # and nobody hears of it
    added = await one.add([*mine, entry("plain")], AT, again=True)
    assert added.new == {"k", "plain"}
    assert added.leases == {mine[0].lease, mine[2].lease}
    # The same request in another addition is another one, also of the same worker.
    assert (await one.add([entry("step").under(new_lease())], AT, again=True)).leases == frozenset()


async def test_a_lease_whose_answer_was_lost_is_found_by_its_token(database: Any) -> None:
    store = frontier(database)
    await store.add([entry(f"k{i}") for i in range(5)], AT)
    given = {"browsers": 9, "token": "one"}
    first = await store.lease(3, AT, **given)  # and nobody hears of it
    assert [leased.key for leased in first] == ["k0", "k1", "k2"]
    assert await store.lease(3, AT, **given, again=True) == first
    assert await lease(store) == ["k3", "k4"]
    # An attempt that leased nothing is no reason to have nothing now.
    await store.add([entry("k9")], AT)
    [found] = await store.lease(3, AT, browsers=9, token="two", again=True)
    assert (found.key, found.lease) == ("k9", "two")


async def test_data_that_look_like_operators_stay_data(database: Any) -> None:
    store = frontier(database)
    request = {"url": "x", "meta": {"$set": {"a.b": "$url"}, "k": "$$NOW"}}
    await store.add([Entry("k", "x", 0, request)], AT)
    assert (await take(store))[0].request == request


@pytest.mark.parametrize(
    "more",
    [{}, {"browser": False}, {"attempts": {"$lt": 2}, "browser": False}, {"priority": 0}],
    ids=str,
)
async def test_the_next_request_is_found_by_an_index_alone(
    database: Any, more: dict[str, Any]
) -> None:
    store = frontier(database)
    await store.add([entry(f"k{i}") for i in range(50)], AT)
    plan = await database.command(
        "explain",
        {
            "find": "frontier",
            "filter": {"crawl_id": "c", "state": "queued", **more},
            "sort": {"priority": -1, "newest": -1, "_id": 1},
            "limit": 5,
        },
        verbosity="executionStats",
    )
    assert plan["executionStats"]["totalDocsExamined"] == 5
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])


async def test_requests_of_a_crawl_at_work_stay_however_long_they_wait(database: Any) -> None:
    """Only crawls that nobody touched for thirty days lose theirs, in chunks."""
    indexes = await database.frontier.index_information()
    assert not any("expireAfterSeconds" in index for index in indexes.values())
    month = timedelta(days=30, minutes=1)
    touched = {"alive": AT, "stopped": AT - timedelta(days=29), "dead": AT - month}
    await database.crawls.insert_many([{"_id": c, "updated_at": t} for c, t in touched.items()])
    for crawl in (*touched, "nobody's", "own"):
        await frontier(database, crawl=crawl).add(
            [entry(f"k{i:04}") for i in range(10)], AT - month
        )
    await frontier(database, crawl="dead").add([entry(f"x{i}") for i in range(2000)], AT - month)
    await frontier(database, crawl="begins").add([entry("new")], AT)
    await database.frontier.update_one({"_id": "dead/k0000"}, {"$set": {"at": AT}})
    assert [number async for number in forget(database, AT, "own")] == [1000, 1000, 9, 10]
    left = {crawl: said["queued"] for crawl, said in (await numbers(database)).items()}
    assert left == {"alive": 10, "stopped": 10, "own": 10, "dead": 1, "begins": 1}
    assert [number async for number in forget(database, AT, "own")] == []


async def test_a_crawl_that_somebody_goes_on_with_keeps_the_rest(database: Any) -> None:
    month = timedelta(days=30, minutes=1)
    await database.crawls.insert_one({"_id": "c", "updated_at": AT - month})
    await frontier(database).add([entry(f"k{i}") for i in range(1500)], AT - month)
    async for number in forget(database, AT, "own"):
        assert number == 1000
        await database.crawls.update_one({"_id": "c"}, {"$set": {"updated_at": AT}})
    assert await numbers(database) == {"c": {"queued": 500}}


async def test_the_end_of_a_crawl_is_seen_without_the_requests_of_others(database: Any) -> None:
    """They may wait by the hundred thousand, while each hour's crawl ends."""
    for crawl in ("b", "c.1", "c-", "d"):
        await frontier(database, crawl=crawl).add([entry(f"k{i}") for i in range(500)], AT)
    store = frontier(database)
    await store.add([entry(f"k{i}", lease="l") for i in range(3)], AT)
    assert await store.anything_left()
    await store.end(AT, {f"k{i}": "l" for i in range(3)}, {}, {})
    await database.command("profile", 2)
    assert not await store.anything_left()
    await database.command("profile", 0)
    looks = [look async for look in database["system.profile"].find({"op": {"$ne": "update"}})]
    assert len(looks) == 4
    assert sum(look.get("docsExamined", 0) for look in looks) <= 3
    assert max(look.get("keysExamined", 0) for look in looks) <= 5


async def test_what_a_schedule_means_to_go_on_with_is_not_forgotten(database: Any) -> None:
    month = timedelta(days=30, minutes=1)
    left = {"unfinished": {"crawl_id": "rare"}, "running": None}
    at_work = {"unfinished": None, "running": {"crawl_id": "slow"}}
    entries = {"a": left, "b": at_work, "c": {"unfinished": None, "running": None}}
    await database.schedule.insert_one({"_id": "s", "entries": entries})
    await database.schedule.insert_one({"_id": "odd", "entries": [1]})  # somebody else's
    ages = {
        "rare": AT - month,
        "slow": AT - month,
        "dead": AT - month,
        "own": AT - month,
        "new": AT,
    }
    worker = {"ended_at": None, "reason": None}
    await database.crawls.insert_many(
        [
            {"_id": c, "status": "running", "updated_at": t, "workers": [worker]}
            for c, t in ages.items()
        ]
    )
    for crawl in ages:
        await frontier(database, crawl=crawl).add([entry("k")], AT - month)
    assert [number async for number in forget(database, AT, "own")] == [1]
    assert set(await numbers(database)) == {"rare", "slow", "own", "new"}
    assert await close_lost(database, AT, "own") == 1
    assert await close_lost(database, AT, "own") == 0
    dead = await database.crawls.find_one({"status": {"$ne": "running"}})
    assert (dead["_id"], dead["status"], dead["reason"]) == ("dead", "failed", "lost")
    assert dead["finished_at"] == dead["updated_at"] == AT - month
    assert dead["workers"] == [{"ended_at": AT - month, "reason": "lost"}]


async def test_crawls_in_the_frontier_are_found_by_an_index_alone(database: Any) -> None:
    await frontier(database).add([entry(f"k{i}") for i in range(50)], AT)
    plan = await database.command(
        "explain", {"distinct": "frontier", "key": "crawl_id"}, verbosity="executionStats"
    )
    assert plan["executionStats"]["totalKeysExamined"] <= 2
    assert plan["executionStats"]["totalDocsExamined"] == 0


async def test_the_clock_is_the_servers(database: Any) -> None:
    told = await frontier(database).clock()
    assert abs((told - datetime.now(UTC)).total_seconds()) < 5


async def test_what_changes_hands_is_left_at_every_moment(database: Any) -> None:
    """Else a worker that waits for what a dead one had on lease would end the crawl without it,
    when it looks at the very moment at which that is taken back."""
    one, other = frontier(database, "one"), frontier(database, "other")
    await one.add([entry("k")], AT)
    turns = 0

    async def hand_over() -> None:
        nonlocal turns
        for turn in range(400):
            at = AT + turn * timedelta(seconds=31)
            (leased,) = await take(one, at=at)
            await one.end(at, {}, {}, {leased.key: leased.lease})
            turns += 1

    handing = asyncio.create_task(hand_over())
    looks = 0
    try:
        while not handing.done():
            assert await other.anything_left(), f"nothing was left after {turns} turns"
            looks += 1
    finally:
        handing.cancel()
        await asyncio.wait([handing])
    assert turns == 400
    assert looks > 100
