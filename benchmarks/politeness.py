"""Many workers and one delay: how often the site is asked, ours against scrapy-redis.

The site's log says it: workers run until each of them has been seen there, and then for some
seconds that count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks import peers
from benchmarks.crawl import SCRAPY
from benchmarks.measure import environment, started, wait_until
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown
from benchmarks.redis_server import redis
from demo_site import ServedSite, SiteConfig, World, serve

DELAY = 0.2
_ALLOWED = 1 / DELAY
_EARLY = 0.99  # less than this share of the delay is too early; the rest is left to clocks
_START_SECONDS = 120.0  # until all workers ask for pages, at most


@dataclass(frozen=True)
class PolitenessRun:
    """`rate`: requests a second in the seconds that count. `gap`: the least seconds between any two
    requests, of whatever worker, since the first one. `early`: the share of requests that came
    before the delay was over.
    """

    side: str
    workers: int
    seconds: float
    requests: int
    rate: float
    gap: float
    early: float


def compare(numbers: Sequence[int], seconds: float) -> list[PolitenessRun]:
    """Both sides with each number of workers."""
    least = round((seconds + _START_SECONDS) / DELAY)  # more than one worker can take
    config = SiteConfig(articles=least * max(numbers), seed=1)
    world = World(config)
    found = []
    with (
        tempfile.TemporaryDirectory() as name,
        serve(config) as site,
        mongodb(Path(name) / "mongodb") as uri,
        MongoClient[dict[str, Any]](uri) as client,
        redis() as server,
    ):
        urls = Path(name) / "urls.txt"
        for number in numbers:
            addresses = [site.url + world.article("en", i).path for i in range(least * number)]
            urls.write_text("\n".join(addresses[:least]))  # ours takes no more with more workers
            client.drop_database("caliber")
            ours = environment(site.url, uri) | {
                "CRAWL_ID": f"polite-{number}", "CLUSTER_DOWNLOAD_DELAY": str(DELAY),
            }  # fmt: skip
            command = [*SCRAPY, "crawl", "articles", "-a", f"file={urls}"]
            found.append(_run("ours", [command] * number, ours, Path(name), site, seconds))
            peers.push_urls(server, addresses)
            command = peers.redis_crawl(
                server, DOWNLOAD_DELAY=DELAY, RANDOMIZE_DOWNLOAD_DELAY=False
            )
            found.append(_run("scrapy-redis", [command] * number, {}, Path(name), site, seconds))
    return found


def _run(
    side: str,
    commands: Sequence[Sequence[str]],
    variables: dict[str, str],
    folder: Path,
    site: ServedSite,
    seconds: float,
) -> PolitenessRun:
    """Start a worker for each command, each with an agent of its own by which the log tells it."""
    before = len(site.log)
    with ExitStack() as workers:
        running = [
            workers.enter_context(
                started(
                    [*command, "-s", f"USER_AGENT=worker-{i}"], variables, folder, f"worker-{i}"
                )
            )
            for i, command in enumerate(commands)
        ]

        def seen() -> bool:
            for i, worker in enumerate(running):
                if worker.poll() is not None:
                    log = (folder / f"worker-{i}.log").read_text()[-3000:]
                    raise RuntimeError(f"{side}: worker ended: {worker.returncode}\n{log}")
            agents = {hit.agent for hit in site.log[before:] if "/post/" in hit.path}
            return len(agents) == len(commands)

        wait_until(seen, _START_SECONDS, f"{len(commands)} workers of {side}")
        began = time.monotonic()
        time.sleep(seconds)
        ended = time.monotonic()
        seen()
    at = [hit.at for hit in site.log[before:]]
    counted = [moment for moment in at if began <= moment < ended]
    gaps = [later - sooner for sooner, later in pairwise(at)]
    early = sum(gap < _EARLY * DELAY for gap in gaps) / len(gaps)
    return PolitenessRun(
        side,
        len(commands),
        seconds,
        len(counted),
        len(counted) / (ended - began),
        min(gaps),
        early,
    )


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    numbers, seconds = ((3,), 2.0) if quick else ((1, 3, 8), 20.0)
    runs = compare(numbers, seconds)
    rows = [
        (run.workers, run.side, f"{run.rate:.2f}", f"{run.gap:.3f}", f"{run.early:.1%}")
        for run in runs
    ]
    heads = ("workers", "", "requests a second", "least gap, s", "too early")
    text = markdown(heads, rows)
    text += f"""

All workers share one crawl with a delay of {DELAY} s, which allows {_ALLOWED:.0f} requests a
second. Ours: `CLUSTER_DOWNLOAD_DELAY={DELAY}`, which holds for all workers together; scrapy-redis:
`DOWNLOAD_DELAY={DELAY}` without randomizing, which Scrapy keeps within each worker (the shared
queue has no part in it). By the site's log: requests a second, for {seconds:.0f} s once every
worker had asked for a page; the least time between any two requests from the first one on; and the
share that came less than {_EARLY * DELAY:.3f} s after the one before. robots.txt counts, too.
{peers.versions("scrapy", "scrapy-redis")}."""
    bars = []
    for ours, theirs in zip(runs[::2], runs[1::2], strict=True):
        # Nobody gains by being slower than allowed.
        ratio = max(theirs.rate, _ALLOWED) / max(ours.rate, _ALLOWED)
        workers = f"{ours.workers} worker{'s' * (ours.workers > 1)}"
        label = f"Politeness, {workers}: keeping to the allowed rate"
        bars.append(Bar.of(label, "Scrapy with scrapy-redis", [ratio]))
    return Outcome("Politeness", text, [asdict(run) for run in runs], tuple(bars))
