"""One story is one record: a scripted history of the site, and crawls of a site at rest."""

from __future__ import annotations

import re
import time
from collections import Counter
from copy import deepcopy
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from parsel import Selector
from pymongo.database import Database

from demo_site import ServedSite, serve
from demo_site.knobs import RemovedAs
from demo_site.messages import Answer, Request
from demo_site.server import Hit
from tests.conftest import Scrapy
from tests.crawls import crawl_a_site_at_rest
from tests.history import CRAWLS, STORIES, History, compare, config, crawls_of
from tests.history_truth import Story, documents

Documents = Database[dict[str, Any]]


def test_eight_crawls_end_with_what_the_script_knows_to_be_true(
    scrapy: Scrapy, database: Documents
) -> None:
    """The first part of the history; all twenty crawls are played by `make soak`."""
    with serve(config(seed=1)) as site:
        history = History(site, seed=1)
        history.play(crawls_of(scrapy, site), range(1, 9))
        assert compare(database, history) == []
    assert len(history.stories) == database.articles.count_documents({}) < STORIES


def test_crawls_of_a_site_at_rest_make_view_points_only(
    scrapy: Scrapy, database: Documents
) -> None:
    crawl_a_site_at_rest(scrapy, database, articles=60, crawls=3)


# The script itself


class Visitor:
    """Reads the site as a crawl should, and checks that it answers as the script means it to."""

    def __init__(self, site: ServedSite) -> None:
        self.site = site
        self.history = History(site, seed=1)
        self.told: Counter[str] = Counter()
        self.read_before: set[tuple[str, str, str]] = set()

    def crawl(self, spider: str, crawl_id: str) -> None:
        if spider == "sections":
            self.walk()
        else:
            self.visit_again()

    def walk(self) -> None:
        """Every live story is in a list, under its address of now, and nothing else is."""
        listed = set()
        for slug, _ in self.site.sections("en"):
            page = Selector(self.get(f"/en/category/{slug}").body.decode())
            hrefs = page.css(".float_block a:has(h2)::attr(href)").getall()
            assert len(hrefs) == len(set(hrefs)) > 0
            listed |= {urlsplit(href).path for href in hrefs}
        live = {story.slug: story for story in self.history.stories.values() if not story.removed}
        assert listed == {f"/en/post/{slug}" for slug in live}
        for story in live.values():
            self.read(story)

    def visit_again(self) -> None:
        for story in self.history.stories.values():
            if story.removed:
                self.find_missing(story)
            else:
                self.read(story)

    def read(self, story: Story) -> None:
        now = self.history.now(story)
        self.check_page(story.slug, now.title, now.body)
        for slug in story.old:
            self.check_old(story, slug)

    def check_page(self, slug: str, title: str, body: str) -> None:
        answer = self.get(f"/en/post/{slug}", 200)
        if (slug, title, body) in self.read_before:
            return
        self.read_before.add((slug, title, body))
        page = Selector(answer.body.decode())
        assert page.css("h1.post_title::text").get() == title
        shown = _plain("".join(page.css(".post_body ::text").getall()))
        place = 0
        for paragraph in map(_plain, body.split("\n\n")):  # captions may stand between them
            place = shown.index(paragraph, place) + len(paragraph)

    def check_old(self, story: Story, slug: str) -> None:
        """What an address of before answers."""
        answer = self.get(f"/en/post/{slug}")
        knobs = self.site.knobs
        if slug == story.made and knobs.redirects(slug):
            assert answer.headers["Location"] == f"{self.site.url}/en/post/{story.slug}"
        elif slug == story.made and knobs.keeps_old(slug):
            first = self.site.world.find("en", slug)
            assert first is not None
            self.check_page(slug, first.title, "\n\n".join(first.paragraphs))
        else:
            assert answer.status == 404
        self.told[f"old address: {answer.status}"] += 1

    def find_missing(self, story: Story) -> None:
        answer = self.get(f"/en/post/{story.slug}")
        how: RemovedAs = self.site.knobs.removed_as_of[story.slug]
        assert answer.status == {"404": 404, "410": 410, "page": 200, "home": 302}[how]
        assert b"post_body" not in answer.body
        self.told[f"removed: {how}"] += 1

    def get(self, path: str, status: int | None = None) -> Answer:
        answer = self.site.answer(Request("GET", self.site.url, path))
        self.site.log.append(Hit(time.monotonic(), time.time(), "GET", path, "", answer.status))
        assert status in (None, answer.status), path
        return answer


def _plain(text: str) -> str:
    """The text without spaces and without the invisible characters that pages have."""
    return "".join(re.sub("[\xad\u200b\ufeff]", "", text).split())


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    """The script played to its end without a crawler."""
    site = ServedSite(config(seed=1))
    site.url = "http://127.0.0.1:8000"
    visitor = Visitor(site)
    visitor.history.play(visitor.crawl)
    return visitor


def test_the_site_answers_as_the_script_means_it_to(visitor: Visitor) -> None:
    assert visitor.history.troubles == []
    assert len(visitor.history.stories) == STORIES
    happened = Counter(visitor.history.done)
    assert len(happened) > 40
    assert min(happened.values()) >= 3, happened
    assert set(visitor.told) == {
        "old address: 404", "old address: 301", "old address: 200",
        "removed: 404", "removed: 410", "removed: page", "removed: home",
    }  # fmt: skip
    assert min(visitor.told.values()) >= 3, visitor.told


def test_the_truth_holds_together(visitor: Visitor) -> None:
    stories = visitor.history.stories.values()
    assert all(story.seen is not None for story in stories)
    for story in stories:
        assert [said.revision for said in story.said] == list(range(1, story.revision))
        shown = [*(said.shown for said in story.said), story.seen]
        assert all(earlier != later for earlier, later in pairwise(shown))
        assert story.first == shown[0].printed
        assert story.slug not in story.old
        assert CRAWLS / 4 > story.revision >= 1
        assert 0 < story.points <= CRAWLS
    assert sum(story.gone for story in stories) > 20
    assert sum(story.removed and not story.gone for story in stories) >= 3
    assert sum(story.points == CRAWLS for story in stories) > STORIES / 2
    assert sum(len(story.old) == 2 for story in stories) == 3
    moved = [said for story in stories for said in story.said if said.moved_to]
    assert len(moved) > 15
    assert all(said.moved_to != said.shown.printed for said in moved)
    sizes = Counter(story.group for story in stories if story.link == "duplicate_of")
    assert set(sizes.values()) == {3}
    sizes = Counter(story.group for story in stories if story.link == "near_duplicate_of")
    assert set(sizes.values()) == {2}


@pytest.fixture
def right(visitor: Visitor, database: Documents) -> Documents:
    """A database that holds exactly what the script knows to be true."""
    groups: dict[str, str] = {}
    for story in visitor.history.stories.values():
        record, revisions = documents(story, visitor.site.url)
        if story.group and story.link:
            original = groups.setdefault(story.group, story.id)
            record[story.link] = None if original == story.id else original
        record["views"] = story.points
        database.articles.insert_one(record)
        if revisions:
            database.revisions.insert_many(revisions)
        at = story.first
        assert at is not None
        database.views.insert_many(
            {"at": at + timedelta(hours=i), "article": story.id, "views": i + 1}
            for i in range(story.points)
        )
    return database


def test_what_is_right_has_no_differences(visitor: Visitor, right: Documents) -> None:
    assert compare(right, visitor.history) == []


@pytest.mark.parametrize(
    ("where", "field", "value"),
    [
        ("revision: 1", "title", "Another"),
        ("revision: 1", "body", "Another"),
        ("revision: 1", "url", "http://127.0.0.1:8000/en/post/another"),
        ("revision: 1", "slug", "another"),
        ("revision: 1", "aliases", ["http://127.0.0.1:8000/en/post/another"]),
        ("revision: 1", "revision", 2),
        ("revision: 1", "status", "gone"),
        ("revision: 1", "duplicate_of", "en/another"),
        ("revision: 1", "near_duplicate_of", "en/another"),
        ("revision: 1", "views", 99),
        ("a duplicate", "duplicate_of", None),
        ("a near duplicate", "near_duplicate_of", None),
        ("gone", "status", "live"),
    ],
)
def test_a_wrong_field_is_told(
    visitor: Visitor, right: Documents, where: str, field: str, value: object
) -> None:
    query: dict[str, Any] = {
        "revision: 1": {"revision": 1, "duplicate_of": None, "near_duplicate_of": None,
                        "status": "live"},
        "a duplicate": {"duplicate_of": {"$ne": None}},
        "a near duplicate": {"near_duplicate_of": {"$ne": None}},
        "gone": {"status": "gone"},
    }[where]  # fmt: skip
    assert right.articles.update_one(query, {"$set": {field: value}}).modified_count == 1
    [line] = compare(right, visitor.history)
    assert field in line


def test_wrong_documents_are_told(visitor: Visitor, right: Documents) -> None:
    taken = right.articles.find_one_and_delete({"revision": 1, "duplicate_of": None})
    assert compare(right, visitor.history)[0] == f"{taken['_id']}: no such record"
    extra = deepcopy(taken) | {"_id": "en/extra"}
    right.articles.insert_many([taken, extra])
    [line] = compare(right, visitor.history)
    assert line.startswith("en/extra: a record too many")
    right.articles.delete_one({"_id": "en/extra"})

    said = right.revisions.find_one_and_delete({"revision": 2})
    [line] = compare(right, visitor.history)
    assert line.startswith(f"{said['article_id']}: revisions [1")
    right.revisions.insert_one(said)
    for change in ({"replaced_by": "x"}, {"title": "x"}, {"body": "x"}):
        right.revisions.update_one({"_id": said["_id"]}, {"$set": change})
        [line] = compare(right, visitor.history)
        assert line.startswith(f"{said['_id']}: {next(iter(change))} is 'x'")
        right.revisions.replace_one({"_id": said["_id"]}, said)
    moved = right.revisions.find_one({"moved_to": {"$exists": True}})
    assert moved is not None
    for name in ("moved_to", "published_at"):
        right.revisions.update_one({"_id": moved["_id"]}, {"$unset": {name: ""}})
        [line] = compare(right, visitor.history)
        assert line.startswith(f"{moved['_id']}: {name} is None")
        right.revisions.replace_one({"_id": moved["_id"]}, moved)
    still = {"moved_to": {"$exists": False}}
    right.revisions.update_one(still, {"$set": {"moved_to": moved["moved_to"]}})
    [line] = compare(right, visitor.history)
    assert "did not move" in line
    right.revisions.update_one({"_id": line.partition(":")[0]}, {"$unset": {"moved_to": ""}})

    point = right.views.find_one_and_delete({"views": 2})
    [line] = compare(right, visitor.history)
    assert line.startswith(f"{point['article']}: ")
    assert "view points, should be" in line
    right.views.insert_one(point | {"views": 1})
    [line] = compare(right, visitor.history)
    assert "do not grow" in line
