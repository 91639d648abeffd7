"""The hostile site with all its attacks."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from tests.conftest import Scrapy
from tests.test_hostile_site import crawl_to_the_end


def test_a_hostile_site_is_crawled_to_the_end(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    crawl_to_the_end(scrapy, database)
