"""Kills of workers and of the database at many moments, over 3,000 articles: the long form."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.cluster import Cluster, articles_asked, mongod
from tests.conftest import Run, Scrapy, wait_until

Documents = Database[dict[str, Any]]
SITE = SiteConfig(articles=3_000, seed=7)
CONCURRENCY = 24
FULL = {"mode": "full", "render": "auto"}


@pytest.fixture
def cluster(scrapy: Scrapy, database: Documents) -> Cluster:
    return Cluster(scrapy, database, "crawl-1")


def check(site: Any, cluster: Cluster, runs: list[Run], again: int) -> None:
    for run in runs:
        assert run.code == 0, run.err
    wanted = {site.world.article("en", i).slug for i in range(SITE.articles)}
    stored = Counter(d["slug"] for d in cluster.database.articles.find({}, {"slug": 1}))
    assert stored == Counter(dict.fromkeys(wanted, 1))
    assert cluster.database.articles.count_documents({"revision": {"$ne": 1}}) == 0
    assert cluster.database.frontier.count_documents({}) == 0
    twice = sum(number - 1 for number in articles_asked(site).values())
    print(f"{len(stored)} stored, {twice} asked for twice")
    assert twice <= again


@pytest.mark.parametrize("moment", range(10))
def test_one_of_two_workers_is_killed(cluster: Cluster, moment: int) -> None:
    after = 1_000 + random.Random(moment).randrange(1_000)
    with serve(SITE) as site:
        options = {"FRONTIER_LEASE_SECONDS": "5", **FULL}
        victim, other = (cluster.start(site.url, **options) for _ in range(2))
        wait_until(lambda: len(site.log) > after, what=f"{after} requests", seconds=120)
        time.sleep(random.Random(moment).random() / 10)
        victim.send_signal(signal.SIGKILL)
        cluster.scrapy.finish(victim)
        run = cluster.scrapy.finish(other, seconds=300)
        check(site, cluster, [run], CONCURRENCY)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_workers_end_again_and_again(cluster: Cluster, number: signal.Signals) -> None:
    rounds = 3
    with serve(SITE) as site:
        for round_ in range(1, rounds + 1):
            workers = [cluster.start(site.url, **FULL) for _ in range(2)]
            begun = len(site.log)
            wait_until(
                lambda begun=begun: len(site.log) > begun + 700, what="700 requests", seconds=120
            )
            for worker in workers:
                worker.send_signal(number)
            for worker in workers:
                cluster.scrapy.finish(worker)
            assert len(site.log) < 1_100 * round_
        run = cluster.scrapy.finish(cluster.start(site.url, **FULL), seconds=300)
        again = rounds * 2 * CONCURRENCY if number == signal.SIGKILL else 0
        check(site, cluster, [run], again)


def test_mongod_is_killed_for_ten_seconds(cluster: Cluster, tmp_path: Path) -> None:
    with serve(SITE) as site, mongod(tmp_path / "own") as server:
        here = Cluster(cluster.scrapy, server.database, "crawl-1")
        options = {"MONGODB_URI": server.uri, "MONGODB_DATABASE": "caliber", **FULL}
        workers = [here.start(site.url, **options) for _ in range(2)]
        wait_until(lambda: len(site.log) > 1_000, what="1,000 requests", seconds=120)
        server.kill()
        time.sleep(10)
        server.start()
        runs = [here.scrapy.finish(worker, seconds=300) for worker in workers]
        check(site, here, runs, 2 * 4 * CONCURRENCY)
