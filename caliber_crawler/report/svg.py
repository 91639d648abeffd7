"""How a chart is written: SVG that takes the width it is given and leaves its letters their size.

Places across are percentages, places down are pixels, so nothing is scaled: a chart is as readable
on a telephone as on a wide screen. Lines, which know no percentages, lie in an inner picture that
is stretched. Colours are classes of the page's style.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

SPACE_ABOVE = 10.0
SPACE_BELOW = 26.0
_STEPS = 6
_LABELS = 6
"""Labels on the axis across; on a telephone every other one is shown."""


def tag(element: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element; children and values are escaped unless they are markup, None leaves one out.

    A trailing ``_`` of a name is dropped, other ones become ``-``.

    >>> tag("text", "a < b", x=1.5, text_anchor="end", class_="tick")
    Markup('<text x="1.5" text-anchor="end" class="tick">a &lt; b</text>')
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(map(escape, children))
    whole = f"<{element}{written}>{inner}</{element}>" if inner else f"<{element}{written}/>"
    return Markup(whole)  # noqa: S704 - every part is escaped above


def percent(share: float) -> str:
    """A place across, 0 to 1.

    >>> percent(1 / 3)
    '33.33%'
    """
    return f"{_plain(100 * share)}%"


def _plain(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where values stand, 0 (bottom) to 1 (top), on a scale whose `ticks` have labels."""

    ticks: tuple[tuple[float, str], ...]
    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def counts(cls, most: float) -> Scale:
        """For whole numbers from 0 up to at least `most`, in a few steps.

        >>> [label for _, label in Scale.counts(17).ticks]
        ['0', '5', '10', '15', '20']
        """
        step = 1.0
        while step * _STEPS < most:
            digit = step / 10 ** math.floor(math.log10(step) + 1e-9)
            step *= 2.5 if round(digit) == 2 else 2
        steps = max(1, math.ceil(most / step))
        ticks = tuple((i * step, f"{i * step:,.0f}") for i in range(steps + 1))
        return cls(ticks, 0.0, steps * step)

    @classmethod
    def times(cls, least: float, most: float) -> Scale:
        """Logarithmic, for seconds; its ends are ones that have names.

        >>> [label for _, label in Scale.times(20, 4_000).ticks]
        ['10 s', '1 min', '10 min', '3 h']
        """
        low = max((t for t, _ in _TIMES if t <= least), default=_TIMES[0][0])
        high = min((t for t, _ in _TIMES if t >= most and t > low), default=_TIMES[-1][0])
        ticks = [(t, name) for t, name in _TIMES if low <= t <= high]
        step = max(1, math.ceil((len(ticks) - 1) / _STEPS_IN_TIME))
        # The last one stands, and the one before it only where there is room.
        shown = ticks[:-step:step] + ticks[-1:] if step > 1 else ticks
        return cls(tuple(shown), low, high, logarithmic=True)

    def share(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


_STEPS_IN_TIME = 4
_TIMES = (
    (1.0, "1 s"), (3.0, "3 s"), (10.0, "10 s"), (30.0, "30 s"), (60.0, "1 min"), (180.0, "3 min"),
    (600.0, "10 min"), (1_800.0, "30 min"), (3_600.0, "1 h"), (10_800.0, "3 h"), (36_000.0, "10 h"),
    (86_400.0, "1 day"), (259_200.0, "3 days"), (864_000.0, "10 days"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """The area of a chart, `height` pixels, with a scale upwards."""

    scale: Scale
    height: float

    def y(self, value: float) -> float:
        """Pixels from the top of the picture."""
        return SPACE_ABOVE + self.height * (1 - self.scale.share(value))

    def grid(self) -> list[Markup]:
        """Lines across, with labels beside the area."""
        return [
            part
            for value, label in self.scale.ticks
            for part in (
                tag("line", x1="0", x2="100%", y1=self.y(value), y2=self.y(value), class_="grid"),
                tag("text", label, x=-8, y=self.y(value) + 4, text_anchor="end", class_="tick"),
            )
        ]

    def across(self, labels: Sequence[tuple[float, str]]) -> list[Markup]:
        """Labels below the area, at places from 0 to 1: some of them, when they are many."""
        step = max(1, math.ceil(len(labels) / _LABELS))
        y = SPACE_ABOVE + self.height + 20
        found = []
        for i, (share, label) in enumerate(labels[::step]):
            # On the left there is room beside the area, on the right hardly any.
            anchor = "end" if share > 0.99 or (share > 0.95 and len(label) > 6) else "middle"
            sort = "tick odd" if i % 2 else "tick"
            found.append(tag("text", label, x=percent(share), y=y, text_anchor=anchor, class_=sort))
        return found

    def picture(self, name: str, title: str, desc: str, parts: Iterable[Markup]) -> Markup:
        """The whole chart. `name` is unique on the page; `title` and `desc` are read aloud."""
        return picture(name, title, desc, SPACE_ABOVE + self.height + SPACE_BELOW, parts)


def picture(
    name: str, title: str, desc: str, height: float, parts: Iterable[Markup], sort: str = "chart"
) -> Markup:
    """A picture of that many pixels, as wide as there is room."""
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", desc, id=f"{name}-desc"),
        *parts,
        class_=sort,
        height=height,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def stretched(y: float, height: float, *lines: Markup) -> Markup:
    """Lines and areas with places 0 to 100 both ways, laid over an area of so many pixels."""
    # An attribute whose name has capitals.
    box = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none"}
    return tag("svg", *lines, x="0", y=y, width="100%", height=height, **box)


def points(places: Iterable[tuple[float, float]]) -> str:
    """Places (0 to 1, across and upwards) as a line of a stretched picture wants them."""
    return " ".join(f"{_plain(100 * x)},{_plain(100 - 100 * y)}" for x, y in places)
