"""What takes long: ``make soak``."""

from __future__ import annotations

import random
import re
import signal
import time
from typing import Any

import pytest
from pymongo.database import Database

from caliber_crawler.errors import NotAnArticle
from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.section import parse_list
from caliber_crawler.records import clean
from caliber_crawler.site import Site
from demo_site import SiteConfig
from demo_site.messages import Request
from demo_site.site import Site as DemoSite
from tests.conftest import Scrapy
from tests.crawls import kill_and_crawl_again, peak_memory


def test_memory_over_a_long_crawl(scrapy: Scrapy) -> None:
    few, many = peak_memory(scrapy, 1_000), peak_memory(scrapy, 20_000)
    assert many < few * 1.25


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_kills_at_many_moments(
    scrapy: Scrapy, database: Database[dict[str, Any]], number: signal.Signals, seed: int
) -> None:
    kill_and_crawl_again(scrapy, database, number, moments=12, seed=seed)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_pages_raise_nothing_but_our_own_errors(seed: int) -> None:
    chance = random.Random(seed)
    site = Site.from_settings("http://127.0.0.1:8000", "Asia/Baku")
    demo = DemoSite(SiteConfig(articles=50, seed=seed))
    paths = ["/en/", "/en/category/world"]
    paths += [demo.world.article(lang, i).path for lang in ("en", "ru") for i in range(20)]
    pages = [demo.answer(Request("GET", site.base, path)).body for path in paths]
    # Half of them as after a change of the layout.
    pages += [re.sub(rb'class="(?:post|float)_[^"]*"', b'class="x"', page) for page in pages]
    slow = kept = 0
    for _ in range(12_500):
        page = Page(f"{site.base}/en/post/x", _damaged(chance.choice(pages), chance))
        began = time.process_time()
        parse_list(page, site)
        try:
            article = clean(parse_article(page, site).article)
        except NotAnArticle:
            continue
        finally:
            slow += time.process_time() - began > 1
        kept += 1
        assert article.title
        article.body.encode("utf-8")
        assert clean(article).content_hash == article.content_hash
    assert slow == 0
    assert kept > 6_000


def _damaged(page: bytes, chance: random.Random) -> bytes:
    """The page with bytes cut out, doubled, swapped or replaced at random places."""
    damaged = bytearray(page)
    for _ in range(chance.randrange(1, 12)):
        start = chance.randrange(len(damaged) or 1)
        end = start + chance.choice((1, 5, 60, 2_000))
        match chance.randrange(4):
            case 0:
                del damaged[start:end]
            case 1:
                damaged[start:start] = damaged[start:end]
            case 2:
                damaged[start:end] = chance.randbytes(min(end - start, 50))
            case _:
                other = chance.randrange(len(damaged) or 1)
                damaged[start:end] = damaged[other : other + 60]
    return bytes(damaged)
