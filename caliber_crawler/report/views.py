"""The parts of the page that list articles: the most viewed and the fastest rising ones."""

from __future__ import annotations

from datetime import tzinfo

from markupsafe import Markup

from caliber_crawler.report.charts import curve
from caliber_crawler.report.figures import Viewed, Views
from caliber_crawler.report.svg import tag
from caliber_crawler.report.tables import Block, Cell, Table, article, when


def viewed(views: Views, zone: tzinfo) -> Block:
    """The articles with the largest counters."""
    most = max((one.views for one in views.most), default=0)
    rows = [
        _row(f"viewed-{i}", one, zone, _bar(one.views / most), f"{one.views:,}")
        for i, one in enumerate(views.most)
    ]
    return _block(
        "viewed",
        "Most viewed articles",
        "By the counter on the article's page, when it was last read. The curve shows how it grew "
        "from the first visit to the last.",
        "views",
        rows,
        "No counter of views has been read.",
    )


def rising(views: Views, zone: tzinfo) -> Block:
    """The articles whose counters grew the most by the hour."""
    most = max((one.rate or 0.0 for one in views.rising), default=0.0)
    rows = [
        _row(f"rising-{i}", one, zone, _bar((one.rate or 0.0) / most), _rate(one.rate))
        for i, one in enumerate(views.rising)
    ]
    lead = "Views per hour between the first and the last visit, an hour apart at least"
    if views.since and views.until:
        lead += f", from {when(views.since, zone)} to {when(views.until, zone)}"
    return _block(
        "rising",
        "Fastest rising articles",
        f"{lead}.",
        "views per hour",
        rows,
        "No article was seen to rise: that takes two visits, an hour apart at least.",
    )


def _block(
    id_: str, title: str, lead: str, what: str, rows: list[tuple[Cell, ...]], nothing: str
) -> Block:
    table = Table(title, ("article", what, "over time"), tuple(rows))
    return Block(id_, title, lead, open_table=table if rows else None, nothing=nothing)


def _row(name: str, one: Viewed, zone: tzinfo, bar: Markup, number: str) -> tuple[Cell, ...]:
    drawn: Cell = None
    if len(one.points) > 1:
        (first_at, first), (last_at, last) = one.points[0], one.points[-1]
        desc = f"From {first:,} on {when(first_at, zone)} to {last:,} on {when(last_at, zone)}."
        drawn = curve(name, f"Views of {one.title}", desc, one.points)
    return article(one, zone), tag("span", number, class_="count") + bar, drawn


def _bar(share: float) -> Markup:
    """A bar whose length is a share of the longest one."""
    rect = tag("rect", x="0", y="0", width=f"{100 * share:.1f}%", height="6", class_="s1")
    return tag("svg", rect, class_="bar", height="6", aria_hidden="true")


def _rate(rate: float | None) -> str:
    return f"{rate or 0.0:,.1f}" if (rate or 0.0) < 100 else f"{rate:,.0f}"
