"""Which run of an entry is due, and which were missed. Pure: instants are handed in, in UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from caliber_crawler.schedule.entries import Entry

ON_TIME = timedelta(minutes=1)
"""A run that begins so much later than it should is not late."""


@dataclass(frozen=True)
class Due:
    """A run: `at` as the cron expression says, `start` with its share of the jitter."""

    at: datetime
    start: datetime


@dataclass(frozen=True)
class Decision:
    """What comes of runs whose time has come: the one to do, if any; whether it is `late` and made
    up for; and how many are not done."""

    run: Due | None
    late: bool
    missed: int


def next_run(entry: Entry, after: datetime) -> Due:
    """The first run whose time by the cron expression is after an instant.

    Jitter is drawn from the entry's name and that time, so it is the same after a restart, and no
    run is put off beyond the next one.
    """
    return run_of(entry, entry.cron.after(after))


def run_of(entry: Entry, at: datetime) -> Due:
    """The run that is due at an instant by the cron expression."""
    if not entry.jitter:
        return Due(at, at)
    most = min(entry.jitter, entry.cron.after(at) - at)
    drawn = hashlib.sha256(f"{entry.name} {at.isoformat()}".encode()).digest()[:4]
    seconds = int(most.total_seconds() * int.from_bytes(drawn) / 2**32)
    return Due(at, at + timedelta(seconds=seconds))


def overdue(entry: Entry, after: datetime, now: datetime) -> list[Due]:
    """All runs after an instant whose start has come, in order."""
    runs = []
    run = next_run(entry, after)
    while run.start <= now:
        runs.append(run)
        run = next_run(entry, run.at)
    return runs


def decide(entry: Entry, runs: Sequence[Due], now: datetime) -> Decision:
    """Of runs whose start has come, the last one is done if it is on time, or late by no more than
    the entry's grace and the entry catches up (``missed = "once"``)."""
    if not runs:
        return Decision(None, late=False, missed=0)
    late = now - runs[-1].start > ON_TIME
    if late and not worth(entry, runs[-1].start, now):
        return Decision(None, late=True, missed=len(runs))
    return Decision(runs[-1], late=late, missed=len(runs) - 1)


def worth(entry: Entry, start: datetime, now: datetime) -> bool:
    """Whether a run that should have begun then is still to be done."""
    allowed = entry.grace if entry.missed == "once" else ON_TIME
    return now - start <= max(allowed, ON_TIME)


def crawl_id(schedule: str, entry: Entry, at: datetime) -> str:
    """The id of the crawl of a run. Whoever starts the run gives it the same one, so it cannot
    become two crawls.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> from caliber_crawler.schedule.cron import Cron
    >>> entry = Entry("hourly", "sections", Cron("@hourly", ZoneInfo("Asia/Baku")))
    >>> crawl_id("news", entry, datetime(2026, 6, 25, 13, tzinfo=UTC))
    'news.hourly.20260625T1300Z'
    """
    return f"{schedule}.{entry.name}.{at:%Y%m%dT%H%MZ}"
