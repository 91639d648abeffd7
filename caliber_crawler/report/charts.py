"""The kinds of charts: stacked columns, points of many shapes, a line, bars, a small curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate, groupby

from markupsafe import Markup

from caliber_crawler.report.figures import Crawl, Outcome, Stacked
from caliber_crawler.report.periods import Periods
from caliber_crawler.report.svg import (
    SPACE_ABOVE,
    Frame,
    Scale,
    percent,
    picture,
    points,
    stretched,
    tag,
)

_HEIGHT = 200.0
_LOW_HEIGHT = 96.0
_SMALL_HEIGHT = 56.0
_ROW = 26.0

SHAPES: Mapping[Outcome, str] = {
    "healthy": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "looks wrong": "M0-5.5 5.5 4.5-5.5 4.5z",
    "partly failed": "M0-6 6 0 0 6-6 0z",
    "failed": "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0z",
    "stopped": "M-4-4H4V4H-4z",
    "running": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0zM-2.5 0a2.5 2.5 0 1 1 5 0a2.5 2.5 0 1 1-5 0z",
}
"""The outline of each outcome's mark, round the point that it stands for: colours alone would not
tell them apart for everybody."""


def mark(outcome: Outcome) -> Markup:
    """The mark of an outcome as a picture of its own, for legends and tables."""
    box = {"viewBox": "-7 -7 14 14"}
    shape = tag("path", d=SHAPES[outcome], class_=outcome_class(outcome))
    return tag("svg", shape, class_="mark", aria_hidden="true", **box)


def outcome_class(outcome: str) -> str:
    """The class of the page's style that has the outcome's colour."""
    return f"o-{outcome.split(maxsplit=1)[0]}"


def columns(
    name: str, title: str, desc: str, stacked: Stacked, classes: Sequence[str], noun: str
) -> Markup:
    """A column for each period, in it the kinds one above the other, the first at the bottom.

    `classes` are the kinds' colours; `noun` is what is counted, in the plural.
    """
    starts = stacked.periods.starts
    tall = [max(sum(row), total) for row, total in zip(stacked.counts, stacked.totals, strict=True)]
    frame = Frame(Scale.counts(max(tall, default=1)), _HEIGHT)
    width = 1 / len(starts)
    # At least a sliver of space between columns, and no column as wide as a wall.
    thick = min(width * 0.82, 0.12)
    parts = frame.grid()
    for i, (start, row) in enumerate(zip(starts, stacked.counts, strict=True)):
        left = (i + 0.5) * width - thick / 2
        tops = list(accumulate(row))
        bars = [
            tag(
                "rect",
                x=percent(left),
                width=percent(thick),
                y=frame.y(top),
                height=max(0.75, frame.y(top - number) - frame.y(top)),
                class_=sort,
            )
            for number, top, sort in zip(row, tops, classes, strict=True)
            if number
        ]
        if bars:
            told = [f"{number:,} {kind}" for number, kind in zip(row, stacked.kinds, strict=True)
                    if number]  # fmt: skip
            words = f"{stacked.periods.title(start)}: {stacked.totals[i]:,} {noun}"
            parts.append(tag("g", tag("title", f"{words} ({', '.join(told)})"), *bars))
    parts += frame.across(_period_labels(stacked.periods))
    return frame.picture(name, title, desc, parts)


def durations(
    name: str, title: str, desc: str, crawls: Sequence[Crawl], span: tuple[datetime, datetime]
) -> Markup:
    """A mark for each crawl: across when it began, upwards how long it took (logarithmic)."""
    took = [crawl.seconds for crawl in crawls]
    frame = Frame(Scale.times(min(took), max(took)), _LOW_HEIGHT)
    marks = [
        tag(
            "svg",
            tag(
                "path",
                tag("title", f"{crawl.started_at:%d %b %Y %H:%M}: {spell(crawl.seconds)}, "
                    f"{crawl.outcome}"),
                d=SHAPES[crawl.outcome],
                class_=outcome_class(crawl.outcome),
            ),
            x=percent(_share(crawl.started_at, span)),
            y=frame.y(crawl.seconds),
            class_="at",
        )
        for crawl in reversed(crawls)
    ]  # fmt: skip
    return frame.picture(
        name, title, desc, [*frame.grid(), *frame.across(_time_labels(span)), *marks]
    )


def line(
    name: str,
    title: str,
    desc: str,
    periods: Periods,
    values: Sequence[float | None],
    scale: Scale,
    words: Sequence[str],
    *,
    small: bool = False,
) -> Markup:
    """A line through the periods' values, broken where there is none.

    `words` say each value. A small one has neither axis nor labels.
    """
    frame = Frame(scale, _SMALL_HEIGHT if small else _HEIGHT)
    width = 1 / len(values)
    places = [((i + 0.5) * width, v) for i, v in enumerate(values)]
    runs = [
        [(x, scale.share(v)) for x, v in run if v is not None]
        for there, run in groupby(places, key=lambda place: place[1] is not None)
        if there
    ]
    drawn = [
        tag("polyline", points=points(run), class_="line", vector_effect="non-scaling-stroke")
        for run in runs
        if len(run) > 1
    ]
    dots = [
        tag(
            "circle",
            tag("title", f"{periods.title(start)}: {said}"),
            cx=percent(x),
            cy=frame.y(v),
            r=_radius(len(values), small),
            class_="dot",
        )
        for (x, v), start, said in zip(places, periods.starts, words, strict=True)
        if v is not None
    ]
    under = stretched(SPACE_ABOVE, frame.height, *drawn)
    if small:
        base = frame.height + SPACE_ABOVE
        edges = [
            tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid") for y in (SPACE_ABOVE, base)
        ]
        return picture(name, title, desc, base + 6, [*edges, under, *dots], "small")
    parts = [*frame.grid(), *frame.across(_period_labels(periods)), under, *dots]
    return frame.picture(name, title, desc, parts)


def _radius(number: int, small: bool) -> float:
    if number > 40:
        return 1.5
    return 2.0 if small else 3.5


def bars(name: str, title: str, desc: str, rows: Sequence[tuple[str, int]]) -> Markup:
    """A bar for each row, from the left, with its number behind it."""
    most = max((number for _, number in rows), default=0) or 1
    parts = []
    for i, (label, number) in enumerate(rows):
        y = i * _ROW
        share = 0.86 * number / most  # the rest is for the number
        parts += [
            tag("text", label, x=-8, y=y + 17, text_anchor="end", class_="tick"),
            tag("rect", x="0", y=y + 4, width=percent(share), height=_ROW - 8, class_="s1"),
            tag("text", f"{number:,}", x=percent(share), y=y + 17, dx=6, class_="value"),
        ]
    return picture(name, title, desc, len(rows) * _ROW, parts, "chart wide")


def curve(name: str, title: str, desc: str, seen: Sequence[tuple[datetime, int]]) -> Markup:
    """How a counter grew, from the first time it was read to the last."""
    span = (seen[0][0], seen[-1][0])
    counts = [count for _, count in seen]
    low, high = min(counts), max(counts)
    places = [
        (_share(at, span), (count - low) / (high - low) if high > low else 0.5)
        for at, count in seen
    ]
    area = points([(places[0][0], 0.0), *places, (places[-1][0], 0.0)])
    drawn = stretched(
        3,
        26,
        tag("polygon", points=area, class_="area"),
        tag("polyline", points=points(places), class_="line", vector_effect="non-scaling-stroke"),
    )
    return picture(name, title, desc, 32, [drawn], "curve")


def spell(seconds: float) -> str:
    """A length of time in its one or two largest units.

    >>> spell(7_500), spell(59.6), spell(0.3)
    ('2 h 5 min', '1 min', '0.3 s')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, lesser in _UNITS:
        if whole >= unit:
            count, rest = divmod(round(whole / below) * below, unit)
            return f"{count} {name}" + (f" {rest // below} {lesser}" if rest else "")
    return f"{whole} s"


_UNITS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))


def _share(at: datetime, span: tuple[datetime, datetime]) -> float:
    first, last = span
    return (at - first) / (last - first) if last > first else 0.5


def _period_labels(periods: Periods) -> list[tuple[float, str]]:
    width = 1 / len(periods.starts)
    return [((i + 0.5) * width, periods.label(start)) for i, start in enumerate(periods.starts)]


def _time_labels(span: tuple[datetime, datetime]) -> list[tuple[float, str]]:
    """Days at even distances, or the time of day too when there is hardly one day."""
    first, last = span
    if first == last:
        return [(0.5, f"{first.day} {first:%b %H:%M}")]
    found: dict[str, float] = {}
    seconds = (last - first).total_seconds()
    for i in range(6):
        at = first + (last - first) * i / 5
        if seconds < 4 * 86_400:
            label = f"{at.day} {at:%b %H:%M}"
        else:
            label = f"{at.day} {at:%b}" if seconds < 300 * 86_400 else f"{at:%b %Y}"
        found.setdefault(label, i / 5)
    return [(share, label) for label, share in found.items()]
