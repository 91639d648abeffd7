"""What a schedule says, as typed values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from caliber_crawler.schedule.cron import Cron
from caliber_crawler.secrecy import hide

OVERLAPS = ("skip", "queue", "replace")
MISSED = ("once", "skip")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Entry:
    """One crawl of the schedule; the keys of docs/scheduling.md.

    `arguments` and `settings` are texts, as the command line takes them. `limit` None: as long as
    it takes.
    """

    name: str
    spider: str
    cron: Cron
    arguments: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    overlap: str = "skip"
    missed: str = "once"
    grace: timedelta = timedelta(hours=1)
    jitter: timedelta = timedelta()
    limit: timedelta | None = timedelta(days=1)
    stop_grace: timedelta = timedelta(minutes=1)
    resume: bool = True

    @property
    def crawl(self) -> str:
        """What is crawled, as text to compare: a crawl of another one cannot be resumed by it."""
        said = {name: hide(value) for name, value in self.arguments.items()}
        return json.dumps([self.spider, said], sort_keys=True)

    @property
    def apart(self) -> bool:
        """Whether it may run beside other crawls of its spider."""
        return self.settings.get("CRAWL_OVERLAP", "").strip().lower() == "allow"


@dataclass(frozen=True)
class Schedule:
    """A whole file. `name` tells its state and its crawls from those of other schedules."""

    name: str
    entries: Mapping[str, Entry]


def span(text: str) -> timedelta | None:
    """A length of time from text; None when it is none.

    >>> span("90s"), span("5m") == span("300s"), span("5 minutes")
    (datetime.timedelta(seconds=90), True, None)
    """
    match = _SPAN.fullmatch(text.strip())
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match else None


def as_text(value: object) -> str:
    """A value of the file as the command line takes it: lists with commas, tables as JSON.

    >>> as_text(["en", "ru"]), as_text(True), as_text(8), as_text({"a.jsonl": {"format": "jl"}})
    ('en,ru', 'true', '8', '{"a.jsonl": {"format": "jl"}}')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        return ",".join(map(str, value))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
