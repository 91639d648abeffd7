"""A part of the page that is a chart of stacked columns, with its legend and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from caliber_crawler.report.charts import columns
from caliber_crawler.report.figures import OTHER, Stacked
from caliber_crawler.report.tables import Block, Cell, Chart, Key, Table

_COLOURS = 8


def with_columns(
    block: Block,
    stacked: Stacked,
    noun: str,
    names: Sequence[str] = (),
    classes: Sequence[str] = (),
    legend: tuple[Key, ...] = (),
) -> Block:
    """The block with its columns, their legend and their table; as it is when nothing happened.

    `noun` is what is counted, in the plural; `names` and `classes` are words and colours of the
    kinds, where they are not the kinds themselves and the palette.
    """
    if not any(stacked.totals):
        return block
    names = tuple(names) or stacked.kinds
    classes = classes or palette(stacked.kinds)
    unit, periods = stacked.periods.unit, stacked.periods
    total = sum(stacked.totals)
    told = ", ".join(f"{name} {n:,}" for name, n in zip(names, stacked.sums, strict=True))
    span = f"{periods.title(periods.starts[0])} to {periods.title(periods.starts[-1])}"
    chart = columns(
        f"{block.id}-chart",
        block.title,
        f"{total:,} {noun}, {span}: {told}.",
        replace(stacked, kinds=names),
        classes,
        noun,
    )
    rows: list[tuple[Cell, ...]] = [
        (periods.title(start), n, *row)
        for start, n, row in zip(periods.starts, stacked.totals, stacked.counts, strict=True)
        if n
    ]
    rows.append(("all", total, *stacked.sums))
    colours = tuple(Key(name, colour) for name, colour in zip(names, classes, strict=True))
    return replace(
        block,
        charts=(Chart(chart),),
        legend=legend or colours,
        table=Table(
            f"{noun.capitalize()} per {unit}; a {unit} without any is left out",
            (unit, noun, *names),
            tuple(rows),
        ),
    )


def palette(kinds: Sequence[str]) -> list[str]:
    """Colours in the order of the kinds; grey for the rest."""
    return ["rest" if kind == OTHER else f"s{i % _COLOURS + 1}" for i, kind in enumerate(kinds)]
