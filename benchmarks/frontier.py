"""The frontier: alone, with the queue growing, and within a crawl against Scrapy's memory queue."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient, InsertOne, MongoClient

from benchmarks.crawl import SCRAPY
from benchmarks.measure import environment, run
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown, spread
from caliber_crawler.store.frontier import FrontierStore
from caliber_crawler.store.indexes import ensure_indexes
from caliber_crawler.store.leases import Entry
from demo_site import SiteConfig, serve_process

_AT_ONCE = 100
SCHEDULERS = {
    "frontier": "caliber_crawler.scheduler.FrontierScheduler",
    "memory": "scrapy.core.scheduler.Scheduler",
}


@dataclass(frozen=True)
class Alone:
    """One frontier without a crawl: requests a second added, and leased and acknowledged; the
    median milliseconds that a lease of `_AT_ONCE` takes with `queued` requests waiting.
    """

    queued: int
    added: float
    leased: float
    lease_ms: float


def alone(sizes: tuple[int, ...], handled: int) -> list[Alone]:
    """Fill a frontier to each size and take `handled` requests from it in batches."""
    return asyncio.run(_alone(sizes, handled))


async def _alone(sizes: tuple[int, ...], handled: int) -> list[Alone]:
    found = []
    with tempfile.TemporaryDirectory() as name, mongodb(Path(name) / "mongodb") as uri:
        client = AsyncMongoClient[dict[str, Any]](uri, tz_aware=True, journal=True)
        async with client:
            for size in sizes:
                await client.drop_database("caliber")
                database = client["caliber"]
                await ensure_indexes(database)
                frontier = FrontierStore(database, "bench", "worker")
                entries = [_entry(i) for i in range(handled)]
                began = time.perf_counter()
                for start in range(0, handled, 500):
                    await frontier.add(entries[start : start + 500], _now())
                added = handled / (time.perf_counter() - began)
                await _fill(database["frontier"], handled, size)
                await client.admin.command("fsync")  # or its writing goes on meanwhile
                took = []
                began = time.perf_counter()
                for _ in range(handled // _AT_ONCE):
                    asked = time.perf_counter()
                    leased = await frontier.lease(_AT_ONCE, _now(), browsers=1)
                    took.append(time.perf_counter() - asked)
                    if len(leased) != _AT_ONCE:
                        raise RuntimeError(f"{len(leased)} requests leased")
                    await frontier.end(_now(), {one.key: one.lease for one in leased}, {}, {})
                rate = handled / (time.perf_counter() - began)
                found.append(Alone(size, added, rate, 1000 * statistics.median(took)))
    return found


async def _fill(collection: Any, have: int, size: int) -> None:
    """Copies of one stored request, which is quicker than adding so many."""
    model = await collection.find_one()
    for start in range(have, size, 10_000):
        copies = [
            InsertOne({**model, "_id": f"bench/{i:08}", "url": _entry(i).url})
            for i in range(start, min(start + 10_000, size))
        ]
        await collection.bulk_write(copies, ordered=False)


def _entry(i: int) -> Entry:
    url = f"https://caliber.az/en/post/some-headline-of-usual-length-{i}"
    request = {"url": url, "callback": "parse_article", "errback": "failed"}
    return Entry(f"{i:08}", url, 0, request, merged={"sections": [{"slug": "a", "name": "A"}]})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Crawls:
    """The same crawl with either scheduler, in turns: seconds from its start to its end."""

    articles: int
    frontier: list[float]
    memory: list[float]

    @property
    def ratios(self) -> list[float]:
        """Speed with the frontier over that with Scrapy's memory queue, pair by pair."""
        return [m / f for f, m in zip(self.frontier, self.memory, strict=True)]


def crawls(articles: int, runs: int) -> Crawls:
    """Walk all sections and take all articles, over and over, into the same database."""
    took: dict[str, list[float]] = {name: [] for name in SCHEDULERS}
    with (
        tempfile.TemporaryDirectory() as name,
        # A rule is learned where a list goes on for some batches.
        serve_process(SiteConfig(articles=articles, seed=1, cards=min(20, articles // 60))) as url,
        mongodb(Path(name) / "mongodb") as uri,
        MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
    ):

        def crawl(render: str, scheduler: str) -> float:
            options = ["-a", "mode=full", "-a", f"render={render}", "-s", f"SCHEDULER={scheduler}"]
            run([*SCRAPY, "crawl", "sections", *options], environment(url, uri), Path(name))
            document = client["caliber"]["crawls"].find_one(sort=[("started_at", -1)])
            taken = document["counts"]["articles/read"] if document else 0
            if document is None or taken != articles:
                raise RuntimeError(f"{taken} of {articles} articles taken")
            seconds: float = (document["finished_at"] - document["started_at"]).total_seconds()
            return seconds

        crawl("auto", SCHEDULERS["memory"])  # learns the rules that all others follow
        for _ in range(runs):
            for kind, scheduler in SCHEDULERS.items():
                took[kind].append(crawl("http", scheduler))
    return Crawls(articles, took["frontier"], took["memory"])


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    queues = (1_000, 20_000) if quick else (1_000, 30_000, 1_000_000)
    found = alone(queues, queues[0])
    crawled = crawls(300 if quick else 3_000, 1 if quick else 5)
    heads = (
        "queued",
        "added a second",
        "leased and acknowledged a second",
        f"a lease of {_AT_ONCE}, ms",
    )
    rows = [
        (f"{one.queued:,}", f"{one.added:,.0f}", f"{one.leased:,.0f}", f"{one.lease_ms:.2f}")
        for one in found
    ]
    growth = found[-1].lease_ms / found[0].lease_ms
    times = found[-1].queued / found[0].queued
    schedulers = [(kind, spread(getattr(crawled, kind))) for kind in SCHEDULERS]
    text = "\n\n".join(
        (
            markdown(heads, rows),
            f"{times:,.0f} times the queue: a lease takes {growth:.2f} times as long.",
            f"All sections and their {crawled.articles:,} articles, with either scheduler:",
            markdown(("scheduler", "seconds"), schedulers),
        )
    )
    bar = Bar.of(
        "Crawl with the crash-safe frontier: speed", "Scrapy's memory queue", crawled.ratios
    )
    kept = {
        "alone": [asdict(a) for a in found],
        "crawls": asdict(crawled) | {"speed_ratio": crawled.ratios},
    }
    return Outcome("Frontier", text, kept, (bar,))
