"""`scrapy doctor`: each check on what is well and on what is really broken."""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from pymongo import MongoClient
from pymongo.database import Database as Documents
from scrapy.settings import Settings

from caliber_crawler import settings as project_settings
from caliber_crawler.config import Config
from caliber_crawler.doctor import machine, options
from caliber_crawler.doctor.chromium import chromium
from caliber_crawler.doctor.database import Database, clock, server
from caliber_crawler.doctor.examination import Examination
from caliber_crawler.doctor.findings import (
    ATTENTION,
    BROKEN,
    OK,
    Finding,
    examined,
    in_thread,
    ok,
)
from caliber_crawler.doctor.network import network
from caliber_crawler.store import Store, Worker
from caliber_crawler.store.condition import VERSION, Condition
from caliber_crawler.store.frontier import FrontierStore
from caliber_crawler.store.leases import Entry
from demo_site import ServedSite, SiteConfig, serve
from tests.canary import Authority, tls_site
from tests.conftest import ROOT, Scrapy

PASSWORD = "hidden-s3cr3t"
CHECKS_OF_THE_SITE = ["robots.txt", "page", "site clock"]


def given(**values: str) -> Settings:
    """The project's settings, with some given as on a command line."""
    settings = Settings()
    settings.setmodule(project_settings)
    for name, value in values.items():
        settings.set(name, value, priority="cmdline")
    return settings


def config(**values: str) -> Config:
    return Config.from_settings(given(**values))


def only(findings: Sequence[Finding], check: str) -> Finding:
    [finding] = [finding for finding in findings if finding.check == check]
    return finding


def states(findings: Sequence[Finding]) -> dict[str, str]:
    return {finding.check: finding.state for finding in findings}


# --- how checks are run


async def test_a_check_that_fails_or_hangs_is_a_finding() -> None:
    async def fails() -> list[Finding]:
        raise LookupError("nobody thought of this")

    [finding] = await examined("name", fails, 5)
    assert (finding.check, finding.state) == ("name", BROKEN)
    assert finding.found == "LookupError: nobody thought of this"
    assert finding.advice
    over = threading.Event()

    def hangs() -> list[Finding]:
        over.wait()
        return [ok("name", "")]

    try:
        [finding] = await examined("name", lambda: in_thread(hangs), 0.05)
    finally:
        over.set()
    assert finding.state == BROKEN
    assert "0.05 seconds" in finding.found


async def test_a_thread_hands_on_what_it_returns_and_raises() -> None:
    assert await in_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


# --- the machine


def test_python_and_the_packages_of_this_project() -> None:
    assert only(machine.python(), "python").state == OK
    [finding] = machine.packages(machine.wanted())
    assert finding.state == OK, finding.found
    assert "Scrapy 2.19" in finding.found
    listed = len(machine.wanted())
    assert listed > 20


def test_packages_out_of_bounds_are_named() -> None:
    [finding] = machine.packages(
        ["lxml>=1", "scrapy<1", "no-such-package>=3", "no-such-other>=1; python_version < '3'"]
    )
    assert finding.state == BROKEN
    assert "scrapy 2.19" in finding.found
    assert "(wanted <1)" in finding.found
    assert "no-such-package is missing (wanted >=3)" in finding.found
    assert "lxml" not in finding.found
    assert "no-such-other" not in finding.found
    assert "pip install -r requirements.txt" in finding.advice


def test_a_missing_scrapy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what `python -m caliber_crawler.doctor` is for."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "scrapy":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    [finding] = machine.packages(["lxml>=1", "scrapy>=2"])
    assert finding.state == BROKEN
    assert finding.found == "not as wanted: scrapy is missing (wanted >=2)"


def test_the_zone() -> None:
    [finding] = machine.zone(ZoneInfo("Asia/Baku"))
    assert finding.state == OK
    assert "Asia/Baku" in finding.found
    assert "does not matter" in finding.found
    [finding] = machine.zone(None)
    assert finding.state == BROKEN
    assert "tzdata" in finding.advice


@pytest.mark.parametrize(("encoding", "state"), [("utf8", OK), ("latin-1", ATTENTION)])
def test_the_terminal(encoding: str, state: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    [finding] = machine.terminal((stream, io.TextIOWrapper(io.BytesIO(), "UTF-8")))
    assert finding.state == state


def test_the_disk(tmp_path: Path) -> None:
    [finding] = machine.disk("disk", tmp_path / "new" / "folder", "feeds")
    assert finding.state in (OK, ATTENTION)  # as full as this machine's is
    assert ", to be made: " in finding.found
    (tmp_path / "file").write_text("")
    [finding] = machine.disk("disk", tmp_path / "file" / "folder", "feeds")
    assert finding.state == BROKEN
    assert "cannot write to" in finding.found
    [finding] = machine.disk("disk", Path("/proc"), "feeds")  # nothing is free there
    assert finding.state == BROKEN


def test_python_and_packages_are_looked_at_when_scrapy_does_not_start() -> None:
    """As where packages are missing: nothing but the standard library and packaging is needed."""
    kept = "{'packaging', 'caliber_crawler', *sys.stdlib_module_names}"
    run = subprocess.run(
        [sys.executable, "-c", f"""
import runpy, sys
class Missing:
    def find_spec(self, name, *_):
        if name.partition('.')[0] not in {kept}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
runpy.run_module('caliber_crawler.doctor', run_name='__main__')
"""],
        cwd=ROOT, text=True, capture_output=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    told = run.stdout.splitlines()
    assert [line.split(":")[0].split() for line in told] == [[OK, "python"], [OK, "packages"]]


# --- settings


def test_all_bad_settings_are_named_at_once_and_the_others_used() -> None:
    usable, wrong = options.usable(
        given(
            HEALTH_SINCE="soon",
            MONGODB_RETRY_SECONDS="long",
            SITE_TIMEZONE="Mars/Olympus",
            REFRESH_LEAST_HOURS="50000",
            MONGODB_DATABASE="kept",
            MONGODB_DATA_DIR="~no-such-user/data",
            SPIDERMON_TELEGRAM_SENDER_TOKEN=PASSWORD,
            MONGODB_URL="off",
        )
    )
    assert {finding.state for finding in wrong} == {BROKEN}
    assert all(finding.advice for finding in wrong)
    said = "\n".join(finding.found for finding in wrong)
    for name in (
        "HEALTH_SINCE='soon'",
        "MONGODB_RETRY_SECONDS='long'",
        "SITE_TIMEZONE=",
        "alerts",
        "MONGODB_URL;",
    ):
        assert name in said
    assert PASSWORD not in said
    assert usable.unusable == {
        "HEALTH_SINCE", "MONGODB_RETRY_SECONDS", "SITE_TIMEZONE", "REFRESH_MOST_DAYS",
        "REFRESH_LEAST_HOURS", "MONGODB_DATA_DIR",
    }  # fmt: skip
    assert usable.config.mongodb_data_dir == ROOT / ".caliber" / "mongodb"
    assert usable.config.mongodb_retry_seconds == 60
    assert usable.config.mongodb_database == "kept"
    assert usable.spoilt("MONGODB_", "SITE_T") == (
        "MONGODB_DATA_DIR, MONGODB_RETRY_SECONDS, SITE_TIMEZONE"
    )


def test_settings_that_differ_are_shown_and_secrets_only_named() -> None:
    settings = given(
        MONGODB_URI=f"mongodb://ann:{PASSWORD}@db.example",
        CONCURRENT_REQUESTS="7",
        SITE_LANGUAGES="en",
        PROMETHEUS_TEXTFILE=f"ftp://ann:{PASSWORD}@host",
        LIST_MAX_BATCHES="10000",
    )
    options.usable(settings)
    [finding] = options.differing(settings)
    assert finding.state == OK
    names = finding.found.removeprefix("not as by default: ").split(", ")
    assert "MONGODB_URI" in names
    assert "PROMETHEUS_TEXTFILE" in names
    assert "CONCURRENT_REQUESTS=7" in names
    assert "SITE_LANGUAGES=en" in names
    assert "LIST_MAX_BATCHES" not in finding.found
    assert "MONGODB_DATA_DIR" not in finding.found
    assert PASSWORD not in finding.found


def test_the_contact() -> None:
    [finding] = options.contact(config(CRAWLER_CONTACT=""), "crawler/1")
    assert finding.state == ATTENTION
    assert "CRAWLER_CONTACT" in finding.advice
    [finding] = options.contact(config(CRAWLER_CONTACT="a@b.example"), "crawler/1")
    assert finding.state == OK


# --- Chromium


async def test_chromium_is_started_and_shows_a_page(tmp_path: Path) -> None:
    [finding] = await chromium(config(TLS_CA_FILE=str(Authority(tmp_path).file)))
    assert finding.state == OK, finding.found
    assert "starts and shows a page" in finding.found


async def test_a_chromium_that_is_none(tmp_path: Path) -> None:
    [finding] = await chromium(config(CHROMIUM_EXECUTABLE=str(tmp_path / "none")))
    assert finding.state == BROKEN
    assert "is no executable file" in finding.found
    assert "apt-get install chromium" in finding.advice


async def test_a_chromium_that_lacks_a_library(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text(
        "#!/bin/sh\necho 'chromium: error while loading shared libraries: libnss3.so: cannot open "
        "shared object file: No such file or directory' >&2\nexit 127\n"
    )
    broken.chmod(0o755)
    [finding] = await chromium(config(CHROMIUM_EXECUTABLE=str(broken)))
    assert finding.state == BROKEN
    assert str(broken) in finding.found
    assert "libnss3.so" in finding.found
    assert "install the package that has libnss3.so" in finding.advice


def test_a_chromium_that_hangs_is_ended(tmp_path: Path) -> None:
    hanging, ran = tmp_path / "chromium", tmp_path / "ran"
    hanging.write_text(f"#!/bin/sh\necho $$ > {ran}\nexec sleep 600\n")
    hanging.chmod(0o755)
    values = {"CHROMIUM_EXECUTABLE": str(hanging), "BROWSER_PATIENCE_SECONDS": "1"}
    [finding] = asyncio.run(chromium(config(**values)))
    assert finding.state == BROKEN
    assert str(hanging) in finding.found
    assert not Path(f"/proc/{ran.read_text().strip()}").exists()


async def test_a_driver_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", "/bin/false")
    [finding] = await chromium(config(BROWSER_PATIENCE_SECONDS="1"))
    assert finding.state == BROKEN
    assert "python -m playwright --version" in finding.advice


# --- MongoDB


async def of_database(**values: str) -> list[Finding]:
    database = Database(config(**values))
    try:
        return await database.examine()
    finally:
        database.release()


@pytest.fixture
def at(mongo_uri: str, database_name: str) -> dict[str, str]:
    return {"MONGODB_URI": mongo_uri, "MONGODB_DATABASE": database_name}


async def test_a_new_database_is_left_as_it_is(
    at: dict[str, str], database: Documents[dict[str, Any]]
) -> None:
    findings = await of_database(**at)
    assert set(states(findings).values()) == {OK}, findings
    assert "a single server" in only(findings, "mongodb").found
    assert "j=True, w=majority" in only(findings, "mongodb writes").found
    assert "is new" in only(findings, "mongodb form").found
    assert "agrees" in only(findings, "mongodb clock").found
    assert urlsplit(at["MONGODB_URI"]).password not in str(findings)
    assert database.list_collection_names() == []


@pytest.mark.parametrize(("form", "state"), [(VERSION + 1, BROKEN), (VERSION - 1, ATTENTION)])
async def test_another_form_is_told_and_not_changed(
    at: dict[str, str], database: Documents[dict[str, Any]], form: int, state: str
) -> None:
    database.meta.insert_one({"_id": "form", "version": form})  # type: ignore[dict-item]
    findings = await of_database(**at)
    finding = only(findings, "mongodb form")
    assert finding.state == state
    assert f"form {form}" in finding.found
    assert finding.advice
    assert database.meta.find_one() == {"_id": "form", "version": form}
    assert database.list_collection_names() == ["meta"]


@pytest.mark.parametrize(
    ("version", "replica_set", "is_primary", "state", "words"),
    [
        ("4.4.29", None, True, BROKEN, "upgrade"),
        ("5.0.0", "rs0", True, OK, ""),
        ("8.0.1-rc0", "rs0", False, BROKEN, "replicaSet="),
    ],
)
def test_servers_that_do_and_do_not(
    version: str, replica_set: str | None, is_primary: bool, state: str, words: str
) -> None:
    seen = Condition(version, replica_set, is_primary, {}, None, timedelta())
    finding = server(seen, "somewhere")
    assert finding.state == state
    assert version in finding.found
    assert str(replica_set or "a single server") in finding.found
    assert words in finding.advice


async def test_a_user_who_may_only_read(at: dict[str, str]) -> None:
    name, place = f"u{uuid.uuid4().hex[:8]}", urlsplit(at["MONGODB_URI"])
    roles = [{"role": "read", "db": at["MONGODB_DATABASE"]}]
    with MongoClient[dict[str, Any]](at["MONGODB_URI"]) as client:
        client.admin.command("createUser", name, pwd=PASSWORD, roles=roles)
        try:
            uri = f"mongodb://{name}:{PASSWORD}@127.0.0.1:{place.port}/?directConnection=true"
            findings = await of_database(**at | {"MONGODB_URI": uri})
        finally:
            client.admin.command("dropUser", name)
    finding = only(findings, "mongodb writes")
    assert finding.state == BROKEN
    assert "let the user of MONGODB_URI read and write" in finding.advice
    assert only(findings, "mongodb").state == OK
    assert PASSWORD not in str(findings)


async def test_writes_that_nobody_waits_for(at: dict[str, str]) -> None:
    findings = await of_database(**at | {"MONGODB_URI": at["MONGODB_URI"] + "&journal=false"})
    finding = only(findings, "mongodb writes")
    assert finding.state == ATTENTION
    assert "j=False" in finding.found


async def test_what_killed_crawls_left(at: dict[str, str]) -> None:
    now = datetime.now(UTC)
    store = await Store.open(at["MONGODB_URI"], at["MONGODB_DATABASE"], Path(), "killed")
    try:
        dead = Worker("w", "elsewhere.example", 1)
        said = {"language": "en", "since": "2026-06-01"}
        long_ago = now - timedelta(minutes=5)
        await store.crawls.start(dead, spider="sections", arguments=said, versions={}, at=long_ago)
        await store.locks.take("sections", now, timedelta(minutes=3))
        frontier = FrontierStore(store.database, "killed")
        await frontier.add([Entry(str(n), f"https://x/{n}", 0, {}) for n in range(3)], now)
        await store.database["frontier"].update_one(
            {"_id": "killed/2"}, {"$set": {"state": "failed"}}
        )
        # One that runs in this very moment.
        living = Worker("l", "elsewhere.example", 1)
        other = type(store.crawls)(store.database, "running")
        await other.start(living, spider="feed", arguments={}, versions={}, at=datetime.now(UTC))
    finally:
        await store.close()
    findings = await of_database(**at)
    [unfinished, failed] = [f for f in findings if f.check == "leftovers"]
    assert unfinished.state == failed.state == ATTENTION
    assert "crawl killed of sections was killed; 2 requests of it wait" in unfinished.found
    assert "locks the spider" in unfinished.found
    again = "scrapy crawl sections -a language=en -a since=2026-06-01 -s CRAWL_ID=killed"
    assert again in unfinished.advice
    assert failed.found == "requests that failed in crawl killed: 1"
    assert "scrapy frontier --drop killed" in failed.advice


async def test_off_says_so() -> None:
    [finding] = await of_database(MONGODB_URI="off")
    assert finding.state == OK
    assert "feeds only" in finding.found


async def test_the_embedded_server_and_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    findings = await of_database(MONGODB_URI="", MONGODB_DATA_DIR=str(folder))
    finding = only(findings, "data folder")
    assert finding.state == ATTENTION
    assert "mode 755" in finding.found
    assert f"chmod 700 {folder}" in finding.advice
    assert only(findings, "mongod").state == OK
    assert only(findings, "mongodb").state == OK
    (tmp_path / "file").write_text("")
    findings = await of_database(MONGODB_URI="", MONGODB_DATA_DIR=str(tmp_path / "file"))
    assert states(findings) == {"data folder": BROKEN, "mongod": BROKEN}
    assert all(finding.advice for finding in findings)


# --- clocks


@pytest.mark.parametrize(
    ("seconds", "state", "words"),
    [
        (59, OK, "agrees"),
        (-61, ATTENTION, "0:01:01 ahead of"),
        (599, ATTENTION, "0:09:59 behind"),
        (-601, BROKEN, "0:10:01 ahead of"),
        (86_400, BROKEN, "1 day, 0:00:00 behind"),
    ],
)
def test_clocks(seconds: float, state: str, words: str) -> None:
    finding = clock("clock", "theirs", timedelta(seconds=seconds), "")
    assert finding.state == state
    assert words in finding.found
    assert bool(finding.advice) == (state != OK)


# --- the way to the site


async def test_names_that_lead_nowhere_or_inside() -> None:
    # There is no such interface, which is known without asking a name server.
    [finding] = await network(config(CALIBER_BASE_URL="https://[fe80::1%nosuch]"), True)
    assert (finding.check, finding.state) == ("address", BROKEN)
    assert "fe80::1%nosuch leads nowhere: " in finding.found
    assert "getent hosts fe80::1%nosuch" in finding.advice
    # To resolvers 127.1 is 127.0.0.1, but it is no address that one could have named.
    [finding] = await network(config(CALIBER_BASE_URL="http://127.1:80"), True)
    assert finding.state == BROKEN
    assert "leads to 127.0.0.1, which is no public address" in finding.found
    assert "SITE_NETWORKS" in finding.advice
    findings = await network(config(CALIBER_BASE_URL="http://127.0.0.1:80"), True)
    assert states(findings) == {"address": OK, "certificate": OK}


async def test_a_proxy_resolves_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://ann:{PASSWORD}@proxy.invalid:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    settings = config(CALIBER_BASE_URL="https://caliber.invalid")
    [finding] = await network(settings, True)
    assert finding.state == OK
    assert "proxy.invalid:3128" in finding.found
    assert PASSWORD not in finding.found


async def test_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        tls_site({}, authority.issue("127.0.0.1")) as (right, _),
        tls_site({}, authority.issue("other.example")) as (wrong, _),
    ):
        finding = only(await network(config(CALIBER_BASE_URL=right), True), "certificate")
        assert finding.state == BROKEN
        assert "unable to get local issuer" in finding.found
        assert "TLS_CA_FILE" in finding.advice
        finding = only(await network(config(CALIBER_BASE_URL=right), False), "certificate")
        assert finding.state == ATTENTION
        trusting = {"TLS_CA_FILE": str(authority.file)}
        finding = only(
            await network(config(CALIBER_BASE_URL=right, **trusting), True), "certificate"
        )
        assert finding.state == OK, finding.found
        assert f"until {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}" in finding.found
        finding = only(
            await network(config(CALIBER_BASE_URL=wrong, **trusting), True), "certificate"
        )
        assert finding.state == BROKEN
        assert "CALIBER_BASE_URL" in finding.advice
    finding = only(await network(config(CALIBER_BASE_URL=right), True), "certificate")
    assert "no connection to 127.0.0.1" in finding.found


@pytest.mark.parametrize(
    ("days", "state", "found", "advice"),
    [
        (-0.5, BROKEN, "certificate has expired", "this machine's clock is right"),
        (3.5, ATTENTION, ", 3 days from now", "renew"),
    ],
)
async def test_certificates_at_their_end(
    tmp_path: Path, days: float, state: str, found: str, advice: str
) -> None:
    authority = Authority(tmp_path)
    with tls_site({}, authority.issue("127.0.0.1", days=days)) as (site, asked):
        settings = config(CALIBER_BASE_URL=site, TLS_CA_FILE=str(authority.file))
        finding = only(await network(settings, True), "certificate")
    assert finding.state == state
    assert found in finding.found
    assert advice in finding.advice
    assert asked == []


# --- the site, by the crawler's engine: many looks in one process, which has one reactor

LOOKS = """
import json, sys
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings
from caliber_crawler import settings as project_settings
from caliber_crawler.config import Config
from caliber_crawler.doctor.site import Look, settings_for

def given(values):
    settings = Settings()
    settings.setmodule(project_settings)
    for name, value in values.items():
        settings.set(name, value, priority="cmdline")
    return settings

looks = json.load(sys.stdin)
found = {name: [] for name in looks}
process = AsyncCrawlerProcess(given({"LOG_ENABLED": "0"}))
for name, values in looks.items():
    settings = given(values)
    shared = Config.from_settings(settings) if values["MONGODB_URI"] != "off" else None
    crawler = Crawler(Look, settings_for(settings))
    process.crawl(crawler, findings=found[name], shared=shared)
process.start()
json.dump({name: [vars(finding) for finding in all] for name, all in found.items()}, sys.stdout)
"""


def look_at(sites: Mapping[str, Mapping[str, str]], scrapy: Scrapy) -> dict[str, list[Finding]]:
    usual = {"MONGODB_URI": "off", "CLUSTER_DOWNLOAD_DELAY": "0.01"}
    run = subprocess.run(
        [sys.executable, "-c", LOOKS],
        input=json.dumps({name: {**usual, **values} for name, values in sites.items()}),
        env=scrapy.environment(),
        cwd=scrapy.folder,
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return {
        name: [Finding(**said) for said in findings]
        for name, findings in json.loads(run.stdout).items()
    }


def dated(offset: timedelta) -> dict[str, str]:
    return {"Date": format_datetime(datetime.now(UTC) + offset, usegmt=True)}


def test_the_site_as_it_is_and_with_what_may_be_wrong(
    scrapy: Scrapy, at: dict[str, str], database: Documents[dict[str, Any]]
) -> None:
    sites: dict[str, ServedSite] = {}
    with ExitStack() as stack:
        for name in (
            "well", "forbidding", "busy", "html", "other", "challenge", "late", "wrong", "refusing",
            "without", "closed", "delaying",
        ):  # fmt: skip
            sites[name] = stack.enter_context(serve(SiteConfig(articles=20, seed=8)))
        html = {"Content-Type": "text/html; charset=utf-8"}
        sites["forbidding"].knobs.robots = "User-agent: *\nDisallow: /en/post/\n"
        sites["closed"].knobs.robots = "User-agent: caliber-crawler\nDisallow: /\n"
        sites["busy"].knobs.robots = (503, "busy")
        sites["html"].knobs.robots = "<!DOCTYPE html><html><title>Log in</title></html>"
        page = b"<html><title>Cakes</title><body><p>A shop of cakes.</p></body></html>"
        sites["other"].knobs.raw["/en/"] = (200, html, page)
        page = b"<html><title>Just a moment...</title><body>Checking your browser</body></html>"
        sites["challenge"].knobs.raw["/en/"] = (200, html, page)
        for name, off in (("late", timedelta(minutes=-5)), ("wrong", timedelta(hours=2))):
            sites[name].knobs.raw["/en/"] = (200, html | dated(off), page)
        sites["refusing"].knobs.status["/en/"] = 403
        sites["without"].knobs.robots = (404, "")
        sites["delaying"].knobs.robots = "User-agent: *\nCrawl-delay: 0.2\n"
        looks = {name: {"CALIBER_BASE_URL": site.url} for name, site in sites.items()}
        looks["well"] |= {**at, "CRAWLER_CONTACT": "me@example.com"}
        looks["nobody"] = {"CALIBER_BASE_URL": "http://127.0.0.1:9"}
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        looks["silent"] = {
            "CALIBER_BASE_URL": f"http://127.0.0.1:{silent}", "DOWNLOAD_TIMEOUT": "0.5",
        }  # fmt: skip
        found = look_at(looks, scrapy)
    assert {name: [f.check for f in findings] for name, findings in found.items()} == {
        name: [
            c for c in CHECKS_OF_THE_SITE if c != "page" or name not in ("busy", "nobody", "silent")
        ]
        for name in looks
    }
    assert all(f.advice or f.state == OK for findings in found.values() for f in findings)

    def finding(name: str, check: str, state: str) -> str:
        finding = only(found[name], check)
        assert finding.state == state, finding
        return finding.found

    finding("well", "robots.txt", OK)
    said = finding("well", "page", OK)
    assert "20 cards, " in said
    assert f"{len(sites['well'].sections('en'))} sections" in said
    assert "ru, arm" in said
    assert "agrees" in finding("well", "site clock", OK)
    assert "forbids articles to caliber-crawler" in finding("forbidding", "robots.txt", BROKEN)
    finding("forbidding", "page", OK)
    said = finding("closed", "robots.txt", BROKEN)
    assert "forbids the home page and sections and articles to caliber-crawler/" in said
    assert "was not asked for" in finding("closed", "page", ATTENTION)
    assert "503" in finding("busy", "robots.txt", BROKEN)
    assert "page of HTML" in finding("html", "robots.txt", ATTENTION)
    assert "0 cards, 0 sections" in finding("other", "page", BROKEN)
    assert "Cakes" in finding("other", "page", BROKEN)
    assert "a check of visitors" in finding("challenge", "page", BROKEN)
    assert "ahead of the site's" in finding("late", "site clock", ATTENTION)
    assert "behind the site's" in finding("wrong", "site clock", BROKEN)
    assert "status 403" in finding("refusing", "page", BROKEN)
    assert "status 404, so no rules" in finding("without", "robots.txt", OK)
    assert "is 0.2 s" in finding("delaying", "robots.txt", OK)
    assert "cannot be had" in finding("nobody", "robots.txt", BROKEN)
    assert "cannot be had" in finding("silent", "robots.txt", BROKEN)
    # Politeness: two requests, as this program, in the row that crawls share.
    for name, site in sites.items():
        asked = [hit.path for hit in site.log]
        assert asked == (
            ["/robots.txt"] if name in ("busy", "closed") else ["/robots.txt", "/en/"]
        ), name
        assert all(hit.agent.startswith("caliber-crawler/") for hit in site.log)
    assert "me@example.com" in sites["well"].log[0].agent
    assert [row["_id"] for row in database.politeness.find()] == [sites["well"].url]
    assert database.list_collection_names() == ["politeness"]


# --- the command


def test_a_healthy_machine(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=20, seed=8)) as site:
        run = scrapy("doctor", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.out + run.err
    assert run.err == ""
    lines = run.out.splitlines()
    told = [line.split(":")[0].split(maxsplit=1) for line in lines if not line.startswith(" ")]
    assert [check for _, check in told[:-1]] == [
        "python", "packages", "terminal", "disk", "settings", "zone", "contact", "chromium",
        "mongodb", "mongodb writes", "mongodb form", "mongodb clock", "leftovers", "address",
        "certificate", *CHECKS_OF_THE_SITE,
    ]  # fmt: skip
    assert {state for state, _ in told[:-1]} <= {OK, ATTENTION}
    assert lines[-1].startswith("0 broken, ")
    assert scrapy.alive() == []
    assert len(site.log) == 2


def test_a_machine_with_much_that_is_broken(scrapy: Scrapy) -> None:
    given = {
        "MONGODB_URI": f"mongodb://ann:{PASSWORD}@127.0.0.1:9/?serverSelectionTimeoutMS=200",
        "CHROMIUM_EXECUTABLE": "/nowhere/chromium",
        "HEALTH_SINCE": "soon",
        "https_proxy": f"http://bob:{PASSWORD}@127.0.0.1:9",
        "SPIDERMON_SLACK_SENDER_TOKEN": PASSWORD,
    }
    run = scrapy("doctor", "--json", "--offline", **given)
    assert run.code == 1
    assert PASSWORD not in run.out + run.err
    assert "Traceback" not in run.out + run.err
    findings = [Finding(**said) for said in json.loads(run.out)]
    broken = {finding.check for finding in findings if finding.state == BROKEN}
    assert broken == {"settings", "chromium", "mongodb"}
    assert all(finding.advice for finding in findings if finding.state != OK)
    assert "--offline" in only(findings, "site").found
    finding = only(findings, "mongodb")
    assert "127.0.0.1:9 does not answer" in finding.found
    assert "start it, or set MONGODB_URI" in finding.advice


def test_what_needs_a_setting_that_cannot_be_used_is_left_out() -> None:
    findings: list[Finding] = []
    given_wrong = given(
        MONGODB_DATABASE="a/b", CALIBER_BASE_URL="ftp://x", CHROMIUM_EXECUTABLE="/nowhere"
    )
    Examination(given_wrong, findings.append).run(offline=False)
    for check, name in (("mongodb", "MONGODB_DATABASE"), ("site", "CALIBER_BASE_URL")):
        finding = only(findings, check)
        assert finding.state == ATTENTION
        assert f"not looked at, because {name} cannot be used" in finding.found
    said = [f.found for f in findings if f.check == "settings" and f.state == BROKEN]
    assert [text.partition("=")[0] for text in said] == ["CALIBER_BASE_URL", "MONGODB_DATABASE"]
    assert "robots.txt" not in states(findings)


def test_usage(scrapy: Scrapy) -> None:
    run = scrapy("doctor", "now")
    assert run.code == 2
    assert "give options only" in run.out + run.err
