"""``make bench``: run the benchmarks and print their tables."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from pathlib import Path

from benchmarks import duplicates, frontier, lists, pages, workers
from benchmarks.crawl import compare


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer articles, one run each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    options = parser.parse_args()
    small, large, runs = (150, 600, 1) if options.quick else (1000, 3000, 3)

    print(f"Python {platform.python_version()}, {platform.platform()}")
    print("\nOne article page:")
    one_page = pages.compare(40 if options.quick else 200)
    print(pages.table(one_page))
    print(f"\nWhole crawl of {large} articles, delay 0, median of {runs} (minimum to maximum):")
    main_run = compare(large, runs)
    print(main_run.table())
    print(f"\nThe same for {small} articles:")
    small_run = compare(small, runs)
    print(small_run.table())
    peaks = [statistics.median(u.peak for u in c.ours) for c in (small_run, main_run)]
    print(
        f"\nPeak memory of ours, {large} against {small} articles: {peaks[1] / peaks[0]:.2f} times"
    )
    sizes = (200, 600) if options.quick else (1000, 5000)
    print("\nOne section's list, without its articles:")
    list_runs = lists.compare(sizes)
    print(lists.table(list_runs))
    print("\nThe frontier alone:")
    queues = (1_000, 20_000) if options.quick else (1_000, 30_000, 1_000_000)
    alone = frontier.alone(queues, queues[0])
    print(frontier.alone_table(alone))
    crawled = frontier.crawls(large, max(runs, 1 if options.quick else 5))
    print(f"\nAll sections and their {large} articles, delay 0:")
    print(frontier.crawls_table(crawled))
    print("\nWorkers, two requests at a time each, a site that answers in 100 ms:")
    many = workers.compare(150 if options.quick else 800, (1, 8))
    print(workers.table(many))
    print("\nNear-duplicates:")
    near = duplicates.compare(*((300, 20) if options.quick else (2_000, 150)))
    print(duplicates.table(near))
    if options.json:
        figures = {
            "pages": pages.figures(one_page),
            "whole_crawl": [comparison.figures() for comparison in (main_run, small_run)],
            "lists": lists.figures(list_runs),
            "frontier": frontier.figures(alone, crawled),
            "duplicates": duplicates.figures(near),
            "workers": [vars(found) for found in many],
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
