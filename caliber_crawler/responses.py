"""Scrapy responses → pages and records. The one place where a response becomes a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from scrapy.http import Response

from caliber_crawler import counters, records
from caliber_crawler.dates import parse_http_date
from caliber_crawler.health import in_section
from caliber_crawler.items import Article, CrawlInfo, PageInfo, Reject, SectionRef
from caliber_crawler.limits import MOST_ALIASES, USUAL, Limits
from caliber_crawler.pages.article import Notes, parse_article
from caliber_crawler.pages.html import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from caliber_crawler.errors import NotAnArticle
    from caliber_crawler.site import Site

    Count = Callable[..., None]

# What a cache may have kept of a page, and more than clocks of well-kept servers differ by.
_ODD_CLOCK = timedelta(days=2)
_VALIDATOR = 1_000  # bytes; a longer one is not sent back

CUT_OFF = "cut_off"
"""The flag of a response whose end is missing, whatever was tried."""


@dataclass(frozen=True)
class Fetch:
    """Who fetched, for the record's `crawl`; `at` is the instant of the fetch in UTC."""

    crawl_id: str
    spider: str
    worker: str
    at: datetime

    def info(self, response: Response, section: str | None) -> CrawlInfo:
        """The record's `crawl` for a response; `section` is the list that named the article."""
        rendered = bool(response.meta.get("playwright")) if response.request else False
        return {
            **self.vain(requested_urls(response)[0]),
            "section": section,
            "http_status": response.status,
            "rendered": rendered,
        }

    def vain(self, asked: str) -> CrawlInfo:
        """The same for a request that got no answer: its status is 0."""
        return {
            "id": self.crawl_id,
            "spider": self.spider,
            "worker": self.worker,
            "section": None,
            "requested_url": asked,
            "http_status": 0,
            "fetched_at": self.at,
            "rendered": False,
            "outcome": "new",
        }


def requested_urls(response: Response) -> list[str]:
    """The addresses that led to the response: the one asked for, then each redirect's."""
    if response.request is None:
        return [response.url]
    return [*response.meta.get("redirect_urls", ()), response.request.url]


_PAGES: WeakKeyDictionary[Response, Page] = WeakKeyDictionary()


def page_of(response: Response) -> Page:
    """The response as bytes with an address; the same object each time, with what it has read."""
    page = _PAGES.get(response)
    if page is None:
        header = response.headers.get("Content-Type") or b""
        at = answered_at(response)
        page = Page(response.url, response.body, header.decode("latin-1"), at=at)
        _PAGES[response] = page
    return page


def answered_at(response: Response) -> datetime | None:
    """When a server answered, by its own clock if it tells: that one made "today" on the page.

    None when that clock is days from ours, so that nobody knows which day it meant.
    """
    here = datetime.now(UTC)
    said = parse_http_date((response.headers.get("Date") or b"").decode("latin-1"))
    if said is None:
        return here
    return said if abs(said - here) < _ODD_CLOCK else None


def article_of(
    response: Response,
    site: Site,
    fetch: Fetch,
    *,
    sections: Sequence[SectionRef] = (),
    addresses: Sequence[str] = (),
    limits: Limits = USUAL,
) -> tuple[Article, Notes]:
    """The record in a response, as a crawl hands it to its pipelines.

    `sections` are the lists that named the article, `addresses` other addresses that led to it.
    Raises `NotAnArticle`.
    """
    parsed = parse_article(page_of(response), site, limits)
    article = parsed.article
    led_here = [*article.aliases, *addresses, *requested_urls(response)]
    others = [url for url in dict.fromkeys(led_here) if url != article.url]
    article.aliases = others[:MOST_ALIASES]
    article.sections = records.add_sections(article.sections, sections)
    article.crawl = fetch.info(response, sections[0]["slug"] if sections else None)
    article.page = PageInfo(
        url=site.canonical(response.url),
        etag=_header(response, "ETag"),
        last_modified=_header(response, "Last-Modified"),
    )
    if CUT_OFF in response.flags and article.extraction is not None:
        article.extraction["partial"] = True
    return article, parsed.notes


def count_notes(article: Article, notes: Notes, count: Count) -> None:
    """Count what was odd about a page, with `CaliberAddon.count` or alike."""
    count(counters.ARTICLES_READ)
    count(counters.TIMES_UNKNOWN, number=int(notes.unknown_time is not None))
    count(counters.TIMES_WITHOUT_CLOCK, number=int(notes.time_without_clock))
    count(counters.VIEWS_UNKNOWN, number=int(notes.unknown_views is not None))
    count(counters.TIMES_ZULU, number=int(notes.zulu_meant_local))
    count(counters.TEASERS_LEFT_OUT, number=notes.teasers)
    count(counters.BOXES_LEFT_OUT, number=notes.boxes)
    for name in notes.cut:
        count(counters.CUT, name)
    count(counters.ARTICLES_GARBLED, number=int(notes.garbled))
    for name in notes.conflicts:
        count(counters.CONFLICTS, name)
    how = article.extraction
    if how is not None:
        count(counters.ARTICLES_PARTIAL, number=int("partial" in how))
        count(counters.ARTICLES_FALLBACK, number=int(how["method"] == "fallback"))
        for name in how["missing"]:
            count(counters.MISSING, name)
    count(counters.ARTICLES_HOLLOW, number=int(_is_hollow(article)))
    _count_in_section(article, count)


def _count_in_section(article: Article, count: Count) -> None:
    how = article.extraction
    seen = ["read", *["hollow"] * _is_hollow(article)]
    if how is not None:
        seen += ["fallback"] * (how["method"] == "fallback")
        seen += [f"no_{name}" for name in how["missing"]]
    for what in seen:
        if detail := in_section(what, article.language, section_of(article)):
            count(counters.SECTIONS, detail)


def _is_hollow(article: Article) -> bool:
    """Whether the body shows nothing at all. Some articles are a video or pictures alone."""
    pictures = any(image["role"] == "body" for image in article.images)
    return not (article.body or article.embeds or pictures)


def section_of(article: Article) -> str | None:
    """The section by which an article is counted: the list that named it, else its own first."""
    listed = article.crawl["section"] if article.crawl else None
    return listed or (article.sections[0]["slug"] if article.sections else None)


def means_missing(response: Response, error: NotAnArticle, site: Site) -> bool:
    """Whether a page that shows no article says so of the one that was asked for.

    It does when it reads "not found", or when the site leads elsewhere, to its home page or a list.
    """
    if error.kind == "not_found":
        return True
    led_away = site.canonical(requested_urls(response)[0]) != site.canonical(response.url)
    return led_away and error.kind in ("home", "list")


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1").strip() or None if value and len(value) < _VALIDATOR else None


def reject_of(response: Response, fetch: Fetch, reason: str, detail: str) -> Reject:
    """The reject for a page that gives no record, with the beginning of its text."""
    return Reject(
        url=response.url,
        reason=reason,
        detail=detail,
        at=fetch.at,
        crawl=fetch.info(response, None),
        http_status=response.status,
        excerpt=response.body[:2000].decode("utf-8", "replace"),
    )
