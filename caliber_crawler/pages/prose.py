"""The paragraphs of a body: which lines of it are kept, and which only point elsewhere.

The rules are told in `body` and `teasers`; here is what needs the paragraphs around a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from caliber_crawler import text
from caliber_crawler.items import Image
from caliber_crawler.pages.html import Element
from caliber_crawler.pages.media import shares
from caliber_crawler.pages.teasers import (
    LONGEST_LEAD_IN,
    Run,
    announces,
    is_label,
    kind_of,
    pointing_lines,
)
from caliber_crawler.people import parse_byline

HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
_SEVERAL = 2  # headings


@dataclass
class OpenLink:
    """A link, from where it begins on; `shown` once a paragraph with its text is kept.

    `has_picture` says that it shows a picture, `pictures` are those that it was the first to show.
    """

    url: str | None
    element: Element
    to_article: bool
    text: str = ""
    shown: bool = False
    has_picture: bool = False
    pictures: list[Image] = field(default_factory=list)


class Piece(NamedTuple):
    """Text of the paragraph being read, with the link that it stands in."""

    text: str
    link: OpenLink | None

    @property
    def run(self) -> Run:
        return Run(self.text, self.link is not None and self.link.to_article)


class _Heading(NamedTuple):
    """A linked heading and its place, as the number of the paragraph behind it."""

    place: int
    lines: list[list[Piece]]


class Prose:
    """Gathers `paragraphs` in reading order; `teasers` counts those left out, whole or in part.

    With `keep_teasers` none is.
    """

    def __init__(self, *, keep_teasers: bool) -> None:
        self.paragraphs: list[str] = []
        self.teasers = 0
        self._keep_teasers = keep_teasers
        self._lists: dict[Element | None, bool] = {}  # with "a sentence announces it"
        self._headings: list[_Heading] = []  # left out so far

    def open_item(self, item: Element) -> None:
        """Note what stands before a list where its first item begins, be that linked or not."""
        around = item.getparent()
        if around not in self._lists:
            self._lists[around] = self._announces()

    def take(self, lines: list[list[Piece]], within: Element | None) -> None:
        """Keep a paragraph, or those of its lines that do not only point to other articles.

        `within` is the heading or the list item that it stands in.
        """
        if len(lines) == 1 and not any(piece.link for piece in lines[0]):
            shown = "".join(piece.text for piece in lines[0])
            if len(shown) > LONGEST_LEAD_IN:  # as most are; it points nowhere
                self.paragraphs += text.paragraphs(shown)
                return
        left_out: set[int] = set()
        if _only_shares(lines):
            return
        if not self._keep_teasers:
            runs = [[piece.run for piece in pieces] for pieces in lines]
            left_out = pointing_lines(runs)
            if left_out and within is not None and all(kind_of(line) == "link" for line in runs):
                if within.tag in HEADINGS:
                    self._headings.append(_Heading(len(self.paragraphs), lines))
                elif self._is_announced(within):
                    left_out = set()
            self.teasers += bool(left_out)
        kept = [pieces for number, pieces in enumerate(lines) if number not in left_out]
        self.paragraphs += self._shown(kept)

    def _shown(self, lines: list[list[Piece]]) -> list[str]:
        """The paragraphs that lines make, which are kept with their links."""
        for pieces in lines:
            for piece in pieces:
                if piece.link is not None and not piece.text.isspace():
                    piece.link.shown = True
        return text.paragraphs("\n".join("".join(piece.text for piece in p) for p in lines))

    def _is_announced(self, item: Element) -> bool:
        """Whether a list item stands in a list that the text announces, before it or within."""
        around = item.getparent()
        if not self._lists.get(around):
            self._lists[around] = self._announces()
        return self._lists[around]

    def _announces(self) -> bool:
        """Whether the last paragraph so far says what is behind it."""
        return bool(self.paragraphs) and announces(self.paragraphs[-1])

    def restore_headings(self) -> None:
        """Put linked headings back that were left out, if several have text of their own.

        A single one is a teaser between two paragraphs.
        """
        said = self.paragraphs
        ends = [*(heading.place for heading in self._headings[1:]), len(said)]
        titled = [
            heading
            for heading, end in zip(self._headings, ends, strict=False)
            if any(map(says_something, said[heading.place : end]))
        ]
        if len(titled) < _SEVERAL:
            return
        whole: list[str] = []
        at = 0
        for heading in titled:
            whole += said[at : heading.place] + self._shown(heading.lines)
            at = heading.place
        self.paragraphs = whole + said[at:]
        self.teasers -= len(titled)


def _only_shares(lines: Iterable[Iterable[Piece]]) -> bool:
    """Whether lines are a row of buttons for sharing the page, with a label at most."""
    pieces = [piece for line in lines for piece in line]
    urls = [piece.link.url for piece in pieces if piece.link is not None and piece.link.url]
    if not urls or not all(map(shares, urls)):
        return False
    return is_label(" ".join(piece.text for piece in pieces if piece.link is None))


def says_something(paragraph: str) -> bool:
    """Whether a paragraph is more than furniture or the writer's name."""
    return not text.is_boilerplate(paragraph) and parse_byline(paragraph) is None
