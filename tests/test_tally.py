"""What counters say to people, and what is said of a crawl at one moment."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler import counters
from caliber_crawler.screen import clock, picture, summary
from caliber_crawler.store.overview import MOST_COUNTED, CrawlReader, FrontierSize
from caliber_crawler.tally import (
    OTHER,
    Figures,
    by_section,
    family,
    grouped,
    meaning,
    plain_lines,
)
from caliber_crawler.watch import Rate, SectionRow, Snapshot
from tests.drawing import drawn

COUNTS = {
    "articles/new": 3,
    "articles/changed": 1,
    "articles/unchanged": 0,
    "duplicates/near": 2,
    "duplicates/content": 1,
    "rejected/http_404": 4,
    "rejected/no_title": 1,
    "requests": 20,
    "requests/failed": 4,
    "lists/read": 5,
    "lists/ended/known": 2,
    "lists/ended/end": 1,
    "taken/en/world/new": 2,
    "taken/en/world/changed": 1,
    "taken/ru/mir/new": 1,
    "brand/new": 7,
}


def test_every_counter_has_a_group_and_is_named_once() -> None:
    groups = grouped({})
    assert OTHER not in {group.title for group in groups}
    named = [name for group in groups for name in group.zero]
    assert sorted(named) == sorted([counters.REQUESTS, *counters.MEANING])
    for counts in ({}, COUNTS):
        text = "\n".join(plain_lines(counts))
        assert not [name for name in counters.MEANING if name not in text]


def test_a_summary_says_number_and_meaning_of_what_was_counted() -> None:
    lines = plain_lines(COUNTS, zero=False)
    told = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines}
    assert told["rejected/http_404"] == ["4", counters.MEANING[counters.REJECTED]]
    assert told["requests"] == ["20", meaning("requests")]
    assert told["brand/new"] == ["7"], "what nobody explained is shown, too"
    assert "articles/unchanged" not in told
    assert len(lines) == sum(number > 0 for number in COUNTS.values())
    table = drawn(summary(COUNTS, "the crawl"), 120, 50)
    assert re.search("rejected/http_404 +4  pages not stored, by reason", table)
    for name in counters.MEANING:
        assert name in table


def test_figures() -> None:
    figures = Figures.of(COUNTS)
    assert figures == Figures(3, 1, 0, 3, 5, 4, 20, 5, 3)
    assert figures.stored == 4
    assert Figures.of({}) == Figures()


def test_sections_and_families() -> None:
    assert by_section(COUNTS) == {"en/world": {"new": 2, "changed": 1}, "ru/mir": {"new": 1}}
    assert family("lists/ended/known") == "lists/ended"
    assert family("visits/due") == "visits/due"
    assert family("visits/gone") == "visits"
    assert family("requests") is None


def test_a_rate_is_that_of_the_last_minute_and_unknown_at_first() -> None:
    rate = Rate()
    assert rate.per_minute is None
    rate.tell(100, 0)
    rate.tell(104, 10)
    assert rate.per_minute is None, "four seconds say nothing"
    rate.tell(110, 20)
    assert rate.per_minute == 120
    for second in range(111, 300):
        rate.tell(second, 20 + (second - 110))
    assert rate.per_minute == 60
    rate.tell(300, 0)
    assert rate.per_minute == 0, "workers that are forgotten are no progress backwards"


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.9, 61, 36_000)] == [
        "0:00:00",
        "0:00:59",
        "0:01:01",
        "10:00:00",
    ]


FIGURES = Figures.of(COUNTS)
ROWS = [SectionRow(f"en/section-{n}", n, 0, 3, 20, "known" if n else "batch 2") for n in range(9)]


def moment(**changes: Any) -> Snapshot:
    said: dict[str, Any] = {
        "spider": "sections", "crawl_id": "20261125T023304Z-1a2b3c", "seconds": 83.0,
        "own": FIGURES, "whole": FIGURES, "sections": ROWS,
    }  # fmt: skip
    return Snapshot(**said | changes)


def test_the_picture_fits_every_terminal() -> None:
    shared = moment(workers=2, alive=1, frontier=FrontierSize(300, 8, True, False))
    for now in (moment(), shared):
        for width, height in ((200, 60), (80, 24), (58, 24), (36, 18), (20, 40)):
            lines = drawn(picture(now, width, height), width, height).splitlines()
            assert max(map(len, lines)) <= width
            assert len(lines) < height or width < 30
            assert any(line.startswith("stored 4") for line in lines)
    text = drawn(picture(shared, 80, 24), 80, 24)
    assert "1 of 2 workers at work" in text
    assert "frontier more than 300 queued, 8 on lease" in text
    assert "time left unknown" in text


def test_sections_that_do_not_fit_are_counted_and_those_at_work_are_shown() -> None:
    text = drawn(picture(moment(left=61.0), 80, 10), 80, 10)
    assert re.search("en/section-0 +20 +0 +0 +3  batch 2", text)
    assert "and 6 more" in text
    assert "left 0:01:01" in text


async def test_the_size_of_a_frontier(async_database: AsyncDatabase[dict[str, Any]]) -> None:
    reader = CrawlReader(async_database)
    assert await reader.frontier("a") == FrontierSize(0, 0, False, True)
    rows = [("a", "queued", 0), ("a", "queued", 0), ("a", "leased", 100), ("a", "done", 100)]
    rows += [("a", "failed", 0), ("b", "queued", 100)]
    await async_database.frontier.insert_many(
        [{"crawl_id": crawl, "state": state, "priority": p} for crawl, state, p in rows]
    )
    assert await reader.frontier("a") == FrontierSize(2, 1, True, True)
    await async_database.frontier.insert_many(
        [{"crawl_id": "b", "state": "queued", "priority": 0} for _ in range(MOST_COUNTED)]
    )
    size = await reader.frontier("b")
    assert (size.open, size.is_exact) == (MOST_COUNTED + 1, False)
    assert len(await asyncio.gather(*(reader.workers(crawl) for crawl in "ab"))) == 2
