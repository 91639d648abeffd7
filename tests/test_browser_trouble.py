"""What goes wrong with a browser: it dies, hangs, cannot start, is stopped; pages that never end.

Real crawls with a real Chromium. Whatever happened, no process may be left, nor may its files.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from subprocess import Popen
from tempfile import mkdtemp
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.async_api import Route, async_playwright
from pymongo.database import Database

from caliber_crawler.browser.blocking import Blocker
from caliber_crawler.browser.chromium import launch_options
from caliber_crawler.browser.guard import CONTEXT_OPTIONS, PageGuard
from caliber_crawler.browser.scroll import BrowserError, Forbidden, Scroller, Unnamed
from caliber_crawler.browser.waiting import end_leftovers, leftovers
from caliber_crawler.reach import Reach
from demo_site import ServedSite, SiteConfig, Truth, serve
from tests.conftest import Run, Scrapy, wait_until
from tests.pages import card_html

Documents = Database[dict[str, Any]]
HTML = {"Content-Type": "text/html; charset=utf-8"}
WORLD = "/en/category/world"
BUSY = SiteConfig(articles=200, seed=21, cards=10)
"""A site whose section `world` takes several batches."""


@pytest.fixture
def crawler(scrapy: Scrapy) -> Iterator[Scrapy]:
    """A runner that leads a group, waits little, and must leave nothing behind."""
    files = Path(mkdtemp())  # its name is short; Chromium has a socket in there
    scrapy.own_group = True
    scrapy.settings |= {
        "SCROLL_QUIET_SECONDS": "1",
        "BROWSER_PATIENCE_SECONDS": "5",
        "TMPDIR": str(files),
    }
    yield scrapy
    wait_until(lambda: not scrapy.alive(), seconds=5, what=f"an end of {scrapy.alive()}")
    shutil.rmtree(files)


def start(
    crawler: Scrapy, site: ServedSite, *options: str, render: str = "browser", **settings: str
) -> Popen[str]:
    """A crawl of the section `world` unless the options name others."""
    sections = () if any("section=" in option for option in options) else ("-a", "section=world")
    return crawler.start(
        "crawl", "sections", "-O", str(crawler.feed), "-a", f"render={render}", *sections, *options,
        CALIBER_BASE_URL=site.url, **settings,
    )  # fmt: skip


def crawl(crawler: Scrapy, site: ServedSite, *options: str, **settings: str) -> Run:
    return crawler.finish(start(crawler, site, *options, **settings), seconds=60)


def section(site: ServedSite, slug: str, language: str = "en") -> set[str]:
    """Slugs of all articles of a section."""
    return {truth.slug for truth in site.world.in_section(language, slug)}


def taken(run: Run) -> set[str]:
    return {record["slug"] for record in run.records}


def untidy(crawler: Scrapy) -> list[Path]:
    """What a browser left of its files."""
    return list(Path(crawler.settings["TMPDIR"]).glob("playwright*"))


def counter(run: Run, name: str) -> int:
    """A counter in the summary."""
    found = re.search(rf"^  {re.escape(name)} +(\d+)  ", run.err, re.MULTILINE)
    return int(found[1]) if found else 0


def batches(site: ServedSite) -> int:
    """How often a list asked for more."""
    return sum("/ajax/" in hit.path for hit in list(site.log))


def browsers(crawler: Scrapy) -> list[int]:
    """The first process of each Chromium that lives."""
    return [
        number
        for number, command in crawler.processes().items()
        if "--remote-debugging-pipe" in command and "--type=" not in command
    ]


def wait_for(process: Popen[str], condition: Callable[[], Any], what: str) -> None:
    wait_until(lambda: condition() or process.poll() is not None, what=what)
    assert process.poll() is None, f"the crawl ended before {what}: {process.communicate()[1]}"


class Later(dict[str, Any]):
    """Answers for a path after it was asked for once (by plain HTTP), so many times."""

    def __init__(self, answers: dict[str, Any], times: int = 1_000) -> None:
        super().__init__(answers)
        self._times = times
        self._asked: Counter[str] = Counter()

    def __contains__(self, path: object) -> bool:
        if not super().__contains__(path):
            return False
        self._asked[str(path)] += 1
        return 1 < self._asked[str(path)] <= 1 + self._times


@contextmanager
def bystander() -> Iterator[tuple[str, list[bytes]]]:
    """Another host, which notes what comes in: its address, the beginnings of requests."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.2", 0)) as server:

        def listen() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    first = connection.recv(1000)
                    if first == b"enough":
                        return
                    came.append(first)

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.2:{server.getsockname()[1]}", came
        with socket.create_connection(server.getsockname()) as last:
            last.sendall(b"enough")
        thread.join(10)


# --- pages of the browser are given back (P1)

FAULT = """
from caliber_crawler.spiders.sections import SectionsSpider

class Faulty(SectionsSpider):
    name = "sections"

    async def _scroll(self, task, scroller):
        if "culture" in task.url:
            raise RuntimeError("a fault in a callback")
        async for found in super()._scroll(task, scroller):
            yield found
"""


def test_each_page_is_given_back_whatever_becomes_of_its_list(
    crawler: Scrapy, database: Documents
) -> None:
    (crawler.folder / "faulty_spiders.py").write_text(FAULT)
    slugs = ("politics", "world", "economy", "society", "culture", "sport")
    with serve(BUSY) as site:
        busy, forbidden, endless, broken, *_ = (f"/en/category/{slug}" for slug in slugs)
        with urlopen(site.url + broken, timeout=10) as page:
            html = page.read()
        site.knobs.delay_of["/never"] = 100
        never = html.replace(b"<head>", b'<head><script src="/never"></script>', 1)
        script = b"<script>document.querySelectorAll = null</script></head>"
        site.knobs.raw = Later({endless: (200, HTML, never)})
        site.knobs.raw[broken] = (200, HTML, html.replace(b"</head>", script, 1))
        site.knobs.status = _Twice(busy)
        site.knobs.robots = f"User-agent: *\nDisallow: {forbidden}\n"
        run = crawl(
            crawler, site, "-a", "section=" + ",".join(slugs),
            "-s", "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT=1",
            "-s", "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT=1500",
            "-s", "SPIDER_MODULES=faulty_spiders",
        )  # fmt: skip
        whole = section(site, "politics") | section(site, "sport")
        first = {
            t.slug for s in ("economy", "society", "culture") for t in site.first_list("en", s)
        }

    assert run.code == 4, run.err
    assert taken(run) == whole | first
    rejects = {r["url"].rpartition("/")[2]: r for r in database.rejects.find()}
    assert {slug: r["reason"] for slug, r in rejects.items()} == {
        "world": "forbidden_by_robots",
        "economy": "browser_failed",
        "society": "browser_failed",
    }
    assert "1500ms" in rejects["economy"]["detail"]
    assert "querySelectorAll" in rejects["society"]["detail"]
    assert "1 errors in callbacks" in run.verdict
    assert run.err.count("Traceback") == run.err.count("\nRuntimeError: a fault") == 1
    assert counter(run, "browser/failed") == 2
    assert counter(run, "browser/retries") == 4
    assert "'playwright/page_count/max_concurrent': 1," in run.err
    assert "still open" not in run.err


class _Twice(dict[str, Any]):
    """The browser is answered 503 twice."""

    def __init__(self, path: str) -> None:
        self._path, self._asked = path, 0

    def get(self, path: str, default: Any = None) -> Any:
        self._asked += path == self._path
        return 503 if path == self._path and self._asked in (2, 3) else default


def test_lists_that_wait_for_a_page_do_not_keep_plain_requests_from_being_sent(
    crawler: Scrapy,
) -> None:
    with serve(SiteConfig(articles=150, seed=22, cards=5)) as site:
        run = crawl(
            crawler, site, "-a", "section=politics,world,economy,society",
            "-s", "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT=1",
            "-s", "CONCURRENT_REQUESTS=2",
            render="auto",
        )  # fmt: skip
    assert run.code == 0, run.err
    assert counter(run, "rules/learned") == 4
    assert counter(run, "lists/ended/end") == 4


# --- the browser dies or hangs (P2)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_browser_that_dies_or_hangs_is_replaced_and_the_list_walked_whole(
    crawler: Scrapy, database: Documents, how: str
) -> None:
    with serve(BUSY) as site:
        site.knobs.delay_of["/ajax/list"] = 0.1
        process = start(crawler, site, BROWSER_PATIENCE_SECONDS="2")
        wait_for(process, lambda: batches(site) >= 5, "the fifth batch")
        [number] = browsers(crawler)
        if how == "killed":
            os.kill(number, signal.SIGKILL)
        else:
            for member in _session(number):
                os.kill(member, signal.SIGSTOP)
        run = crawler.finish(process, seconds=60)
        whole = section(site, "world")
    assert run.code == 0, run.err
    assert taken(run) == whole
    assert database.articles.count_documents({}) == len(whole)
    assert counter(run, "browser/retries") == 1
    assert counter(run, "browser/failed") == 0
    assert re.search(r"WARNING: \S+/world: the browser failed \(.+\); trying again", run.err)
    assert "Traceback" not in run.err
    assert not untidy(crawler)


def _session(leader: int) -> list[int]:
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.exists() and path.read_text().rpartition(")")[2].split()[3] == str(leader)
    ]


def test_a_browser_killed_at_each_start_leaves_what_http_gives(
    crawler: Scrapy, database: Documents
) -> None:
    with serve(BUSY) as site:
        site.knobs.delay_of["/ajax/list"] = 0.5
        process = start(crawler, site)
        killed: set[int] = set()

        def kill() -> bool:
            for number in browsers(crawler):
                with suppress(ProcessLookupError):  # it ended by itself meanwhile
                    os.kill(number, signal.SIGKILL)
                    killed.add(number)
            return process.poll() is not None

        wait_until(kill, seconds=40, what="the end of the crawl")
        run = crawler.finish(process)
        first = {truth.slug for truth in site.first_list("en", "world")}
    assert run.code == 4, run.err
    assert 2 <= len(killed) <= 4
    assert taken(run) == first
    [reject] = database.rejects.find()
    assert reject["reason"] == "browser_failed"
    assert reject["detail"]
    assert "1 pages rejected" in run.verdict
    assert "Traceback" not in run.err


@pytest.mark.parametrize("script", ["exit 1", "sleep 600"])
def test_a_chromium_that_does_not_start_is_named_and_tried_twice_in_all(
    crawler: Scrapy, database: Documents, script: str
) -> None:
    executable = crawler.folder / "chromium"
    executable.write_text(f"#!/bin/sh\necho started >> {crawler.folder}/starts\n{script}\n")
    executable.chmod(0o755)
    with serve(BUSY) as site:
        began = time.monotonic()
        run = crawl(
            crawler, site, "-a", "section=world,sport,culture",
            CHROMIUM_EXECUTABLE=str(executable), BROWSER_PATIENCE_SECONDS="2",
        )  # fmt: skip
        seconds = time.monotonic() - began
        first = {
            t.slug for s in ("world", "sport", "culture") for t in site.first_list("en", s)
        }  # fmt: skip
    assert run.code == 4, run.err
    assert taken(run) == first
    assert (crawler.folder / "starts").read_text() == "started\n" * 2
    assert f"Chromium ({executable}, see CHROMIUM_EXECUTABLE) could not be started" in run.err
    assert "3 pages rejected" in run.verdict
    assert all("CHROMIUM_EXECUTABLE" in reject["detail"] for reject in database.rejects.find())
    assert seconds < 25
    assert "Traceback" not in run.err


def test_a_chromium_that_is_not_there_is_wrong_usage(crawler: Scrapy) -> None:
    with serve(BUSY) as site:
        run = crawl(crawler, site, CHROMIUM_EXECUTABLE="/no/such/chromium")
        assert run.code == 2, run.err
        assert "CHROMIUM_EXECUTABLE='/no/such/chromium'" in run.err
        assert site.log == []


# --- pages that never end, or are none (P5)


def test_what_never_ends_and_other_hosts_do_not_hold_a_list_up(crawler: Scrapy) -> None:
    with serve(BUSY) as site, bystander() as (other, came):
        site.knobs.delay_of["/never"] = 100
        with urlopen(site.url + WORLD, timeout=10) as page:
            html = page.read()
        more = (
            f'<img src="/never"><video src="/never"></video><script async src="{other}/a.js">'
            f'</script><iframe src="{other}/advert"></iframe><img src="{other}/a.png">'
            f'<link rel="preconnect" href="{other}"><link rel="stylesheet" href="{other}/a.css">'
            f'<script>fetch("{other}/count").catch(function () {{}})</script>'
        )
        site.knobs.raw[WORLD] = (200, HTML, html.replace(b"<main", more.encode() + b"<main", 1))
        site.log.clear()
        assert more.encode() in site.knobs.raw[WORLD][2]
        run = crawl(crawler, site)
        paths = [hit.path for hit in site.log]
        whole = section(site, "world")
    assert run.code == 0, run.err
    assert taken(run) == whole
    assert came == []
    assert not [path for path in paths if path.startswith(("/media/", "/never"))]
    assert sum(path.startswith("/ajax/") for path in paths) >= len(whole) // 10
    assert counter(run, "browser/blocked/image") > len(whole)
    assert counter(run, "browser/blocked/script") == 1


EXPECTED = {
    "empty": "ERR_ABORTED",
    "elsewhere": "by itself",
    "elsewhere before it has ended": "by itself",
    "redirect": "the address leads to http",
    "download": "a file, not a page",
    "error": "500",
}


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "elsewhere",
        "download",
        pytest.param("elsewhere before it has ended", marks=pytest.mark.soak),
        pytest.param("redirect", marks=pytest.mark.soak),
        pytest.param("error", marks=pytest.mark.soak),
    ],
)
def test_a_page_that_the_browser_cannot_read_is_rejected_with_a_reason(
    crawler: Scrapy, database: Documents, kind: str
) -> None:
    zipped = {"Content-Type": "application/zip", "Content-Disposition": "attachment"}
    with serve(BUSY) as site:
        script = f"<script>location.href = '{site.url}/en/category/sport'</script>"
        answers = {
            "empty": (204, {}, b""),
            "elsewhere": (200, HTML, f"<html><body>{script}</body></html>".encode()),
            "elsewhere before it has ended": (
                200,
                HTML | {"Content-Length": "100000"},
                f"<html><body>{script}".encode(),
            ),
            "redirect": (302, {"Location": "/en/"}, b""),
            "download": (200, zipped, b"PK\5\6" + bytes(18)),
            "error": (500, HTML, b"<h1>sorry</h1>"),
        }
        site.knobs.raw = Later({WORLD: answers[kind]})
        began = time.monotonic()
        run = crawl(crawler, site)
        seconds = time.monotonic() - began
        first = {truth.slug for truth in site.first_list("en", "world")}
    assert run.code == 4, run.err
    assert taken(run) == first
    [reject] = database.rejects.find()
    assert reject["reason"] == "browser_failed"
    assert EXPECTED[kind] in reject["detail"]
    assert seconds < 30
    assert "Traceback" not in run.err


def test_a_list_whose_requests_fail_is_not_taken_for_one_that_ended(
    crawler: Scrapy, database: Documents
) -> None:
    with serve(BUSY) as site:
        refused = "/ajax/list?lang=en&category=world&page=3"
        site.knobs.status[refused] = 500
        run = crawl(crawler, site)
        assert run.code == 4, run.err
        assert len(taken(run)) == 20 < len(section(site, "world"))
        [reject] = database.rejects.find()
        assert reject["reason"] == "browser_failed"
        assert f"{refused}: status 500" in reject["detail"]
        site.knobs.status[refused] = (500, 2)  # the page's script tries again by itself
        run = crawl(crawler, site, "-a", "mode=full")
    assert run.code == 0, run.err
    assert taken(run) == section(site, "world")
    assert counter(run, "browser/retries") == 0


def test_a_list_whose_requests_robots_txt_forbids_is_not_asked_for_them(
    crawler: Scrapy, database: Documents
) -> None:
    with serve(BUSY) as site:
        site.knobs.robots = "User-agent: *\nDisallow: /ajax/\n"
        run = crawl(crawler, site)
        assert batches(site) == 0
        first = {truth.slug for truth in site.first_list("en", "world")}
    assert run.code == 4, run.err
    assert taken(run) == first
    [reject] = database.rejects.find()
    assert reject["reason"] == "forbidden_by_robots"
    assert f"{site.url}/ajax/list?" in reject["detail"]
    assert "1 forbidden_by_robots" in run.verdict
    assert counter(run, "browser/blocked/forbidden") > 0
    assert counter(run, "browser/retries") == 0
    assert counter(run, "lists/ended/unfinished") == 1


# --- letters (P7)


@pytest.mark.parametrize("render", ["browser", "auto"])
def test_a_list_in_windows_1251_is_read_in_full(crawler: Scrapy, render: str) -> None:
    with serve(BUSY) as site:
        slug = site.sections("ru")[0][0]
        truths = sorted(site.world.in_section("ru", slug), key=_published, reverse=True)
        assert len(truths) > 15
        since = truths[len(truths) // 2].published.date()
        path = f"/category/{slug}"
        with urlopen(site.url + path, timeout=10) as page:
            text = page.read().decode().replace('charset="utf-8"', 'charset="windows-1251"')
        header = {"Content-Type": "text/html; charset=windows-1251"}
        body = text.encode("windows-1251", "xmlcharrefreplace")
        assert truths[0].title.encode("windows-1251") in body
        site.knobs.raw[path] = (200, header, body)
        run = crawl(
            crawler, site, "-a", "language=ru", "-a", f"section={slug}", "-a", f"since={since}",
            render=render,
        )  # fmt: skip
    wanted = {truth.slug: truth.title for truth in truths if truth.published.date() >= since}
    assert run.code == 0, run.err
    assert {record["slug"]: record["title"] for record in run.records} == wanted
    assert counter(run, "times/unknown") == 0


def _published(truth: Truth) -> float:
    return truth.published.timestamp()


# --- stopped by a signal


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("starting", signal.SIGTERM),
        ("scrolling", signal.SIGINT),
        ("hanging", signal.SIGTERM),
        ("articles", signal.SIGINT),
    ],
)
def test_a_signal_to_the_group_ends_everything_soon(
    crawler: Scrapy, database: Documents, when: str, number: signal.Signals
) -> None:
    with serve(BUSY) as site:
        site.knobs.delay_of["/ajax/list"] = 100 if when == "hanging" else 0.3
        articles = {truth.path: 0.3 for truth in site.world.in_section("en", "world")}
        site.knobs.delay_of |= articles
        process = start(crawler, site, BROWSER_PATIENCE_SECONDS="30")
        moments: dict[str, Callable[[], Any]] = {
            "starting": lambda: browsers(crawler),
            "scrolling": lambda: batches(site) >= 2,
            "hanging": lambda: batches(site) >= 1,
            "articles": lambda: database.articles.count_documents({}) >= 5,
        }
        wait_for(process, moments[when], when)
        if when == "articles":  # some of those that follow would take very long
            site.knobs.delay_of |= dict.fromkeys(articles, 100)
        began = time.monotonic()
        os.killpg(process.pid, number)
        run = crawler.finish(process, seconds=30)
        seconds = time.monotonic() - began
        wait_until(lambda: not crawler.alive(), seconds=2, what="an end of all processes")
    assert seconds < 15
    assert run.code == 128 + number, run.err
    assert f"stopped by signal {int(number)}" in run.verdict
    assert {r["id"] for r in run.records} == {d["_id"] for d in database.articles.find()}
    assert len(run.records) >= (5 if when == "articles" else 0)
    assert database.rejects.count_documents({}) == 0
    assert "Traceback" not in run.err


def test_a_crawl_that_is_killed_takes_its_browser_along(crawler: Scrapy) -> None:
    with serve(BUSY) as site:
        site.knobs.delay_of["/ajax/list"] = 0.3
        process = start(crawler, site)
        wait_for(process, lambda: batches(site) >= 2, "the second batch")
        os.kill(process.pid, signal.SIGKILL)
        crawler.finish(process)
    wait_until(lambda: not crawler.alive(), seconds=10, what="an end of all processes")


# --- how the site is asked


_ALSO_ASKED = b"""<link rel="prefetch" href="/prefetched">
<link rel="stylesheet" href="/templates/a.css">
<script src="/templates/a.js"></script><script async src="/templates/b.js"></script>
<script>navigator.sendBeacon('/report', 'x')</script>"""


@pytest.mark.alone
@pytest.mark.parametrize("render", ["browser", "auto"])
def test_requests_of_both_kinds_keep_their_distance(crawler: Scrapy, render: str) -> None:
    """Also those of a page that is being opened, which has the longer for it."""
    with serve(BUSY) as site:
        with urlopen(site.url + WORLD, timeout=10) as page:
            html = page.read()
        site.log.clear()
        site.knobs.raw[WORLD] = (200, HTML, html.replace(b"</head>", _ALSO_ASKED + b"</head>", 1))
        run = crawl(
            crawler, site, "-a", "section=world,sport", "-a", "limit=18",
            "-s", "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT=1000",
            render=render, CLUSTER_DOWNLOAD_DELAY="0.3",
        )  # fmt: skip
        times = sorted(hit.at for hit in site.log)
        paths = {hit.path for hit in site.log}
    assert run.code == 0, run.err
    assert len(times) > 30
    assert {f"/templates/{name}" for name in ("a.js", "b.js", "a.css")} <= paths
    assert not paths & {"/report", "/prefetched"}
    # What was let go in its turn may reach the site a little late, so the next one seems early.
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.1
    assert times[-1] - times[0] > 0.3 * (len(times) - 2)


def test_a_pause_that_a_list_s_answer_asks_for_is_kept_and_the_list_walked_on(
    crawler: Scrapy, database: Documents
) -> None:
    """It lasts longer than a request may take."""
    with serve(BUSY) as site:
        refused = "/ajax/list?lang=en&category=world&page=3"
        site.knobs.raw = _Once({refused: (429, {"Retry-After": "6"}, b"")})
        run = crawl(crawler, site)
        times = [hit.at for hit in site.log]
        [place] = [number for number, hit in enumerate(site.log) if hit.status == 429]
        whole = section(site, "world")
    assert times[place + 1] - times[place] > 5.8
    assert counter(run, "politeness/pauses") == 1
    assert run.code == 0, run.err
    assert taken(run) == whole
    assert counter(run, "browser/retries") == 0


_CHECK = b"""<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>
<h1>Checking your browser before accessing the site</h1>
<script>document.cookie = 'seen=1'; location.reload();</script></body></html>"""


def test_a_check_of_visitors_in_place_of_lists_is_named_and_no_browser_meets_it(
    crawler: Scrapy, database: Documents
) -> None:
    with serve(BUSY) as site:
        for path in (WORLD, "/en/category/sport"):
            site.knobs.raw[path] = (200, HTML, _CHECK)
        run = crawl(crawler, site, "-a", "section=world,sport", render="auto")
        asked = Counter(hit.path for hit in site.log)
        assert run.code == 3, run.err
        assert "nothing collected" in run.verdict
        assert "2 pages rejected (2 not_a_list_challenge)" in run.verdict
        assert asked[WORLD] == asked["/en/category/sport"] == 1
        assert database.walks.count_documents({}) == 0
        site.knobs.raw.clear()
        site.knobs.raw["/en/"] = (200, HTML, _CHECK)
        run = crawler("crawl", "sections", CALIBER_BASE_URL=site.url, NAVIGATION_HOURS="0")
    assert run.code == 3, run.err
    assert "1 pages rejected (1 not_a_list_challenge)" in run.verdict
    details = {reject["detail"] for reject in database.rejects.find()}
    assert all("a check of visitors stands before it" in detail for detail in details)


def test_what_only_the_browser_meets_in_place_of_a_list_is_named(
    crawler: Scrapy, database: Documents
) -> None:
    question = b"<html><h1>We value your privacy</h1><button>Accept all</button></html>"
    with serve(BUSY) as site:
        first = {truth.slug for truth in site.first_list("en", "world")}
        site.knobs.raw = Later({WORLD: (200, HTML, question)})
        run = crawl(crawler, site, render="auto")
        asked = [hit.path for hit in site.log].count(WORLD)
    assert (run.code, asked) == (4, 2), run.err
    assert taken(run) == first
    [reject] = database.rejects.find()
    assert reject["reason"] == "not_a_list_consent"


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_page_that_opens_itself_again_and_again_is_stopped(crawler: Scrapy, when: str) -> None:
    later = when == "later"
    again = b"setTimeout(() => location.reload(), 200)" if later else b"location.reload()"
    loop = b"<html><h1>World</h1><main></main><script>" + again + b"</script></body></html>"
    with serve(BUSY) as site:
        site.knobs.raw[WORLD] = (200, HTML, loop)
        run = crawl(crawler, site, render="auto")
        asked = Counter(hit.path for hit in site.log)
    assert run.code == 3, run.err
    assert "1 pages rejected (1 browser_failed)" in run.verdict
    assert 3 <= asked[WORLD] <= 1 + 2 * 3  # over HTTP, and in two attempts of the browser


class _Once(dict[str, Any]):
    """Each answer is given once."""

    def __getitem__(self, path: str) -> Any:
        return self.pop(path)


async def test_what_waits_for_its_turn_is_not_asked_for_when_its_page_is_closed() -> None:
    """Chromium would make all those requests at once."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        await asyncio.sleep(60 if turns > 1 else 0)  # the page itself comes first

    with serve(BUSY) as site:
        blocker = _blocker(turn=turn, site=site.url)

        async def decide(route: Route) -> None:
            await (route.abort() if await blocker(route.request) else route.continue_())

        site.knobs.raw["/page"] = (200, HTML, b"<script async src='/held'></script>")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**launch_options("", 30))
            context = await browser.new_context(**CONTEXT_OPTIONS)
            page = await context.new_page()
            await page.route("**", decide)
            await PageGuard(lambda url: None, lambda kind: None).watch(page)
            await page.goto(f"{site.url}/page", wait_until="domcontentloaded")
            for _ in range(200):
                if blocker.waiting:
                    break
                await asyncio.sleep(0.05)
            assert blocker.waiting
            await blocker.leave(page)
            await page.close()
            assert not blocker.waiting
            await asyncio.sleep(0.3)
            await browser.close()
        assert [hit.path for hit in site.log] == ["/page"]


async def test_what_playwright_leaves_when_its_driver_is_ended_is_ended_too() -> None:
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        held.set()
        await asyncio.Event().wait()

    playwright = await async_playwright().start()
    browser = await playwright.chromium.launch(**launch_options("", 30))
    page = await browser.new_page()
    await page.route("**", hold)
    opening = asyncio.ensure_future(page.goto("http://site.invalid/"))
    await asyncio.wait_for(held.wait(), 20)
    await browser.close()
    await playwright.stop()
    with pytest.raises(BrowserError):
        await opening
    assert leftovers()  # else there is nothing to be ended
    other = asyncio.ensure_future(asyncio.sleep(0.1, "whole"))
    await end_leftovers()
    assert not leftovers()
    assert await other == "whole"


# --- what makes a list go on, and what its end is

_LIST = """<div id=list></div>BELOW<script>
let next = 0, busy = false;
const list = document.getElementById('list');
function put(html) { list.insertAdjacentHTML('beforeend', html); }
function near() { return innerHeight + scrollY > document.documentElement.scrollHeight - 300; }
async function grow() {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch('/more?p=' + next);
    if (!answer.ok) throw new Error(answer.status);
    next += 1;
    put(await answer.text());
  } finally { busy = false; }
}
LISTEN
</script>"""


async def _scrolled(
    below: str,
    listen: str,
    answer: Callable[[str], tuple[int, str]],
    *,
    blocker: Blocker | None = None,
    quiet: float = 0.5,
    lag: float = 0,
    hanging: str = "nothing",
    patience: float = 10,
    row: float = 0,
) -> tuple[int, str | None]:
    """How many cards a list brings until it ends, and what its end is taken for."""
    html = _LIST.replace("BELOW", below).replace("LISTEN", listen)
    origin = "http://site.invalid"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options("", 30))
        page = await browser.new_page()

        async def serve_page(route: Route) -> None:
            if blocker and await blocker(route.request):
                await route.abort()
                return
            asked = route.request.url.removeprefix(origin)
            status, body = 404, ""  # as for the cards' pictures
            if asked == "/":
                status, body = 200, html
            elif route.request.resource_type == "fetch":
                status, body = answer(asked)
                await asyncio.sleep(60 if asked.endswith(hanging) else lag)
            await route.fulfill(status=status, body=body, content_type=HTML["Content-Type"])

        await page.route("**/*", serve_page)
        scroller = Scroller(page, lambda: False, quiet=quiet, patience=patience, row=row)
        scroller.recorder.blocker = blocker
        await page.goto(f"{origin}/")
        try:
            seen = len(await scroller.present())
            while found := await scroller.more():
                seen += len(found)
        except BrowserError as error:
            return seen, f"{type(error).__name__}: {error}"
        finally:
            await browser.close()
    return seen, None


def _batch(address: str) -> str:
    number = int(address.rpartition("=")[2])
    names = [f"/en/post/story-{number}-{k}" for k in range(5)] if number < 2 else []
    return "".join(f'<div style="height:200px">{card_html(name)}</div>' for name in names)


@pytest.mark.parametrize(
    "below",
    [
        "<div class=more><span onclick='grow()'>Показать ещё</span></div>",
        "<a href='/away' onclick='event.preventDefault(); grow()'>More news</a>",
        "<button onclick='grow()'>Load more (20 of 300)</button>",
        "<p><b><span onclick='grow()'>Ещё 20 новостей</span></b></p>",
    ],
)
async def test_what_loads_more_is_pressed(below: str) -> None:
    assert await _scrolled(below, "grow();", lambda asked: (200, _batch(asked))) == (10, None)


async def test_a_headline_with_a_number_is_not_pressed() -> None:
    below = "<p onclick='grow()'>Ещё 20 человек приедут</p><p onclick='grow()'>20 more arrive</p>"
    seen = await _scrolled(below, "grow();", lambda asked: (200, _batch(asked)))
    assert seen == (5, None)


@pytest.mark.parametrize(("host", "is_the_sites"), [("static.site", True), ("code.other", False)])
async def test_a_list_whose_script_is_on_an_unnamed_host_of_the_site_has_not_ended(
    host: str, is_the_sites: bool
) -> None:
    below = f"<script src='http://{host}.invalid/list.js'></script>"
    seen, why = await _scrolled(
        below, f"put({_batch('=0')!r});", lambda asked: (200, _batch(asked)), blocker=_blocker()
    )
    assert seen == 5
    assert bool(why) == is_the_sites
    if is_the_sites:
        assert (why or "").startswith(Unnamed.__name__)
        assert "SITE_HOSTS: http://static.site.invalid/list.js" in (why or "")


async def test_a_list_whose_request_is_never_answered_has_not_ended() -> None:
    seen, why = await _scrolled(
        "", _AT_THE_END, lambda asked: (200, _batch(asked)), hanging="p=1", patience=2
    )
    assert seen == 5
    assert "never answered: http://site.invalid/more?p=1" in (why or "")


async def test_a_link_that_leads_elsewhere_is_not_followed() -> None:
    below = "<a href='/away'>More news</a>"
    seen = await _scrolled(below, "grow();", lambda asked: (200, _batch(asked)))
    assert seen == (5, None)


async def test_a_list_that_waits_until_nobody_scrolls_is_scrolled_to_its_end() -> None:
    listen = """grow();
    let timer;
    addEventListener('scroll', () => {
      clearTimeout(timer);
      timer = setTimeout(() => near() && grow(), 1200);
    });"""
    seen = await _scrolled("", listen, lambda asked: (200, _batch(asked)), quiet=4)
    assert seen == (10, None)


_AT_THE_END = "grow(); addEventListener('scroll', () => near() && grow());"
_ON_SCROLL = f"""{_AT_THE_END}
setInterval(() => fetch('/ping'), 150);"""


async def test_a_refused_list_is_seen_beside_requests_that_are_answered() -> None:
    def answer(asked: str) -> tuple[int, str]:
        return (200, "well") if "ping" in asked else (403, "") if "1" in asked else (
            200, _batch(asked)
        )  # fmt: skip

    seen, why = await _scrolled("", _ON_SCROLL, answer)
    assert seen == 5
    assert "status 403" in (why or "")


async def test_a_counter_that_is_refused_does_not_matter() -> None:
    def answer(asked: str) -> tuple[int, str]:
        return (503, "") if "ping" in asked else (200, _batch(asked))

    assert await _scrolled("", _ON_SCROLL, answer) == (10, None)


async def test_copies_of_cards_are_cards_of_their_own() -> None:
    """Of the list's first card or its last, also when the whole list is written anew each time."""
    listen = """put(`CARD`);
    function copy() {
      const which = next % 2 ? list.firstElementChild : list.lastElementChild;
      const card = which.cloneNode(true);
      for (const link of card.querySelectorAll('a[href*="/post/"]'))
        link.href = '/en/post/story-' + next;
      card.querySelector('h2').textContent = 'Story ' + next++;
      list.append(card);
    }
    let heeded = 0;
    addEventListener('scroll', () => {
      if (!near() || Date.now() - heeded < 300) return;
      heeded = Date.now();
      for (let i = 0; i < 40 && next < 119; i++) copy();
      list.innerHTML += '';
    });""".replace("CARD", card_html("/en/post/story"))
    assert await _scrolled("<p style='height:2000px'>", listen, lambda _: (404, "")) == (120, None)


def _blocker(
    *forbidden: str,
    turn: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0),
    site: str = "http://site.invalid",
) -> Blocker:
    async def forbids(url: str) -> bool:
        return url.endswith(forbidden)

    return Blocker(Reach(site), forbids, turn, lambda kind: None)


@pytest.mark.parametrize("forbidden", ["/more?p=1", "/list.js"])
async def test_a_list_that_robots_txt_keeps_from_growing_has_not_ended(forbidden: str) -> None:
    below = "<script src='/list.js'></script>"
    listen = _AT_THE_END if "p=1" in forbidden else f"put({_batch('=0')!r});"
    seen, why = await _scrolled(
        below, listen, lambda asked: (200, _batch(asked)), blocker=_blocker(forbidden)
    )
    assert seen == 5
    assert why
    assert why.startswith(Forbidden.__name__)
    assert forbidden in why


async def test_a_counter_that_robots_txt_forbids_does_not_matter() -> None:
    blocker = _blocker("/ping", "/list.js")
    below = "<script src='/list.js'></script>"
    seen = await _scrolled(below, _ON_SCROLL, lambda asked: (200, _batch(asked)), blocker=blocker)
    assert seen == (10, None)
    assert blocker.forbidden


@pytest.mark.parametrize(("row", "wait", "whole"), [(20, 4, True), (0, 60, False)])
async def test_a_list_whose_request_waits_for_its_turn_has_not_ended(
    row: int, wait: int, whole: bool
) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        await asyncio.sleep(wait if turns == 3 else 0)  # of page, first batch, second batch

    seen, why = await _scrolled(
        "", _AT_THE_END, lambda asked: (200, _batch(asked)), blocker=_blocker(turn=turn),
        lag=1.9, patience=3, row=row,
    )  # fmt: skip
    assert seen == (10 if whole else 5)
    assert why is None if whole else "never had its turn" in (why or "")


# --- scrolling keeps pages small


@pytest.mark.alone
async def test_old_cards_are_emptied_and_still_counted() -> None:
    script = """
    let next = 0;
    const card = %s;
    function grow() {
      const list = document.getElementById('list');
      for (let i = 0; i < 20 && next < 1500; i++, next++)
        list.insertAdjacentHTML('beforeend', card.replaceAll('NUMBER', next));
    }
    grow();
    addEventListener('scroll', () => {
      if (innerHeight + scrollY > document.documentElement.scrollHeight - 700) grow();
    });
    """
    markup = card_html("/en/post/story-NUMBER").replace("<div ", '<div data-id="NUMBER" ', 1)
    html = f"<div id=list></div><script>{script % repr(markup)}</script>"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options("", 30))
        page = await browser.new_page()
        await page.set_content(html)
        scroller = Scroller(page, lambda: False, quiet=0.5)
        seen = len(await scroller.present())
        clock = [time.monotonic()]
        while found := await scroller.more():
            seen += len(found)
            whole = "[...document.querySelectorAll('.float_block')].filter(c => c.firstChild)"
            assert await page.evaluate(f"{whole}.length") <= 60
            assert await page.evaluate("document.querySelectorAll('.float_block').length") == seen
            last = "[...document.querySelectorAll('[data-id]')].at(-1).dataset.id"
            assert int(await page.evaluate(last)) == seen - 1
            clock.append(time.monotonic())
        await browser.close()
    assert seen == 1500
    steps = sorted(later - earlier for earlier, later in pairwise(clock[:15]))
    late = sorted(later - earlier for earlier, later in pairwise(clock[-15:]))
    # A late batch costs about as much as an early one: the middle ones are compared.
    assert late[7] < 3 * steps[7] + 0.1


async def test_huge_cards_are_taken_in_portions() -> None:
    """Reading them holds up all else, so no look brings more than a million letters."""
    huge = card_html("/en/post/story-NUMBER").replace("<div ", f'<div data-x="{"y" * 15_000}" ', 1)
    html = "".join(huge.replace("NUMBER", str(number)) for number in range(150))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options("", 30))
        page = await browser.new_page()
        await page.set_content(html)
        scroller = Scroller(page, lambda: False, quiet=0.5)
        looks = [await scroller.present()]
        while found := await scroller.more():
            looks.append(found)
        await browser.close()
    assert sum(map(len, looks)) == 150
    assert len({card for look in looks for card in look}) == 150
    assert all(sum(map(len, look)) <= 1_000_000 for look in looks)
    assert len(looks) == 3
