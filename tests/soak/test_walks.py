"""Long lists, walked whole: every way of asking that the stand-in knows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, World, serve_process
from demo_site.config import LIST_PROTOCOLS, ListProtocol
from tests.conftest import Run, Scrapy, wait_until
from tests.test_walk import HARD, RULED, learn_and_keep, scroll

LEARNABLE = [name for name in LIST_PROTOCOLS if name not in ("none", "signed")]


def _config(cards: int, protocol: ListProtocol) -> SiteConfig:
    """A site whose section "world" has about that many cards."""
    sample = World(SiteConfig(articles=1000, seed=2))
    share = sum(1 for _ in sample.in_section("en", "world")) / 1000
    return SiteConfig(articles=round(cards / share), seed=2, list_protocol=protocol)


def _walk(scrapy: Scrapy, config: SiteConfig) -> Run:
    with serve_process(config) as url:
        options = ("-a", "section=world", "-O", str(scrapy.feed))
        process = scrapy.start("crawl", "sections", *options, CALIBER_BASE_URL=url)
        run = scrapy.finish(process, seconds=400)
    assert run.code == 0, run.err
    return run


@pytest.mark.parametrize("protocol", LEARNABLE)
def test_two_thousand_articles_by_a_learned_rule(
    scrapy: Scrapy, database: Database[dict[str, Any]], protocol: ListProtocol
) -> None:
    config = _config(2_000, protocol)
    wanted = {truth.slug for truth in World(config).in_section("en", "world")}
    run = _walk(scrapy, config)
    assert len(run.records) == len(wanted)
    assert {r["slug"] for r in run.records} == wanted
    assert database.articles.count_documents({}) == len(wanted)
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert crawl["counts"]["rules/learned"] == 1
    assert crawl["counts"]["lists/scrolled"] < 10
    wait_until(lambda: not scrapy.alive(), what="the browser to be gone")


def test_a_long_list_that_follows_no_rule_is_scrolled_whole(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    config = _config(1_000, "signed")
    wanted = {truth.slug for truth in World(config).in_section("en", "world")}
    run = _walk(scrapy, config)
    assert {r["slug"] for r in run.records} == wanted
    assert re.search("no rule found, scrolling on", run.err)


@pytest.mark.parametrize("protocol", RULED[1::2])
def test_further_kept_rules(
    scrapy: Scrapy, database: Database[dict[str, Any]], protocol: ListProtocol
) -> None:
    learn_and_keep(scrapy, database, protocol)


@pytest.mark.parametrize("name", list(HARD)[1::2])
def test_further_lists_that_are_hard_to_scroll(scrapy_without_store: Scrapy, name: str) -> None:
    scroll(scrapy_without_store, name)
