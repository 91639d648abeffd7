"""The body of an article: a tree of whatever editors pasted → what a reader saw, in order, once.

Rules, each with its reason:

* Block elements and table rows are paragraphs; a single ``<br>`` is a line end within a paragraph,
  two are a paragraph's end. Text directly in ``div`` counts like any other.
* Scripts, forms, buttons, hidden elements and boxes that name themselves adverts, share bars or
  teasers do not enter.
* A paragraph that only points to other articles of the site (nothing but such links, after at most
  a short lead-in with a colon) is a teaser. A sentence that contains such a link is text.
* A caption belongs to its picture, not to the body.
* A quoted post of X is text (readers saw it) and an embed; the text in the placeholders of
  Instagram and Facebook is not what readers saw, so only the embed stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from caliber_crawler import text
from caliber_crawler.items import Embed, Image, Link
from caliber_crawler.pages import media
from caliber_crawler.pages.html import Element, attribute, words
from caliber_crawler.site import Site

_BLOCKS = frozenset(
    "address article aside blockquote caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary "
    "table tbody tfoot thead tr ul".split()
)
_CELLS = frozenset({"td", "th"})
_DROPPED = frozenset(
    "script style template form button input select textarea nav svg canvas object embed applet "
    "audio map dialog title".split()
)
_FRAMES = frozenset({"iframe", "video", "script"})
# Boxes that say by class or id that they are no part of the text. Matched against whole words of
# the attribute, so that a class such as "adsorption" is left alone.
_FOREIGN = re.compile(
    r"(?:^|\s)(?:(?:post|article|news|block|box|js)[-_])?"
    r"(?:related|read[-_]?(?:also|more|next)|more[-_]news|see[-_]also|newsletter|subscri(?:be|ption)|"
    r"share|sharing|social|advert\w*|ads?|adsbygoogle|banner|promo|teasers?|recommend\w*|comments?|"
    r"float_block\w*|signature|hits|breadcrumbs?)(?:[-_]\w*)*(?=\s|$)",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_READ_ALSO = re.compile(
    r"(?:read (?:also|more|next)|see also|also read|more on (?:this|the topic)|related(?: news)?|"
    r"читайте также|читайте ещё|по теме|смотрите также|həmçinin oxuyun|oxuyun|bu mövzuda|"
    r"կարդացեք նաև|կարդալ նաև)"
)
_LEAD_IN_WORDS = 5
_SPACE = re.compile(r"\s+")


@dataclass
class Body:
    """What a body holds: clean `paragraphs` in reading order, pictures, embeds and links.

    `teasers` counts the paragraphs left out because they only point to other articles.
    """

    paragraphs: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    embeds: list[Embed] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    teasers: int = 0


def read_body(root: Element, page_url: str, site: Site) -> Body:
    """Read one element as an article's body. The element's own tail is not part of it."""
    return _Reader(page_url, site).read(root)


class _Reader:
    """One walk over a tree, without recursion, so that deep nesting cannot exhaust the stack."""

    def __init__(self, page_url: str, site: Site) -> None:
        self._page_url = page_url
        self._site = site
        self._body = Body()
        self._parts: list[str] = []  # of the paragraph being read
        self._own_text = self._linked_text = False  # outside, inside links to other articles
        self._lead: list[str] = []
        self._link: tuple[Element, int] | None = None  # open <a> and where its text begins
        self._teaser_link = False
        self._silent: Element | None = None  # placeholder whose text is no text

    def read(self, root: Element) -> Body:
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                if element is not root and not self._enter(element):
                    walk.skip_subtree()
                    continue
                self._text(element.text)
            else:
                self._leave(element)
                if element is not root:
                    self._text(element.tail)
        self._flush()
        return self._body

    # --- elements

    def _enter(self, element: Element) -> bool:
        """Note an element's beginning; False when what is inside it is not to be read."""
        tag = element.tag
        if tag in _FRAMES:
            self._embed(element)
        if tag == "noscript":  # its text is for readers without script, its pictures are for all
            for image in element.iter("img"):
                self._image(image)
            return False
        if tag in _DROPPED or _foreign(element):
            return False
        if tag == "br":
            self._parts.append("\n")
        elif tag == "img":
            self._image(element)
        elif tag == "figure" and self._figure(element):
            return False
        elif tag == "a":
            self._open_link(element)
        elif tag in _BLOCKS:
            self._flush()
            self._post(element)
        return tag not in ("iframe", "video")

    def _leave(self, element: Element) -> None:
        tag = element.tag
        if tag in _BLOCKS:
            self._flush()
        elif tag in _CELLS:
            self._parts.append(" ")
        elif tag == "a":
            self._close_link(element)
        if element is self._silent:
            self._silent = None

    # --- text

    def _text(self, raw: str | None) -> None:
        if not raw or self._silent is not None:
            return
        # In HTML a line end in the source is white space like any other.
        piece = _SPACE.sub(" ", raw)
        self._parts.append(piece)
        if piece != " ":
            if self._teaser_link:
                self._linked_text = True
            else:
                self._own_text = True
                self._lead.append(piece)

    def _flush(self) -> None:
        """End the paragraph being read."""
        if self._parts:
            found = text.paragraphs("".join(self._parts))
            if found and self._is_teaser():
                self._body.teasers += 1
            else:
                self._body.paragraphs += found
            self._parts.clear()
            if self._link is not None:  # a link round several blocks goes on
                self._link = (self._link[0], 0)
        self._lead.clear()
        self._own_text = self._linked_text = False

    def _is_teaser(self) -> bool:
        if not self._linked_text:
            return False
        lead = text.line("".join(self._lead)) if self._own_text else ""
        lead_words = re.findall(r"\w+", lead)
        if not lead_words:
            return True
        short = len(lead_words) <= _LEAD_IN_WORDS
        return (short and lead.rstrip().endswith(":")) or (
            _READ_ALSO.fullmatch(text.fold(lead).strip(" :-–—»>.")) is not None
        )

    # --- links

    def _open_link(self, element: Element) -> None:
        self._link = (element, len(self._parts))
        address = self._site.address(attribute(element, "href"), self._page_url)
        self._teaser_link = address is not None and address.kind == "article"

    def _close_link(self, element: Element) -> None:
        if self._link is None or self._link[0] is not element:
            return
        url = self._site.resolve(attribute(element, "href"), self._page_url)
        is_embed = any(embed["url"] == url for embed in self._body.embeds)
        if url and attribute(element, "href") and self._silent is None and not is_embed:
            linked = text.line("".join(self._parts[self._link[1] :]))
            self._body.links.append({"url": url, "text": linked})
        self._link = None
        self._teaser_link = False

    # --- pictures and embeds

    def _resolve(self, href: str) -> str | None:
        return self._site.resolve(href, self._page_url)

    def _image(self, element: Element, caption: str | None = None) -> bool:
        url = media.image_url(element, self._resolve)
        if url and all(image["url"] != url for image in self._body.images):
            self._body.images.append({"url": url, "role": "body", "caption": caption})
        return url is not None

    def _figure(self, element: Element) -> bool:
        """Take a figure's pictures with their caption; False when it holds no picture."""
        captions = [words(part) for part in element.iter("figcaption")]
        caption = " ".join(filter(None, captions)) or None
        found = [self._image(image, caption) for image in element.iter("img")]
        if any(found):
            for frame in element.iter("iframe", "video"):
                self._embed(frame)
        return any(found)

    def _embed(self, element: Element) -> None:
        sources = [element, *element.iter("source")] if element.tag == "video" else [element]
        for source in sources:
            embed = media.frame_embed(source, self._resolve)
            if embed and embed not in self._body.embeds:
                self._body.embeds.append(embed)

    def _post(self, element: Element) -> None:
        embed = media.post_embed(element, self._resolve)
        if embed is None:
            return
        if embed not in self._body.embeds:
            self._body.embeds.append(embed)
        if embed["type"] != "x" and self._silent is None:
            self._silent = element


def _foreign(element: Element) -> bool:
    """Whether an element names itself a box that is no part of the text, or is not shown."""
    if not element.attrib:
        return False
    names = f"{attribute(element, 'class')} {attribute(element, 'id')}"
    if names != " " and _FOREIGN.search(names):
        return True
    return "hidden" in element.attrib or _HIDDEN.search(attribute(element, "style")) is not None
