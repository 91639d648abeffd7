"""A planted password is nowhere: not in output, files, collections or process lists."""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import markupsafe
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from scrapy import Request, Spider
from scrapy.settings import Settings

from caliber_crawler import requests, secrecy
from caliber_crawler.errors import ConfigError
from caliber_crawler.requests import from_plain, to_plain
from caliber_crawler.secret_settings import guard
from caliber_crawler.site import Site
from demo_site import ServedSite, SiteConfig, serve
from tests.background import repeated
from tests.conftest import Run, Scrapy
from tests.mongods import free_port, start_mongod

CORE = "s3cr3t"  # stands in every spelling, so that a part of the password is found, too
PASSWORD = f"my/{CORE}@X%9"
ENCODED = quote(PASSWORD, safe="")
ROOT_PASSWORD = "r00t"
USER = "ann"

CRASHING = """
import logging, threading, warnings
from caliber_crawler.spiders.articles import ArticlesSpider

class Crashing(ArticlesSpider):
    name = "crashing"

    def parse_article(self, response, **given):
        uri = self.settings["MONGODB_URI"]
        logging.getLogger("some.package").debug("connecting to %s with %r", uri, {"uri": uri})
        logging.getLogger("some.package").error("%d is no number", uri)
        warnings.warn(f"old option in {uri}", stacklevel=1)
        thread = threading.Thread(target=int, args=(uri,))
        thread.start()
        thread.join()
        raise RuntimeError(f"a fault with {uri}")
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a `mongod` that wants a login."""
    folder = tmp_path_factory.mktemp("guarded")
    port = free_port()
    with start_mongod(folder, port, "--auth") as mongod:
        try:
            at = f"127.0.0.1:{port}"
            with MongoClient[dict[str, Any]](f"mongodb://{at}") as client:
                client.admin.command("createUser", "boss", pwd=ROOT_PASSWORD, roles=["root"])
            with boss(port) as client:
                roles = [
                    {"role": "readWrite", "db": "caliber"},
                    {"role": "dbAdmin", "db": "caliber"},
                ]
                client.admin.command("createUser", USER, pwd=PASSWORD, roles=roles)
            yield port
        finally:
            mongod.terminate()


@contextmanager
def boss(port: int) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](f"mongodb://boss:{ROOT_PASSWORD}@127.0.0.1:{port}") as client:
        yield client


@pytest.fixture(scope="module")
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=10, seed=2)) as served:
        yield served


def uri_of(port: int | str, password: str = ENCODED) -> str:
    return f"mongodb://{USER}:{password}@127.0.0.1:{port}/?authSource=admin&serverSelectionTimeoutMS=400"


@contextmanager
def watched(scrapy: Scrapy) -> Iterator[set[str]]:
    """Command lines of all processes of this runner while it is at work."""
    seen: set[str] = set()
    with repeated(0.05, lambda: seen.update(scrapy.alive())):
        yield seen


def assert_nowhere(scrapy: Scrapy, run: Run, *more: object) -> None:
    """In nothing that was written, whatever way it is spelled."""
    told = [run.out, run.err, *map(repr, more)]
    told += [
        path.read_text("utf-8", "replace")
        for path in scrapy.folder.rglob("*")
        if path.is_file() and path.suffix not in (".toml", ".py", ".pyc")
    ]
    for text in told:
        for login in (f"{USER}:{PASSWORD}", f"\0{USER}\0{PASSWORD}"):
            assert base64.b64encode(login.encode()).decode()[:-4] not in text
        while True:
            assert CORE not in text, text[max(0, text.index(CORE) - 300) :][:400]
            if (decoded := unquote(text)) == text:
                break
            text = decoded


def stored(port: int) -> list[Any]:
    """All documents of all databases, but those in which MongoDB keeps its users."""
    with boss(port) as client:
        return [
            document
            for name in client.list_database_names()
            if name not in ("admin", "config", "local")
            for collection in client[name].list_collection_names()
            if not collection.startswith("system.")
            for document in client[name][collection].find()
        ]


def article(site: ServedSite) -> str:
    return f"url={site.url}{site.world.article('en', 0).path}"


LOUD = {"LOG_LEVEL": "DEBUG", "MONGODB_DATABASE": "caliber"}


def test_good_server_and_all_that_is_written(
    scrapy_without_store: Scrapy, guarded: int, site: ServedSite
) -> None:
    scrapy = scrapy_without_store
    settings = {
        **LOUD, "MONGODB_URI": uri_of(guarded), "CALIBER_BASE_URL": site.url,
        "PROMETHEUS_TEXTFILE": "crawl.prom", "SPIDERMON_SMTP_PASSWORD": PASSWORD,
    }  # fmt: skip
    with watched(scrapy) as commands:
        run = scrapy.crawl("articles", article(site), **settings)
        report = scrapy("report", "-o", "report.html", **settings)
    assert run.code == 0, run.err
    assert report.code == 0, report.err
    assert commands
    assert stored(guarded)
    assert_nowhere(scrapy, run, report, commands, stored(guarded))


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        (f"://{USER}:{ENCODED}@127.0.0.1:1/?serverSelectionTimeoutMS=400", "dead server"),
        (f"://{USER}:{ENCODED}@127.0.0.1:99999", "bad port"),
        (f"://{USER}:{PASSWORD}@127.0.0.1:1", "not encoded"),
        (f"//{USER}:{PASSWORD}127.0.0.1", "unparsable"),
        (f"://127.0.0.1:1/?tlsCertificateKeyFilePassword={ENCODED}&x=1", "in an option"),
    ],
)
def test_no_server(scrapy_without_store: Scrapy, site: ServedSite, rest: str, name: str) -> None:
    uri = f"mongodb{rest}"
    run = scrapy_without_store.crawl(
        "articles", article(site), CALIBER_BASE_URL=site.url, MONGODB_URI=uri, **LOUD
    )
    assert run.code == 1
    assert_nowhere(scrapy_without_store, run)


def test_wrong_password_given_with_s(
    scrapy_without_store: Scrapy, guarded: int, site: ServedSite
) -> None:
    scrapy = scrapy_without_store
    given = {
        "MONGODB_URI": uri_of(guarded, f"{CORE}-wrong"), "SPIDERMON_SMTP_PASSWORD": PASSWORD,
        "FTP_PASSWORD": PASSWORD, "MAIL_PASS": PASSWORD, "CALIBER_BASE_URL": site.url,
        "FEEDS": f'{{"ftp://{USER}:{ENCODED}@127.0.0.1:1/x.jsonl": {{"format": "jsonl"}}}}',
    }  # fmt: skip
    options = [part for name, value in given.items() for part in ("-s", f"{name}={value}")]
    run = scrapy("crawl", "articles", "-a", article(site), *options, **LOUD)
    assert run.code == 1
    assert "refuses user ann" in run.verdict
    assert "Overridden settings" in run.err
    assert_nowhere(scrapy, run, stored(guarded))


class Refusing(BaseHTTPRequestHandler):
    """A proxy that lets nobody through to a page; `logins` are those that it was given."""

    logins: list[str]

    def do_GET(self) -> None:
        self.logins.append(self.headers.get("Proxy-Authorization", ""))
        self.send_response(404 if self.path.endswith("/robots.txt") else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        pass


@pytest.fixture
def refusing() -> Iterator[tuple[int, list[str]]]:
    logins: list[str] = []
    kind = type("Kind", (Refusing,), {"logins": logins})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, logins
        server.shutdown()
        thread.join()


def test_a_proxy_that_refuses(
    scrapy_without_store: Scrapy, guarded: int, site: ServedSite, refusing: tuple[int, list[str]]
) -> None:
    port, logins = refusing
    run = scrapy_without_store.crawl(
        # No proxy is asked for an address of this machine.
        "articles", article(site).replace(site.url, "http://site.example"),
        MONGODB_URI=uri_of(guarded), CALIBER_BASE_URL="http://site.example",
        BACKOFF_FIRST_SECONDS="0",
        http_proxy=f"http://{USER}:{ENCODED}@127.0.0.1:{port}", **LOUD,
    )  # fmt: skip
    assert run.code == 3, run.err
    # It was told the login each time, retries included, which went through the frontier.
    sent = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert len(logins) > 2
    assert set(logins) == {f"Basic {sent}"}
    assert any(document.get("state") == "failed" for document in stored(guarded))
    assert_nowhere(scrapy_without_store, run, stored(guarded))


def test_a_crash_in_a_callback(
    scrapy_without_store: Scrapy, guarded: int, site: ServedSite
) -> None:
    scrapy = scrapy_without_store
    (scrapy.folder / "crashing.py").write_text(CRASHING)
    run = scrapy(
        "crawl", "crashing", "-a", article(site), "-s", "SPIDER_MODULES=crashing",
        MONGODB_URI=uri_of(guarded), CALIBER_BASE_URL=site.url, **LOUD,
    )  # fmt: skip
    assert run.code == 3, run.err
    for said in ("a fault with", "connecting to", "is no number", "old option", "invalid literal"):
        assert said in run.err
    assert_nowhere(scrapy, run, stored(guarded))


SCHEDULE = f"""
zone = "UTC"
[crawl.one]
spider = "articles"
cron = "0 0 * * *"
[crawl.one.arguments]
url = "ARTICLE"
[crawl.one.settings]
SPIDERMON_SMTP_PASSWORD = '{PASSWORD}'
FTP_PASSWORD = '{PASSWORD}'
SPIDERMON_SMTP_USER = "{USER}"
"""


def test_a_schedule_with_a_crawl_that_fails(
    scrapy_without_store: Scrapy, guarded: int, site: ServedSite
) -> None:
    scrapy = scrapy_without_store
    text = SCHEDULE.replace("ARTICLE", article(site).removeprefix("url="))
    (scrapy.folder / "s.toml").write_text(text)
    with watched(scrapy) as commands:
        run = scrapy(
            "schedule", "s.toml", "--once", "one",
            MONGODB_URI=uri_of(guarded, f"{CORE}-wrong"), CALIBER_BASE_URL=site.url, **LOUD,
        )  # fmt: skip
    assert run.code == 1, run.err
    assert "refuses user ann" in run.err
    assert any("crawl articles" in command for command in commands)
    assert_nowhere(scrapy, run, commands, stored(guarded))


def test_alerts_that_cannot_be_delivered(
    scrapy_without_store: Scrapy, guarded: int, site: ServedSite
) -> None:
    run = scrapy_without_store.crawl(
        "articles", f"url={site.url}/en/post/none",
        MONGODB_URI=uri_of(guarded), CALIBER_BASE_URL=site.url,
        SPIDERMON_SLACK_SENDER_TOKEN=PASSWORD, SPIDERMON_SLACK_RECIPIENTS="#news",
        ALERT_SLACK_API=f"http://{USER}:{ENCODED}@127.0.0.1:1/",
        SPIDERMON_TELEGRAM_SENDER_TOKEN=PASSWORD, SPIDERMON_TELEGRAM_RECIPIENTS="-100",
        ALERT_TELEGRAM_API=f"http://{USER}:{ENCODED}@127.0.0.1:1",
        SPIDERMON_EMAIL_SENDER="a@example.org", SPIDERMON_EMAIL_TO="b@example.org",
        SPIDERMON_SMTP_HOST="127.0.0.1", SPIDERMON_SMTP_PORT="1", SPIDERMON_SMTP_USER=USER,
        SPIDERMON_SMTP_PASSWORD=PASSWORD, **LOUD,
    )  # fmt: skip
    assert run.code == 3, run.err
    for way in ("slack", "telegram", "mail"):
        assert f"could not be sent by {way}" in run.err
    assert_nowhere(scrapy_without_store, run, stored(guarded))


def test_a_login_in_the_base_url(scrapy_without_store: Scrapy) -> None:
    base = f"https://{USER}:{PASSWORD}@caliber.az/x"
    run = scrapy_without_store.crawl("articles", f"url={base}/en/post/x", CALIBER_BASE_URL=base)
    assert run.code == 2
    assert "CALIBER_BASE_URL='***': " in run.err
    assert_nowhere(scrapy_without_store, run)


@pytest.mark.parametrize("login", [f"{USER}:{ENCODED}", f"{USER}:{PASSWORD}", f":{ENCODED}"])
def test_an_address_with_a_login_is_no_base_url(login: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Site.from_settings(f"https://{login}@caliber.az", "Asia/Baku")
    assert CORE not in str(caught.value)


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows of no secret yet."""
    monkeypatch.setattr(secrecy, "_kept", set())
    monkeypatch.setattr(secrecy, "_pattern", None)


SPELLINGS: list[Callable[[str], str]] = [
    str, repr, json.dumps, html.escape, lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: quote(text, safe=""), quote, quote_plus, lambda text: quote(quote(text)),
    lambda text: str(markupsafe.escape(text)), lambda text: text[:3] + quote(text[3:], safe=""),
]  # fmt: skip


@pytest.mark.usefixtures("nothing_kept")
@settings(deadline=None)
@example("000&")
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=4, max_size=12))
def test_every_spelling_is_hidden(secret: str) -> None:
    secrecy._kept.clear()
    secrecy.keep([secret])
    for spelled in SPELLINGS:
        inner = spelled(secret)
        said = secrecy.hide(f"[{inner}]")
        assert said in ("[***]", "['***']", '["***"]'), (spelled, inner)


@pytest.mark.usefixtures("nothing_kept")
def test_what_is_kept_of_settings() -> None:
    nested = {"proxy": {"server": "http://p:1", "username": "joe", "password": "of-proxy"}}
    given = {
        "PLAYWRIGHT_LAUNCH_OPTIONS": nested, "FEEDS": {"ftp://u:of-feed@h/x": {"format": "csv"}},
        "MONGODB_URI": "mongodb://a,b:1/?authMechanismProperties=AWS_SESSION_TOKEN:of-aws",
        "MY_API_KEY": "of-api", "LOG_FILE": "of-nobody", "TOKENS": "of-nobody",
    }  # fmt: skip
    guard(Settings(given, priority="project"))
    said = secrecy.hide("of-proxy of-feed of-aws of-api of-nobody guest joe http://p:1")
    assert said == "*** *** *** *** of-nobody guest joe http://p:1"


@pytest.mark.usefixtures("nothing_kept")
def test_a_queued_request_keeps_no_login_of_its_proxy() -> None:
    class Reader(Spider):
        name = "reader"

    full, bare = f"http://{USER}:{ENCODED}@p.example:3128", "http://p.example:3128"
    request = Request("https://caliber.az/en/post/a", meta={"proxy": full, "other": 1})
    plain = to_plain(request, Reader())
    assert plain["meta"] == {"proxy": bare, "other": 1}
    assert secrecy.hide(PASSWORD) == "***"
    # This process knows the login; one that does not asks without.
    assert from_plain(plain, Reader()).meta["proxy"] == full
    requests._logins.clear()
    assert from_plain(plain, Reader()).meta["proxy"] == bare

    # As Scrapy leaves a request that went by the system's proxy.
    meta = {"proxy": bare, "_auth_proxy": bare, "_scheme_proxy": True}
    headers = {"Proxy-Authorization": "Basic xyz", "Accept": "text/html"}
    sent = Request("https://caliber.az/en/post/a", headers=headers, meta=meta)
    plain = to_plain(sent, Reader())
    assert "meta" not in plain
    assert list(plain["headers"]) == ["Accept"]


@pytest.mark.usefixtures("nothing_kept")
def test_a_short_secret_is_hidden_where_it_stands_alone() -> None:
    secrecy.keep(["ab"])
    assert secrecy.hide("ab, u:ab@h, cab, ab1") == "***, u:***@h, cab, ab1"
