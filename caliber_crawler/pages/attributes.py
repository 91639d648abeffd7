"""Values that a page carries for its own script: what a list's next request may be made from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import cast

from caliber_crawler.limits import CARD_ELEMENTS, MOST_CARDS
from caliber_crawler.pages.html import Element, Page, attribute, raw_text
from caliber_crawler.pages.section import CARD
from caliber_crawler.site import Site

_LOOKS = frozenset({"class", "style", "href", "src", "alt", "title", "rel", "target", "loading"})
# `token = "abc"`, `"offset": 20` and the like in scripts within the page.
_LITERAL = re.compile(
    r"([A-Za-z_$][\w$]{0,40})[\"']?\s*[:=]\s*(?:\"([^\"\\]{1,400})\"|'([^'\\]{1,400})'|(\d{1,18})\b)"
)
_LONGEST = 4_000
MOST_VALUES = 2_000
"""Values of one page or answer that a next request may be made from."""


@dataclass
class PageAttributes:
    """Values by name. `of_cards`: canonical article address → attributes of that card's elements.

    Names: ``@data-id`` (of the card itself), ``a@data-id`` (of the first such element in it),
    ``div#list@data-next``, ``meta@csrf-token``, ``input@_token``, ``link@next``, ``script@token``.
    """

    of_cards: dict[str, dict[str, str]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def read_attributes(page: Page, site: Site) -> PageAttributes:
    """All such values of a page or of a fragment."""
    found = PageAttributes()
    in_cards: set[Element] = set()
    for card in page.classes(CARD).get(CARD, [])[:MOST_CARDS]:
        inside = list(islice(card.iter("*"), CARD_ELEMENTS))
        in_cards.update(inside)
        links = (
            site.address(attribute(link, "href"), page.base) for link in inside if link.tag == "a"
        )
        address = next((a for a in links if a and a.kind == "article"), None)
        if address:
            found.of_cards.setdefault(address.url, _card_values(card))
    for element in page.root.iter("*"):
        if len(found.others) >= MOST_VALUES:
            break
        if element not in in_cards:
            for name, value in _values(element):
                found.others.setdefault(name, value)
    return found


def _card_values(card: Element) -> dict[str, str]:
    values: dict[str, str] = {}
    for element in islice(card.iter("*"), CARD_ELEMENTS):
        tag = "" if element is card else str(element.tag)
        for name, value in _attributes(element):
            if name not in _LOOKS:
                values.setdefault(f"{tag}@{name}", value)
    return values


def _values(element: Element) -> list[tuple[str, str]]:
    tag = str(element.tag)
    if tag == "meta":
        name = attribute(element, "name") or attribute(element, "property")
        return [(f"meta@{name}", attribute(element, "content"))] if name else []
    if tag == "input":
        name = attribute(element, "name") or attribute(element, "id")
        return [(f"input@{name}", attribute(element, "value"))] if name else []
    if tag in ("a", "link") and "next" in attribute(element, "rel").split():
        return [("link@next", attribute(element, "href"))]
    if tag == "script":
        text = raw_text(element)[:100_000]
        literals = (_LITERAL.finditer(text)) if text else ()
        return [(f"script@{m[1]}", m[2] or m[3] or m[4] or "") for m in literals]
    own = f"{tag}#{attribute(element, 'id')}" if element.get("id") else tag
    return [
        (f"{own}@{name}", value)
        for name, value in _attributes(element)
        if name.startswith("data-") and len(value) <= _LONGEST
    ]


def _attributes(element: Element) -> list[tuple[str, str]]:
    return cast("list[tuple[str, str]]", element.items())
