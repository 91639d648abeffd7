"""Bytes of a page → text and tree. Nothing here knows the site's layout."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from lxml import etree
from w3lib.encoding import html_to_unicode

from caliber_crawler.limits import LONGEST_LINE, LONGEST_URL, MOST_HEADINGS
from caliber_crawler.text import line

if TYPE_CHECKING:
    from collections.abc import Iterable

Element = etree._Element

BLOCKS = frozenset(
    "address article aside blockquote caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section "
    "summary table tbody tfoot thead tr ul".split()
)
"""Elements that browsers show on lines of their own: words on their two sides never touch."""

_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Names that mean the same everywhere: for programs that read aloud, for paper.
_OFF_SCREEN = frozenset(
    "sr-only visually-hidden screen-reader screen-reader-text print-only only-print visible-print "
    "visible-print-block visible-print-inline visible-print-inline-block".split()
)
# Boxes that are closed until a reader clicks: by that name their text is meant to be read.
_OPENS = re.compile(
    r"(?:^|[\s_-])spoilers?(?=[\s_-]|$)|(?:^|\s)(?:sp-body|more-?text|"
    r"(?:accordion|collapsible)(?:-|__)(?:content|body|panel))(?=\s|$)",
    re.IGNORECASE,
)
_NOT_SHOWN = frozenset({"script", "style", "template", "noscript", "svg"})
_BOM_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WESTERN = frozenset({"cp1252", "latin-1", "iso8859-1", "iso8859-15"})
_ACCENTS = re.compile(r"[\u00c0-\u00ff]{4}")
_MANY = 3
_MOST_PIECES = 5_000
_BEGINS = re.compile(r"<html[\s>]", re.IGNORECASE)
_BEGINS_BYTES = re.compile(rb"<html[\s>]", re.IGNORECASE)
_ENDS = re.compile(r"</(?:body|html)\s*>", re.IGNORECASE)
# The outermost element of RSS, Atom, and RSS 1.0.
_FEED_BEGINS = re.compile(rb"<((?:[a-z]\w{0,20}:)?(?:rss|feed|rdf))(?=[\s>])", re.IGNORECASE)
# The parser ends a headline where a paragraph or a box begins in it; browsers do not.
_HEADLINE_END = re.compile(r"</h1\s*>", re.IGNORECASE)
_BLOCK_TAG = re.compile(r"<(/?)(?:p|div)(?=[\s>])", re.IGNORECASE)
_LONGEST_HEADLINE = 5_000
_TAG_BEGINS = re.compile(r"[A-Za-z/!?]|\Z")


_WITH_CLASS = etree.XPath("//*[contains(concat(' ', normalize-space(@class), ' '), $name)]")


@dataclass(frozen=True)
class Page:
    """A fetched page: its final address, raw bytes and the Content-Type header ("" if none).

    `begins_at` is where links start from, for a piece of another page; "" for a whole one. `at` is
    when it was answered with, which gives "today" on cards a meaning; None where nobody knows.
    """

    url: str
    body: bytes
    content_type: str = ""
    begins_at: str = ""
    at: datetime | None = None

    @cached_property
    def text(self) -> str:
        """The decoded page.

        Order of trust: byte-order mark; UTF-8 when the bytes are that but for a few (other
        encodings hardly ever look so, and servers often name a wrong one); the header; the meta
        tag; at last windows-1251, which has Cyrillic. What fits nowhere becomes U+FFFD.
        """
        for mark, encoding in _BOM_ENCODINGS:
            if self.body.startswith(mark):
                return self.body[len(mark) :].decode(encoding, "replace")
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError:
            text = self.body.decode("utf-8", "replace")
        # Some bytes pasted in another encoding, or a cut in the middle of a letter, do not make it
        # another encoding: there, nearly every letter beyond ASCII would be wrong.
        wrong = text.count("\ufffd")
        if wrong * 5 <= len(text) - len(text.encode("ascii", "ignore")):
            return text
        encoding, text = html_to_unicode(self.content_type, self.body, "windows-1251")
        # Servers that name no encoding of their own accord name a Western one. No language writes
        # many letters with accents in a row; Cyrillic ones look like that there.
        if encoding in _WESTERN and len(_ACCENTS.findall(text)) >= _MANY:
            return self.body.decode("windows-1251", "replace")
        return str(text)

    @cached_property
    def is_cut(self) -> bool:
        """Whether the page begins as a whole document, or as a feed, and its end is missing."""
        if self._feed is not None:
            return re.search(rb"</%b\s*>" % self._feed, self.body, re.IGNORECASE) is None
        begins = _BEGINS.search(self.text, 0, 10_000) is not None
        return begins and _ENDS.search(self.text) is None

    @property
    def is_feed(self) -> bool:
        """Whether the page begins as a feed, whatever its header calls it."""
        return self._feed is not None

    @cached_property
    def _feed(self) -> bytes | None:
        """The name of a feed's outermost element."""
        begins = self.body[:10_000].lstrip(codecs.BOM_UTF8 + b" \t\r\n")
        found = _FEED_BEGINS.search(begins) if begins.startswith(b"<") else None
        return (
            found[1] if found and _BEGINS_BYTES.search(begins, 0, found.start()) is None else None
        )

    @cached_property
    def base(self) -> str:
        """The address that the page's links start from: its own, or what its ``base`` says.

        One that leads to another host is ignored: it would take all links along.
        """
        if self.begins_at:
            return self.begins_at
        # The body stands right behind the head, so that no page is looked through to its end.
        for element in self.root.iter("base", "body"):
            if element.tag == "body":
                break
            if href := attribute(element, "href"):
                return _on_the_same_host(self.url, href)
        return self.url

    def is_deeper_than(self, depth: int) -> bool:
        """Whether elements are nested deeper, the root being the first level; for 400 at most."""
        return bool(_deeper_than(depth)(self.root))

    @cached_property
    def root(self) -> Element:
        """The parsed page without comments; an empty document when there is nothing to parse."""
        return self._parsed()

    def parse(self) -> None:
        """Make `root` ready, in a thread perhaps.

        Python 3.11 holds one lock over the properties of all pages while it computes one of them,
        so that a page that takes long would hold up all others.
        """
        vars(self).setdefault("root", self._parsed())

    def _parsed(self) -> Element:
        source = _with_whole_headlines(_without_cut_tag(self.text.replace("\x00", "")))
        parser = etree.HTMLParser(
            encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
        )
        try:
            parsed = etree.fromstring(source.encode("utf-8", "replace") or b"<html/>", parser)
        except etree.LxmlError:  # nothing but white space or declarations
            parsed = None
        return etree.Element("html") if parsed is None else parsed

    def classes(self, stem: str) -> dict[str, list[Element]]:
        """Class name → the elements that carry it, in page order, of all names that hold a stem.

        The stem is what a layout's class names have in common: most elements of a page carry other
        classes, which are not taken apart.
        """
        index: dict[str, list[Element]] = {}
        for element in self.root.iter("*"):  # half the time of a search by XPath
            said = element.get("class")
            if said is None or stem not in said:
                continue
            for name in said.split():
                if stem in name:
                    index.setdefault(name, []).append(element)
        return index

    def with_class(self, name: str) -> list[Element]:
        """The elements that carry a class, in page order."""
        return cast("list[Element]", _WITH_CLASS(self.root, name=f" {name} "))

    @cached_property
    def links(self) -> list[Element]:
        """All ``a`` elements with an address, in page order."""
        return [link for link in self.root.iter("a") if link.get("href")]


@lru_cache(maxsize=4)
def _deeper_than(depth: int) -> etree.XPath:
    # Each step asks in C for all elements of a level at once, and a page has a dozen levels.
    return etree.XPath(f"boolean(/*{'/*' * depth})")


def _on_the_same_host(url: str, href: str) -> str:
    """Where a link of a page leads, if that is on the page's own host; else the page's address."""
    try:
        joined = urljoin(url, href)
        here, there = (urlsplit(one).netloc.lower() for one in (url, joined))
    except ValueError:
        return url
    same = here.removeprefix("www.") == there.removeprefix("www.")
    return joined if same and len(joined) <= LONGEST_URL else url


def attribute(element: Element, name: str) -> str:
    """An attribute's value without white space at its ends; "" when there is none."""
    return (element.get(name) or "").strip()


def is_hidden(element: Element) -> bool:
    """Whether an element says that it is not shown, or not on a screen.

    What a reader opens with a click, as a spoiler's text, is shown.
    """
    if not element.attrib:
        return False
    names = element.get("class")
    if "hidden" in element.attrib or _HIDDEN.search(attribute(element, "style")) is not None:
        return names is None or _OPENS.search(names) is None
    return names is not None and not _OFF_SCREEN.isdisjoint(names.split())


def href_of(link: Element) -> str:
    """The address of a link; "" when it has none or only leads to a place on its own page."""
    href = attribute(link, "href")
    return "" if href.startswith("#") else href


def raw_text(element: Element) -> str:
    """All text within an element as the source has it, in order."""
    return "".join(cast("Iterable[str]", element.itertext()))


def words(element: Element | None, *, without: frozenset[str] = frozenset()) -> str | None:
    """The text that a reader sees within an element, as one clean line; None when there is none."""
    if element is None:
        return None
    if not len(element):
        return line((element.text or "")[:LONGEST_LINE]) or None
    hidden = _NOT_SHOWN | without
    pieces: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, inner in walk:
        if event == "start":
            if inner is not element and (inner.tag in hidden or is_hidden(inner)):
                walk.skip_subtree()
                continue
            apart = inner.tag == "br" or inner.tag in BLOCKS
            pieces += (" " if apart else "", inner.text or "")
        elif inner is not element:
            pieces += (" " if inner.tag in BLOCKS else "", inner.tail or "")
        if len(pieces) > _MOST_PIECES:
            break
    return line("".join(pieces)[:LONGEST_LINE]) or None


def headings(page: Page, *tags: str) -> list[str]:
    """What the first of a page's headings or titles say; those within SVG drawings are none."""
    found = (e for e in page.root.iter(*tags) if next(e.iterancestors("svg"), None) is None)
    return [said for said in map(words, islice(found, MOST_HEADINGS)) if said]


def _with_whole_headlines(source: str) -> str:
    """The source with paragraphs and boxes within an ``h1`` made inline, so that it stays whole."""
    at = -1
    for _ in range(MOST_HEADINGS):
        at = source.find("<h1", at + 1)
        if at < 0:
            break
        end = _HEADLINE_END.search(source, at, at + _LONGEST_HEADLINE)
        inside = source[at : end.start()] if end else ""
        if end and _BLOCK_TAG.search(inside):
            source = source[:at] + _BLOCK_TAG.sub(r" <\1span", inside) + source[end.start() :]
    return source


def _without_cut_tag(source: str) -> str:
    """The source without the tag within which it was cut off, which would be taken for text."""
    at = source.rfind("<")
    unfinished = at >= 0 and ">" not in source[at:]
    return source[:at] if unfinished and _TAG_BEGINS.match(source, at + 1) else source
