"""Ten hours of a schedule, with all that can go wrong: the hours are simulated, the crawls real."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from caliber_crawler.schedule.keeping import StoreKeeper
from caliber_crawler.store import Store
from demo_site import SiteConfig, serve
from tests.schedules import SteppedClock, eventually, staged

Documents = Database[dict[str, Any]]

# Midnight in Baku, while the machine's clock is set to UTC.
MIDNIGHT = datetime(2026, 6, 24, 20, 0, tzinfo=UTC)
FILE = """
name = "news"
zone = "Asia/Baku"

[crawl.lists]
spider = "sections"
cron = "15 2,5,8 * * *"
arguments = { section = "world", render = "http" }

[crawl.one]
spider = "articles"
cron = "0 1-9/2 * * *"
arguments = { url = "URL" }
limit = "150m"
stop_grace = "1m"

[crawl.morning]
spider = "feed"
cron = "30 9 * * *"
"""


@pytest.fixture
async def store(mongo_uri: str, database_name: str) -> AsyncIterator[Store]:
    opened = await Store.open(mongo_uri, database_name, Path(), "")
    yield opened
    await opened.close()


async def test_ten_hours(
    tmp_path: Path, mongo_uri: str, database_name: str, database: Documents, store: Store
) -> None:
    """`one` hangs at three and is killed when its time is up, over which its run at five falls
    away; `lists` is killed at five and goes on at eight; `morning` runs at 9:30 in Baku."""
    with serve(SiteConfig(articles=40, seed=11)) as site:
        path = tmp_path / "schedule.toml"
        wanted = {truth.slug for truth in site.first_list("en", "world")}
        article = site.first_list("en", "world")[0]
        path.write_text(FILE.replace("URL", site.url + article.path))
        clock = SteppedClock(MIDNIGHT)
        given = {
            "MONGODB_URI": mongo_uri,
            "MONGODB_DATABASE": database_name,
            "CALIBER_BASE_URL": site.url,
        }

        def at(hour: int, minute: int = 0) -> datetime:
            return MIDNIGHT + timedelta(hours=hour, minutes=minute)

        def crawl(id_: str) -> Any:
            return database.crawls.find_one({"_id": id_})

        async with staged(path, StoreKeeper(store, "news"), clock, **given) as stage:
            await clock.move(at(1))
            assert stage.at_work() == {"one"}
            await clock.move(at(2, 15))
            assert "lists" in stage.at_work()
            await stage.rest()

            site.knobs.delay_of[article.path] = 600.0
            await clock.move(at(3))
            await eventually(lambda: crawl("news.one.20260624T2300Z"), "the crawl begins")
            stage.send("one", signal.SIGSTOP)  # so it hangs, and hears of nothing
            site.knobs.delay_of.clear()
            await clock.move(at(5))
            assert stage.counts("one")["skipped"] == 1

            site.knobs.delay = 0.5
            before = len(site.log)
            await clock.move(at(5, 15))
            await eventually(lambda: len(site.log) > before + 1, "the crawl asks for its list")
            stage.send("lists", signal.SIGKILL)
            await stage.rest("lists")
            assert stage.last("lists") == ("news.lists.20260625T0115Z", -signal.SIGKILL)
            site.knobs.delay = 0.0

            await clock.move(at(5, 30))
            assert stage.counts("one")["limited"] == 1
            assert stage.at_work() == {"one"}
            await clock.move(at(5, 31))
            await stage.rest("one")
            assert stage.last("one") == ("news.one.20260624T2300Z", -signal.SIGKILL)
            assert stage.counts("one")["killed"] == 1

            await clock.move(at(7))
            assert stage.at_work() == {"one"}
            await clock.move(at(8, 15))
            assert "lists" in stage.at_work()
            await stage.rest()
            await clock.move(at(9))
            assert stage.at_work() == {"one"}
            await clock.move(at(9, 30))
            assert "morning" in stage.at_work()
            await stage.rest()
            await clock.move(at(10))
            assert await stage.end() == 128 + signal.SIGTERM

    crawls = {crawl["_id"]: crawl for crawl in database.crawls.find()}
    # In UTC, as the ids have it: 1, 3 and 9 o'clock in Baku; what was begun at three was ended by
    # the run at seven, what was begun at 5:15 by the one at 8:15.
    assert crawls.keys() == {
        "news.one.20260624T2100Z",
        "news.one.20260624T2300Z",
        "news.one.20260625T0500Z",
        "news.lists.20260624T2215Z",
        "news.lists.20260625T0115Z",
        "news.morning.20260625T0530Z",
    }
    for found in crawls.values():
        assert (found["status"], found["exit_code"]) == ("finished", 0), found
    assert len(crawls["news.one.20260624T2300Z"]["workers"]) == 2
    assert len(crawls["news.lists.20260625T0115Z"]["workers"]) == 2
    assert crawls["news.lists.20260625T0115Z"]["arguments"] == {
        "section": "world", "render": "http",
    }  # fmt: skip
    assert wanted <= {article["slug"] for article in database.articles.find()}
    assert database.frontier.count_documents({}) == 0
    kept = database.schedule.find_one()
    assert kept is not None
    assert kept["holder"] is None
    entries = kept["entries"]
    assert entries["one"]["counts"] == {
        "runs": 4, "resumed": 1, "skipped": 1, "limited": 1, "killed": 1,
    }  # fmt: skip
    assert entries["lists"]["counts"] == {"runs": 3, "resumed": 1}
    assert entries["morning"]["counts"] == {"runs": 1}
    assert all(entry["running"] is None for entry in entries.values())
    assert entries["morning"]["last"]["line"].startswith("healthy: ")
