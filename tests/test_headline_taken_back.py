"""An editor takes a headline back, and the address with it: the article is found where it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import Post, ServedSite, SiteConfig, serve
from demo_site.world import NEWEST
from tests.conftest import Run, Scrapy

Documents = Database[dict[str, Any]]

TEXT = (
    "The bridge over the river opens at noon after two years, and cars may cross it on both lanes.",
    "Lorries wait until the spring, when the second pier has been looked at by the engineers.",
)
ADDED = "The toll stays what it was before the works, the treasurer of the council adds."
OLD, NEW = "bridge-reopens", "bridge-reopens-to-lorries-updated"
FIRST = Post("Bridge reopens", TEXT, NEWEST + timedelta(hours=1), ("world",))
EDITED = Post("Bridge reopens to lorries UPDATED", TEXT, FIRST.published, ("world",))
BACK = Post(FIRST.title, (*TEXT, ADDED), FIRST.published, ("world",))


class Desk:
    """A site whose editors move one article, and crawls of it."""

    def __init__(self, site: ServedSite, scrapy: Scrapy, database: Documents) -> None:
        self.site, self._scrapy, self._database = site, scrapy, database

    def shows(self, slug: str, post: Post) -> None:
        """The article is there under one address alone."""
        self.site.knobs.posted.clear()
        self.site.knobs.posted[slug] = post

    def crawl(self, spider: str = "sections", *arguments: str, code: int = 0) -> list[str]:
        """Slugs of the articles that a crawl asks for."""
        self.site.log.clear()
        if spider == "sections":
            arguments = ("section=world", "render=http", *arguments)
        self.run: Run = self._scrapy.crawl(spider, *arguments, CALIBER_BASE_URL=self.site.url)
        assert self.run.code == code, self.run.err
        return sorted(hit.path.rpartition("/")[2] for hit in self.site.log if "/post/" in hit.path)

    @property
    def record(self) -> dict[str, Any]:
        record = self._database.articles.find_one({"_id": f"en/{OLD}"})
        assert record is not None
        assert self._database.articles.count_documents({"slug": {"$regex": "^bridge"}}) == 1
        return record

    @property
    def told(self) -> tuple[str, str, str]:
        """Where the record says that the article is, whether it is there, and its headline."""
        record = self.record
        return record["slug"], record["status"], record["title"]


@pytest.fixture
def desk(scrapy: Scrapy, database: Documents) -> Iterator[Desk]:
    """The article was stored, and once more under its second headline."""
    with serve(SiteConfig(articles=20, seed=8)) as site:
        desk = Desk(site, scrapy, database)
        desk.shows(OLD, FIRST)
        desk.crawl()
        desk.shows(NEW, EDITED)
        assert desk.crawl() == [OLD, NEW]
        assert desk.told == (NEW, "live", EDITED.title)
        yield desk


REFRESH = ("refresh", "newer_than=36500d")


def test_an_update_takes_it_where_lists_show_it_again(desk: Desk) -> None:
    desk.shows(OLD, BACK)
    assert desk.crawl() == [OLD]
    assert desk.told == (OLD, "live", FIRST.title)
    assert ADDED in desk.record["body"]
    assert desk.run.counts["articles/moved_back"] == 1
    assert desk.crawl() == [], "once"
    desk.shows(NEW, EDITED)
    assert desk.crawl() == [OLD, NEW], "and so to and fro; the text is one that it had"
    assert desk.told == (NEW, "live", EDITED.title)


def test_so_it_does_with_the_text_that_it_had(desk: Desk) -> None:
    """Like an old page that goes on answering, but for the fate of the new address."""
    desk.shows(OLD, FIRST)
    assert desk.crawl() == [OLD, NEW]
    assert desk.told == (OLD, "live", FIRST.title)
    assert desk.run.counts["addresses/asked"] == 1


def test_the_feed_takes_it(desk: Desk) -> None:
    desk.crawl("feed")
    desk.shows(OLD, BACK)
    assert OLD in desk.crawl("feed")
    assert desk.told == (OLD, "live", FIRST.title)


def test_a_refresh_finds_it_when_no_list_shows_it(desk: Desk) -> None:
    desk.shows(OLD, BACK)
    asked = desk.crawl(*REFRESH)
    assert OLD in asked
    assert NEW in asked
    assert desk.told == (OLD, "live", FIRST.title)
    assert ADDED in desk.record["body"]
    assert desk.run.counts["visits/elsewhere"] == 1
    assert OLD in desk.crawl(*REFRESH)
    assert desk.told == (OLD, "live", FIRST.title)
    assert desk.run.counts["visits/elsewhere"] == 0


def test_what_was_gone_for_an_older_version_is_found(desk: Desk, database: Documents) -> None:
    desk.site.knobs.posted.clear()
    for status in ("live", "gone"):
        asked = desk.crawl(*REFRESH)
        assert {OLD, NEW} <= set(asked)
        assert desk.told == (NEW, status, EDITED.title)
    assert database.rejects.count_documents({}) == 0
    desk.shows(OLD, FIRST)
    desk.crawl(*REFRESH)
    assert desk.told == (OLD, "live", FIRST.title)


@pytest.mark.parametrize(
    "how", [pytest.param("leads there", marks=pytest.mark.soak), "shows what it said"]
)
def test_an_old_address_that_stays_in_lists_is_asked_for_once(desk: Desk, how: str) -> None:
    desk.site.knobs.posted[OLD] = FIRST
    if how == "leads there":
        desk.site.knobs.redirect[f"/en/post/{OLD}"] = f"/en/post/{NEW}"
    assert OLD in desk.crawl()
    for _ in range(2):
        assert desk.crawl() == []
    assert desk.told == (NEW, "live", EDITED.title)
    edited = Post("Bridge reopens at last", TEXT, FIRST.published, ("world",))
    desk.site.knobs.posted[OLD] = edited
    assert OLD in desk.crawl(), "its card says something new"


def test_an_old_card_of_a_removed_page_is_a_failure_once(desk: Desk) -> None:
    """As when a list is cached; that it is there again is found by refresh, then."""
    desk.site.knobs.posted[OLD] = FIRST
    desk.site.knobs.status[f"/en/post/{OLD}"] = 404
    assert desk.crawl(code=4) == [OLD]
    assert desk.crawl() == []
    assert desk.told == (NEW, "live", EDITED.title)
