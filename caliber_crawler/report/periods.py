"""The time axis of a chart: days, weeks, months or years, whichever are few enough to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Unit = Literal["day", "week", "month", "year"]

MOST = 105
"""Periods on an axis: what a telephone can still show."""

_LENGTHS: tuple[tuple[Unit, int], ...] = (("day", 1), ("week", 7), ("month", 30))


@dataclass(frozen=True, slots=True)
class Periods:
    """`starts` are the first days of all periods from first to last, empty ones too.

    Weeks begin on Mondays. Without anything to show there are none.
    """

    unit: Unit
    starts: tuple[date, ...]

    @classmethod
    def between(cls, first: date, last: date) -> Periods:
        """The periods that hold all days from `first` to `last`, both included.

        >>> Periods.between(date(2026, 6, 25), date(2026, 6, 27)).unit
        'day'
        >>> Periods.between(date(2024, 11, 5), date(2026, 6, 27)).starts[0]  # the Monday before
        datetime.date(2024, 11, 4)
        """
        days = (last - first).days + 1
        unit: Unit = next((u for u, length in _LENGTHS if days <= (MOST - 2) * length), "year")
        return cls(unit, tuple(_until(start_of(unit, first), last, unit)))

    @classmethod
    def none(cls) -> Periods:
        return cls("day", ())

    def title(self, start: date) -> str:
        """In words: ``25 June 2026``, ``week of 22 June 2026``, ``June 2026``, ``2026``."""
        if self.unit == "day":
            return f"{start.day} {start:%B} {start.year}"
        if self.unit == "week":
            return f"week of {start.day} {start:%B} {start.year}"
        return f"{start:%B} {start.year}" if self.unit == "month" else str(start.year)

    def label(self, start: date) -> str:
        """The same for an axis: ``25 Jun``, ``22 Jun 2026``, ``Jun 2026``, ``2026``."""
        if self.unit == "day":
            return f"{start.day} {start:%b}"
        if self.unit == "week":
            return f"{start.day} {start:%b} {start.year}"
        return f"{start:%b} {start.year}" if self.unit == "month" else str(start.year)


def start_of(unit: Unit, day: date) -> date:
    """The first day of the period that a day is in."""
    if unit == "week":
        return day - timedelta(days=min(day.weekday(), (day - date.min).days))
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def _until(start: date, last: date, unit: Unit) -> Iterator[date]:
    while start <= last:
        yield start
        if unit in ("day", "week"):
            days = 7 if unit == "week" else 1
            if (date.max - start).days < days:
                return
            start += timedelta(days=days)
        elif start.year == date.max.year and (unit == "year" or start.month == 12):
            return
        elif unit == "month":
            start = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        else:
            start = start.replace(year=start.year + 1)
