"""Bad input to `scrapy crawl`: refused before the first request, with what is allowed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from scrapy.settings import Settings

from caliber_crawler.errors import ConfigError
from caliber_crawler.scrapy_settings import check_names
from demo_site import SiteConfig, serve
from tests.conftest import Scrapy

WRONG = [
    (("sections", "language=xx"), "allowed are en, ru, arm"),
    (("sections", "language="), "names nothing"),
    (("sections", "since=soon"), "since='soon' is no date"),
    (("sections", "until=2026-02-30"), "until='2026-02-30' is no date"),
    (("sections", "since=2026-05-02", "until=2026-05-01"), "since=2026-05-02 is after"),
    (("sections", "limit=0"), "limit='0': give a whole number"),
    (("sections", "limit=-3"), "limit='-3'"),
    (("sections", "mode=fast"), "allowed are update, full"),
    (("sections", "render=flash"), "allowed are auto, http, browser"),
    (
        ("sections", "sektion=world"),
        "unknown argument sektion; allowed are language, section, query",
    ),
    (("sections", "section=a b"), "section='a b'"),
    (("sections", "section=a//b"), "section='a//b'"),
    (("sections", "section=../b"), "section='../b'"),
    (("sections", "language=en/"), "allowed are en, ru, arm"),
    (("sections", "query=ab"), "needs 3 letters or more"),
    (("sections", "query=port", "section=world"), "section or query, not both"),
    (("articles",), "give url="),
    (("articles", "url=http://other.example/en/post/x"), "is no address of http://127.0.0.1"),
    (("articles", "url=javascript:alert(1)"), "is no address of"),
    (("articles", "file=/no/such/file"), "cannot be read"),
    (("refresh", "newer_than=soon"), "newer_than='soon': give hours, days or weeks, as 48h"),
    (("refresh", "newer_than=0d"), "newer_than='0d'"),
    (("refresh", "newer_than=9999999w"), "newer_than='9999999w'"),
    (("refresh", "limit=no"), "limit='no'"),
    (("refresh",), "refresh visits stored articles, and MONGODB_URI=off stores none"),
    (("sections", "section=\udcff"), r"section='\udcff' is no UTF-8"),
    (("sections", "query=abc\udcff"), r"query='abc\udcff' is no UTF-8"),
    (("sections", "_job=\udcff"), r"_job='\udcff' is no UTF-8"),
    (("articles", "url=http://127.0.0.1/en/post/\udcff"), "is no UTF-8"),
    (("nosuchspider",), "no spider 'nosuchspider'; there are articles, feed, refresh, sections"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments(
    scrapy_without_store: Scrapy, arguments: tuple[str, ...], message: str
) -> None:
    with serve(SiteConfig(articles=10)) as site:
        run = scrapy_without_store.crawl(*arguments, CALIBER_BASE_URL=site.url)
        assert site.log == []
    assert run.code == 2
    assert message in run.err
    assert "Traceback" not in run.err
    assert not run.feed.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALIBER_BASE_URL", "caliber.az"),
        ("CALIBER_BASE_URL", "ftp://caliber.az"),
        ("CALIBER_BASE_URL", "https://caliber.az/en"),
        ("SITE_TIMEZONE", "Asia/Bakku"),
        ("CLUSTER_DOWNLOAD_DELAY", "fast"),
        ("CLUSTER_DOWNLOAD_DELAY", "-1"),
        ("CRAWL_OVERLAP", "maybe"),
        ("CRAWL_ID", "../x"),
        ("MONGODB_DATABASE", "a.b"),
        ("SCROLL_QUIET_SECONDS", "soon"),
        ("LIST_MAX_BATCHES", "0"),
        ("MONGODB_DATA_DIR", "~no-such-user/mongodb"),
        ("LOG_LEVEL", "10"),
        ("PROMETHEUS_TEXTFILE", "~no-such-user/metrics.prom"),
        ("REFRESH_LEAST_HOURS", "often"),
        ("REFRESH_MOST_DAYS", "-1"),
        ("REFRESH_MOST_DAYS", "0.01"),
    ],
)
@pytest.mark.parametrize("way", ["environment", "option"])
def test_wrong_settings(scrapy_without_store: Scrapy, name: str, value: str, way: str) -> None:
    if way == "environment":
        run = scrapy_without_store("crawl", "sections", **{name: value})
    else:
        run = scrapy_without_store("crawl", "sections", "-s", f"{name}={value}")
    assert run.code == 2
    assert f"{name}='{value}'" in run.err
    assert "Traceback" not in run.err


def test_settings_may_come_from_the_environment_or_from_options(
    scrapy_without_store: Scrapy,
) -> None:
    with serve(SiteConfig(articles=20)) as site:
        run = scrapy_without_store(
            "crawl", "sections", "-s", f"CALIBER_BASE_URL={site.url}", "-s", "CRAWL_ID=mine",
            "-a", "section=sport", "-a", "limit=1", "-O", str(scrapy_without_store.feed),
            CALIBER_BASE_URL="http://127.0.0.1:1",
        )  # fmt: skip
    assert run.code == 0, run.err
    assert "DeprecationWarning" not in run.err
    assert [r["crawl"]["id"] for r in run.records] == ["mine"]


def test_no_database_to_be_had(scrapy_without_store: Scrapy) -> None:
    uri = "mongodb://reader:s3cr3t%2DX@127.0.0.1:1/?serverSelectionTimeoutMS=500"
    with serve(SiteConfig(articles=10)) as site:
        began = time.monotonic()
        run = scrapy_without_store.crawl(
            "sections", CALIBER_BASE_URL=site.url, MONGODB_URI=uri, LOG_LEVEL="DEBUG"
        )
        assert site.log == []
    assert run.code == 1
    assert time.monotonic() - began < 20
    assert "127.0.0.1:1" in run.verdict
    assert "could not start" in run.verdict
    for secret in ("s3cr3t", "s3cr3t-X", "s3cr3t%2DX"):
        assert secret not in run.err + run.out


@pytest.mark.parametrize("uri", ["postgres://x", "mongodb://", "mongodb://h:port", "localhost"])
def test_a_uri_that_is_none(scrapy_without_store: Scrapy, uri: str) -> None:
    run = scrapy_without_store.crawl("sections", MONGODB_URI=uri)
    assert run.code == 1
    assert "MONGODB_URI" in run.verdict


def test_data_directory_that_cannot_be(scrapy_without_store: Scrapy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = scrapy_without_store.crawl(
        "sections", MONGODB_URI="", MONGODB_DATA_DIR=str(tmp_path / "file" / "db")
    )
    assert run.code == 1
    assert "could not start" in run.verdict


def test_a_component_that_cannot_be_built(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store("crawl", "sections", "-s", "LOG_FORMATTER=no.such.Class")
    assert run.code == 1
    assert "could not start" in run.verdict


def test_a_site_that_is_down_is_not_healthy(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store.crawl(
        "sections", CALIBER_BASE_URL="http://127.0.0.1:1", LOG_LEVEL="CRITICAL",
        ROBOTS_PATIENCE_SECONDS="0.1",
    )  # fmt: skip
    assert run.code == 1
    assert "could not start: http://127.0.0.1:1/robots.txt cannot be had" in run.verdict


@pytest.mark.parametrize("where", ["nowhere/crawl.log", "."])
@pytest.mark.parametrize("option", ["--set=LOG_FILE=", "--logfile="])
@pytest.mark.parametrize("command", [("crawl", "sections"), ("fetch", "http://127.0.0.1:1/")])
def test_a_log_file_that_cannot_be(
    scrapy_without_store: Scrapy, where: str, option: str, command: tuple[str, ...]
) -> None:
    run = scrapy_without_store(*command, f"{option}{where}")
    assert run.code == 2
    assert f"LOG_FILE={where!r} cannot be written: " in run.verdict
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    "command",
    [
        ("history", "\udcff"),
        ("frontier", "\udcff"),
        ("frontier", "x", "--drop", "--url", "\udcff"),
        ("crawls", "\udcff"),
        ("crawls", "--spider", "\udcff"),
        ("export", "-o", "x.jsonl", "--section", "\udcff"),
        ("crawls", "-s", "MONGODB_DATABASE=\udcff"),
    ],
)
def test_arguments_that_are_no_utf_8(scrapy: Scrapy, command: tuple[str, ...]) -> None:
    run = scrapy(*command)
    assert run.code == 2, run.err
    assert r"\udcff" in run.verdict
    assert "Traceback" not in run.err


SCRAPYS = [
    ("CONCURRENT_REQUESTS=0", "CONCURRENT_REQUESTS='0': give a whole number of 1 or more"),
    ("CONCURRENT_REQUESTS=many", "CONCURRENT_REQUESTS='many': give a whole number"),
    ("RETRY_TIMES=many", "RETRY_TIMES='many': give a whole number"),
    ("CLOSESPIDER_TIMEOUT=soon", "CLOSESPIDER_TIMEOUT='soon': give a number"),
    ("ROBOTSTXT_OBEY=maybe", "ROBOTSTXT_OBEY='maybe': give True or False"),
    ("RETRY_HTTP_CODES=all", "RETRY_HTTP_CODES='all': give numbers"),
    ("LOG_LEVEL=LOUD", "LOG_LEVEL='LOUD': give DEBUG, INFO"),
]


@pytest.mark.parametrize(("setting", "message"), SCRAPYS)
def test_wrong_settings_of_scrapy(scrapy_without_store: Scrapy, setting: str, message: str) -> None:
    """Scrapy itself would wait for ever, or end with a traceback that names no setting."""
    run = scrapy_without_store("crawl", "feed", "-s", setting)
    assert run.code == 2
    assert message in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("words", "word", "argument"),
    [
        (("sections", "--limit", "20"), "unknown word '--limit'", "-a limit=20"),
        (("--newer-than=48h", "refresh"), "unknown word '--newer-than=48h'", "-a newer_than=48h"),
        (
            ("sections", "since=2026-06-01"),
            "unknown word 'since=2026-06-01'",
            "-a since=2026-06-01",
        ),
        (("sections", "feed"), "unknown word 'feed'", "-a name=value"),
        (("sections", ""), "unknown word ''", "-a name=value"),
    ],
)
def test_words_that_nothing_takes(
    scrapy_without_store: Scrapy, words: tuple[str, ...], word: str, argument: str
) -> None:
    run = scrapy_without_store("crawl", *words)
    assert run.code == 2
    assert run.verdict.endswith(f"{word}; spider arguments are given as {argument}")


def test_a_stray_word_shows_no_login(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store("crawl", "sections", "MONGODB_URI=mongodb://ann:s3cr3t@db.example")
    assert run.code == 2
    assert "s3cr3t" not in run.err + run.out


@pytest.mark.parametrize(
    "command",
    [("crawl", "sections"), ("export", "-o", "x.jsonl"), ("report", "-o", "x.html"), ("crawls",)],
)
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MONGODB_URL", "MONGODB_URI"),
        ("mongodb_uri", "MONGODB_URI"),
        ("CONCURENT_REQUESTS", "CONCURRENT_REQUESTS"),
    ],
)
def test_misspelt_settings(
    scrapy_without_store: Scrapy, command: tuple[str, ...], name: str, meant: str
) -> None:
    run = scrapy_without_store(*command, "-s", f"{name}=1")
    assert run.code == 2
    assert run.verdict.endswith(f"there is no setting {name}; did you mean {meant}?")


@pytest.mark.parametrize(
    "name",
    ["MY_EXTENSION_SECONDS", "SPIDERMON_EMAIL_CC", "PLAYWRIGHT_MAX_CONTEXTS", "JOBDIR", "lower"],
)
def test_settings_of_others_pass(name: str) -> None:
    settings = Settings({name: "1"}, priority="cmdline")
    check_names(settings)


def test_settings_of_a_project_of_ones_own_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Here it has one that is nearly one of ours."""
    (tmp_path / "others_project.py").write_text(
        "from caliber_crawler.settings import *\nMONGODB_URL = 'for an extension'\n"
    )
    given = Settings({"MONGODB_URL": "1"}, priority="cmdline")
    with pytest.raises(ConfigError, match="did you mean MONGODB_URI"):
        check_names(given)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SCRAPY_SETTINGS_MODULE", "others_project")
    check_names(given)


@pytest.mark.parametrize("command", [("crawl", "sections", "-a", "mode=foo"), ("check", "nobody")])
def test_no_event_loop_is_dropped_unclosed(
    scrapy_without_store: Scrapy, command: tuple[str, ...]
) -> None:
    """When Python ends, it tells of such a one with a traceback, or not, by chance."""
    run = scrapy_without_store(*command, PYTHONWARNINGS="always::ResourceWarning")
    assert run.code == 2, run.err
    assert "unclosed event loop" not in run.err
