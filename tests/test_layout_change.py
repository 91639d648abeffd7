"""The day the layout changes, as a whole crawl meets it."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from demo_site import SiteConfig, serve
from demo_site.knobs import Edit
from tests.conftest import Scrapy

TEXTS = ("title", "body", "authors", "published_at", "content_hash", "extraction", "images")


def _records(database: Database[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {record["_id"]: record for record in database.articles.find({}, {"internal": 0})}


def test_a_new_layout_is_read_and_said_and_overwrites_nothing(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    with serve(SiteConfig(articles=40, seed=4)) as site:
        urls = [site.url + site.world.article("en", i).path for i in range(12)]
        old, new = urls[:6], urls[6:]
        run = scrapy.crawl("articles", f"url={','.join(old)}", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        before = _records(database)
        truths = [site.world.article("en", i) for i in range(6, 12)]
        site.knobs.layout = "renamed"
        edited = site.world.article("en", 2).slug
        site.knobs.edited[edited] = Edit(paragraph="A line that was added later says more of it.")
        run = scrapy.crawl("articles", f"url={','.join(old + new)}", CALIBER_BASE_URL=site.url)
    assert run.code == 3
    assert "12 of 12 article pages fit no layout" in run.verdict
    after = _records(database)
    assert len(after) == 12
    for id_, record in before.items():
        assert {name: after[id_][name] for name in TEXTS} == {name: record[name] for name in TEXTS}
        assert after[id_]["revision"] == 1
    for truth in truths:
        record = after[f"en/{truth.slug}"]
        assert record["title"] == truth.title
        assert record["extraction"]["method"] == "fallback"
    [_, crawl] = database.crawls.find().sort("started_at")
    assert crawl["counts"]["articles/fallback"] == 12
    assert crawl["counts"]["articles/text_kept"] == 6
    assert crawl["coverage"]["title"] == 1


def test_a_page_that_says_not_found_wipes_nothing(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    with serve(SiteConfig(articles=20, seed=4)) as site:
        path = site.world.article("en", 1).path
        arguments = ("articles", f"url={site.url}{path}")
        assert scrapy.crawl(*arguments, CALIBER_BASE_URL=site.url).code == 0
        before = _records(database)
        page = (
            b"<html><body><div class='post'><h1 class='post_title'>Page not found</h1>"
            b"<div class='post_body'><p>It may have been moved.</p></div></div></body></html>"
        )
        site.knobs.raw[path] = (200, {"Content-Type": "text/html; charset=utf-8"}, page)
        run = scrapy.crawl(*arguments, CALIBER_BASE_URL=site.url)
    assert run.code == 3, run.err
    assert _records(database) == before
    [reject] = database.rejects.find()
    assert reject["reason"] == "not_an_article_not_found"
    [record] = database.articles.find()
    assert record["internal"]["missing"]["reason"] == "not_found"
