"""How much of a page is read and kept. No page of the site comes near these numbers."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_URL = 2_000
"""Letters of an address that is taken for one. Longer ones are no links."""

MOST_ALIASES = 200
"""Addresses under which one article is known, at most."""

MOST_NAMES = 100
"""Authors, sections and editions of one article, at most, each."""

DEEPEST = 400
"""The most that PAGE_MAX_DEPTH can be: what measures it goes no deeper."""

MOST_CARDS = 5_000
"""The most that LIST_MAX_CARDS can be."""

CARD_ELEMENTS = 200
"""Elements within one card that are looked at. A card of the site has a dozen."""

MOST_HEADINGS = 100
"""Headlines of one page that are looked at."""

LONGEST_LINE = 20_000
"""Letters of what is shown on one line of a page. What is longer is cut before it is looked at."""


@dataclass(frozen=True)
class Limits:
    """Limits as set, docs/settings.md has them.

    `tags` and `depth` are of a whole page (of JSON: values, and brackets within one another),
    `cards` and `sections` of one list page or answer, `text` the letters of an article's body,
    `field` those of a headline, a caption and the like, `entries` its pictures, embeds and links,
    each. Together they keep a record far below the 16 MiB that MongoDB can hold.
    """

    tags: int = 50_000
    depth: int = 256
    cards: int = 1_000
    sections: int = 200
    text: int = 500_000
    field: int = 1_000
    entries: int = 300


USUAL = Limits()
"""For pages that are read outside of a crawl."""
