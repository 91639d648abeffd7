"""Lists: walking by a learned rule over HTTP against scrolling in a browser.

A walk by a rule takes a second or two, which a busy moment of the machine can double; so it is run
several times, and medians are compared.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.measure import environment, run
from caliber_crawler.store.server import EmbeddedServer
from demo_site import SiteConfig, World, serve_process

SECTION = "world"
_REPEATS = {"http": 5, "browser": 2}


@dataclass(frozen=True)
class ListRun:
    """One walk: `seconds` from the crawl's start to its end, without the process's own start;
    `memory` is the peak of the crawler and its browser together, in MiB.
    """

    way: str
    cards: int
    seconds: float
    memory: float


def compare(sizes: tuple[int, ...]) -> list[ListRun]:
    """Walk one section of each size in both ways; every card of it must have been seen."""
    found = []
    for size in sizes:
        config = SiteConfig(articles=_articles(size), seed=1)
        cards = sum(1 for _ in World(config).in_section("en", SECTION))
        with (
            tempfile.TemporaryDirectory() as name,
            serve_process(config) as url,
            EmbeddedServer(Path(name) / "mongodb") as uri,
            MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
        ):
            crawls = client["caliber"]["crawls"]

            def walk(
                render: str,
                crawls: Any = crawls,
                folder: Path = Path(name),
                uri: str = uri,
                url: str = url,
                cards: int = cards,
            ) -> ListRun:
                command = [
                    sys.executable,
                    "-m",
                    "scrapy",
                    "crawl",
                    "lists_only",
                    "-a",
                    "mode=full",
                    "-a",
                    f"section={SECTION}",
                    "-a",
                    f"render={render}",
                    "-s",
                    "SPIDER_MODULES=benchmarks.list_spider",
                ]
                usage = run(command, environment(url, uri), folder)
                crawl = crawls.find_one(sort=[("started_at", -1)])
                seen = crawl["counts"]["cards/seen"]
                if seen < cards or crawl["counts"].get("lists/ended/end") != 1:
                    raise RuntimeError(f"{render}: {seen} of {cards} cards: {crawl['counts']}")
                seconds = (crawl["finished_at"] - crawl["started_at"]).total_seconds()
                return ListRun(render, cards, seconds, usage.tree)

            walk("auto")  # learns the rule that the next walk follows
            found += [walk(way) for way, times in _REPEATS.items() for _ in range(times)]
    return found


def table(runs: list[ListRun]) -> str:
    """For people: the runs, and the ratios that matter."""
    rows = [f"{'way':10} {'cards':>6} {'seconds':>9} {'peak MiB, with browser':>24}"]
    rows += [f"{r.way:10} {r.cards:>6} {r.seconds:>9.2f} {r.memory:>24.0f}" for r in runs]
    small, large = min(r.cards for r in runs), max(r.cards for r in runs)

    def seconds(way: str, cards: int) -> float:
        return statistics.median(r.seconds for r in runs if (r.way, r.cards) == (way, cards))

    def memory(way: str, cards: int) -> float:
        return statistics.median(r.memory for r in runs if (r.way, r.cards) == (way, cards))

    faster = seconds("browser", large) / seconds("http", large)
    rows.append(f"{large} cards: rule {faster:.1f} times as fast as scrolling (medians)")
    longer = seconds("browser", large) / seconds("browser", small)
    more = {way: memory(way, large) / memory(way, small) for way in _REPEATS}
    rows.append(
        f"{large / small:.2f} times the cards: scrolling takes {longer:.2f} times the time and "
        f"{more['browser']:.2f} times the memory; the rule takes {more['http']:.2f} times"
    )
    return "\n".join(rows)


def figures(runs: list[ListRun]) -> list[dict[str, Any]]:
    """For the JSON output."""
    return [asdict(r) for r in runs]


def _articles(cards: int) -> int:
    """So many articles that one section of the stand-in has about that many cards."""
    sample = World(SiteConfig(articles=1000, seed=1))
    share = sum(1 for _ in sample.in_section("en", SECTION)) / 1000
    return round(cards / share)
