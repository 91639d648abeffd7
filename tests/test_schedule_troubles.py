"""Overlaps, restarts, missed runs, changes of the file: a clock that is moved, real crawls."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from caliber_crawler.errors import ScheduleTaken, StoreError
from caliber_crawler.schedule.checks import Checker
from caliber_crawler.schedule.keeping import FileKeeper, StoreKeeper
from caliber_crawler.schedule.processes import Child
from caliber_crawler.schedule.slots import Slot
from caliber_crawler.schedule.source import Source
from caliber_crawler.schedule.state import EntryState, Last, Running, Unfinished
from caliber_crawler.store import Store
from demo_site import SiteConfig, serve
from tests.cluster import mongod
from tests.mongods import kill_watchdog, mongods
from tests.schedules import (
    PATIENCE_SECONDS,
    SteppedClock,
    eventually,
    project_settings,
    staged,
)

Documents = Database[dict[str, Any]]

NOON = datetime(2026, 6, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def store(mongo_uri: str, database_name: str) -> AsyncIterator[Store]:
    opened = await Store.open(mongo_uri, database_name, Path(), "")
    yield opened
    await opened.close()


@pytest.fixture
def given(mongo_uri: str, database_name: str) -> dict[str, str]:
    return {"MONGODB_URI": mongo_uri, "MONGODB_DATABASE": database_name}


def written(folder: Path, *entries: str) -> Path:
    path = folder / "s.toml"
    path.write_text("\n".join(['zone = "UTC"', *entries]))
    return path


def hourly(name: str, *more: str, spider: str = "sections") -> str:
    return "\n".join(
        [f"[crawl.{name}]", f'spider = "{spider}"', 'cron = "0 * * * *"', *more, ""]
    )  # fmt: skip


IN_HTTP = 'arguments = { render = "http", section = "world" }'


async def test_queue_and_replace(
    tmp_path: Path, database: Documents, store: Store, given: dict[str, str]
) -> None:
    path = written(
        tmp_path,
        hourly("lists", IN_HTTP, 'overlap = "replace"'),
        hourly("feed", 'overlap = "queue"', spider="feed"),
    )
    with serve(SiteConfig(articles=40, seed=12)) as site:
        site.knobs.delay = 1.0
        clock = SteppedClock(NOON)
        given["CALIBER_BASE_URL"] = site.url
        async with staged(path, StoreKeeper(store, "s"), clock, **given) as stage:
            await clock.move(NOON + HOUR)
            await eventually(lambda: database.crawls.count_documents({}) == 2, "both have begun")
            stage.send("feed", signal.SIGSTOP)
            await clock.move(NOON + 2 * HOUR)
            second = {"_id": "s.lists.20260625T1400Z"}
            await eventually(lambda: database.crawls.find_one(second), "it is replaced")
            # What is queued is the latest run only.
            await clock.move(NOON + 3 * HOUR)
            assert stage.counts("feed") == {"runs": 1, "skipped": 1}
            site.knobs.delay = 0.0
            stage.send("feed", signal.SIGCONT)
            await stage.rest()
            assert await stage.end() == 128 + signal.SIGTERM
    states = {crawl["_id"]: crawl["status"] for crawl in database.crawls.find()}
    assert states == {
        "s.lists.20260625T1300Z": "stopped",
        "s.lists.20260625T1400Z": "stopped",
        "s.lists.20260625T1500Z": "finished",
        "s.feed.20260625T1300Z": "finished",
        "s.feed.20260625T1500Z": "finished",
    }
    entries = database.schedule.find_one({"_id": "s"})["entries"]  # type: ignore[index]
    assert entries["lists"]["counts"] == {"runs": 3, "replaced": 2}
    assert entries["lists"]["unfinished"] is None


async def test_a_scheduler_of_another_container_is_not_held_for_dead(
    database: Documents, store: Store
) -> None:
    """It may have the name of the host and processes that nobody sees from here."""
    now = datetime.now(UTC)
    holder = {
        "id": "h", "host": socket.gethostname(), "pid": 2**22 + 1, "pid_namespace": "pid:[1]",
        "until": now + timedelta(minutes=1),
    }  # fmt: skip
    database.schedule.insert_one({"_id": "s", "holder": holder, "entries": {}})
    taking = asyncio.create_task(StoreKeeper(store, "s").take())
    await asyncio.sleep(1.5)
    assert not taking.done()
    database.schedule.update_one({}, {"$set": {"holder.until": now + timedelta(minutes=2)}})
    with pytest.raises(ScheduleTaken):
        await taking
    # Nothing is known of where the holder of an older version was.
    database.schedule.update_one({}, {"$unset": {"holder.pid_namespace": ""}})
    await StoreKeeper(store, "s").take()


async def test_an_end_and_a_beginning_anew(
    tmp_path: Path, database: Documents, store: Store, given: dict[str, str]
) -> None:
    """The end of the scheduler stops its crawls, which keep their work; they go on at its next
    start. Runs missed meanwhile are made up for once, or not at all."""
    path = written(
        tmp_path,
        hourly("lists", IN_HTTP, 'grace = "3h"'),
        '[crawl.once]\nspider = "feed"\ncron = "30 14,15 * * *"\nsettings.CRAWL_OVERLAP = "allow"',
        '[crawl.late]\nspider = "feed"\ncron = "30 14 * * *"\ngrace = "5m"',
        '[crawl.never]\nspider = "feed"\ncron = "30 14 * * *"\nmissed = "skip"',
    )
    with serve(SiteConfig(articles=40, seed=13)) as site:
        given["CALIBER_BASE_URL"] = site.url
        site.knobs.delay = 1.0
        async with staged(path, StoreKeeper(store, "s"), SteppedClock(NOON), **given) as stage:
            await stage.clock.move(NOON + HOUR)
            await eventually(lambda: len(site.log) > 3, "the crawl asks for something")
            assert await stage.end() == 128 + signal.SIGTERM
        crawl = database.crawls.find_one()
        assert crawl is not None
        assert (crawl["status"], crawl["exit_code"]) == ("stopped", 143)
        assert database.frontier.count_documents({}) > 0
        entries = database.schedule.find_one({"_id": "s"})["entries"]  # type: ignore[index]
        assert entries["lists"]["unfinished"]["interrupted"]
        assert entries["lists"]["last"]["code"] == 143

        site.knobs.delay = 0.0
        back = NOON + 3 * HOUR + timedelta(minutes=40)
        async with staged(path, StoreKeeper(store, "s"), SteppedClock(back), **given) as stage:
            await stage.clock.move(back + timedelta(minutes=1))
            await stage.rest()
            assert stage.last("lists") == ("s.lists.20260625T1300Z", 0)
            assert stage.counts("lists") == {"runs": 2, "resumed": 1, "missed": 1, "caught_up": 1}
            assert stage.last("once") == ("s.once.20260625T1530Z", 0)
            assert stage.counts("once") == {"runs": 1, "missed": 1, "caught_up": 1}
            assert stage.counts("late") == stage.counts("never") == {"missed": 1}
            await stage.end()
    assert {crawl["_id"]: crawl["status"] for crawl in database.crawls.find()} == {
        "s.lists.20260625T1300Z": "finished",
        "s.once.20260625T1530Z": "finished",
    }
    assert database.frontier.count_documents({}) == 0


async def test_a_clock_that_was_ahead_does_not_end_all_runs(
    tmp_path: Path, store: Store, given: dict[str, str]
) -> None:
    """A machine that takes the time of its zone for UTC, until it asks for the time. A time that
    comes again has another crawl than before."""
    path = written(tmp_path, hourly("news", IN_HTTP).replace("0 * * * *", "0 16 * * *"))
    with serve(SiteConfig(articles=20, seed=15)) as site:
        given["CALIBER_BASE_URL"] = site.url
        ahead = SteppedClock(NOON + 4 * HOUR - timedelta(minutes=1))
        async with staged(path, StoreKeeper(store, "s"), ahead, **given) as stage:
            await stage.clock.move(NOON + 4 * HOUR)
            await stage.rest()
            assert stage.last("news") == ("s.news.20260625T1600Z", 0)
            await stage.end()
        asked = len(site.log)
        async with staged(path, StoreKeeper(store, "s"), SteppedClock(NOON), **given) as stage:
            await stage.clock.move(NOON + 4 * HOUR)
            await stage.rest()
            assert stage.last("news") == ("s.news.20260625T1600Z-160000", 0)
            assert stage.counts("news") == {"runs": 2, "mended": 1}
            await stage.end()
        assert len(site.log) > asked


async def test_a_crawl_is_resumed_as_it_was_begun_only(store: Store, tmp_path: Path) -> None:
    """The file may have changed between its start and its end."""
    path = written(tmp_path, hourly("news", 'arguments = { language = "en,ru" }'))
    entry = Source(path, Checker(project_settings())).load().entries["news"]
    state = EntryState(str(entry.cron), NOON)
    begun = replace(entry, arguments={"language": "en"}).crawl
    state.running = Running("s.news.1", NOON, NOON, socket.gethostname(), 2**22 + 1, 1, begun)
    slot = Slot("s", entry, state, StoreKeeper(store, "s"), asyncio.Event())
    slot.recover(NOON)
    assert state.unfinished == Unfinished("s.news.1", NOON, begun, interrupted=True)
    assert not slot.ready


@pytest.mark.parametrize(("after", "goes_on"), [(timedelta(minutes=50), True), (2 * HOUR, False)])
async def test_grace_of_an_interrupted_crawl_begins_with_its_end(
    store: Store, tmp_path: Path, after: timedelta, goes_on: bool
) -> None:
    """However long it had been at work by then."""
    path = written(tmp_path, hourly("news"))
    news = Source(path, Checker(project_settings())).load().entries["news"]
    ended = NOON + timedelta(hours=30)
    state = EntryState(str(news.cron), ended + after)
    state.unfinished = Unfinished("s.news.1", NOON, news.crawl, interrupted=True)
    state.last = Last("s.news.1", NOON, NOON, ended, 143, "stopped")
    slot = Slot("s", news, state, StoreKeeper(store, "s"), asyncio.Event())
    slot.recover(ended + after)
    assert slot.ready is goes_on


async def test_a_crawl_that_cannot_go_on_again_and_again_is_given_up(
    store: Store, tmp_path: Path
) -> None:
    """Else its entry would never crawl again."""
    path = written(tmp_path, hourly("news"))
    news = Source(path, Checker(project_settings())).load().entries["news"]
    state = EntryState(str(news.cron), NOON)
    state.unfinished = Unfinished("s.news.1", NOON, news.crawl, interrupted=False)
    slot = Slot("s", news, state, StoreKeeper(store, "s"), asyncio.Event())
    running = Running("s.news.1", NOON, NOON, socket.gethostname(), crawl=news.crawl)
    for number in range(1, 20):
        slot._unfinished(running, 1, interrupted=False)
        assert state.unfinished is not None
        assert state.unfinished.failures == number
        state = EntryState.from_plain(state.plain())
        slot.state = state
    slot._unfinished(running, 6, interrupted=False)
    assert state.unfinished is not None, "another one of its spider ran"
    slot._unfinished(running, 1, interrupted=False)
    assert state.unfinished is None
    assert state.counts == {"given_up": 1}


async def test_signals_to_a_process_that_has_just_ended_take_no_exit_code_away() -> None:
    for _ in range(3):
        child = await Child.start(["shell", "-c", "input()"], os.environ, lambda _: None)
        os.kill(child.pid, signal.SIGKILL)
        until = time.monotonic() + 0.3
        while time.monotonic() < until:  # the loop hears of nothing meanwhile
            child.send(signal.SIGTERM)
        await asyncio.wait_for(child.done.wait(), PATIENCE_SECONDS)
        assert child.code == -signal.SIGKILL


async def test_a_second_signal_kills_and_the_next_start_goes_on_at_once(
    tmp_path: Path, database: Documents, store: Store, given: dict[str, str]
) -> None:
    path = written(tmp_path, hourly("lists", IN_HTTP))
    with serve(SiteConfig(articles=40, seed=21)) as site:
        wanted = {truth.slug for truth in site.first_list("en", "world")}
        given["CALIBER_BASE_URL"] = site.url
        site.knobs.delay = 0.5
        async with staged(path, StoreKeeper(store, "s"), SteppedClock(NOON), **given) as stage:
            await stage.clock.move(NOON + HOUR)
            await eventually(lambda: len(site.log) > 4, "the crawl asks for something")
            stage.send("lists", signal.SIGSTOP)
            stage.scheduler.stop(signal.SIGINT)
            stage.scheduler.stop(signal.SIGINT)
            assert await asyncio.wait_for(stage.running, PATIENCE_SECONDS) == 130
        entries = database.schedule.find_one({"_id": "s"})["entries"]  # type: ignore[index]
        assert entries["lists"]["last"]["code"] == -signal.SIGKILL

        site.knobs.delay = 0.0
        back = NOON + HOUR + timedelta(minutes=1)
        async with staged(path, StoreKeeper(store, "s"), SteppedClock(back), **given) as stage:
            await eventually(lambda: stage.at_work(), "it goes on")
            await stage.rest()
            assert stage.last("lists") == ("s.lists.20260625T1300Z", 0)
            assert stage.counts("lists") == {"runs": 2, "resumed": 1, "caught_up": 1}
            await stage.end()
    assert wanted <= {article["slug"] for article in database.articles.find()}
    assert database.crawls.count_documents({}) == 1


async def test_crawls_of_one_spider_come_one_after_the_other(
    tmp_path: Path, database: Documents, store: Store, given: dict[str, str]
) -> None:
    path = written(tmp_path, hourly("a", spider="feed"), hourly("b", spider="feed"))
    with serve(SiteConfig(articles=20, seed=14)) as site:
        given["CALIBER_BASE_URL"] = site.url
        async with staged(path, StoreKeeper(store, "s"), SteppedClock(NOON), **given) as stage:
            await stage.clock.move(NOON + HOUR)
            assert stage.at_work() == {"a"}
            await stage.rest("a")
            await eventually(lambda: stage.scheduler.slots["b"].state.last, "the other one ends")
            assert stage.last("b") == ("s.b.20260625T1300Z", 0)
            await stage.end()
    assert database.crawls.count_documents({"status": "finished"}) == 2


async def test_the_file_changes_meanwhile(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a database and without a crawl."""
    path = written(tmp_path, hourly("a"), hourly("b"))
    clock = SteppedClock(NOON)
    async with staged(path, FileKeeper(path), clock, MONGODB_URI="off") as stage:
        await clock.move(NOON + timedelta(minutes=1))
        written(tmp_path, hourly("a", 'overlap = "never"'), hourly("c"))
        await clock.move(NOON + timedelta(minutes=2))
        assert stage.scheduler.slots.keys() == {"a", "b"}
        assert caplog.text.count("the old one goes on") == 1
        assert f"{path}:5: overlap = 'never': allowed are" in caplog.text
        await clock.move(NOON + timedelta(minutes=20))
        assert caplog.text.count("the old one goes on") == 1  # said once

        written(tmp_path, hourly("a").replace("0 *", "10 *"), hourly("c"))
        await clock.move(NOON + timedelta(minutes=21))
        slots = stage.scheduler.slots
        assert slots.keys() == {"a", "c"}
        # Times that an entry did not have before were not missed: 12:10 is over.
        assert slots["a"].next() == NOON + timedelta(minutes=70)
        assert slots["c"].next() == NOON + HOUR

        written(tmp_path, 'name = "other"', hourly("a"))
        await clock.move(NOON + timedelta(minutes=22))
        assert "the name of a schedule stays while it runs" in caplog.text
        path.unlink()
        await clock.move(NOON + timedelta(minutes=23))
        assert "cannot be read: No such file" in caplog.text
        assert stage.scheduler.slots.keys() == {"a", "c"}
        await stage.end()
    kept = json.loads((tmp_path / "s.toml.state").read_text())["entries"]
    assert kept["a"]["times"] == "10 * * * * UTC"


async def test_the_database_goes_and_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While it is gone nothing begins; then what was due meanwhile does, once, if it is not late by
    more than the entry allows."""
    path = written(
        tmp_path,
        hourly("feed", spider="feed"),
        hourly("other", IN_HTTP),
        hourly("late", 'missed = "skip"', spider="refresh"),
    )
    with mongod(tmp_path / "mongod") as server, serve(SiteConfig(articles=20, seed=20)) as site:
        store = await Store.open(server.uri, "caliber", Path(), "")
        clock = SteppedClock(NOON)
        given = {"MONGODB_URI": server.uri, "CALIBER_BASE_URL": site.url}
        async with staged(path, StoreKeeper(store, "s"), clock, **given) as stage:
            await clock.move(NOON + HOUR - timedelta(seconds=1))
            server.kill()
            await clock.move(NOON + HOUR)
            assert stage.at_work() == set()
            assert "MongoDB was lost while writing the schedule's state" in caplog.text
            server.start()
            await clock.jump(NOON + HOUR + timedelta(minutes=2))
            await stage.rest()
            assert stage.counts("late") == {"missed": 1}
            assert await stage.end() == 143
        await store.close()
        states = {crawl["_id"]: crawl["status"] for crawl in server.database.crawls.find()}
    assert states == {"s.feed.20260625T1300Z": "finished", "s.other.20260625T1300Z": "finished"}


async def test_an_embedded_server_that_is_gone_is_started_again(tmp_path: Path) -> None:
    store = await Store.open("", "caliber", tmp_path / "data", "")
    keeper = StoreKeeper(store, "s")
    try:
        await keeper.take()
        kill_watchdog(tmp_path / "data")
        await eventually(lambda: not mongods(tmp_path / "data"), "mongod ends")
        await keeper.renew()
        assert mongods(tmp_path / "data")
    finally:
        await store.close()


async def test_state_that_is_not_understood(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, hourly("a"))
    (tmp_path / "s.toml.state").write_text('{"entries": {"a": {"since": "yesterday"}}}')
    clock = SteppedClock(NOON)
    async with staged(path, FileKeeper(path), clock, MONGODB_URI="off") as stage:
        await clock.move(NOON + timedelta(minutes=1))
        assert "a: its state is not understood, it begins anew" in caplog.text
        assert stage.scheduler.slots["a"].next() == NOON + HOUR
        await stage.end()


async def test_one_scheduler_at_a_time(
    tmp_path: Path, database: Documents, store: Store, given: dict[str, str]
) -> None:
    path = written(tmp_path, hourly("a"))
    async with staged(path, StoreKeeper(store, "s"), SteppedClock(NOON), **given) as stage:
        await stage.clock.move(NOON + timedelta(minutes=1))
        with pytest.raises(ScheduleTaken, match=r"'s' is run by another scheduler \(process"):
            await StoreKeeper(store, "s").take()
        await StoreKeeper(store, "other").take()

        # As if this one had stood still for so long that another one took over: nothing is begun.
        database.schedule.update_one({"_id": "s"}, {"$set": {"holder.id": "another"}})
        await stage.clock.move_towards(NOON + HOUR)
        assert await asyncio.wait_for(stage.running, PATIENCE_SECONDS) == 6
    assert database.crawls.count_documents({}) == 0
    assert database.schedule.find_one({"_id": "s"})["holder"]["id"] == "another"  # type: ignore[index]


async def test_a_scheduler_that_died_elsewhere_holds_no_longer_than_its_time(
    database: Documents, store: Store
) -> None:
    until = await store.frontier.clock() + timedelta(seconds=2)
    holder = {"id": "x", "host": "elsewhere", "pid": 1, "until": until}
    database.schedule.insert_one({"_id": "s", "holder": holder, "entries": {}})
    keeper = StoreKeeper(store, "s")
    await keeper.take()
    await keeper.renew()
    assert database.schedule.find_one()["holder"]["id"] != "x"  # type: ignore[index]
    with pytest.raises(ScheduleTaken):
        await StoreKeeper(store, "s").renew()
    await keeper.give_back()
    await StoreKeeper(store, "s").take()


async def test_state_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    keeper = FileKeeper(path)
    await keeper.take()
    with pytest.raises(ScheduleTaken, match=r"holds .*s\.toml\.lock"):
        await FileKeeper(path).take()
    assert await keeper.load() == {}
    full = EntryState(
        "@hourly UTC",
        NOON,
        NOON + HOUR,
        Running("c", NOON, NOON, "host", 7, 8),
        Unfinished("c", NOON, "what", True),
        Last("c", NOON, NOON, NOON + HOUR, None, "line"),
        {"runs": 2},
    )
    await keeper.save("a", full.plain())
    await keeper.save("b", EntryState("x", NOON).plain())
    kept = await keeper.load()
    assert EntryState.from_plain(kept["a"]) == full
    assert EntryState.from_plain(kept["b"]) == EntryState("x", NOON)
    assert EntryState.from_plain(full.plain()) == full
    await keeper.give_back()
    await FileKeeper(path).take()
    (tmp_path / "s.toml.state").write_text("{")
    with pytest.raises(StoreError, match="remove it to begin without memory"):
        await keeper.load()
