"""Storing articles in a real MongoDB: idempotence, races, odd values, history, and kills."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.items import Article, CrawlInfo, Sighting
from caliber_crawler.records import clean
from caliber_crawler.store import ArticleStore, Saved
from caliber_crawler.store.client import connect
from caliber_crawler.store.migrations import prepare
from tests.mongods import free_port, start_mongod

Documents = Database[dict[str, Any]]
AsyncDocuments = AsyncDatabase[dict[str, Any]]

ROOT = Path(__file__).resolve().parent.parent
SITE = "https://caliber.az"
START = datetime(2024, 5, 3, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_SYLLABLES = "ba ko ri me lu sa ti vo ne da pu shi gar mol ten".split()


def text(slug: str) -> str:
    """Two paragraphs that say the same for the same slug, and share no phrase with any other."""
    dice = random.Random(slug)
    names = ["".join(dice.choices(_SYLLABLES, k=3)) for _ in range(24)]
    return f"Of {slug}: {' '.join(names[:12])}.\n\n{' '.join(names[12:])}."


def url(slug: str) -> str:
    return f"{SITE}/en/post/{slug}"


def article(slug: str = "roads", *, minute: int = 0, worker: str = "w1", **changes: Any) -> Article:
    """An article as a crawl hands it over, fetched so many minutes after `START` by `worker`.

    Articles with different slugs have different texts.
    """
    crawl: CrawlInfo = {
        "id": f"crawl-{worker}",
        "spider": "sections",
        "worker": worker,
        "section": "politics",
        "requested_url": url(slug),
        "http_status": 200,
        "fetched_at": START + minute * MINUTE,
        "rendered": False,
        "outcome": "new",
    }
    values: dict[str, Any] = {
        "id": f"en/{slug}",
        "url": url(slug),
        "language": "en",
        "slug": slug,
        "title": f"Council on {slug}",
        "body": text(slug),
        "authors": ["Aygun Mammadova"],
        "sections": [{"slug": "politics", "name": "Politics"}],
        "published_at": START - timedelta(hours=1),
        "extraction": {"method": "template", "layout": "2024", "missing": []},
        "crawl": crawl,
    }
    return clean(Article(**{**values, **changes}))


def section(slug: str) -> dict[str, str]:
    return {"slug": slug, "name": slug.title()}


def shown(database: Documents) -> dict[str, Any]:
    """The one stored document without what is the store's own."""
    [document] = database.articles.find()
    del document["internal"]
    return document


def outcomes(saved: Sequence[Saved]) -> list[str]:
    """The outcome of each, or ``refused``."""
    return [
        "refused" if one.refused or one.article.crawl is None else one.article.crawl["outcome"]
        for one in saved
    ]


@pytest.fixture
async def store(async_database: AsyncDocuments) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database)


@pytest.fixture
def stores(store: ArticleStore, async_database: AsyncDocuments) -> list[ArticleStore]:
    """Eight stores, as eight workers would have."""
    return [store, *(ArticleStore(async_database) for _ in range(7))]


class TestSaving:
    async def test_new_article_is_stored_as_the_record_that_is_returned(
        self, store: ArticleStore, database: Documents
    ) -> None:
        [saved] = await store.save([article(views=12)])
        record = saved.article
        assert shown(database) == record.document() | {"_id": "en/roads"}
        assert outcomes([saved]) == ["new"]
        assert record.revision == 1
        assert record.first_seen_at == record.last_seen_at == record.views_at == START
        assert record.changed_at is None
        assert record.duplicate_of is None

    async def test_unchanged_article_moves_only_what_is_about_the_visit(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article(views=12)])
        before = shown(database)
        [saved] = await store.save([article(minute=5, worker="w2", views=40)])
        after = shown(database)
        assert outcomes([saved]) == ["unchanged"]
        assert after == saved.article.document() | {"_id": "en/roads"}
        moved = {name for name in after if after[name] != before[name]}
        assert moved == {"last_seen_at", "views", "views_at", "crawl"}
        assert after["last_seen_at"] == after["views_at"] == START + 5 * MINUTE
        assert after["crawl"]["worker"] == "w2"
        assert database.revisions.count_documents({}) == 0

    async def test_changed_article_keeps_what_it_said_in_the_revisions(
        self, store: ArticleStore, database: Documents
    ) -> None:
        [first] = await store.save([article(description="In short")])
        [second] = await store.save([article(minute=5, worker="w2", title="Other", body="A text")])
        [third] = await store.save([article(minute=9, worker="w3", title="Third")])
        assert outcomes([first, second, third]) == ["new", "changed", "changed"]
        assert [one.article.revision for one in (first, second, third)] == [1, 2, 3]
        record = database.articles.find_one()
        assert record is not None
        assert record["first_seen_at"] == START
        assert record["changed_at"] == record["last_seen_at"] == START + 9 * MINUTE
        assert record["title"] == "Third"
        old = first.article
        assert list(database.revisions.find().sort("revision")) == [
            {
                "_id": "en/roads@1",
                "article_id": "en/roads",
                "revision": 1,
                "url": url("roads"),
                "title": old.title,
                "description": "In short",
                "authors": old.authors,
                "sections": old.sections,
                "published_at": old.published_at,
                "moved_to": None,
                "changes": ["title", "body"],
                "body": old.body,
                "content_hash": old.content_hash,
                "first_seen_at": START,
                "last_seen_at": START,
                "replaced_at": START + 5 * MINUTE,
                "replaced_by": "crawl-w2",
            },
            {
                "_id": "en/roads@2",
                "article_id": "en/roads",
                "revision": 2,
                "url": url("roads"),
                "title": "Other",
                "description": "In short",
                "authors": old.authors,
                "sections": old.sections,
                "published_at": old.published_at,
                "moved_to": None,
                "changes": ["title", "body"],
                "body": "A text",
                "content_hash": second.article.content_hash,
                "first_seen_at": START,
                "last_seen_at": START + 5 * MINUTE,
                "replaced_at": START + 9 * MINUTE,
                "replaced_by": "crawl-w3",
            },
        ]

    async def test_values_that_the_page_hides_are_kept(
        self, store: ArticleStore, database: Documents
    ) -> None:
        full = article(
            description="In short",
            images=[{"url": f"{SITE}/a.jpg", "role": "cover", "caption": None}],
            embeds=[{"type": "x", "url": "https://x.com/1"}],
            alternates={"ru": f"{SITE}/ru/post/roads"},
            views=7,
        )
        await store.save([full])
        hollow = Article(
            id=full.id, url=full.url, language="en", slug="roads", title=full.title,
            crawl=article(minute=5).crawl,
        )  # fmt: skip
        [saved] = await store.save([hollow])
        assert outcomes([saved]) == ["unchanged"]
        record = database.articles.find_one()
        assert record is not None
        for name in (
            "description", "authors", "sections", "published_at", "body", "images", "embeds",
            "alternates", "views", "word_count", "content_hash",
        ):  # fmt: skip
            assert record[name] == getattr(full, name), name
        assert record["views_at"] == START

    async def test_times_are_whole_milliseconds_of_utc(
        self, store: ArticleStore, database: Documents
    ) -> None:
        baku = timezone(timedelta(hours=4))
        published = datetime(2024, 5, 3, 1, 30, 5, 123456, tzinfo=baku)
        fetched = datetime(2024, 5, 3, 12, 0, 0, 999999, tzinfo=baku)
        given = article(published_at=published)
        assert given.crawl is not None
        given.crawl["fetched_at"] = fetched
        [first] = await store.save([given])
        stored = shown(database)
        assert stored == first.article.document() | {"_id": "en/roads"}
        assert stored["published_at"] == datetime(2024, 5, 2, 21, 30, 5, 123000, tzinfo=UTC)
        assert stored["first_seen_at"] == datetime(2024, 5, 3, 8, 0, 0, 999000, tzinfo=UTC)
        again = article(minute=1, published_at=published)
        assert outcomes(await store.save([again])) == ["unchanged"]

    async def test_arguments_stay_as_they_are(self, store: ArticleStore) -> None:
        given = article(sections=[section("politics")], aliases=[url("r")])
        twin = article(sections=[section("politics")], aliases=[url("r")])
        [saved] = await store.save([given])
        await store.save([given])
        assert given == twin
        saved.article.sections.append({"slug": "new", "name": "New"})
        assert given == twin

    async def test_gone_article_that_is_seen_again_is_live(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article()])
        database.articles.update_one({}, {"$set": {"status": "gone"}})
        [saved] = await store.save([article(minute=1)])
        assert saved.article.status == "live"

    async def test_nothing_to_save(self, store: ArticleStore) -> None:
        assert await store.save([]) == []

    async def test_results_are_in_the_order_of_the_arguments(self, store: ArticleStore) -> None:
        slugs = [f"story-{number}" for number in range(1200)]
        random.Random(1).shuffle(slugs)
        await store.save([article(slug) for slug in slugs[::3]])
        batch = [article(slug, minute=1) for slug in slugs]
        batch[7].language = None
        saved = await store.save(batch)
        assert [one.article.slug for one in saved] == slugs
        expected = ["unchanged", "new", "new"] * 400
        expected[7] = "refused"
        assert outcomes(saved) == expected


class TestSameFetchAgain:
    """A batch whose write got no answer is saved again, and whatever had arrived is no news."""

    async def test_new_stays_new(self, store: ArticleStore, database: Documents) -> None:
        first = await store.save([article()])
        assert await store.save([article()]) == first
        assert outcomes(first) == ["new"]
        assert database.articles.count_documents({}) == 1

    async def test_changed_stays_changed(self, store: ArticleStore, database: Documents) -> None:
        await store.save([article()])
        second = await store.save([article(minute=1, title="Other")])
        assert await store.save([article(minute=1, title="Other")]) == second
        assert outcomes(second) == ["changed"]
        assert database.revisions.count_documents({}) == 1

    async def test_another_text_is_a_change_whatever_the_clock_says(
        self, store: ArticleStore
    ) -> None:
        await store.save([article()])
        assert outcomes(await store.save([article(title="Other")])) == ["changed"]

    async def test_half_a_change_is_completed(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """A kill between history and record leaves a note that may be out of date later."""
        [first] = await store.save([article()])
        await store.save([article(minute=1, worker="w2", title="Other")])
        database.articles.update_one({}, {"$set": first.article.document()})
        database.revisions.update_one({}, {"$set": {"description": "as it was then"}})
        database.articles.update_one({}, {"$set": {"description": "as it is now"}})
        await store.save([article(minute=2, worker="w3", title="Third")])
        revision = database.revisions.find_one({"_id": "en/roads@1"})
        assert revision is not None
        assert revision["description"] == "as it is now"
        assert revision["replaced_by"] == "crawl-w3"
        assert revision["replaced_at"] == START + 2 * MINUTE


class TestAddresses:
    async def test_article_is_found_by_an_alias(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article(aliases=[url("r")])])
        [saved] = await store.save([article("r", minute=1, title="Council on roads", body="")])
        assert saved.article.id == "en/roads"
        record = database.articles.find_one()
        assert record is not None
        assert database.articles.count_documents({}) == 1
        assert record["url"] == url("r")
        assert record["aliases"] == [url("roads")]

    async def test_old_canonical_address_becomes_an_alias(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article(aliases=[url("first")])])
        [saved] = await store.save([article("highways", minute=1, aliases=[url("roads")])])
        assert saved.article.id == "en/roads"
        [record] = database.articles.find()
        assert record["_id"] == record["id"] == "en/roads"
        assert record["url"] == url("highways")
        assert set(record["aliases"]) == {url("roads"), url("first")}
        [again] = await store.save([article("highways", minute=2)])
        assert outcomes([again]) == ["unchanged"]

    async def test_same_id_under_another_address(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article()])
        await store.save([article(minute=1, url=f"{SITE}/en/analytics/roads")])
        [record] = database.articles.find()
        assert record["url"] == f"{SITE}/en/analytics/roads"
        assert record["aliases"] == [url("roads")]

    async def test_address_belongs_first_to_whom_it_is_canonical(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article("a"), article("b")])
        database.articles.update_one({"_id": "en/a"}, {"$set": {"aliases": [url("b")]}})
        [saved] = await store.save([article("b", minute=1)])
        assert saved.article.id == "en/b"
        assert await store.sight([Sighting(url("b"), [{"slug": "x", "name": "X"}])]) == [True]
        record = database.articles.find_one({"_id": "en/b"})
        assert record is not None
        assert {"slug": "x", "name": "X"} in record["sections"]

    async def test_address_that_two_stored_articles_share_breaks_nothing(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article("a"), article("b"), article("c")])
        bridge = article("c", minute=1, aliases=[url("a"), url("b")])
        assert outcomes(await store.save([bridge])) == ["unchanged"]
        assert database.articles.count_documents({}) == 3
        assert (
            outcomes(await store.save([article(slug, minute=2) for slug in "abc"]))
            == ["unchanged"] * 3
        )

    async def test_copies_in_one_batch_meet_each_other(
        self, store: ArticleStore, database: Documents
    ) -> None:
        copies = [
            article(
                worker=f"w{n}",
                minute=n,
                aliases=[f"{url('roads')}?utm_source={n}"],
                sections=[section(f"section-{n}")],
            )
            for n in range(60)
        ]
        saved = await store.save(copies)
        assert outcomes(saved) == ["new"] + ["unchanged"] * 59
        [record] = database.articles.find()
        assert {s["slug"] for s in record["sections"]} == {f"section-{n}" for n in range(60)}
        assert set(record["aliases"]) == {f"{url('roads')}?utm_source={n}" for n in range(60)}
        assert record["last_seen_at"] == START + 59 * MINUTE

    async def test_copies_with_changes_in_one_batch(
        self, store: ArticleStore, database: Documents
    ) -> None:
        titles = ["One", "Two", "Two", "Three"]
        batch = [article(minute=n, title=title) for n, title in enumerate(titles)]
        saved = await store.save(batch)
        assert outcomes(saved) == ["new", "changed", "unchanged", "changed"]
        assert [one.article.revision for one in saved] == [1, 2, 2, 3]
        said = [r["title"] for r in database.revisions.find().sort("revision")]
        assert said == ["One", "Two"]

    @pytest.mark.parametrize("known", [False, True])
    async def test_batch_with_the_old_and_the_new_address(
        self, store: ArticleStore, database: Documents, known: bool
    ) -> None:
        old = article(minute=1)
        new = article("highways", minute=2, title=old.title, body=old.body, aliases=[url("roads")])
        if known:
            await store.save([article()])
        saved = await store.save([old, new])
        assert {one.article.id for one in saved} == {"en/roads"}
        [record] = database.articles.find()
        assert record["url"] == url("highways")
        assert record["aliases"] == [url("roads")]

    async def test_batch_where_a_third_article_links_two(
        self, store: ArticleStore, database: Documents
    ) -> None:
        one = article("one", aliases=[url("shared")])
        two = article("two", minute=1, title=one.title, body=one.body, aliases=[url("shared")])
        saved = await store.save([one, two])
        assert outcomes(saved) == ["new", "unchanged"]
        assert database.articles.count_documents({}) == 1

    async def test_editions_are_apart(self, store: ArticleStore, database: Documents) -> None:
        russian = article(id="ru/roads", url=f"{SITE}/ru/post/roads", language="ru")
        assert outcomes(await store.save([article(), russian])) == ["new", "new"]
        assert database.articles.count_documents({"duplicate_of": None}) == 2


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "large": ({"body": "x" * 17_000_000}, "too large"),
    "number": ({"views": 2**63}, "8-byte"),
    "date": ({"published_at": date(2024, 5, 3)}, "published_at is no time with a zone"),
    "time as text": ({"published_at": "2024-05-03"}, "published_at is no time with a zone"),
    "naive": ({"published_at": START.replace(tzinfo=None)}, "published_at is no time with a zone"),
    "naive views": ({"views_at": START.replace(tzinfo=None)}, "views_at is no time with a zone"),
    "nul": ({"alternates": {"r\0u": SITE}}, "NULL"),
    "surrogate": ({"body": "half \ud83d a face"}, "surrogates not allowed"),
    "surrogate in the address": ({"url": f"{SITE}/en/post/\ud83d"}, "surrogates not allowed"),
    "surrogate in an alias": ({"aliases": [f"{SITE}/\udc00"]}, "surrogates not allowed"),
    "surrogate in the id": ({"id": "en/\ud83d"}, "surrogates not allowed"),
    "set": ({"authors": {"Ann"}}, "cannot encode object"),
    "end of time": (
        {"published_at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-4)))},
        "date value out of range",
    ),
    "no id": ({"id": None}, "it has no id"),
    "no address": ({"url": ""}, "it has no url"),
    "no language": ({"language": None}, "it has no language"),
    "no crawl": ({"crawl": None}, "it has no crawl"),
}


class TestOddValues:
    async def test_each_is_refused_by_itself_with_its_reason(
        self, store: ArticleStore, database: Documents
    ) -> None:
        batch = [article(f"story-{n}") for n in range(100)]
        odd = {5 * n + 2: name for n, name in enumerate(ODD)}
        for place, name in odd.items():
            batch[place] = replace(batch[place], **ODD[name][0])
        given = list(batch)
        saved = await store.save(batch)
        for place, one in enumerate(saved):
            if place in odd:
                assert one.refused is not None, odd[place]
                assert ODD[odd[place]][1] in one.refused
                assert len(one.refused) <= 500
                assert one.article is given[place]
            else:
                assert one.refused is None
        assert database.articles.count_documents({}) == 100 - len(ODD)
        assert database.articles.count_documents({"_id": None}) == 0

    async def test_naive_time_of_the_fetch(self, store: ArticleStore) -> None:
        odd = article("odd")
        assert odd.crawl is not None
        odd.crawl["fetched_at"] = START.replace(tzinfo=None)
        await store.save([article("odd")])
        saved = await store.save([odd, article()])
        assert outcomes(saved) == ["refused", "new"]
        assert "fetched_at" in (saved[0].refused or "")

    async def test_change_to_an_odd_value_leaves_the_stored_record(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article()])
        before = database.articles.find_one()
        odd = replace(article(minute=1, title="Other"), body="half \ud83d")
        saved = await store.save([odd, article("other")])
        assert outcomes(saved) == ["refused", "new"]
        assert database.articles.find_one({"_id": "en/roads"}) == before
        assert database.revisions.count_documents({}) == 0

    async def test_record_that_only_both_together_make_too_large(
        self, store: ArticleStore, database: Documents
    ) -> None:
        half = "x" * 9_000_000
        await store.save([article(alternates={"ru": half})])
        large = article(minute=1, title="Other", alternates={"az": half})
        saved = await store.save([large, article("other")])
        assert outcomes(saved) == ["refused", "new"]
        assert saved[0].refused is not None
        assert "too large" in saved[0].refused
        assert saved[0].article is large
        record = database.articles.find_one({"_id": "en/roads"})
        assert record is not None
        assert record["revision"] == 1
        assert database.revisions.count_documents({}) == 0

    async def test_largest_document_that_fits_can_be_saved_and_changed(
        self, store: ArticleStore, database: Documents
    ) -> None:
        large = "x" * 16_700_000
        saved = [
            *await store.save([article(body=large)]),
            *await store.save([article(minute=1, body=large[:-1] + "y")]),
        ]
        assert outcomes(saved) == ["new", "changed"]
        assert database.revisions.count_documents({}) == 1

    async def test_odd_keys_that_fit_are_kept(
        self, store: ArticleStore, database: Documents
    ) -> None:
        odd = {"$ru": "1", "a.b": "2", "": "3", "$set": "4"}
        await store.save([article(alternates=odd)])
        [saved] = await store.save([article(minute=1, alternates=odd)])
        assert outcomes([saved]) == ["unchanged"]
        record = database.articles.find_one()
        assert record is not None
        assert record["alternates"] == odd


class TestRaces:
    async def test_one_new_article_from_eight_workers(
        self, stores: list[ArticleStore], database: Documents
    ) -> None:
        slugs = [f"story-{n}" for n in range(20)]

        async def save(number: int) -> list[Saved]:
            return await stores[number].save(
                [
                    article(
                        slug,
                        worker=f"w{number}",
                        minute=number,
                        sections=[section(f"section-{number}")],
                        aliases=[f"{url(slug)}?from={number}"],
                        alternates={f"l{number}": SITE},
                        views=number,
                    )
                    for slug in slugs
                ]
            )

        saved = await asyncio.gather(*map(save, range(8)))
        for slug, results in zip(slugs, zip(*saved, strict=True), strict=True):
            assert Counter(outcomes(results)) == {"new": 1, "unchanged": 7}
            [record] = database.articles.find({"_id": f"en/{slug}"})
            assert record["revision"] == 1
            assert {s["slug"] for s in record["sections"]} == {f"section-{n}" for n in range(8)}
            assert set(record["aliases"]) == {f"{url(slug)}?from={n}" for n in range(8)}
            assert set(record["alternates"]) == {f"l{n}" for n in range(8)}
            assert record["last_seen_at"] == START + 7 * MINUTE
        assert database.articles.count_documents({}) == 20
        assert database.revisions.count_documents({}) == 0

    async def test_one_change_seen_by_eight_workers(
        self, stores: list[ArticleStore], database: Documents
    ) -> None:
        await stores[0].save([article()])
        saved = await asyncio.gather(
            *(
                store.save([article(title="Other", minute=n + 1, worker=f"w{n}")])
                for n, store in enumerate(stores)
            )
        )
        assert Counter(outcomes([one for [one] in saved])) == {"changed": 1, "unchanged": 7}
        assert {one.article.revision for [one] in saved} == {2}
        [winner] = [one.article for [one] in saved if outcomes([one]) == ["changed"]]
        [revision] = database.revisions.find()
        assert winner.crawl is not None
        assert revision["replaced_by"] == winner.crawl["id"]
        assert revision["replaced_at"] == winner.changed_at

    async def test_eight_different_changes_at_once(
        self, stores: list[ArticleStore], database: Documents
    ) -> None:
        await stores[0].save([article(title="w0")])
        saved = await asyncio.gather(
            *(
                store.save([article(title=f"w{n}", minute=1, worker=f"w{n}")])
                for n, store in enumerate(stores, 1)
            )
        )
        assert outcomes([one for [one] in saved]) == ["changed"] * 8
        assert sorted(one.article.revision for [one] in saved) == list(range(2, 10))
        record = database.articles.find_one()
        assert record is not None
        revisions = list(database.revisions.find().sort("revision"))
        assert [r["revision"] for r in revisions] == list(range(1, 9))
        titles = [*(r["title"] for r in revisions), record["title"]]
        assert sorted(titles) == sorted(f"w{n}" for n in range(9))
        for revision, next_title in zip(revisions, titles[1:], strict=True):
            assert revision["replaced_by"] == f"crawl-{next_title}"

    async def test_saving_and_sighting_at_once_lose_nothing(
        self, stores: list[ArticleStore], database: Documents
    ) -> None:
        await stores[0].save([article(sections=[])])

        async def save(number: int) -> None:
            one = article(minute=number, worker=f"w{number}", sections=[section(f"saved-{number}")])
            await stores[number].save([one])

        async def sight(number: int) -> None:
            name = f"seen-{number}"
            sighting = Sighting(url("roads"), [{"slug": name, "name": name}], [url(name)])
            assert await stores[number].sight([sighting]) == [True]

        await asyncio.gather(*map(save, range(8)), *map(sight, range(8)))
        [record] = database.articles.find()
        expected = {f"saved-{n}" for n in range(8)} | {f"seen-{n}" for n in range(8)}
        assert {s["slug"] for s in record["sections"]} == expected
        assert set(record["aliases"]) == {url(f"seen-{n}") for n in range(8)}

    async def test_article_removed_while_it_is_saved_is_stored_whole(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article()])

        async def remove() -> None:
            await asyncio.to_thread(database.articles.delete_many, {})

        [saved], _ = await asyncio.gather(store.save([article(minute=1)]), remove())
        for record in database.articles.find():
            del record["internal"]
            assert record == saved.article.document() | {"_id": "en/roads"}


WORKER = """
import asyncio, json, sys
from datetime import UTC, datetime
from caliber_crawler.items import Article
from caliber_crawler.records import clean
from caliber_crawler.store import ArticleStore
from caliber_crawler.store.client import connect
from caliber_crawler.store.migrations import prepare

uri, database, name, slugs, words = sys.argv[1:]

def article(slug, body):
    at = datetime.now(UTC)
    crawl = {"id": name, "spider": "s", "worker": name, "section": None, "requested_url": slug,
             "http_status": 200, "fetched_at": at, "rendered": False, "outcome": "new"}
    return clean(Article(id=f"en/{slug}", url=f"https://caliber.az/en/post/{slug}", language="en",
                         slug=slug, title=slug, body=body, aliases=[f"{slug}?from={name}"],
                         sections=[{"slug": name, "name": name}], crawl=crawl))

async def main():
    client = await connect(uri)
    print("ready", flush=True)
    sys.stdin.readline()
    await prepare(client[database])
    store = ArticleStore(client[database])
    outcomes = []
    for n in range(0, len(json.loads(slugs)), 7):
        batch = [article(slug, words) for slug in json.loads(slugs)[n:n + 7]]
        saved = await store.save(batch)
        outcomes += [[s.article.id, s.article.crawl["outcome"]] for s in saved]
    print(json.dumps(outcomes))
    await client.close()

asyncio.run(main())
"""


def race(uri: str, database: str, orders: Sequence[Sequence[str]], words: str) -> Counter[Any]:
    """Let one process for each order save these slugs; counts (id, outcome) over all of them."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, uri, database, f"p{n}", json.dumps(order), words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n, order in enumerate(orders)
    ]
    counts: Counter[Any] = Counter()
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            counts.update(tuple(pair) for pair in json.loads(out))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return counts


class TestProcesses:
    def test_four_workers_start_on_an_empty_database(
        self, mongo_uri: str, database_name: str, database: Documents
    ) -> None:
        """They make the indexes, store the same new articles, then the same changed ones."""
        slugs = [f"story-{n}" for n in range(42)]
        orders = [random.Random(n).sample(slugs, len(slugs)) for n in range(4)]
        counts = race(mongo_uri, database_name, orders, "First text")
        for slug in slugs:
            assert counts[f"en/{slug}", "new"] == 1
            assert counts[f"en/{slug}", "unchanged"] == 3
        counts = race(mongo_uri, database_name, orders, "Second text")
        for slug in slugs:
            assert counts[f"en/{slug}", "changed"] == 1
            assert counts[f"en/{slug}", "unchanged"] == 3
        assert database.articles.count_documents({}) == database.revisions.count_documents({}) == 42
        for record in database.articles.find():
            assert record["revision"] == 2
            assert {s["slug"] for s in record["sections"]} == {"p0", "p1", "p2", "p3"}
            assert len(record["aliases"]) == 4
        assert database.revisions.distinct("body") == ["First text"]


class TestSightings:
    async def test_sections_and_aliases_are_added(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article("a", aliases=[url("a-old")]), article("b")])
        found = await store.sight(
            [
                Sighting(url("a"), [{"slug": "economy", "name": "Economy"}], [url("a-1")]),
                Sighting(url("unknown"), [{"slug": "economy", "name": "Economy"}]),
                Sighting(url("a-old"), [{"slug": "sport", "name": "Sport"}], [url("a-2")]),
                Sighting(url("b")),
                Sighting(url("a"), [{"slug": "economy", "name": "Economy"}], [url("a"), ""]),
            ]
        )
        assert found == [True, False, True, True, True]
        record = database.articles.find_one({"_id": "en/a"})
        assert record is not None
        assert [s["slug"] for s in record["sections"]] == ["politics", "economy", "sport"]
        assert record["aliases"] == [url("a-old"), url("a-1"), url("a-2")]
        assert database.articles.count_documents({}) == 2

    async def test_sighting_again_writes_nothing(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article()])
        sighting = Sighting(url("roads"), [{"slug": "sport", "name": "Sport"}], [url("r")])
        await store.sight([sighting])
        before = database.articles.find_one()
        database.command("profile", 2)
        assert await store.sight([sighting]) == [True]
        database.command("profile", 0)
        assert database.articles.find_one() == before
        assert database["system.profile"].count_documents({"op": "update"}) == 0

    async def test_slug_completes_a_section_that_was_known_by_name(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article(sections=[{"slug": None, "name": "Sport"}])])
        await store.sight([Sighting(url("roads"), [{"slug": "sport", "name": "Sport"}])])
        record = database.articles.find_one()
        assert record is not None
        assert record["sections"] == [{"slug": "sport", "name": "Sport"}]

    async def test_nothing_to_note(self, store: ArticleStore) -> None:
        assert await store.sight([]) == []

    async def test_what_mongodb_cannot_hold_is_not_stored(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await store.save([article()])
        found = await store.sight(
            [
                Sighting(f"{SITE}/\ud83d"),
                Sighting(url("roads"), [{"slug": None, "name": "\ud83d"}]),
                Sighting(url("roads"), aliases=[url("r")]),
            ]
        )
        assert found == [False, False, True]
        record = database.articles.find_one()
        assert record is not None
        assert record["aliases"] == [url("r")]
        assert record["sections"] == [section("politics")]

    async def test_eight_workers_note_at_once(
        self, stores: list[ArticleStore], database: Documents
    ) -> None:
        await stores[0].save([article(f"story-{n}") for n in range(10)])
        await asyncio.gather(
            *(
                store.sight(
                    [
                        Sighting(url(f"story-{n}"), [{"slug": f"s{w}", "name": f"s{w}"}])
                        for n in range(10)
                    ]
                )
                for w, store in enumerate(stores)
            )
        )
        for record in database.articles.find():
            slugs = {s["slug"] for s in record["sections"]}
            assert slugs == {"politics", *(f"s{w}" for w in range(8))}


async def test_every_look_up_uses_an_index(store: ArticleStore, database: Documents) -> None:
    """Asked of the server itself, which notes the plan of whatever it did."""
    batch = [article(f"story-{n}", aliases=[url(f"alias-{n}")]) for n in range(500)]
    await store.save(batch)
    database.articles.update_many({"_id": {"$regex": "9$"}}, {"$set": {"duplicate_of": "en/x"}})
    database.command("profile", 2)
    await store.save(
        [
            article("story-1", minute=1),
            article("story-3", minute=1, title="Other"),
            article("new", minute=1),
            article("story-5-new", minute=1, aliases=[url("alias-5")]),
        ]
    )
    await store.sight([Sighting(url("alias-7"), [{"slug": "sport", "name": "Sport"}])])
    database.command("profile", 0)
    of_articles = {"ns": database.articles.full_name}
    seen = list(database["system.profile"].find(of_articles))
    assert {entry["op"] for entry in seen} >= {"query", "update", "insert"}
    plans = " ".join(entry.get("planSummary", "") for entry in seen)
    for key in (
        "_id: 1", "url: 1", "aliases: 1", "content_hash: 1", "{ duplicate_of: 1",
        "{ near_duplicate_of: 1", "internal.bands: 1", "internal.traces: 1",
    ):  # fmt: skip
        assert key in plans
    for entry in seen:
        assert "COLLSCAN" not in entry.get("planSummary", "")
        assert entry.get("docsExamined", 0) <= 10, entry["planSummary"]
        assert entry.get("keysExamined", 0) <= 200, entry["planSummary"]


class Mongod:
    """A `mongod` of the test's own that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self.uri = f"mongodb://127.0.0.1:{self._port}/?directConnection=true"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it without waiting until it answers."""
        self._process = start_mongod(self._folder, self._port)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self) -> None:
        """Wait for the end of the process."""
        if self._process is not None:
            self._process.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    server = Mongod(tmp_path)
    server.start()
    with MongoClient[Any](server.uri, serverSelectionTimeoutMS=20_000) as client:
        client.admin.command("ping")
    yield server
    server.kill()


@pytest.fixture
async def lone_database(mongod: Mongod) -> AsyncIterator[AsyncDocuments]:
    """A database in the server of `mongod`, as `Store` would have it."""
    client = await connect(mongod.uri, timeout_ms=300)
    await prepare(client["news"])
    yield client["news"]
    await client.close()


async def save_through_ends(
    store: ArticleStore,
    batches: Sequence[Sequence[Article]],
    mongod: Mongod,
    how: signal.Signals,
) -> list[Saved]:
    """Save all batches, four at a time, while the server is ended twice and started again.

    What fails is saved again until it succeeds. The server stays away until a save has failed.
    """
    saved: list[Saved] = []
    failed = asyncio.Event()
    ended = asyncio.Event()
    ends = [len(batches) // 10, len(batches) // 3]

    async def save(part: Sequence[Sequence[Article]]) -> None:
        for batch in part:
            while True:
                try:
                    saved.extend(await store.save(batch))
                    break
                except StoreUnavailable:
                    failed.set()
                    await asyncio.sleep(0.02)
            # While three others are at it, some of which succeed as long as the server is ending.
            if ends and not ended.is_set() and len(saved) >= ends[0] * len(batch):
                ends.pop(0)
                mongod.signal(how)
                ended.set()

    async def start_again() -> None:
        for _ in range(len(ends)):
            await ended.wait()
            failed.clear()
            await asyncio.to_thread(mongod.wait)
            await failed.wait()
            ended.clear()
            mongod.start()

    async with asyncio.timeout(60):
        await asyncio.gather(start_again(), *(save(batches[n::4]) for n in range(4)))
    return saved


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


# pymongo leaves a socket that was about to connect to the garbage collector: no fault of the store.
@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
class TestLostServer:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "terminate"])
    async def test_batches_can_be_saved_again(
        self, mongod: Mongod, lone_database: AsyncDocuments, how: signal.Signals
    ) -> None:
        store = ArticleStore(lone_database)
        slugs = [f"story-{n}" for n in range(600)]

        def batches(minute: int, words: str) -> list[list[Article]]:
            return [
                [article(slug, minute=minute, body=f"{words} {slug}") for slug in slugs[n : n + 10]]
                for n in range(0, len(slugs), 10)
            ]

        articles, revisions = lone_database["articles"], lone_database["revisions"]
        saved = await save_through_ends(store, batches(0, "First"), mongod, how)
        assert Counter(outcomes(saved)) == {"new": 600}
        assert await articles.count_documents({}) == 600
        saved = await save_through_ends(store, batches(1, "Second"), mongod, how)
        assert Counter(outcomes(saved)) == {"changed": 600}
        assert await articles.count_documents({"revision": 2}) == 600
        assert await revisions.count_documents({}) == 600
        assert await revisions.count_documents({"revision": 1, "body": {"$regex": "^First"}}) == 600

    async def test_no_server(self, mongod: Mongod) -> None:
        client = await connect(mongod.uri, timeout_ms=300)
        mongod.kill()
        store = ArticleStore(client["news"])
        with pytest.raises(StoreUnavailable, match="storing articles"):
            await store.save([article()])
        with pytest.raises(StoreUnavailable, match="storing sightings"):
            await store.sight([Sighting(url("roads"))])
        await client.close()
