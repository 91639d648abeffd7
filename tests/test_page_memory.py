"""A page that was read is freed at once: nothing of it holds itself.

Garbage is collected seldom in a crawl, so trees of pages in reference cycles would pile up.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.attributes import read_attributes
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.section import parse_list
from caliber_crawler.site import Site
from demo_site import SiteConfig
from demo_site.messages import Request
from demo_site.site import Site as DemoSite
from tests.pages import SITE, article_html, card_html

DEMO = DemoSite(SiteConfig(articles=60, seed=11))
PICTURES = (
    '<figure><img src="/media/photos/original/a.webp"><figcaption>A road</figcaption></figure>'
    '<iframe src="https://www.youtube.com/embed/abc"></iframe>'
    '<p>As <a href="https://caliber.az/en/post/before">told before</a>, snow fell.</p>'
    f'<div class="related">{card_html()}</div><h2><a href="/en/post/b">Another</a></h2>'
)


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def from_demo(path: str) -> Page:
    answer = DEMO.answer(Request("GET", SITE.base, path))
    return Page(SITE.base + path, answer.body, "text/html")


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.usefixtures("uncollected")
def test_an_article(renamed: bool) -> None:
    """Of the known layout, and of one with other names."""
    demo = from_demo(DEMO.world.article("en", 3).path)
    for html in (demo.text, article_html(PICTURES)):
        shown = html.replace('class="post', 'class="story') if renamed else html
        page = Page(demo.url, shown.encode(), "text/html")
        extraction = parse_article(page, SITE).article.extraction
        assert extraction is not None
        assert extraction["method"] == ("fallback" if renamed else "template")
        read(parse_article, page)


@pytest.mark.parametrize("parse", [parse_list, read_attributes])
@pytest.mark.parametrize("path", ["/en/", "/en/category/world"])
@pytest.mark.usefixtures("uncollected")
def test_a_list(parse: Callable[[Page, Site], object], path: str) -> None:
    read(parse, from_demo(path))


def read(parse: Callable[[Page, Site], object], page: Page) -> None:
    for _ in range(2):  # the first time fills caches
        assert parse(Page(page.url, page.body, page.content_type), SITE)
        left = gc.collect()
    assert left == 0
