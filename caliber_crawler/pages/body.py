"""The body of an article: a tree of whatever editors pasted → what a reader saw, in order, once.

Rules, each with its reason:

* Block elements and table rows are paragraphs; a single ``<br>`` is a line end within a paragraph,
  two are a paragraph's end. Text directly in ``div`` counts like any other. The only block in a
  table cell does not end its row. In ``<pre>`` line ends are as in the source.
* Frames, players and forms end a paragraph; words never touch across a picture, a button or a box
  that is left out.
* A spoiler's text is read, although it is hidden until a reader opens it.
* Scripts, forms, buttons, other hidden elements and boxes that name themselves adverts, share bars
  or teasers do not enter. Names lie now and then ("social-embed", "promo-video"), so the posts, the
  networks' videos and the site's own photographs in such a box are taken if they are not linked,
  and boxes with sentences are counted. A body that would have neither text nor video otherwise
  keeps those.
* A paragraph that only points to other articles of the site is a teaser (`teasers` has the rules)
  and is left out with its links. A sentence that contains such a link is text. Digests keep them:
  a body that would have no text otherwise, the items of a list that a sentence with a colon
  announces, and headings with text of their own, if there are several.
* A caption belongs to its picture, not to the body, also when a box names itself one (as
  "photo-caption") behind the picture in its box; other text in a ``figure`` is text.
* A picture in a box's background counts like any other: the site shows its covers in that way.
* A picture in a link to another article goes with the words of the link, or of another link to
  that article: where those are left out, so is the picture.
* Emoji shown as pictures are text. A row of links that only share the page is left out.
* A quoted post of X or Bluesky is text (readers saw it) and an embed; the text in the placeholders
  of Instagram, Facebook, TikTok, Threads and VK is not what readers saw, so only the embed stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from lxml import etree

from caliber_crawler import text
from caliber_crawler.items import Embed, Image, Link
from caliber_crawler.limits import LONGEST_LINE, USUAL, Limits
from caliber_crawler.pages.embeds import COMPONENTS, PLAYERS, QUOTED
from caliber_crawler.pages.foreign import DROPPED, is_foreign
from caliber_crawler.pages.gallery import Gallery
from caliber_crawler.pages.html import BLOCKS, Element, Page, attribute, href_of, is_hidden
from caliber_crawler.pages.media import IMAGES
from caliber_crawler.pages.prose import HEADINGS, OpenLink, Piece, Prose, says_something
from caliber_crawler.site import Site

_CELLS = frozenset({"td", "th"})
_MARKED = HEADINGS | {"li"}
_FRAMES = frozenset({"iframe", *PLAYERS, "script", "oembed", "embed", "object"}) | COMPONENTS
# A box that calls itself a caption, as "photo-caption", "wp-caption-text", "slider__caption".
_CAPTION = re.compile(r"(?:^|[\s_-])(?:fig)?caption(?=[\s_-]|$)", re.IGNORECASE)
_CLOSED = frozenset({"iframe", *PLAYERS}) | COMPONENTS  # what is inside them is no text
_STANDS_ALONE = BLOCKS | (_FRAMES - {"script"})
_CONTROLS = frozenset({"button", "select", "textarea", "canvas"})
_SHOWN_AS_BLOCK = re.compile(
    r"display\s*:\s*(?:block|flex|grid|table(?:-row)?|list-item)(?![\w-])", re.IGNORECASE
)
_SPACE = re.compile(r"\s+")
_SOURCE_LINE_END = re.compile(r"\r\n?|\n")
_CLOSING = frozenset(",.;:!?…)]}»”’։՝՞՜")  # marks that stand right behind what they follow
_WORD = re.compile(r"\w+")
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
    page: Page,
    site: Site,
    skipped: frozenset[Element] = frozenset(),
    limits: Limits = USUAL,
    rest: Sequence[Element | str] = (),
) -> Body:
    """Read one element of a page as an article's body, without the elements in `skipped`.

    `rest` are further elements and texts that belong to it. An element's own tail does not.
    """
    reader = _Reader(page, site, skipped, limits)
    body = reader.read(root, rest)
    if not (body.teasers or body.boxes) or _says_something(body):
        return body
    # A text in a box is likelier than a digest beside one; a video says enough by itself, so that
    # what is beside it is what its name says.
    if reader.boxes and not body.embeds:
        boxes = frozenset(reader.boxes)
        again = _Reader(page, site, skipped, limits, keep_boxes=boxes).read(root, rest)
        if _says_something(again):
            return again
    if body.teasers:
        return _Reader(page, site, skipped, limits, keep_teasers=True).read(root, rest)
    return body


def _says_something(body: Body) -> bool:
    return any(map(says_something, body.paragraphs))


_LINE_END = Piece("\n", None)


class _Reader:
    """One walk over a tree, without recursion, so that deep nesting cannot exhaust the stack."""

    def __init__(
        self,
        page: Page,
        site: Site,
        skipped: frozenset[Element],
        limits: Limits,
        *,
        keep_teasers: bool = False,
        keep_boxes: frozenset[Element] = frozenset(),
    ) -> None:
        self._base = page.base
        self._skipped = skipped
        self._own_url = site.canonical(page.url)
        self._site = site
        self._limits = limits
        self._left = limits.text  # letters that may still be read
        self._keep_boxes = keep_boxes
        self.boxes: list[Element] = []  # left out for their names although they hold sentences
        self._cut: set[str] = set()
        # Not a method of the reader: it and its gallery would hold each other, and with them the
        # page, until the next garbage collection.
        self._resolve = partial(site.resolve, page_url=page.base)
        self._gallery = Gallery(self._resolve, limits.entries)
        self._prose = Prose(keep_teasers=keep_teasers)
        self._pieces: list[Piece] = []  # of the paragraph being read
        self._links: list[OpenLink] = []
        self._link: OpenLink | None = None
        self._apart = False  # something that is no text stands before the next one
        self._preformatted = 0  # open <pre>
        self._figures: list[tuple[Element, bool]] = []  # open, with "holds a picture"
        self._silent: Element | None = None  # placeholder whose text is no text
        self._marked: list[Element] = []  # open headings and list items
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
        self._prose.restore_headings()
        self._settle_pictures()
        gallery, prose = self._gallery, self._prose
        return Body(
            paragraphs=prose.paragraphs,
            images=gallery.images,
            embeds=gallery.embeds,
            links=self._shown_links(),
            teasers=prose.teasers,
            boxes=len(self.boxes),
            cut=self._cut | gallery.cut,
        )

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

    def _shown_links(self) -> list[Link]:
        shown = (link for link in self._links if link.url and link.shown)
        links: list[Link] = [
            {"url": link.url or "", "text": text.line(link.text[:LONGEST_LINE])}
            for link in islice(shown, self._limits.entries)
        ]
        if next(shown, None) is not None:
            self._cut.add("links")
        return links

    # --- elements

    def _enter(self, element: Element) -> bool:
        """Note an element's beginning; False when what is inside it is not to be read."""
        tag = element.tag
        if element in self._skipped:
            return False
        if self._foreign is not None and self._kept is None:
            return self._look_into(element)
        if tag in _FRAMES and self._gallery.frame(element) and tag == "script":
            self._flush()  # the post takes its place; the others end a paragraph as they are left
        if tag == "noscript":  # its text is for readers without script, its pictures are for all
            return self._pictures_only(element)
        if tag in DROPPED or self._is_caption(element):
            return False
        if is_foreign(element) and element not in self._keep_boxes:
            return self._enter_foreign(element)
        if tag == "br":
            self._end_line()
        elif tag in IMAGES:
            self._image(element)
        elif tag == "a":
            self._open_link(element)
        elif _ends_paragraph(element):
            self._flush()
            self._open_block(element)
        self._background(element)
        if tag == "figure":
            known = len(self._gallery.images)
            has_picture = self._gallery.figure(element, within=bool(self._figures))
            self._show_link(known, shown=has_picture)
            self._figures.append((element, has_picture))
        self._preformatted += tag == "pre"
        return tag not in _CLOSED

    def _open_block(self, element: Element) -> None:
        network = self._gallery.post(element)
        if network is not None and network not in QUOTED and self._silent is None:
            self._silent = element
        if element.tag in _MARKED:
            self._marked.append(element)
        if element.tag == "li":
            self._prose.open_item(element)

    def _pictures_only(self, element: Element) -> bool:
        for image in element.iter(*IMAGES):
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
            self._gallery.frame(element, trusted_only=True)
        elif tag in IMAGES:
            if self._link is None:
                self._gallery.image(element, trusted_only=True)
        elif tag != "a" and tag not in DROPPED and not is_hidden(element):
            network = self._gallery.post(element)
            if network in QUOTED:
                self._flush()
                self._kept = element
            return network is None or network in QUOTED
        return False

    def _note_box(self, box: Element) -> None:
        """Note a box that was left out for its name, if it has sentences."""
        if len(_WORD.findall(self._said)) >= _PROSE:
            self.boxes.append(box)

    def _leave(self, element: Element) -> None:
        if self._foreign is not None and self._kept is None:
            if element is not self._foreign:
                return
            self._note_box(element)
        tag = element.tag
        if _ends_paragraph(element):
            self._flush()
        elif tag in _CELLS:
            self._pieces.append(Piece(" ", None))
        self._apart |= tag in _CONTROLS
        if self._link is not None and element is self._link.element:
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
            self._foreign, self._apart = None, True

    # --- text

    def _text(self, raw: str | None) -> None:
        if not raw or self._silent is not None:
            return
        if self._foreign is not None and self._kept is None:
            if len(self._said) < _BOX_TEXT:
                self._said += f" {raw[:_BOX_TEXT]}"
            return
        if self._apart:
            self._apart = False
            if raw[0] not in _CLOSING:
                raw = f" {raw}"
        # In HTML a line end in the source is white space like any other.
        lines = _SOURCE_LINE_END.split(raw) if self._preformatted else [raw]
        for number, piece in enumerate(lines):
            if number:
                self._end_line()
            shown = self._taken(_SPACE.sub(" ", piece))
            self._pieces.append(Piece(shown, self._link))
            if self._link is not None and len(self._link.text) < LONGEST_LINE:
                self._link.text += shown

    def _taken(self, shown: str) -> str:
        """What may still be taken of a text."""
        if len(shown) > self._left:
            shown = shown[: self._left]
            self._cut.add("body")
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
        lines: list[list[Piece]] = [[]]
        for piece in pieces:
            if piece is not _LINE_END:
                lines[-1].append(piece)
            elif all(part.text.isspace() for part in lines[-1]):
                self._prose.take(lines, self._marked[-1] if self._marked else None)
                lines = [[]]
            else:
                lines.append([])
        self._prose.take(lines, self._marked[-1] if self._marked else None)

    # --- links

    def _open_link(self, element: Element) -> None:
        """Note a link's beginning. One within the page (``#top``) or without address is none."""
        if _ends_paragraph(element):
            self._flush()
        href = href_of(element)
        if not href:
            self._link = None
            return
        url = self._resolve(href)
        address = self._site.address(href, self._base)
        # A word without a slash ("www.x.org", "undefined") would be read as an article's name.
        is_other = address and address.kind == "article" and address.url != self._own_url
        to_article = bool(is_other) and "/" in href
        # The link in a network's placeholder is the embed's own address.
        is_embed = url in self._gallery.urls
        self._link = OpenLink(None if is_embed else url, element, to_article)
        self._links.append(self._link)

    # --- pictures

    def _image(self, element: Element) -> None:
        said = attribute(element, "alt")
        if said and text.is_emoji(said):
            self._text(said)
            return
        known = len(self._gallery.images)
        shown = self._gallery.image(element)
        self._show_link(known, shown=shown)
        self._apart |= shown

    def _background(self, element: Element) -> None:
        """Take the picture that a box shows behind its words; of an ``img`` it is no more than a
        placeholder."""
        style = element.get("style")
        if style is None or "url(" not in style.lower() or element.tag in IMAGES:
            return
        known = len(self._gallery.images)
        self._show_link(known, shown=self._gallery.background(element))

    def _show_link(self, known: int, *, shown: bool) -> None:
        """Note that the open link has a picture to show; `known` is how many there were before."""
        if shown and self._link is not None:
            self._link.has_picture = True
            self._link.pictures += self._gallery.images[known:]

    def _settle_pictures(self) -> None:
        """Take out the pictures of teasers; other links with a picture are shown."""
        left_out = {
            link.url
            for link in self._links
            if link.to_article and not link.shown and _WORD.search(link.text)
        }
        dropped: list[Image] = []
        for link in self._links:
            if link.has_picture and link.to_article and link.url in left_out and not link.shown:
                dropped += link.pictures
            elif link.has_picture:
                link.shown = True
        if dropped:
            self._gallery.drop(dropped)

    def _is_caption(self, element: Element) -> bool:
        """Whether an element is the caption of a picture; it is taken with the picture."""
        if element.tag == "figcaption":
            return bool(self._figures) and self._figures[-1][1]
        names = element.get("class")
        if names is None or "caption" not in names or self._silent is not None:
            return False
        return _CAPTION.search(names) is not None and self._gallery.caption(element)


def _ends_paragraph(element: Element) -> bool:
    """Whether an element is shown as a block; the only block in a table cell stays in its row."""
    if element.tag not in _STANDS_ALONE:
        return bool(element.attrib) and bool(_SHOWN_AS_BLOCK.search(attribute(element, "style")))
    parent = element.getparent()
    if parent is None or parent.tag not in _CELLS:
        return True
    if element.getprevious() is not None or element.getnext() is not None:
        return True
    return bool((parent.text or "").strip() or (element.tail or "").strip())
