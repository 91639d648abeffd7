"""Bytes of a page → text and tree. Nothing here knows the site's layout."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from lxml import etree
from w3lib.encoding import html_to_unicode

from caliber_crawler.text import line

if TYPE_CHECKING:
    from collections.abc import Iterable

Element = etree._Element

_BOM_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Page:
    """A fetched page: its final address, raw bytes and the Content-Type header ("" if none)."""

    url: str
    body: bytes
    content_type: str = ""

    @cached_property
    def text(self) -> str:
        """The decoded page.

        Order of trust: byte-order mark; valid UTF-8 (other encodings hardly ever are, and servers
        often name a wrong one); the header; the meta tag; at last windows-1251, which has the
        site's alphabets. What fits nowhere becomes U+FFFD.
        """
        for mark, encoding in _BOM_ENCODINGS:
            if self.body.startswith(mark):
                return self.body[len(mark) :].decode(encoding, "replace")
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            # A page cut off in the middle of a letter is still UTF-8.
            if error.end >= len(self.body) - 3 and error.reason == "unexpected end of data":
                return self.body.decode("utf-8", "replace")
        return html_to_unicode(self.content_type, self.body, "windows-1251")[1]

    @cached_property
    def root(self) -> Element:
        """The parsed page without comments; an empty document when there is nothing to parse."""
        source = self.text.replace("\x00", "").encode("utf-8", "replace")
        parser = etree.HTMLParser(
            encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
        )
        try:
            parsed = etree.fromstring(source or b"<html/>", parser)
        except etree.ParserError:  # nothing but white space or declarations
            parsed = None
        return etree.Element("html") if parsed is None else parsed

    def classes(self, stem: str) -> dict[str, list[Element]]:
        """Class name → the elements that carry it, in page order, of all names that hold a stem.

        The stem is what a layout's class names have in common: most elements of a page carry other
        classes, and passing them by in C is what makes this quick.
        """
        index: dict[str, list[Element]] = {}
        found = self.root.xpath("//*[contains(@class, $stem)]", stem=stem)
        for element in cast("list[Element]", found):
            for name in attribute(element, "class").split():
                if stem in name:
                    index.setdefault(name, []).append(element)
        return index

    @cached_property
    def links(self) -> list[Element]:
        """All ``a`` elements with an address, in page order."""
        return [link for link in self.root.iter("a") if link.get("href")]


def attribute(element: Element, name: str) -> str:
    """An attribute's value without white space at its ends; "" when there is none."""
    return (element.get(name) or "").strip()


def raw_text(element: Element) -> str:
    """All text within an element as the source has it, in order."""
    return "".join(cast("Iterable[str]", element.itertext(with_tail=False)))


def words(element: Element | None) -> str | None:
    """The text within an element as one clean line; None when there is none."""
    if element is None:
        return None
    return line(raw_text(element)) or None


def part(root: Element, name: str) -> Element | None:
    """The first element within `root` that carries a class; None when there is none."""
    return next((e for e in root.iter("*") if name in attribute(e, "class").split()), None)
