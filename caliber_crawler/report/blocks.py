"""All parts of the page, and those on articles over time: figures → blocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

from markupsafe import Markup

from caliber_crawler.report.charts import bars, line, spell
from caliber_crawler.report.crawls import covered, ended, took
from caliber_crawler.report.figures import Delays, Figures, Stacked
from caliber_crawler.report.stacks import with_columns
from caliber_crawler.report.svg import Scale
from caliber_crawler.report.tables import Block, Chart, Table, minutes
from caliber_crawler.report.views import rising, viewed

_CHANGES = {
    "title": "headline",
    "body": "text",
    "authors": "byline",
    "published_at": "date",
    "url": "address",
}
# In minutes, each up to the next.
_LAGS = (
    ("under 5 min", 0), ("5–15 min", 5), ("15–30 min", 15), ("30–60 min", 30), ("1–2 h", 60),
    ("2–6 h", 120), ("6–24 h", 360), ("1–7 days", 1440),
)  # fmt: skip


def blocks(figures: Figures, zone: tzinfo) -> list[Block]:
    """All parts in the order in which they are read."""
    return [
        published(figures.sections, figures.totals.undated),
        viewed(figures.views, zone),
        rising(figures.views, zone),
        edited(figures.edits),
        delayed(figures.delays),
        ended(figures.crawls),
        took(figures.crawls, zone),
        covered(figures.coverage),
    ]


def published(sections: Stacked, undated: int) -> Block:
    """Articles by the day on which they were published, and their first section."""
    note = f"{undated:,} articles without a time of publication are left out."
    block = Block(
        "articles",
        f"Articles per {sections.periods.unit} and section",
        "By time of publication. An article counts in the section that its page names first.",
        notes=(note,) if undated else (),
        nothing="No article with a time of publication is in this report.",
    )
    return with_columns(block, sections, "articles")


def edited(edits: Stacked) -> Block:
    """Changes by the day on which a crawl saw them."""
    block = Block(
        "edits",
        f"Edits per {edits.periods.unit}",
        "What readers saw changed in articles that were stored before, at the time when a crawl "
        "noticed it. One edit may change several things.",
        nothing="No edit was seen.",
    )
    return with_columns(block, edits, "edits", [_CHANGES.get(kind, kind) for kind in edits.kinds])


def delayed(delays: Delays) -> Block:
    """From publication to first sight: how often how long, and the median over time."""
    unit, periods = delays.periods.unit, delays.periods
    notes = []
    if delays.archived:
        notes.append(
            f"{delays.archived:,} articles were older than a week when first seen; they are taken "
            "for the archive and left out."
        )
    if delays.early:
        notes.append(f"{delays.early:,} articles, seen before their printed time, are left out.")
    block = Block(
        "delay",
        "Delay between publication and first seen",
        "From the printed time of publication to the crawl that first saw the article.",
        notes=tuple(notes),
        nothing="No article was first seen within a week of its publication.",
    )
    if not delays.number:
        return block
    told = minutes(delays.median)
    spread = bars(
        "delay-spread",
        "How many articles were first seen how late",
        f"Half of {delays.number:,} articles were seen within {told}.",
        _spread(delays),
    )
    caption = f"Median delay by {unit} of publication"
    rows = tuple(
        (periods.title(start), minutes(value))
        for start, value in zip(periods.starts, delays.medians, strict=True)
        if value is not None
    )
    return replace(
        block,
        charts=(
            Chart(spread, "Articles", f"half of {delays.number:,} within {told}"),
            Chart(_medians(delays, caption), caption),
        ),
        table=Table(caption, (unit, "median"), rows),
    )


def _spread(delays: Delays) -> list[tuple[str, int]]:
    ends = [*(low for _, low in _LAGS[1:]), max(delays.lags) + 1]
    return [
        (name, sum(number for lag, number in delays.lags.items() if low <= lag < high))
        for (name, low), high in zip(_LAGS, ends, strict=True)
    ]


def _medians(delays: Delays, title: str) -> Markup:
    # The scale is logarithmic, so what is under a minute stands at one.
    seconds = [None if value is None else 60 * max(value, 1.0) for value in delays.medians]
    known = [value for value in seconds if value is not None]
    least, most = min(known), max(known)
    desc = f"{minutes(delays.median)} over all, from {spell(least)} to {spell(most)}."
    words = [minutes(value) for value in delays.medians]
    scale = Scale.times(least, most)
    return line("delay-medians", title, desc, delays.periods, seconds, scale, words)
