"""Articles that repeat each other: one original, no chains, whatever the order and the races."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.dedupe import Story, repeats
from caliber_crawler.identity import Fate
from caliber_crawler.items import Article
from caliber_crawler.records import clean
from caliber_crawler.store import ArticleStore, duplicates
from caliber_crawler.store.duplicates import originals
from caliber_crawler.store.migrations import prepare

Documents = Database[dict[str, Any]]

SITE = "https://caliber.az"
START = datetime(2024, 5, 3, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG = " ".join(f"word{n}" for n in range(30))
CAPTION = "Watch the video"


class _AllAlive(dict[str, Fate]):
    """Whatever is stored stands under its address still, so what repeats it was posted again."""

    def get(self, key: str, default: Any = None) -> Fate:
        return "alive"


def story(
    slug: str,
    *,
    body: str = LONG,
    published: float | None = 0,
    fetched: float = 100,
    language: str = "en",
    video: str | None = None,
) -> Article:
    """An article with the headline of all others; times in hours after `START`."""
    address = f"{SITE}/{language}/post/{slug}"
    return clean(
        Article(
            id=f"{language}/{slug}",
            url=address,
            language=language,
            slug=slug,
            title="Headline",
            body=body,
            published_at=None if published is None else START + published * HOUR,
            embeds=[{"type": "video", "url": video}] if video else [],
            crawl={
                "id": "crawl",
                "spider": "sections",
                "worker": "w",
                "section": None,
                "requested_url": address,
                "http_status": 200,
                "fetched_at": START + fetched * HOUR,
                "rendered": False,
                "outcome": "new",
            },
        )
    )


def marks(database: Documents) -> dict[str, str | None]:
    """`duplicate_of` of each article, both without their language."""
    return {
        d["_id"].partition("/")[2]: d["duplicate_of"] and d["duplicate_of"].partition("/")[2]
        for d in database.articles.find()
    }


async def save(store: ArticleStore, *stories: Article) -> list[str | None]:
    """Save; returns `duplicate_of` of each as it is told to the caller."""
    saved = await store.save(stories, _AllAlive())
    assert all(one.is_stored for one in saved)
    return [one.article.duplicate_of for one in saved]


@pytest.fixture
async def store(async_database: AsyncDatabase[dict[str, Any]]) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database)


class TestWhoIsTheOriginal:
    async def test_earliest_published_of_a_batch(
        self, store: ArticleStore, database: Documents
    ) -> None:
        batch = [story("late", published=2), story("undated", published=None), story("early")]
        assert await save(store, *batch) == ["en/early", "en/early", None]
        assert marks(database) == {"late": "early", "undated": "early", "early": None}

    async def test_the_one_stored_first_across_batches(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """Whatever its times say: it may have been exported already."""
        assert await save(store, story("first", published=5, fetched=101)) == [None]
        assert await save(store, story("second", published=1)) == ["en/first"]
        assert await save(store, story("third", published=0, fetched=50)) == ["en/first"]
        assert marks(database) == {"first": None, "second": "first", "third": "first"}

    async def test_seeing_them_again_changes_nothing(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("first", published=5))
        await save(store, story("second", published=1))
        again = [story("second", published=1, fetched=101), story("first", fetched=101)]
        assert await save(store, *again) == ["en/first", None]
        assert marks(database) == {"first": None, "second": "first"}

    async def test_another_edition_repeats_nothing(
        self, store: ArticleStore, database: Documents
    ) -> None:
        batch = [story("a"), story("a", language="ru"), story("b", language="ru", published=1)]
        assert await save(store, *batch) == [None, None, "ru/a"]

    async def test_captions_recur_without_being_repetitions(self, store: ArticleStore) -> None:
        assert await save(
            store,
            story("a", body=CAPTION, video="https://y/1"),
            story("other-video", body=CAPTION, published=1, video="https://y/2"),
            story("same-video", body=CAPTION, published=2, video="https://y/1"),
            story("next-week", body=CAPTION, published=168, video="https://y/1"),
            story("undated", body=CAPTION, published=None, video="https://y/1"),
        ) == [None, None, "en/a", None, None]

    async def test_caption_between_two_originals_names_one_of_them(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """For captions repetition is not transitive: each is within a day of the middle one."""
        day = [
            story(slug, body=CAPTION, published=hours, video="https://y/1")
            for slug, hours in (("morning", 0), ("noon", 20), ("night", 40))
        ]
        assert await save(store, *day) == [None, "en/morning", None]

    async def test_copy_under_another_address_is_no_duplicate(
        self, store: ArticleStore, database: Documents
    ) -> None:
        moved = story("b")
        moved.aliases = [f"{SITE}/en/post/a"]
        assert await save(store, story("a"), moved) == [None, None]
        assert database.articles.count_documents({}) == 1


class TestChanges:
    async def test_duplicate_that_changes_is_one_no_longer(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("a"), story("b", published=1))
        assert await save(store, story("b", body=LONG + " more", fetched=101)) == [None]
        assert marks(database) == {"a": None, "b": None}

    async def test_article_that_changes_into_a_repetition(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """The one that said it first stays the original, even if published later."""
        await save(store, story("a", published=1), story("b", body="Another text"))
        assert await save(store, story("b", fetched=101)) == ["en/a"]
        assert marks(database) == {"a": None, "b": "a"}

    async def test_original_that_changes_hands_over(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("a"), story("b", published=1), story("c", published=2))
        assert marks(database) == {"a": None, "b": "a", "c": "a"}
        assert await save(store, story("a", body="Another text", fetched=101)) == [None]
        assert marks(database) == {"a": None, "b": None, "c": "b"}

    async def test_original_that_becomes_a_duplicate_makes_no_chain(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("a"), story("b", published=1), story("c", published=2))
        await save(store, story("x", body=LONG + " more"), story("y", body=LONG + " more"))
        assert await save(store, story("a", body=LONG + " more", fetched=101)) == ["en/x"]
        assert marks(database) == {"a": "x", "b": None, "c": "b", "x": None, "y": "x"}

    async def test_all_change_together(self, store: ArticleStore, database: Documents) -> None:
        await save(store, story("a"), story("b", published=1), story("c", published=2))
        body = LONG + " more"
        await save(
            store,
            story("c", body=body, published=2, fetched=101),
            story("b", body=body, published=1, fetched=101),
            story("a", body=body, fetched=101),
        )
        assert marks(database) == {"a": None, "b": "a", "c": "a"}

    async def test_change_and_back(self, store: ArticleStore, database: Documents) -> None:
        await save(store, story("a"), story("b", published=1))
        await save(store, story("a", body="Another text", fetched=101))
        assert await save(store, story("a", fetched=102)) == ["en/b"]
        assert marks(database) == {"a": "b", "b": None}

    async def test_marks_left_wrong_by_a_kill_are_mended_by_the_next_save(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("a"), story("b", published=1), story("c", published=2))
        for wrong in (
            {"a": None, "b": None, "c": None},
            {"a": None, "b": "a", "c": "b"},
            {"a": "b", "b": "a", "c": "a"},
            {"a": None, "b": "gone", "c": "gone"},
        ):
            for slug, original in wrong.items():
                mark = original and f"en/{original}"
                database.articles.update_one(
                    {"_id": f"en/{slug}"}, {"$set": {"duplicate_of": mark}}
                )
            again = [story("a"), story("b", published=1), story("c", published=2)]
            assert await save(store, *again) == [None, "en/a", "en/a"]
            assert marks(database) == {"a": None, "b": "a", "c": "a"}


def test_captions_that_recur_for_years_are_not_compared_with_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []

    def counting(one: Story, other: Story) -> bool:
        compared.append(1)
        return repeats(one, other)

    monkeypatch.setattr(duplicates, "repeats", counting)
    days = [story(f"s{n}", body=CAPTION, published=24.5 * n) for n in range(1000)]
    twins = [story(f"t{n}", body=CAPTION, published=24.5 * n + 0.1) for n in range(0, 1000, 100)]
    right = originals([*days, *twins])
    assert {id_: o for id_, o in right.items() if o} == {
        f"en/t{n}": f"en/s{n}" for n in range(0, 1000, 100)
    }
    assert len(compared) < 5_000


def assert_settled(database: Documents) -> None:
    """One original for each text, and every duplicate names the original of its text."""
    found = {d["_id"]: d for d in database.articles.find()}
    by_text: dict[str, list[str]] = {}
    for id_, document in found.items():
        if document["duplicate_of"] is None:
            by_text.setdefault(document["content_hash"], []).append(id_)
    for document in found.values():
        assert len(by_text[document["content_hash"]]) == 1
        if document["duplicate_of"] is not None:
            assert by_text[document["content_hash"]] == [document["duplicate_of"]]


class TestRaces:
    async def test_eight_workers_store_one_story_under_eight_addresses(
        self,
        async_database: AsyncDatabase[dict[str, Any]],
        store: ArticleStore,
        database: Documents,
    ) -> None:
        for attempt in range(5):
            told = await asyncio.gather(
                *(
                    save(
                        ArticleStore(async_database),
                        story(f"{attempt}-{n}", body=f"{LONG} {attempt}", published=n),
                    )
                    for n in range(8)
                )
            )
            assert_settled(database)
            # As it was when each was told: two may name each other, which both then mend.
            ids = {f"en/{attempt}-{n}" for n in range(8)}
            assert all(one in ids or one is None for (one,) in told)

    async def test_workers_change_texts_to_and_fro(
        self,
        async_database: AsyncDatabase[dict[str, Any]],
        store: ArticleStore,
        database: Documents,
    ) -> None:
        """Twelve articles take any of three texts, again and again, from six workers at once."""
        rng = random.Random(5)
        slugs = [f"s{n}" for n in range(12)]
        await save(store, *(story(slug, published=n) for n, slug in enumerate(slugs)))

        async def work(plan: Sequence[Article]) -> None:
            mine = ArticleStore(async_database)
            for n in range(0, len(plan), 3):
                await save(mine, *plan[n : n + 3])

        for cycle in range(4):
            plans = [
                [
                    story(
                        rng.choice(slugs),
                        body=f"{LONG} {rng.randrange(3)}",
                        fetched=101 + cycle + rng.random(),
                    )
                    for _ in range(9)
                ]
                for _ in range(6)
            ]
            await asyncio.gather(*map(work, plans))
            assert_settled(database)


TEXTS = st.sampled_from(["one", "two"])
IDS = ["a", "b", "c", "d", "e"]


@st.composite
def groups(draw: st.DrawFn) -> list[Article]:
    """Stored articles in any state, right or wrong."""
    members = []
    for id_ in draw(st.lists(st.sampled_from(IDS), unique=True)):
        member = story(
            id_,
            body=draw(st.sampled_from([f"{LONG} one", f"{LONG} two", CAPTION])),
            published=draw(st.sampled_from([None, 0, 1, 20, 40])),
            language=draw(st.sampled_from(["en", "ru"])),
        )
        member.id = id_
        member.duplicate_of = draw(st.sampled_from([None, *IDS, "elsewhere"]))
        member.status = draw(st.sampled_from(["live", "live", "gone"]))
        members.append(member)
    return members


@given(groups(), st.sets(st.sampled_from(IDS)), st.randoms(use_true_random=False))
def test_right_marks(members: list[Article], new: set[str | None], rng: random.Random) -> None:
    """They form no chains, do not depend on the order of reading, and stay once they are right."""
    right = originals(members, new)
    by_id = {member.id: member for member in members}
    assert set(right) == set(by_id)
    for id_, original in right.items():
        if original is not None:
            assert right[original] is None
            assert by_id[original].content_hash == by_id[id_].content_hash
            assert by_id[original].language == by_id[id_].language
            assert by_id[original].status == "live" or by_id[id_].status == "gone"
    shuffled = rng.sample(members, len(members))
    assert originals(shuffled, new) == right
    for member in members:
        member.duplicate_of = right[member.id]
    assert originals(members) == originals(members, new) == right
