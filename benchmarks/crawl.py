"""The whole crawl: ours with all pipelines and MongoDB against a plain spider with JSON lines."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.measure import Usage, environment, run
from benchmarks.outcome import Bar, Outcome, markdown, spread
from caliber_crawler.store.server import EmbeddedServer
from demo_site import SiteConfig, World, serve_process

PLAIN = Path(__file__).with_name("plain_spider.py")
SCRAPY = [sys.executable, "-m", "scrapy"]


@dataclass
class Comparison:
    """Runs of both sides in turn, over the same pages of the same site."""

    articles: int
    ours: list[Usage] = field(default_factory=list)
    plain: list[Usage] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """Speed of ours over the plain spider's, pair by pair: 1.0 is as fast."""
        return [p.wall / o.wall for o, p in zip(self.ours, self.plain, strict=True)]

    def figures(self) -> dict[str, Any]:
        """For the JSON output."""
        return {
            "articles": self.articles,
            "speed_ratio": self.ratios(),
            "ours": [vars(usage) for usage in self.ours],
            "plain": [vars(usage) for usage in self.plain],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Of the table: number, side, wall seconds, processor seconds, peak MiB."""
        return [
            (
                f"{self.articles:,}",
                name,
                *(spread([getattr(u, key) for u in usages]) for key in ("wall", "cpu", "peak")),
            )
            for name, usages in (("ours", self.ours), ("plain spider", self.plain))
        ]


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    found = [compare(*size) for size in ([(300, 1)] if quick else [(3_000, 5), (30_000, 1)])]
    heads = ("articles", "", "wall s", "processor s", "peak MiB")
    text = markdown(heads, [row for one in found for row in one.rows()])
    bars = [
        Bar.of(
            f"Whole crawl, {one.articles:,} articles: speed", "plain Scrapy spider", one.ratios()
        )
        for one in found
    ]
    return Outcome("Whole crawl", text, [one.figures() for one in found], tuple(bars))


def compare(articles: int, runs: int) -> Comparison:
    """Crawl `articles` pages `runs` times with either side, after one warm-up each."""
    result = Comparison(articles)
    config = SiteConfig(articles=articles, seed=1)
    with (
        tempfile.TemporaryDirectory() as name,
        serve_process(config) as url,
        EmbeddedServer(Path(name) / "mongodb") as uri,
        MongoClient[dict[str, Any]](uri) as client,
    ):
        folder = Path(name)
        world = World(config)
        urls = folder / "urls.txt"
        urls.write_text("".join(f"{url}{world.article('en', i).path}\n" for i in range(articles)))
        ours_environment = environment(url, uri)
        plain_environment = {"LOG_LEVEL": "WARNING"}
        feed = ["-a", f"file={urls}", "-O", str(folder / "out.jsonl")]
        for turn in range(runs + 1):
            client.drop_database("caliber")
            ours = run([*SCRAPY, "crawl", "articles", *feed], ours_environment, folder)
            _check(folder / "out.jsonl", articles)
            if client["caliber"]["articles"].count_documents({}) != articles:
                raise RuntimeError("not every article was stored")
            plain = run([*SCRAPY, "runspider", str(PLAIN), *feed], plain_environment, folder)
            _check(folder / "out.jsonl", articles)
            if turn:  # the first pair warms files and caches up
                result.ours.append(ours)
                result.plain.append(plain)
    return result


def _check(feed: Path, articles: int) -> None:
    with feed.open("rb") as lines:
        number = sum(1 for _ in lines)
    if number != articles:
        raise RuntimeError(f"{number} lines in the feed, expected {articles}")
