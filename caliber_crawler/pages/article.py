"""An article page → the record, as far as the page holds it.

A layout finds the parts of the page (`layouts`, and `fallback` for a page that none fits); the
record is read from the parts in one way for all. Fields are read from the visible page first and
from the page's head only when the visible page has none, because head data lags behind edits. What
the page does not say stays empty and is named in ``extraction.missing``; where page and head
contradict one another, the field is named in ``extraction.conflicts``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from caliber_crawler.dates import PrintedTime, parse_printed
from caliber_crawler.items import Article, Image, SectionRef
from caliber_crawler.limits import MOST_NAMES, USUAL, Limits
from caliber_crawler.pages import bounds, fallback, media, metadata
from caliber_crawler.pages.body import Body, read_body
from caliber_crawler.pages.html import Element, Page, href_of, words
from caliber_crawler.pages.kinds import (
    has_error_box,
    is_not_found,
    says_missing,
    stands_before,
    what_it_is,
)
from caliber_crawler.pages.layouts import LAYOUTS
from caliber_crawler.pages.metadata import Head
from caliber_crawler.pages.parts import Parts
from caliber_crawler.pages.section import editions, section_links
from caliber_crawler.people import parse_byline, split_byline
from caliber_crawler.records import add_sections
from caliber_crawler.site import Site
from caliber_crawler.text import fold, is_boilerplate, is_garbled, unescaped, ungarbled, word_count

# Fields that a page can be expected to show. Embeds, links and other editions are not missing from
# a page that has none.
EXPECTED = (
    "title", "description", "authors", "sections", "published_at", "body", "images", "views",
)  # fmt: skip

UNKNOWN = "unknown"
"""The layout of a page that none of the known ones fits."""

# A page without any other sign is an article when it has so many words.
_PLENTY = 80
_FIGURE = 4  # elements round a cover among which its figure is
_LONGEST_COUNT = 200  # letters of what is shown as the counter of views
MAX_INT64 = 2**63 - 1
_DIGIT = re.compile(r"\d")
# A count: digits, perhaps in groups of three. "1.2K", "3,5 тыс." and "1e5" are no counts to be had.
_COUNT = re.compile(
    r"(?<![\w.,'’-])(?<!\d\s)(?:\d{1,3}(?:[\s.,'’]\d{3})+|\d{1,30})(?![\s.,'’]*\d|\w)"
    r"(?!\s*(?:[kкmм]|тыс|млн|min|mln|mil|thousand|million|հազ|մլն)(?:\b|\.))",
    re.IGNORECASE,
)
# What page titles have behind the headline: a mark and up to three words, perhaps several times.
# A mark is no word, or a row of them could be read in countless ways.
_MARK = r"(?:[|–—·»-]|::)"
_LABEL_WORD = rf" (?!{_MARK}(?: |$))[^\s|]+"
_LABEL_BEHIND = re.compile(rf"(?: {_MARK}(?:{_LABEL_WORD}){{1,3}})+")


@dataclass
class Notes:
    """What happened while a page was read, for counters: odd values that became "unknown".

    `unknown_time` is a printed time that was not understood, `time_without_clock` one that names a
    day only, `zulu_meant_local` that the head calls the printed local time UTC, `unknown_views` a
    counter text that is no number, `teasers` paragraphs left out, `boxes` boxes left out that hold
    sentences, `garbled` that letters are lost, `conflicts` the fields of which page and head say
    different things, `cut` the fields that go beyond their limit.
    """

    unknown_time: str | None = None
    time_without_clock: bool = False
    zulu_meant_local: bool = False
    unknown_views: str | None = None
    teasers: int = 0
    boxes: int = 0
    garbled: bool = False
    conflicts: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ParsedArticle:
    """The record and the notes. History, crawl data and hash are for others to fill in."""

    article: Article
    notes: Notes


def parse_article(page: Page, site: Site, limits: Limits = USUAL) -> ParsedArticle:
    """Read an article page. What goes beyond a limit is cut and named in ``extraction.cut``.

    Raises `NotAnArticle` when the page shows no article: a list, the home page, an error text, a
    question for consent, a page without a headline.
    """
    head = Head.of(page)
    layout, parts = _parts(page, site, head)
    notes = Notes()
    body, byline = _body(parts, page, site, notes, limits)

    article = Article()
    _identify(article, page, site)
    article.title = parts.title and unescaped(ungarbled(parts.title))
    article.description = head.description and unescaped(ungarbled(head.description))
    if byline is None:
        byline = _byline_apart(parts)
    article.sections = _sections(parts.section, head, page, site)
    article.authors = _head_authors(article, head, page, site) if byline is None else byline
    article.published_at = _published(parts.times, head, site, notes)
    article.body = "\n\n".join(map(ungarbled, body.paragraphs))[: limits.text]
    article.images = _images(parts.cover, head, body, page.base, site)
    article.embeds, article.links = body.embeds, body.links
    article.views = _views(parts.views, notes)
    article.alternates = _alternates(page, site)
    if layout is None:
        _check(article, page, site, head, parts.has_frame)
    if article.title and not _agree(metadata.without_house(article.title), head.titles):
        notes.conflicts.append("title")
    article.extraction = {
        "method": "template" if layout else "fallback",
        "layout": layout or UNKNOWN,
        "missing": [name for name in EXPECTED if getattr(article, name) in (None, "", [])],
    }
    notes.cut = sorted(body.cut | bounds.cut(article, limits))
    if byline is None and article.authors:
        article.extraction["head_authors"] = [*article.authors]
    if notes.cut:
        article.extraction["cut"] = notes.cut
    if notes.conflicts:
        article.extraction["conflicts"] = notes.conflicts
    if is_garbled(article.title or "") or is_garbled(article.body):
        notes.garbled = article.extraction["garbled"] = True
    return ParsedArticle(article, notes)


def _parts(page: Page, site: Site, head: Head) -> tuple[str | None, Parts]:
    """The parts of a page, and the name of the layout that fits; None when none does.

    A layout fits when it finds a headline and a place for the text. What one finds of a page that
    it does not fit stays, and the rest is looked for.
    """
    known: Parts | None = None
    for layout in LAYOUTS:
        found = layout.find(page, site)
        if found is None:
            continue
        if found.title and found.body is not None:
            # A site may say so within its article's frame, in words that are not all known.
            bare = not (found.views or words(found.section))
            if not found.times and (
                is_not_found([found.title], bare=bare) or (bare and says_missing(words(found.body)))
            ):
                raise what_it_is(page, site, title=found.title, says_not_found=True)
            return layout.name, found
        known = known or found
    return None, fallback.find(page, site, head, known)


def _check(article: Article, page: Page, site: Site, head: Head, has_frame: bool) -> None:
    """Raises `NotAnArticle` for a page that no layout fits and that gives no sign of an article.

    Signs are a known frame, a time, a byline, a counter of views, head data that describes an
    article, or so much text that it can be little else. None of them helps a page whose headline
    asks for something else.
    """
    address = site.address(page.url)
    may_be = address is None or address.kind in ("article", "other")
    sign = (
        has_frame
        or article.published_at is not None
        or article.views is not None
        or bool(article.authors)
        or head.says_article
    )
    shown = article.body or article.embeds or article.images or has_frame
    bare = article.published_at is None and article.views is None and not article.authors
    if bare and (says_missing(article.body) or has_error_box(page)):
        raise what_it_is(page, site, title=article.title, says_not_found=True)
    if may_be and article.title and shown and not stands_before([article.title]):
        if sign:
            return
        if word_count(article.body) >= _PLENTY and what_it_is(page, site).kind == "unknown":
            return
    raise what_it_is(page, site, has_frame=has_frame, title=article.title)


def _identify(article: Article, page: Page, site: Site) -> None:
    """Set address, edition, slug, id and aliases.

    The page's canonical link decides when it names an article of the same edition; one that points
    at the home page, a list or another edition is an error of the site and is ignored.
    """
    fetched = site.address(page.url)
    stated = site.address(metadata.canonical_href(page) or "", page.base)
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
    parts: Parts, page: Page, site: Site, notes: Notes, limits: Limits
) -> tuple[Body, list[str] | None]:
    """The body without furniture, and the persons of its byline; None when it has no byline.

    An embed in the cover's place (a video) comes before those of the body.
    """
    if parts.body is not None:
        body = read_body(parts.body, page, site, parts.skipped, limits, parts.rest)
    else:
        body = Body(list(parts.paragraphs))
    if parts.cover is not None and len(parts.cover):  # most are an empty box with a picture
        shown_first = read_body(parts.cover, page, site, limits=limits).embeds
        known = {embed["url"] for embed in shown_first}
        body.embeds = shown_first + [e for e in body.embeds if e["url"] not in known]
    notes.teasers, notes.boxes = body.teasers, body.boxes
    paragraphs = [part for part in body.paragraphs if not is_boilerplate(part)]
    body.paragraphs, byline = split_byline(paragraphs)
    return body, byline


def _byline_apart(parts: Parts) -> list[str] | None:
    """The persons of a byline that stands apart from the text; None when there is none."""
    stated = parse_byline(parts.byline) if parts.byline else None
    return stated or next(filter(None, map(parse_byline, parts.beside)), stated)


def _head_authors(article: Article, head: Head, page: Page, site: Site) -> list[str]:
    """The persons that the head names; the names of sections that the page shows are none."""
    sections = [section["name"] for section in article.sections]
    found = head.authors(sections)
    if not found:  # as of most pages
        return []
    links = (known.ref for known in section_links(page, site))
    named = (name for ref in links for name in (ref["name"], ref["slug"]) if name)
    return head.authors([*sections, *named])


def _sections(element: Element | None, head: Head, page: Page, site: Site) -> list[SectionRef]:
    """The sections in the page's label; a slug comes from a link or else from the navigation."""
    found: list[SectionRef] = []
    links = element.iter("a") if element is not None else iter(())
    for link in islice(links, MOST_NAMES):
        slug, name = _section_slug(link, page, site), words(link)
        if slug and name:
            found = add_sections(found, [{"slug": slug, "name": name}])
    name = words(element) or head.section
    if found or not name:
        return found
    outer = element.iterancestors("a") if element is not None else ()
    slug = next(filter(None, (_section_slug(link, page, site) for link in outer)), None)
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
    address = site.address(href, page.base) if href else None
    return address.slug if address and address.kind == "section" else None


def _published(times: list[str], head: Head, site: Site, notes: Notes) -> datetime | None:
    """The time printed on the page; where none is printed, the one that the head states.

    A head that states another time is a conflict, with two exceptions: a printed day without a
    clock is completed by the head, and a head that writes ``Z`` behind the printed local time means
    that time.
    """
    printed = next(filter(None, (parse_printed(text, site.zone) for text in times)), None)
    if times and printed is None:
        notes.unknown_time = times[0]
    stated = [known for text in head.times if (known := parse_printed(text, site.zone))]
    if printed is None:
        chosen = stated[0] if stated else None
    elif printed.has_clock:
        chosen = printed
        _compare(printed, stated, site, notes)
    else:
        day = printed.instant.astimezone(site.zone).date()
        same = (s for s in stated if s.has_clock and s.instant.astimezone(site.zone).date() == day)
        chosen = next(same, printed)
        if stated and chosen is printed and all(s.has_clock for s in stated):
            notes.conflicts.append("published_at")
    notes.time_without_clock = chosen is not None and not chosen.has_clock
    return chosen.instant if chosen else None


def _compare(printed: PrintedTime, stated: Sequence[PrintedTime], site: Site, notes: Notes) -> None:
    shown = printed.instant.astimezone(site.zone)
    for other in stated:
        apart = abs(other.instant - printed.instant)
        if apart < timedelta(minutes=1):
            continue
        if not other.has_clock and other.instant.astimezone(site.zone).date() == shown.date():
            continue
        if abs(other.instant.replace(tzinfo=None) - shown.replace(tzinfo=None)) < timedelta(
            minutes=1
        ):
            notes.zulu_meant_local = True
        elif "published_at" not in notes.conflicts:
            notes.conflicts.append("published_at")


def _images(cover: Element | None, head: Head, body: Body, base: str, site: Site) -> list[Image]:
    """The cover, then the body's pictures. A page without pictures has the head's as cover.

    The publisher's sign, which stands in the head of pages without a picture, is none.
    """

    def resolve(href: str) -> str | None:
        return site.resolve(href, base)

    url = media.box_picture(cover, resolve) if cover is not None else None
    if url is None and not body.images and head.picture:
        url = resolve(head.picture)
        url = url if url and not media.is_sign(url) else None
    caption = _cover_caption(cover) if cover is not None and url else None
    covers: list[Image] = [{"url": url, "role": "cover", "caption": caption}] if url else []
    same = media.same_picture(url) if url else None
    shown = [image for image in body.images if media.same_picture(image["url"]) != same]
    if len(shown) < len(body.images):
        repeated = (i["caption"] for i in body.images if media.same_picture(i["url"]) == same)
        covers[0]["caption"] = next(filter(None, (caption, *repeated)), None)
    return covers + shown


def _cover_caption(cover: Element) -> str | None:
    """The caption in the cover's box, or in the figure that the cover stands in."""
    around = islice(cover.iterancestors(), _FIGURE)
    figures = (cover, *(element for element in around if element.tag == "figure"))
    captions = (words(c) for figure in figures for c in islice(figure.iter("figcaption"), 1))
    return next(filter(None, captions), None)


def _views(shown: str | None, notes: Notes) -> int | None:
    """The counter as printed; a number beyond what MongoDB can hold is unknown.

    It is the first number, so that a date behind it is none.
    """
    if shown is None:
        return None
    shown = shown[:_LONGEST_COUNT]
    first = _DIGIT.search(shown)
    found = _COUNT.match(shown, first.start()) if first else None
    number = int(re.sub(r"\D", "", found[0])) if found else None
    if number is None or number > MAX_INT64:
        notes.unknown_views = shown[:100]
        return None
    return number


def _alternates(page: Page, site: Site) -> dict[str, str]:
    """Edition → address of this article there, from hreflang links and the edition switch."""
    found = metadata.hreflang_links(page, site)
    for edition in editions(page, site):
        is_article = edition.address.kind == "article" and not edition.looks_like_another
        if is_article and edition.address.language:
            found.setdefault(edition.address.language, edition.address.url)
    here = site.address(page.url)
    found.pop(here.language if here and here.language else "", None)
    return found


def _agree(title: str, stated: Sequence[str]) -> bool:
    """Whether the head's titles say what the headline says.

    They may be cut short with dots, or have a label behind it, such as the section's name.
    """
    key = fold(unescaped(title))
    return all(
        key == other
        or (short != other and key.startswith(short))
        or (other.startswith(key) and _LABEL_BEHIND.fullmatch(other, len(key)) is not None)
        for other in map(fold, map(unescaped, stated))
        for short in [other.rstrip(".… ")]
    )
