"""How a crawl is shown: real crawls before a real pseudo-terminal, and without one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, serve
from scripts.terminal import Terminal
from tests.cluster import Cluster
from tests.conftest import SCRAPY, Scrapy

Documents = Database[dict[str, Any]]
Open = Callable[..., Terminal]
CRAWL = ("crawl", "sections", "-a", "render=http")
CTRL_C = b"\x03"
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[[\w.-]+\] [A-Z]+: ")


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=60, seed=21)) as served:
        yield served


@pytest.fixture
def before(scrapy: Scrapy, site: ServedSite) -> Iterator[Open]:
    """Runs `scrapy` before a terminal, with its standard streams on it."""
    opened: list[Terminal] = []

    def run(*arguments: str, columns: int = 100, lines: int = 40, **settings: str) -> Terminal:
        named = {"TERM": "xterm-256color", "CALIBER_BASE_URL": site.url} | settings
        environment = scrapy.environment(**named)
        command = [*SCRAPY, *arguments]
        terminal = Terminal(command, environment, scrapy.folder, columns=columns, lines=lines)
        opened.append(terminal)
        return terminal

    yield run
    for terminal in opened:
        terminal.close()


def test_the_display_shows_how_it_goes_and_makes_way_for_the_summary(
    before: Open, database: Documents
) -> None:
    terminal = before(*CRAWL, CLUSTER_DOWNLOAD_DELAY="0.25")
    seen = ""

    def both() -> bool:
        nonlocal seen
        seen += terminal.shown
        return "time left unknown" in seen and "left 0:" in seen

    assert terminal.read_until(both), terminal.shown
    shown = terminal.shown
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert f"sections  crawl {crawl['_id']}  0:00:" in shown
    figures = r"^stored \d+  new \d+  changed 0  unchanged 0  duplicates 0  rejected 0  failed 0"
    assert re.search(figures, shown, re.MULTILINE)
    assert re.search(r"requests \d+\s+\d+ a minute", shown)
    assert "lists 8 of 8 walked  frontier " in shown
    assert re.search(r"^en/world +\d+ +\d+ +0 +0  first_page$", shown, re.MULTILINE)
    assert shown.count("stored ") == 1, "one display, not a row of them"
    assert terminal.screen.cursor.hidden

    assert terminal.finish() == 0
    assert not terminal.screen.cursor.hidden
    everything = terminal.everything
    assert " queued, " not in everything, "the display is gone"
    new = database.articles.count_documents({})
    assert re.search(rf"^  articles/new +{new}  records stored for the first time$", everything,
                     re.MULTILINE)  # fmt: skip
    assert "none of" in everything
    assert everything.splitlines()[-1] == (
        f"caliber-crawler: healthy: {new} articles taken, {new} new, 0 changed"
    )
    # Its log stands above, each line whole and none drawn twice.
    logged = [line for line in everything.splitlines() if LOG_LINE.match(line)]
    assert len(logged) == len(set(logged))
    assert sum("only its first page is taken" in line for line in logged) <= 8
    assert everything.count("no rule is known") == 8
    assert "Summary of the crawl:" not in everything, "the table is the summary"


def test_ctrl_c_gives_the_cursor_back(before: Open, database: Documents) -> None:
    terminal = before(*CRAWL, CLUSTER_DOWNLOAD_DELAY="0.5")
    assert terminal.read_until(lambda: "lists " in terminal.shown), terminal.shown
    assert terminal.screen.cursor.hidden
    terminal.press(CTRL_C)
    assert terminal.finish() == 130
    assert not terminal.screen.cursor.hidden
    assert terminal.raw.rindex(SHOW) > terminal.raw.rindex(HIDE)
    assert "articles kept" in terminal.shown.splitlines()[-1]
    assert " queued, " not in terminal.shown
    assert "Received SIGINT, shutting down gracefully" in terminal.everything


def test_sigterm_and_a_second_signal_give_the_cursor_back(before: Open, site: ServedSite) -> None:
    site.knobs.delay_of["/en/category/world"] = 120.0  # so that it does not end in good order
    terminal = before(*CRAWL)
    assert terminal.read_until(lambda: "lists 7 of 7" in terminal.shown), terminal.shown
    terminal.process.terminate()
    assert terminal.read_until(lambda: "Received SIGTERM, shutting" in terminal.everything)
    assert terminal.screen.cursor.hidden
    terminal.process.terminate()
    terminal.finish()
    assert not terminal.screen.cursor.hidden
    assert terminal.raw.rindex(SHOW) > terminal.raw.rindex(HIDE)


def test_a_narrow_terminal(before: Open) -> None:
    terminal = before(*CRAWL, "-L", "WARNING", columns=30, lines=9, CLUSTER_DOWNLOAD_DELAY="0.05")
    assert terminal.read_until(lambda: "stored " in terminal.shown), terminal.shown
    assert terminal.finish() == 0
    assert not terminal.screen.cursor.hidden
    assert " queued, " not in terminal.everything


def test_a_log_in_a_file_has_the_summary_too(before: Open, scrapy: Scrapy) -> None:
    terminal = before(*CRAWL, "-s", "LOG_FILE=crawl.log")
    assert terminal.finish() == 0
    assert "Summary of the crawl\n" in terminal.everything
    assert not [line for line in terminal.everything.splitlines() if LOG_LINE.match(line)]
    log = (scrapy.folder / "crawl.log").read_text()
    assert "INFO: Summary of the crawl:\n" in log
    assert "  nothing counted: " in log
    assert "\x1b" not in log


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ({"TERM": "dumb"}, ()),
        pytest.param({"PROGRESS": "lines"}, (), marks=pytest.mark.soak),
        ({}, ("-o", "-:jsonl")),
    ],
    ids=["dumb terminal", "lines wanted", "records go to the terminal"],
)
def test_lines_where_a_display_would_do_harm(
    before: Open, settings: dict[str, str], arguments: tuple[str, ...]
) -> None:
    terminal = before(
        *CRAWL, *arguments, PROGRESS_LINE_SECONDS="0.5", CLUSTER_DOWNLOAD_DELAY="0.05", **settings
    )
    assert terminal.finish() == 0
    assert b"\x1b" not in terminal.raw
    assert "INFO: Progress: 0:00:" in terminal.everything
    assert b"Summary of the crawl:" in terminal.raw


def test_no_color_is_heeded(before: Open) -> None:
    terminal = before(*CRAWL, NO_COLOR="1", CLUSTER_DOWNLOAD_DELAY="0.05")
    assert terminal.read_until(lambda: "stored " in terminal.shown), terminal.shown
    assert terminal.finish() == 0
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m", terminal.raw)


def test_debugging_shows_no_progress(before: Open, site: ServedSite) -> None:
    path = site.world.article("en", 0).path
    terminal = before("parse", "--spider=articles", site.url + path)
    assert terminal.finish() == 0
    assert HIDE not in terminal.raw
    assert "stored 0" not in terminal.everything
    assert "Summary of" not in terminal.everything


# Without a terminal


def test_one_line_for_each_interval(scrapy: Scrapy, site: ServedSite) -> None:
    settings = {"CALIBER_BASE_URL": site.url, "CLUSTER_DOWNLOAD_DELAY": "0.1"}
    run = scrapy.crawl("sections", "render=http", PROGRESS_LINE_SECONDS="1", **settings)
    assert run.code == 0, run.err
    lines = re.findall(r"^.*INFO: Progress: (.*)$", run.err, re.MULTILINE)
    took = float(re.search(r"'elapsed_time_seconds': ([\d.]+)", run.err)[1])  # type: ignore[index]
    assert 2 <= len(lines) <= took + 1
    form = (
        r"0:\d\d:\d\d; stored \d+, new \d+, changed 0, unchanged 0, duplicates \d+, rejected 0, "
        r"failed 0, requests \d+, (rate unknown|\d+ a minute); (lists \d of \d walked; )?"
        r"frontier \d+ queued, \d+ on lease; (time left unknown|left \d:\d\d:\d\d)"
    )
    for line in lines:
        assert re.fullmatch(form, line), line
    assert "\x1b" not in run.err
    assert "pages/min" not in run.err, "Scrapy's own lines would say the same again"


def test_neither_display_nor_lines_when_switched_off(scrapy: Scrapy, site: ServedSite) -> None:
    run = scrapy.crawl(
        "sections", "render=http", PROGRESS="off", PROGRESS_LINE_SECONDS="0.1",
        CALIBER_BASE_URL=site.url, CLUSTER_DOWNLOAD_DELAY="0.02",
    )  # fmt: skip
    assert run.code == 0, run.err
    assert "Progress:" not in run.err
    assert "Summary of the crawl:" in run.err


def test_impossible_settings_are_refused(scrapy: Scrapy) -> None:
    for name, value in (("PROGRESS", "blinking"), ("PROGRESS_LINE_SECONDS", "0")):
        run = scrapy("crawl", "sections", "-s", f"{name}={value}")
        assert run.code == 2
        assert name in run.err


def test_two_workers_and_the_last_one_sums_up(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    cluster = Cluster(scrapy, database, "two")
    options = {"CLUSTER_DOWNLOAD_DELAY": "0.1", "PROGRESS_LINE_SECONDS": "1"}
    runs = [scrapy.finish(p) for p in [cluster.start(site.url, **options) for _ in range(2)]]
    assert [run.code for run in runs] == [0, 0], runs[0].err + runs[1].err
    logs = runs[0].err + runs[1].err
    assert "2 of 2 workers at work; this worker: stored " in logs
    new = database.articles.count_documents({})
    [whole] = [run for run in runs if "Summary of the crawl, 2 workers:" in run.err]
    assert re.search(rf"^  articles/new +{new}  ", whole.err, re.MULTILINE)
    [other] = [run for run in runs if run is not whole]
    assert "Summary of this worker:" in other.err
