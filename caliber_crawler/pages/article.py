"""An article page → the record, as far as the page holds it.

Layout ``post-2025``: root ``.post`` with the parts named below. Fields are read from the visible
page first and from the page's head only when the visible page has none, because head data lags
behind edits. What the page does not say stays empty and is named in ``extraction.missing``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caliber_crawler.dates import parse_printed
from caliber_crawler.errors import NotAnArticle
from caliber_crawler.items import Article, Image, SectionRef
from caliber_crawler.pages import media, metadata
from caliber_crawler.pages.body import Body, read_body
from caliber_crawler.pages.html import Element, Page, attribute, raw_text, words
from caliber_crawler.pages.section import CARD, editions, section_links
from caliber_crawler.people import clean_authors, split_byline
from caliber_crawler.site import Site
from caliber_crawler.text import fold, is_boilerplate, line

LAYOUT = "post-2025"

ROOT = "post"
SECTION = ("post_categoty", "post_category")  # the site spells it the first way
TITLE = "post_title"
TIME = "post_time"
COVER = "post_cover"
BODY = "post_body"
VIEWS = "post_hits"

# Fields that a page can be expected to show. Embeds, links and other editions are not missing from
# a page that has none.
EXPECTED = (
    "title", "description", "authors", "sections", "published_at", "body", "images", "views",
)  # fmt: skip

MAX_INT64 = 2**63 - 1
_DIGITS = re.compile(r"\d[\d\s.,'’]*")


@dataclass
class Notes:
    """What happened while a page was read, for counters: odd values that became "unknown".

    `unknown_time` is a printed time that was not understood, `time_without_clock` one that names a
    day only, `unknown_views` a counter text that is no number, `teasers` paragraphs left out.
    """

    unknown_time: str | None = None
    time_without_clock: bool = False
    unknown_views: str | None = None
    teasers: int = 0


@dataclass(frozen=True)
class ParsedArticle:
    """The record and the notes. History, crawl data and hash are for others to fill in."""

    article: Article
    notes: Notes


def parse_article(page: Page, site: Site) -> ParsedArticle:
    """Read an article page.

    Raises `NotAnArticle` when the page lacks the layout's root: a list, the home page, an error
    text. A page with the root but without a headline gives a record without title, which
    validation refuses with that reason.
    """
    parts = _parts(page)
    notes = Notes()
    meta = metadata.meta_values(page)
    ld = metadata.json_ld_article(page)
    body, byline = _body(parts.get(BODY), page.url, site, notes)

    article = Article()
    _identify(article, page, site)
    article.title = words(parts.get(TITLE))
    article.description = line(meta.get("description") or meta.get("og:description") or "") or None
    article.authors = byline if byline is not None else _metadata_authors(meta, ld)
    article.sections = _sections(parts, page, site)
    article.published_at = _published(parts.get(TIME), meta, ld, site, notes)
    article.body = "\n\n".join(body.paragraphs)
    article.images = _images(parts.get(COVER), meta, body, page.url, site)
    article.embeds, article.links = body.embeds, body.links
    article.views = _views(parts.get(VIEWS), notes)
    article.alternates = _alternates(page, site)
    article.extraction = {
        "method": "template",
        "layout": LAYOUT,
        "missing": [name for name in EXPECTED if getattr(article, name) in (None, "", [])],
    }
    return ParsedArticle(article, notes)


def _parts(page: Page) -> dict[str, Element]:
    """The first element of each part within the root; part names are class names of the layout."""
    classes = page.classes(ROOT)
    roots = classes.get(ROOT, [])
    found: dict[str, Element] = {}
    for name in (TITLE, TIME, COVER, BODY, VIEWS, *SECTION):
        for element in classes.get(name, ()):
            if any(root in element.iterancestors() for root in roots[:1]):
                found[name] = element
                break
    if TITLE not in found and BODY not in found:
        raise _wrong_kind(page, bool(roots))
    return found


def _wrong_kind(page: Page, has_root: bool) -> NotAnArticle:
    excerpt = line(" ".join(raw_text(e) for e in page.root.iter("h1", "title")))[:200]
    if has_root:
        return NotAnArticle("empty", f"an article's frame without headline and body: {excerpt!r}")
    if page.classes(CARD):
        return NotAnArticle("list", f"a page of cards: {excerpt!r}")
    return NotAnArticle("unknown", f"no article in the page: {excerpt!r}")


def _identify(article: Article, page: Page, site: Site) -> None:
    """Set address, edition, slug, id and aliases.

    The page's canonical link decides when it names an article of the same edition; one that points
    at the home page, a list or another edition is an error of the site and is ignored.
    """
    fetched = site.address(page.url)
    stated = site.address(metadata.canonical_href(page) or "", page.url)
    chosen = fetched if fetched and fetched.kind == "article" else None
    same_edition = stated and (chosen is None or stated.language == chosen.language)
    if stated and stated.kind == "article" and same_edition:
        chosen = stated
    article.url = chosen.url if chosen else site.canonical(page.url) or page.url
    if chosen:
        article.id, article.language, article.slug = chosen.id, chosen.language, chosen.slug
    if fetched and fetched.url != article.url:
        article.aliases = [fetched.url]


def _body(
    element: Element | None, page_url: str, site: Site, notes: Notes
) -> tuple[Body, list[str] | None]:
    """The body without furniture, and the persons of its byline; None when it has no byline."""
    if element is None:
        return Body(), None
    body = read_body(element, page_url, site)
    notes.teasers = body.teasers
    paragraphs = [part for part in body.paragraphs if not is_boilerplate(part)]
    body.paragraphs, byline = split_byline(paragraphs)
    return body, byline


def _metadata_authors(meta: dict[str, str], ld: dict[str, Any]) -> list[str]:
    named = [meta[name] for name in ("author", "article:author") if name in meta]
    return clean_authors(metadata.json_ld_authors(ld) or named)


def _sections(parts: dict[str, Element], page: Page, site: Site) -> list[SectionRef]:
    """The section on the page: its label, and its slug from its link or from the navigation."""
    element = next((parts[name] for name in SECTION if name in parts), None)
    name = words(element)
    if element is None or not name:
        return []
    around = (*element.iter("a"), *element.iterancestors("a"))
    addresses = [site.address(attribute(link, "href"), page.url) for link in around]
    slug = next((a.slug for a in addresses if a and a.kind == "section"), None)
    if slug is None:
        key = fold(name)
        slugs = (
            known.ref["slug"]
            for known in section_links(page, site)
            if fold(known.ref["name"]) == key
        )
        slug = next(slugs, None)
    return [{"slug": slug, "name": name}]


def _published(
    element: Element | None, meta: dict[str, str], ld: dict[str, Any], site: Site, notes: Notes
) -> datetime | None:
    """The time printed on the page; where none is printed, the one that the head states."""
    shown = _time_text(element)
    stated = ld.get("datePublished")
    candidates = (
        shown,
        meta.get("article:published_time"),
        stated if isinstance(stated, str) else None,
    )
    for candidate in candidates:
        printed = parse_printed(candidate, site.zone)
        if printed:
            notes.time_without_clock = not printed.has_clock
            return printed.instant
        if candidate is shown:
            notes.unknown_time = shown
    return None


def _time_text(element: Element | None) -> str | None:
    """The text of the time box itself: an editor's link was once found inside it."""
    if element is None:
        return None
    own = [element.text, *(child.tail for child in element)]
    stamped = next(filter(None, (attribute(e, "datetime") for e in element.iter("time"))), None)
    return line(" ".join(filter(None, own))) or stamped or words(element)


def _images(
    cover: Element | None, meta: dict[str, str], body: Body, page_url: str, site: Site
) -> list[Image]:
    """The cover, then the body's pictures. A page without pictures has the head's as cover."""

    def resolve(href: str) -> str | None:
        return site.resolve(href, page_url)

    url = None
    if cover is not None:
        boxes = (media.background_url(e.get("style"), resolve) for e in cover.iter("*"))
        pictures = (media.image_url(e, resolve) for e in cover.iter("img"))
        url = next(filter(None, (*boxes, *pictures)), None)
    if url is None and not body.images and "og:image" in meta:
        url = resolve(meta["og:image"])
    covers: list[Image] = [{"url": url, "role": "cover", "caption": None}] if url else []
    return covers + [image for image in body.images if image["url"] != url]


def _views(element: Element | None, notes: Notes) -> int | None:
    """The counter as printed; a number beyond what MongoDB can hold is unknown."""
    shown = words(element)
    if shown is None:
        return None
    digits = _DIGITS.search(shown)
    number = int(re.sub(r"\D", "", digits[0])) if digits and len(digits[0]) < 40 else None
    if number is None or number > MAX_INT64:
        notes.unknown_views = shown[:100]
        return None
    return number


def _alternates(page: Page, site: Site) -> dict[str, str]:
    """Edition → address of this article there, from hreflang links and the edition switch."""
    found = metadata.hreflang_links(page, site)
    for edition in editions(page, site):
        if edition.address.kind == "article" and edition.address.language:
            found.setdefault(edition.address.language, edition.address.url)
    here = site.address(page.url)
    found.pop(here.language if here and here.language else "", None)
    return found
