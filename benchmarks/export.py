"""`scrapy export` in each format: time, memory and size, as the archive grows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crawl import SCRAPY
from benchmarks.measure import Usage, environment, run
from benchmarks.outcome import markdown, spread

ENDINGS = ("jsonl", "jsonl.zst", "csv", "parquet")
_NO_SITE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Exported:
    """Exports of all records to one format: what each run took, and the size of the file."""

    records: int
    ending: str
    runs: list[Usage]
    size: int

    def median(self, name: str) -> float:
        middle: float = statistics.median(getattr(usage, name) for usage in self.runs)
        return middle


def exports(
    uri: str, records: int, runs: int, folder: Path, endings: Sequence[str] = ENDINGS
) -> list[Exported]:
    """Export the database so often in each format; each file must have all records."""
    found = []
    for ending in endings:
        file = folder / f"records.{ending}"
        command = [*SCRAPY, "export", "-o", str(file)]
        usages = [run(command, environment(_NO_SITE, uri), folder) for _ in range(runs)]
        # What the command prints goes there, too.
        said = (folder / "stderr.txt").read_text()
        if f"{file}: {records} records, " not in said:
            raise RuntimeError(f"not all of {records} records: {said}")
        found.append(Exported(records, ending, usages, file.stat().st_size))
        file.unlink()
    return found


def table(found: Sequence[Exported]) -> str:
    """With the rate of what is beyond the size before, which leaves the command's start out."""
    rows = []
    for one in found:
        smaller = [o for o in found if o.ending == one.ending and o.records < one.records]
        rate = ""
        if smaller:
            before = max(smaller, key=lambda o: o.records)
            took = one.median("wall") - before.median("wall")
            rate = f"{(one.records - before.records) / took:,.0f}" if took > 0 else "too short"
        rows.append(
            (
                f"{one.records:,}",
                one.ending,
                spread([usage.wall for usage in one.runs]),
                rate,
                f"{one.median('peak'):.0f}",
                f"{one.size / one.records:,.0f}",
            )
        )
    heads = (
        "records",
        "format",
        "seconds, with start",
        "records a second",
        "peak MiB",
        "bytes a record",
    )
    return markdown(heads, rows)
