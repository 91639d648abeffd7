"""Where the headline stands on a page of unknown layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from caliber_crawler.limits import MOST_HEADINGS
from caliber_crawler.pages.blocks import Block
from caliber_crawler.pages.html import Element, words
from caliber_crawler.people import is_house
from caliber_crawler.text import fold

_WORD = re.compile(r"\w+")
_FOREIGN_HEADINGS = frozenset({"a", "nav", "footer", "aside", "li"})


def find_headline(
    root: Element, blocks: Sequence[Block], title: str | None, stated_titles: Sequence[str]
) -> Element | None:
    """The element of the headline: that of `title` if it is known, or the ``h1`` most like the
    titles that the page's head states.

    A page may have an ``h1`` for the publisher or the section. A lower heading is taken where
    it says what the page's title says and no ``h1`` does.
    """
    if title:
        key = fold(title)
        found = (block.element for block in blocks if fold(block.text) == key)
        return next(found, None)
    stated = [set(_WORD.findall(fold(one))) for one in stated_titles]
    best: tuple[float, Element | None] = (-1.0, None)
    for rank, names in enumerate((("h1",), ("h2", "h3", "h4"))):
        if rank and best[0] >= 0.5:
            break
        for element in islice(root.iter(*names), MOST_HEADINGS):
            shown = words(element)
            if not shown or (is_house(shown) and shown not in stated_titles):
                continue
            if rank and not _FOREIGN_HEADINGS.isdisjoint(e.tag for e in element.iterancestors()):
                continue
            alike = max(
                (_alike(_WORD.findall(fold(shown)), title) for title in stated), default=0.0
            )
            if alike > best[0] and (not rank or alike > 0.9):
                best = (alike, element)
    return best[1]


def _alike(shown: Iterable[str], stated: set[str]) -> float:
    """Share of words in common, 0 to 1."""
    own = set(shown)
    return 2 * len(own & stated) / (len(own) + len(stated) or 1)
