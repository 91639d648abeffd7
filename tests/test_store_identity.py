"""One story, one record: which stored record an article belongs to, and what is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.fates import Fates
from caliber_crawler.identity import Fate
from caliber_crawler.items import Article
from caliber_crawler.outcomes import Outcomes
from caliber_crawler.pipelines import MongoPipeline, _Arrival
from caliber_crawler.store.articles import ArticleStore, Saved
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.plans import (
    CANONICAL_IGNORED,
    MENDED,
    MOVED,
    MOVED_BACK,
    OLD_ADDRESS,
    OVERTAKEN,
    REDIRECT_IGNORED,
    RETURNED,
    SAME_TEXT,
    UNDECIDED,
)
from caliber_crawler.store.spans import kept
from tests.stories import DAY, HOUR, START, prose, story, url, words

Documents = Database[dict[str, Any]]

OLD_TITLE = "Harbour of Lenkoran opens second pier"
NEW_TITLE = "Harbour of Lenkoran opens second pier after two years of work"


@pytest.fixture
async def store(async_database: AsyncDatabase[dict[str, Any]]) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database)


async def save(store: ArticleStore, article: Article, fate: Fate | None = None) -> Saved:
    """Save; where the store asks for the fate of an address, it is this one."""
    [saved] = await store.save([article])
    if saved.asks is not None and fate is not None:
        [saved] = await store.save([article], {saved.asks: fate})
    return saved


def ids(database: Documents) -> set[str]:
    return {document["_id"] for document in database.articles.find()}


class TestEditedHeadline:
    """An edited headline changed the address; what is stored under the old one decides nothing."""

    async def test_it_asks_before_it_stores(self, store: ArticleStore, database: Documents) -> None:
        await save(store, story("pier", title=OLD_TITLE))
        new = story("pier-2", title=NEW_TITLE, body=prose(100, "pier"), crawl_id="c2", hours=1)
        [saved] = await store.save([new])
        assert saved.asks == url("pier")
        assert saved.article is new
        assert ids(database) == {"en/pier"}

    @pytest.mark.parametrize("fate", ["gone", "moved"])
    async def test_same_record_when_the_old_address_is_gone(
        self, store: ArticleStore, database: Documents, fate: Fate
    ) -> None:
        await save(store, story("pier", title=OLD_TITLE))
        new = story("pier-2", title=NEW_TITLE, body=prose(100, "pier"), crawl_id="c2", hours=1)
        saved = await save(store, new, fate)
        assert saved.notes == (MOVED,)
        [record] = database.articles.find()
        assert record["_id"] == record["id"] == saved.article.id == "en/pier"
        assert (record["url"], record["slug"]) == (url("pier-2"), "pier-2")
        assert record["aliases"] == [url("pier")]
        assert record["revision"] == 2
        assert record["first_seen_at"] == START
        [move] = record["internal"]["moves"]
        assert (move["url"], move["from_url"]) == (url("pier-2"), url("pier"))
        assert (move["reason"], move["crawl_id"]) == (fate, "c2")
        assert 0.7 < move["score"] <= 1
        assert move["kept"] == 1
        [revision] = database.revisions.find()
        assert revision["title"] == OLD_TITLE
        assert revision["url"] == url("pier")
        assert revision["changes"] == (["title", "url"] if fate == "gone" else ["title"])
        again = await save(
            store, story("pier-2", title=NEW_TITLE, body=prose(100, "pier"), crawl_id="c3", hours=2)
        )
        assert again.article.id == "en/pier"
        assert again.article.revision == 2

    async def test_articles_of_many_years_in_one_batch(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """Each is looked for near its own date, and none is lost between them."""
        days = (0, 4, 300, 306, 900)
        told = [f"pier {day}" for day in days]
        for day, what in zip(days, told, strict=True):
            old = story(
                f"pier-{day}",
                title=OLD_TITLE,
                body=prose(100, what),
                published_at=START + day * DAY,
            )
            assert (await store.save([old]))[0].is_stored
        news = [
            story(
                f"pier-{day}-new", title=NEW_TITLE, body=prose(100, what), crawl_id="c2", hours=1,
                published_at=START + day * DAY + HOUR,
            )
            for day, what in zip(days, told, strict=True)
        ]  # fmt: skip
        saved = await store.save(news[::-1])
        assert [one.asks for one in saved] == [url(f"pier-{day}") for day in days[::-1]]

    async def test_a_renamed_address_with_the_same_words(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("pier", title=OLD_TITLE))
        new = story("pier-2", title=OLD_TITLE, body=prose(100, "pier"), crawl_id="c2", hours=1)
        saved = await save(store, new, "gone")
        assert saved.article.id == "en/pier"
        assert saved.article.revision == 2
        [revision] = database.revisions.find()
        assert revision["changes"] == ["url"]

    async def test_an_old_address_that_leads_to_the_new_one_is_no_change(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("pier", title=OLD_TITLE))
        new = story("pier-2", title=OLD_TITLE, body=prose(100, "pier"), crawl_id="c2", hours=1)
        saved = await save(store, new, "moved")
        assert (saved.article.id, saved.article.revision) == ("en/pier", 1)
        assert saved.article.aliases == [url("pier")]

    @pytest.mark.parametrize("times", [3, 10, 25])
    @pytest.mark.parametrize("above", [False, True])
    async def test_a_note_that_grew(
        self, store: ArticleStore, database: Documents, times: int, above: bool
    ) -> None:
        """With a moved date; new paragraphs below the old text or above it."""
        note = prose(25, "note")
        more = prose(25 * times, "more")
        await save(store, story("pier", title=OLD_TITLE, body=note))
        new = story(
            "pier-2",
            title=NEW_TITLE,
            body=f"{more}\n\n{note}" if above else f"{note}\n\n{more}",
            published_at=START + 5 * HOUR,
            crawl_id="c2",
            hours=6,
        )
        saved = await save(store, new, "gone")
        assert saved.article.id == "en/pier"
        [record] = database.articles.find()
        assert record["published_at"] == START - HOUR
        [revision] = database.revisions.find()
        assert revision["published_at"] == START - HOUR
        assert revision["moved_to"] == START + 5 * HOUR
        assert revision["body"] == note
        assert set(revision["changes"]) == {"title", "body", "published_at", "url"}

    async def test_near_in_time_on_either_side_of_a_border(self, store: ArticleStore) -> None:
        """Traces are kept by spans of time (`spans`); one of them begins between the two dates."""
        border = START + 64 * HOUR
        old = story("pier", title=OLD_TITLE, published_at=border - HOUR)
        assert kept([1], border) != kept([1], border - timedelta.resolution)
        await save(store, old)
        new = story(
            "pier-2", title=NEW_TITLE, body=prose(100, "pier"), published_at=border + HOUR,
            crawl_id="c2", hours=70,
        )  # fmt: skip
        assert (await save(store, new)).asks == url("pier")

    @pytest.mark.parametrize("ahead", [False, True])
    async def test_a_record_whose_date_was_told_later(
        self, store: ArticleStore, database: Documents, ahead: bool
    ) -> None:
        """It had no date, or that of a clock that was ahead, and is looked for near its own one."""
        await save(store, story("pier", title=OLD_TITLE, published_at=None, hours=40 * 24))
        now = START + (1 if ahead else 41 * 24) * HOUR
        dated = story(
            "pier", title=OLD_TITLE, published_at=None if ahead else START, crawl_id="c2",
            hours=(now - START) / HOUR,
        )  # fmt: skip
        [saved] = await store.save([dated], at=now)
        assert saved.is_stored
        [record] = database.articles.find()
        assert record["internal"]["dated_at"] == (now if ahead else START)
        new = story(
            "pier-2", title=NEW_TITLE, body=prose(100, "pier"), published_at=START + HOUR,
            crawl_id="c3", hours=(now - START) / HOUR + 1,
        )  # fmt: skip
        assert (await save(store, new)).asks == url("pier")

    async def test_a_text_that_was_cut_down(self, store: ArticleStore) -> None:
        await save(store, story("pier", title=OLD_TITLE, body=prose(200, "pier")))
        new = story("p", title=NEW_TITLE, body=prose(80, "pier"), crawl_id="c2", hours=1)
        assert (await save(store, new, "gone")).article.id == "en/pier"

    async def test_a_caption_with_its_video(self, store: ArticleStore) -> None:
        video: list[Any] = [{"type": "youtube", "url": "https://www.youtube.com/embed/a1"}]
        await save(store, story("pier", title=OLD_TITLE, body="Watch the video.", embeds=video))
        new = story(
            "p", title=f"{OLD_TITLE} VIDEO", body="Watch the video.", embeds=video,
            crawl_id="c2", hours=1,
        )  # fmt: skip
        assert (await save(store, new, "gone")).article.id == "en/pier"
        other = story("q", title="Another matter", body="Watch the video.", crawl_id="c2", hours=1)
        assert (await save(store, other, "gone")).article.id == "en/q"

    async def test_nothing_is_asked_of_an_article_that_is_gone_already(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("pier", title=OLD_TITLE))
        database.articles.update_one({}, {"$set": {"status": "gone"}})
        new = story("pier-2", title=NEW_TITLE, body=prose(100, "pier"), crawl_id="c2", hours=1)
        [saved] = await store.save([new])
        assert saved.notes == (MOVED, RETURNED)
        assert saved.article.status == "live"

    async def test_a_move_of_a_move(self, store: ArticleStore, database: Documents) -> None:
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        await save(store, story("b", title=NEW_TITLE, body=body, crawl_id="c2", hours=1), "gone")
        last = story("c", title=f"{NEW_TITLE}: photo", body=body, crawl_id="c3", hours=2)
        saved = await save(store, last, "gone")
        assert saved.article.id == "en/a"
        [record] = database.articles.find()
        assert set(record["aliases"]) == {url("a"), url("b")}
        assert [move["url"] for move in record["internal"]["moves"]] == [url("b"), url("c")]


class TestStaysApart:
    async def test_posted_again_while_the_first_is_alive(
        self, store: ArticleStore, database: Documents
    ) -> None:
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        same = await save(
            store, story("b", title=OLD_TITLE, body=body, crawl_id="c2", hours=1), "alive"
        )
        assert same.article.id == "en/b"
        assert same.article.duplicate_of == "en/a"
        near = await save(
            store, story("c", title=NEW_TITLE, body=body, crawl_id="c2", hours=1), "alive"
        )
        assert near.article.near_duplicate_of == "en/a"
        record = database.articles.find_one({"_id": "en/b"})
        assert record is not None
        assert record["internal"]["repeats"] == {"reason": "same words", "score": 1.0}
        record = database.articles.find_one({"_id": "en/c"})
        assert record is not None
        assert record["internal"]["repeats"]["reason"] == "nearly the same words"

    async def test_three_at_once_are_one_and_two_duplicates(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """All in one crawl: each is seen to be there, so nobody need be asked."""
        body = prose(100, "pier")
        batch = [story(slug, title=OLD_TITLE, body=body) for slug in "abc"]
        saved = [await save(store, article) for article in batch]
        assert all(one.asks is None for one in saved)
        assert [one.article.duplicate_of for one in saved] == [None, "en/a", "en/a"]

    async def test_grown_while_the_first_is_alive_is_the_same_story(
        self, store: ArticleStore
    ) -> None:
        """The old page goes on answering, as pages do that nothing links to."""
        note = prose(30, "note")
        await save(store, story("a", title=OLD_TITLE, body=note))
        new = story(
            "b", title=NEW_TITLE, body=f"{note}\n\n{prose(90, 'more')}", crawl_id="c2", hours=1
        )
        assert (await save(store, new, "alive")).article.id == "en/a"

    async def test_a_follow_up_that_quotes_the_first(self, store: ArticleStore) -> None:
        first = prose(80, "first")
        await save(store, story("a", title=OLD_TITLE, body=first))
        body = f"{prose(90, 'second')}\n\n{first}"
        new = story(
            "b", title="Second pier of Lenkoran harbour takes its first ship", body=body,
            crawl_id="c2", hours=20, published_at=START + 19 * HOUR,
        )  # fmt: skip
        saved = await save(store, new, "alive")
        assert saved.article.id == "en/b"
        assert saved.article.near_duplicate_of is None

    async def test_another_video_above_the_same_line(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """The first was removed, so that all but its video speaks for another headline of it."""
        line = prose(26, "the line that stands below every video")
        for number, title in enumerate(("Convoy crosses the delta VIDEO", "Storm at night VIDEO")):
            video: list[Any] = [{"type": "youtube", "url": f"https://youtu.be/{number:011}"}]
            post = story(
                f"v{number}", title=title, body=line, embeds=video, crawl_id=f"c{number}",
                hours=number,
            )  # fmt: skip
            saved = await save(store, post, "gone")
            assert saved.article.near_duplicate_of is None
        assert ids(database) == {"en/v0", "en/v1"}

    async def test_unknown_fate_keeps_apart_and_says_so(self, store: ArticleStore) -> None:
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        new = story("b", title=NEW_TITLE, body=body, crawl_id="c2", hours=1)
        saved = await save(store, new, "unknown")
        assert saved.article.id == "en/b"
        assert UNDECIDED in saved.notes

    @pytest.mark.parametrize(
        "changes",
        [
            {"body": prose(100, "quite another text")},  # a headline that recurs
            {"published_at": START + 10 * DAY},
            {"language": "ru"},
        ],
    )
    async def test_nothing_is_even_asked(
        self, store: ArticleStore, changes: dict[str, Any]
    ) -> None:
        await save(store, story("a", title=OLD_TITLE))
        values = {"title": OLD_TITLE, "body": prose(100, "a"), **changes}
        [saved] = await store.save([story("b", crawl_id="c2", hours=1, **values)])
        assert saved.asks is None
        assert saved.article.id.endswith("/b")  # type: ignore[union-attr]
        assert saved.article.near_duplicate_of is None

    async def test_texts_that_recur_with_other_figures(self, store: ArticleStore) -> None:
        def rates(day: int, slug: str) -> Article:
            figures = [f"{1 + (day * k % 97) / 100:.4f}" for k in (3, 5, 7, 11)]
            names = words(4, "currencies")
            text = " ".join(
                f"The rate of the {n} is {f} to the manat today."
                for n, f in zip(names, figures, strict=True)
            )
            return story(
                slug, title="Exchange rates of the day", body=f"{text} {prose(30, 'ending')}",
                published_at=START + day * DAY, crawl_id=f"c{day}", hours=24 * day,
            )  # fmt: skip

        for day in range(1, 6):
            [saved] = await store.save([rates(day, f"rates-{day}")])
            assert saved.asks is None
            assert saved.article.id == f"en/rates-{day}"
            assert saved.article.near_duplicate_of is None


class TestAddresses:
    async def test_the_old_address_goes_on_saying_what_it_said(
        self, store: ArticleStore, database: Documents
    ) -> None:
        note = prose(30, "note")
        await save(store, story("a", title=OLD_TITLE, body=note))
        new = story(
            "b", title=NEW_TITLE, body=f"{note}\n\n{prose(90, 'x')}", crawl_id="c2", hours=1
        )
        await save(store, new, "alive")
        again = story("a", title=OLD_TITLE, body=note, crawl_id="c3", hours=2)
        old = await save(store, again, "alive")
        assert old.notes == (OLD_ADDRESS,)
        [record] = database.articles.find()
        assert (record["title"], record["url"], record["revision"]) == (NEW_TITLE, url("b"), 2)
        assert database.revisions.count_documents({}) == 1

    @pytest.mark.parametrize("fate", ["gone", "moved"])
    @pytest.mark.parametrize("title", [OLD_TITLE, NEW_TITLE])
    async def test_the_old_address_says_what_it_said_and_the_new_one_nothing(
        self, store: ArticleStore, database: Documents, title: str, fate: Fate
    ) -> None:
        """An editor took a headline back, or the address alone."""
        body = prose(100, "pier")
        await save(store, story("a", title=title, body=body))
        await save(store, story("b", title=NEW_TITLE, body=body, crawl_id="c2", hours=1), "gone")
        again = story("a", title=title, body=body, crawl_id="c3", hours=3)
        [asking] = await store.save([again])
        assert asking.asks == url("b")
        assert (await save(store, again, fate)).notes == (MOVED_BACK,)
        [record] = database.articles.find()
        assert (record["url"], record["title"]) == (url("a"), title)
        assert record["aliases"] == [url("b")]
        assert [m["reason"] for m in record["internal"]["moves"]] == ["gone", "known"]

    @pytest.mark.parametrize("fate", ["alive", "unknown"])
    async def test_two_addresses_of_an_article_that_moved_do_not_alternate(
        self, store: ArticleStore, database: Documents, fate: Fate
    ) -> None:
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        await save(store, story("b", title=OLD_TITLE, body=body, crawl_id="c2", hours=1), "gone")
        again = story("a", title=OLD_TITLE, body=body, crawl_id="c3", hours=3)
        assert (await save(store, again, fate)).notes == ()
        [record] = database.articles.find()
        assert (record["url"], record["revision"]) == (url("b"), 2)
        assert record["internal"]["looked"] == [{"url": url("a"), "at": START + 3 * HOUR}]

    async def test_an_article_that_moves_back(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """Its present address was not found any more, so the old one is where it is."""
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        await save(store, story("b", title=NEW_TITLE, body=body, crawl_id="c2", hours=1), "gone")
        missing = {"crawl_id": "c3", "at": START, "reason": "http_404", "gone_in": None}
        database.articles.update_one({}, {"$set": {"internal.missing": missing}})
        await save(store, story("a", title=OLD_TITLE, body=body, crawl_id="c3", hours=2))
        [record] = database.articles.find()
        assert (record["title"], record["url"], record["revision"]) == (OLD_TITLE, url("a"), 3)
        assert record["aliases"] == [url("b")]
        assert [m["reason"] for m in record["internal"]["moves"]] == ["gone", "known"]

    @pytest.mark.parametrize("reason", ["redirect", "canonical"])
    async def test_addresses_alone_tell(
        self, store: ArticleStore, database: Documents, reason: str
    ) -> None:
        await save(store, story("a"))
        by_link = "a" if reason == "canonical" else None
        values = {"title": story("a").title, "body": prose(100, "a"), "aliases": [url("a")]}
        await save(store, story("b", fetched_at=by_link, crawl_id="c2", hours=1, **values))
        [record] = database.articles.find()
        assert (record["_id"], record["url"], record["revision"]) == ("en/a", url("b"), 1)
        [move] = record["internal"]["moves"]
        assert (move["reason"], move["score"], move["kept"]) == (reason, 1.0, None)

    async def test_a_redirect_to_another_story_is_ignored(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """A removed article leads to the latest one, which nobody has stored yet."""
        await save(store, story("a"))
        later = {"title": "Ferry prices fall", "body": prose(100, "ferry"), "aliases": [url("a")]}
        saved = await save(store, story("x", crawl_id="c2", hours=1, **later))
        assert saved.notes == (REDIRECT_IGNORED,)
        records = {d["_id"]: d for d in database.articles.find()}
        assert records.keys() == {"en/a", "en/x"}
        assert (records["en/a"]["url"], records["en/x"]["aliases"]) == (url("a"), [])

    async def test_two_addresses_with_one_text_do_not_alternate(
        self, store: ArticleStore, database: Documents
    ) -> None:
        body = prose(100, "pier")
        await save(store, story("a", body=body, title=OLD_TITLE, aliases=[url("b")]))
        for n, slug in enumerate("bab", 2):
            await save(store, story(slug, body=body, title=OLD_TITLE, crawl_id=f"c{n}", hours=n))
        [record] = database.articles.find()
        assert (record["url"], record["aliases"], record["revision"]) == (url("a"), [url("b")], 1)

    async def test_canonical_link_to_another_story_is_ignored(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """A template's fault: every page names the same article as canonical."""

        def page(slug: str, crawl_id: str, hours: float) -> Article:
            return story(
                "first", fetched_at=slug, title=" ".join(words(7, f"title of {slug}")),
                body=prose(100, slug), aliases=[url(slug)] if slug != "first" else [],
                crawl_id=crawl_id, hours=hours,
            )  # fmt: skip

        for crawl_number in (1, 2, 3):
            for slug in ("first", "second", "third"):
                saved = await save(store, page(slug, f"c{crawl_number}", crawl_number))
                assert saved.article.id == f"en/{slug}"
                assert saved.article.url == url(slug)
                assert (CANONICAL_IGNORED in saved.notes) == (slug != "first")
        assert ids(database) == {"en/first", "en/second", "en/third"}
        assert {d["revision"] for d in database.articles.find()} == {1}

    async def test_copy_for_phones_names_its_article(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("first"))
        copy = story(
            "first",
            fetched_at="first?print=1",
            aliases=[url("first?print=1")],
            crawl_id="c2",
            hours=1,
        )
        await save(store, copy)
        [record] = database.articles.find()
        assert record["aliases"] == [url("first?print=1")]


class TestWritten:
    async def test_articles_are_durable_before_what_follows_from_them(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """A worker that is killed then need not ask for them again."""
        told: list[tuple[int, int, int]] = []

        def written(number: int) -> None:
            there = database.articles.count_documents({})
            told.append((number, there, database["views"].count_documents({})))

        stories = [story("a", views=1), story("b", body=prose(50, "b")), story("b", title=None)]
        await store.save([*stories, replace(story("c"), url=None)], written=written)
        assert told == [(3, 2, 0)]
        assert await store.stored_in("c1", [url("a"), url("b"), url("c")]) == {url("a"), url("b")}

    async def test_a_reading_that_is_set_aside_is_not_among_them(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """The record stays as a later crawl saw it, so the store cannot tell of the earlier one."""
        await save(store, story("a", crawl_id="c3", hours=3))
        told: list[int] = []
        late = story("a", body=prose(50, "old"), crawl_id="c2", hours=2)
        [saved] = await store.save([late], written=told.append)
        assert saved.notes == (OVERTAKEN,)
        assert told == [0]
        assert await store.stored_in("c2", [url("a")]) == set()


class TestOnePageForAll:
    """A site that shows a notice of works, or one article, for every address."""

    async def test_it_replaces_no_text(self, store: ArticleStore, database: Documents) -> None:
        slugs = ("a", "b", "c")
        for slug in slugs:
            await save(store, story(slug, title=f"{slug} {slug}1 {slug}2", body=prose(50, slug)))

        def works(slug: str, hours: float) -> Article:
            body = prose(30, "works")
            return story(slug, title="Works at the site", body=body, crawl_id="c2", hours=hours)

        together = await store.save([works(slug, 1) for slug in slugs])
        assert [saved.notes for saved in together] == [(SAME_TEXT,)] * 3
        alone = [await save(store, works(slug, 2)) for slug in slugs]
        assert [saved.notes for saved in alone] == [(), (SAME_TEXT,), (SAME_TEXT,)]
        assert [saved.article.body for saved in alone[1:]] == [prose(50, "b"), prose(50, "c")]
        assert database.articles.count_documents({"revision": 1}) == 2, "the first was an edit"

    async def test_once_it_is_over_a_repost_says_again_what_it_said(
        self, store: ArticleStore, database: Documents
    ) -> None:
        for slug in ("a", "b"):
            await save(store, story(slug, title="One story", body=prose(50, "x")))
        works = story(
            "a", title="Works at the site", body=prose(30, "works"), crawl_id="c2", hours=1
        )
        assert (await save(store, works)).notes == ()
        again = story("a", title="One story", body=prose(50, "x"), crawl_id="c3", hours=2)
        assert (await save(store, again)).notes == ()
        assert {d["body"] for d in database.articles.find()} == {prose(50, "x")}

    async def test_an_editor_may_replace_a_story_by_another_one(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("a", title="a a1 a2", body=prose(50, "a")))
        await save(store, story("b", title="b b1 b2", body=prose(50, "b")))
        other = story("a", title="n n1 n2", body=prose(50, "n"), crawl_id="c2", hours=1)
        assert (await save(store, other)).notes == ()
        assert database.articles.count_documents({"body": prose(50, "n")}) == 1


class TestOrder:
    async def test_a_record_told_by_a_clock_that_was_ahead_is_met_and_put_right(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """The server's clock was two days ahead once: an edit that is seen today is one."""
        await save(store, story("a", body=prose(50, "old"), hours=48, views=3))
        now = START + 2 * HOUR
        edited = story("a", body=prose(50, "new"), crawl_id="c2", hours=2, views=7)
        [saved] = await store.save([edited], at=now)
        assert saved.notes == (MENDED,)
        assert saved.article.crawl is not None
        assert saved.article.crawl["outcome"] == "changed"
        [record] = database.articles.find()
        assert record["body"] == prose(50, "new")
        assert record["revision"] == 2
        times = ("first_seen_at", "last_seen_at", "changed_at", "views_at")
        assert {record[name] for name in times} == {now}
        [saved] = await store.save([replace(edited, crawl=saved.article.crawl)], at=now)
        assert saved.notes == (), "for once"

    async def test_an_older_fetch_that_is_saved_later_reverts_nothing(
        self, store: ArticleStore, database: Documents
    ) -> None:
        await save(store, story("a", body=prose(50, "old")))
        await save(store, story("a", body=prose(50, "new"), crawl_id="c3", hours=3))
        late = story(
            "a", body=prose(50, "old"), crawl_id="c2", hours=2, aliases=[url("a-1")], views=7
        )
        saved = await save(store, late)
        assert saved.notes == (OVERTAKEN,)
        assert saved.article.crawl is not None
        assert saved.article.crawl["outcome"] == "unchanged"
        [record] = database.articles.find()
        assert record["body"] == prose(50, "new")
        assert record["revision"] == 2
        assert record["crawl"]["id"] == "c3"
        assert record["aliases"] == [url("a-1")]
        assert [p["views"] for p in database["views"].find()] == [7]

    async def test_two_workers_find_one_move_at_once(
        self,
        store: ArticleStore,
        async_database: AsyncDatabase[dict[str, Any]],
        database: Documents,
    ) -> None:
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        stores = [ArticleStore(async_database) for _ in range(8)]
        new = story("b", title=NEW_TITLE, body=body, crawl_id="c2", hours=1)
        fates: dict[str, Fate] = {url("a"): "gone"}
        saved = await asyncio.gather(*(one.save([new], fates) for one in stores))
        assert {one.article.id for [one] in saved} == {"en/a"}
        [record] = database.articles.find()
        assert record["revision"] == 2
        assert len(record["internal"]["moves"]) == 1
        assert database.revisions.count_documents({}) == 1


class TestBatches:
    """Articles of one batch that were told different things of one address."""

    @pytest.mark.parametrize("known", ["gone", "moved"])
    @pytest.mark.parametrize("first", [True, False])
    async def test_what_one_does_not_know_is_known_to_the_other(
        self, store: ArticleStore, known: Fate, first: bool
    ) -> None:
        body = prose(100, "pier")
        await save(store, story("a", title=OLD_TITLE, body=body))
        new = story("b", title=NEW_TITLE, body=body, crawl_id="c2", hours=1)
        other = story("c", title=NEW_TITLE, body=f"{body} And so.", crawl_id="c2", hours=1)
        arrivals = [_Arrival(new, {url("a"): known}), _Arrival(other, {url("a"): "unknown"})]
        if not first:
            arrivals.reverse()
        addon: Any = SimpleNamespace(
            outcomes=Outcomes(), nudge=lambda: None, server_now=lambda: START + DAY
        )
        pipeline = MongoPipeline(addon, Fates(None, addon), 8)  # type: ignore[arg-type]
        saved = await pipeline._save_all(SimpleNamespace(articles=store), arrivals)  # type: ignore[arg-type]
        told = {one.article.slug: one.notes for one in saved}
        assert [one.article.slug for one in saved] == [a.article.slug for a in arrivals]
        assert told["b"] == (MOVED,)


class TestChanges:
    """What is a change to a reader, and what is none."""

    async def test_another_story_at_the_same_address(
        self, store: ArticleStore, database: Documents
    ) -> None:
        """It is found near its own date, and so is what follows from it."""
        await save(store, story("oil", title="Oil price falls", body=prose(60, "monday")))
        later = START + 6 * DAY
        said: dict[str, Any] = {"title": "Oil price falls", "body": prose(60, "sunday")}
        await save(store, story("oil", published_at=later, crawl_id="c2", hours=145, **said))
        [record] = database.articles.find()
        assert (record["published_at"], record["internal"]["dated_at"]) == (later, later)
        [revision] = database.revisions.find()
        assert (revision["published_at"], revision["moved_to"]) == (START - HOUR, later)
        renamed = story("oil-2", published_at=later, crawl_id="c3", hours=146, **said)
        assert (await save(store, renamed)).asks == url("oil")

    @pytest.mark.parametrize(
        ("changes", "names"),
        [
            ({"title": "Another headline altogether"}, ["title"]),
            ({"body": prose(99, "a")}, ["body"]),
            ({"authors": ["Aygun Mammadova"]}, ["authors"]),
            ({"published_at": START + 2 * HOUR}, ["published_at"]),
        ],
    )
    async def test_a_revision(
        self, store: ArticleStore, database: Documents, changes: dict[str, Any], names: list[str]
    ) -> None:
        base: dict[str, Any] = {
            "title": OLD_TITLE,
            "body": prose(100, "a"),
            "authors": ["Ilkin Aliyev"],
        }
        await save(store, story("a", **base))
        saved = await save(store, story("a", **{**base, **changes}, crawl_id="c2", hours=1))
        assert saved.article.revision == 2
        assert saved.article.published_at == START - HOUR
        [revision] = database.revisions.find()
        assert revision["changes"] == names
        again = await save(store, story("a", **{**base, **changes}, crawl_id="c3", hours=2))
        assert again.article.revision == 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"views": 9},
            {"body": prose(100, "a").replace(" ", "  \n")},
            {
                "images": [
                    {"url": "https://caliber.az/media/1.webp", "role": "cover", "caption": None}
                ]
            },
            {"description": "Another one"},
            {"authors": []},
            {"published_at": None},
            {"sections": [{"slug": "sport", "name": "Sport"}]},
        ],
    )
    async def test_none(
        self, store: ArticleStore, database: Documents, changes: dict[str, Any]
    ) -> None:
        base: dict[str, Any] = {
            "title": OLD_TITLE,
            "body": prose(100, "a"),
            "authors": ["Ilkin Aliyev"],
        }
        await save(store, story("a", **base))
        saved = await save(store, story("a", **{**base, **changes}, crawl_id="c2", hours=1))
        assert saved.article.revision == 1
        assert database.revisions.count_documents({}) == 0
