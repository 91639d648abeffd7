"""`scrapy frontier`, on what real crawls left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.cluster import Cluster, check_complete
from tests.conftest import Scrapy, wait_until

Documents = Database[dict[str, Any]]


@pytest.fixture
def cluster(scrapy: Scrapy, database: Documents) -> Cluster:
    return Cluster(scrapy, database, "crawl-1")


def shown(scrapy: Scrapy, *options: str) -> dict[str, Any]:
    run = scrapy("frontier", "--json", *options)
    assert run.code == 0, run.err
    told: dict[str, Any] = json.loads(run.out)
    return told


def test_failures_are_shown_retried_and_dropped(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=40, seed=5)) as site:
        one, other = site.first_list("en", "world")[:2]
        site.knobs.status |= {one.path: 500, other.path: 500}
        assert cluster.scrapy.finish(cluster.start(site.url)).code == 4

        run = cluster.scrapy("frontier", "crawl-1")
        assert run.code == 0, run.err
        assert f"failed  {site.url}{one.path}  attempts 1  the site answered with 500" in run.out
        told = shown(cluster.scrapy)
        assert told == {"crawls": {"crawl-1": {"failed": 2}}}

        told = shown(cluster.scrapy, "crawl-1", "--drop", "--url", site.url + other.path)
        assert told["changed"] == 1
        assert told["failed"] == []  # for that address
        (failed,) = shown(cluster.scrapy, "crawl-1")["failed"]
        assert failed["url"] == site.url + one.path

        site.knobs.status.clear()
        told = shown(cluster.scrapy, "crawl-1", "--retry")
        assert told["changed"] == 1
        assert [request["url"] for request in told["queued"]] == [site.url + one.path]
        before = len(site.log)
        run = cluster.scrapy.finish(cluster.start(site.url))
        assert run.code == 0, run.err
        # Only what was left is asked for; the lists were walked.
        assert [hit.path for hit in site.log[before:]] == ["/robots.txt", one.path]
    stored = {d["slug"] for d in cluster.database.articles.find()}
    assert one.slug in stored
    assert other.slug not in stored
    assert cluster.database.frontier.count_documents({}) == 0
    assert "every crawl is finished" in cluster.scrapy("frontier").out
    assert cluster.scrapy("frontier", "crawl-1").code == 0
    run = cluster.scrapy("frontier", "crawl-I", "--retry")
    assert run.code == 1
    assert "no crawl 'crawl-I' is in" in run.err


def test_leases_are_shown_and_released(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=60, seed=5)) as site:
        site.knobs.delay = 0.3
        worker = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 15, what="some requests")
        worker.kill()
        cluster.scrapy.finish(worker)
        told = shown(cluster.scrapy, "crawl-1", "--limit", "0")
        assert told["leased"]
        assert all(request["worker"] for request in told["leased"])
        assert len(told["leased"]) == told["crawls"]["crawl-1"]["leased"]
        released = shown(cluster.scrapy, "crawl-1", "--release")
        assert released["changed"] == len(told["leased"])
        assert released["leased"] == []
        site.knobs.delay = 0
        assert cluster.scrapy.finish(cluster.start(site.url)).code == 0
    check_complete(site, cluster)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["one", "two"], "one crawl"),
        (["--retry"], "which crawl"),
        (["c", "--retry", "--drop"], "not allowed with"),
        (["c", "--limit", "-1"], "0 or more"),
        (["c", "--limit", "many"], "invalid int"),
    ],
)
def test_wrong_usage(scrapy: Scrapy, options: list[str], said: str) -> None:
    run = scrapy("frontier", *options)
    assert run.code == 2
    assert said in run.out + run.err


def test_without_a_database(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store("frontier")
    assert run.code == 2
    assert "there is no database" in run.err
    run = scrapy_without_store("frontier", MONGODB_URI="mongodb://ann:s3cr3t@127.0.0.1:9")
    assert run.code == 1
    assert "127.0.0.1:9 does not answer" in run.err
    assert "s3cr3t" not in run.out + run.err


def test_help(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store("frontier", "--help")
    assert run.code == 0
    for word in ("--retry", "--release", "--drop", "--json", "CRAWL_ID"):
        assert word in run.out
