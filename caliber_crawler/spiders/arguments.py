"""Spider arguments: text from the command line → checked, typed values.

Everything is refused with `ArgumentError` before the first request; the message says what is
allowed.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from caliber_crawler.config import Config
from caliber_crawler.errors import ArgumentError
from caliber_crawler.text import is_whole

if TYPE_CHECKING:
    from typing import Self

MODES = ("update", "full")
LEAST_LETTERS = 3
_SPAN = re.compile(r"([0-9]{1,7})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_WHOLE = re.compile(r"[0-9]{1,15}")
_LONGEST = 200 * 366 * 24
STATUSES = ("all", "live", "gone")
DUPLICATES = ("keep", "drop")
RENDERS = ("auto", "http", "browser")


@dataclass(frozen=True)
class Arguments(ABC):
    """Base of a spider's arguments; the fields of a subclass are the arguments' names."""

    @classmethod
    def parse(cls, given: Mapping[str, str], config: Config) -> Self:
        """Check names and values. Names with a leading ``_`` are a scheduler's own: ignored."""
        for name, value in given.items():
            if not is_whole(name + value):
                raise ArgumentError(f"{name}={value!r} is no UTF-8")
        given = {name: value for name, value in given.items() if not name.startswith("_")}
        allowed = [item.name for item in fields(cls)]
        unknown = sorted(set(given) - set(allowed))
        if unknown:
            raise ArgumentError(
                f"unknown argument {', '.join(unknown)}; allowed are {', '.join(allowed)}"
            )
        return cls._from_text(given, config)

    @classmethod
    @abstractmethod
    def _from_text(cls, given: Mapping[str, str], config: Config) -> Self:
        """The checked values; `given` has known names only."""

    @classmethod
    def differing(
        cls, one: Mapping[str, str], other: Mapping[str, str], config: Config
    ) -> tuple[str, ...]:
        """The names of the arguments by which two crawls have other work to do. How lists are read
        (`render`) is not the work, nor is the order of what a comma list names."""
        mine, others = cls._work(one, config), cls._work(other, config)
        return tuple(sorted(n for n in {*mine, *others} if mine.get(n) != others.get(n)))

    @classmethod
    def _work(cls, given: Mapping[str, str], config: Config) -> dict[str, object]:
        """What arguments mean, defaults included; a file by its name, for it may be gone."""
        texts = {name: text.strip() for name, text in given.items() if not name.startswith("_")}
        file = {name: texts.pop(name) for name in ("file",) if name in texts}
        try:
            parsed: Mapping[str, object] = vars(cls.parse(texts, config))
        except ArgumentError:  # of another version, or with other settings
            parsed = texts
        values = {n: frozenset(v) if isinstance(v, tuple) else v for n, v in parsed.items()}
        return {name: value for name, value in (values | file).items() if name != "render"}

    def check_complete(self) -> None:  # noqa: B027 - most arguments can do without
        """Raise `ArgumentError` when an argument that a crawl needs is missing."""


@dataclass(frozen=True)
class SectionsArguments(Arguments):
    """Arguments of the spider `sections`. `section` is empty for all, `query` for none; None means
    no bound."""

    language: tuple[str, ...]
    section: tuple[str, ...]
    query: str
    since: date | None
    until: date | None
    limit: int | None
    mode: str
    render: str

    @classmethod
    def _from_text(cls, given: Mapping[str, str], config: Config) -> Self:
        since, until = _days(given)
        return cls(
            language=_names("language", given, "en", allowed=config.languages),
            section=_sections(given),
            query=_query(given),
            since=since,
            until=until,
            limit=_positive("limit", given),
            mode=_choice("mode", given, MODES),
            render=_choice("render", given, RENDERS),
        )

    def admits(self, published_at: datetime | None, config: Config) -> bool:
        """Whether a UTC instant is within `since` and `until`, whole days of the site's zone.

        An unknown time is admitted: only the article itself can tell.
        """
        return _within(published_at, self.since, self.until, config)


@dataclass(frozen=True)
class FeedArguments(Arguments):
    """Arguments of the spider `feed`. `language` is empty for every edition that the feed names."""

    language: tuple[str, ...]
    since: date | None

    @classmethod
    def _from_text(cls, given: Mapping[str, str], config: Config) -> Self:
        return cls(_names("language", given, "", allowed=config.languages), _day("since", given))

    def admits(self, published_at: datetime | None, config: Config) -> bool:
        """As `SectionsArguments.admits`, without an upper bound."""
        return _within(published_at, self.since, None, config)


@dataclass(frozen=True)
class ArticlesArguments(Arguments):
    """Arguments of the spider `articles`: addresses of the site as they were given."""

    url: tuple[str, ...]
    file: tuple[str, ...]

    @classmethod
    def _from_text(cls, given: Mapping[str, str], config: Config) -> Self:
        named = [part.strip() for part in given.get("url", "").split(",")]
        listed = _lines(given["file"]) if "file" in given else []
        return cls(_addresses("url", named, config), _addresses("file", listed, config))

    def check_complete(self) -> None:
        if not self.url and not self.file:
            raise ArgumentError(
                "nothing to fetch: give url=ADDRESS[,ADDRESS...] or file=PATH, one address a line"
            )


@dataclass(frozen=True)
class RefreshArguments(Arguments):
    """Arguments of the spider `refresh`. None: what is due, and as many as are."""

    newer_than: timedelta | None
    limit: int | None

    @classmethod
    def _from_text(cls, given: Mapping[str, str], config: Config) -> Self:
        found = cls(_span("newer_than", given), _positive("limit", given))
        if config.store_is_off:
            raise ArgumentError("refresh visits stored articles, and MONGODB_URI=off stores none")
        return found


@dataclass(frozen=True)
class ExportArguments(Arguments):
    """Options of `scrapy export` that say which records; as `SectionsArguments`. `language` and
    `section` are empty for all; `status` may be all, live or gone, `duplicates` keep or drop."""

    language: tuple[str, ...]
    section: tuple[str, ...]
    since: date | None
    until: date | None
    status: str
    duplicates: str

    @classmethod
    def _from_text(cls, given: Mapping[str, str], config: Config) -> Self:
        since, until = _days(given)
        return cls(
            language=_names("language", given, ""),
            section=_sections(given),
            since=since,
            until=until,
            status=_choice("status", given, STATUSES),
            duplicates=_choice("duplicates", given, DUPLICATES),
        )

    def check_editions(self, stored: Iterable[str], config: Config) -> None:
        """Raise `ArgumentError` for an edition that is neither among those of the site nor stored.

        The prefix of an edition in addresses may be another than the name that its label gave it.
        """
        _check_names("language", self.language, tuple(dict.fromkeys((*config.languages, *stored))))


def bounds(
    since: date | None, until: date | None, config: Config
) -> tuple[datetime | None, datetime | None]:
    """The first instant within some whole days of the site's zone, and the first one after them."""
    zone = config.site.zone
    # The first and the last day that a date can name bound nothing, and have none before or after.
    return (
        None if since in (None, date.min) else datetime.combine(since, time(), zone),
        None
        if until in (None, date.max)
        else datetime.combine(until + timedelta(days=1), time(), zone),
    )


def _within(
    published_at: datetime | None, since: date | None, until: date | None, config: Config
) -> bool:
    if published_at is None:
        return True
    first, end = bounds(since, until, config)
    return (first is None or published_at >= first) and (end is None or published_at < end)


def _names(
    name: str,
    given: Mapping[str, str],
    default: str,
    *,
    allowed: tuple[str, ...] = (),
    inner: str = "",
) -> tuple[str, ...]:
    parts = given.get(name, default).split(",")
    values = [part.strip().strip(inner).lower() for part in parts]
    names = tuple(dict.fromkeys(filter(None, values)))
    if name in given and not names:
        raise ArgumentError(f"{name}={given[name]!r} names nothing")
    if allowed:
        _check_names(name, names, allowed)
    forbidden = set(" /?#&\\") - set(inner)
    bad = [v for v in names if set(v) & forbidden or not {"", ".", ".."}.isdisjoint(v.split("/"))]
    if bad:
        raise ArgumentError(f"{name}={bad[0]!r}: give names as they are in addresses")
    return names


def _sections(given: Mapping[str, str]) -> tuple[str, ...]:
    """Slugs of sections; those of sections below others have a slash, ``world/asia``."""
    return _names("section", given, "", inner="/")


def _check_names(name: str, names: Iterable[str], allowed: tuple[str, ...]) -> None:
    unknown = [value for value in names if value not in allowed]
    if unknown:
        more = "; SITE_LANGUAGES names them" if name == "language" else ""
        raise ArgumentError(f"{name}={','.join(unknown)}: allowed are {', '.join(allowed)}{more}")


def _choice(name: str, given: Mapping[str, str], allowed: tuple[str, ...]) -> str:
    value = given.get(name, allowed[0]).strip().lower()
    if value not in allowed:
        raise ArgumentError(f"{name}={given[name]!r}: allowed are {', '.join(allowed)}")
    return value


def _days(given: Mapping[str, str]) -> tuple[date | None, date | None]:
    """The first and the last day, None where there is no bound."""
    since, until = _day("since", given), _day("until", given)
    if since and until and since > until:
        raise ArgumentError(f"since={since} is after until={until}")
    return since, until


def _day(name: str, given: Mapping[str, str]) -> date | None:
    if name not in given:
        return None
    try:
        return date.fromisoformat(given[name].strip())
    except ValueError:
        raise ArgumentError(
            f"{name}={given[name]!r} is no date; give a day of the site's calendar, 2026-06-25"
        ) from None


def _query(given: Mapping[str, str]) -> str:
    words = " ".join(given.get("query", "").split())
    if "query" in given and sum(map(str.isalnum, words)) < LEAST_LETTERS:
        raise ArgumentError(
            f"query={given['query']!r}: the site's search needs {LEAST_LETTERS} letters or more"
        )
    if words and "section" in given:
        raise ArgumentError("give section or query, not both")
    return words


def _span(name: str, given: Mapping[str, str]) -> timedelta | None:
    if name not in given:
        return None
    match = _SPAN.fullmatch(given[name].strip().lower())
    hours = int(match[1]) * _HOURS[match[2]] if match else 0
    if not 0 < hours <= _LONGEST:
        raise ArgumentError(f"{name}={given[name]!r}: give hours, days or weeks, as 48h, 30d or 2w")
    return timedelta(hours=hours)


def _positive(name: str, given: Mapping[str, str]) -> int | None:
    if name not in given:
        return None
    text = given[name].strip()
    if not _WHOLE.fullmatch(text) or int(text) == 0:
        raise ArgumentError(f"{name}={given[name]!r}: give a whole number of 1 or more")
    return int(text)


def _lines(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:  # no such file, no UTF-8, no name for a file
        raise ArgumentError(f"file={path!r} cannot be read: {error}") from None
    return [line.strip() for line in lines if not line.lstrip().startswith("#")]


def _addresses(name: str, values: list[str], config: Config) -> tuple[str, ...]:
    found: list[str] = []
    for value in filter(None, values):
        if config.site.canonical(value) is None:
            raise ArgumentError(
                f"{name}: {value!r} is no address of {config.site.base} (CALIBER_BASE_URL)"
            )
        found.append(value)
    return tuple(dict.fromkeys(found))
