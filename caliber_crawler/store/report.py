"""The figures of a report, counted by MongoDB: what comes back is bounded, whatever is stored.

Articles are read once (`$facet`), crawls and revisions once each (`report_events`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, tzinfo
from typing import Any

import pymongo
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.report.figures import (
    NO_SECTION,
    SILENCE,
    WEEK_MINUTES,
    Delays,
    Figures,
    Stacked,
    Totals,
    median,
)
from caliber_crawler.report.periods import Periods
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.reading import Selection
from caliber_crawler.store.report_events import EventReader
from caliber_crawler.store.report_periods import IS_TIME, Counting, by_period, day_of, periods_of
from caliber_crawler.store.report_views import ViewReader

Document = dict[str, Any]

KINDS = 8
"""Sections that a chart tells apart; the others are one."""

# Of a large archive one answer takes longer than any of a crawl may.
_COUNTING_SECONDS = 3600

# Far more than sections of a site in all periods, should every page name another one.
_MOST_ROWS = 5_000
_NAMES_KEPT = 100
_EARLY, _ARCHIVED = -1, WEEK_MINUTES + 1


class ReportReader:
    """Counts what a selection of the articles, their revisions, and the crawls come to.

    `zone` tells to which day an instant belongs.
    """

    def __init__(self, database: AsyncDatabase[Document], zone: tzinfo) -> None:
        self._counting = Counting(database, zone)
        self._events = EventReader(self._counting)
        self._views = ViewReader(database)

    async def read(self, selection: Selection, top: int, at: datetime) -> Figures:
        """All figures at an instant, with `top` articles in each list of articles.

        Crawls and revisions are those of the days selected; languages and sections select articles
        and revisions. Raises `StoreUnavailable` and `StoreError`.
        """
        with pymongo.timeout(_COUNTING_SECONDS):
            return await self._read(selection, top, at)

    async def _read(self, selection: Selection, top: int, at: datetime) -> Figures:
        with driver_errors("counting articles"):
            first, last = await self._counting.span("articles", "published_at", selection.query())
            periods = periods_of(first, last)
            counted = await self._counting.one(
                "articles", self._of_articles(selection, periods, top)
            )
        with driver_errors("reading views"):
            views = await self._views.read(
                selection, [document["_id"] for document in counted["viewed"]], top, at
            )
        with driver_errors("counting revisions"):
            edits = await self._events.edits(selection)
        with driver_errors("counting crawls"):
            crawls, coverage = await self._events.crawls(selection, at - SILENCE)
        return Figures(
            totals=_totals(counted),
            first=first,
            last=last,
            sections=_sections(periods, counted),
            edits=edits,
            crawls=crawls,
            coverage=coverage,
            delays=_delays(periods, counted),
            views=views,
        )

    def _of_articles(self, selection: Selection, periods: Periods, top: int) -> list[Document]:
        period = self._counting.period("published_at", periods)
        dated = {"$match": {"published_at": IS_TIME}}
        section = {"$ifNull": ["$section.slug", {"$toLower": "$section.name"}]}
        return [
            {"$match": selection.query()},
            {
                "$project": {
                    "published_at": 1, "first_seen_at": 1, "status": 1, "language": 1,
                    "revision": 1, "duplicate_of": 1, "near_duplicate_of": 1, "views": 1,
                    "section": {"$first": "$sections"},
                }
            },
            {
                "$facet": {
                    "totals": [
                        {
                            "$group": {
                                "_id": None,
                                "articles": {"$sum": 1},
                                "undated": _how_many({"$eq": ["$published_at", None]}),
                                "edited": _how_many({"$gt": ["$revision", 1]}),
                                "gone": _how_many({"$eq": ["$status", "gone"]}),
                                "duplicates": _how_many({"$gt": ["$duplicate_of", None]}),
                                "near_duplicates": _how_many({"$gt": ["$near_duplicate_of", None]}),
                            }
                        }
                    ],
                    "editions": [{"$sortByCount": "$language"}, {"$limit": _NAMES_KEPT}],
                    "names": [
                        dated,
                        {
                            "$group": {
                                "_id": section, "n": {"$sum": 1}, "name": {"$min": "$section.name"}
                            }
                        },
                        {"$sort": {"n": -1, "_id": 1}},
                        {"$limit": KINDS},
                    ],
                    "sections": [
                        dated,
                        {"$group": {"_id": {"at": period, "kind": section}, "n": {"$sum": 1}}},
                        {"$sort": {"n": -1, "_id": 1}},
                        {"$limit": _MOST_ROWS},
                    ],
                    "periods": [dated, {"$group": {"_id": period, "n": {"$sum": 1}}}],
                    "delays": [
                        dated,
                        {"$group": {"_id": {"at": period, "lag": _lag()}, "n": {"$sum": 1}}},
                    ],
                    "viewed": [
                        {"$match": {"views": {"$gt": 0}}},
                        {"$sort": {"views": -1, "_id": 1}},
                        {"$limit": top},
                        {"$project": {"_id": 1}},
                    ],
                }
            },
        ]  # fmt: skip


def _how_many(condition: Document) -> Document:
    return {"$sum": {"$cond": [condition, 1, 0]}}


def _lag() -> Document:
    """Minutes from publication to first sight, rounded down as `figures.Delays` says."""
    minutes = {"$floor": {"$divide": [{"$subtract": ["$first_seen_at", "$published_at"]}, 60_000]}}

    def rounded(step: int) -> Document:
        return {"$multiply": [step, {"$floor": {"$divide": ["$$lag", step]}}]}

    branches = [
        {"case": {"$lt": ["$$lag", 0]}, "then": _EARLY},
        {"case": {"$lt": ["$$lag", 120]}, "then": "$$lag"},
        {"case": {"$lt": ["$$lag", 24 * 60]}, "then": rounded(10)},
        {"case": {"$lte": ["$$lag", WEEK_MINUTES]}, "then": rounded(60)},
    ]
    chosen = {"$toInt": {"$switch": {"branches": branches, "default": _ARCHIVED}}}
    return {"$let": {"vars": {"lag": minutes}, "in": chosen}}


def _totals(counted: Document) -> Totals:
    (totals,) = counted["totals"] or [{}]
    return Totals(
        **{name: number for name, number in totals.items() if name != "_id"},
        editions=tuple((row["_id"], row["count"]) for row in counted["editions"]),
    )


def _sections(periods: Periods, counted: Document) -> Stacked:
    named = {row["_id"]: row["name"] or NO_SECTION for row in counted["names"]}
    # Two sections may have one name, and then they are one in the chart.
    found: Counter[tuple[date, str]] = Counter()
    for row in counted["sections"]:
        key = row["_id"]
        if (kind := key.get("kind")) in named:
            found[day_of(key["at"]), named[kind]] += row["n"]
    kinds = dict.fromkeys(named.values())
    return Stacked.of(periods, found, by_period(counted["periods"]), kinds, rest=True)


def _delays(periods: Periods, counted: Document) -> Delays:
    lags: Counter[int] = Counter()
    # What was stored since the axis was made may lie beyond it.
    in_periods: defaultdict[date, Counter[int]] = defaultdict(Counter)
    for row in counted["delays"]:
        lag = row["_id"]["lag"]
        lags[lag] += row["n"]
        if 0 <= lag < _ARCHIVED:
            in_periods[day_of(row["_id"]["at"])][lag] += row["n"]
    early, archived = lags.pop(_EARLY, 0), lags.pop(_ARCHIVED, 0)
    medians = tuple(median(in_periods[start]) for start in periods.starts)
    return Delays(periods, dict(sorted(lags.items())), medians, early, archived)
