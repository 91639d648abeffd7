"""Lists: walking by a learned rule over HTTP against scrolling in a browser.

A walk by a rule takes a second or two, which a busy moment of the machine can double; so it is run
several times, and medians are compared.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.measure import environment, run
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown, spread
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


def compare(sizes: tuple[int, ...], repeats: Mapping[str, int]) -> list[ListRun]:
    """Walk one section of each size so many times each way; all its cards must have been seen."""
    found = []
    for size in sizes:
        config = SiteConfig(articles=_articles(size), seed=1)
        cards = sum(1 for _ in World(config).in_section("en", SECTION))
        with (
            tempfile.TemporaryDirectory() as name,
            serve_process(config) as url,
            mongodb(Path(name) / "mongodb") as uri,
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
            found += [walk(way) for way, times in repeats.items() for _ in range(times)]
    return found


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    runs = (
        compare((80, 160), dict.fromkeys(_REPEATS, 1))
        if quick
        else compare((1_000, 5_000), _REPEATS)
    )
    small, large = min(r.cards for r in runs), max(r.cards for r in runs)

    def every(way: str, cards: int, name: str) -> list[float]:
        return [getattr(r, name) for r in runs if (r.way, r.cards) == (way, cards)]

    def median(way: str, cards: int, name: str) -> float:
        return statistics.median(every(way, cards, name))

    rows = [
        (
            way,
            f"{cards:,}",
            spread(every(way, cards, "seconds")),
            spread(every(way, cards, "memory"), 0),
        )
        for cards in (small, large)
        for way in _REPEATS
    ]
    times = {way: median(way, large, "seconds") / median(way, small, "seconds") for way in _REPEATS}
    more = {way: median(way, large, "memory") / median(way, small, "memory") for way in _REPEATS}
    text = markdown(("way", "cards", "seconds", "peak MiB, with browser"), rows)
    text += (
        f"\n\n{large / small:.2f} times the cards: scrolling takes {times['browser']:.2f} times "
        f"the time and {more['browser']:.2f} times the memory; the rule takes {times['http']:.2f} "
        f"and {more['http']:.2f} times."
    )
    bars = [
        Bar.of(
            f"One list of {cards:,} cards by its rule: speed",
            "scrolling in a browser",
            [s / median("http", cards, "seconds") for s in every("browser", cards, "seconds")],
        )
        for cards in (small, large)
    ]
    return Outcome("Lists", text, [asdict(r) for r in runs], tuple(bars))


def _articles(cards: int) -> int:
    """So many articles that one section of the stand-in has about that many cards."""
    sample = World(SiteConfig(articles=1000, seed=1))
    share = sum(1 for _ in sample.in_section("en", SECTION)) / 1000
    return round(cards / share)
