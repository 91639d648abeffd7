"""Where a page keeps what a reader sees: what a layout finds, what the record is read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from lxml import etree

from caliber_crawler.limits import LONGEST_LINE
from caliber_crawler.pages.html import BLOCKS, Element, Page, attribute, words
from caliber_crawler.site import Site
from caliber_crawler.text import line

_LINKS = frozenset({"a"})
_NOT_IN_LINE = frozenset({"a", "script", "style", "template", "noscript"})
_MOST_STEPS = 1_000  # of one box


@dataclass
class Parts:
    """The parts of one article page; None and empty mean that the page has no such part.

    `title` and `views` are texts as shown, `times` those that may be the printed time, likeliest
    first. `has_frame` says that a known layout's frame is there. `paragraphs` stand in for `body`
    where the text is known and its place in the page is not. `skipped` are elements within `body`
    that are no part of the text, `rest` elements and loose text behind `body` that are.
    """

    title: str | None = None
    times: list[str] = field(default_factory=list)
    section: Element | None = None
    cover: Element | None = None
    body: Element | None = None
    rest: list[Element | str] = field(default_factory=list)
    views: str | None = None
    paragraphs: list[str] = field(default_factory=list)
    skipped: frozenset[Element] = frozenset()
    has_frame: bool = False


class Layout(NamedTuple):
    """One dated version of the site's article pages.

    `find` gives None for a page without the layout's frame. Parts without headline or body mean
    that the frame is there and the layout does not fit any more.
    """

    name: str
    find: Callable[[Page, Site], Parts | None]


def time_texts(element: Element) -> list[str]:
    """What may be the time in the time box, likeliest first.

    An editor's link was once found in the box, so the whole comes before the text without links,
    and that before the box's own text. Below the time there may be that of the last change, so the
    first line is tried alone; what stands in further ones is not known. A machine's form is last,
    since readers do not see it.
    """
    own = line(" ".join(filter(None, [element.text, *(child.tail for child in element)])))
    stamps = [attribute(stamp, "datetime") for stamp in element.iter("time")]
    found = [words(element), words(element, without=_LINKS), own, _first_line(element), *stamps]
    return list(dict.fromkeys(filter(None, found)))


def _first_line(element: Element) -> str | None:
    """The first line of text in a box of several elements, without links."""
    if not len(element):
        return None
    pieces: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, inner in islice(walk, _MOST_STEPS):
        if inner is element:
            pieces.append(element.text or "" if event == "start" else "")
            continue
        if (inner.tag == "br" or inner.tag in BLOCKS) and any(map(str.strip, pieces)):
            break
        if event == "end":
            pieces.append(inner.tail or "")
        elif inner.tag in _NOT_IN_LINE:
            walk.skip_subtree()
        else:
            pieces.append(inner.text or "")
    return line("".join(pieces)[:LONGEST_LINE])
