"""One story is one record: the long forms of tests/test_history.py."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from demo_site import serve
from tests.conftest import Scrapy
from tests.crawls import crawl_a_site_at_rest
from tests.history import STORIES, History, compare, config, crawls_of

Documents = Database[dict[str, Any]]


def test_twenty_crawls_of_five_hundred_articles_at_rest(
    scrapy: Scrapy, database: Documents
) -> None:
    crawl_a_site_at_rest(scrapy, database, articles=500, crawls=20)


@pytest.mark.parametrize("seed", range(1, 6))
def test_twenty_crawls_of_two_hundred_stories(
    scrapy: Scrapy, database: Documents, seed: int
) -> None:
    with serve(config(seed)) as site:
        history = History(site, seed)
        history.play(crawls_of(scrapy, site))
        assert compare(database, history) == []
    assert len(history.stories) == database.articles.count_documents({}) == STORIES
