"""The parts of the page on crawls: how they ended, how long they took, what pages told them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from statistics import median

from caliber_crawler.report.charts import durations, line, mark, outcome_class, spell
from caliber_crawler.report.figures import OUTCOMES, Coverage, Crawl, Crawls
from caliber_crawler.report.stacks import with_columns
from caliber_crawler.report.svg import Scale
from caliber_crawler.report.tables import Block, Chart, Key, Table, share, when

_LISTED = 50
_PERCENT = Scale(((0.0, "0%"), (1.0, "100%")), 0.0, 1.0)


def ended(crawls: Crawls) -> Block:
    """How many crawls ended how."""
    stacked = crawls.outcomes
    block = Block(
        "outcomes",
        f"Crawls per {stacked.periods.unit} and how they ended",
        "By the start of the crawl and its exit code: healthy 0, looks wrong 3, partly failed 4, "
        "stopped 130 and 143, failed any other.",
        nothing="No crawl is in this report.",
    )
    classes = [outcome_class(kind) for kind in stacked.kinds]
    return with_columns(block, stacked, "crawls", classes=classes, legend=_legend(stacked.kinds))


def took(crawls: Crawls, zone: tzinfo) -> Block:
    """How long each of the newest crawls took, by spider."""
    newest, number = crawls.newest, crawls.number
    lead = "A mark for each crawl, at the time of its start."
    if len(newest) < number:
        lead = f"A mark for each of the latest {len(newest):,} of {number:,} crawls, at its start."
    block = Block("durations", "How long crawls took", lead, nothing="No crawl is in this report.")
    if not newest:
        return block
    local = [replace(crawl, started_at=crawl.started_at.astimezone(zone)) for crawl in newest]
    span = (local[-1].started_at, local[0].started_at)
    charts = [
        _spider([crawl for crawl in local if crawl.spider == spider], span, i)
        for i, spider in enumerate(sorted({crawl.spider for crawl in local}))
    ]
    rows = tuple(
        (
            when(crawl.started_at, zone),
            crawl.spider,
            spell(crawl.seconds),
            _ending(crawl),
            crawl.reason or None,
            crawl.new,
            crawl.changed,
            crawl.requests,
        )
        for crawl in local[:_LISTED]
    )
    table = Table(
        f"The latest {len(rows)} of {number:,} crawls",
        ("started", "spider", "took", "outcome", "reason", "new", "changed", "requests"),
        rows,
    )
    legend = _legend([crawl.outcome for crawl in local])
    return replace(block, charts=tuple(charts), legend=legend, table=table)


def covered(coverage: Coverage) -> Block:
    """The share of articles that had each field."""
    unit, periods = coverage.periods.unit, coverage.periods
    names = sorted(coverage.shares)
    rows = tuple(
        (periods.title(start), *(share(coverage.shares[name][i]) for name in names))
        for i, start in enumerate(periods.starts)
        if any(coverage.shares[name][i] is not None for name in names)
    )
    return Block(
        "coverage",
        "Coverage of the fields over time",
        "Of the article pages that crawls read, how many had each field: from 0% at the bottom to "
        "100% at the top. A line that falls may mean that the site's pages changed.",
        tuple(_field(coverage, name) for name in names),
        table=Table(f"Share of articles with each field, by {unit}", (unit, *names), rows),
        nothing="No crawl has read an article page.",
        small=True,
    )


def _field(coverage: Coverage, name: str) -> Chart:
    overall, shares = share(coverage.overall[name]), coverage.shares[name]
    drawn = line(
        f"coverage-{name}",
        f"Coverage of {name}",
        f"Share of the articles read that had it, by {coverage.periods.unit}: {overall} over all.",
        coverage.periods,
        shares,
        _PERCENT,
        [share(value) for value in shares],
        small=True,
    )
    return Chart(drawn, name, overall)


def _spider(crawls: Sequence[Crawl], span: tuple[datetime, datetime], number: int) -> Chart:
    spider = crawls[0].spider
    half = spell(median(crawl.seconds for crawl in crawls))
    well = sum(crawl.outcome == "healthy" for crawl in crawls)
    told = f"{len(crawls):,} crawls, {well:,} healthy, median {half}"
    chart = durations(f"durations-{number}", f"Durations of crawls of {spider}", told, crawls, span)
    return Chart(chart, spider, told)


def _legend(outcomes: Sequence[str]) -> tuple[Key, ...]:
    seen = [outcome for outcome in OUTCOMES if outcome in outcomes]
    return tuple(Key(outcome, picture=mark(outcome)) for outcome in seen)


def _ending(crawl: Crawl) -> str:
    code = "" if crawl.exit_code is None else f" ({crawl.exit_code})"
    return f"{crawl.outcome}{code}"
