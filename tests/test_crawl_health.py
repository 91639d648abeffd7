"""Crawls of a site that drifts, each after some that were healthy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import Post, ServedSite, SiteConfig, serve
from tests.conftest import Run, Scrapy

Documents = Database[dict[str, Any]]
HTML = {"Content-Type": "text/html; charset=utf-8"}
CONSENT = (
    b"<html><head><title>Before you continue</title></head><body><h1>We value your privacy</h1>"
    b"<p>We and our partners use cookies. Please give your consent.</p></body></html>"
)
TEXTS = ("title", "body", "authors", "published_at", "content_hash", "images", "revision")


@pytest.fixture
def site(scrapy: Scrapy, database: Documents) -> Iterator[ServedSite]:
    """A site that three healthy crawls have read: a first one and two quiet ones."""
    with serve(SiteConfig(articles=150, seed=9)) as served:
        for _ in range(3):
            run = crawl(scrapy, served)
            assert run.code == 0, run.err
        assert database.articles.count_documents({}) >= 60
        served.log.clear()
        yield served


def crawl(scrapy: Scrapy, site: ServedSite, *arguments: str, **settings: str) -> Run:
    return scrapy.crawl(
        "sections", "render=http", *arguments, CALIBER_BASE_URL=site.url, **settings
    )


def post(site: ServedSite, number: int, *, bodies: int) -> list[str]:
    """Post articles on top of the list `world`, of which the last have no body; their slugs."""
    slugs = []
    for n in range(number):
        slug = f"late-news-{n}"
        words = f"News number {n} of the day"
        at = datetime(2026, 6, 26, 8, n, tzinfo=UTC)
        paragraphs = (f"{words}, told at some length for all who did not hear of it, number {n}.",)
        site.knobs.posted[slug] = Post(words, paragraphs, at, ("world",))
        if n >= bodies:
            site.knobs.body_html[slug] = ""
        slugs.append(slug)
    return slugs


def last(database: Documents) -> dict[str, Any]:
    document = database.crawls.find_one(sort=[("started_at", -1)])
    assert document is not None
    return document


def records(database: Documents) -> dict[str, dict[str, Any]]:
    return {d["_id"]: {name: d[name] for name in TEXTS} for d in database.articles.find()}


def test_a_quiet_night_is_healthy(scrapy: Scrapy, database: Documents, site: ServedSite) -> None:
    run = crawl(scrapy, site)
    assert run.code == 0, run.err
    assert run.verdict == "caliber-crawler: healthy: 0 articles taken, 0 new, 0 changed"
    document = last(database)
    assert document["verdict"] == "healthy: 0 articles taken, 0 new, 0 changed"
    assert document["findings"] == []
    assert set(document["sections"]) == {f"en/{slug}" for slug, _ in site.sections("en")}
    for seen in document["sections"].values():
        assert seen["lists"] == 1
        assert seen["cards"] == seen["cards_first"] > 0
    assert not any(name.startswith("sections/") for name in document["counts"])
    first = database.crawls.find_one(sort=[("started_at", 1)])
    assert first is not None
    assert (
        sum(seen["new"] for seen in first["sections"].values()) == first["counts"]["articles/new"]
    )


def test_three_of_twenty_hollow(scrapy: Scrapy, database: Documents, site: ServedSite) -> None:
    slugs = post(site, 20, bodies=17)
    run = crawl(scrapy, site)
    assert run.code == 3, run.err
    assert "body is missing from 3 of 20 articles" in run.verdict
    assert "in en/world (before: 0 of" in run.verdict
    document = last(database)
    [finding] = document["findings"]
    assert (finding["rule"], finding["field"], finding["sections"]) == (
        "hollow", "body", ["en/world"],
    )  # fmt: skip
    assert document["exit_code"] == 3
    assert document["sections"]["en/world"]["hollow"] == 3
    assert {f"en/{slug}" for slug in slugs} <= records(database).keys()


def test_list_classes_renamed(scrapy: Scrapy, database: Documents, site: ServedSite) -> None:
    before = records(database)
    site.knobs.layout = "renamed"
    run = crawl(scrapy, site)
    assert run.code == 3, run.err
    number = len(site.sections("en"))
    assert f"{number} list pages without cards (en/" in run.verdict
    assert records(database) == before


def test_the_class_of_times_on_cards_renamed(scrapy: Scrapy, site: ServedSite) -> None:
    page = crawl_page(site, "/en/category/world").replace(b"float_block_time", b"card_when")
    site.knobs.raw["/en/category/world"] = (200, HTML, page)
    run = crawl(scrapy, site)
    assert run.code == 3, run.err
    assert "cards have no time in en/world (before: 0 of" in run.verdict


def test_a_list_that_shrank(scrapy: Scrapy, site: ServedSite) -> None:
    page = crawl_page(site, "/en/category/world")
    head, *cards = page.split(b'<div class="float_block"')
    assert len(cards) > 8
    short = b'<div class="float_block"'.join([head, *cards[:2]])
    site.knobs.raw["/en/category/world"] = (200, HTML, short)
    run = crawl(scrapy, site)
    assert run.code == 3, run.err
    assert "2 cards on the first page of en/world (usually" in run.verdict


def test_the_body_renamed(scrapy: Scrapy, database: Documents, site: ServedSite) -> None:
    before = records(database)
    for truth in site.first_list("en", "world")[:12]:
        page = crawl_page(site, truth.path).replace(b"post_body", b"story_text")
        site.knobs.raw[truth.path] = (200, HTML, page)
    run = crawl(scrapy, site, "mode=full", "section=world")
    assert run.code == 3, run.err
    assert "article pages fit no layout: has it changed?" in run.verdict
    assert records(database) == before


def test_a_question_for_consent_everywhere(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    before = records(database)
    for slug in post(site, 20, bodies=20):
        site.knobs.raw[f"/en/post/{slug}"] = (200, HTML, CONSENT)
    run = crawl(scrapy, site)
    assert run.code == 3, run.err
    assert "20 of 20 article pages show no article in en/world" in run.verdict
    assert "20 consent" in run.verdict
    assert records(database) == before


def test_a_question_for_consent_before_lists_too(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    before = records(database)
    for slug, _ in site.sections("en"):
        site.knobs.raw[f"/en/category/{slug}"] = (200, HTML, CONSENT)
    run = crawl(scrapy, site)
    assert run.code == 3, run.err
    assert "8 not_a_list_consent" in run.verdict
    assert records(database) == before


def test_hollow_pages_are_not_written_over_good_ones(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    """An empty body, a page with its headline alone, and a page without anything."""
    empty, headline, nothing, *_ = site.first_list("en", "sport")
    before = records(database)
    site.knobs.body_html[empty.slug] = ""
    only = f"<div class='post'><h1 class='post_title'>{headline.title}</h1></div>"
    site.knobs.raw[headline.path] = (200, HTML, only.encode())
    site.knobs.raw[nothing.path] = (200, HTML, b"<div class='post'></div>")
    urls = ",".join(site.url + truth.path for truth in (empty, headline, nothing))
    run = scrapy.crawl("articles", f"url={urls}", CALIBER_BASE_URL=site.url)
    assert run.code == 4, run.err
    assert records(database) == before
    counts = last(database)["counts"]
    assert counts["missing/body"] == 2
    assert counts["kept/body"] == 2
    assert counts["rejected/not_an_article_empty"] == 1


def test_nothing_is_learned_where_nothing_shall_be(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    post(site, 20, bodies=17)
    run = crawl(scrapy, site, HEALTH_CRAWLS="0")
    assert run.code == 0, run.err
    # What was then so is not learned from either.
    for slug in post(site, 20, bodies=17):
        database.articles.delete_one({"_id": f"en/{slug}"})
    database.cards.delete_many({})
    run = crawl(scrapy, site, HEALTH_SINCE="2999-01-01")
    assert run.code == 0, run.err
    assert scrapy.crawl("sections", HEALTH_SINCE="yesterday").code == 2
    assert scrapy.crawl("sections", HEALTH_CRAWLS="-1").code == 2
    assert scrapy.crawl("sections", HEALTH_PAUSES="often").code == 2


def crawl_page(site: ServedSite, path: str) -> bytes:
    """A page of the site as it is served."""
    from demo_site.messages import Request

    request = Request(
        method="GET", base=site.url, path=path, query_string="", query={}, form={}, body="",
        headers={},
    )  # fmt: skip
    return site.answer(request).body
