"""`scrapy crawl feed`: the new articles of the site's feed."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from typing import Any
from urllib.request import urlopen

import pytest
from pymongo.database import Database

from caliber_crawler.pages.feed import parse_feed
from caliber_crawler.pages.html import Page
from caliber_crawler.site import Site
from demo_site import Edit, ServedSite, SiteConfig, serve
from tests.conftest import Scrapy
from tests.expected import assert_is

Documents = Database[dict[str, Any]]
SITE = Site.from_settings("http://127.0.0.1:8000", "Asia/Baku")


def test_takes_what_the_feed_names_and_then_only_what_is_new(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=60, seed=1)) as site:
        first = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
        assert first.code == 0, first.err
        assert len(first.records) >= 20
        truths = {t.slug: t for t in (site.world.article("en", i) for i in range(60))}
        for record in first.records:
            assert_is(record, site, truths[record["slug"]])
        edited = first.records[3]["slug"]
        site.knobs.edited[edited] = Edit(title="A headline that was edited")
        site.log.clear()
        second = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
        asked = [hit.path for hit in site.log]
    assert second.code == 0, second.err
    assert asked == ["/robots.txt", "/rss.xml", f"/en/post/{edited}"]
    assert [r["title"] for r in second.records] == ["A headline that was edited"]
    assert database.articles.count_documents({}) == len(first.records)


def test_feed_and_sections_in_turn_fetch_nothing_twice(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=60, seed=1)) as site:
        sections = ("sections", "render=http", "section=world,sport")
        assert scrapy.crawl(*sections, CALIBER_BASE_URL=site.url).code == 0
        assert scrapy.crawl("feed", CALIBER_BASE_URL=site.url).code == 0
        site.log.clear()
        runs = [
            scrapy.crawl(*spider, CALIBER_BASE_URL=site.url)
            for spider in (sections, ["feed"], sections)
        ]
        asked = [hit.path for hit in site.log if hit.path != "/robots.txt"]
    assert [run.code for run in runs] == [0, 0, 0]
    world, sport = "/en/category/world", "/en/category/sport"
    assert sorted(asked) == sorted([world, sport, "/rss.xml", world, sport])


def test_language_and_since(scrapy_without_store: Scrapy) -> None:
    scrapy = scrapy_without_store
    with serve(SiteConfig(articles=60, seed=1)) as site:
        newest = site.world.article("en", 0).published.date()
        run = scrapy.crawl("feed", f"since={newest}", CALIBER_BASE_URL=site.url)
        later = newest + timedelta(days=1)
        none = scrapy.crawl("feed", f"since={later}", CALIBER_BASE_URL=site.url)
        other = scrapy.crawl("feed", "language=ru", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert run.records
    assert (none.code, none.records) == (0, [])
    assert re.search(r"cards/out_of_range +\d+  ", none.err)
    assert (other.code, other.records) == (3, [])
    assert "the feed names no article of the editions asked for" in other.verdict
    assert "no article of the edition ru; it names those of en" in other.err
    assert re.search(r"cards/other_edition +\d+  ", other.err)


def test_a_feed_that_is_an_address_is_not_fetched() -> None:
    with serve(SiteConfig(articles=10)) as site:
        feed = parse_feed(Page(f"{site.url}/rss.xml", f"{site.url}/rss.xml".encode()), SITE)
        assert site.log == []
    assert feed.problem


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"", "http_404"),
        (200, b"<html><h1>News</h1></html>", "dead_feed"),
        (200, b"", "dead_feed"),
        (200, b'<rss version="2.0"><channel><title>x</title></channel></rss>', "dead_feed"),
    ],
)
def test_a_dead_or_empty_feed_is_said(
    scrapy: Scrapy, database: Documents, status: int, body: bytes, reason: str
) -> None:
    with serve(SiteConfig(articles=20)) as site:
        site.knobs.raw["/rss.xml"] = (status, {"Content-Type": "text/xml"}, body)
        run = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
    assert run.code == 3
    assert "the feed is dead or names no article" in run.verdict
    assert [r["reason"] for r in database.rejects.find()] == [reason]


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>
<entry><title>One &amp; two</title><link href="/en/post/one?utm_source=rss"/>
<updated>2026-06-25T17:24:00+04:00</updated></entry>
<entry><title>No date</title><link href="http://127.0.0.1:8000/post/two"/></entry>
<entry><title>Again</title><link href="/en/post/one"/></entry>
<entry><title>Elsewhere</title><link href="https://other.example/en/post/x"/></entry>
<entry><title>No link</title></entry></feed>"""


def test_odd_entries_are_counted() -> None:
    feed = parse_feed(Page("http://127.0.0.1:8000/rss.xml", ATOM.encode(), "text/xml"), SITE)
    assert [card.url.rpartition("8000")[2] for card in feed.cards] == ["/en/post/one", "/post/two"]
    assert feed.cards[0].title == "One & two"
    assert feed.cards[0].published_at is not None
    assert feed.cards[0].published_at.isoformat() == "2026-06-25T13:24:00+00:00"
    assert (feed.odd_links, feed.undated) == (2, 2)
    assert feed.problem is None


def _rss(site: ServedSite) -> bytes:
    with urlopen(f"{site.url}/rss.xml", timeout=10) as answer:
        body: bytes = answer.read()
    return body


@pytest.mark.parametrize("kind", ["plain", "gzip", "as HTML"])
def test_a_feed_that_is_cut_off_is_asked_for_again_and_taken_as_far_as_it_is_whole(
    scrapy: Scrapy, database: Documents, kind: str
) -> None:
    with serve(SiteConfig(articles=60, seed=1)) as site:
        whole = _rss(site)
        site.log.clear()
        cut = whole[: int(len(whole) * 0.4)]
        cut = cut[: cut.rindex(b"<link>") + len(b"<link>") + len(site.url) + 12]
        headers = {"Content-Type": "text/html" if kind == "as HTML" else "application/rss+xml"}
        if kind == "gzip":
            zipped = gzip.compress(whole)
            cut, headers["Content-Encoding"] = zipped[: len(zipped) // 2], "gzip"
        site.knobs.raw["/rss.xml"] = (200, headers, cut)
        run = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
        assert run.code == 4, run.err
        assert "1 requests failed" in run.verdict
        assert run.counts["pages/cut_off"] == 2
        assert [hit.path for hit in site.log].count("/rss.xml") == 3
        assert 0 < len(run.records) < 20
        assert database.rejects.count_documents({}) == 0
        site.knobs.raw.clear()
        again = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
    assert again.code == 0, again.err
    assert len(run.records) + len(again.records) >= 20


@pytest.mark.parametrize(
    ("body", "cut", "named"),
    [
        (ATOM, False, 2),
        (ATOM.removesuffix("</feed>"), True, 2),
        (ATOM[: ATOM.index("/two") + 3], True, 1),
        (ATOM[: ATOM.index("/one") + 3], True, 0),
        ("\ufeff<?xml version='1.0'?>\n<!-- news -->" + ATOM, False, 2),
        ("<html><body><p>&lt;rss <feed >", True, 0),
        ('{"html": "<rss >"}', False, 0),
    ],
)
def test_the_end_of_a_feed_is_looked_for(body: str, cut: bool, named: int) -> None:
    page = Page("http://127.0.0.1:8000/rss.xml", body.encode(), "text/xml")
    assert page.is_cut is cut
    assert len(parse_feed(page, SITE).cards) == named


def test_a_feed_with_namespaces_ends_with_its_own_name() -> None:
    rdf = b'<rdf:RDF xmlns:rdf="x"><channel></channel></rdf:RDF>'
    assert not Page("", rdf).is_cut
    assert Page("", rdf.removesuffix(b"</rdf:RDF>")).is_cut
    assert Page("", b'<a:feed xmlns:a="http://www.w3.org/2005/Atom"></feed>').is_cut
