"""robots.txt that cannot be had, is no robots.txt, or changes while a crawl lasts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, serve
from demo_site.world import Truth
from tests.conftest import Run, Scrapy, wait_until

Documents = Database[dict[str, Any]]

QUICK = {"BACKOFF_FIRST_SECONDS": "0.1", "BACKOFF_MOST_SECONDS": "0.2"}
LATER = "later"


def crawl(scrapy: Scrapy, site: ServedSite, *arguments: str, **settings: str) -> Run:
    return scrapy.crawl(
        "sections", "render=http", "section=sport", *arguments,
        CALIBER_BASE_URL=site.url, **QUICK | settings,
    )  # fmt: skip


@pytest.mark.parametrize("status", [503, 429, 500])
def test_a_site_that_does_not_tell_is_not_crawled(
    scrapy: Scrapy, database: Documents, status: int
) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        site.knobs.robots = (status, LATER)
        run = crawl(scrapy, site, ROBOTS_PATIENCE_SECONDS="1")
        assert {hit.path for hit in site.log} == {"/robots.txt"}
        assert len(site.log) > 2
    assert run.code == 1
    assert "could not start" in run.verdict
    assert f"/robots.txt cannot be had (status {status})" in run.verdict
    assert run.counts["robots/retries"] == len(site.log) - 1
    assert database.rejects.count_documents({}) == 0
    [record] = database.crawls.find()
    assert record["status"] == "failed"


def test_a_site_in_trouble_is_not_asked_without_end(scrapy: Scrapy) -> None:
    """Also where the settings name no pause."""
    with serve(SiteConfig(articles=30, seed=3)) as site:
        site.knobs.robots = (503, LATER)
        none = {"BACKOFF_FIRST_SECONDS": "0", "BACKOFF_MOST_SECONDS": "0"}
        run = crawl(scrapy, site, ROBOTS_PATIENCE_SECONDS="1.5", **none)
        assert 1 <= len(site.log) <= 2
    assert run.code == 1


def test_what_was_queued_is_kept_for_another_time(scrapy: Scrapy, database: Documents) -> None:
    """The same crawl goes on when the site is well again, and loses nothing."""
    with serve(SiteConfig(articles=40, seed=3)) as site:
        site.knobs.robots = (503, LATER)
        settings = {"CRAWL_ID": "one", "ROBOTS_PATIENCE_SECONDS": "0.3"}
        assert crawl(scrapy, site, **settings).code == 1
        assert database.frontier.count_documents({"state": "queued"}) == 1
        site.knobs.robots = "User-agent: *\nAllow: /\n"
        run = crawl(scrapy, site, **settings)
        wanted = {t.slug for t in site.first_list("en", "sport")}
    assert run.code == 0, run.err
    assert {record["slug"] for record in run.records} == wanted


def test_rules_that_come_late_are_obeyed(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        blocked, *others = site.first_list("en", "sport")
        rules = f"User-agent: *\nDisallow: {blocked.path}\n"
        site.knobs.robots = rules
        site.knobs.status["/robots.txt"] = (503, 2)
        run = crawl(scrapy, site)
        paths = [hit.path for hit in site.log]
    assert paths[:3] == ["/robots.txt"] * 3
    assert blocked.path not in paths
    assert {record["slug"] for record in run.records} == {t.slug for t in others}
    assert run.code == 4
    assert run.counts["robots/retries"] == 2


def test_a_site_without_rules_is_crawled(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        site.knobs.robots = (404, "User-agent: *\nDisallow: /\n")
        run = crawl(scrapy, site)
        assert {r["slug"] for r in run.records} == {t.slug for t in site.first_list("en", "sport")}
    assert run.code == 0, run.err


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><title>x</title>", "\ufeff\n <HTML>\nDisallow: /"]
)
def test_a_page_of_html_holds_no_rules(scrapy: Scrapy, page: str) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        site.knobs.robots = f"{page}\nUser-agent: *\nDisallow: /\n"
        run = crawl(scrapy, site)
        assert {r["slug"] for r in run.records} == {t.slug for t in site.first_list("en", "sport")}
    assert run.code == 0, run.err
    assert "is a page of HTML, no rules" in run.err
    assert run.counts["robots/not_rules"] == 1


def test_long_rules_count_to_the_last_whole_line(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        blocked, *others = site.first_list("en", "sport")
        filler = "".join(f"Disallow: /nothing/{i:040}\n" for i in range(20_000))
        site.knobs.robots = f"User-agent: *\nDisallow: {blocked.path}\n{filler}Disallow: /\n"
        run = crawl(scrapy, site)
    assert {record["slug"] for record in run.records} == {t.slug for t in others}


@pytest.mark.parametrize("asked", ["nan", "inf", "-3", "soon"])
def test_a_delay_that_is_none_is_not_kept(scrapy: Scrapy, asked: str) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        site.knobs.robots = f"User-agent: *\nCrawl-delay: {asked}\n"
        run = crawl(scrapy, site, "limit=2")
    assert run.code == 0, run.err
    assert len(run.records) == 2


def test_a_delay_of_a_day_is_obeyed_and_said(scrapy: Scrapy) -> None:
    """A crawl that hardly moves says why, and a signal need not wait for its next turn."""
    log = scrapy.folder / "log.txt"
    with serve(SiteConfig(articles=30, seed=3)) as site:
        site.knobs.robots = "User-agent: *\nCrawl-delay: 86400\n"
        process = scrapy.start(
            "crawl", "sections", "-a", "section=sport", "-a", "render=http",
            "-s", "LOG_LEVEL=WARNING", "-s", "LOG_FILE=log.txt", CALIBER_BASE_URL=site.url, **QUICK,
        )  # fmt: skip
        said = "asks for 86400.0 seconds between requests"
        wait_until(lambda: log.exists() and said in log.read_text("utf-8"), what="the warning")
        process.terminate()
        run = scrapy.finish(process)
        pages = [hit.path for hit in site.log if hit.path != "/robots.txt"]
    assert run.code == 143, run.err
    assert len(pages) <= 1


def forty(site: ServedSite) -> list[Truth]:
    return [site.world.article("en", i) for i in range(40)]


def start_one_by_one(
    scrapy: Scrapy, site: ServedSite, truths: list[Truth], addresses: Path
) -> subprocess.Popen[str]:
    """Crawl these articles, one request at a time, with rules that are soon too old."""
    addresses.write_text("".join(f"{site.url}{t.path}\n" for t in truths))
    site.knobs.delay = 0.05
    return scrapy.start(
        "crawl", "articles", "-a", f"file={addresses}",
        "-s", "CONCURRENT_REQUESTS=1", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1",
        CALIBER_BASE_URL=site.url, ROBOTS_HOURS="0.0001", **QUICK,
    )  # fmt: skip


def test_rules_are_read_again_in_a_long_crawl(scrapy: Scrapy, tmp_path: Path) -> None:
    """Those read before hold while that fails; new ones hold from then on, a delay included."""
    with serve(SiteConfig(articles=60, seed=3)) as site:
        truths = forty(site)
        process = start_one_by_one(scrapy, site, truths, tmp_path / "urls.txt")
        wait_until(lambda: len(site.log) >= 8)
        site.knobs.robots = "User-agent: *\nDisallow: /\n"
        run = scrapy.finish(process)
    read = [hit.path for hit in site.log].count("/robots.txt")
    assert read >= 2
    assert 4 <= len(site.log) - read < 40
    assert run.code == 4
    assert run.counts["rejected/forbidden_by_robots"] == 40 - (len(site.log) - read)


def test_a_reading_again_that_fails_changes_nothing(scrapy: Scrapy, tmp_path: Path) -> None:
    with serve(SiteConfig(articles=60, seed=3)) as site:
        truths = forty(site)
        site.knobs.robots = f"User-agent: *\nDisallow: {truths[-1].path}\n"
        process = start_one_by_one(scrapy, site, truths, tmp_path / "urls.txt")
        wait_until(lambda: len(site.log) >= 3)
        site.knobs.robots = (503, LATER)
        run = scrapy.finish(process)
        fetched = {hit.path for hit in site.log}
    assert fetched == {"/robots.txt", *(t.path for t in truths[:-1])}
    assert run.counts["robots/kept"] == 1
    assert "the rules read before hold on" in run.err
