"""An article page whose layout is not known: where its headline, time and text are.

What is looked at: what the page says of itself (JSON-LD, meta tags), what trafilatura takes for the
text, and how the page is built. The headline is an ``h1`` where there is one, since page titles lag
behind edits; the time is the one printed nearest to the headline. The text that was found only
serves to find the element that holds it, and that element is read like any body, so that
paragraphs, quotes, tables, pictures and embeds are kept. Nothing is taken from the cards of other
articles (`elsewhere`): no time, no text, no picture, no counter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from caliber_crawler.dates import PrintedTime
from caliber_crawler.pages import elsewhere
from caliber_crawler.pages.blocks import SENTENCE, Block, Outline, outline
from caliber_crawler.pages.headline import find_headline
from caliber_crawler.pages.html import Element, Page, attribute, words
from caliber_crawler.pages.metadata import Head
from caliber_crawler.pages.parts import Parts
from caliber_crawler.pages.pictures import Pictures
from caliber_crawler.pages.times import is_small, shows_time, times_round
from caliber_crawler.people import parse_byline
from caliber_crawler.site import SECTION_PATH, Site
from caliber_crawler.text import paragraphs

_WORD = re.compile(r"\w+")
_VIEWS = re.compile(
    r"(?:views|просмотр\w*|baxış\w*|դիտում\w*)\W{0,5}\d[\d\s.,]*"
    r"|\d[\d\s.,]*(?:views|просмотр\w*|baxış\w*|դիտում\w*)",
    re.IGNORECASE,
)
_NEAR = 8  # blocks between the headline and its time or section
_SOON = 12  # blocks between the headline and the first of a short text
_LABELS = 2  # links, as to sections, between a time and the headline behind it
_CREDIBLE = 25  # words; less may as well be a page's furniture
_MOST_PART = 0.6
_GAP = 3  # blocks, as captions and labels, between two sentences of a short text
_SEMANTIC_BONUS = 0.05
_LARGEST = 400_000  # letters; trafilatura is not asked to read more
_MOST_ELEMENTS = 10_000  # the same
_MOST_LINKS = 500  # to sections
_LONGEST_LABELS = 120  # letters of a line of labels round a printed time
_INLINE = frozenset(
    "a abbr acronym b big cite code del dfn em font i ins kbd label mark q s small span strike "
    "strong sub sup time tt u var".split()
)
_LISTS = frozenset({"ul", "ol", "nav", "footer", "aside"})


def find(page: Page, site: Site, head: Head, known: Parts | None = None) -> Parts:
    """The parts of a page of unknown layout; what a layout found already (`known`) stays.

    A part that is not found is None or empty; whether the rest makes an article is for the caller
    to say.
    """
    return _Finder(page, site, head, known or Parts()).find()


class _Finder:
    def __init__(self, page: Page, site: Site, head: Head, parts: Parts) -> None:
        self._page = page
        self._site = site
        self._parts = parts
        self._outline: Outline = outline(page.root)
        self._blocks: list[Block] = self._outline.blocks
        self._head = head
        self._heading: Element | None = None
        self._at = -1  # number of the headline's block
        self._times: set[Element] = set()  # what holds the printed time
        self._cards: frozenset[Element] = frozenset()
        self._pictures: Pictures

    def find(self) -> Parts:
        parts = self._parts
        self._heading = find_headline(self._page.root, self._blocks, parts.title, self._head.titles)
        if not parts.title:
            parts.title = words(self._heading) or next(iter(self._head.titles), None)
        if self._heading is not None:
            inside = set(self._heading.iter())
            found = (n for n, block in enumerate(self._blocks) if block.element in inside)
            self._at = next(found, -1)
        self._set_apart()
        text = self._text() if parts.body is None else []
        if not parts.times:
            self._find_time(text)
        if parts.body is None:
            self._take_text(text)
        if parts.views is None:
            parts.views = self._views(text)
        parts.byline = self._byline(text)
        if parts.section is None:
            parts.section = self._section()
        if parts.cover is None and not (parts.body is None and parts.paragraphs):
            parts.cover = self._pictures.cover(parts.body)
        return parts

    def _set_apart(self) -> None:
        """Mark the lines of other articles' cards."""
        self._cards = elsewhere.cards(self._blocks, self._heading, self._page, self._site)
        inside = {element for card in self._cards for element in card.iter()}
        for block in self._blocks:
            block.elsewhere = block.element in inside
        self._pictures = Pictures(self._page, self._site, self._outline, self._heading, self._cards)

    # --- time

    def _find_time(self, text: Sequence[int]) -> None:
        """Find the printed time: near the headline, before the text, or else right behind it.

        One with a clock comes before one without. What stands before the headline, with a menu
        between the two, is the present time in the page's head.
        """
        first, last = (text[0], text[-1]) if text else (self._at + _GAP + 1, self._at + _NEAR)
        best: tuple[tuple[bool, bool, bool, int], Element, str] | None = None
        inside = frozenset(text)
        for number, block in self._around(self._first_near(), last + _GAP):
            if first <= number <= last and number in inside:
                continue
            if self._heading is None and block.furniture:
                continue  # nothing ties it to the article
            for element, shown, printed in self._times_at(block):
                distance = abs(number - self._at)
                rank = (number > first, block.furniture, not printed.has_clock, distance)
                if best is None or rank < best[0]:
                    best = (rank, element, shown)
        # What stands behind the text may be the time of another article.
        if best is not None and not (best[0][0] and self._head.times):
            self._times, self._parts.times = {best[1]}, [best[2]]

    def _times_at(self, block: Block) -> Iterator[tuple[Element, str, PrintedTime]]:
        for element in dict.fromkeys((block.element, *block.elements)):
            yield from times_round(element, self._site.zone, self._heading)

    def _first_near(self) -> int:
        """Number of the first block before the headline that belongs to it."""
        labels, first, heading = 0, self._at, self._place(self._heading)
        menus = (self._place(menu) for menu in self._page.root.iter("nav", "menu"))
        menu = max((place for place in menus if place < heading), default=-1)
        while first > max(0, self._at - _NEAR):
            before = self._blocks[first - 1]
            labels += before.linked > _MOST_PART
            if before.furniture or labels > _LABELS or self._place(before.element) < menu:
                break
            first -= 1
        return first

    def _around(self, first: int, last: int) -> Iterator[tuple[int, Block]]:
        """The blocks with some numbers, but for the headline's."""
        first = max(0, first)
        for number, block in enumerate(self._blocks[first : last + 1], first):
            if number != self._at and not block.elsewhere:
                yield number, block

    # --- text

    def _text(self) -> list[int]:
        """Numbers of the blocks that are the text, from its first sentence to its byline."""
        found = self._stated_text() or self._extracted_text()
        if not found:
            found = self._first_prose()
        else:  # extractors take a lead that stands in a box of its own for a description
            lead = [n for n in self._first_prose() if n < found[0] and self._is_lead(n)]
            found = lead + found + self._following(found)
        return found + self._bylines(found[-1]) if found else []

    def _take_text(self, text: Sequence[int]) -> None:
        """Take the element that holds the text, or else the text that the page's head states."""
        if text:
            self._parts.body = self._holder(text)
            self._parts.skipped = self._not_text(self._parts.body, text)
            return
        self._parts.body = self._pictures.without_text()
        if self._head.body:
            self._parts.body, self._parts.paragraphs = None, paragraphs(self._head.body)

    def _following(self, found: Sequence[int]) -> list[int]:
        """The sentences right behind a text that stand in one box with it, without the headline.

        Extractors miss those behind a box that an editor pasted.
        """
        box = self._holder(found).getparent()
        if box is None or self._holds_heading(box) or self._heading is None:
            return []
        run: list[int] = []
        for number, block in enumerate(self._blocks[found[-1] + 1 :], found[-1] + 1):
            if not block.is_prose or box not in block.element.iterancestors():
                break
            run.append(number)
        return run

    def _is_lead(self, number: int) -> bool:
        block = self._blocks[number]
        return block.words >= SENTENCE and not self._shows_time(block)

    def _shows_time(self, block: Block) -> bool:
        """Whether it is a line with a time and what stands beside one: labels, names, numbers.

        What a layout took for the time is one, even if a cut left but "02 April 2025 13:" of it.
        """
        if block.text in self._parts.times:
            return True
        return len(block.text) <= _LONGEST_LABELS and any(
            shows_time(element, self._site.zone)
            for element in dict.fromkeys((block.element, *block.elements))
        )

    def _stated_text(self) -> list[int]:
        return self._blocks_of(self._head.body)

    def _extracted_text(self) -> list[int]:
        if len(self._page.text) > _LARGEST or len(self._outline.places) > _MOST_ELEMENTS:
            return []
        from trafilatura import bare_extraction  # takes long, and most crawls never need it

        try:
            found = bare_extraction(
                self._page.text, fast=True, include_comments=False, with_metadata=False
            )
        except Exception:  # whatever a foreign parser meets in a broken page, we go on without it
            return []
        return self._blocks_of(getattr(found, "text", None) or "")

    def _blocks_of(self, text: str) -> list[int]:
        """Numbers of the blocks that are in a text, when most of it stands behind the headline.

        Labels before the first sentence and behind the last one are not of the text.
        """
        known = _key(text)
        found = [
            number
            for number, block in enumerate(self._blocks)
            if number > self._at
            and not block.furniture
            and not block.elsewhere
            and block.linked <= _MOST_PART
            and block.words
            and _key(block.text) in known
        ]
        soon = self._at + _NEAR
        found = [n for n in found if n > soon or not self._shows_time(self._blocks[n])]
        prose = [number for number in found if self._blocks[number].is_prose]
        seen = sum(self._blocks[number].words for number in prose)
        if seen < max(_CREDIBLE, _MOST_PART * (known.count(" ") - 1)):
            return []
        return [number for number in found if prose[0] <= number <= prose[-1]]

    def _first_prose(self) -> list[int]:
        """The run of sentences that begins soon after the headline; labels may stand between."""
        run: list[int] = []
        for number, block in enumerate(self._blocks[self._at + 1 :], self._at + 1):
            if block.is_prose and not (number <= self._at + _NEAR and self._shows_time(block)):
                run.append(number)
            elif number > (run[-1] + _GAP if run else self._at + _SOON):
                break
        return run

    def _bylines(self, last: int) -> list[int]:
        """A byline behind the text, which extractors take for furniture."""
        after = range(last + 1, min(last + 1 + _GAP, len(self._blocks)))
        return [n for n in after if parse_byline(self._blocks[n].text) is not None]

    def _holder(self, numbers: Sequence[int]) -> Element:
        """The element that holds most of some blocks and little else; having all counts most."""
        wanted = set(numbers)
        held: dict[Element, int] = {}
        inside: dict[Element, int] = {}
        for number, block in enumerate(self._blocks):
            if block.furniture:
                continue
            for element in (block.element, *block.element.iterancestors()):
                inside[element] = inside.get(element, 0) + block.words
                if number in wanted:
                    held[element] = held.get(element, 0) + block.words
        total = sum(self._blocks[number].words for number in numbers)

        def fit(element: Element) -> tuple[float, int]:
            score = 5 * held[element] / (inside[element] + 4 * total)  # F-measure with beta 2
            if _is_semantic(element) and not self._holds_heading(element):
                score += _SEMANTIC_BONUS
            return round(score, 6), -self._outline.places[element]  # of equals, the outer one

        boxes = [
            element for element in held if element.tag not in _INLINE and element.tag != "html"
        ]
        return max(boxes, key=fit, default=self._page.root)

    def _not_text(self, body: Element, numbers: Sequence[int]) -> frozenset[Element]:
        """Elements of a body before and after the text that are no part of it."""
        skipped = {*self._times, *self._cards}
        with_heading = self._holds_heading(body)
        if self._heading is not None and with_heading:
            for element in (self._heading, *self._heading.iterancestors()):
                if element is body:
                    break
                skipped.update(element.itersiblings(preceding=True))
            skipped.add(self._heading)
        holders = {
            e
            for n in numbers
            for e in (self._blocks[n].element, *self._blocks[n].element.iterancestors())
        }
        for number, block in enumerate(self._blocks):
            # A box of the text alone may begin with a short line that is part of it.
            early, late = with_heading and number < numbers[0], number > numbers[-1] + 1
            following = self._blocks[number + 1 : number + 2]
            label = number > numbers[-1] and any(block.elsewhere for block in following)
            if (
                (early and (not block.is_prose or self._shows_time(block)))
                or (late and (block.furniture or block.linked > _MOST_PART))
                or (label and not block.is_prose)
            ):
                element = block.element
                while element.tag in _INLINE and (parent := element.getparent()) is not None:
                    element = parent
                if element not in holders:
                    skipped.add(element)
        return frozenset(skipped)

    def _holds_heading(self, element: Element) -> bool:
        return self._heading is not None and (
            element is self._heading or element in self._heading.iterancestors()
        )

    # --- the rest

    def _views(self, text: Sequence[int]) -> str | None:
        """The counter near the headline, or near the end of the text."""
        end = (text[-1] if text else self._at + _SOON) + _SOON
        shown = (
            text
            for _, block in self._around(self._at - _NEAR, end)
            for text in (block.text, *self._labels_in(block))
        )
        return next((t for t in shown if len(t) < 80 and _VIEWS.fullmatch(t)), None)

    def _labels_in(self, block: Block) -> Iterator[str]:
        """The parts of a line that is no sentence; in a sentence a number is no counter."""
        if not block.is_prose or self._shows_time(block):
            yield from _texts_in(block)

    def _byline(self, text: Sequence[int]) -> str | None:
        """The byline between the headline and the text, or one behind it outside its box."""
        end = min(text[0] - 1 if text else self._at + _NEAR, self._at + _NEAR)
        shown = (
            one
            for _, block in self._around(self._at + 1, end)
            for one in (block.text, *_texts_in(block))
        )
        behind = (self._blocks[number].text for number in text[-_GAP:])
        return next((one for one in (*shown, *behind) if parse_byline(one)), None)

    def _section(self) -> Element | None:
        """The link to a section that is nearest to the headline and in no list of such links."""
        near = {
            element
            for _, block in self._around(self._at - _NEAR, self._at + _NEAR)
            for element in (block.element, *block.elements)
        }
        links = (link for link in self._page.links if SECTION_PATH in f"/{attribute(link, 'href')}")
        found = [
            link
            for link in islice(links, _MOST_LINKS)
            if near.intersection((link, *link.iterancestors(), *link.iter()))
            and not any(e.tag in _LISTS for e in link.iterancestors())
        ]
        return min(found, key=self._distance, default=None)

    def _distance(self, element: Element) -> int:
        return abs(self._place(element) - self._place(self._heading))

    def _place(self, element: Element | None) -> int:
        return -1 if element is None else self._outline.places.get(element, -1)


def _texts_in(block: Block) -> Iterator[str]:
    """The texts of the elements that a line consists of."""
    return filter(None, map(words, filter(is_small, dict.fromkeys(block.elements))))


def _key(text: str) -> str:
    """The words of a text, so that one text can be looked for in another word by word."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _is_semantic(element: Element) -> bool:
    return element.tag in ("article", "main") or "articleBody" in attribute(element, "itemprop")
