"""`scrapy crawls` on what real crawls left behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, serve
from tests.conftest import Scrapy, wait_until

Documents = Database[dict[str, Any]]


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=20, seed=8)) as served:
        yield served


def addresses(site: ServedSite, *indexes: int) -> str:
    return ",".join(site.url + site.world.article("en", index).path for index in indexes)


@pytest.fixture
def crawled(scrapy: Scrapy, site: ServedSite) -> dict[str, str]:
    """Two crawls that ended: one well, one with a failure. Name → id."""
    site.knobs.status[site.world.article("en", 5).path] = 403
    for name, indexes, code in (("good", (0, 1, 2), 0), ("bad", (2, 5), 4)):
        run = scrapy.crawl(
            "articles", f"url={addresses(site, *indexes)}", CALIBER_BASE_URL=site.url, CRAWL_ID=name
        )
        assert run.code == code, run.err
    return {"good": "good", "bad": "bad"}


def listed(scrapy: Scrapy, *options: str) -> list[dict[str, Any]]:
    run = scrapy("crawls", "--json", *options)
    assert run.code == 0, run.err
    found: list[dict[str, Any]] = json.loads(run.out)["crawls"]
    return found


def ids(scrapy: Scrapy, *options: str) -> list[str]:
    return [crawl["id"] for crawl in listed(scrapy, *options)]


def test_a_table_of_crawls(scrapy: Scrapy, database: Documents, crawled: dict[str, str]) -> None:
    run = scrapy("crawls")
    assert run.code == 0, run.err
    head, bad, good = (line.split() for line in run.out.splitlines())
    assert " ".join(head) == (
        "crawl spider status started (Asia/Baku) took stored new changed rejected failed exit why"
    )
    for row, name in ((bad, "bad"), (good, "good")):
        document = database.crawls.find_one({"_id": name})
        assert document is not None
        local = document["started_at"].astimezone(ZoneInfo("Asia/Baku"))
        assert row[:5] == [name, "articles", "finished", *f"{local:%Y-%m-%d %H:%M:%S}".split()]
    assert bad[6:] == ["0", "0", "0", "1", "1", "4", "finished"]
    assert good[6:] == ["3", "3", "0", "0", "0", "0", "finished"]
    run = scrapy("crawls", "--utc")
    assert "started (UTC)" in run.out
    assert f"{document['started_at']:%Y-%m-%d %H:%M:%S}" in run.out


def test_choosing_crawls(scrapy: Scrapy, crawled: dict[str, str]) -> None:
    assert ids(scrapy) == ["bad", "good"]
    assert ids(scrapy, "--limit", "1") == ["bad"]
    assert ids(scrapy, "--spider", "articles") == ["bad", "good"]
    assert ids(scrapy, "--spider", "feed") == []
    assert ids(scrapy, "--status", "running") == []
    assert ids(scrapy, "--status", "finished", "--since", "2020-01-01") == ["bad", "good"]
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    assert ids(scrapy, "--since", f"{tomorrow:%Y-%m-%d}") == []
    assert scrapy("crawls", "--status", "stopped").out == "no such crawls\n"


def test_json_is_the_document_and_what_follows_from_it(
    scrapy: Scrapy, database: Documents, crawled: dict[str, str]
) -> None:
    good = listed(scrapy)[1]
    document = database.crawls.find_one({"_id": "good"})
    assert document is not None
    assert datetime.fromisoformat(good["started_at"]) == document["started_at"]
    for name in ("spider", "arguments", "status", "reason", "exit_code", "counts", "versions"):
        assert good[name] == document[name]
    assert good["figures"]["stored"] == 3
    assert good["seconds"] >= 0


def test_one_crawl_in_detail(
    scrapy: Scrapy, database: Documents, site: ServedSite, crawled: dict[str, str]
) -> None:
    run = scrapy("crawls", "bad")
    assert run.code == 0, run.err
    out = run.out
    assert out.startswith("crawl bad: finished (finished, exit code 4)\n")
    assert f"  spider     articles url={addresses(site, 2, 5)}\n" in out
    assert "Asia/Baku" in out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "rejected/http_403 1 pages not stored, by reason (collection rejects)" in rows
    assert "articles/unchanged 1 records that say what was stored already" in rows
    assert "title 100.0%" in rows
    failed = site.url + site.world.article("en", 5).path
    assert f"http_403 1 such as {failed}" in rows
    document = database.crawls.find_one({"_id": "bad"})
    assert document is not None
    assert any(row.startswith(f"{document['workers'][0]['id']} finished ") for row in rows)
    assert any(row.startswith("caliber-crawler ") and "scrapy 2.19" in row for row in rows)
    assert "worker state started last heard requests new" in rows
    told = json.loads(scrapy("crawls", "bad", "--json").out)
    assert told["rejects"] == [{"reason": "http_403", "number": 1, "example": failed}]
    assert told["workers"][0]["state"] == "finished"


def test_a_crawl_that_runs_and_one_that_was_killed(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    site.knobs.delay = 120.0
    site.knobs.delay_of["/robots.txt"] = 0.0
    process = scrapy.start(
        "crawl", "articles", "-a", f"url={addresses(site, 0)}",
        CALIBER_BASE_URL=site.url, CRAWL_ID="long",
    )  # fmt: skip
    wait_until(lambda: database.crawls.find_one(), seconds=60, what="the crawl's document")
    wait_until(lambda: database.frontier.find_one({"state": "leased"}), seconds=60)
    [crawl] = listed(scrapy)
    assert (crawl["status"], crawl["exit_code"]) == ("running", None)
    assert crawl["workers"][0]["state"] == "running"
    assert ids(scrapy, "--status", "running") == ["long"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert listed(scrapy)[0]["status"] == "silent"
    assert ids(scrapy, "--status", "silent") == ["long"]
    assert ids(scrapy, "--status", "running") == []
    run = scrapy("crawls", "long")
    assert run.out.startswith("crawl long: silent\n")
    assert "  1 leased\n" in run.out
    site.knobs.delay = 0.0


def test_a_worker_elsewhere_is_silent_after_a_while(scrapy: Scrapy, database: Documents) -> None:
    now = datetime.now(UTC)
    for name, ago in (("lives", 2), ("died", 60)):
        seen = now - timedelta(seconds=ago)
        worker = {
            "id": f"elsewhere:{name}", "host": "elsewhere", "pid": 1, "started_at": seen,
            "seen_at": seen, "ended_at": None, "reason": None,
            "counts": {"articles/new": 2, "requests": 5},
        }  # fmt: skip
        database.crawls.insert_one({
            "_id": name, "spider": "feed", "arguments": {}, "status": "running", "reason": None,
            "exit_code": None, "started_at": seen, "updated_at": seen, "finished_at": None,
            "counts": {}, "coverage": {}, "workers": [worker], "versions": {},
        })  # fmt: skip
    states = {crawl["id"]: crawl for crawl in listed(scrapy)}
    assert states["lives"]["status"] == "running"
    assert states["died"]["status"] == "silent"
    assert states["lives"]["figures"]["stored"] == 2, "what workers noted so far"


def test_wrong_usage_and_what_is_not_there(scrapy: Scrapy, crawled: dict[str, str]) -> None:
    for arguments in (
        ("one", "two"),
        ("good", "--spider", "feed"),
        ("--limit", "-1"),
        ("--since", "yesterday"),
        ("--status", "gone"),
    ):
        assert scrapy("crawls", *arguments).code == 2, arguments
    run = scrapy("crawls", "never")
    assert run.code == 1
    assert "no crawl 'never'" in run.err
    assert scrapy("crawls", MONGODB_URI="off").code == 2


def test_documents_of_somebody_else_are_no_crawls(
    scrapy: Scrapy, site: ServedSite, database: Documents
) -> None:
    database.crawls.insert_many(
        [
            {"_id": "odd", "note": 1},
            {"_id": 5, "spider": "articles", "started_at": datetime.now(UTC)},
        ]
    )
    database.locks.insert_one({"_id": "articles"})
    database.frontier.insert_many([{"_id": "odd"}, {"_id": 5, "crawl_id": "x", "state": 5}])
    run = scrapy.crawl("articles", f"url={addresses(site, 0)}", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert "Traceback" not in run.err
    assert len(ids(scrapy)) == 1
    run = scrapy("crawls", "odd")
    assert run.code == 1
    assert "no crawl 'odd' is in" in run.err
    run = scrapy("frontier")
    assert run.code == 0, run.err
    assert "no requests: every crawl is finished" in run.out
