"""Pictures of a page whose layout is not known: the cover, and what stands where a text would."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial

from caliber_crawler.pages.blocks import FURNITURE, Outline
from caliber_crawler.pages.foreign import is_foreign
from caliber_crawler.pages.html import Element, Page, attribute, href_of
from caliber_crawler.pages.media import IMAGES, background_url, image_url
from caliber_crawler.site import Site

_ICON = re.compile(
    r"\.svg(?:[?#]|$)|[/_-](?:icons?|avatars?|logos?|emoji|sprites?)[/_.-]", re.IGNORECASE
)
_LEAST_SIZE = 100  # pixels of a picture that is one
_SHOWN_ALONE = (
    "article",
    "main",
    "figure",
    "img",
    "iframe",
    "video",
    "audio",
    "blockquote",
    "script",
)


class Pictures:
    """Looks behind a headline, outside other articles' `cards` and boxes for other things."""

    def __init__(
        self,
        page: Page,
        site: Site,
        outline: Outline,
        heading: Element | None,
        cards: Collection[Element],
    ) -> None:
        self._page = page
        self._site = site
        self._outline = outline
        self._heading = heading
        self._cards = cards
        self._resolve = partial(site.resolve, page_url=page.base)

    def cover(self, body: Element | None) -> Element | None:
        """The first picture between the headline and the text, or behind it if there is none."""
        if self._heading is None:
            return None
        places = self._outline.places
        first, end = self._place(self._heading), len(places) if body is None else self._place(body)
        shown = (e for e, n in places.items() if first < n < end and self._shows_picture(e))
        return next((element for element in shown if not self._is_beside(element)), None)

    def without_text(self) -> Element | None:
        """Where a text would be on a page that has none but a video or an embedded post."""
        silent = {
            e
            for block in self._outline.blocks
            for around in [(block.element, *block.element.iterancestors())]
            if not any(e.tag == "figcaption" for e in around)  # that is of a picture
            for e in around
        }
        heading = self._heading
        holders = set() if heading is None else {heading, *heading.iterancestors()}
        first = -1 if heading is None else self._place(heading)
        for element in self._page.root.iter(*_SHOWN_ALONE):
            if self._place(element) <= first or element in holders:
                continue
            if element.tag == "script" and "data-telegram-post" not in element.attrib:
                continue
            if element.tag == "img" and (
                element.getparent() in silent or not self._shows_picture(element)
            ):
                continue
            if self._is_beside(element):
                continue
            while (parent := element.getparent()) is not None and parent not in silent:
                element = parent
            return element
        return None

    def _place(self, element: Element) -> int:
        return self._outline.places.get(element, -1)  # those of hidden elements are not known

    def _is_beside(self, element: Element) -> bool:
        """Whether it stands in a card, a box for other things, or a link off the site."""
        return any(
            outer in self._cards
            or outer.tag in FURNITURE
            or is_foreign(outer)
            or (outer.tag == "a" and self._leads_away(outer))
            for outer in (element, *element.iterancestors())
        )

    def _leads_away(self, link: Element) -> bool:
        href = href_of(link)
        return bool(href) and self._site.address(href, self._page.base) is None

    def _shows_picture(self, element: Element) -> bool:
        if element.tag in IMAGES:
            url = image_url(element, self._resolve)
            return url is not None and not _is_icon(element, url)
        style = element.get("style")
        return bool(style) and background_url(style, self._resolve) is not None


def _is_icon(image: Element, url: str) -> bool:
    """Whether a picture stands for a word or a person: a sign, a button, a writer's portrait."""
    if _ICON.search(url) or any(outer.tag == "button" for outer in image.iterancestors()):
        return True
    sizes = (attribute(image, name).removesuffix("px") for name in ("width", "height"))
    return any(size.isdecimal() and int(size) < _LEAST_SIZE for size in sizes)
