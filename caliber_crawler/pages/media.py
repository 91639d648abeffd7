"""Pictures: which address a reader's browser would show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from urllib.parse import urlsplit

from caliber_crawler.pages.html import Element, attribute
from caliber_crawler.text import is_emoji

_BOX_ELEMENTS = 1_000  # of one box that are looked at for a picture
_SOURCES = 8  # of one picture

IMAGES = ("img", "amp-img")
"""Elements that show a picture."""

Resolve = Callable[[str], str | None]
"""Turns a link of the page into an absolute http(s) address, or None."""

# The real address of a picture that loads late; `src` then holds a placeholder.
LAZY_ATTRIBUTES = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-url")
SET_ATTRIBUTES = ("data-srcset", "data-lazy-srcset", "srcset")
INLINE = re.compile(r"(?:data|blob|about|javascript):", re.IGNORECASE)  # no address
# A magnifier that the page lays over its pictures, and what a spoiler is opened with.
OVERLAY = re.compile(
    r"/templates/[^/]+/(?:api/zoom\.png|dleimages/spoiler[^/]*\.\w+)$", re.IGNORECASE
)
_OVERLAY_FILE = re.compile(r"/(?:zoom\.png|dleimages/)", re.IGNORECASE)
# Where pages keep the background of a box that loads late.
BOX_ATTRIBUTES = ("data-bg", "data-background", "data-background-image", "data-src")
# Pieces of an inline style: an address, a property's name, the end of a declaration. Addresses are
# bounded, so that a style of megabytes takes linear time; a picture within a style is as long.
_STYLE_PIECES = re.compile(
    r"url\(\s*(?:'([^']{0,4000})'|\"([^\"]{0,4000})\"|([^'\"()\s]{0,4000}))\s{0,99}\)"
    r"|([\w-]+)(\s{0,99}:)?|;",
    re.IGNORECASE,
)

# Emoji and smileys as files: named by the emoji's code in a folder that says what it holds
# ("/emoji/40/F09F94A5.png", "/twemoji@14/72x72/1f525.svg", "/emoji.php/v9/t4c/1/16/1f525.png"), or
# with whatever name among a system's own ("/engine/data/emoticons/smile.png").
_EMOJI_FILE = re.compile(
    r"emoji[^/?#]{0,40}/(?:[^?#]{0,80}/)?(?:u|emoji_u)?[\da-f]{2,}(?:[-_][\da-f]{2,})*"
    r"(?:[_@]\d?x\d?)?\.(?:png|svg|gif|webp)(?:[?#]|$)"
    r"|/engine/data/emoticons/|/images/smilies/|/tinymce/plugins/emo",
    re.IGNORECASE,
)
_EMOJI_FOLDER = re.compile(r"/(?:emojis?|emoticons|smil(?:ey|ie)s)[/.]", re.IGNORECASE)
_EMOJI_NAMES = frozenset({"emoji", "emojione", "twemoji", "wp-smiley", "smiley", "emoticon"})
_LARGEST_EMOJI = 72  # pixels
_EMOJI_ELEMENTS = 8
_SIZED = re.compile(r"/media/photos/[a-z]+/([\da-f]{32})\.\w+$")
_OWN = re.compile(r"/media/(?:photos|videos?|audios?)/")
# Files of the page's template, and names such as `site-logo.png`, `logo2.svg`, `no-image.jpg`.
_SIGN = re.compile(
    r"^/templates/|(?:^|[/_.-])(?:logo(?:type)?\d*|favicon|no[-_]?(?:image|photo|picture))[^/a-z\d][^/]*$",
    re.IGNORECASE,
)
# Where the buttons lead with which readers share the page.
_SHARES = re.compile(
    r"^https?://(?:(?:[\w-]+\.)?facebook\.com/(?:sharer|share\.php|dialog/(?:share|feed))|"
    r"(?:www\.)?(?:twitter|x)\.com/(?:intent/|share\b)|(?:t|telegram)\.me/share\b|"
    r"(?:api\.whatsapp\.com/send|wa\.me/\?)|vk(?:ontakte)?\.(?:com|ru)/share\.php|"
    r"connect\.ok\.ru/|(?:www\.)?ok\.ru/dk\?|(?:www\.)?linkedin\.com/(?:shareArticle|sharing/)|"
    r"(?:www\.)?pinterest\.com/pin/create|(?:www\.)?reddit\.com/submit|"
    r"connect\.mail\.ru/share)",
    re.IGNORECASE,
)


def image_url(element: Element, resolve: Resolve) -> str | None:
    """Address of the real picture of an ``img``; None for placeholders, overlays, pixels, emoji.

    Of a ``picture`` whose ``img`` has none, the address in its first source.
    """
    if element.get("width") in ("0", "1") or element.get("height") in ("0", "1"):
        return None  # a counter's pixel
    if is_emoji(element.get("alt") or "") or _says_emoji(element):
        return None
    candidates = (_picture(value, resolve) for value in _image_candidates(element))
    url = next(filter(None, candidates), None)
    if url and _is_small(element) and _EMOJI_FOLDER.search(url):
        return None
    return url or next(filter(None, _picture_sources(element, resolve)), None)


def _says_emoji(element: Element) -> bool:
    names = element.get("class")
    return names is not None and not _EMOJI_NAMES.isdisjoint(names.lower().split())


def _is_small(element: Element) -> bool:
    sizes = (attribute(element, name).removesuffix("px") for name in ("width", "height"))
    return any(size.isdecimal() and int(size) <= _LARGEST_EMOJI for size in sizes)


def shows_emoji(element: Element) -> bool:
    """Whether a box stands for an emoji: its text is nothing else, or its name says so."""
    if _says_emoji(element):
        return True
    inside = list(islice(element.iter(), _EMOJI_ELEMENTS + 1))
    if len(inside) > _EMOJI_ELEMENTS:
        return False
    tails = (inner.tail for inner in inside if inner is not element)
    said = "".join((text or "").strip() for text in (*(inner.text for inner in inside), *tails))
    return is_emoji(said)


def _picture_sources(image: Element, resolve: Resolve) -> Iterator[str | None]:
    # The parser takes what follows a source for its inside.
    outer = next((e for e in islice(image.iterancestors(), _SOURCES) if e.tag == "picture"), None)
    if outer is not None:
        for source in islice(outer.iter("source"), _SOURCES):
            for name in SET_ATTRIBUTES:
                yield _picture(_largest(attribute(source, name)), resolve)


def _image_candidates(element: Element) -> list[str]:
    values = [attribute(element, name) for name in LAZY_ATTRIBUTES]
    values += [_largest(attribute(element, name)) for name in SET_ATTRIBUTES]
    values.append(attribute(element, "src"))
    return [value for value in values if value]


def _largest(srcset: str) -> str:
    """The address with the greatest width or density in a ``srcset``."""
    best, best_size = "", -1.0
    # An address may hold commas itself; one that ends a candidate has white space or a root behind.
    for candidate in re.split(r",\s+|,(?=https?:|/)", srcset):
        url, _, size = candidate.strip().partition(" ")
        try:
            number = float(size.strip().rstrip("wxh") or 1)
        except ValueError:
            continue
        if url and number > best_size:
            best, best_size = url, number
    return best


def background_url(style: str | None, resolve: Resolve) -> str | None:
    """Address of the first real picture in ``background-image:url(...)`` of an inline style."""
    name = ""
    for piece in _STYLE_PIECES.finditer(style or ""):
        quoted, double_quoted, bare, word, colon = piece.groups()
        if colon:
            name = word.lower()
        elif piece[0] == ";":
            name = ""
        elif word is None and name in ("background", "background-image"):
            url = _picture(quoted or double_quoted or bare or "", resolve)
            if url:
                return url
    return None


def box_picture(box: Element, resolve: Resolve) -> str | None:
    """The picture that a box shows: its background, else the first real picture within it."""
    for element in islice(box.iter("*"), _BOX_ELEMENTS):
        if element.tag in IMAGES:
            url = image_url(element, resolve)
        else:
            late = (_picture(attribute(element, name), resolve) for name in BOX_ATTRIBUTES)
            url = background_url(element.get("style"), resolve) or next(filter(None, late), None)
        if url:
            return url
    return None


def _picture(value: str, resolve: Resolve) -> str | None:
    """Absolute address of a picture; None for one within the page, the overlay, and emoji."""
    value = value.strip()
    url = None if not value or INLINE.match(value) else resolve(value)
    if url is None:
        return None
    # Taking an address apart is slow, and hardly any is the overlay's.
    overlay = _OVERLAY_FILE.search(url) and OVERLAY.search(urlsplit(url).path)
    return None if overlay or _EMOJI_FILE.search(url) else url


def is_of_articles(url: str) -> bool:
    """Whether an address is where the site keeps what articles show; banners are elsewhere."""
    return _OWN.search(url) is not None


def same_picture(url: str) -> str:
    """What the addresses of one photograph of the site have in common, whatever its size.

    The site keeps each under its number in a folder for each size. Other addresses are their own.
    """
    found = _SIZED.search(url)
    return url if found is None else found[1]


def is_largest(url: str) -> bool:
    """Whether an address is that of a photograph of the site in its original size."""
    return "/media/photos/original/" in url


def shares(url: str) -> bool:
    """Whether a link's address is that of a network's button for sharing the page."""
    return _SHARES.match(url) is not None


def is_sign(url: str) -> bool:
    """Whether an address is that of a logo or of a picture that stands in for one."""
    return _SIGN.search(urlsplit(url).path) is not None
