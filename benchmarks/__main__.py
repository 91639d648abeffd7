"""``make bench``: run benchmarks, print their tables, and keep their figures.

Each benchmark writes FOLDER/NAME.json when it is done; a later run of some of them replaces those
only. The page and the picture are then made of all that the folder holds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.measure import ROOT
from benchmarks.outcome import Outcome
from benchmarks.page import write_page

# Each is a module here with `measure(quick: bool) -> Outcome`, in the order of the page.
BENCHMARKS = (
    "crawl",
    "pages",
    "lists",
    "frontier",
    "workers",
    "duplicates",
    "kills",
    "politeness",
    "updates",
    "store",
    "memory",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when all that was asked for was measured, 1 otherwise, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small, one run each")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="where figures are kept")
    parser.add_argument("--page", type=Path, metavar="FILE", help="page to write; picture beside")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    quick = ROOT / ".caliber" / "bench-quick"
    results = options.results or (quick if options.quick else ROOT / "benchmarks" / "results")
    page = options.page or (quick if options.quick else ROOT / "docs") / "benchmarks.md"
    results.mkdir(parents=True, exist_ok=True)

    failed = []
    for name in options.names or BENCHMARKS:
        began = time.monotonic()
        try:
            outcome: Outcome = importlib.import_module(f"benchmarks.{name}").measure(options.quick)
        except Exception as error:  # the others are worth having all the same
            print(f"\n{name} failed: {error}", file=sys.stderr)
            failed.append(name)
            continue
        took = time.monotonic() - began
        kept = {
            "name": name,
            "seconds": round(took, 1),
            "machine": machine(),
            "quick": options.quick,
        }
        file = results / f"{name}.json"
        file.write_text(json.dumps(kept | {"outcome": outcome.as_json()}, indent=1) + "\n")
        print(f"\n## {outcome.title}\n\n{outcome.text}\n\n({took:.0f} s)", flush=True)
    write_page(results, BENCHMARKS, page)
    print(f"\nFigures: {results}; page: {page}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
