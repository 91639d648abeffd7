"""What a benchmark brings: text for people, figures for programs, bars for the picture."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    """A ratio of one run: how many times better ours is than `against`; 1.0 is as good.

    `ratio` is the median, `low` and `high` the least and the most of several runs.
    """

    label: str
    against: str
    ratio: float
    low: float
    high: float

    @classmethod
    def of(cls, label: str, against: str, ratios: Sequence[float]) -> Bar:
        return cls(label, against, statistics.median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True)
class Outcome:
    """One benchmark's result. `text` is Markdown without a heading: tables, what they show, and how
    it was measured. `figures` holds what JSON can hold."""

    title: str
    text: str
    figures: Any
    bars: tuple[Bar, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Outcome:
        return cls(**found | {"bars": tuple(Bar(**bar) for bar in found["bars"])})


def markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown that reads well in a terminal, too: first column left, others right."""
    cells = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |"
        for row in [cells[0], rule, *cells[1:]]
    ]
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, with minimum and maximum where there are several."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
