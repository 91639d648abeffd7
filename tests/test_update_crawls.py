"""What an update costs: `scrapy crawl sections` on what a crawl before it stored."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import Post, ServedSite, SiteConfig, serve
from demo_site.world import NEWEST
from tests.conftest import Run, Scrapy

Documents = Database[dict[str, Any]]
SECTIONS = ("politics", "world", "economy", "society", "culture")


def post(site: ServedSite, number: int, section: str) -> None:
    """Put a new article on top of a section."""
    text = f"Item {number} of the {section} desk says that hall {number} opens in week {number}."
    at = NEWEST + timedelta(hours=1, minutes=number)
    site.knobs.posted[f"posted-{number}"] = Post(f"Hall {number} opens", (text,), at, (section,))


def asked(site: ServedSite) -> Counter[str]:
    """Paths asked for since the last call, articles as one, without robots.txt."""
    paths = Counter("/post/" if "/post/" in hit.path else hit.path for hit in site.log)
    site.log.clear()
    del paths["/robots.txt"]
    return paths


@pytest.mark.parametrize("first", ["render=http", "render=auto"])
def test_five_new_articles_in_five_sections(
    scrapy: Scrapy, database: Documents, first: str
) -> None:
    lists = Counter([f"/en/category/{section}" for section in SECTIONS])
    with serve(SiteConfig(articles=50, seed=3)) as site:
        listed = {t.slug for section in SECTIONS for t in site.first_list("en", section)}
        for number in range(len(listed), 50):
            post(site, number, SECTIONS[number % 5])

        def crawl(*arguments: str) -> Run:
            run = scrapy.crawl(
                "sections", f"section={','.join(SECTIONS)}", *arguments,
                CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
            )  # fmt: skip
            assert run.code == 0, run.err
            return run

        crawl(first, "mode=full")
        assert database.articles.count_documents({}) == 50
        asked(site)
        crawl()
        assert asked(site) == lists + Counter({"/en/": 1}), "nothing is new"
        for number, section in enumerate(SECTIONS, 100):
            post(site, number, section)
        run = crawl()
        assert asked(site) == lists + Counter({"/en/": 1, "/post/": 5}), "five are new"
        assert {record["slug"] for record in run.records} == {
            f"posted-{n}" for n in range(100, 105)
        }
    assert database.articles.count_documents({}) == 55
