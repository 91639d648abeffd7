"""The figures of a report: plain data, filled by `store/report` and drawn by the rest of `report/`.

Days are days of the site's zone; instants are aware. A period's number stands at the same place as
its start in `periods.starts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from caliber_crawler.report.periods import Periods

Outcome = Literal["healthy", "looks wrong", "partly failed", "failed", "stopped", "running"]
OUTCOMES: tuple[Outcome, ...] = (
    "healthy", "looks wrong", "partly failed", "failed", "stopped", "running",
)  # fmt: skip

OTHER = "other"
NO_SECTION = "no section"

WEEK_MINUTES = 7 * 24 * 60
"""What was published longer ago than this when it was first seen came from an archive."""


@dataclass(frozen=True, slots=True)
class Stacked:
    """How often each kind of thing happened in each period.

    `kinds` are the most frequent ones, that one first, and at the end `OTHER` for all else, where
    there is any. `counts` has a row for each period and in it a number for each kind. `totals` has
    how many things happened: fewer than the row's sum where one thing is of several kinds.
    """

    periods: Periods
    kinds: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    totals: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        periods: Periods,
        counted: Mapping[tuple[date, str], int],
        totals: Mapping[date, int],
        kinds: Iterable[str],
        *,
        rest: bool = False,
    ) -> Stacked:
        """Put numbers by period and kind in rows. With `rest`, what the kinds leave of a period's
        total is `OTHER`."""
        named = tuple(kinds)
        rows = [[counted.get((start, kind), 0) for kind in named] for start in periods.starts]
        sums = [totals.get(start, 0) for start in periods.starts]
        left = [total - sum(row) for total, row in zip(sums, rows, strict=True)]
        if rest and any(left):
            named += (OTHER,)
            rows = [[*row, more] for row, more in zip(rows, left, strict=True)]
        return cls(periods, named, tuple(map(tuple, rows)), tuple(sums))

    @property
    def sums(self) -> tuple[int, ...]:
        """Each kind's number over all periods."""
        return tuple(sum(row[i] for row in self.counts) for i in range(len(self.kinds)))


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of articles: all, those without a time of publication, with another version before
    this one, gone from the site, saying the same as another one word for word or nearly; and of
    each edition, the largest first."""

    articles: int = 0
    undated: int = 0
    edited: int = 0
    gone: int = 0
    duplicates: int = 0
    near_duplicates: int = 0
    editions: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Crawl:
    """A crawl. `seconds` from its start to its end, or to its last sign of life while it runs; the
    time between the parts of a resumed crawl counts, too. Numbers are those of its counters."""

    id: str
    spider: str
    started_at: datetime
    seconds: float
    outcome: Outcome
    reason: str
    exit_code: int | None
    new: int = 0
    changed: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Crawls:
    """`number` of all, `outcomes` by the period of their start, `newest` some of them, the latest
    first."""

    number: int
    outcomes: Stacked
    newest: tuple[Crawl, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of the articles read that had a field, 0 to 1, by the period in which the crawl
    began; None where none was read. `overall` is the share over all periods."""

    periods: Periods
    shares: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    overall: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delays:
    """Whole minutes from the printed time of publication to the first sight, without archives.

    `lags` maps them to numbers of articles, rounded down: to a minute up to two hours, to ten
    minutes up to a day, to an hour beyond. `medians` are by the period of publication, None for one
    without articles; `early` were seen before the printed time, `archived` more than a week after.
    """

    periods: Periods
    lags: Mapping[int, int] = field(default_factory=dict)
    medians: tuple[float | None, ...] = ()
    early: int = 0
    archived: int = 0

    @property
    def number(self) -> int:
        return sum(self.lags.values())

    @property
    def median(self) -> float | None:
        return median(self.lags)


@dataclass(frozen=True, slots=True)
class Viewed:
    """An article with its counter: what it last showed, how much it grew by the hour lately (None
    where that is not known), and `points`, some of what it showed over time, the oldest first."""

    id: str
    url: str
    title: str
    language: str
    section: str
    published_at: datetime | None
    views: int
    rate: float | None = None
    points: tuple[tuple[datetime, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Views:
    """`rising` are the fastest ones between `since` and `until`; both None without any counter."""

    most: tuple[Viewed, ...] = ()
    rising: tuple[Viewed, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a report tells. `first` and `last` are the days on which the earliest and the latest
    of the articles were published. `edits` count what changed; their totals are the revisions."""

    totals: Totals
    first: date | None
    last: date | None
    sections: Stacked
    edits: Stacked
    crawls: Crawls
    coverage: Coverage
    delays: Delays
    views: Views


SILENCE = timedelta(minutes=10)
"""A crawl that has given no sign of life for so long does not run any more, whatever it said."""


def outcome_of(status: str, exit_code: int | None, *, silent: bool = False) -> Outcome:
    """What became of a crawl, by the status and the exit code in its document.

    `silent` says that it gave no sign of life for `SILENCE`: all its workers were killed then.
    """
    if status == "running":
        return "failed" if silent else "running"
    if status == "stopped" or (exit_code or 0) > 128:
        return "stopped"
    named: dict[int | None, Outcome] = {0: "healthy", 3: "looks wrong", 4: "partly failed"}
    return named.get(exit_code, "failed")


def median(numbers: Mapping[int, int]) -> float | None:
    """The median of values that are given with how often each occurs; None for none.

    >>> median({1: 2, 5: 1, 7: 1})
    3.0
    """
    total = sum(numbers.values())
    if not total:
        return None
    below, seen = None, 0
    for value in sorted(numbers):
        seen += numbers[value]
        if below is None and 2 * seen >= total:
            if 2 * seen > total:
                return float(value)
            below = value
        elif below is not None and numbers[value]:
            return (below + value) / 2
    return None
