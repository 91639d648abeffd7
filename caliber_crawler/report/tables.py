"""Tables and blocks of the page, and how numbers, times and links are written in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from markupsafe import Markup

from caliber_crawler.report.figures import Viewed
from caliber_crawler.report.svg import tag
from caliber_crawler.site import HOUSE

Cell = str | int | None
"""Text, which is escaped unless it is markup; a number; None where there is nothing to tell."""

_LANGUAGES: Mapping[str, str] = {"arm": "hy"}
"""Editions that are not named by the code of their language."""


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` have a cell for each name in `head`. The first cell of a row is its heading."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: a colour's class, or a picture of a mark."""

    label: str
    colour: str = ""
    picture: Markup = field(default_factory=Markup)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its own small heading, where it needs one, and a word beside that."""

    picture: Markup
    heading: str = ""
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the page. Without charts and `open_table` it says `nothing` instead.

    `table` folds out; `open_table` is always seen. `small` charts stand side by side.
    """

    id: str
    title: str
    lead: str
    charts: tuple[Chart, ...] = ()
    legend: tuple[Key, ...] = ()
    table: Table | None = None
    open_table: Table | None = None
    notes: tuple[str, ...] = ()
    nothing: str = "Nothing to show."
    small: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.charts and self.open_table is None


def share(value: float | None) -> str:
    """A share in per cent. Not all is never written as all, nor something as nothing.

    >>> share(1.0), share(0.9996), share(0.0001), share(None)
    ('100%', '99.9%', '0.1%', '–')
    """
    if value is None:
        return "–"
    shown = 100 * value
    if 0 < value < 1:
        shown = min(max(shown, 0.1), 99.9)
        return f"{shown:.1f}%"
    return f"{shown:.0f}%"


def minutes(value: float | None) -> str:
    """A number of minutes in words.

    >>> minutes(0), minutes(12.5), minutes(90), minutes(3000), minutes(None)
    ('under 1 min', '12.5 min', '1 h 30 min', '2 d 2 h', '–')
    """
    if value is None:
        return "–"
    if value < 60:
        return f"{value:g} min" if value else "under 1 min"
    whole = int(value)
    if whole < 24 * 60:
        return f"{whole // 60} h" + (f" {whole % 60} min" if whole % 60 else "")
    hours = whole // 60
    return f"{hours // 24} d" + (f" {hours % 24} h" if hours % 24 else "")


def when(instant: datetime | None, zone: tzinfo) -> str:
    """A time of the zone: ``25 June 2026 13:24``."""
    if instant is None:
        return "unknown"
    local = instant.astimezone(zone)
    return f"{local.day} {local:%B %Y %H:%M}"


def language_of(edition: str) -> str:
    """The code of the language of an edition, for browsers and what reads pages aloud."""
    return _LANGUAGES.get(edition, edition)


def article(viewed: Viewed, zone: tzinfo) -> Markup:
    """A headline that leads to its article, and beneath it the hyperlink that the site's terms ask
    for, section, edition and time.

    An address that is none of the web is not made a link.
    """
    about = [viewed.section, viewed.language, when(viewed.published_at, zone)]
    rest = " · ".join(part for part in about if part)
    language = language_of(viewed.language)
    if not viewed.url.startswith(("https://", "http://")):
        return tag("span", viewed.title, lang=language) + tag("small", rest)
    headline = tag("a", viewed.title, href=viewed.url, lang=language, rel="noreferrer")
    source = tag("a", HOUSE, href=viewed.url, rel="noreferrer")
    return headline + tag("small", source, f" · {rest}")
