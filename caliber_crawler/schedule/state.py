"""What is remembered of an entry over a restart of the scheduler.

As a plain dictionary (in the collection `schedule`, or in JSON with times as ISO 8601):

    {times: <cron expression and zone>, since: instant up to which its runs are settled,
     waiting: when the run that waits for its turn was due, or null,
     running: {crawl_id, due, started_at, host, pid, ticks, crawl: <spider and arguments>} or null,
     unfinished: {crawl_id, due, crawl: <spider and arguments>, interrupted, failures} or null,
     last: {crawl_id, due, started_at, ended_at, code, line} or null,
     counts: {counter without "schedule/": number}}

All times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

Plain = dict[str, Any]
_PREFIX = "schedule/"


@dataclass(frozen=True)
class Running:
    """A crawl at work. `pid` is None until its process is known; `ticks` tell that process from a
    later one of the same number. `crawl` is what it crawls (`Entry.crawl`), "" when an earlier
    version started it."""

    crawl_id: str
    due: datetime
    started_at: datetime
    host: str
    pid: int | None = None
    ticks: int | None = None
    crawl: str = ""


@dataclass(frozen=True)
class Unfinished:
    """A crawl that left something undone. `crawl` is what it crawls (`Entry.crawl`); `interrupted`
    that the end of the scheduler, and nothing of its own, ended it; `failures` how often in a row
    it could not be gone on with."""

    crawl_id: str
    due: datetime
    crawl: str
    interrupted: bool
    failures: int = 0


@dataclass(frozen=True)
class Last:
    """How the latest run ended. `code` is None when nobody saw it end, and negative for a signal
    that killed it; `line` is its last word."""

    crawl_id: str
    due: datetime
    started_at: datetime
    ended_at: datetime
    code: int | None
    line: str


@dataclass
class EntryState:
    """State of one entry, as above."""

    times: str
    since: datetime
    waiting: datetime | None = None
    running: Running | None = None
    unfinished: Unfinished | None = None
    last: Last | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of the counters ``schedule/…``."""
        if number:
            key = name.removeprefix(_PREFIX)
            self.counts[key] = self.counts.get(key, 0) + number

    def plain(self) -> Plain:
        """As a dictionary of plain values and instants."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Raises LookupError, TypeError or ValueError for what no version wrote."""
        parts: list[tuple[str, Any]] = [
            ("running", Running),
            ("unfinished", Unfinished),
            ("last", Last),
        ]
        made: Plain = {
            name: kind(**_dated(plain[name])) if plain[name] else None for name, kind in parts
        }
        rest: Plain = {n: plain[n] for item in fields(cls) if (n := item.name) not in made}
        return cls(**_dated(rest), **made)


_INSTANTS = frozenset({"since", "waiting", "due", "started_at", "ended_at"})


def _dated(plain: Mapping[str, Any]) -> Plain:
    return {
        name: datetime.fromisoformat(value).astimezone(UTC)
        if name in _INSTANTS and isinstance(value, str)
        else value
        for name, value in plain.items()
    }
