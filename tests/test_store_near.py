"""Near-duplicates in the store: who names whom, whoever stores what when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from benchmarks.duplicates_texts import recurring_texts
from caliber_crawler.items import Article
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.migrations import prepare
from tests.stories import DAY, START, prose, story, words

Documents = Database[dict[str, Any]]


@pytest.fixture
async def store(async_database: AsyncDatabase[dict[str, Any]]) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database)


def near(slug: str, change: int = 0, **changes: Any) -> Article:
    """One text of a hundred words, of which so many are other ones."""
    said = words(100, "one text")
    for number in range(change):
        said[7 + 13 * number] = f"changed{number}"
    values = {"title": "The harbour opens a second pier", "body": " ".join(said), **changes}
    return story(slug, **values)


def links(database: Documents) -> dict[str, str | None]:
    return {d["slug"]: d["near_duplicate_of"] for d in database.articles.find()}


async def test_the_later_one_names_the_one_seen_first(
    store: ArticleStore, database: Documents
) -> None:
    await store.save([near("a")])
    [saved] = await store.save([near("b", 3, hours=0.5)])
    assert saved.article.near_duplicate_of == "en/a"
    [saved] = await store.save([near("c", 5, hours=0.6)])
    assert saved.article.near_duplicate_of == "en/a"
    assert links(database) == {"a": None, "b": "en/a", "c": "en/a"}
    assert {d["duplicate_of"] for d in database.articles.find()} == {None}
    record = database.articles.find_one({"_id": "en/b"})
    assert record is not None
    assert record["internal"]["repeats"]["reason"] == "nearly the same words"
    assert 0.7 < record["internal"]["repeats"]["score"] < 1


async def test_all_in_one_batch(store: ArticleStore, database: Documents) -> None:
    await store.save([near("b", 3), near("a"), near("other", body=prose(100, "other"))])
    assert links(database) == {"a": None, "b": "en/a", "other": None}


async def test_one_that_was_stored_later_but_seen_earlier(
    store: ArticleStore, database: Documents
) -> None:
    """A worker that was slow to store: the other's record names its article afterwards."""
    await store.save([near("b", 3, hours=0.5)])
    await store.save([near("a")])
    assert links(database) == {"a": None, "b": "en/a"}


async def test_eight_workers_at_once(
    async_database: AsyncDatabase[dict[str, Any]], store: ArticleStore, database: Documents
) -> None:
    stores = [ArticleStore(async_database) for _ in range(8)]
    await asyncio.gather(
        *(one.save([near(f"s{n}", n, hours=n / 100)]) for n, one in enumerate(stores))
    )
    assert links(database) == {f"s{n}": "en/s0" if n else None for n in range(8)}


async def test_an_edit_ends_a_link_and_makes_another(
    store: ArticleStore, database: Documents
) -> None:
    other = prose(100, "other")
    await store.save([near("a"), near("o", body=other), near("b", 3, hours=0.1)])
    assert links(database) == {"a": None, "o": None, "b": "en/a"}
    await store.save([near("b", body=f"{other} And a word.", crawl_id="c2", hours=1)])
    assert links(database) == {"a": None, "o": None, "b": "en/o"}


async def test_an_edit_of_the_one_that_is_named(store: ArticleStore, database: Documents) -> None:
    for n, slug in enumerate("abc"):
        await store.save([near(slug, n, hours=n / 10)])
    assert links(database) == {"a": None, "b": "en/a", "c": "en/a"}
    await store.save([near("a", body=prose(100, "other"), crawl_id="c2", hours=1)])
    assert links(database) == {"a": None, "b": None, "c": "en/b"}


async def test_an_exact_duplicate_is_no_near_one(store: ArticleStore, database: Documents) -> None:
    await store.save([near("a"), near("b", hours=0.1), near("c", 3, hours=0.2)])
    records = {d["slug"]: d for d in database.articles.find()}
    assert records["b"]["duplicate_of"] == "en/a"
    assert links(database) == {"a": None, "b": None, "c": "en/a"}
    # The original becomes another text: what repeated it stands for itself, and is named instead.
    await store.save([near("a", body=prose(100, "other"), crawl_id="c2", hours=1)])
    records = {d["slug"]: d for d in database.articles.find()}
    assert records["b"]["duplicate_of"] is None
    assert links(database) == {"a": None, "b": None, "c": "en/b"}


async def test_seeing_them_again_writes_no_link(store: ArticleStore, database: Documents) -> None:
    await store.save([near("a"), near("b", 3)])
    before = links(database)
    [saved] = await store.save([near("b", 3, crawl_id="c2", hours=1)])
    assert saved.article.near_duplicate_of == "en/a"
    assert links(database) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"language": "ru"}, {"language": "en"}),
        (
            {"body": "Watch the video here"},
            {"body": "Watch the video now", "published_at": START + DAY},
        ),
    ],
    ids=["editions", "captions of different days"],
)
async def test_never_linked(
    store: ArticleStore, database: Documents, first: dict[str, Any], second: dict[str, Any]
) -> None:
    await store.save([near("a", **first), near("b", 2, **second)])
    assert links(database) == {"a": None, "b": None}


async def test_texts_that_recur_are_not_all_read(
    store: ArticleStore, async_database: AsyncDatabase[dict[str, Any]], database: Documents
) -> None:
    """However many texts of one frame there are, those that come nearest are compared."""
    daily = recurring_texts(240)["exchange rates, Russian"]

    def rates(day: int) -> Article:
        text = daily[day]
        return near(f"rates-{day}", title=text.title, body=text.body, hours=24 * day)

    await store.save([rates(day) for day in range(len(daily))])
    again = near("again", title="Курс", body=f"{daily[3].body} Вот и всё.", hours=24 * 3 + 1)
    database.command("profile", 2)
    try:
        [saved] = await store.save([again])
    finally:
        database.command("profile", 0)
    assert saved.article.near_duplicate_of == "en/rates-3"
    bands = database.articles.find_one({"_id": "en/again"}, {"internal.bands": 1})
    assert bands is not None
    alike = database.articles.count_documents(
        {"internal.bands": {"$in": bands["internal"]["bands"]}}
    )
    read = [
        query["nreturned"]
        for query in database.system.profile.find({"command.projection.body": 1})
        if query["ns"].endswith(".articles")
    ]
    assert alike > 25
    assert 0 < max(read) <= 20


async def test_a_killed_workers_record_is_linked_by_whoever_takes_over(
    store: ArticleStore, database: Documents
) -> None:
    await store.save([near("a"), near("b", 3, hours=0.1, views=5), near("c", hours=0.2)])
    database.articles.update_many(
        {}, {"$set": {"near_duplicate_of": None, "duplicate_of": None, "internal.repeats": None}}
    )
    database["views"].delete_many({})
    urls = [d["url"] for d in database.articles.find()]
    assert await store.stored_in("c1", urls) == set(urls)
    assert links(database)["b"] == "en/a"
    assert database.articles.count_documents({"duplicate_of": "en/a"}) == 1
    assert database["views"].count_documents({}) == 1


async def test_a_kill_before_it_was_found_is_made_up_for_by_the_next_visit(
    store: ArticleStore, database: Documents
) -> None:
    """Also of another crawl, and although nothing has changed since."""
    await store.save([near("a"), near("b", 3, hours=0.5)])
    wrong = {"near_duplicate_of": None, "internal.repeats": None}
    database.articles.update_one({"_id": "en/b"}, {"$set": wrong})
    [saved] = await store.save([near("b", 3, hours=5, crawl_id="c2")])
    assert saved.article.near_duplicate_of == "en/a"
    assert links(database) == {"a": None, "b": "en/a"}
