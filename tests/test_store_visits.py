"""Visits to stored articles: what is due, what was not modified, what is gone, what needs none."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.identity import Fate
from caliber_crawler.items import Card, PageInfo
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.cards import CardStore, Source
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.visits import VisitStore
from tests.stories import DAY, HOUR, START, prose, revisit, story, url

Documents = Database[dict[str, Any]]


@pytest.fixture
async def store(async_database: AsyncDatabase[dict[str, Any]]) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database)


@pytest.fixture
def visits(store: ArticleStore, async_database: AsyncDatabase[dict[str, Any]]) -> VisitStore:
    return VisitStore(async_database)


def only(database: Documents) -> dict[str, Any]:
    [record] = database.articles.find()
    return record


class TestDue:
    async def test_young_ones_are_due_at_once_and_then_less_and_less_often(
        self, store: ArticleStore, visits: VisitStore
    ) -> None:
        await store.save([story("a")])
        seen, waits = 0.0, []
        for number in range(2, 8):
            hours = seen
            while not await visits.due(START + hours * HOUR):
                hours += 0.5
            waits.append(hours - seen)
            seen = hours
            await store.save([story("a", crawl_id=f"c{number}", hours=hours)])
        assert waits == [0, 1, 2, 4, 8, 16]

    async def test_a_change_makes_visits_more_frequent(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a")])
        for number in range(2, 7):
            await store.save([story("a", crawl_id=f"c{number}", hours=number)])
        assert only(database)["internal"]["visit"]["seconds"] == 16 * 3600
        await store.save([story("a", crawl_id="c8", hours=8, title="Another")])
        assert only(database)["internal"]["visit"]["seconds"] == 4 * 3600

    async def test_old_ones_are_not_due_soon(self, store: ArticleStore, visits: VisitStore) -> None:
        await store.save([story("a", published_at=START - 360 * DAY)])
        assert await visits.due(START + 29 * DAY) == []
        assert len(await visits.due(START + 30 * DAY)) == 1

    async def test_longest_due_first_up_to_a_limit(
        self, store: ArticleStore, visits: VisitStore
    ) -> None:
        for hours, slug in enumerate("cab"):
            await store.save([story(slug, hours=hours)])
        due = await visits.due(START + DAY, limit=2)
        assert [one.url for one in due] == [url("c"), url("a")]

    async def test_newer_than_takes_all_that_were_published_since(
        self, store: ArticleStore, visits: VisitStore
    ) -> None:
        for days in (1, 40, 400):
            await store.save([story(f"s{days}", published_at=START - days * DAY)])
        for days, slugs in ((2, ["s1"]), (50, ["s1", "s40"]), (500, ["s1", "s40", "s400"])):
            due = await visits.due(START, newer_than=START - days * DAY)
            assert {one.url for one in due} == {url(slug) for slug in slugs}

    async def test_an_article_is_dated_as_it_was_read_in_the_end(
        self, store: ArticleStore, visits: VisitStore
    ) -> None:
        """A guess without a layout gives way to what a layout reads."""
        guess = {"method": "fallback", "layout": "unknown", "missing": []}
        wrong = START - 2_000 * DAY
        await store.save([story("a", extraction=guess, published_at=wrong)])
        assert await visits.due(START, newer_than=START - DAY) == []
        await store.save([story("a", crawl_id="c2", hours=1)])
        [due] = await visits.due(START, newer_than=START - DAY)
        assert due.published_at == START - HOUR

    @pytest.mark.parametrize(("limit", "read"), [(None, 20), (3, 3)])
    async def test_of_a_large_archive_only_what_is_asked_for_is_read(
        self,
        store: ArticleStore,
        visits: VisitStore,
        database: Documents,
        limit: int | None,
        read: int,
    ) -> None:
        dates = [START - days * DAY for days in range(1, 401)]
        await store.save([story(f"s{n}", published_at=at) for n, at in enumerate(dates)])
        database.command("profile", 2)
        due = await visits.due(START + DAY, newer_than=START - 20 * DAY, limit=limit)
        database.command("profile", 0)
        assert len(due) == read
        [seen] = database["system.profile"].find({"op": "query", "ns": database.articles.full_name})
        assert seen["planSummary"].startswith("IXSCAN { internal.dated_at")
        assert seen["docsExamined"] == read

    async def test_what_a_clock_that_was_ahead_planned_is_due(
        self, store: ArticleStore, visits: VisitStore
    ) -> None:
        await store.save([story("a", hours=24 * 400), story("b")])
        assert len(await visits.due(START + DAY)) == 2

    async def test_validators_are_told(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        page = PageInfo(url("a"), '"abc"', "Mon, 04 May 2026 08:00:00 GMT")
        await store.save([story("a", page=page), story("b", page=PageInfo(url("b"), "x" * 9_999))])
        due = {one.url: one for one in await visits.due(START)}
        assert (due[url("a")].etag, due[url("a")].last_modified) == (page.etag, page.last_modified)
        assert due[url("b")].etag is None

    async def test_a_pace_of_ones_own(
        self, async_database: AsyncDatabase[dict[str, Any]], database: Documents
    ) -> None:
        from caliber_crawler.revisit import Pace

        await prepare(async_database)
        slow = ArticleStore(async_database, Pace(timedelta(hours=5), timedelta(hours=6)))
        for number in range(4):
            await slow.save([story("a", crawl_id=f"c{number}", hours=number)])
        assert only(database)["internal"]["visit"]["seconds"] == 6 * 3600


class TestNotModified:
    async def test_the_article_is_as_it_was(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        page = PageInfo(url("a"), '"abc"')
        await store.save([story("a", views=12, page=page)])
        before = only(database)
        visit = revisit("a", "not_modified", "c2", 5, status=304)
        assert await visits.note([visit]) == ["unchanged"]
        assert await visits.note([visit]) == ["unchanged"]
        after = only(database)
        moved = {name for name in after if after[name] != before[name]}
        assert moved == {"last_seen_at", "crawl", "internal"}
        assert after["last_seen_at"] == START + 5 * HOUR
        assert after["crawl"]["http_status"] == 304
        assert after["crawl"]["outcome"] == "unchanged"
        assert after["internal"]["visit"]["etag"] == '"abc"'
        assert after["views_at"] == START
        assert database["views"].count_documents({}) == 1  # validators may leave the counter out


class TestRemoval:
    async def test_gone_after_two_crawls_did_not_find_it(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a")])
        text = only(database)["body"]
        assert await visits.note([revisit("a", "missing", "c2", 1)]) == ["missing"]
        assert await visits.note([revisit("a", "missing", "c2", 2)]) == ["missing"]
        assert only(database)["status"] == "live"
        assert await visits.note([revisit("a", "missing", "c3", 3)]) == ["gone"]
        assert await visits.note([revisit("a", "missing", "c3", 3)]) == ["gone"]
        record = only(database)
        assert (record["status"], record["body"], record["revision"]) == ("gone", text, 1)
        assert record["internal"]["missing"]["reason"] == "http_404"
        assert await visits.note([revisit("a", "missing", "c4", 30)]) == ["missing"]

    async def test_a_visit_in_between_that_finds_it(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a")])
        await visits.note([revisit("a", "missing", "c2", 1)])
        await store.save([story("a", crawl_id="c3", hours=2)])
        assert await visits.note([revisit("a", "missing", "c4", 3)]) == ["missing"]
        assert only(database)["status"] == "live"

    @pytest.mark.parametrize("how", ["page", "not_modified"])
    async def test_it_comes_back(
        self, store: ArticleStore, visits: VisitStore, database: Documents, how: str
    ) -> None:
        await store.save([story("a")])
        for number in (2, 3):
            await visits.note([revisit("a", "missing", f"c{number}", number)])
        assert only(database)["status"] == "gone"
        if how == "page":
            [saved] = await store.save([story("a", crawl_id="c4", hours=4)])
            assert saved.notes == ("returned",)
        else:
            assert await visits.note([revisit("a", "not_modified", "c4", 4)]) == ["returned"]
        record = only(database)
        assert (record["status"], record["revision"]) == ("live", 1)
        assert record["internal"]["missing"] is None

    async def test_unknown_addresses_and_old_ones_mean_nothing(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a", aliases=[url("old")])])
        noted = await visits.note(
            [revisit(slug, "missing", "c2", 1) for slug in ("old", "a", "never", "a")]
        )
        assert noted == ["unknown", "missing", "unknown", "missing"]

    async def test_addresses_that_an_article_left_are_told_the_last_one_first(
        self, store: ArticleStore, visits: VisitStore
    ) -> None:
        said: dict[str, Any] = {"title": "The harbour opens", "body": prose(60, "harbour")}
        await store.save([story("a", aliases=[url("a?print=1")], **said)])
        for number, (slug, old) in enumerate((("b", "a"), ("c", "b"), ("a", "c")), 2):
            moved = story(slug, crawl_id=f"c{number}", hours=number, aliases=[url(old)], **said)
            await store.save([moved], {url(old): "gone"})
        [due] = await visits.due(START + DAY)
        assert due.url == url("a")
        assert due.others == (url("c"), url("b"), url("a?print=1"))

    async def test_a_visit_from_before_the_last_fetch_means_nothing(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a", hours=5)])
        assert await visits.note([revisit("a", "missing", "c0", 1)]) == ["unchanged"]
        assert only(database)["internal"]["missing"] is None

    async def test_a_record_told_by_a_clock_that_was_ahead(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a", hours=48)])  # the server's clock was two days ahead
        for number, expected in ((2, "missing"), (3, "gone")):
            at = START + number * HOUR
            assert await visits.note([revisit("a", "missing", f"c{number}", number)], at=at) == [
                expected
            ]
        assert only(database)["status"] == "gone"

    async def test_one_that_told_nothing_is_put_off(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> None:
        await store.save([story("a"), story("b", hours=1)])
        assert [one.url for one in await visits.due(START + HOUR, limit=1)] == [url("a")]
        assert await visits.note([revisit("a", "nothing", "c2", 1)]) == ["nothing"]
        assert [one.url for one in await visits.due(START + HOUR, limit=1)] == [url("b")]
        record = database.articles.find_one({"_id": "en/a"})
        assert record is not None
        assert (record["status"], record["internal"]["missing"]) == ("live", None)

    async def test_nothing_to_note(self, visits: VisitStore) -> None:
        assert await visits.note([]) == []


class TestCopies:
    """A story that was posted several times, of which the site removes some."""

    @pytest.fixture(autouse=True)
    async def posted(
        self, store: ArticleStore, visits: VisitStore, database: Documents
    ) -> dict[str, Any]:
        """Three copies in one minute; the last one was stored first."""
        self.store, self.visits, self.database = store, visits, database
        said: dict[str, Any] = {"title": "Council votes on the tunnel", "body": prose(80, "vote")}
        self.said = said
        await store.save([story("c", published_at=START, **said)])
        await store.save([story(slug, hours=0.1, **said) for slug in "ab"])
        assert self.originals() == {"a": "en/c", "b": "en/c", "c": None}
        return said

    def originals(self) -> dict[str, str | None]:
        return {d["slug"]: d["duplicate_of"] for d in self.database.articles.find()}

    async def removed(self, *slugs: str, hours: float = 1) -> None:
        for number in (2, 3):
            at = hours + number
            noted = [revisit(slug, "missing", f"c{at}", at) for slug in slugs]
            await self.visits.note(noted)

    async def test_the_one_that_is_there_is_the_original(self) -> None:
        await self.removed("b", "c")
        assert self.originals() == {"a": None, "b": "en/a", "c": "en/a"}

    async def test_one_of_two_that_are_there(self) -> None:
        await self.removed("c")
        assert self.originals() == {"a": None, "b": "en/a", "c": "en/a"}

    @pytest.mark.parametrize("how", ["page", "not_modified"])
    async def test_an_original_that_comes_back_names_the_one_that_took_its_place(
        self, how: str
    ) -> None:
        await self.removed("b", "c")
        if how == "page":
            again = story("c", published_at=START, crawl_id="c9", hours=9, **self.said)
            [saved] = await self.store.save([again])
            assert saved.article.duplicate_of == "en/a"
        else:
            noted = await self.visits.note([revisit("c", "not_modified", "c9", 9, status=304)])
            assert noted == ["returned"]
        assert self.originals() == {"a": None, "b": "en/a", "c": "en/a"}

    @pytest.mark.parametrize("how", ["page", "not_modified"])
    async def test_of_copies_that_are_all_gone_the_one_that_comes_back(self, how: str) -> None:
        await self.removed("a", "b", "c")
        assert self.originals() == {"a": "en/c", "b": "en/c", "c": None}
        if how == "page":
            await self.store.save([story("b", crawl_id="c9", hours=9, **self.said)])
        else:
            await self.visits.note([revisit("b", "not_modified", "c9", 9, status=304)])
        assert self.originals() == {"a": "en/b", "b": None, "c": "en/b"}

    async def test_what_an_older_version_left_is_put_right_by_the_next_visit(self) -> None:
        await self.removed("c")
        for slug, original in {"a": "en/c", "b": "en/c", "c": None}.items():
            put = {"$set": {"duplicate_of": original}}
            self.database.articles.update_one({"_id": f"en/{slug}"}, put)
        assert await self.visits.note([revisit("c", "missing", "c9", 9)]) == ["missing"]
        assert self.originals() == {"a": None, "b": "en/a", "c": "en/a"}

    async def test_what_nearly_repeats_the_original_names_the_one_in_its_place(self) -> None:
        body = f"{self.said['body']} And so on."
        await self.store.save([story("n", title=self.said["title"], body=body, hours=0.3)])
        await self.removed("c")
        record = self.database.articles.find_one({"_id": "en/n"})
        assert record is not None
        assert record["near_duplicate_of"] == "en/a"


class TestCards:
    """Which cards say nothing new, when an article is fetched for each one that does."""

    LIST = Card(url("a"), url("a"), "A story", None, "01 April 2025 10:00", START)
    FEED = Card(
        url("a"), url("a"), "A story", None, "Tue, 01 Apr 2025 10:00:37 +0400",
        START + timedelta(seconds=37),
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def prepare(self, store: ArticleStore, async_database: AsyncDatabase[dict[str, Any]]) -> None:
        self.store, self.cards = store, CardStore(async_database)
        self.at = START

    async def known(self, card: Card, source: Source = "list") -> bool:
        """Whether the card says nothing new; it is noted."""
        compared = await self.cards.compare([card], self.at, source)
        await self.cards.note(compared)
        return bool(compared.known)

    async def fetched(self, card: Card, source: Source = "list") -> bool:
        """Whether a crawl one hour later that sees the card fetches its article."""
        self.at += HOUR
        if await self.known(card, source):
            return False
        await self.store.save([story("a", hours=(self.at - START) / HOUR + 0.1)])
        return True

    async def test_lists_and_the_feed_in_turn(self) -> None:
        assert await self.fetched(self.LIST)
        for _ in range(3):
            assert not await self.fetched(self.FEED, "feed")
            assert not await self.fetched(self.LIST)

    async def test_headlines_that_differ(self) -> None:
        longer = replace(self.FEED, title="A story with a longer headline", published_at=None)
        assert await self.fetched(self.LIST)
        assert await self.fetched(longer, "feed"), "for once"
        for _ in range(3):
            assert not await self.fetched(self.LIST)
            assert not await self.fetched(longer, "feed")

    async def test_an_edit_is_fetched_once_and_so_is_its_undoing(self) -> None:
        edited, later = replace(self.LIST, title="Edited"), replace(self.FEED, title="Edited")
        assert await self.fetched(self.LIST)
        assert not await self.fetched(self.FEED, "feed")
        assert await self.fetched(edited)
        assert not await self.fetched(self.FEED, "feed"), "a feed may lag behind"
        assert await self.fetched(self.LIST), "the feed showed this, but from before the edit"
        assert await self.fetched(later, "feed")
        assert not await self.fetched(edited)

    async def test_what_the_other_source_showed_must_have_been_fetched_since(self) -> None:
        assert await self.fetched(self.LIST)
        edited = replace(self.LIST, title="Edited")
        self.at += HOUR
        assert not await self.known(edited)
        assert await self.fetched(replace(self.FEED, title="Edited"), "feed")
        assert not await self.fetched(edited)

    async def test_a_time_that_is_not_understood_counts_for_nothing(self) -> None:
        card = replace(self.LIST, time_text="2 hours ago", published_at=None)
        assert await self.fetched(card)
        for hours in (3, 4):
            assert not await self.fetched(replace(card, time_text=f"{hours} hours ago"))
        assert await self.fetched(replace(card, title="Edited"))

    async def moved(self, slug: str, hours: float, fate: Fate = "gone", **said: Any) -> None:
        """The article is seen at an address, while the one before is not there."""
        article = story(
            slug, title="A story", body=prose(60, "a"), crawl_id=f"c{hours}", hours=hours, **said
        )
        [saved] = await self.store.save([article])
        if saved.asks:
            await self.store.save([article], {saved.asks: fate})

    async def test_an_old_address_is_asked_for_after_each_move(self, database: Documents) -> None:
        """Its card says what it said, and the article may be back."""
        await self.moved("a", 0.5)
        self.at = START + HOUR
        assert not await self.known(self.LIST), "it was not noted before"
        await self.moved("a", 1.5)
        self.at = START + 2 * HOUR
        assert await self.known(self.LIST)
        await self.moved("b", 2.5)
        self.at = START + 3 * HOUR
        assert not await self.known(self.LIST)
        await self.moved("a", 3.5, "alive")
        self.at = START + 4 * HOUR
        assert await self.known(self.LIST), "it was looked at"
        await self.moved("c", 4.5)
        self.at = START + 5 * HOUR
        assert not await self.known(self.LIST)
        await self.moved("c", 5.5, aliases=[url("a")])
        self.at = START + 6 * HOUR
        assert await self.known(self.LIST), "it leads there"
        [looked] = only(database)["internal"]["looked"]
        assert looked == {"url": url("a"), "at": START + 5.5 * HOUR}
        assert not await self.known(replace(self.LIST, title="Edited"))

    async def test_an_old_address_that_is_not_there_is_asked_for_once(
        self, visits: VisitStore
    ) -> None:
        await self.moved("a", 0.5)
        self.at = START + HOUR
        await self.known(self.LIST)
        await self.moved("b", 1.5)
        assert not await self.known(self.LIST)
        assert await visits.note([revisit("a", "missing", "c2", 2)]) == ["unknown"]
        self.at = START + 3 * HOUR
        assert await self.known(self.LIST)

    async def test_a_time_that_is_not_always_understood_is_no_edit(self) -> None:
        """Lists print "2 hours ago" first, and a date later, or the other way round."""
        untold = replace(self.LIST, time_text="2 hours ago", published_at=None)
        assert await self.fetched(untold)
        assert not await self.fetched(self.LIST), "its time is told now"
        assert not await self.fetched(untold)
        assert not await self.fetched(self.LIST)
        moved = replace(self.LIST, published_at=START + HOUR)
        assert await self.fetched(moved), "that is an edit, whatever stood there in between"
        assert not await self.fetched(untold)
        assert not await self.fetched(moved)
        assert await self.fetched(replace(untold, title="Edited"))

    async def test_an_older_version_noted_no_digest_without_the_time(
        self, database: Documents
    ) -> None:
        assert await self.fetched(self.LIST)
        database.cards.update_one({}, {"$unset": {"untimed": 1}})
        assert not await self.fetched(self.LIST)
        assert not await self.fetched(replace(self.LIST, time_text="soon", published_at=None))

    async def test_what_a_clock_that_was_ahead_noted_counts_for_nothing(
        self, database: Documents
    ) -> None:
        """It is fetched once, by which its times are put right, and no more after that."""
        self.at = START + timedelta(days=2)
        assert await self.fetched(self.LIST)
        self.at = START
        assert await self.fetched(self.LIST)
        database.articles.update_one({}, {"$set": {"last_seen_at": self.at + HOUR / 10}})
        assert not await self.fetched(self.LIST)
        assert await self.fetched(replace(self.LIST, title="Edited"))

    @pytest.mark.parametrize("time", ["01 April 2025 10:00", "2 hours ago"])
    async def test_what_an_older_version_noted_holds(self, database: Documents, time: str) -> None:
        """It hashed headline and printed time."""
        card = self.LIST
        if time != card.time_text:
            card = replace(card, time_text=time, published_at=None)
        assert await self.fetched(card)
        old = hashlib.sha1(f"A story\n{time}".encode(), usedforsecurity=False).hexdigest()
        database.cards.update_one({"_id": url("a")}, {"$set": {"digest": old}})
        assert not await self.fetched(card)
        assert await self.fetched(replace(card, title="Edited"))
