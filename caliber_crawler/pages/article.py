"""An article page → the record, as far as the page holds it.

Layout ``post-2025``: root ``.post`` with the parts named below. Fields are read from the visible
page first and from the page's head only when the visible page has none, because head data lags
behind edits. What the page does not say stays empty and is named in ``extraction.missing``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from caliber_crawler.dates import parse_printed
from caliber_crawler.errors import NotAnArticle
from caliber_crawler.items import Article, Image, SectionRef
from caliber_crawler.pages import media, metadata
from caliber_crawler.pages.body import Body, read_body
from caliber_crawler.pages.html import Element, Page, attribute, href_of, words
from caliber_crawler.pages.section import CARD, editions, section_links
from caliber_crawler.people import clean_authors, split_byline
from caliber_crawler.records import add_sections
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

_PARTS = frozenset({*SECTION, TITLE, TIME, COVER, BODY, VIEWS})

# Fields that a page can be expected to show. Embeds, links and other editions are not missing from
# a page that has none.
EXPECTED = (
    "title", "description", "authors", "sections", "published_at", "body", "images", "views",
)  # fmt: skip

MAX_INT64 = 2**63 - 1
# A count: digits, perhaps in groups of three. "1.2K", "3,5 тыс." and "1e5" are no counts to be had.
_COUNT = re.compile(
    r"(?<![\w.,'’-])(?<!\d\s)(?:\d{1,3}(?:[\s.,'’]\d{3})+|\d{1,30})(?![\s.,'’]*\d|\w)"
    r"(?!\s*(?:[kкmм]|тыс|млн|min|mln|mil|thousand|million|հազ|մլն)(?:\b|\.))",
    re.IGNORECASE,
)
_LINKS = frozenset({"a"})


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
    parts = _parts(page, site)
    notes = Notes()
    meta = metadata.meta_values(page)
    ld = metadata.json_ld_article(page)
    body, byline = _body(parts, page.url, site, notes)

    article = Article()
    _identify(article, page, site)
    article.title = words(parts.get(TITLE))
    article.description = line(meta.get("description") or meta.get("og:description") or "") or None
    article.authors = byline if byline is not None else _metadata_authors(meta, ld)
    article.sections = _sections(parts, page, site)
    article.published_at = _published(parts.get(TIME), meta, ld, site, notes)
    article.body = "\n\n".join(body.paragraphs)
    article.images = _images(parts, meta, body, page.url, site)
    article.embeds, article.links = body.embeds, body.links
    article.views = _views(parts.get(VIEWS), notes)
    article.alternates = _alternates(page, site)
    article.extraction = {
        "method": "template",
        "layout": LAYOUT,
        "missing": [name for name in EXPECTED if getattr(article, name) in (None, "", [])],
    }
    return ParsedArticle(article, notes)


def _parts(page: Page, site: Site) -> dict[str, Element]:
    """The first element of each part within the root; part names are class names of the layout.

    The root is the first that holds a headline or a body.
    """
    roots = page.classes(ROOT).get(ROOT, [])
    seen: set[Element] = set()
    for root in roots:
        nested = any(outer in seen for outer in root.iterancestors())
        seen.add(root)
        if nested:  # was looked through with the outer one
            continue
        found: dict[str, Element] = {}
        for element in cast("list[Element]", root.xpath(".//*[contains(@class, 'post_')]")):
            for name in attribute(element, "class").split():
                if name in _PARTS:
                    found.setdefault(name, element)
        if TITLE in found or BODY in found:
            return found
    raise _wrong_kind(page, site, bool(roots))


def _wrong_kind(page: Page, site: Site, has_root: bool) -> NotAnArticle:
    shown = (words(element) for element in page.root.iter("h1", "title"))
    excerpt = " ".join(filter(None, shown))[:200]
    if has_root:
        return NotAnArticle("empty", f"an article's frame without headline and body: {excerpt!r}")
    address = site.address(page.url)
    if address and address.kind == "home":
        return NotAnArticle("home", f"the home page: {excerpt!r}")
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
    parts: dict[str, Element], page_url: str, site: Site, notes: Notes
) -> tuple[Body, list[str] | None]:
    """The body without furniture, and the persons of its byline; None when it has no byline.

    An embed in the cover's place (a video) comes before those of the body.
    """
    body = read_body(parts[BODY], page_url, site) if BODY in parts else Body()
    if COVER in parts:
        shown_first = read_body(parts[COVER], page_url, site).embeds
        body.embeds = shown_first + [embed for embed in body.embeds if embed not in shown_first]
    notes.teasers = body.teasers
    paragraphs = [part for part in body.paragraphs if not is_boilerplate(part)]
    body.paragraphs, byline = split_byline(paragraphs)
    return body, byline


def _metadata_authors(meta: dict[str, str], ld: dict[str, Any]) -> list[str]:
    named = [meta[name] for name in ("author", "article:author") if name in meta]
    return clean_authors(metadata.json_ld_authors(ld) or named)


def _sections(parts: dict[str, Element], page: Page, site: Site) -> list[SectionRef]:
    """The sections in the page's label; a slug comes from a link or else from the navigation."""
    element = next((parts[name] for name in SECTION if name in parts), None)
    if element is None:
        return []
    found: list[SectionRef] = []
    for link in element.iter("a"):
        slug, name = _section_slug(link, page, site), words(link)
        if slug and name:
            found = add_sections(found, [{"slug": slug, "name": name}])
    name = words(element)
    if found or not name:
        return found
    slug = next(
        filter(None, (_section_slug(a, page, site) for a in element.iterancestors("a"))), None
    )
    if slug is None:
        key = fold(name)
        slugs = (
            known.ref["slug"]
            for known in section_links(page, site)
            if fold(known.ref["name"]) == key
        )
        slug = next(slugs, None)
    return [{"slug": slug, "name": name}]


def _section_slug(link: Element, page: Page, site: Site) -> str | None:
    href = href_of(link)
    address = site.address(href, page.url) if href else None
    return address.slug if address and address.kind == "section" else None


def _published(
    element: Element | None, meta: dict[str, str], ld: dict[str, Any], site: Site, notes: Notes
) -> datetime | None:
    """The time printed on the page; where none is printed, the one that the head states."""
    shown = [] if element is None else _time_texts(element)
    stated = ld.get("datePublished")
    in_head = [
        meta.get("article:published_time"),
        stated if isinstance(stated, str) else None,
    ]
    if shown and not any(parse_printed(text, site.zone) for text in shown):
        notes.unknown_time = shown[0]
    for candidate in (*shown, *in_head):
        printed = parse_printed(candidate, site.zone)
        if printed:
            notes.time_without_clock = not printed.has_clock
            return printed.instant
    return None


def _time_texts(element: Element) -> list[str]:
    """What may be the time in the time box, likeliest first.

    An editor's link was once found in the box, so the whole comes before the text without links,
    and that before the box's own text. A machine's form is last, since readers do not see it.
    """
    own = line(" ".join(filter(None, [element.text, *(child.tail for child in element)])))
    stamps = [attribute(stamp, "datetime") for stamp in element.iter("time")]
    found = [words(element), words(element, without=_LINKS), own, *stamps]
    return list(dict.fromkeys(filter(None, found)))


def _images(
    parts: dict[str, Element], meta: dict[str, str], body: Body, page_url: str, site: Site
) -> list[Image]:
    """The cover, then the body's pictures. A page without pictures has the head's as cover."""

    def resolve(href: str) -> str | None:
        return site.resolve(href, page_url)

    url = media.box_picture(parts[COVER], resolve) if COVER in parts else None
    if url is None and not body.images and "og:image" in meta:
        url = resolve(meta["og:image"])
    covers: list[Image] = [{"url": url, "role": "cover", "caption": None}] if url else []
    return covers + [image for image in body.images if image["url"] != url]


def _views(element: Element | None, notes: Notes) -> int | None:
    """The counter as printed; a number beyond what MongoDB can hold is unknown."""
    shown = words(element)
    if shown is None:
        return None
    found = _COUNT.search(shown)
    number = int(re.sub(r"\D", "", found[0])) if found else None
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
