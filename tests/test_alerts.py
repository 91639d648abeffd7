"""Alerts, sent by real crawls to real receivers on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, serve
from tests.conftest import Run, Scrapy
from tests.receivers import Inbox, http_inbox, mail_inbox

Documents = Database[dict[str, Any]]
TOKENS = {"slack": "xoxb-s3cret-1", "telegram": "123:s3cret_2", "mail": "s3cret&3"}


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=30, seed=2)) as served:
        yield served


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with http_inbox() as receiver:
        yield receiver


@pytest.fixture
def mails() -> Iterator[Inbox]:
    with mail_inbox() as receiver:
        yield receiver


def slack(inbox: Inbox) -> dict[str, str]:
    return {
        "SPIDERMON_SLACK_SENDER_TOKEN": TOKENS["slack"],
        "SPIDERMON_SLACK_RECIPIENTS": "#news",
        "ALERT_SLACK_API": f"{inbox.url}/api/",
    }


def telegram(inbox: Inbox) -> dict[str, str]:
    return {
        "SPIDERMON_TELEGRAM_SENDER_TOKEN": TOKENS["telegram"],
        "SPIDERMON_TELEGRAM_RECIPIENTS": "-100,200",
        "ALERT_TELEGRAM_API": inbox.url,
    }


def mail(mails: Inbox) -> dict[str, str]:
    return {
        "SPIDERMON_EMAIL_SENDER": "crawler@example.org",
        "SPIDERMON_EMAIL_TO": "ann@example.org, bob@example.org",
        "SPIDERMON_SMTP_HOST": "127.0.0.1",
        "SPIDERMON_SMTP_PORT": str(mails.port),
        "SPIDERMON_SMTP_USER": "crawler",
        "SPIDERMON_SMTP_PASSWORD": TOKENS["mail"],
    }


def crawl(scrapy: Scrapy, site: ServedSite, **settings: str) -> Run:
    arguments = ("sections", "render=http", "section=world,sport")
    return scrapy.crawl(*arguments, CALIBER_BASE_URL=site.url, **settings)


def assert_no_secret(run: Run, database: Documents) -> None:
    said = run.err + run.out + repr(list(database.crawls.find()))
    for secret in (*TOKENS.values(), "123%3As3cret_2"):
        assert secret not in said


def test_all_ways_when_something_is_wrong_and_once_when_it_is_well_again(
    scrapy: Scrapy, database: Documents, site: ServedSite, inbox: Inbox, mails: Inbox
) -> None:
    settings = slack(inbox) | telegram(inbox) | mail(mails) | {"LOG_LEVEL": "DEBUG"}
    assert crawl(scrapy, site, **settings).code == 0
    assert (inbox.posts, mails.mails) == ([], [])  # healthy from the start: nothing to tell

    site.knobs.layout = "renamed"
    run = crawl(scrapy, site, **settings)
    assert run.code == 3
    assert_no_secret(run, database)
    (path, headers, fields), *telegrams = inbox.posts
    assert path == "/api/chat.postMessage"
    assert headers["Authorization"] == f"Bearer {TOKENS['slack']}"
    assert (fields["channel"], fields["username"]) == ("#news", "caliber-crawler")
    verdict = run.verdict.removeprefix("caliber-crawler: ")
    crawls = [document["_id"] for document in database.crawls.find().sort("started_at")]
    assert "sections: exit code 3" in fields["text"]
    assert verdict in fields["text"]
    assert f"Crawl {crawls[1]}" in fields["text"]
    assert [path for path, *_ in telegrams] == [f"/bot{TOKENS['telegram']}/sendMessage"] * 2
    assert [fields["chat_id"] for *_, fields in telegrams] == ["-100", "200"]
    assert telegrams[0][2]["text"].replace("\\", "") == fields["text"]
    [(receivers, message)] = mails.mails
    assert receivers == ["ann@example.org", "bob@example.org"]
    assert message["Subject"].endswith("sections: exit code 3")
    assert message["Date"]
    assert message["Message-ID"]
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == fields["text"]
    assert mails.logins == 1

    site.knobs.layout = "current"
    run = crawl(scrapy, site, **settings)
    assert run.code == 0, run.err
    assert len(inbox.posts) == 6
    text = inbox.posts[3][2]["text"]
    assert "sections: healthy again" in text
    assert f"Crawl {crawls[1]} before it: {verdict}" in text
    assert len(mails.mails) == 2

    assert crawl(scrapy, site, **settings).code == 0
    assert (len(inbox.posts), len(mails.mails)) == (6, 2)


def test_one_alert_for_several_workers(
    scrapy: Scrapy, database: Documents, site: ServedSite, inbox: Inbox
) -> None:
    site.knobs.layout = "renamed"
    site.knobs.delay_of["/en/"] = (12.0, 1)  # until then the others have joined
    arguments = ("crawl", "sections", "-a", "render=http")
    settings = {**slack(inbox), "CRAWL_ID": "together", "CALIBER_BASE_URL": site.url}
    runs = [scrapy.start(*arguments, **settings) for _ in range(3)]
    finished = [scrapy.finish(process, seconds=240) for process in runs]
    [document] = database.crawls.find()
    assert len(document["workers"]) > 1
    assert document["exit_code"] == 3, [run.err for run in finished]
    [(_, _, fields)] = inbox.posts
    assert "Crawl together" in fields["text"]
    # Each section was counted once, whoever walked it.
    assert {seen["lists"] for seen in document["sections"].values()} == {1}


def test_what_never_started_is_told(scrapy: Scrapy, site: ServedSite, inbox: Inbox) -> None:
    uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"
    assert crawl(scrapy, site, MONGODB_URI=uri, **slack(inbox)).code == 1
    [(_, _, fields)] = inbox.posts
    assert "could not start: " in fields["text"]
    (scrapy.folder / "failing.py").write_text(
        "class Unbuildable:\n    def __init__(self):\n        raise LookupError('x & <y>')\n"
    )
    options = ("-s", 'ITEM_PIPELINES={"failing.Unbuildable": 1}')
    run = scrapy("crawl", "sections", *options, CALIBER_BASE_URL=site.url, **slack(inbox))
    assert run.code == 1
    assert "could not start: LookupError: x &amp; &lt;y&gt;" in inbox.posts[1][2]["text"]


def test_only_codes_that_are_wanted(scrapy: Scrapy, site: ServedSite, inbox: Inbox) -> None:
    site.knobs.layout = "renamed"
    assert crawl(scrapy, site, ALERT_CODES="1, 5", **slack(inbox)).code == 3
    site.knobs.layout = "current"
    assert crawl(scrapy, site, ALERT_CODES="1, 5", **slack(inbox)).code == 0
    assert inbox.posts == []


def test_services_that_refuse_or_are_away_change_nothing(
    scrapy: Scrapy, database: Documents, site: ServedSite, inbox: Inbox
) -> None:
    site.knobs.layout = "renamed"
    inbox.answer = {"ok": False, "error": "invalid_auth"}
    settings = slack(inbox) | telegram(inbox)
    run = crawl(scrapy, site, LOG_LEVEL="DEBUG", **settings)
    assert run.code == 3
    assert "without cards" in run.verdict
    assert "could not be sent by slack" in run.err
    assert "could not be sent by telegram" in run.err
    assert_no_secret(run, database)
    nobody = {"ALERT_SLACK_API": "http://127.0.0.1:1", "ALERT_TELEGRAM_API": "http://127.0.0.1:1"}
    run = crawl(scrapy, site, **{**settings, **nobody}, LOG_LEVEL="DEBUG")
    assert run.code == 3
    assert "could not be sent by telegram" in run.err
    assert_no_secret(run, database)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SPIDERMON_SLACK_RECIPIENTS": "#news"}, "SPIDERMON_SLACK_SENDER_TOKEN"),
        ({"SPIDERMON_TELEGRAM_SENDER_TOKEN": "t0ken"}, "SPIDERMON_TELEGRAM_RECIPIENTS"),
        ({"SPIDERMON_EMAIL_TO": "ann@example.org"}, "SPIDERMON_SMTP_HOST"),
        ({"ALERT_CODES": "0,3"}, "ALERT_CODES"),
        ({"ALERT_CODES": "bad"}, "ALERT_CODES"),
        ({"ALERT_TELEGRAM_API": "somewhere"}, "ALERT_TELEGRAM_API"),
        ({"SPIDERMON_SMTP_PORT": "smtp"}, "SPIDERMON_SMTP_PORT"),
        ({"SPIDERMON_SMTP_ENFORCE_TLS": "always"}, "SPIDERMON_SMTP_ENFORCE_TLS"),
    ],
)
def test_settings_that_do_not_do(
    scrapy_without_store: Scrapy, settings: dict[str, str], message: str
) -> None:
    run = scrapy_without_store.crawl("sections", CALIBER_BASE_URL="http://127.0.0.1:1", **settings)
    assert run.code == 2
    assert message in run.err
    assert "t0ken" not in run.err
