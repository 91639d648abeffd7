"""The figures of a report, counted by a real MongoDB from histories that are known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import Article, SectionRef
from caliber_crawler.report.figures import NO_SECTION, OTHER, Figures, Totals, Viewed
from caliber_crawler.report.periods import MOST
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.crawls import CrawlStore, Worker
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.reading import Selection
from caliber_crawler.store.report import KINDS, ReportReader
from caliber_crawler.store.report_events import NEWEST_CRAWLS
from caliber_crawler.store.report_views import LATELY, POINTS
from caliber_crawler.store.visits import VisitStore
from tests.articles import document
from tests.stories import DAY, HOUR, START, prose, revisit, story

Documents = AsyncDatabase[dict[str, Any]]
BAKU = ZoneInfo("Asia/Baku")
MINUTE = timedelta(minutes=1)
MAY = [date(2026, 5, day) for day in range(1, 32)]  # MAY[3] is the 4th, the day of START


@pytest.fixture
async def database(async_database: Documents) -> Documents:
    await prepare(async_database)
    return async_database


async def figures(
    database: Documents,
    *,
    zone: str = "Asia/Baku",
    top: int = 10,
    now: datetime = START + 2 * DAY + 10 * MINUTE,
    **selected: Any,
) -> Figures:
    return await ReportReader(database, ZoneInfo(zone)).read(Selection(**selected), top, now)


async def save(database: Documents, *articles: Article) -> None:
    saved = await ArticleStore(database).save(articles)
    assert all(one.is_stored for one in saved)


def sections(*slugs: str) -> list[SectionRef]:
    return [{"slug": slug, "name": slug.upper()} for slug in slugs]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of May 2026, in Baku."""
    return datetime(2026, 5, day, hour, minute, tzinfo=BAKU)


async def test_an_empty_database_has_figures_too(database: Documents) -> None:
    found = await figures(database)
    assert found.totals == Totals()
    assert (found.first, found.last) == (None, None)
    assert found.sections.periods.starts == ()
    assert found.edits.totals == ()
    assert found.crawls.number == 0
    assert found.coverage.shares == {}
    assert found.delays.number == 0
    assert found.delays.median is None
    assert (found.views.most, found.views.rising, found.views.until) == ((), (), None)


async def test_articles_count_on_the_day_of_the_zone_and_in_their_first_section(
    database: Documents,
) -> None:
    await save(
        database,
        story("late", published_at=at(4, 23, 59), sections=sections("world", "sport")),
        story("early", published_at=at(5, 0, 0), sections=sections("world")),
        story("sport", published_at=at(7, 12), sections=sections("sport", "world")),
        story("russian", language="ru", published_at=at(5, 3), sections=sections("mir")),
        story("label", published_at=at(5, 3), sections=[{"slug": None, "name": "OPINION"}]),
        story("bare", published_at=at(7, 13)),
    )
    found = await figures(database)
    assert (found.first, found.last) == (MAY[3], MAY[6])
    by_day = found.sections
    assert by_day.periods.unit == "day"
    assert by_day.periods.starts == tuple(MAY[3:7])
    assert by_day.kinds == ("WORLD", NO_SECTION, "MIR", "OPINION", "SPORT")
    assert by_day.counts == ((1, 0, 0, 0, 0), (1, 0, 1, 1, 0), (0, 0, 0, 0, 0), (0, 1, 0, 0, 1))
    assert by_day.totals == (1, 3, 0, 2)

    in_utc = (await figures(database, zone="UTC")).sections
    assert in_utc.periods.starts == tuple(MAY[3:7])
    assert in_utc.totals == (4, 0, 0, 2)

    english = await figures(database, languages=("en",), sections=("world",))
    assert english.sections.kinds == ("WORLD", "SPORT")
    assert english.sections.totals == (1, 1, 0, 1)
    assert english.totals.articles == 3
    assert english.totals.editions == (("en", 3),)

    one_day = await figures(database, since=at(5, 0), before=at(6, 0))
    assert one_day.sections.periods.starts == (MAY[4],)
    assert one_day.totals.articles == 3


async def test_small_sections_are_one(database: Documents) -> None:
    slugs = [f"section-{i}" for i in range(KINDS + 3)]
    for i, slug in enumerate(slugs):
        number = 3 if i < KINDS else 1
        await save(
            database,
            *(story(f"{slug}-{n}", sections=sections(slug)) for n in range(number)),
        )
    found = (await figures(database)).sections
    assert found.kinds == (*(slug.upper() for slug in slugs[:KINDS]), OTHER)
    assert found.counts == ((*[3] * KINDS, 3),)
    assert found.totals == (3 * KINDS + 3,)


@pytest.mark.parametrize("zone", ["Asia/Baku", "America/New_York"])
@pytest.mark.parametrize(
    ("days", "unit"), [(60, "day"), (500, "week"), (2_000, "month"), (9_000, "year")]
)
async def test_mongodb_and_the_axis_agree_on_periods(
    database: Documents, days: int, unit: str, zone: str
) -> None:
    dice = random.Random(days)
    times = [START - timedelta(seconds=dice.randrange(days * 86_400)) for _ in range(120)]
    times += [START, START - timedelta(days=days)]
    await database["articles"].insert_many(
        document(i, published_at=time) for i, time in enumerate(times)
    )
    found = await figures(database, zone=zone)
    assert found.sections.periods.unit == unit
    assert len(found.sections.periods.starts) <= MOST
    assert sum(found.sections.totals) == len(times)
    assert sum(map(sum, found.sections.counts)) == len(times)


async def test_numbers_of_what_became_of_articles(database: Documents) -> None:
    text = prose(120, "repeated")
    nearly = text.replace(text.split()[60], "another", 1)
    await save(
        database,
        story("one", body=text),
        story("plain"),
        story("lost"),
        story("undated", published_at=None, extraction={
            "method": "template", "layout": "post-2025", "missing": ["published_at"]}),
        story("russian", language="ru"),
    )  # fmt: skip
    title = (await database["articles"].find_one({"slug": "one"}) or {})["title"]
    await save(database, story("again", body=text, title=title, hours=200,
                               published_at=START + 8 * DAY))  # fmt: skip
    await save(database, story("nearly", body=nearly, hours=400, published_at=START + 16 * DAY))
    await save(database, story("plain", crawl_id="c2", hours=3, body=prose(90, "another")))
    for crawl_id, hours in (("c2", 4.0), ("c3", 5.0)):
        await VisitStore(database).note([revisit("lost", "missing", crawl_id, hours)])
    found = await figures(database)
    assert found.totals == Totals(
        articles=7, undated=1, edited=1, gone=1, duplicates=1, near_duplicates=1,
        editions=(("en", 6), ("ru", 1)),
    )  # fmt: skip
    assert sum(found.sections.totals) == 6
    bounded = await figures(database, since=START - DAY, before=START + DAY)
    assert bounded.totals.articles == 4  # without those of later days, and the undated one
    assert bounded.totals.undated == 0


async def test_edits_by_what_changed_and_when_it_was_noticed(database: Documents) -> None:
    first = story("one", sections=sections("world"), authors=["Ann Lee"])
    other = story("two", sections=sections("sport"))
    russian = story("three", language="ru", sections=sections("world"))
    await save(database, first, other, russian)
    body = prose(100, "the text after the edit")
    await save(database, story("one", crawl_id="c2", hours=3, sections=sections("world"),
                               authors=["Ann Lee"], body=body))  # fmt: skip
    await save(
        database,
        story("one", crawl_id="c3", hours=26, sections=sections("world"), authors=["Bo Ek"],
              body=body, title="Another headline", published_at=START),
        story("two", crawl_id="c3", hours=50, sections=sections("sport"), title="New words here"),
        story("three", crawl_id="c3", hours=51, language="ru", sections=sections("world"),
              title="Новый заголовок"),
    )  # fmt: skip
    found = (await figures(database)).edits
    assert found.periods.starts == tuple(MAY[3:6])
    assert found.kinds == ("title", "authors", "body", "published_at")
    assert found.counts == ((0, 0, 1, 0), (1, 1, 0, 1), (2, 0, 0, 0))
    assert found.totals == (1, 1, 2)

    world = (await figures(database, languages=("en",), sections=("world",))).edits
    assert world.totals == (1, 1)
    late = (await figures(database, since=START + DAY, before=START + 2 * DAY)).edits
    assert late.totals == (1,)
    assert (await figures(database, languages=("arm",))).edits.totals == ()


async def test_delays_leave_archives_out(database: Documents) -> None:
    ages = [
        timedelta(0), 90 * timedelta(seconds=1), 3 * MINUTE, 119 * MINUTE, 125 * MINUTE,
        25.5 * HOUR, 7 * DAY, 7 * DAY + MINUTE, 300 * DAY, -5 * MINUTE,
    ]  # fmt: skip
    await save(database, *(story(f"s{i}", published_at=START - age) for i, age in enumerate(ages)))
    found = (await figures(database)).delays
    assert found.lags == {0: 1, 1: 1, 3: 1, 119: 1, 120: 1, 1500: 1, 7 * 1440: 1}
    assert found.number == 7
    assert found.median == 119
    assert (found.early, found.archived) == (1, 2)

    found = (await figures(database, since=START - 2 * DAY)).delays
    assert found.periods.starts == tuple(MAY[2:4])
    assert found.medians == (1500, 3)
    assert found.median == (3 + 119) / 2


async def enter(
    database: Documents,
    number: int,
    *,
    spider: str = "sections",
    began: datetime = START,
    seconds: float = 60,
    code: int = 0,
    status: str = "finished",
    coverage: dict[str, float] | None = None,
    **counts: int,
) -> None:
    """A crawl that has ended."""
    worker, crawls = Worker("w", "host", 1), CrawlStore(database, f"c{number}")
    await crawls.start(worker, spider=spider, arguments={}, versions={}, at=began)
    end = began + timedelta(seconds=seconds)
    await crawls.leave(worker, counts, reason="finished", at=end)
    assert await crawls.close(
        counts, coverage or {}, status=status, reason="finished", exit_code=code,
        verdict="", lists_doubted=False, sections={}, findings=[], silent_since=end, at=end,
    )  # fmt: skip


async def test_crawls_by_outcome_and_how_long_they_took(database: Documents) -> None:
    await enter(database, 1, seconds=61.5, **{"articles/new": 7, "requests": 12})
    ends = [(3, "finished"), (4, "finished"), (5, "failed"), (143, "stopped"), (0, "finished")]
    for i, (code, status) in enumerate(ends):
        await enter(database, i + 2, spider="feed", began=START + (i + 20) * HOUR, code=code,
                    status=status)  # fmt: skip
    running = CrawlStore(database, "c9")
    worker = Worker("w", "host", 1)
    await running.start(worker, spider="refresh", arguments={}, versions={}, at=START + 2 * DAY)
    await running.progress(worker, {}, START + 2 * DAY + 5 * MINUTE)

    found = (await figures(database)).crawls
    assert found.number == 7
    assert found.outcomes.periods.starts == tuple(MAY[3:6])
    assert found.outcomes.kinds == (
        "healthy", "looks wrong", "partly failed", "failed", "stopped", "running",
    )  # fmt: skip
    assert found.outcomes.counts == ((1, 0, 0, 0, 0, 0), (1, 1, 1, 1, 1, 0), (0, 0, 0, 0, 0, 1))
    newest, *_, oldest = found.newest
    assert (newest.id, newest.spider, newest.outcome) == ("c9", "refresh", "running")
    assert newest.seconds == 300
    assert (oldest.id, oldest.seconds, oldest.exit_code) == ("c1", 61.5, 0)
    assert (oldest.new, oldest.changed, oldest.requests) == (7, 0, 12)

    # What has fallen silent was killed.
    await database["crawls"].update_one(
        {"_id": "c9"}, {"$set": {"updated_at": START + 2 * DAY - timedelta(milliseconds=1)}}
    )
    killed = (await figures(database)).crawls
    assert killed.newest[0].outcome == "failed"
    assert killed.outcomes.counts[-1] == (0, 0, 0, 1, 0)

    bounded = (await figures(database, since=START + DAY, before=START + 2 * DAY)).crawls
    assert [crawl.id for crawl in bounded.newest] == ["c6"]


async def test_only_the_newest_of_many_crawls_are_listed(database: Documents) -> None:
    await enter(database, 0)
    one = await database["crawls"].find_one({}) or {}
    await database["crawls"].insert_many(
        {**one, "_id": f"m{i}", "started_at": START + i * MINUTE} for i in range(NEWEST_CRAWLS + 50)
    )
    found = (await figures(database)).crawls
    assert found.number == NEWEST_CRAWLS + 51
    assert len(found.newest) == NEWEST_CRAWLS
    assert found.newest[0].id == f"m{NEWEST_CRAWLS + 49}"


async def test_coverage_weighs_crawls_by_what_they_read(database: Documents) -> None:
    await enter(database, 1, coverage={"title": 1.0, "authors": 0.5}, **{"articles/read": 30})
    await enter(database, 2, coverage={"title": 0.5, "authors": 0.1}, **{"articles/read": 10})
    await enter(database, 3, began=START + DAY)
    await enter(
        database, 4, began=START + 2 * DAY, coverage={"title": 0.0}, **{"articles/read": 60}
    )
    found = (await figures(database)).coverage
    assert found.shares == {
        "title": (pytest.approx(0.875), None, 0.0),
        "authors": (pytest.approx(0.4), None, None),
    }
    assert found.overall == {"title": pytest.approx(0.35), "authors": pytest.approx(0.4)}


async def seen(
    database: Documents, slug: str, points: Sequence[tuple[float, int]], **more: Any
) -> None:
    """Visits to an article: so many hours after START, the counter showed so much."""
    for hours, views in points:
        await save(database, story(slug, crawl_id=f"c{hours}", hours=hours, views=views, **more))


def named(viewed: Sequence[Viewed]) -> list[str]:
    return [one.id for one in viewed]


LATER = START + 101 * HOUR


async def test_most_viewed_and_fastest_rising(database: Documents) -> None:
    await seen(database, "old", [(0, 9_000), (100, 9_010)], sections=sections("world"))
    await seen(database, "hot", [(97, 100), (98, 300), (100, 700)], sections=sections("sport"))
    await seen(database, "mild", [(99, 50), (100, 90)], language="ru")
    await seen(database, "brief", [(99.9, 10), (100, 500)])  # six minutes tell no speed
    await seen(database, "once", [(100, 800)])
    await seen(database, "still", [(90, 5), (100, 5)])
    await seen(database, "blind", [], views=None)
    await save(database, story("blind"))

    found = (await figures(database, now=LATER, top=3)).views
    assert named(found.most) == ["en/old", "en/once", "en/hot"]
    assert [one.views for one in found.most] == [9_010, 800, 700]
    assert found.until == START + 100 * HOUR
    assert found.since == START + 100 * HOUR - LATELY
    assert named(found.rising) == ["en/hot", "ru/mild"]
    hot, mild = found.rising
    assert (hot.rate, mild.rate) == (pytest.approx(200), pytest.approx(40))
    assert hot.points == tuple(
        (START + hours * HOUR, views) for hours, views in ((97, 100), (98, 300), (100, 700))
    )
    assert (hot.section, hot.language, hot.published_at) == ("SPORT", "en", START - HOUR)

    assert named((await figures(database, now=LATER, top=1)).views.rising) == ["en/hot"]
    assert named((await figures(database, now=LATER, languages=("ru",))).views.rising) == [
        "ru/mild"
    ]
    assert named((await figures(database, now=LATER, sections=("sport",))).views.rising) == [
        "en/hot"
    ]
    # What was counted after the days that are asked for is not in it.
    before = (await figures(database, now=LATER, before=START + 99 * HOUR)).views
    assert named(before.rising) == ["en/hot"]
    assert before.rising[0].points[-1] == (START + 98 * HOUR, 300)
    # Nor is what a clock told that was ahead.
    await database["views"].insert_one({"at": LATER + 90 * DAY, "article": "en/hot", "views": 1})
    assert (await figures(database, now=LATER, top=3)).views.until == START + 100 * HOUR
    later = await figures(database, now=LATER, since=START)
    assert (later.views.most, later.views.rising) == ((), ())


async def test_many_rising_articles_of_other_sections_are_passed_over(database: Documents) -> None:
    articles = [document(i, id=f"en/a{i}", url=f"https://caliber.az/en/post/a{i}", language="en",
                         slug=f"a{i}") for i in range(450)]  # fmt: skip
    await database["articles"].insert_many(articles)
    await database["views"].insert_many(
        {"article": f"en/a{i}", "at": START + hours * HOUR, "views": hours * (1_000 - i)}
        for i in range(450)
        for hours in (0, 1)
    )
    await database["articles"].update_many(
        {"_id": {"$in": ["en/a7", "en/a449"]}}, {"$set": {"sections": sections("rare")}}
    )
    found = (await figures(database, now=LATER, sections=("rare",))).views.rising
    assert named(found) == ["en/a7", "en/a449"]
    assert [one.rate for one in found] == [993, 551]


async def test_long_histories_of_views_are_thinned(database: Documents) -> None:
    await save(database, story("long", views=1))
    await database["views"].insert_many(
        {"article": "en/long", "at": START + i * HOUR, "views": i} for i in range(1, 3_001)
    )
    (long,) = (await figures(database, now=LATER)).views.most
    assert len(long.points) == POINTS
    assert long.points[0] == (START, 1)
    assert long.points[-1] == (START + 3_000 * HOUR, 3_000)
    assert list(long.points) == sorted(long.points)
