"""The whole page: what it is about, numbers, and the parts with charts → HTML in one file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from caliber_crawler.report.blocks import blocks
from caliber_crawler.report.charts import mark
from caliber_crawler.report.figures import Figures
from caliber_crawler.report.tables import Cell, share, when
from caliber_crawler.site import HOUSE, Site


@dataclass(frozen=True, slots=True)
class About:
    """What a report is made from: `where` is the database without a password, `at` the instant of
    the report; `since` and `until` (days, both included), `languages` and `sections` are what was
    asked for, empty and None for all."""

    site: Site
    where: str
    at: datetime
    since: date | None = None
    until: date | None = None
    languages: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name, and a few words more."""

    name: str
    number: str
    more: str = ""


def render(figures: Figures, about: About) -> str:
    """The page. The same figures give the same page."""
    template = _templates().get_template("page.html")
    return template.render(
        house=HOUSE,
        site=about.site.base,
        zone=str(about.site.zone),
        rows=_rows(figures, about),
        tiles=_tiles(figures),
        last=_last(figures, about),
        blocks=blocks(figures, about.site.zone),
        is_empty=not figures.totals.articles,
        is_bare=not figures.totals.articles and not figures.crawls.number,
    )


@cache
def _templates() -> Environment:
    jinja = Environment(
        loader=PackageLoader("caliber_crawler.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["cell"] = _cell
    jinja.tests["figure"] = lambda value: isinstance(value, int)
    return jinja


def _cell(value: Cell) -> str | Markup:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else value


def _rows(figures: Figures, about: About) -> list[tuple[str, str]]:
    """What the report is about, each with its name."""
    zone = about.site.zone
    rows = [
        ("Made", f"{when(about.at, zone)} ({zone})"),
        ("Times and days", f"of the zone {zone}"),
        ("Database", about.where),
        ("Articles", f"{figures.totals.articles:,}{_published(figures)}"),
    ]
    if about.since or about.until:
        span = [f"from {_day(about.since)}" if about.since else "",
                f"to {_day(about.until)}" if about.until else ""]  # fmt: skip
        rows.append(("Only days", " ".join(filter(None, span))))
    if about.languages:
        rows.append(("Only editions", ", ".join(about.languages)))
    if about.sections:
        rows.append(("Only sections", ", ".join(about.sections)))
    return rows


def _published(figures: Figures) -> str:
    if figures.first is None or figures.last is None:
        return ""
    return f", published from {_day(figures.first)} to {_day(figures.last)}"


def _day(day: date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day else ""


def _tiles(figures: Figures) -> list[Tile]:
    totals, crawls = figures.totals, figures.crawls
    ended = dict(zip(crawls.outcomes.kinds, crawls.outcomes.sums, strict=True))
    finished = crawls.number - ended.get("running", 0)
    well = f"{share(ended.get('healthy', 0) / finished)} healthy" if finished else ""
    editions = ", ".join(f"{name} {number:,}" for name, number in totals.editions)
    return [
        Tile("Articles", f"{totals.articles:,}", editions),
        Tile("Edited", f"{totals.edited:,}", _of(totals.edited, totals.articles)),
        Tile("Removed", f"{totals.gone:,}", "text is kept"),
        Tile("Repeated exactly", f"{totals.duplicates:,}",
             _of(totals.duplicates, totals.articles)),
        Tile("Nearly repeated", f"{totals.near_duplicates:,}",
             _of(totals.near_duplicates, totals.articles)),
        Tile("Crawls", f"{crawls.number:,}", well),
    ]  # fmt: skip


def _of(number: int, total: int) -> str:
    return f"{share(number / total)} of articles" if total else ""


def _last(figures: Figures, about: About) -> tuple[Markup, str] | None:
    """The latest crawl that has ended: its mark, and a sentence on it."""
    zone = about.site.zone
    for crawl in figures.crawls.newest:
        if crawl.outcome != "running":
            said = f"The latest crawl that has ended ({crawl.spider}, begun "
            said += f"{when(crawl.started_at, zone)}): {crawl.outcome}"
            return mark(crawl.outcome), f"{said}, {crawl.new:,} new, {crawl.changed:,} changed."
    return None
