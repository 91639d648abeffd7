"""Figures of what happened over time: edits of articles, and crawls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from caliber_crawler.report.figures import OUTCOMES, Coverage, Crawl, Crawls, Stacked, outcome_of
from caliber_crawler.report.periods import Periods
from caliber_crawler.store.reading import Selection
from caliber_crawler.store.report_periods import (
    Counting,
    by_kind,
    by_period,
    day_of,
    periods_of,
    within,
)

Document = dict[str, Any]

NEWEST_CRAWLS = 400


class EventReader:
    """Counts revisions and crawls, each by one query. Raises the driver's errors."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    async def edits(self, selection: Selection) -> Stacked:
        """What changed, by the time when a crawl noticed it."""
        query = within(selection, "replaced_at")
        if selection.languages:
            query["article_id"] = {"$regex": rf"^({'|'.join(selection.languages)})/"}
        if selection.sections:
            query["sections.slug"] = {"$in": list(selection.sections)}
        periods = periods_of(*await self._counting.span("revisions", "replaced_at", query))
        period = self._counting.period("replaced_at", periods)
        counted = await self._counting.one(
            "revisions",
            [
                {"$match": query},
                {"$project": {"replaced_at": 1, "changes": 1}},
                {
                    "$facet": {
                        "periods": [{"$group": {"_id": period, "n": {"$sum": 1}}}],
                        "changes": [
                            {"$unwind": "$changes"},
                            {
                                "$group": {
                                    "_id": {"at": period, "kind": "$changes"}, "n": {"$sum": 1}
                                }
                            },
                        ],
                    }
                },
            ],
        )  # fmt: skip
        found = by_kind(counted["changes"])
        return Stacked.of(periods, found, by_period(counted["periods"]), _most_first(found))

    async def crawls(self, selection: Selection, silent_since: datetime) -> tuple[Crawls, Coverage]:
        """Crawls by their start; those without a sign of life since an instant do not run."""
        query = within(selection, "started_at")
        periods = periods_of(*await self._counting.span("crawls", "started_at", query))
        period = self._counting.period("started_at", periods)
        read = {"$ifNull": ["$counts.articles/read", 0]}
        counted = await self._counting.one(
            "crawls",
            [
                {"$match": query},
                {"$project": {"workers": 0, "versions": 0, "arguments": 0}},
                {
                    "$facet": {
                        "outcomes": [
                            {
                                "$group": {
                                    "_id": {
                                        "at": period, "status": "$status", "code": "$exit_code",
                                        "silent": {"$lt": ["$updated_at", silent_since]},
                                    },
                                    "n": {"$sum": 1},
                                }
                            }
                        ],
                        "newest": [
                            {"$sort": {"started_at": -1, "_id": 1}}, {"$limit": NEWEST_CRAWLS}
                        ],
                        "coverage": [
                            {
                                "$project": {
                                    "started_at": 1, "read": read,
                                    "share": {"$objectToArray": "$coverage"},
                                }
                            },
                            {"$unwind": "$share"},
                            {
                                "$group": {
                                    "_id": {"at": period, "kind": "$share.k"},
                                    "read": {"$sum": "$read"},
                                    "had": {"$sum": {"$multiply": ["$read", "$share.v"]}},
                                }
                            },
                            {"$match": {"read": {"$gt": 0}}},
                        ],
                    }
                },
            ],
        )  # fmt: skip
        by_outcome: Counter[tuple[date, str]] = Counter()
        totals: Counter[date] = Counter()
        for row in counted["outcomes"]:
            key = row["_id"]
            at = day_of(key["at"])
            by_outcome[at, outcome_of(key["status"], key.get("code"), silent=key["silent"])] += row[
                "n"
            ]
            totals[at] += row["n"]
        seen = [name for name in OUTCOMES if any(kind == name for _, kind in by_outcome)]
        stacked = Stacked.of(periods, by_outcome, totals, seen)
        newest = tuple(_crawl(document, silent_since) for document in counted["newest"])
        return Crawls(totals.total(), stacked, newest), _coverage(periods, counted["coverage"])


def _crawl(document: Document, silent_since: datetime) -> Crawl:
    counts = document["counts"]
    silent = document["updated_at"] < silent_since
    end = document["finished_at"] or document["updated_at"]
    return Crawl(
        id=document["_id"],
        spider=document["spider"],
        started_at=document["started_at"],
        seconds=max(0.0, (end - document["started_at"]).total_seconds()),
        outcome=outcome_of(document["status"], document["exit_code"], silent=silent),
        reason=document["reason"] or "",
        exit_code=document["exit_code"],
        new=counts.get("articles/new", 0),
        changed=counts.get("articles/changed", 0),
        requests=counts.get("requests", 0),
    )


def _coverage(periods: Periods, rows: Iterable[Document]) -> Coverage:
    read: Counter[str] = Counter()
    had: dict[str, float] = {}
    shares: dict[tuple[str, date], float] = {}
    for row in rows:
        at, name = day_of(row["_id"]["at"]), row["_id"]["kind"]
        read[name] += row["read"]
        had[name] = had.get(name, 0.0) + row["had"]
        shares[name, at] = row["had"] / row["read"]
    return Coverage(
        periods,
        {name: tuple(shares.get((name, start)) for start in periods.starts) for name in had},
        {name: had[name] / read[name] for name in had},
    )


def _most_first(counted: Mapping[tuple[date, str], int]) -> list[str]:
    totals: Counter[str] = Counter()
    for (_, kind), number in counted.items():
        totals[kind] += number
    return sorted(totals, key=lambda kind: (-totals[kind], kind))
