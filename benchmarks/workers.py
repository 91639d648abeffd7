"""Many workers: how much faster they are than one, on a site that takes its time to answer."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.crawl import SCRAPY
from benchmarks.measure import environment
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Outcome, markdown
from demo_site import SiteConfig, World, serve

_ANSWER_SECONDS = 0.1
_AT_ONCE = "2"


@dataclass(frozen=True)
class WorkersRun:
    """`seconds` from the first request for an article to the last one, by the site's log."""

    workers: int
    articles: int
    seconds: float


def compare(articles: int, numbers: tuple[int, ...]) -> list[WorkersRun]:
    """Take the same articles with each number of workers; each must be asked for once."""
    found = []
    config = SiteConfig(articles=articles, seed=1)
    world = World(config)
    with (
        tempfile.TemporaryDirectory() as name,
        serve(config) as site,
        mongodb(Path(name) / "mongodb") as uri,
        MongoClient[dict[str, Any]](uri) as client,
    ):
        site.knobs.delay = _ANSWER_SECONDS
        urls = Path(name) / "urls.txt"
        paths = [world.article("en", i).path for i in range(articles)]
        urls.write_text("".join(f"{site.url}{path}\n" for path in paths))
        for number in numbers:
            client.drop_database("caliber")
            before = len(site.log)
            settings = os.environ | environment(site.url, uri) | {"CRAWL_ID": f"workers-{number}"}
            command = [
                *SCRAPY, "crawl", "articles", "-a", f"file={urls}",
                "-s", f"CONCURRENT_REQUESTS_PER_DOMAIN={_AT_ONCE}",
                "-s", f"CONCURRENT_REQUESTS={2 * int(_AT_ONCE)}",
            ]  # fmt: skip
            workers = [
                subprocess.Popen(
                    command,
                    env=settings,
                    cwd=name,
                    stderr=subprocess.DEVNULL,
                )
                for _ in range(number)
            ]
            codes = [worker.wait() for worker in workers]
            asked = [hit.at for hit in site.log[before:] if "/post/" in hit.path]
            stored = client["caliber"]["articles"].count_documents({})
            if any(codes) or len(asked) != articles or stored != articles:
                raise RuntimeError(
                    f"{number} workers: {codes}, {len(asked)} asked, {stored} stored"
                )
            found.append(WorkersRun(number, articles, asked[-1] - asked[0]))
    return found


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    found = compare(150 if quick else 800, (1, 8))
    rows = [(r.workers, f"{r.seconds:.1f}", f"{found[0].seconds / r.seconds:.2f}") for r in found]
    text = markdown(("workers", "seconds", "times the speed of one"), rows)
    text += "\n\nTwo requests at a time each, on a site that answers in 100 ms."
    return Outcome("Many workers", text, [vars(r) for r in found])
