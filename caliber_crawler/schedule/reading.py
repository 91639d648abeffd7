"""A schedule's file (TOML) → `Schedule`, or all that is wrong with it, each with its line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from caliber_crawler.errors import ConfigError, ScheduleError
from caliber_crawler.schedule.cron import Cron
from caliber_crawler.schedule.entries import (
    MISSED,
    NAME,
    OVERLAPS,
    Entry,
    Schedule,
    as_text,
    span,
)
from caliber_crawler.schedule.lines import line_of, syntax_error

Path = tuple[str, ...]
Check = Callable[[str, Mapping[str, str], Mapping[str, str]], Iterable[tuple[Path, str]]]
"""Spider, arguments and settings → what is wrong: keys within the entry, and the reason."""

_TOP = ("name", "zone", "crawl")
_ENTRY = (
    "spider", "cron", "zone", "arguments", "settings", "overlap", "missed", "grace", "jitter",
    "limit", "stop_grace", "resume",
)  # fmt: skip
_NEVER = "none"


def read(text: str, *, source: str, name: str, check: Check) -> Schedule:
    """Read and check a file. `name` is the schedule's unless the file gives one.

    Raises `ScheduleError` with one line for each problem: ``source:line: reason``.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, reason = syntax_error(text, error)
        raise ScheduleError([f"{source}:{line}: {reason}"]) from None
    reader = _Reader(check)
    schedule = reader.schedule(said, name)
    if reader.problems:
        found = sorted((line_of(text, path), reason) for path, reason in reader.problems)
        raise ScheduleError([f"{source}:{line}: {reason}" for line, reason in found])
    return schedule


@dataclass
class _Reader:
    """Goes through the whole file and notes `problems`: where, and why."""

    check: Check
    problems: list[tuple[Path, str]] = field(default_factory=list)

    def schedule(self, said: Mapping[str, Any], name: str) -> Schedule:
        self.known(said, _TOP, ())
        name = self.text(said, ("name",), name)
        if not NAME.fullmatch(name):
            self.wrong(
                ("name",),
                f"name = {name!r}: up to 40 letters, digits, - and _ (without `name` it is the "
                "file's, so far as there is one)",
            )
        zone = self.zone(said, (), None)
        crawls = self.table(said, ("crawl",))
        if not crawls:
            self.wrong(("crawl",), "no crawl is named: add a table [crawl.NAME]")
        entries = {key: self.entry(key, crawls, zone) for key in crawls}
        return Schedule(name, {key: entry for key, entry in entries.items() if entry})

    def entry(self, name: str, crawls: Mapping[str, Any], zone: ZoneInfo | None) -> Entry | None:
        at: Path = ("crawl", name)
        before = len(self.problems)
        if not NAME.fullmatch(name):
            self.wrong(at, f"crawl {name!r}: names have up to 40 letters, digits, - and _")
        said = self.table(crawls, at)
        self.known(said, _ENTRY, at)
        spider = self.needed(said, (*at, "spider"), "the name of a spider")
        cron = self.cron(said, at, self.zone(said, at, zone))
        arguments = self.texts(said, (*at, "arguments"))
        settings = self.texts(said, (*at, "settings"))
        if spider:
            for path, reason in self.check(spider, arguments, settings):
                self.wrong((*at, *path), reason)
        resume = said.get("resume", True)
        if not isinstance(resume, bool):
            self.wrong((*at, "resume"), f"resume = {resume!r}: give true or false")
        values = {
            "overlap": self.choice(said, (*at, "overlap"), OVERLAPS),
            "missed": self.choice(said, (*at, "missed"), MISSED),
            "grace": self.span(said, (*at, "grace"), Entry.grace),
            "jitter": self.span(said, (*at, "jitter"), Entry.jitter),
            "limit": self.limit(said, at),
            "stop_grace": self.span(said, (*at, "stop_grace"), Entry.stop_grace),
            "resume": resume,
        }
        if cron is None or len(self.problems) > before:
            return None
        return Entry(name, spider, cron, arguments, settings, **values)

    # --- values

    def cron(self, said: Mapping[str, Any], at: Path, zone: ZoneInfo | None) -> Cron | None:
        text = self.needed(said, (*at, "cron"), 'when, as "5 * * * *"')
        try:
            cron = Cron(text, zone or ZoneInfo("UTC")) if text else None
            return cron if zone else None
        except ConfigError as error:
            self.wrong((*at, "cron"), f"cron = {error}")
            return None

    def zone(self, said: Mapping[str, Any], at: Path, default: ZoneInfo | None) -> ZoneInfo | None:
        name = self.text(said, (*at, "zone"), "")
        if not name:
            if at and default is None and not any("zone" in path for path, _ in self.problems):
                self.wrong(at, 'no zone: give one for all, as zone = "Asia/Baku", at the top')
            return default
        try:
            return ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            self.wrong((*at, "zone"), f"zone = {name!r} is not known; names look like Asia/Baku")
            return None

    def limit(self, said: Mapping[str, Any], at: Path) -> timedelta | None:
        if said.get("limit") == _NEVER:
            return None
        limit = self.span(said, (*at, "limit"), timedelta(days=1))
        if not limit:
            self.wrong((*at, "limit"), f'limit = "0s" is no time to crawl in; "{_NEVER}" sets none')
        return limit

    def span(self, said: Mapping[str, Any], at: Path, default: timedelta) -> timedelta:
        value = said.get(at[-1])
        if value is None:
            return default
        length = span(value) if isinstance(value, str) else None
        if length is None:
            self.wrong(at, f'{at[-1]} = {value!r}: give a time as "90s", "5m", "2h" or "1d"')
        return default if length is None else length

    def choice(self, said: Mapping[str, Any], at: Path, allowed: tuple[str, ...]) -> str:
        value = said.get(at[-1], allowed[0])
        if value not in allowed:
            self.wrong(at, f"{at[-1]} = {value!r}: allowed are {', '.join(allowed)}")
            return allowed[0]
        return str(value)

    def texts(self, said: Mapping[str, Any], at: Path) -> dict[str, str]:
        return {key: as_text(value) for key, value in self.table(said, at).items()}

    def table(self, said: Mapping[str, Any], at: Path) -> Mapping[str, Any]:
        value = said.get(at[-1], {})
        if isinstance(value, dict):
            return value
        self.wrong(at, f"{at[-1]} is to be a table")
        return {}

    def needed(self, said: Mapping[str, Any], at: Path, what: str) -> str:
        if at[-1] not in said:
            self.wrong(at[:-1], f"{at[-1]} is missing: give {what}")
        return self.text(said, at, "")

    def text(self, said: Mapping[str, Any], at: Path, default: str) -> str:
        value = said.get(at[-1], default)
        if isinstance(value, str) and (value.strip() or at[-1] not in said):
            return value.strip()
        self.wrong(at, f"{at[-1]} = {value!r}: give text")
        return default

    def known(self, said: Mapping[str, Any], allowed: tuple[str, ...], at: Path) -> None:
        for key in said:
            if key not in allowed:
                self.wrong((*at, key), f"unknown key {key!r}; allowed are {', '.join(allowed)}")

    def wrong(self, path: Path, reason: str) -> None:
        self.problems.append((path, reason))
