"""The whole crawl: ours with all pipelines and MongoDB against a plain spider, and scrapy-redis."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks import peers
from benchmarks.measure import Usage, environment, run
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown, spread
from benchmarks.redis_server import redis
from demo_site import SiteConfig, World, serve_process

PLAIN = Path(__file__).with_name("plain_spider.py")
SCRAPY = [sys.executable, "-m", "scrapy"]
# How many addresses scrapy-redis moves from the list into its queue when it is idle. With its
# default, CONCURRENT_REQUESTS, it waits for the slowest of each eight pages.
_REDIS_BATCH = 50
_WARM_UP = 100
_NAMES = {
    "ours": "ours",
    "plain": "plain spider",
    "uvloop": "plain spider, uvloop",
    "redis": "scrapy-redis",
}
_AGAINST = {
    "plain": "plain Scrapy spider",
    "uvloop": "plain Scrapy spider on uvloop",
    "redis": "Scrapy with scrapy-redis",
}


@dataclass
class Comparison:
    """Runs of all sides in turn, over the same pages of the same site."""

    articles: int
    runs: dict[str, list[Usage]] = field(default_factory=lambda: {side: [] for side in _NAMES})

    def ratios(self, against: str) -> list[float]:
        """Speed of ours over the other's, turn by turn: 1.0 is as fast."""
        return [p.wall / o.wall for o, p in zip(self.runs["ours"], self.runs[against], strict=True)]

    def figures(self) -> dict[str, Any]:
        """For the JSON output."""
        return {
            "articles": self.articles,
            "speed_ratio": {against: self.ratios(against) for against in _AGAINST},
            "runs": {side: [vars(usage) for usage in runs] for side, runs in self.runs.items()},
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Of the table: number, side, wall seconds, processor seconds, peak MiB, our speed."""
        return [
            (
                f"{self.articles:,}",
                _NAMES[side],
                *(spread([getattr(u, key) for u in usages]) for key in ("wall", "cpu", "peak")),
                spread(self.ratios(side)) if side in _AGAINST else "",
            )
            for side, usages in self.runs.items()
        ]


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    sizes = [(200, 1, 0)] if quick else [(3_000, 5, _WARM_UP), (30_000, 3, _WARM_UP)]
    found = [compare(*size) for size in sizes]
    heads = ("articles", "", "wall s", "processor s", "peak MiB", "our speed to its")
    text = markdown(heads, [row for one in found for row in one.rows()])
    text += f"""

Each side takes the same article pages, eight at a time, and obeys robots.txt. Ours checks, cleans
and fingerprints each article, finds what it repeats, keeps it in MongoDB, shares its requests by
the crash-safe frontier and writes a feed of JSON lines. The plain spider picks nine fields with
CSS and writes JSON lines. scrapy-redis is that same spider with its shared queue and its filter of
duplicates in Redis (which writes nothing to disk), fed {_REDIS_BATCH} addresses at a time. Ours
comes with uvloop for its event loop, Scrapy by default with asyncio's own; the plain spider was
tried with either.

Wall time is that of the whole process, its start included; processor time and memory are those of
the crawler alone, without MongoDB, Redis and the site. The sides run in turn, each turn beginning
with another one, after a turn of {sizes[0][2]} pages that does not count; ratios are made turn by
turn. {peers.versions("scrapy", "scrapy-redis")}; this scrapy-redis has no `start()`, which Scrapy
asks for since 2.13, so it reads its addresses when it is idle."""
    bars = [
        Bar.of(f"Whole crawl, {one.articles:,} articles: speed", name, one.ratios(against))
        for one in found
        for against, name in _AGAINST.items()
    ]
    return Outcome("Whole crawl", text, [one.figures() for one in found], tuple(bars))


def compare(articles: int, runs: int, warm_up: int) -> Comparison:
    """Crawl `articles` pages `runs` times with each side, after `warm_up` pages, 0 for none."""
    result = Comparison(articles)
    config = SiteConfig(articles=articles, seed=1)
    with (
        tempfile.TemporaryDirectory() as name,
        serve_process(config) as url,
        mongodb(Path(name) / "mongodb") as uri,
        MongoClient[dict[str, Any]](uri) as client,
        redis() as server,
    ):
        folder = Path(name)
        world = World(config)
        addresses = [f"{url}{world.article('en', i).path}" for i in range(articles)]
        urls, feed = folder / "urls.txt", folder / "out.jsonl"
        given = ["-a", f"file={urls}", "-O", str(feed)]

        def ours(number: int) -> Usage:
            client.drop_database("caliber")
            usage = run([*SCRAPY, "crawl", "articles", *given], environment(url, uri), folder)
            if client["caliber"]["articles"].count_documents({}) != number:
                raise RuntimeError("not every article was stored")
            return usage

        def plain(number: int, *options: str) -> Usage:
            return run([*peers.SCRAPY, "runspider", str(PLAIN), *options, *given], {}, folder)

        def on_uvloop(number: int) -> Usage:
            return plain(number, "-s", "ASYNCIO_EVENT_LOOP=uvloop.Loop")

        def shared(number: int) -> Usage:
            peers.push_urls(server, addresses[:number])
            batch = f"redis_batch_size={_REDIS_BATCH}"
            return run(peers.redis_crawl(server, "-O", str(feed), "-a", batch), {}, folder)

        sides: list[tuple[str, Callable[[int], Usage]]] = [
            ("ours", ours),
            ("plain", plain),
            ("uvloop", on_uvloop),
            ("redis", shared),
        ]
        for turn in range(0 if warm_up else 1, runs + 1):
            number = articles if turn else warm_up
            urls.write_text("\n".join(addresses[:number]))
            for side, way in sides:
                feed.unlink(missing_ok=True)
                usage = way(number)
                _check(feed, number)
                if turn:  # the first turn warms files up
                    result.runs[side].append(usage)
            sides.append(sides.pop(0))  # so that a drift of the machine's speed meets all alike
    return result


def _check(feed: Path, articles: int) -> None:
    with feed.open("rb") as lines:
        number = sum(1 for _ in lines)
    if number != articles:
        raise RuntimeError(f"{number} lines in the feed, expected {articles}")
