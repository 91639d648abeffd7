"""Counting by the days, weeks, months or years of a zone: what all queries of a report share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, tzinfo
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.report.periods import Periods
from caliber_crawler.store.reading import Selection

Document = dict[str, Any]

IS_TIME = {"$type": "date"}


class Counting:
    """Asks a database; `zone` tells to which day an instant belongs. Raises the driver's errors."""

    def __init__(self, database: AsyncDatabase[Document], zone: tzinfo) -> None:
        self._database = database
        self._zone = zone

    async def span(
        self, collection: str, name: str, query: Document
    ) -> tuple[date, date] | tuple[None, None]:
        """The first and the last day (in the zone) of a time; None twice when there is none.

        An index gives both.
        """
        dated = {"$and": [query, {name: IS_TIME}]}
        days: list[date] = []
        for way in (1, -1):
            found = await self._database[collection].find_one(dated, {name: 1}, sort=[(name, way)])
            if found is None:
                return None, None
            days.append(found[name].astimezone(self._zone).date())
        return days[0], days[1]

    def period(self, name: str, periods: Periods) -> Document:
        """MongoDB's expression for the first day of the period that a time is in, as text."""
        zone = str(self._zone)
        start = {
            "date": f"${name}", "unit": periods.unit, "startOfWeek": "monday", "timezone": zone
        }  # fmt: skip
        return {
            "$dateToString": {
                "date": {"$dateTrunc": start}, "format": "%Y-%m-%d", "timezone": zone
            }
        }  # fmt: skip

    async def one(self, collection: str, pipeline: list[Document]) -> Document:
        """The one document that an aggregation gives."""
        found = await self._database[collection].aggregate(pipeline, allowDiskUse=True)
        async with found as cursor:
            return await cursor.next()


def periods_of(first: date | None, last: date | None) -> Periods:
    """The axis that holds all days from the first to the last."""
    return Periods.none() if first is None or last is None else Periods.between(first, last)


def within(selection: Selection, name: str) -> Document:
    """The days of a selection, for another time than that of publication."""
    if not selection.is_bounded:
        return {}
    bounds = {"$gte": selection.since, "$lt": selection.before}
    return {name: {key: value for key, value in bounds.items() if value is not None}}


day_of = date.fromisoformat
"""The day that `Counting.period` wrote."""


def by_kind(rows: Iterable[Document]) -> dict[tuple[date, str], int]:
    """Numbers of groups by period (`at`) and `kind`."""
    return {(day_of(row["_id"]["at"]), row["_id"]["kind"]): row["n"] for row in rows}


def by_period(rows: Iterable[Document]) -> dict[date, int]:
    """Numbers of groups by period."""
    return {day_of(row["_id"]): row["n"] for row in rows}
