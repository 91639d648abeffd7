"""The document of a crawl, written by several workers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.store import CrawlStore, Worker
from caliber_crawler.store.crawls import EARLIER, sums
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.overview import CrawlReader

Documents = Database[dict[str, Any]]
AsyncDocuments = AsyncDatabase[dict[str, Any]]

START = datetime(2024, 5, 3, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = Worker("host:1:aa", "host", 1)
BOB = Worker("host:2:bb", "host", 2)


async def start(store: CrawlStore, worker: Worker, minute: int = 0) -> None:
    await store.start(
        worker,
        spider="sections",
        arguments={"language": "en,ru"},
        versions={"scrapy": "2.19"},
        at=START + minute * MINUTE,
    )


async def finish(
    store: CrawlStore,
    worker: Worker,
    counts: dict[str, int],
    minute: int = 0,
    *,
    status: str = "finished",
    reason: str = "finished",
    exit_code: int = 0,
) -> None:
    at = START + minute * MINUTE
    silent = at - 30 * MINUTE
    await store.leave(worker, counts, reason=reason, at=at)
    crawl = await store.find()
    if crawl is None:
        return
    if all(w["ended_at"] is not None or w["seen_at"] < silent for w in crawl["workers"]):
        await store.close(
            sums(crawl["workers"]),
            {"title": 1.0, "views": 0.5},
            status=status,
            reason=reason,
            exit_code=exit_code,
            verdict="healthy: so it is",
            lists_doubted=False,
            sections={"en/world": {"cards": 20}},
            findings=[{"rule": "missing", "field": "body"}],
            silent_since=silent,
            at=at,
        )


def document(database: Documents) -> dict[str, Any]:
    [crawl] = database.crawls.find()
    return crawl


@pytest.fixture
def store(async_database: AsyncDocuments) -> CrawlStore:
    return CrawlStore(async_database, "crawl-1")


async def test_life_of_a_crawl(store: CrawlStore, database: Documents) -> None:
    await start(store, ANN)
    entry: dict[str, Any] = {
        "id": "host:1:aa", "host": "host", "pid": 1, "pid_namespace": None, "started_at": START,
        "seen_at": START, "ended_at": None, "reason": None, "counts": {},
    }  # fmt: skip
    crawl: dict[str, Any] = {
        "_id": "crawl-1", "spider": "sections", "arguments": {"language": "en,ru"},
        "status": "running", "reason": None, "exit_code": None, "started_at": START,
        "updated_at": START, "finished_at": None, "counts": {}, "coverage": {}, "sections": {},
        "verdict": None, "findings": [],
        "workers": [entry], "versions": {"scrapy": "2.19"},
    }  # fmt: skip
    assert document(database) == crawl

    await store.progress(ANN, {"articles/new": 3}, START + MINUTE)
    entry |= {"counts": {"articles/new": 3}, "seen_at": START + MINUTE}
    crawl["updated_at"] = START + MINUTE
    assert document(database) == crawl

    counts = {"articles/new": 7, "rejected/http_404": 1}
    await finish(store, ANN, counts, 2, status="failed", reason="database_lost", exit_code=5)
    ended = START + 2 * MINUTE
    entry |= {"counts": counts, "ended_at": ended, "seen_at": ended, "reason": "database_lost"}
    crawl |= {
        "status": "failed", "reason": "database_lost", "exit_code": 5, "counts": counts,
        "updated_at": START + 2 * MINUTE, "finished_at": START + 2 * MINUTE,
        "coverage": {"title": 1.0, "views": 0.5}, "sections": {"en/world": {"cards": 20}},
        "verdict": "healthy: so it is", "findings": [{"rule": "missing", "field": "body"}],
        "lists_doubted": False,
    }  # fmt: skip
    assert document(database) == crawl


async def test_second_worker_joins(store: CrawlStore, database: Documents) -> None:
    await start(store, ANN)
    await start(store, BOB, 1)
    crawl = document(database)
    assert [worker["id"] for worker in crawl["workers"]] == [ANN.id, BOB.id]
    assert crawl["started_at"] == START
    assert crawl["updated_at"] == crawl["workers"][1]["started_at"] == START + MINUTE


async def test_each_worker_notes_its_own_progress(store: CrawlStore, database: Documents) -> None:
    await start(store, ANN)
    await start(store, BOB)
    await store.progress(BOB, {"articles/new": 2}, START)
    await store.progress(ANN, {"articles/new": 1}, START)
    assert [w["counts"]["articles/new"] for w in document(database)["workers"]] == [1, 2]


async def test_entering_twice_makes_one_worker(store: CrawlStore, database: Documents) -> None:
    await start(store, ANN)
    await store.progress(ANN, {"articles/new": 1}, START)
    await start(store, ANN, 1)
    [worker] = document(database)["workers"]
    assert worker["counts"] == {"articles/new": 1}


async def test_first_to_finish_leaves_the_other_one_running(
    store: CrawlStore, database: Documents
) -> None:
    """The crawl runs until the last of its workers leaves, who closes it with the sums."""
    await start(store, ANN)
    await start(store, BOB)
    await store.progress(BOB, {"articles/new": 2}, START)
    await finish(store, ANN, {"articles/new": 10, "requests": 20}, 1, exit_code=4)
    crawl = document(database)
    assert crawl["status"] == "running"
    assert crawl["exit_code"] is crawl["finished_at"] is None
    assert [w["ended_at"] for w in crawl["workers"]] == [START + MINUTE, None]

    await store.progress(BOB, {"articles/new": 3}, START + 2 * MINUTE)
    await finish(store, BOB, {"articles/new": 5, "lists/read": 1}, 3)
    crawl = document(database)
    assert crawl["counts"] == {"articles/new": 15, "lists/read": 1, "requests": 20}
    assert crawl["exit_code"] == 0
    assert crawl["finished_at"] == START + 3 * MINUTE


async def test_resumed_crawl_runs_again(store: CrawlStore, database: Documents) -> None:
    await start(store, ANN)
    await finish(store, ANN, {"articles/new": 10}, 1, status="stopped", exit_code=130)
    await start(store, BOB, 60)
    crawl = document(database)
    assert crawl["status"] == "running"
    assert crawl["reason"] is crawl["exit_code"] is crawl["finished_at"] is None
    assert crawl["started_at"] == START
    await finish(store, BOB, {"articles/new": 5}, 61)
    assert document(database)["counts"] == {"articles/new": 15}


async def test_worker_that_never_entered_changes_nothing(
    store: CrawlStore, database: Documents
) -> None:
    await finish(store, BOB, {"articles/new": 1})
    assert database.crawls.count_documents({}) == 0
    await start(store, ANN)
    await store.progress(ANN, {"articles/new": 3}, START)
    before = document(database)
    await store.progress(BOB, {"articles/new": 1}, START + MINUTE)
    await finish(store, BOB, {"articles/new": 1}, 1, status="failed", exit_code=1)
    assert document(database) == before


async def test_crawls_are_apart(async_database: AsyncDocuments, database: Documents) -> None:
    one, two = CrawlStore(async_database, "one"), CrawlStore(async_database, "two")
    await start(one, ANN)
    await start(two, ANN)
    await finish(one, ANN, {"requests": 1})
    assert {c["_id"]: c["status"] for c in database.crawls.find()} == {
        "one": "finished",
        "two": "running",
    }


async def test_a_worker_that_fell_silent_is_lost(store: CrawlStore, database: Documents) -> None:
    await start(store, ANN)
    await start(store, BOB)
    await store.progress(ANN, {"articles/new": 3}, START + MINUTE)
    await finish(store, BOB, {"articles/new": 5}, 40)
    crawl = document(database)
    assert crawl["status"] == "finished"
    assert crawl["counts"] == {"articles/new": 8}
    assert [worker["reason"] for worker in crawl["workers"]] == ["lost", "finished"]


async def test_whoever_joins_at_the_last_moment_closes_the_crawl(
    store: CrawlStore, database: Documents
) -> None:
    await start(store, ANN)
    await store.leave(ANN, {"a": 1}, reason="finished", at=START)
    await start(store, BOB)
    assert not await store.close(
        {"a": 1}, {}, status="finished", reason="finished", exit_code=0, verdict="healthy",
        lists_doubted=False, sections={}, findings=[], silent_since=START, at=START,
    )  # fmt: skip
    assert document(database)["status"] == "running"
    await finish(store, BOB, {"a": 2})
    assert document(database)["counts"] == {"a": 3}


async def test_many_workers_at_once(async_database: AsyncDocuments, database: Documents) -> None:
    """They enter, report and finish at the same moments; every count arrives in the sums."""
    workers = [Worker(f"host:{n}:x", "host", n) for n in range(16)]
    stores = [CrawlStore(async_database, "crawl-1") for _ in workers]
    await asyncio.gather(*(start(s, w) for s, w in zip(stores, workers, strict=True)))
    assert len(document(database)["workers"]) == 16

    async def work(store: CrawlStore, worker: Worker) -> None:
        for n in range(worker.pid):
            await store.progress(worker, {"requests": n}, START)
        await finish(store, worker, {"requests": 100, f"rejected/{worker.pid}": 1})

    await asyncio.gather(*(work(s, w) for s, w in zip(stores, workers, strict=True)))
    crawl = document(database)
    assert crawl["counts"] == {"requests": 1600} | {f"rejected/{n}": 1 for n in range(16)}
    assert all(worker["ended_at"] == START for worker in crawl["workers"])


async def test_counters_with_odd_names(store: CrawlStore, database: Documents) -> None:
    """A reason below ``rejected/`` may come from outside."""
    counts = {"rejected/a.b": 1, "rejected/$x": 2, "$y": 3}
    await start(store, ANN)
    await store.progress(ANN, counts, START)
    await finish(store, ANN, counts)
    assert document(database)["counts"] == counts


async def test_past_crawls_with_the_same_arguments(
    async_database: AsyncDocuments, database: Documents
) -> None:
    """A scheduler's own arguments do not count, and neither does the crawl that asks."""
    for number, arguments in enumerate(
        ({"language": "en"}, {"language": "en", "_job": "7"}, {"language": "ru"}, {})
    ):
        store = CrawlStore(async_database, f"crawl-{number}")
        at = START + number * MINUTE
        await store.start(ANN, spider="sections", arguments=arguments, versions={}, at=at)
        await finish(store, ANN, {"articles/new": 1 - number % 2}, number)
    await start(CrawlStore(async_database, "other"), ANN)
    asking = CrawlStore(async_database, "crawl-9")
    await asking.start(ANN, spider="sections", arguments={}, versions={}, at=START)
    # As the first version wrote them.
    names = ("sections", "verdict", "findings")
    database.crawls.update_one({"_id": "crawl-0"}, {"$unset": dict.fromkeys(names, "")})

    english, late = {"language": "en", "_job": "8"}, START + 9 * MINUTE
    past = await asking.past("sections", english, since=None, before=late, limit=9)
    assert [crawl["_id"] for crawl in past] == ["crawl-1", "crawl-0"]
    assert past[0]["sections"] == {"en/world": {"cards": 20}}
    past = await asking.past("sections", english, since=START + MINUTE, before=late, limit=9)
    assert [crawl["_id"] for crawl in past] == ["crawl-1"]
    # One that a clock which was ahead told, say.
    past = await asking.past("sections", english, since=None, before=START + MINUTE, limit=9)
    assert [crawl["_id"] for crawl in past] == ["crawl-0"]
    assert len(await asking.past("sections", english, since=None, before=late, limit=1)) == 1
    assert [
        c["_id"] for c in await asking.past("sections", {}, since=None, before=late, limit=9)
    ] == ["crawl-3"]
    assert await asking.past("feed", english, since=None, before=late, limit=9) == []
    assert await asking.news("sections", english, since=START) == [START]
    assert await asking.news("sections", english, since=START + MINUTE) == []


async def test_workers_of_a_crawl_that_is_resumed_for_years_are_folded(
    store: CrawlStore, database: Documents
) -> None:
    """A document holds 16 MB, and each worker's counters take some kilobytes."""
    await start(store, ANN)  # at work all the time
    for number in range(200):
        worker = Worker(f"host:{number}:x", "host", number)
        await start(store, worker, number)
        await store.leave(
            worker, {"articles/new": 2}, reason="stopped", at=START + (number + 1) * MINUTE
        )
    workers = document(database)["workers"]
    assert len(workers) <= 52
    first, *others = workers
    assert (first["id"], first["started_at"]) == (EARLIER, START)
    assert others[0]["id"] == ANN.id
    assert others[-1]["id"] == "host:199:x"
    assert first["seen_at"] == first["ended_at"] == others[1]["started_at"]
    assert sums(workers) == {"articles/new": 400}


async def test_a_crawl_among_many_is_found_without_looking_at_the_others(
    async_database: AsyncDocuments,
) -> None:
    await prepare(async_database)
    others = [
        {"_id": f"c{n}", "spider": "feed", "status": "finished", "started_at": START + n * MINUTE,
         "workers": [], "arguments": {}}
        for n in range(500)
    ]  # fmt: skip
    await async_database.crawls.insert_many(others[:250])
    await async_database.crawls.insert_many(
        [{**others[0], "_id": "own", "spider": "articles"},
         {**others[0], "_id": "killed", "status": "running"}]
    )  # fmt: skip
    await async_database.crawls.insert_many(others[250:])
    await async_database.command("profile", 2)
    reader, asking = CrawlReader(async_database), CrawlStore(async_database, "asking")
    assert [c["_id"] for c in await reader.crawls(status="running")] == ["killed"]
    assert [c["_id"] for c in await reader.crawls(most=3)] == ["c499", "c498", "c497"]
    late = START + 1000 * MINUTE
    past = await asking.past("articles", {}, since=None, before=late, limit=9)
    assert [c["_id"] for c in past] == ["own"]
    await async_database.command("profile", 0)
    which = {"ns": f"{async_database.name}.crawls", "op": "query"}
    looked_at = [
        entry["docsExamined"] async for entry in async_database["system.profile"].find(which)
    ]
    assert len(looked_at) == 3
    assert max(looked_at) <= 5
