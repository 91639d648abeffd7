"""`scrapy schedule` as a user runs it: real processes, real signals, the machine's clock."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from caliber_crawler.schedule.state import EntryState
from demo_site import SiteConfig, serve
from tests.conftest import Scrapy, wait_until

Documents = Database[dict[str, Any]]

# A run that was missed in January is made up for at once, and the next one is months away.
YEARLY = """
zone = "Asia/Baku"

[crawl.news]
spider = "sections"
cron = "0 0 1 1 *"
arguments = { render = "http" }
grace = "900d"
"""
MISSED = EntryState("0 0 1 1 * Asia/Baku", datetime(2025, 6, 1, tzinfo=UTC)).plain()


def remembered(database: Documents) -> None:
    """As if the schedule had been at work before that run."""
    database.schedule.insert_one({"_id": "s", "holder": None, "entries": {"news": MISSED}})


class Told:
    """A scheduler's process, and what it says on standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.text = ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def wait_for(self, words: str) -> None:
        wait_until(
            lambda: words in self.text or self.process.poll() is not None,
            seconds=120,
            what=f"{words!r} in {self.text}",
        )
        assert words in self.text, self.text

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(120)
        self._reading.join(30)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.text += line


@contextmanager
def scheduler(scrapy: Scrapy, path: Path, *options: str, **settings: str) -> Iterator[Told]:
    told = Told(scrapy.start("schedule", str(path), *options, **settings))
    try:
        yield told
    finally:
        if told.process.poll() is None:
            told.process.kill()
            told.process.wait(30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(YEARLY)
    return path


def test_two_schedulers_a_kill_and_a_stale_lock(
    scrapy: Scrapy, database: Documents, path: Path
) -> None:
    """The second one ends at once; when the first is killed, the next one is not held up, finds
    the crawl that lives on, and does not start it twice."""
    remembered(database)
    with serve(SiteConfig(articles=40, seed=15)) as site:
        site.knobs.delay = 1.0
        settings = {"CALIBER_BASE_URL": site.url}
        with scheduler(scrapy, path, **settings) as first:
            wait_until(lambda: len(site.log) > 2, seconds=60, what="requests of the crawl")
            other = scrapy("schedule", str(path), **settings)
            assert other.code == 6
            assert "'s' is run by another scheduler" in other.verdict
            assert f"process {first.process.pid} on {socket.gethostname()}" in other.verdict
            first.process.kill()
            first.process.wait(30)
        with scheduler(scrapy, path, **settings) as second:
            second.wait_for("crawl s.news.20251231T2000Z is still at work")
            site.knobs.delay = 0.0
            second.wait_for("s.news.20251231T2000Z ended with exit code 0")
            assert second.end() == 143
    (crawl,) = database.crawls.find()
    assert (crawl["_id"], crawl["status"]) == ("s.news.20251231T2000Z", "finished")
    assert len(crawl["workers"]) == 1
    kept = database.schedule.find_one()
    assert kept is not None
    assert kept["holder"] is None
    assert kept["entries"]["news"]["counts"] == {"caught_up": 1, "runs": 1}
    assert kept["entries"]["news"]["last"]["code"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_scheduler_and_its_crawls(
    scrapy: Scrapy, database: Documents, path: Path, number: signal.Signals
) -> None:
    """The settings given to the scheduler are its crawls', and no command line shows a secret."""
    remembered(database)
    uri = scrapy.settings.pop("MONGODB_URI")
    with serve(SiteConfig(articles=40, seed=16)) as site:
        site.knobs.delay = 0.5
        given = ("-s", f"MONGODB_URI={uri}", "-s", f"CALIBER_BASE_URL={site.url}")
        with scheduler(scrapy, path, *given) as told:
            wait_until(lambda: len(site.log) > 4, seconds=60, what="requests of the crawl")
            (line,) = [line for line in scrapy.alive() if " crawl " in line]
            assert f"CALIBER_BASE_URL={site.url}" in line
            assert "mongodb://" not in line
            assert told.end(number) == 128 + number
    assert f"ended with exit code {128 + number}: stopped by signal {number:d}; " in told.text
    assert "news | caliber-crawler: stopped by signal" in told.text
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert (crawl["status"], crawl["exit_code"]) == ("stopped", 128 + number)
    assert database.frontier.count_documents({}) > 0
    assert scrapy.alive() == []


def test_without_a_database(scrapy_without_store: Scrapy, path: Path) -> None:
    """State is kept in a file."""
    with serve(SiteConfig(articles=30, seed=17)) as site:
        article = site.url + site.first_list("en", "world")[0].path
        path.write_text(
            'zone = "Asia/Baku"\n[crawl.news]\nspider = "articles"\ncron = "0 0 1 1 *"\n'
            f'grace = "900d"\narguments = {{ url = "{article}" }}\n'
            'settings = { FEEDS = { "news.jsonl" = { format = "jsonl" } } }\n'
        )
        state = json.dumps({"entries": {"news": MISSED}}, default=datetime.isoformat)
        path.with_name("s.toml.state").write_text(state)
        with scheduler(scrapy_without_store, path, CALIBER_BASE_URL=site.url) as told:
            told.wait_for("ended with exit code 0: healthy: 1 articles taken")
            again = scrapy_without_store("schedule", str(path), CALIBER_BASE_URL=site.url)
            assert again.code == 6
            assert "is run by another scheduler" in again.verdict
            assert told.end() == 143
    assert (path.parent / "news.jsonl").read_text().count("\n") == 1
    assert '"runs": 1' in (path.parent / "s.toml.state").read_text()


def test_once(scrapy: Scrapy, database: Documents, path: Path) -> None:
    path.write_text(YEARLY + 'settings = { CALIBER_BASE_URL = "http://127.0.0.1:9" }\n')
    run = scrapy("schedule", str(path), "--once", "nwes")
    assert run.code == 2
    assert "no crawl 'nwes' in the schedule; there are news" in run.err
    run = scrapy("schedule", str(path), "--once", "news", ROBOTS_PATIENCE_SECONDS="0.1")
    assert run.code == 1, run.err  # the crawl's: nothing answers there
    assert "news | caliber-crawler: could not start" in run.err
    with serve(SiteConfig(articles=30, seed=18)) as site:
        path.write_text(YEARLY)
        run = scrapy("schedule", str(path), "--once", "news", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        site.knobs.delay = 1.0
        process = scrapy.start("schedule", str(path), "--once", "news", CALIBER_BASE_URL=site.url)
        before = len(site.log)
        wait_until(lambda: len(site.log) > before + 1, seconds=60, what="requests")
        process.send_signal(signal.SIGTERM)
        assert scrapy.finish(process).code == 143
    ids = sorted(crawl["_id"] for crawl in database.crawls.find())
    assert len(ids) == 3
    assert all(id_.startswith("s.news.") and id_.endswith(".once") for id_ in ids)
    assert database.schedule.count_documents({}) == 0


def test_check(scrapy_without_store: Scrapy, path: Path) -> None:
    """It needs no database, and starts none."""
    run = scrapy_without_store("schedule", str(path), "--check", "--runs", "1", MONGODB_URI="")
    assert run.code == 0, run.err
    first, second = run.out.rstrip().split("\n")
    assert first == "news: 0 0 1 1 * Asia/Baku: crawl sections -a render=http"
    assert "01-01 00:00 +04 = " in second
    assert second.endswith("12-31 20:00 UTC")
    assert not (path.parent / ".caliber").exists()
    path.write_text(YEARLY.replace("sections", "sectoins") + "limt = 3\n")
    for options in (["--check"], []):
        run = scrapy_without_store("schedule", str(path), *options)
        assert run.code == 2
        assert f"{path}:5: no spider 'sectoins'" in run.err
        assert f"{path}:9: unknown key 'limt'" in run.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give one file"),
        (["a.toml", "b.toml"], "give one file"),
        (["a.toml", "--limit", "20"], "unknown word '--limit'; give one file"),
        (["a.toml", "-s", "MONGODB_URL=off"], "did you mean MONGODB_URI?"),
        (["a.toml", "--runs", "0"], "1 or more"),
        (["a.toml", "--check", "--once", "x"], "not allowed with"),
        (["a.toml"], "a.toml: cannot be read: No such file"),
        (["a.toml", "-L", "debug"], "LOG_LEVEL='debug': give DEBUG,"),
    ],
)
def test_wrong_usage(scrapy_without_store: Scrapy, options: list[str], said: str) -> None:
    run = scrapy_without_store("schedule", *options)
    assert run.code == 2
    assert said in run.out + run.err


def test_no_database_to_be_had(scrapy_without_store: Scrapy, path: Path) -> None:
    uri = "mongodb://ann:s3cr3t@127.0.0.1:9"
    run = scrapy_without_store("schedule", str(path), MONGODB_URI=uri)
    assert run.code == 1
    assert "127.0.0.1:9 does not answer" in run.verdict
    assert "s3cr3t" not in run.out + run.err


def test_help(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store("schedule", "--help")
    assert run.code == 0
    for word in ("FILE", "--check", "--once", "--runs", "docs/scheduling.md"):
        assert word in run.out
