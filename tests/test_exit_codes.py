"""Every way for a crawl to fail, and how `scrapy crawl` exits (docs/exit-codes.md)."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, serve
from tests.background import repeated
from tests.conftest import SCRAPY, Run, Scrapy, wait_until

Documents = Database[dict[str, Any]]

# A project that uses this crawler, with parts of its own that fail.
_SETTINGS = """
from caliber_crawler.settings import *

SPIDER_MODULES = [*SPIDER_MODULES, "failing"]
"""
_PARTS = """
import time

from scrapy.exceptions import CloseSpider

from caliber_crawler.spiders.articles import ArticlesSpider


class StartFails(ArticlesSpider):
    name = "start_fails"

    async def start(self):
        raise LookupError("no plan for today")
        yield


class StartBreaksOff(ArticlesSpider):
    name = "start_breaks_off"

    async def start(self):
        async for request in super().start():
            yield request
        raise LookupError("no plan for the rest")


class CallbacksFail(ArticlesSpider):
    name = "callbacks_fail"

    def parse_article(self, response, *args, **kwargs):
        raise LookupError("cannot read this")


class OwnReason(ArticlesSpider):
    name = "own_reason"

    def parse_article(self, response, *args, **kwargs):
        raise CloseSpider("quota_used_up")


class OwnReasonLater(ArticlesSpider):
    name = "own_reason_later"
    taken = 0

    def parse_article(self, response, *args, **kwargs):
        self.taken += 1
        if self.taken > 1:
            raise CloseSpider("quota_used_up")
        yield from super().parse_article(response, *args, **kwargs)


class Unbuildable:
    def __init__(self):
        raise LookupError("a key is missing")


class Unopenable:
    def open_spider(self):
        raise LookupError("the shelf is full")


class SlowToBuild:
    def __init__(self):
        print("building", flush=True)
        time.sleep(2)


class ItemsFail:
    def process_item(self, item):
        raise LookupError("cannot use this")
"""


@pytest.fixture
def failing(scrapy: Scrapy) -> Scrapy:
    """`scrapy` in a project whose module `failing` holds parts that fail."""
    (scrapy.folder / "failing_settings.py").write_text(_SETTINGS)
    (scrapy.folder / "failing.py").write_text(_PARTS)
    scrapy.settings["SCRAPY_SETTINGS_MODULE"] = "failing_settings"
    return scrapy


@pytest.fixture
def site() -> Any:
    with serve(SiteConfig(articles=20, seed=6)) as served:
        yield served


def crawl(scrapy: Scrapy, site: ServedSite, spider: str, *options: str, **settings: str) -> Run:
    """A crawl of six articles."""
    urls = ",".join(site.url + site.world.article("en", i).path for i in range(6))
    arguments = ("crawl", spider, "-a", f"url={urls}", *options)
    return scrapy(*arguments, CALIBER_BASE_URL=site.url, **settings)


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ('DOWNLOADER_MIDDLEWARES={"failing.Unbuildable": 1}', "LookupError: a key is missing"),
        ('ITEM_PIPELINES={"failing.Unbuildable": 1}', "LookupError: a key is missing"),
        ('EXTENSIONS={"failing.Unbuildable": 1}', "LookupError: a key is missing"),
        ('ADDONS={"failing.Unbuildable": 1}', "LookupError: a key is missing"),
        ('ITEM_PIPELINES={"failing.Unopenable": 1}', "LookupError: the shelf is full"),
    ],
)
def test_a_component_that_cannot_be_built_or_opened(
    failing: Scrapy, site: ServedSite, setting: str, cause: str
) -> None:
    run = crawl(failing, site, "articles", "-s", setting)
    assert run.code == 1
    assert run.verdict == f"caliber-crawler: could not start: {cause}"
    assert "Traceback" in run.err
    assert not site.log


def test_a_start_that_raises(failing: Scrapy, site: ServedSite, database: Documents) -> None:
    run = crawl(failing, site, "start_fails")
    assert run.code == 1
    assert run.verdict == "caliber-crawler: could not start: LookupError: no plan for today"
    [document] = database.crawls.find()
    assert (document["status"], document["exit_code"]) == ("failed", 1)


def test_a_start_that_raises_on_the_way(
    failing: Scrapy, site: ServedSite, database: Documents
) -> None:
    run = crawl(failing, site, "start_breaks_off")
    assert run.code == 4
    assert "6 articles taken, but" in run.verdict
    assert "closed early (start_error: LookupError: no plan for the rest)" in run.verdict
    assert database.articles.count_documents({}) == 6


def test_a_database_that_cannot_be_had(failing: Scrapy, site: ServedSite) -> None:
    uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"
    run = crawl(failing, site, "articles", MONGODB_URI=uri)
    assert run.code == 1
    assert "could not start" in run.verdict
    assert "127.0.0.1:1" in run.verdict
    assert not site.log


def test_every_item_fails_in_a_pipeline(
    failing: Scrapy, site: ServedSite, database: Documents
) -> None:
    run = crawl(failing, site, "articles", "-s", 'ITEM_PIPELINES={"failing.ItemsFail": 1}')
    assert run.code == 3
    assert "nothing collected: 6 errors in pipelines" in run.verdict
    [document] = database.crawls.find()
    assert document["exit_code"] == 3
    assert document["counts"]["items/errors"] == 6


def test_every_callback_raises(failing: Scrapy, site: ServedSite, database: Documents) -> None:
    run = crawl(failing, site, "callbacks_fail")
    assert run.code == 3
    assert "nothing collected: 6 errors in callbacks" in run.verdict
    [document] = database.crawls.find()
    assert document["exit_code"] == 3


def test_closed_by_error_count(failing: Scrapy, site: ServedSite, database: Documents) -> None:
    run = crawl(failing, site, "callbacks_fail", "-s", "CLOSESPIDER_ERRORCOUNT=2")
    assert run.code == 3
    assert "nothing collected" in run.verdict
    assert "closed early (closespider_errorcount)" in run.verdict


def test_closed_by_a_reason_of_a_spider_of_ones_own(failing: Scrapy, site: ServedSite) -> None:
    run = crawl(failing, site, "own_reason")
    assert run.code == 3
    assert run.verdict == "caliber-crawler: nothing collected: closed early (quota_used_up)"
    one_by_one = ("-s", "CONCURRENT_REQUESTS=1", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    run = crawl(failing, site, "own_reason_later", *one_by_one)
    assert run.code == 4
    assert "1 articles taken, but closed early (quota_used_up)" in run.verdict


def test_robots_forbid_everything(failing: Scrapy, site: ServedSite) -> None:
    site.knobs.robots = "User-agent: *\nDisallow: /\n"
    run = crawl(failing, site, "articles")
    assert run.code == 3
    assert "nothing collected" in run.verdict
    assert [hit.path for hit in site.log] == ["/robots.txt"]


def test_a_name_that_no_server_has(failing: Scrapy, database: Documents) -> None:
    run = failing.crawl(
        "sections", CALIBER_BASE_URL="http://no-such-site.invalid", ROBOTS_PATIENCE_SECONDS="0.1"
    )
    assert run.code == 1
    assert "could not start: http://no-such-site.invalid/robots.txt cannot be had" in run.verdict
    assert database.rejects.count_documents({}) == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_before_the_crawl_has_started(
    failing: Scrapy, site: ServedSite, number: signal.Signals, code: int
) -> None:
    process = failing.start(
        "crawl", "sections", "-s", 'EXTENSIONS={"failing.SlowToBuild": 1}',
        CALIBER_BASE_URL=site.url,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    process.send_signal(number)
    run = failing.finish(process)
    assert run.code == code, run.err
    assert run.verdict == f"caliber-crawler: stopped by signal {code - 128}; 0 articles kept"
    assert not site.log


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGTERM, signal.SIGINT, signal.SIGINT], 143),
        ([signal.SIGHUP, signal.SIGHUP], 143),
    ],
)
def test_signals_that_are_repeated(
    failing: Scrapy, site: ServedSite, numbers: list[signal.Signals], code: int
) -> None:
    site.knobs.delay = 1.0
    process = failing.start("crawl", "sections", "-a", "render=http", CALIBER_BASE_URL=site.url)
    wait_until(lambda: len(site.log) >= 3, what="three requests")
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.05)
    run = failing.finish(process)
    assert run.code == code, run.err
    assert run.verdict.startswith(f"caliber-crawler: stopped by signal {code - 128}; ")


def test_a_terminal_that_is_closed(failing: Scrapy, site: ServedSite, database: Documents) -> None:
    """Nothing can be written to it any more, and what was fetched is kept all the same."""
    site.knobs.delay = 0.05
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*SCRAPY, "crawl", "sections", "-a", "render=http", "-O", str(failing.feed)],
        cwd=failing.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, env=failing.environment(CALIBER_BASE_URL=site.url),
        preexec_fn=partial(fcntl.ioctl, theirs, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    with ours_read(ours):
        wait_until(lambda: database.articles.count_documents({}) >= 3, what="three articles")
    assert process.wait(timeout=60) == 143
    [crawl] = database.crawls.find()
    assert (crawl["status"], crawl["exit_code"]) == ("stopped", 143)
    stored = database.articles.count_documents({})
    assert len(failing.feed.read_text("utf-8").splitlines()) == stored


@contextmanager
def ours_read(terminal: int) -> Iterator[None]:
    """Take what is written to a terminal, and close it at the end."""
    with repeated(0.05, lambda: _take(terminal)):
        yield
    os.close(terminal)


def _take(terminal: int) -> None:
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 65_536)


def test_a_hang_up_that_is_not_minded(failing: Scrapy, site: ServedSite) -> None:
    site.knobs.delay = 0.2
    with ignored(signal.SIGHUP):
        process = failing.start("crawl", "sections", "-a", "render=http", CALIBER_BASE_URL=site.url)
    wait_until(lambda: len(site.log) >= 3, what="three requests")
    process.send_signal(signal.SIGHUP)
    assert failing.finish(process).code == 0


@contextmanager
def ignored(number: signal.Signals) -> Iterator[None]:
    """Start processes that do not mind a signal, as `nohup` does."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)
