"""Times as pages print them → instants.

Month names come from Babel's tables (CLDR) for all of the site's languages at once. That is no
guessing: a name that two languages gave to different months would be refused when the table is
built. A text that is not understood whole gives None; it never becomes today's date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache

from babel.dates import get_day_names, get_month_names

from caliber_crawler.items import whole_milliseconds
from caliber_crawler.text import fold, line

LOCALES = ("en", "ru", "az", "hy")

# Words that may stand around a date without changing it: "г." is the Russian "year", the rest are
# "at", "on" and the like; "-ci il" is Azerbaijani for "-th year"; and labels such as "Published".
# Anything else ("Updated", "until") makes the text unknown.
_FILLERS = frozenset(
    "г года year at on в saat ժամը թ թվականի il ili ci cu cü published posted date "
    "опубликовано размещено дата публикации tarix dərc olunub yayimlanib հրապարակվել հրապարակված է "
    "ամսաթիվ".split()
)
_LONGEST_RELATIVE = 60
_YEARS = range(1990, 2101)

_CLOCK = (
    # The last of the marks is the Armenian full stop, which looks like a colon.
    r"(?P<hour>\d{1,2})[:.։](?P<minute>\d{2})(?:[:։](?P<second>\d{2}))?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?"
)
_WORD = r"[^\W\d_]+"
_DATES = (
    re.compile(
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s.,-]*(?P<month>{_WORD})[\s.,-]*(?P<year>\d{{4}})"
    ),
    re.compile(
        rf"(?P<month>{_WORD})\.?\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s*(?P<year>\d{{4}})"
    ),
    re.compile(
        rf"(?P<year>\d{{4}})[\s.,-]*(?:թ\.\s*)?"
        rf"(?P<month>{_WORD})[\s.,-]*(?P<day>\d{{1,2}})"
    ),
    re.compile(rf"(?P<year>\d{{4}})\s*-?c[iuü]\s+il\s+(?P<day>\d{{1,2}})\s+(?P<month>{_WORD})"),
    # Day first, as all of the site's languages write it. With slashes the order is not known.
    re.compile(r"(?P<day>\d{1,2})([.-])(?P<month>\d{1,2})\2(?P<year>\d{4})"),
)
# How lists call the days that need no date, folded; "bu gün" is two words.
_DAYS_AGO = {
    **dict.fromkeys(("today", "сегодня", "այսօր", "bugün"), 0),
    **dict.fromkeys(("yesterday", "вчера", "երեկ", "dünən"), 1),
}
_TWO_WORDS = re.compile(r"\bbu\s+(?=gün\b)")
# A page that was made before midnight may be answered with after it: then its days are not known.
_AFTER_MIDNIGHT = timedelta(minutes=15)
_AHEAD = timedelta(minutes=5)  # clocks differ
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK_ALONE = re.compile(rf"(?<![\d:։]){_CLOCK}(?![\d:։])")
_LEFT_OVER = re.compile(rf"{_WORD}|\d+")


@dataclass(frozen=True, slots=True)
class PrintedTime:
    """An instant in UTC, and whether the text named a time of day (else it is the day's start)."""

    instant: datetime
    has_clock: bool


def parse_printed(text: str | None, zone: tzinfo) -> PrintedTime | None:
    """The instant that a printed time means in `zone`; None when the text is not understood.

    Understood are ``02 April 2025 13:24``, ``25 Июня 2026 17:24``, ``13 авг. 2024 19:13``,
    ``May 3, 2024 - 17:20``, ``5 avqust 2024, 09:05``, ``3 մայիսի 2024``, ``02.04.2025 13:24`` and
    ISO 8601. An offset in the text wins over `zone`.
    """
    if not text or len(text) > 200:
        return None
    return parse_iso(line(text), zone) or _parse_words(fold(text), zone)


def parse_relative(text: str | None, zone: tzinfo, at: datetime) -> PrintedTime | None:
    """The instant that ``Today, 14:35`` or ``Вчера в 12:10`` means on a page answered with at `at`.

    None when the text is anything else, which a time of day alone is, too: of which day it is, it
    does not say. None as well just after midnight, and for a time of today that is yet to come.
    """
    named = _named_day(text)
    if named is None:
        return None
    days, clock = named
    try:
        here = at.astimezone(zone)
        midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
        hour, minute, second = _clock_parts(clock)
        day = midnight - timedelta(days=days)
        printed = _printed(day.replace(hour=hour, minute=minute, second=second), True, zone)
        early = here - midnight < _AFTER_MIDNIGHT
        return None if printed is None or early or printed.instant > at + _AHEAD else printed
    except (ValueError, OverflowError):  # the latter at either end of the calendar
        return None


def names_a_day(text: str | None) -> bool:
    """Whether a text has the form that `parse_relative` reads, at whatever hour."""
    return _named_day(text) is not None


def _named_day(text: str | None) -> tuple[int, re.Match[str]] | None:
    """How many days ago the day was that a text names, and the time of day in it."""
    if not text or len(text) > _LONGEST_RELATIVE:
        return None
    folded = _TWO_WORDS.sub("bu", fold(text))
    clock = _CLOCK_ALONE.search(folded)
    if clock is None:
        return None
    words = _LEFT_OVER.findall(folded[: clock.start()] + " " + folded[clock.end() :])
    days = [_DAYS_AGO[word] for word in words if word in _DAYS_AGO]
    others = [word for word in words if word not in _DAYS_AGO and word not in _FILLERS]
    return (days[0], clock) if len(days) == 1 and not others else None


def parse_on_card(text: str | None, zone: tzinfo, at: datetime | None) -> PrintedTime | None:
    """The instant of a time as lists print it: a whole date, or a day near `at` by its name.

    `at` is when the list was answered with; where that is None no day has a name.
    """
    printed = parse_printed(text, zone)
    return printed or (parse_relative(text, zone, at) if at else None)


def parse_http_date(header: str) -> datetime | None:
    """The instant in UTC of a header such as ``Date``; None when it is no such time."""
    try:
        said = parsedate_to_datetime(header[:100])
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter at either end of the calendar
        return None


def parse_iso(text: str, zone: tzinfo) -> PrintedTime | None:
    """An ISO 8601 time; one without offset is meant in `zone`. None when it is no such text."""
    if not _ISO.match(text):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _printed(parsed, len(text) > len("2025-04-02"), zone)


def _parse_words(text: str, zone: tzinfo) -> PrintedTime | None:
    for pattern in _DATES:
        found = pattern.search(text)
        month = _month(found["month"]) if found else None
        if found and month:
            break
    else:
        return None
    rest = text[: found.start()] + " " + text[found.end() :]
    clock = _CLOCK_ALONE.search(rest)
    if clock:
        rest = rest[: clock.start()] + " " + rest[clock.end() :]
    if any(word not in _FILLERS and word not in _day_names() for word in _LEFT_OVER.findall(rest)):
        return None
    try:
        hour, minute, second = _clock_parts(clock)
        naive = datetime(int(found["year"]), month, int(found["day"]), hour, minute, second)  # noqa: DTZ001
    except ValueError:
        return None
    return _printed(naive, clock is not None, zone)


def _clock_parts(clock: re.Match[str] | None) -> tuple[int, int, int]:
    if clock is None:
        return 0, 0, 0
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour on a twelve-hour clock")
        hour = hour % 12 + (12 if clock["half"] == "p" else 0)
    return hour, int(clock["minute"]), int(clock["second"] or 0)


def _printed(parsed: datetime, has_clock: bool, zone: tzinfo) -> PrintedTime | None:
    if parsed.year not in _YEARS:
        return None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
    return PrintedTime(whole_milliseconds(aware.astimezone(UTC)), has_clock)


def _month(word: str) -> int | None:
    """Number of a month by its name, number or an abbreviation that fits one month only."""
    if word.isdigit():
        return int(word) if 1 <= int(word) <= 12 else None
    months = _month_names()
    if word in months:
        return months[word]
    if len(word) < 3:
        return None
    fitting = {number for name, number in months.items() if name.startswith(word)}
    return fitting.pop() if len(fitting) == 1 else None


@lru_cache(maxsize=1)
def _month_names() -> dict[str, int]:
    """Folded month name → number: all locales, full and short, both grammatical forms."""
    table: dict[str, int] = {}
    for locale in LOCALES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, locale).items():
                    key = fold(name).rstrip(".")
                    if table.setdefault(key, number) != number:
                        raise RuntimeError(f"month name {key!r} means two months")
    return table


@lru_cache(maxsize=1)
def _day_names() -> frozenset[str]:
    names = (
        fold(name).rstrip(".")
        for locale in LOCALES
        for width in ("wide", "abbreviated")
        for name in get_day_names(width, "format", locale).values()
    )
    return frozenset(part for name in names for part in name.split())
