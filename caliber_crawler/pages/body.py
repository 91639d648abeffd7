"""The body of an article: a tree of whatever editors pasted → what a reader saw, in order, once.

Rules, each with its reason:

* Block elements and table rows are paragraphs; a single ``<br>`` is a line end within a paragraph,
  two are a paragraph's end. Text directly in ``div`` counts like any other. The only block in a
  table cell does not end its row. In ``<pre>`` line ends are as in the source.
* Scripts, forms, buttons, hidden elements and boxes that name themselves adverts, share bars or
  teasers do not enter. Names lie now and then ("social-embed", "promo-video"), so the posts, the
  networks' videos and the site's own photographs in such a box are taken if they are not linked,
  and boxes with sentences are counted.
* A paragraph that only points to other articles of the site is a teaser (`teasers` has the rules)
  and is left out with its links. A sentence that contains such a link is text. Digests keep them:
  a body that would have no text otherwise, the items of a list that a sentence with a colon
  announces, and headings with text of their own, if there are several.
* A caption belongs to its picture, not to the body; other text in a ``figure`` is text.
* A quoted post of X is text (readers saw it) and an embed; the text in the placeholders of
  Instagram, Facebook and TikTok is not what readers saw, so only the embed stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from lxml import etree

from caliber_crawler import text
from caliber_crawler.items import Embed, Image, Link
from caliber_crawler.limits import LONGEST_LINE, USUAL, Limits
from caliber_crawler.pages import media
from caliber_crawler.pages.html import BLOCKS, Element, attribute, href_of, is_hidden, words
from caliber_crawler.pages.teasers import LONGEST_LEAD_IN, Run, announces, kind_of, pointing_lines
from caliber_crawler.people import parse_byline
from caliber_crawler.site import Site

_CELLS = frozenset({"td", "th"})
_HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
_MARKED = _HEADINGS | {"li"}
# Not `embed`: the parser takes all that follows one for its inside.
DROPPED = frozenset(
    "script style template form button input select textarea nav svg canvas object applet "
    "audio map dialog title".split()
)
_FRAMES = frozenset({"iframe", "video", "script", "oembed", "embed", "object"})
# Boxes that say by class or id that they are no part of the text. Matched against whole words of
# the attribute, so that a class such as "adsorption" is left alone.
_FOREIGN = re.compile(
    r"(?:^|\s)(?:(?:post|article|news|block|box|js)[-_])?"
    r"(?:related|read[-_]?(?:also|more|next)|more[-_]news|see[-_]also|newsletter|subscri(?:be|ption)|"
    r"share|sharing|social|advert\w*+|ads?|adsbygoogle|banner|promo|teasers?|recommend\w*+|"
    r"comments?|float_block\w*+|signature|hits|breadcrumbs?)(?:[-_][\w-]*+)?+(?=\s|$)",
    re.IGNORECASE,
)
_SHOWN_AS_BLOCK = re.compile(r"display\s*:\s*(?:block|flex|grid|table|list-item)\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+")
_CAPTIONS = 4  # of one figure
_SEVERAL = 2  # headings
_PROSE = 25  # words: so many without a link are no label of a share bar or of an advert
_BOX_TEXT = 2_000  # letters of one box that are looked at for them


@dataclass
class Body:
    """What a body holds: clean `paragraphs` in reading order, pictures, embeds and links.

    `teasers` counts the paragraphs left out, whole or in part, because they only point to other
    articles, `boxes` those left out for their names that hold sentences, `cut` names the fields
    that go beyond their limit; only their beginning is here.
    """

    paragraphs: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    embeds: list[Embed] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    teasers: int = 0
    boxes: int = 0
    cut: set[str] = field(default_factory=set)


def read_body(
    root: Element,
    page_url: str,
    site: Site,
    skipped: frozenset[Element] = frozenset(),
    limits: Limits = USUAL,
    rest: Sequence[Element | str] = (),
) -> Body:
    """Read one element as an article's body, without the elements in `skipped`.

    `rest` are further elements and texts that belong to it. An element's own tail does not.
    """
    body = _Reader(page_url, site, skipped, limits).read(root, rest)
    if body.teasers and not any(map(_says_something, body.paragraphs)):
        return _Reader(page_url, site, skipped, limits, keep_teasers=True).read(root, rest)
    return body


def _says_something(paragraph: str) -> bool:
    return not text.is_boilerplate(paragraph) and parse_byline(paragraph) is None


@dataclass
class _OpenLink:
    """A link, from where it begins on; `shown` once a paragraph with its text is kept."""

    url: str | None
    element: Element
    to_article: bool
    text: str = ""
    shown: bool = False


class _Piece(NamedTuple):
    """Text of the paragraph being read, with the link that it stands in."""

    text: str
    link: _OpenLink | None

    @property
    def run(self) -> Run:
        return Run(self.text, self.link is not None and self.link.to_article)


class _Heading(NamedTuple):
    """A linked heading and its place, as the number of the paragraph behind it."""

    place: int
    lines: list[list[_Piece]]


_LINE_END = _Piece("\n", None)


class _Reader:
    """One walk over a tree, without recursion, so that deep nesting cannot exhaust the stack."""

    def __init__(
        self,
        page_url: str,
        site: Site,
        skipped: frozenset[Element],
        limits: Limits,
        *,
        keep_teasers: bool = False,
    ) -> None:
        self._page_url = page_url
        self._skipped = skipped
        self._own_url = site.canonical(page_url)
        self._site = site
        self._keep_teasers = keep_teasers
        self._limits = limits
        self._left = limits.text  # letters that may still be read
        self._body = Body()
        self._image_urls: set[str] = set()
        self._pictures: dict[Element, str | None] = {}
        self._captions: dict[Element, str | None] = {}
        self._embed_urls: set[str] = set()
        self._pieces: list[_Piece] = []  # of the paragraph being read
        self._links: list[_OpenLink] = []
        self._link: _OpenLink | None = None
        self._preformatted = 0  # open <pre>
        self._figures: list[tuple[Element, bool]] = []  # open, with "holds a picture"
        self._silent: Element | None = None  # placeholder whose text is no text
        self._marked: list[Element] = []  # open headings and list items
        self._announced: Element | None = None  # list of links with a sentence before it
        self._headings: list[_Heading] = []  # left out so far
        self._foreign: Element | None = None  # open box that is no part of the text
        self._kept: Element | None = None  # open post in such a box
        self._said = ""  # in it

    def read(self, root: Element, rest: Sequence[Element | str] = ()) -> Body:
        self._read(root)
        if rest:
            self._flush()
        for part in rest:
            if isinstance(part, str):
                self._text(part)
            elif self._enter(part):
                self._read(part)
            else:
                self._leave(part)
        self._flush()
        self._restore_headings()
        shown = (link for link in self._links if link.url and link.shown)
        self._body.links = [
            {"url": link.url or "", "text": text.line(link.text[:LONGEST_LINE])}
            for link in islice(shown, self._limits.entries)
        ]
        if next(shown, None) is not None:
            self._body.cut.add("links")
        return self._body

    def _read(self, root: Element) -> None:
        """Read what is inside an element."""
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

    # --- elements

    def _enter(self, element: Element) -> bool:
        """Note an element's beginning; False when what is inside it is not to be read."""
        tag = element.tag
        if element in self._skipped:
            return False
        if self._foreign is not None and self._kept is None:
            return self._look_into(element)
        if tag in _FRAMES:
            self._embed(element)
        if tag == "noscript":  # its text is for readers without script, its pictures are for all
            return self._pictures_only(element)
        if tag in DROPPED or self._is_caption(element):
            return False
        if is_foreign(element):
            return self._enter_foreign(element)
        if tag == "br":
            self._end_line()
        elif tag == "img":
            self._image(element)
        elif tag == "a":
            self._open_link(element)
        elif _ends_paragraph(element):
            self._flush()
            self._open_block(element)
        if tag == "figure":
            self._figures.append((element, self._figure(element)))
        self._preformatted += tag == "pre"
        return tag not in ("iframe", "video")

    def _open_block(self, element: Element) -> None:
        self._post(element)
        if element.tag in _MARKED:
            self._marked.append(element)

    def _pictures_only(self, element: Element) -> bool:
        for image in element.iter("img"):
            self._image(image)
        return False

    def _enter_foreign(self, element: Element) -> bool:
        if self._foreign is not None or is_hidden(element):
            return False  # or within a post in such a box
        self._foreign, self._said = element, ""
        return self._look_into(element)

    def _look_into(self, element: Element) -> bool:
        """Take what is the article's own in a box that is no part of the text.

        Adverts, share buttons and teasers are linked.
        """
        tag = element.tag
        if tag in _FRAMES:
            self._embed(element, trusted_only=True)
        elif tag == "img":
            if self._link is None:
                self._image(element, trusted_only=True)
        elif tag != "a" and tag not in DROPPED and not is_hidden(element):
            embed = media.post_embed(element, self._resolve)
            if embed is None:
                return True
            self._add_embed(embed)
            if embed["type"] == "x":
                self._flush()
                self._kept = element
                return True
        return False

    def _leave(self, element: Element) -> None:
        if self._foreign is not None and self._kept is None:
            if element is not self._foreign:
                return
            self._body.boxes += len(_WORD.findall(self._said)) >= _PROSE
        tag = element.tag
        if _ends_paragraph(element):
            self._flush()
        elif tag in _CELLS:
            self._pieces.append(_Piece(" ", None))
        elif self._link is not None and element is self._link.element:
            self._link = None
        # Elements that were not entered are left as well.
        if self._marked and element is self._marked[-1]:
            self._marked.pop()
        if self._figures and element is self._figures[-1][0]:
            self._figures.pop()
        if tag == "pre" and self._preformatted:
            self._preformatted -= 1
        if element is self._silent:
            self._silent = None
        if element is self._kept:
            self._flush()
            self._kept = None
        if element is self._foreign:
            self._foreign = None

    # --- text

    def _text(self, raw: str | None) -> None:
        if not raw or self._silent is not None:
            return
        if self._foreign is not None and self._kept is None:
            if len(self._said) < _BOX_TEXT:
                self._said += f" {raw[:_BOX_TEXT]}"
            return
        # In HTML a line end in the source is white space like any other.
        lines = raw.splitlines() if self._preformatted else [raw]
        for number, piece in enumerate(lines):
            if number:
                self._end_line()
            shown = self._taken(_SPACE.sub(" ", piece))
            self._pieces.append(_Piece(shown, self._link))
            if self._link is not None and len(self._link.text) < LONGEST_LINE:
                self._link.text += shown

    def _taken(self, shown: str) -> str:
        """What may still be taken of a text."""
        if len(shown) > self._left:
            shown = shown[: self._left]
            self._body.cut.add("body")
        self._left -= len(shown)
        return shown

    def _end_line(self) -> None:
        self._pieces.append(_LINE_END)
        if self._link is not None:
            self._link.text += " "

    def _flush(self) -> None:
        """End the paragraph being read; two line ends in it have ended others before."""
        if self._link is not None:
            self._link.text += " "
        pieces, self._pieces = self._pieces, []
        if all(piece.text.isspace() for piece in pieces):
            return
        lines: list[list[_Piece]] = [[]]
        for piece in pieces:
            if piece is not _LINE_END:
                lines[-1].append(piece)
            elif all(part.text.isspace() for part in lines[-1]):
                self._paragraph(lines)
                lines = [[]]
            else:
                lines.append([])
        self._paragraph(lines)

    def _paragraph(self, lines: list[list[_Piece]]) -> None:
        """Keep a paragraph, or those of its lines that do not only point to other articles."""
        if len(lines) == 1 and not any(piece.link for piece in lines[0]):
            shown = "".join(piece.text for piece in lines[0])
            if len(shown) > LONGEST_LEAD_IN:  # as most are; it points nowhere
                self._body.paragraphs += text.paragraphs(shown)
                return
        left_out: set[int] = set()
        if not self._keep_teasers:
            runs = [[piece.run for piece in pieces] for pieces in lines]
            left_out = pointing_lines(runs)
            if left_out and self._marked and all(kind_of(line) == "link" for line in runs):
                if self._marked[-1].tag in _HEADINGS:
                    self._headings.append(_Heading(len(self._body.paragraphs), lines))
                elif self._is_announced(self._marked[-1]):
                    left_out = set()
            self._body.teasers += bool(left_out)
        kept = [pieces for number, pieces in enumerate(lines) if number not in left_out]
        self._body.paragraphs += self._shown(kept)

    def _shown(self, lines: list[list[_Piece]]) -> list[str]:
        """The paragraphs that lines make, which are kept with their links."""
        for pieces in lines:
            for piece in pieces:
                if piece.link is not None and not piece.text.isspace():
                    piece.link.shown = True
        return text.paragraphs("\n".join("".join(piece.text for piece in p) for p in lines))

    def _is_announced(self, item: Element) -> bool:
        """Whether a list item stands in a list that the text announces."""
        around, said = item.getparent(), self._body.paragraphs
        if around is not self._announced and said and announces(said[-1]):
            self._announced = around
        return around is self._announced

    def _restore_headings(self) -> None:
        """Put linked headings back that were left out, if several have text of their own.

        A single one is a teaser between two paragraphs.
        """
        said = self._body.paragraphs
        ends = [*(heading.place for heading in self._headings[1:]), len(said)]
        titled = [
            heading
            for heading, end in zip(self._headings, ends, strict=False)
            if any(map(_says_something, said[heading.place : end]))
        ]
        if len(titled) < _SEVERAL:
            return
        whole: list[str] = []
        at = 0
        for heading in titled:
            whole += said[at : heading.place] + self._shown(heading.lines)
            at = heading.place
        self._body.paragraphs = whole + said[at:]
        self._body.teasers -= len(titled)

    # --- links

    def _open_link(self, element: Element) -> None:
        """Note a link's beginning. One within the page (``#top``) or without address is none."""
        href = href_of(element)
        if not href:
            self._link = None
            return
        url = self._resolve(href)
        address = self._site.address(href, self._page_url)
        to_article = bool(address and address.kind == "article" and address.url != self._own_url)
        # The link in a network's placeholder is the embed's own address.
        is_embed = url in self._embed_urls
        self._link = _OpenLink(None if is_embed else url, element, to_article)
        self._links.append(self._link)

    # --- pictures and embeds

    def _resolve(self, href: str) -> str | None:
        return self._site.resolve(href, self._page_url)

    def _image(
        self, element: Element, caption: str | None = None, *, trusted_only: bool = False
    ) -> bool:
        if element not in self._pictures:  # figures within figures name theirs again and again
            self._pictures[element] = media.image_url(element, self._resolve)
        url = self._pictures[element]
        if trusted_only and not (url and media.is_of_articles(url)):
            return False
        if url and url not in self._image_urls and self._has_room("images", self._image_urls):
            self._image_urls.add(url)
            self._body.images.append({"url": url, "role": "body", "caption": caption})
        if self._link is not None and url is not None:
            self._link.shown = True
        return url is not None

    def _figure(self, element: Element) -> bool:
        """Take a figure's pictures with their caption; False when it holds no picture."""
        captions = [self._caption(part) for part in islice(element.iter("figcaption"), _CAPTIONS)]
        caption = " ".join(filter(None, captions)) or None
        found = [self._image(image, caption) for image in element.iter("img")]
        return any(found)

    def _caption(self, element: Element) -> str | None:
        if element not in self._captions:
            self._captions[element] = words(element)
        return self._captions[element]

    def _is_caption(self, element: Element) -> bool:
        """Whether an element is the caption of a picture, which was taken with the picture."""
        return element.tag == "figcaption" and bool(self._figures) and self._figures[-1][1]

    def _embed(self, element: Element, *, trusted_only: bool = False) -> None:
        sources = [element, *element.iter("source")] if element.tag == "video" else [element]
        for source in sources:
            embed = media.frame_embed(source, self._resolve)
            if embed is None:
                continue
            unknown = embed["type"] == "iframe" or (
                embed["type"] == "video" and not media.is_of_articles(embed["url"])
            )
            if not (trusted_only and unknown):
                self._add_embed(embed)

    def _add_embed(self, embed: Embed) -> None:
        url = embed["url"]
        if url not in self._embed_urls and self._has_room("embeds", self._embed_urls):
            self._embed_urls.add(url)
            self._body.embeds.append(embed)

    def _has_room(self, name: str, taken: Collection[str]) -> bool:
        if len(taken) < self._limits.entries:
            return True
        self._body.cut.add(name)
        return False

    def _post(self, element: Element) -> None:
        embed = media.post_embed(element, self._resolve)
        if embed is None:
            return
        self._add_embed(embed)
        if embed["type"] != "x" and self._silent is None:
            self._silent = element


def _ends_paragraph(element: Element) -> bool:
    """Whether an element is shown as a block; the only block in a table cell stays in its row."""
    if element.tag not in BLOCKS:
        return bool(element.attrib) and bool(_SHOWN_AS_BLOCK.search(attribute(element, "style")))
    parent = element.getparent()
    if parent is None or parent.tag not in _CELLS or len(parent) > 1:
        return True
    return bool((parent.text or "").strip() or (element.tail or "").strip())


def is_foreign(element: Element) -> bool:
    """Whether an element names itself a box that is no part of the text, or is not shown."""
    if not element.attrib:
        return False
    names = f"{attribute(element, 'class')} {attribute(element, 'id')}"
    if names != " " and _FOREIGN.search(names):
        return True
    return is_hidden(element)
