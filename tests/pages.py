"""Builders of pages: the frame that is known of the real site, round a test's own words."""

from __future__ import annotations

from caliber_crawler.pages.article import ParsedArticle, parse_article
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.section import ListPage, parse_list
from caliber_crawler.site import Site

SITE = Site.from_settings("https://caliber.az", "Asia/Baku")
ARTICLE_URL = "https://caliber.az/en/post/north-road-reopens"
SECTION_URL = "https://caliber.az/en/category/world"

HEADER = (
    '<a class="logo" href="https://caliber.az/en/">Caliber.Az</a>'
    '<a href="#">twitter</a><a href="#">youtube</a><span>night_theme</span>'
    '<a href="https://caliber.az/">ru</a><a href="https://caliber.az/arm/">arm</a>'
    '<nav><a href="https://caliber.az/en/category/world">WORLD</a>'
    '<a href="https://caliber.az/en/category/sport">SPORT</a></nav>'
    "<p>Any use of materials is allowed only with a link.</p>"
)


def card_html(
    href: str = "https://caliber.az/en/post/another-story",
    *,
    title: str = "Another story",
    time: str = "01 April 2025 10:00",
    category: str = "WORLD",
    category_href: str = "https://caliber.az/en/category/world",
    style: str = "background-image:url(/media/photos/normal/aa.webp)",
) -> str:
    """One card of a list."""
    return (
        f'<div class="float_block"><a href="{href}"><div class="float_block_image_block">'
        f'<div class="float_block_image" style="{style}"></div></div></a>'
        f'<a href="{href}"><h2 class="float_block_title">{title}</h2></a>'
        f'<div class="float_block_bottom"><a href="{category_href}">'
        f'<span class="float_block_category">{category}</span></a>'
        f'<span class="float_block_time">{time}</span></div></div>'
    )


def article_html(
    body: str = "<p>Snow fell.</p>",
    *,
    title: str = "North road reopens",
    section: str = '<div class="post_categoty">WORLD</div>',
    time: str = "02 April 2025 13:24",
    cover: str = "",
    views: str = "Views: 141",
    head: str = "",
    header: str = HEADER,
) -> str:
    """An article page with everything that surrounds an article on the site."""
    return (
        f"<!DOCTYPE html><html><head>{head}</head><body>{header}<div class='post'>{section}"
        f"<div><button>A+</button><button>A-</button></div>"
        f'<h1 class="post_title">{title}</h1><div class="post_time">{time}</div>{cover}'
        f'<div class="post_body">{body}</div><div class="post_signature">Caliber.Az</div>'
        f'<div class="post_hits">{views}</div>'
        "<div>share-lineLiked the story? Share it!</div><a href='#'>print</a>"
        "<a href='#'>copy link</a><div>Link copied</div><div class='ads'>ads</div>"
        f"<h3>WORLD</h3><p>More of the world</p>{card_html()}<div>loading</div></div></body></html>"
    )


def page(html: str | bytes, url: str = ARTICLE_URL, content_type: str = "text/html") -> Page:
    """A fetched page."""
    return Page(url, html if isinstance(html, bytes) else html.encode(), content_type)


def article(
    body: str = "<p>Snow fell.</p>", *, url: str = ARTICLE_URL, **parts: str
) -> ParsedArticle:
    """The record in an article page that `article_html` builds."""
    return parse_article(page(article_html(body, **parts), url), SITE)


def listing(html: str, url: str = SECTION_URL) -> ListPage:
    """What a list page holds."""
    return parse_list(page(html, url), SITE)
