"""A page as a sequence of blocks of text, for pages whose layout is not known.

A block is a run of text that browsers show on lines of its own. Which blocks are furniture is told
by their boxes and by how much of them is linked, not by the class names of one layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree

from caliber_crawler import text
from caliber_crawler.pages.embeds import is_placeholder
from caliber_crawler.pages.foreign import DROPPED, is_foreign
from caliber_crawler.pages.html import BLOCKS, Element, is_hidden

_PASSED = DROPPED | {"noscript", "head"}
FURNITURE = frozenset({"nav", "footer", "aside", "menu"})
_WORD = re.compile(r"\w+")
# What ends a sentence, also within quotation marks. Armenian has a mark of its own.
_SENTENCE_ENDS = re.compile(r"[.!?…։:][\"'”’»)\]]*$")
_MOST_PARTS = 12  # of one block that are looked at one by one
_MOST_BLOCKS = 5_000  # of one page; an article has hundreds
SENTENCE = 8  # words: so many make a text without a full stop, too


@dataclass
class Block:
    """`text` is one clean line; `element` the one in which it begins, `elements` those of its text.

    `linked` is the share of its letters within links, 0 to 1. `furniture` says that it stands in a
    box for other things than text (navigation, adverts, teasers), `elsewhere` that it is of another
    article's card.
    """

    text: str
    element: Element
    linked: float
    furniture: bool
    elsewhere: bool = False
    elements: list[Element] = field(default_factory=list)

    @cached_property
    def words(self) -> int:
        """Number of words."""
        return len(_WORD.findall(self.text))

    @cached_property
    def is_prose(self) -> bool:
        """Whether it looks like a sentence of an article rather than a label or a list of links."""
        if self.furniture or self.elsewhere or self.linked > 0.6 or text.is_boilerplate(self.text):
            return False
        return self.words >= SENTENCE or (
            self.words >= 3 and _SENTENCE_ENDS.search(self.text) is not None
        )


@dataclass
class Outline:
    """The blocks of a page in reading order, and the place of each element in page order."""

    blocks: list[Block]
    places: dict[Element, int]


def outline(root: Element) -> Outline:
    """The blocks of a tree. What is never shown (scripts, hidden boxes) is passed over."""
    return _Outliner().read(root)


class _Outliner:
    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._pieces: list[str] = []
        self._linked = 0
        self._began: Element
        self._within: list[Element] = []  # what holds the pieces
        self._line_ends = 0  # since the last piece
        self._links = 0  # open ones
        self._furniture: list[Element] = []  # open boxes

    def read(self, root: Element) -> Outline:
        places: dict[Element, int] = {}
        passed: Element | None = None  # last element whose inside is not read
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "start":
                places[element] = len(places)
                if tag in _PASSED or is_hidden(element):
                    passed = element
                    walk.skip_subtree()
                    continue
                if tag in BLOCKS:
                    self._flush()
                self._links += tag == "a"
                if self._is_furniture(element):
                    self._furniture.append(element)
                self._text(element.text, element)
                continue
            if tag in BLOCKS:
                self._flush()
            if element is not passed:
                self._links -= tag == "a"
                if self._furniture and self._furniture[-1] is element:
                    self._furniture.pop()
            if tag == "br" and self._pieces:
                self._line_ends += 1
                if self._line_ends > 1:  # as good as a paragraph's end
                    self._flush()
                else:
                    self._pieces.append(" ")
            parent = element.getparent()
            if element is not root and parent is not None:
                self._text(element.tail, parent)
        self._flush()
        return Outline(self._blocks, places)

    def _is_furniture(self, element: Element) -> bool:
        if element.tag == "header":  # of the page, or of the article with its headline
            return next(element.iter("h1"), None) is None
        if not element.attrib:
            return element.tag in FURNITURE
        return element.tag in FURNITURE or is_foreign(element) or is_placeholder(element)

    def _text(self, raw: str | None, within: Element) -> None:
        if not raw:
            return
        if not self._pieces:
            if raw.isspace():
                return
            self._began = within
        if not raw.isspace():
            self._line_ends = 0
            if len(self._within) < _MOST_PARTS:
                self._within.append(within)
        self._pieces.append(raw)
        if self._links:
            self._linked += len(raw.strip())

    def _flush(self) -> None:
        if not self._pieces:
            return
        shown = text.line("".join(self._pieces))
        if shown and len(self._blocks) < _MOST_BLOCKS:
            linked = min(1.0, self._linked / len(shown))
            furniture = bool(self._furniture)
            self._blocks.append(Block(shown, self._began, linked, furniture, elements=self._within))
        self._pieces, self._linked, self._line_ends, self._within = [], 0, 0, []
