"""Crawls that meet trouble: what is rejected, what goes on, and how `scrapy crawl` exits."""

from __future__ import annotations

import re
import signal
from itertools import pairwise
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.conftest import Scrapy, wait_until

Documents = Database[dict[str, Any]]
HTML = {"Content-Type": "text/html; charset=utf-8"}


def test_each_odd_page_is_a_reject_with_its_reason_and_the_rest_goes_on(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=40, seed=1)) as site:
        truths = site.first_list("en", "world")
        gone, titleless, listing, text, huge, counter, *rest = truths
        site.knobs.status[gone.path] = 404
        frame = (
            b"<div class=post><div class=post_body><p>A text without a headline.</p></div></div>"
        )
        site.knobs.raw[titleless.path] = (200, HTML, frame)
        site.knobs.raw[listing.path] = (200, HTML, b'<div class="float_block">x</div>')
        site.knobs.raw[text.path] = (200, HTML, b"<h1>Try again later</h1>")
        site.knobs.body_html[huge.slug] = "<p>" + "word " * 3_500_000 + "</p>"
        page = (
            "<div class=post><h1 class=post_title>T</h1><div class=post_hits>Views: %d</div></div>"
        )
        site.knobs.raw[counter.path] = (200, HTML, (page % (2**63 + 5)).encode())
        run = scrapy.crawl(
            "sections", "render=http", "section=world", CALIBER_BASE_URL=site.url,
            DOWNLOAD_MAXSIZE="64000000", ARTICLE_MAX_TEXT="64000000",
        )  # fmt: skip

    rejects = {r["url"].removeprefix(site.url): r for r in database.rejects.find()}
    assert {path: r["reason"] for path, r in rejects.items()} == {
        gone.path: "http_404",
        titleless.path: "not_an_article_empty",
        listing.path: "not_an_article_list",
        text.path: "not_an_article_unknown",
        huge.path: "unstorable",
    }
    crawl = database.crawls.find_one()
    assert crawl is not None
    for reject in rejects.values():
        assert reject["crawl_id"] == crawl["_id"]
        assert reject["at"] >= crawl["started_at"]
        assert reject["detail"]
    assert rejects[gone.path]["http_status"] == 404
    assert "Try again later" in rejects[text.path]["excerpt"]

    kept = {r["slug"]: r for r in run.records}
    assert kept.keys() == {t.slug for t in rest} | {counter.slug}
    assert kept[counter.slug]["views"] is None
    assert "views" in kept[counter.slug]["extraction"]["missing"]
    assert database.articles.count_documents({}) == len(kept)
    assert run.code == 4
    assert "1 requests failed" in run.verdict
    assert "5 pages rejected" in run.verdict
    counts = crawl["counts"]
    assert counts["articles/new"] == len(kept)
    assert counts["views/unknown"] == 1
    assert sum(n for name, n in counts.items() if name.startswith("rejected/")) == 5
    assert len(truths) == counts["articles/new"] + 5


def test_a_section_without_cards_looks_wrong(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=30, seed=2)) as site:
        site.knobs.layout = "renamed"
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
    assert run.code == 3
    assert "without cards" in run.verdict
    assert {r["reason"] for r in database.rejects.find()} == {"list_without_cards"}
    assert database.rejects.count_documents({}) == len(site.sections("en"))


def test_an_unknown_section_is_wrong_usage(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=30, seed=2)) as site:
        run = scrapy.crawl("sections", "render=http", "section=nosuch", CALIBER_BASE_URL=site.url)
        assert run.code == 2
        assert "nosuch" in run.verdict
        assert "world" in run.verdict  # what is allowed
        both = scrapy.crawl(
            "sections", "render=http", "section=world,nosuch", CALIBER_BASE_URL=site.url
        )
        wanted = {t.slug for t in site.first_list("en", "world")}
    assert both.code == 4
    assert "sections unknown" in both.verdict
    assert {r["slug"] for r in both.records} == wanted
    assert {r["reason"] for r in database.rejects.find()} == {"unknown_section"}


def test_a_section_of_one_edition_only_is_no_wrong_usage_when_nothing_is_new(
    scrapy: Scrapy, database: Documents
) -> None:
    """The Russian edition calls it otherwise. The second crawl has no article to ask for."""
    with serve(SiteConfig(articles=30, seed=2, cards=200)) as site:
        wanted = {t.slug for t in site.first_list("en", "world")}
        options = ("render=http", "section=world", "language=en,ru")
        for _ in range(2):
            run = scrapy.crawl("sections", *options, CALIBER_BASE_URL=site.url)
            assert run.code == 4, run.err
            assert "1 sections unknown" in run.verdict
    assert {d["slug"] for d in database.articles.find()} == wanted


def test_a_section_that_no_navigation_names_is_found_all_the_same(
    scrapy_without_store: Scrapy,
) -> None:
    with serve(SiteConfig(articles=30, seed=2)) as site:
        target = site.world.article("en", 3)
        card = f'<div class="float_block"><a href="{target.path}">x</a></div>'
        site.knobs.raw["/en/category/hidden"] = (200, HTML, card.encode())
        run = scrapy_without_store.crawl(
            "sections", "render=http", "section=hidden", CALIBER_BASE_URL=site.url
        )
    assert run.code == 0, run.err
    [record] = run.records
    assert record["slug"] == target.slug
    assert {"slug": "hidden", "name": "hidden"} in record["sections"]


def test_robots_are_obeyed_and_forbidding_everything_is_not_healthy(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=30, seed=3)) as site:
        blocked, *others = site.first_list("en", "sport")
        site.knobs.robots = f"User-agent: *\nDisallow: {blocked.path}\n"
        some = scrapy.crawl("sections", "render=http", "section=sport", CALIBER_BASE_URL=site.url)
        assert some.code == 4
        assert {r["slug"] for r in some.records} == {t.slug for t in others}
        [reject] = database.rejects.find()
        assert (reject["reason"], reject["url"]) == (
            "forbidden_by_robots",
            site.url + blocked.path,
        )
        site.knobs.robots = "User-agent: caliber-crawler\nDisallow: /\n"
        site.log.clear()
        everything = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
        assert {hit.path for hit in site.log} == {"/robots.txt"}
    assert everything.code == 3
    assert "nothing collected" in everything.verdict


@pytest.mark.alone
def test_delay_and_user_agent_are_polite(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=120, seed=3)) as site:
        run = scrapy_without_store.crawl(
            "sections",
            "render=http",
            "section=sport",
            "limit=5",
            CALIBER_BASE_URL=site.url,
            CLUSTER_DOWNLOAD_DELAY="0.25",
            CRAWLER_CONTACT="crawl@example.org",
        )
    assert run.code == 0, run.err
    times = sorted(hit.at for hit in site.log)
    # robots.txt, home, list, five articles. What is seen is when requests came in, and one that was
    # held up on the way comes closer to the next; together they cannot be early.
    assert len(times) == 8
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.1
    assert times[-1] - times[0] > 7 * 0.25 - 0.1
    agents = {hit.agent for hit in site.log}
    assert len(agents) == 1
    assert "caliber-crawler/" in (agent := agents.pop())
    assert "crawl@example.org" in agent


def test_a_crawl_delay_in_robots_raises_the_delay(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=120, seed=3)) as site:
        site.knobs.robots = "User-agent: *\nCrawl-delay: 0.4\n"
        run = scrapy_without_store.crawl(
            "sections", "render=http", "section=sport", "limit=3", CALIBER_BASE_URL=site.url
        )
    assert run.code == 0, run.err
    assert len(run.records) == 3
    _robots, first, *_, last = times = sorted(hit.at for hit in site.log)
    assert len(times) == 6
    assert last - first > 4 * 0.4 - 0.1


def test_redirects_between_forms_of_one_address_are_followed(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=30, seed=4)) as site:
        moved, target, *_ = site.first_list("en", "culture")
        site.knobs.redirect["/en/"] = "/en/home/../?x=1"
        site.knobs.raw["/en/"] = (302, {"Location": "/en?welcome=1"}, b"")
        site.knobs.redirect[moved.path] = target.path
        del site.knobs.redirect["/en/"]
        html = f'<a href="/en/category/culture">CULTURE</a><a href="{target.path}">t</a>'
        site.knobs.raw["/en?welcome=1"] = (200, HTML, html.encode())
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
    slugs = [r["slug"] for r in run.records]
    assert run.code == 0, run.err
    assert moved.slug not in slugs
    assert slugs.count(target.slug) == 1
    assert re.search(r"duplicates/address +1  ", run.err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_what_was_fetched_in_both_places(
    scrapy: Scrapy, database: Documents, number: signal.Signals
) -> None:
    with serve(SiteConfig(articles=150, seed=5)) as site:
        site.knobs.delay = 0.05
        process = scrapy.start(
            "crawl",
            "sections",
            "-a",
            "render=http",
            "-O",
            str(scrapy.feed),
            CALIBER_BASE_URL=site.url,
        )
        wait_until(lambda: database.articles.count_documents({}) >= 12, what="12 articles")
        process.send_signal(number)
        run = scrapy.finish(process)
        answered = {hit.path for hit in site.log if "/post/" in hit.path}
    stored = {d["_id"] for d in database.articles.find()}
    assert run.code == 128 + number
    assert f"stopped by signal {int(number)}" in run.verdict
    assert {r["id"] for r in run.records} == stored
    assert 12 <= len(stored) <= len(answered)
    # Nothing that came back from the site was dropped: at most what was on its way is missing.
    assert len(answered) - len(stored) <= 8
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert crawl["status"] == "stopped"
    assert crawl["counts"]["articles/new"] == len(stored)


def test_a_list_that_a_script_fills_from_the_start_is_walked(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=200, seed=6)) as site:
        whole = [t.slug for t in site.world.in_section("en", "world")]
        script = """
          var page = 0, busy = false, done = false;
          function more() {
            if (busy || done) { return; }
            busy = true;
            fetch('/ajax/list?lang=en&category=world&page=' + (page + 1))
              .then(function (answer) { return answer.text(); })
              .then(function (html) {
                page += 1; busy = false; done = !html;
                document.getElementById('list').insertAdjacentHTML('beforeend', html);
              });
          }
          window.addEventListener('scroll', more);
          more();
        """
        body = f'<div id="list" style="min-height:3000px"></div><script>{script}</script>'
        site.knobs.raw["/en/category/world"] = (200, HTML, body.encode())
        run = scrapy.crawl(
            "sections", "section=world", CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="2"
        )
    assert run.code == 0, run.err
    assert sorted(r["slug"] for r in run.records) == sorted(whole)


@pytest.mark.parametrize("status", [520, 521, 523, 530])
def test_what_stands_before_the_site_s_server_is_asked_again_when_that_fails(
    scrapy: Scrapy, database: Documents, status: int
) -> None:
    with serve(SiteConfig(articles=20)) as site:
        first, second = (site.world.article("en", i) for i in range(2))
        site.knobs.raw[first.path] = (status, HTML, b"<h1>Web server is down</h1>")
        addresses = f"url={site.url}{first.path},{site.url}{second.path}"
        run = scrapy.crawl("articles", addresses, CALIBER_BASE_URL=site.url)
        asked = [hit.path for hit in site.log].count(first.path)
    assert (run.code, asked) == (4, 3), run.err
    [reject] = database.rejects.find()
    assert reject["reason"] == f"http_{status}"
    assert reject["detail"].startswith("the site's server failed")
