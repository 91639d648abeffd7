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
from benchmarks.measure import environment, run, started
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown
from benchmarks.redis_server import redis
from demo_site import ServedSite, SiteConfig, World, serve

_ANSWER_SECONDS = 0.03
_LEASE_SECONDS = "2"
_PATIENCE_SECONDS = 300.0
_CRAWL = "kills"
_PARTLY_FAILED = 4  # exit code of ours


@dataclass(frozen=True)
class KillsRun:
    """`lost`: articles that were in the end nowhere. `set_aside`: those that were missing at first,
    and were named as such. `again`: requests for article pages beyond one for each; `twice`:
    articles that were delivered more than once.
    """

    side: str
    articles: int
    kills: int
    lost: int
    set_aside: int
    again: int
    twice: int


@dataclass(frozen=True)
class _Side:
    """`delivered`: addresses of what is kept, and how often. `mend`: the command that the crawler
    names when it set requests aside, None when it knows of none."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]
    delivered: Callable[[], Counter[str]]
    mend: Sequence[str] | None = None


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
        addresses = [site.url + world.article("en", i).path for i in range(articles)]
        folder = Path(name)
        urls = folder / "urls.txt"
        urls.write_text("\n".join(addresses))
        peers.push_urls(server, addresses)

        def stored() -> Counter[str]:
            documents = client["caliber"]["articles"].find({}, {"url": 1})
            return Counter(document["url"] for document in documents)

        def piled() -> Counter[str]:
            return Counter(json.loads(item)["url"] for item in server.values(peers.ITEMS_KEY))

        sides = (
            _Side(
                "ours",
                [*SCRAPY, "crawl", "articles", "-a", f"file={urls}"],
                environment(site.url, uri)
                | {"CRAWL_ID": _CRAWL, "FRONTIER_LEASE_SECONDS": _LEASE_SECONDS},
                stored,
                [*SCRAPY, "frontier", _CRAWL, "--retry"],
            ),
            _Side(
                "scrapy-redis",
                peers.redis_crawl(
                    server, ITEM_PIPELINES='{"scrapy_redis.pipelines.RedisPipeline": 300}'
                ),
                {},
                piled,
            ),
        )
        found = []
        for side in sides:
            before = len(site.log)
            killed = _kill(side, folder, site, moments(articles, kills, seed))
            code, set_aside = _run(side, folder), 0
            if code == _PARTLY_FAILED and side.mend:
                set_aside = articles - len(side.delivered())
                run(side.mend, dict(side.variables), folder)
                code = _run(side, folder)
            if code:
                log = (folder / "worker.log").read_text()[-3000:]
                raise RuntimeError(f"{side.name}: exit code {code}\n{log}")
            asked = Counter(hit.path for hit in site.log[before:] if "/post/" in hit.path)
            got = side.delivered()
            found.append(
                KillsRun(
                    side.name,
                    articles,
                    killed,
                    len(set(addresses) - set(got)),
                    set_aside,
                    asked.total() - len(asked),
                    sum(number > 1 for number in got.values()),
                )
            )
    return found


def _kill(side: _Side, folder: Path, site: ServedSite, when: Sequence[tuple[int, float]]) -> int:
    """Run and kill over and over; how often a worker was killed, rather than at its end."""
    before, killed = len(site.log), 0
    for number, later in when:
        with started(side.command, side.variables, folder) as worker:
            while worker.poll() is None and _pages(site, before) < number:
                time.sleep(0.005)
            time.sleep(later)
            killed += worker.poll() is None
            worker.kill()
    return killed


def _run(side: _Side, folder: Path) -> int:
    """Run to the end; exit code."""
    with started(side.command, side.variables, folder) as worker:
        return worker.wait(_PATIENCE_SECONDS)


def _pages(site: ServedSite, since: int) -> int:
    return sum("/post/" in hit.path for hit in site.log[since:])


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    articles, kills, seeds = (120, 1, 1) if quick else (1_000, 10, 3)
    runs = [one for seed in range(seeds) for one in compare(articles, kills, seed)]
    rows = [
        (one.side, f"{one.articles:,}", one.kills, one.lost, one.set_aside, one.again, one.twice)
        for one in runs
    ]
    heads = (
        "",
        "articles",
        "kills",
        "never delivered",
        "set aside",
        "asked for again",
        "delivered twice",
    )
    text = markdown(heads, rows)
    text += f"""

One worker, eight requests at a time, on a site that answers in {1000 * _ANSWER_SECONDS:.0f} ms.
SIGKILL at moments drawn from a seed (the same for both sides: after so many requests for articles,
and up to an answer's time later), then started again, until a run ends by itself. Delivered: a
record in MongoDB, or an item in Redis by scrapy-redis' own `RedisPipeline`. A crawl of ours
that is started again on the same machine takes back the leases of the killed worker at once
(elsewhere they run out after 30 s by default) and makes their requests once more. A request that
was lost with five workers is set aside and named (exit code 4), in case that its page kills them;
`scrapy frontier CRAWL --retry` and one more run, as it says, take those. scrapy-redis removes a
request from Redis when it is handed out, so what a killed worker had in its hands is not asked for
again. The servers are not killed; Redis writes nothing to disk.
{peers.versions("scrapy", "scrapy-redis", "redis")}."""
    # Where nothing is lost there is no ratio; one added to both gives a smaller one than is true.
    ratios = [
        (theirs.lost + 1) / (ours.lost + 1)
        for ours, theirs in zip(runs[::2], runs[1::2], strict=True)
    ]
    bar = Bar.of("kill -9: articles lost, one added to both", "Scrapy with scrapy-redis", ratios)
    return Outcome("Killed workers", text, [asdict(one) for one in runs], (bar,))
