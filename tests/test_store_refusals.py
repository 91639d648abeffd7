"""Stored records that MongoDB lets nobody change: they are left alone, and stop nothing else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.items import Sighting
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.documents import VERSION
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.refusals import Refusals
from caliber_crawler.store.visits import VisitStore
from demo_site import SiteConfig, serve
from tests.conftest import Scrapy
from tests.stories import prose, revisit, story, url

Documents = Database[dict[str, Any]]
BODY = prose(100, "one text")


class Told:
    """How often something was refused, each document once."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def store(async_database: AsyncDatabase[dict[str, Any]], told: Told) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database, refusals=Refusals(told))


def spoil(database: Documents, id_: str, **more: Any) -> dict[str, Any]:
    """Give a record a field that no record has, as a hand or a restore without checks may."""
    change = {"q": {"_id": id_}, "u": {"$set": {"note": "by hand", **more}}}
    database.command("update", "articles", updates=[change], bypassDocumentValidation=True)
    return only(database, id_)


def only(database: Documents, id_: str) -> dict[str, Any]:
    record = database.articles.find_one({"_id": id_})
    assert record is not None
    return record


async def test_one_that_repeats_what_is_stored(
    store: ArticleStore, database: Documents, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    await store.save([story("odd", body=BODY)])
    odd = spoil(database, "en/odd", duplicate_of="en/a")  # which is not true
    for number in range(2):
        crawl_id = f"c{number}"
        saved = await store.save([story("a", crawl_id=crawl_id), story("b", crawl_id=crawl_id)])
        assert [one.is_stored for one in saved] == [True, True]
    assert only(database, "en/odd") == odd
    assert told.times == 1
    assert [r.message for r in caplog.records if "en/odd" in r.message and "note" in r.message]
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.ERROR


async def test_one_that_nearly_repeats_what_is_stored(
    store: ArticleStore, database: Documents, told: Told
) -> None:
    await store.save([story("odd", title="One title of all", body=BODY)])
    odd = spoil(database, "en/odd", near_duplicate_of="en/a")
    near = story("a", title="One title of all", body=f"{BODY}\n\nA word.", hours=1)
    saved = await store.save([near, story("b")])
    assert [one.is_stored for one in saved] == [True, True]
    assert saved[0].article.near_duplicate_of == "en/odd"
    assert only(database, "en/odd") == odd
    assert told.times == 1


async def test_its_own_page_is_refused_and_no_other(
    store: ArticleStore, database: Documents, told: Told
) -> None:
    await store.save([story("odd"), story("a")])
    odd = spoil(database, "en/odd")
    saved = await store.save([story("odd", crawl_id="c2"), story("a", crawl_id="c2")])
    assert [one.is_stored for one in saved] == [False, True]
    assert "note" in (saved[0].refused or "")
    assert only(database, "en/odd") == odd
    assert told.times == 1


async def test_a_new_article_that_is_refused_is_no_stored_one(
    store: ArticleStore, database: Documents, told: Told
) -> None:
    saved = await store.save([story("a", status="lost"), story("b")])
    assert [one.is_stored for one in saved] == [False, True]
    assert told.times == 0


async def test_sightings(store: ArticleStore, database: Documents, told: Told) -> None:
    await store.save([story("odd"), story("a")])
    odd = spoil(database, "en/odd")
    seen = [Sighting(url(slug), [{"slug": "x", "name": "X"}]) for slug in ("odd", "a", "never")]
    assert await store.sight(seen) == [False, True, False]
    assert only(database, "en/odd") == odd
    assert only(database, "en/a")["sections"] == [{"slug": "x", "name": "X"}]
    assert told.times == 1


async def test_visits(
    async_database: AsyncDatabase[dict[str, Any]],
    store: ArticleStore,
    database: Documents,
    told: Told,
) -> None:
    await store.save([story("odd"), story("a")])
    odd = spoil(database, "en/odd")
    visits = VisitStore(async_database, refusals=Refusals(told))
    seen = [revisit(slug, "not_modified", "c2", 5, status=304) for slug in ("odd", "a")]
    assert await visits.note(seen) == ["refused", "unchanged"]
    assert only(database, "en/odd") == odd
    assert only(database, "en/a")["crawl"]["id"] == "c2"
    assert told.times == 1


async def test_what_was_said_before_a_change(
    store: ArticleStore, database: Documents, told: Told
) -> None:
    """A record whose odd value the page's own one replaces; only the revision cannot be kept."""
    await store.save([story("odd"), story("a")])
    change = {"q": {"_id": "en/odd"}, "u": {"$set": {"description": 5}}}
    database.command("update", "articles", updates=[change], bypassDocumentValidation=True)
    says = {"title": "Another", "description": "In short."}
    again = [story(slug, crawl_id="c2", hours=1, **says) for slug in ("odd", "a")]
    assert all(one.is_stored for one in await store.save(again))
    assert only(database, "en/odd")["title"] == "Another"
    assert [said["_id"] for said in database.revisions.find()] == ["en/a@1"]
    assert told.times == 1


async def test_an_older_form(
    async_database: AsyncDatabase[dict[str, Any]],
    store: ArticleStore,
    database: Documents,
    told: Told,
) -> None:
    await store.save([story("odd"), story("a")])
    database.articles.update_many({}, {"$set": {"internal.version": 3}})
    odd = spoil(database, "en/odd")
    database["meta"].update_one({}, {"$set": {"version": 3}})
    await prepare(async_database, refusals=Refusals(told))
    assert only(database, "en/odd") == odd
    assert only(database, "en/a")["internal"]["version"] == VERSION
    assert told.times == 1


def test_a_crawl_goes_on_and_counts_it(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=20, seed=4)) as site:
        truths = [site.world.article("en", i) for i in range(6)]
        odd, *others = [f"{site.url}{truth.path}" for truth in truths]
        run = scrapy.crawl("articles", f"url={odd}", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        spoil(database, f"en/{truths[0].slug}", duplicate_of=f"en/{truths[1].slug}")
        run = scrapy.crawl("articles", f"url={','.join(others)}", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert len(run.records) == len(others)
    assert run.counts["store/refused"] == 1
