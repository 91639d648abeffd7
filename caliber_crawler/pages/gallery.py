"""The pictures and embeds of a body, each once, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from caliber_crawler.items import Embed, Image
from caliber_crawler.pages import embeds, media
from caliber_crawler.pages.html import Element, words

_CAPTIONS = 4  # of one figure
_NEAR = 4  # boxes round a picture in which its caption is


class Gallery:
    """Gathers `images`, `embeds` and `urls` (those of the embeds).

    Of each `most` are kept; `cut` names the fields that had more. `resolve` makes an address of a
    page absolute. Where `trusted_only`, no more is taken than what is surely the article's own: the
    site's photographs and videos, and what is embedded from known networks.
    """

    def __init__(self, resolve: Callable[[str], str | None], most: int) -> None:
        self.images: list[Image] = []
        self.embeds: list[Embed] = []
        self.urls: set[str] = set()
        self.cut: set[str] = set()
        self._resolve = resolve
        self._most = most
        self._known: dict[str, Image] = {}  # by what a picture's addresses have in common
        self._last: tuple[Element, Image | None] | None = None
        self._pictures: dict[Element, str | None] = {}
        self._captions: dict[Element, str | None] = {}

    def image(
        self, element: Element, caption: str | None = None, *, trusted_only: bool = False
    ) -> bool:
        """Take the picture of an ``img``; False when it shows none."""
        if element not in self._pictures:  # figures within figures name theirs again and again
            self._pictures[element] = media.image_url(element, self._resolve)
        url = self._pictures[element]
        if trusted_only and not (url and media.is_of_articles(url)):
            return False
        if url is None:
            return False
        self._take(element, url, caption)
        return True

    def background(self, element: Element) -> bool:
        """Take the picture in an element's background; False when it shows none.

        What belongs to the page's template is none, nor is an emoji.
        """
        url = media.background_url(element.get("style"), self._resolve)
        if url is None or media.is_sign(url) or media.shows_emoji(element):
            return False
        self._take(element, url, None)
        return True

    def _take(self, element: Element, url: str, caption: str | None) -> None:
        key = media.same_picture(url)
        image = self._known.get(key)
        if image is None:
            if self._has_room("images", self._known):
                image = self._known[key] = {"url": url, "role": "body", "caption": caption}
                self.images.append(image)
        elif media.is_largest(url):
            image["url"] = url
        self._last = element, image

    def caption(self, element: Element) -> bool:
        """Take a box that calls itself a caption as that of the picture before it in the same box.

        False when there is no such picture, or when the box shows one itself.
        """
        if self._last is None:
            return False
        (shown, image), box = self._last, element.getparent()
        if box is None or (box is not shown and box not in islice(shown.iterancestors(), _NEAR)):
            return False
        if next(element.iter(*media.IMAGES), None) is not None:
            return False
        if image is not None and image["caption"] is None:
            image["caption"] = self._caption(element)
        return True

    def drop(self, images: Iterable[Image]) -> None:
        """Take pictures out again."""
        dropped = set(map(id, images))
        self.images = [image for image in self.images if id(image) not in dropped]

    def figure(self, element: Element, *, within: bool = False) -> bool:
        """Take a figure's pictures with their caption; False when it holds no picture.

        `within` another, whose pictures are known, it is only looked through to the first.
        """
        captions = [self._caption(part) for part in islice(element.iter("figcaption"), _CAPTIONS)]
        caption = " ".join(filter(None, captions)) or None
        found = (self.image(image, caption) for image in element.iter(*media.IMAGES))
        return any(found if within else list(found))

    def frame(self, element: Element, *, trusted_only: bool = False) -> bool:
        """Take what an ``iframe``, player, widget script or the like stands for, if anything."""
        taken = False
        plays = element.tag in embeds.PLAYERS
        sources = [element, *element.iter("source")] if plays else [element]
        for source in sources:
            embed = embeds.frame_embed(source, self._resolve)
            if embed is None:
                continue
            unknown = embed["type"] == "iframe" or (
                embed["type"] in embeds.PLAYERS and not media.is_of_articles(embed["url"])
            )
            if not (trusted_only and unknown):
                self._add(embed)
                taken = True
        return taken

    def post(self, element: Element) -> str | None:
        """Take the post of a network for which an element is the placeholder; its type, if any."""
        embed = embeds.post_embed(element, self._resolve)
        if embed is None:
            return None
        self._add(embed)
        return embed["type"]

    def _add(self, embed: Embed) -> None:
        url = embed["url"]
        if url not in self.urls and self._has_room("embeds", self.urls):
            self.urls.add(url)
            self.embeds.append(embed)

    def _caption(self, element: Element) -> str | None:
        if element not in self._captions:
            self._captions[element] = words(element)
        return self._captions[element]

    def _has_room(self, name: str, taken: Collection[str]) -> bool:
        if len(taken) < self._most:
            return True
        self.cut.add(name)
        return False
