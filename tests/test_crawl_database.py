"""Crawls whose database is slow, comes back, or is lost."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.cluster import path_with
from tests.conftest import Scrapy, wait_until
from tests.mongods import files_of_another_version
from tests.proxy import Proxy, proxy, through

Documents = Database[dict[str, Any]]


@pytest.fixture
def link(mongo_uri: str) -> Iterator[Proxy]:
    """The way to the database, to be slowed down or cut; see `through`."""
    port = urlsplit(mongo_uri).port
    assert port
    with proxy(port) as made:
        yield made


@pytest.mark.soak
def test_downloads_go_on_while_writes_wait(
    scrapy: Scrapy, database: Documents, mongo_uri: str, link: Proxy
) -> None:
    with serve(SiteConfig(articles=40, seed=1)) as site:
        link.delay = 1.0
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(20))
        run = scrapy.crawl(
            "articles",
            f"url={urls}",
            CALIBER_BASE_URL=site.url,
            MONGODB_URI=through(mongo_uri, link),
        )
        pages = [hit.at for hit in site.log if "/post/" in hit.path]
    assert run.code == 0, run.err
    assert len(pages) == 20
    assert max(later - earlier for earlier, later in pairwise(pages)) < 1.0
    assert database.articles.count_documents({}) == 20


def test_a_frontier_that_somebody_empties_is_no_good_end(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=40, seed=2, cards=200)) as site:
        site.knobs.delay = 0.3
        arguments = ("crawl", "sections", "-a", "render=http", "-a", "mode=full")
        process = scrapy.start(*arguments, CALIBER_BASE_URL=site.url, CRAWL_ID="emptied")
        wait_until(lambda: database.articles.count_documents({}) > 0, what="an article is stored")
        database.frontier.delete_many({})
        run = scrapy.finish(process)
        assert run.code == 4, run.err
        assert "requests lost from the frontier" in run.verdict
        assert run.counts["frontier/lost"] > 8
        crawl = database.crawls.find_one({"_id": "emptied"})
        assert crawl is not None
        assert (crawl["status"], crawl["exit_code"]) == ("finished", 4)
        site.knobs.delay = 0.0
        assert scrapy(*arguments, CALIBER_BASE_URL=site.url).code == 0
    assert database.articles.count_documents({}) == 40


def test_a_crawl_that_cannot_be_entered_does_not_begin(scrapy: Scrapy, database: Documents) -> None:
    """Without its record nobody would know of it, and a second one could run beside it."""
    check = {"spider": {"$ne": "feed"}}
    database.create_collection("crawls", validator=check)
    with serve(SiteConfig(articles=20, seed=2)) as site:
        run = scrapy("crawl", "feed", CALIBER_BASE_URL=site.url)
        assert not [hit for hit in site.log if hit.path != "/robots.txt"]
    assert run.code == 1, run.err
    assert "could not start: entering the crawl: Document failed validation" in run.verdict


WATCHING = """
import json
from scrapy import signals
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.spiders.articles import ArticlesSpider

class Watching(ArticlesSpider):
    name = "watching"

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.seen = []
        crawler.signals.connect(spider.look, signals.request_reached_downloader)
        crawler.signals.connect(spider.tell, signals.spider_closed)
        return spider

    def look(self):
        on_their_way = len(self.crawler.engine._slot.scheduler._queue.out)
        self.seen.append((on_their_way, CaliberAddon.of(self.crawler).outcomes.safe))

    def tell(self):
        with open("seen.json", "w") as file:
            json.dump([self.seen, CaliberAddon.of(self.crawler).outcomes.safe], file)
"""


def test_what_is_in_the_journal_holds_up_no_request(
    scrapy: Scrapy, database: Documents, mongo_uri: str, link: Proxy
) -> None:
    """Four requests may be made and not stored; the articles that are still linked do not count."""
    scrapy.folder.joinpath("watching.py").write_text(WATCHING)
    with serve(SiteConfig(articles=80, seed=1)) as site:
        link.delay = 0.03  # each round trip
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(80))
        run = scrapy(
            "crawl", "watching", "-a", f"url={urls}",
            "-s", "SPIDER_MODULES=watching", "-s", "CONCURRENT_REQUESTS=4",
            CALIBER_BASE_URL=site.url, MONGODB_URI=through(mongo_uri, link),
            PYTHONPATH=path_with(str(scrapy.folder)),
        )  # fmt: skip
    assert run.code == 0, run.err
    assert database.articles.count_documents({}) == 80
    seen, left = json.loads(scrapy.folder.joinpath("seen.json").read_text())
    assert left == 0
    assert all(0 <= safe <= on_their_way for on_their_way, safe in seen)
    assert max(on_their_way for on_their_way, _ in seen) > 4
    unsafe = [on_their_way - safe for on_their_way, safe in seen]
    # Where the machine stands still for half a second, the database counts as slow.
    assert statistics.median(unsafe) <= 4
    assert max(unsafe) <= 16


def test_a_database_that_comes_back_gets_everything(
    scrapy: Scrapy, database: Documents, mongo_uri: str, link: Proxy
) -> None:
    with serve(SiteConfig(articles=40, seed=1)) as site:
        site.knobs.delay = 0.1
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(30))
        process = scrapy.start(
            "crawl", "articles", "-a", f"url={urls}", "-O", str(scrapy.feed),
            "-s", "LOG_FILE=log.txt",
            CALIBER_BASE_URL=site.url, MONGODB_URI=through(mongo_uri, link),
        )  # fmt: skip
        wait_until(lambda: database.articles.count_documents({}) >= 20, what="20 articles")
        link.cut()
        log = scrapy.folder / "log.txt"
        wait_until(lambda: "trying again" in log.read_text("utf-8"), what="a second attempt")
        link.mend()
        run = scrapy.finish(process)
    assert run.code == 0, run.err
    assert database.articles.count_documents({}) == 30
    assert len({r["id"] for r in run.records}) == len(run.records) == 30
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert crawl["counts"]["store/retries"] >= 1


def test_a_list_is_walked_on_after_the_database_came_back(
    scrapy: Scrapy, database: Documents, mongo_uri: str, link: Proxy
) -> None:
    with serve(SiteConfig(articles=300, seed=2)) as site:
        whole = {truth.slug for truth in site.world.in_section("en", "world")}
        scrapy.crawl("sections", "section=world", CALIBER_BASE_URL=site.url)
        assert database.list_rules.count_documents({}) == 1
        for collection in (database.articles, database.cards):
            collection.delete_many({})
        site.log.clear()
        site.knobs.delay = 0.2
        process = scrapy.start(
            "crawl", "sections", "-a", "section=world", "-a", "render=http", "-O",
            str(scrapy.feed), "-s", "LOG_FILE=log.txt",
            CALIBER_BASE_URL=site.url, MONGODB_URI=through(mongo_uri, link),
        )  # fmt: skip
        wait_until(lambda: len(site.log) >= 3, what="the list's first page")
        link.cut()
        log = scrapy.folder / "log.txt"
        wait_until(lambda: "trying again" in log.read_text("utf-8"), what="a second attempt")
        link.mend()
        run = scrapy.finish(process)
    assert run.code == 0, run.err
    assert {d["slug"] for d in database.articles.find()} == whole


def test_a_database_that_stays_away_ends_the_crawl(
    scrapy: Scrapy, database: Documents, mongo_uri: str, link: Proxy
) -> None:
    with serve(SiteConfig(articles=300, seed=1)) as site:
        site.knobs.delay = 0.2
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(300))
        process = scrapy.start(
            "crawl", "articles", "-a", f"url={urls}", "-O", str(scrapy.feed),
            CALIBER_BASE_URL=site.url, MONGODB_URI=through(mongo_uri, link),
            MONGODB_RETRY_SECONDS="0.5",
        )  # fmt: skip
        wait_until(lambda: database.articles.count_documents({}) >= 20, what="20 articles")
        link.cut()
        run = scrapy.finish(process)
        assert len(site.log) < 300
    assert run.code == 5
    assert "database lost" in run.verdict
    # The feed has nothing that is not stored. A batch may be stored whose confirmation was cut off.
    assert {r["id"] for r in run.records} <= {d["_id"] for d in database.articles.find()}
    assert len(run.records) >= 5


@contextmanager
def crawl_with_a_server_of_its_own(
    scrapy: Scrapy, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A crawl of 120 articles that has stored some, and the number of its `mongod`."""
    with serve(SiteConfig(articles=120, seed=1)) as site:
        site.knobs.delay = 0.2
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(120))
        process = scrapy.start(
            "crawl", "articles", "-a", f"url={urls}", "-O", str(scrapy.feed),
            CALIBER_BASE_URL=site.url, MONGODB_URI="", MONGODB_DATA_DIR="data",
            CONCURRENT_REQUESTS="4", **settings,
        )  # fmt: skip
        wait_until(lambda: len(site.log) > 20, what="some articles")
        state = json.loads((scrapy.folder / "data" / "server.json").read_bytes())
        yield process, state["pid"]


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_embedded_server_that_was_killed_is_started_again(scrapy_without_store: Scrapy) -> None:
    scrapy = scrapy_without_store
    with crawl_with_a_server_of_its_own(scrapy) as (process, mongod):
        os.kill(parent(mongod), signal.SIGKILL)  # its watchdog; the kernel stops mongod then
        run = scrapy.finish(process)
    assert run.code == 0, run.err
    assert "120 new" in run.verdict
    assert len({record["id"] for record in run.records}) == 120
    assert "the embedded MongoDB was gone, and is started again" in run.err
    assert run.counts["store/revived"] == 1


def test_why_an_embedded_server_cannot_be_started_again_is_the_last_line(
    scrapy_without_store: Scrapy,
) -> None:
    scrapy = scrapy_without_store
    with crawl_with_a_server_of_its_own(scrapy, MONGODB_RETRY_SECONDS="1") as (process, mongod):
        os.kill(parent(mongod), signal.SIGSTOP)  # no new mongod yet
        os.kill(mongod, signal.SIGKILL)
        files_of_another_version(scrapy.folder / "data")
        os.kill(parent(mongod), signal.SIGKILL)
        run = scrapy.finish(process)
    assert run.code == 5
    assert "database lost: the embedded MongoDB did not start: the files are of another" in (
        run.verdict
    )
    assert run.err.count("WiredTiger error message") > 0  # mongod's own words are in the log


def test_the_embedded_server_is_shared_and_stops_after_the_crawl(
    scrapy_without_store: Scrapy,
) -> None:
    scrapy = scrapy_without_store
    with serve(SiteConfig(articles=40, seed=1)) as site:
        site.knobs.delay = 0.05
        runs = [
            scrapy.start(
                "crawl", "sections", "-a", f"section={section}", "-O", f"{section}.jsonl",
                CALIBER_BASE_URL=site.url, MONGODB_URI="", MONGODB_DATA_DIR="data",
                CRAWL_OVERLAP="allow",
            )
            for section in ("world", "sport")
        ]  # fmt: skip
        ended = [scrapy.finish(process) for process in runs]
    assert [run.code for run in ended] == [0, 0], [run.err for run in ended]
    state = scrapy.folder / "data" / "server.json"
    wait_until(lambda: not state.exists(), what="the server to stop")


def test_what_mongodb_never_takes_is_a_failure_and_not_asked_for_again(
    scrapy: Scrapy, database: Documents
) -> None:
    """Here somebody's unique index allows no second English article."""
    with serve(SiteConfig(articles=20, seed=4)) as site:
        first, poison = (site.world.article("en", i) for i in range(2))
        others = [site.world.article("ru", i) for i in range(5)]
        run = scrapy.crawl("articles", f"url={site.url}{first.path}", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        database.articles.create_index(
            "language", unique=True, partialFilterExpression={"language": "en"}
        )
        urls = ",".join(site.url + truth.path for truth in (poison, *others))
        run = scrapy.crawl("articles", f"url={urls}", CALIBER_BASE_URL=site.url)
        asked = Counter(hit.path for hit in site.log if "/post/" in hit.path)
    assert asked == Counter(truth.path for truth in (first, poison, *others))
    assert run.code == 4, run.err
    assert poison.path in run.verdict
    [failed] = database.frontier.find()
    assert (failed["state"], failed["url"]) == ("failed", site.url + poison.path)
    assert "StoreError" in failed["error"]
    assert {r["slug"] for r in run.records} == {truth.slug for truth in others}


CLOSING = """
import time
from pathlib import Path
from caliber_crawler.spiders.articles import ArticlesSpider

class Slow(ArticlesSpider):
    name = "slow"

    def closed(self, reason):
        Path("closing").touch()
        while not Path("cut").exists():
            time.sleep(0.02)
"""


def test_a_database_that_is_away_at_the_end_is_waited_for(
    scrapy: Scrapy, database: Documents, mongo_uri: str, link: Proxy
) -> None:
    scrapy.folder.joinpath("closing_module.py").write_text(CLOSING)
    with serve(SiteConfig(articles=10, seed=1)) as site:
        process = scrapy.start(
            "crawl", "slow", "-a", f"url={site.url}{site.world.article('en', 0).path}",
            "-s", "SPIDER_MODULES=closing_module", "-s", "LOG_FILE=log.txt",
            CALIBER_BASE_URL=site.url, MONGODB_URI=through(mongo_uri, link),
            PYTHONPATH=path_with(str(scrapy.folder)),
        )  # fmt: skip
        wait_until(lambda: (scrapy.folder / "closing").exists(), what="the end")
        link.cut()
        (scrapy.folder / "cut").touch()
        log = scrapy.folder / "log.txt"
        wait_until(lambda: "trying again" in log.read_text("utf-8"), what="a second attempt")
        link.mend()
        run = scrapy.finish(process)
    assert run.code == 0, run.err
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert (crawl["status"], crawl["exit_code"]) == ("finished", 0)
    assert database.locks.count_documents({}) == 0


CLEARING_FAILS = """
from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.spiders.articles import ArticlesSpider
from caliber_crawler.store.frontier import FrontierStore

class Unlucky(ArticlesSpider):
    name = "unlucky"

async def clear(self):
    raise StoreUnavailable("MongoDB was lost while clearing the frontier: timed out")

FrontierStore.clear = clear
"""


def test_a_frontier_that_cannot_be_cleared_leaves_a_finished_crawl_and_no_lock(
    scrapy: Scrapy, database: Documents
) -> None:
    scrapy.folder.joinpath("unlucky.py").write_text(CLEARING_FAILS)
    with serve(SiteConfig(articles=10, seed=1)) as site:
        run = scrapy(
            "crawl", "unlucky", "-a", f"url={site.url}{site.world.article('en', 0).path}",
            "-s", "SPIDER_MODULES=unlucky",
            CALIBER_BASE_URL=site.url, PYTHONPATH=path_with(str(scrapy.folder)),
        )  # fmt: skip
    assert run.code == 0, run.err
    assert "clearing the frontier" in run.err
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert (crawl["status"], crawl["exit_code"]) == ("finished", 0)
    assert database.locks.count_documents({}) == 0
