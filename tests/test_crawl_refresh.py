"""The spider `refresh` and `scrapy history`, on what real crawls stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import Edit, ServedSite, SiteConfig, serve
from tests.conftest import Run, Scrapy

Documents = Database[dict[str, Any]]
ALL = "newer_than=36500d"


@pytest.fixture
def collected(scrapy: Scrapy) -> Any:
    """A stand-in of twenty articles of which eight are stored."""
    with serve(SiteConfig(articles=20, seed=8)) as site:
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(8))
        run = scrapy.crawl("articles", f"url={urls}", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        site.log.clear()
        yield site


def refresh(scrapy: Scrapy, site: ServedSite, *arguments: str) -> Run:
    return scrapy.crawl("refresh", *arguments, CALIBER_BASE_URL=site.url)


def counts(database: Documents) -> dict[str, int]:
    crawl = database.crawls.find_one(sort=[("started_at", -1)])
    assert crawl is not None
    found: dict[str, int] = crawl["counts"]
    return found


def pages(site: ServedSite) -> list[str]:
    return [hit.path for hit in site.log if hit.path != "/robots.txt"]


def test_edits_are_found_and_shown(
    scrapy: Scrapy, database: Documents, collected: ServedSite
) -> None:
    site = collected
    truth = site.world.article("en", 2)
    site.knobs.edited[truth.slug] = Edit(title="Another headline", paragraph="A line added later.")
    run = refresh(scrapy, site, ALL)
    assert run.code == 0, run.err
    assert run.verdict.endswith("healthy: 8 articles taken, 0 new, 1 changed")
    assert len(pages(site)) == 8
    numbers = counts(database)
    assert (numbers["visits/due"], numbers["articles/unchanged"]) == (8, 7)
    assert len(run.records) == 8
    assert database["views"].count_documents({"article": f"en/{truth.slug}"}) == 2

    run = scrapy("history", f"en/{truth.slug}", "--diff")
    assert run.code == 0, run.err
    assert "then changed: title, body" in run.out
    assert f"-title: {truth.title}\n+title: Another headline" in run.out
    assert "+A line added later." in run.out
    run = scrapy("history", truth.path, "--json", CALIBER_BASE_URL=site.url)
    told = json.loads(run.out)
    assert told["record"]["_id"] == f"en/{truth.slug}"
    assert [r["title"] for r in told["revisions"]] == [truth.title]
    assert len(told["views"]) == 2


def test_history_of_what_is_not_stored(scrapy: Scrapy, collected: ServedSite) -> None:
    run = scrapy("history", "en/never")
    assert run.code == 1
    assert "no article 'en/never' is stored" in run.err
    assert scrapy("history").code == 2


def test_only_what_is_due_without_arguments(
    scrapy: Scrapy, database: Documents, collected: ServedSite
) -> None:
    site = collected
    # The stand-in's articles are months old by the clock of the machine, so none is due so soon.
    run = refresh(scrapy, site)
    assert (run.code, pages(site)) == (0, [])
    first, second = (site.world.article("en", i) for i in (1, 4))
    for truth, due in ((first, "2026-01-02"), (second, "2026-01-01")):
        database.articles.update_one(
            {"_id": f"en/{truth.slug}"},
            [{"$set": {"internal.visit.due_at": {"$toDate": due}}}],
        )
    # Due for the longest time, and it tells nothing: the other one has its turn all the same.
    site.knobs.status[second.path] = 403
    run = refresh(scrapy, site, "limit=1")
    assert run.code == 3, run.err
    assert pages(site) == [second.path]
    assert counts(database)["visits/nothing"] == 1
    run = refresh(scrapy, site, "limit=1")
    assert run.code == 0, run.err
    assert pages(site) == [second.path, first.path]


NOT_FOUND = (
    b"<html><body><div class='post'><h1 class='post_title'>Page not found</h1>"
    b"<div class='post_body'></div></div></body></html>"
)
REMOVED: dict[str, Any] = {
    "404": lambda site, path: site.knobs.status.__setitem__(path, 404),
    "led to another article": lambda site, path: site.knobs.redirect.__setitem__(
        path, site.world.article("en", 7).path
    ),
    "led to the home page": lambda site, path: site.knobs.redirect.__setitem__(path, "/en/"),
    "a page that says so": lambda site, path: site.knobs.raw.__setitem__(
        path,
        (
            200,
            {"Content-Type": "text/html; charset=utf-8"},
            NOT_FOUND,
        ),
    ),
}


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, marks=[pytest.mark.soak] if how == "led to another article" else [])
        for how in REMOVED
    ],
)
def test_removed_twice_is_gone_and_seen_again_is_live(
    scrapy: Scrapy, database: Documents, collected: ServedSite, how: str
) -> None:
    site = collected
    truth = site.world.article("en", 3)
    id_ = {"_id": f"en/{truth.slug}"}
    before = database.articles.find_one(id_)
    assert before is not None
    REMOVED[how](site, truth.path)
    for number, (status, found) in enumerate((("live", "missing"), ("gone", "gone")), 1):
        run = refresh(scrapy, site, ALL)
        assert run.code == 0, run.err
        assert "1 not found" in run.verdict
        assert counts(database)[f"visits/{found}"] == 1
        record = database.articles.find_one(id_)
        assert record is not None
        assert record["status"] == status, number
    assert record["body"] == before["body"]
    assert database.rejects.count_documents({}) == 0
    for rules in (site.knobs.status, site.knobs.redirect, site.knobs.raw):
        rules.clear()
    run = refresh(scrapy, site, ALL)
    assert run.code == 0, run.err
    record = database.articles.find_one(id_)
    assert record is not None
    assert (record["status"], record["revision"]) == ("live", 1)
    assert counts(database)["articles/returned"] == 1


def test_a_site_that_has_lost_everything_is_unwell(
    scrapy: Scrapy, database: Documents, collected: ServedSite
) -> None:
    site = collected
    for index in range(5):
        site.knobs.status[site.world.article("en", index).path] = 404
    run = refresh(scrapy, site, ALL)
    assert run.code == 3
    assert "5 of 8 stored articles visited were not found: is the site well?" in run.verdict


def test_other_failures_are_failures(
    scrapy: Scrapy, database: Documents, collected: ServedSite
) -> None:
    site = collected
    site.knobs.status[site.world.article("en", 0).path] = 403
    run = refresh(scrapy, site, ALL)
    assert run.code == 4, run.err
    [reject] = database.rejects.find()
    assert reject["reason"] == "http_403"


def test_another_spider_that_meets_a_removed_article(
    scrapy: Scrapy, database: Documents, collected: ServedSite
) -> None:
    """It is asked for by name, so that it is not there is a failure, and noted with the record."""
    site = collected
    truth = site.world.article("en", 0)
    site.knobs.status[truth.path] = 404
    for _ in range(2):
        run = scrapy.crawl("articles", f"url={site.url}{truth.path}", CALIBER_BASE_URL=site.url)
        assert run.code == 3, run.err
    record = database.articles.find_one({"_id": f"en/{truth.slug}"})
    assert record is not None
    assert record["status"] == "gone"
