"""Where a page keeps what a reader sees: what a layout finds, what the record is read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from caliber_crawler.pages.html import Element, Page
from caliber_crawler.site import Site


@dataclass
class Parts:
    """The parts of one article page; None and empty mean that the page has no such part.

    `title` and `views` are texts as shown, `times` those that may be the printed time, likeliest
    first, `byline` is one that stands apart from the text. `beside` are the short texts outside the
    body, of which one may be a byline; they are looked for when they are asked for. `has_frame`
    says that a known layout's frame is there. `paragraphs` stand in for `body` where the text is
    known and its place in the page is not. `skipped` are elements within `body` that are no part of
    the text, `rest` elements and loose text behind `body` that are.
    """

    title: str | None = None
    times: list[str] = field(default_factory=list)
    section: Element | None = None
    cover: Element | None = None
    body: Element | None = None
    rest: list[Element | str] = field(default_factory=list)
    views: str | None = None
    byline: str | None = None
    beside: Iterable[str] = ()
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
