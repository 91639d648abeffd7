"""`kill -9` at random moments: articles lost and pages asked for again, ours against scrapy-redis.

One worker takes articles from a site that needs a moment for each. It is killed when the site has
answered a drawn number of requests, and started again, until a run comes to its end.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks import peers
from benchmarks.crawl import SCRAPY
from benchmarks.measure import environment, started
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown
from benchmarks.redis_server import redis
from demo_site import ServedSite, SiteConfig, World, serve

_ANSWER_SECONDS = 0.03
_LEASE_SECONDS = "2"
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class KillsRun:
    """`lost`: articles that were in the end nowhere. `again`: requests for article pages beyond one
    for each; `twice`: articles that were delivered more than once. `seconds` from first to last
    request.
    """

    side: str
    articles: int
    kills: int
    lost: int
    again: int
    twice: int
    seconds: float


def moments(articles: int, kills: int, seed: int) -> list[tuple[int, float]]:
    """When to kill: after so many of the pages were asked for, and so many seconds later."""
    chance = random.Random(seed)
    after = sorted(chance.sample(range(articles // 20, articles * 9 // 10), kills))
    return [(number, chance.random() * _ANSWER_SECONDS) for number in after]


def compare(articles: int, kills: int, seed: int) -> list[KillsRun]:
    """Both sides, over the same pages, killed at the same moments."""
    config = SiteConfig(articles=articles, seed=1)
    world = World(config)
    with (
        tempfile.TemporaryDirectory() as name,
        serve(config) as site,
        mongodb(Path(name) / "mongodb") as uri,
        MongoClient[dict[str, Any]](uri) as client,
        redis() as server,
    ):
        site.knobs.delay = _ANSWER_SECONDS
        paths = [world.article("en", i).path for i in range(articles)]
        addresses = [site.url + path for path in paths]
        urls = Path(name) / "urls.txt"
        urls.write_text("\n".join(addresses))
        peers.push_urls(server, addresses)

        def stored() -> Counter[str]:
            documents = client["caliber"]["articles"].find({}, {"url": 1})
            return Counter(document["url"] for document in documents)

        def piled() -> Counter[str]:
            return Counter(json.loads(item)["url"] for item in server.values(peers.ITEMS_KEY))

        variables = environment(site.url, uri) | {
            "CRAWL_ID": "kills", "FRONTIER_LEASE_SECONDS": _LEASE_SECONDS,
        }  # fmt: skip
        items = '{"scrapy_redis.pipelines.RedisPipeline": 300}'
        sides: list[tuple[str, Sequence[str], Mapping[str, str], Callable[[], Counter[str]]]] = [
            ("ours", [*SCRAPY, "crawl", "articles", "-a", f"file={urls}"], variables, stored),
            ("scrapy-redis", peers.redis_crawl(server, ITEM_PIPELINES=items), {}, piled),
        ]
        found = []
        for side, command, given, delivered in sides:
            before = len(site.log)
            when = moments(articles, kills, seed)
            done = _crawl(command, given, Path(name), site, when)
            asked = Counter(hit.path for hit in site.log[before:] if "/post/" in hit.path)
            times = [hit.at for hit in site.log[before:]]
            got = delivered()
            found.append(
                KillsRun(
                    side,
                    articles,
                    done,
                    len(set(addresses) - set(got)),
                    asked.total() - len(asked),
                    sum(number > 1 for number in got.values()),
                    times[-1] - times[0],
                )
            )
    return found


def _crawl(
    command: Sequence[str],
    variables: Mapping[str, str],
    folder: Path,
    site: ServedSite,
    when: Sequence[tuple[int, float]],
) -> int:
    """Run, kill and run again; how often it was killed. `RuntimeError` when the last run fails."""
    before, killed = len(site.log), 0
    for number, later in when:
        with started(command, variables, folder) as worker:
            while worker.poll() is None and _pages(site, before) < number:
                time.sleep(0.005)
            time.sleep(later)
            killed += worker.poll() is None
            worker.kill()
    with started(command, variables, folder) as worker:
        if code := worker.wait(_PATIENCE_SECONDS):
            log = (folder / "worker.log").read_text()[-3000:]
            raise RuntimeError(f"{command}: exit code {code}\n{log}")
    return killed


def _pages(site: ServedSite, since: int) -> int:
    return sum("/post/" in hit.path for hit in site.log[since:])


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    articles, kills, seeds = (120, 1, 1) if quick else (1_000, 10, 3)
    runs = [run for seed in range(seeds) for run in compare(articles, kills, seed)]
    rows = [
        (run.side, f"{run.articles:,}", run.kills, run.lost, run.again, run.twice) for run in runs
    ]
    heads = ("", "articles", "kills", "never delivered", "asked for again", "delivered twice")
    text = markdown(heads, rows)
    text += f"""

One worker, eight requests at a time, on a site that answers in {1000 * _ANSWER_SECONDS:.0f} ms.
SIGKILL at moments drawn from a seed (the same for both sides: after so many requests for articles,
and up to an answer's time later), then started again, until a run ends by itself. Delivered: a
record in MongoDB, or an item in Redis by scrapy-redis' own `RedisPipeline`. A crawl of ours
waits for the leases of the killed worker to run out ({_LEASE_SECONDS} s here, 30 s by default),
then takes their requests once more. scrapy-redis removes a request from Redis when it is handed
out, so what a killed worker had in its hands is not asked for again. The servers are not killed;
Redis writes nothing to disk. {peers.versions("scrapy", "scrapy-redis", "redis")}."""
    # Where nothing is lost there is no ratio; one added to both gives a smaller one than is true.
    ratios = [
        (theirs.lost + 1) / (ours.lost + 1)
        for ours, theirs in zip(runs[::2], runs[1::2], strict=True)
    ]
    bar = Bar.of("kill -9: articles lost, one added to both", "Scrapy with scrapy-redis", ratios)
    return Outcome("Killed workers", text, [asdict(run) for run in runs], (bar,))
