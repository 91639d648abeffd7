"""docs/benchmarks.md and its picture, of the figures that benchmarks have left."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.outcome import Outcome
from benchmarks.peers import PYTHON

_HEAD = """# Benchmarks

Made by `make bench` ([how to run it](../benchmarks/README.md)). All runs of one table were made one
after the other on the same machine, against the bundled stand-in of the site on loopback, with no
delay between requests but where it is told. Read the ratios: the times are those of one machine.
Figures are medians, with the least and the most of several runs in brackets.
"""


def write_page(results: Path, names: Sequence[str], page: Path) -> None:
    """Write the page, and `NAME.svg` in `images` beside it, of all results that are there."""
    parts, bars, quick = [_HEAD], [], False
    for name in names:
        file = results / f"{name}.json"
        if not file.exists():
            continue
        kept = json.loads(file.read_text())
        outcome = Outcome.from_json(kept["outcome"])
        bars += [vars(bar) for bar in outcome.bars]
        quick = quick or kept["quick"]
        on = kept["machine"]
        parts.append(
            f"## {outcome.title}\n\n{outcome.text}\n\n"
            f"*`make bench ARGS={name}`, {on['date']}: {on['processor']}, {on['memory']}, "
            f"{on['system']}, Python {on['python']}, Scrapy {on['scrapy']}; "
            f"took {kept['seconds']:.0f} s.*\n"
        )
    if quick:
        parts.insert(1, "**Of a short run (`--quick`): too little to rely on.**\n")
    if bars:
        picture = page.parent / "images" / f"{page.stem}.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw = Path(__file__).with_name("picture.py")
        subprocess.run(
            [PYTHON, str(draw), str(picture)], input=json.dumps(bars), text=True, check=True
        )
        parts.insert(1, f"![How many times better, as bars](images/{picture.name})\n")
    page.write_text("\n".join(parts))
