"""Cleaning of text: what stays is what a reader sees, in Unicode form NFC.

All functions are pure and idempotent: cleaning a clean text changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import unescape

from ftfy import fix_encoding
from ftfy.badness import is_bad

# Characters that no reader sees and that break search and comparison: soft hyphen, zero-width
# space and non-joiner, word joiner and the invisible operators, byte-order mark, direction marks,
# grapheme joiner, fillers, variation selectors (but the one that makes an emoji), the place of a
# lost object, control characters other than white space, noncharacters and halves of surrogate
# pairs. The zero-width joiner is handled apart, because it builds emoji.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\u3164\ufe00-\ufe0e"
    "\ufeff\uffa0\ufff9-\ufffc\ufffe\uffff\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]"
)
# What steers a terminal or changes the order of letters, in a text that may have several lines.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_JOINER = "\u200d"
_IN_EMOJI = frozenset(f"{_JOINER}\u20e3 0123456789#*")
_MOST_EMOJI = 20  # letters of several in a row
_MOST_MARKS = 30  # on one letter; as Unicode's "stream-safe" texts
_MARKS = re.compile(r"[^\w\s\x00-\x7f]{31,}+")
_ENTITY = re.compile(
    r"&(?:#\d{2,5}|#x[\da-f]{2,4}|amp|quot|apos|nbsp|shy|[lr][ads]quo|[mn]dash|hellip);"
)
_LABEL = 40  # letters of a label, at most
_LINE_END = re.compile("\r\n?|[\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_PARAGRAPH_END = re.compile(r"\n{2,}")
# Lines of the page's furniture, compared as a whole by `fold`. They are no part of an article even
# when an editor pasted them with the text.
_BOILERPLATE = re.compile(
    # `fold` has made "baxış" this.
    r"caliber\.az|(?:views|просмотров|просмотрено|baxiş|դիտումներ)\s*[:՝]?\s*[\d\s.,]*|"
    r"ссылка скопирована|link copied|copy link|print|ads|loading|share-line.*|a\+|a-|"
    # Above the share buttons.
    r"(?:liked the (?:story|article|news)|понравил(?:ась|ся) (?:новость|статья|материал)|"
    r"xəbəri bəyəndiniz)\?\W*(?:share|поделитесь|paylaşin)\b.*|"
    # The label of an advert, and the terms of use.
    r"[\W_]*(?:advertisement|advertising|реклама|reklam|գովազդ)[\W_]*|"
    r"(?:©|\(c\)|copyright)[\s\d©]*caliber\.az[\s\d.–—-]*"
    r"(?:all rights reserved|все права защищены)?\.?|"
    r"(?:any use of materials|(?:при|любое) (?:использовани[еия]|перепечатк[ае]) материалов)\b"
    r".{0,60}\bcaliber\.az\b.{0,20}",
)
# A cheap test before the dear one: pairs of letters that come of UTF-8 read as a Western or a
# Cyrillic encoding, and rows of accented letters, as Cyrillic read as Western gives.
_SUSPECT = re.compile(
    "[\u00c0-\u00ff][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
    "|вЂ|[В-Я][\u0080-\u00bf\u0402-\u040f\u0452-\u045f\u2013-\u203a\u20ac\u2116]|[\u00c0-\u00ff]{4}|\ufffd"
)
# Azerbaijani puts its endings right behind a closing quotation mark: "“Türk gücü”nün". Between two
# letters such a mark looks like a part of one that was read in a wrong encoding.
_TURKIC = "a-zA-ZçÇəƏğĞıİöÖşŞüÜ"
_BEFORE_ENDING = re.compile(f"(?<=[{_TURKIC}])[”“»](?=[{_TURKIC}])")


def visible(text: str) -> str:
    """NFC without invisible characters. White space is left as it is."""
    if text.isascii() and not _INVISIBLE.search(text):
        return text
    text = _INVISIBLE.sub("", text)
    if _JOINER in text:
        text = _drop_loose_joiners(text)
    text = _MARKS.sub(_fewer_marks, text)
    # Last, because what was between two characters could have kept them from composing.
    return unicodedata.normalize("NFC", text)


def _fewer_marks(run: re.Match[str]) -> str:
    """A row of signs without most of its combining marks, when there are very many in a row.

    No language puts so many on a letter, and to bring them into order takes the square of them.
    """
    kept: list[str] = []
    marks = 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _drop_loose_joiners(text: str) -> str:
    """A zero-width joiner stays only where it joins two parts of one emoji."""
    kept: list[str] = []
    for i, char in enumerate(text):
        if char == _JOINER and not (
            kept and i + 1 < len(text) and _in_emoji(kept[-1]) and _in_emoji(text[i + 1])
        ):
            continue
        kept.append(char)
    return "".join(kept)


def is_emoji(text: str) -> bool:
    """Whether a text is nothing but emoji: 🔥, a flag, a family, a digit in a box."""
    shown = len(text) <= _MOST_EMOJI and any(map(_in_emoji, text.removesuffix("\ufe0f")))
    return shown and all(char in _IN_EMOJI or _in_emoji(char) for char in text)


def _in_emoji(char: str) -> bool:
    # So: pictographs; Sk: skin tones; U+FE0F: "show as emoji".
    return char == "\ufe0f" or unicodedata.category(char) in ("So", "Sk")


def line(text: str) -> str:
    """One line: visible text, every run of white space one space, none at the ends."""
    # Most is so; these three look faster than any search.
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    # Emoji joiners aside, removing a character can bring two spaces together, so that comes first.
    return " ".join(visible(text).split())


def harmless(text: str) -> str:
    r"""The text for a terminal or a log: characters that steer it are written out; tabs and line
    ends stay.

    >>> harmless("\x1b[31m red\n")
    '\\x1b[31m red\n'
    """
    return _STEERING.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def is_whole(text: str) -> bool:
    """Whether a text is one: no half of a pair, which stands for bytes that are no UTF-8 in
    what was typed on the command line. Neither MongoDB nor an address can hold those."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text: separated by blank lines, single line ends kept, none empty."""
    lines = (line(part) for part in _LINE_END.split(text))
    joined = "\n".join(lines).strip("\n")
    return _PARAGRAPH_END.split(joined) if joined else []


def block(text: str) -> str:
    """A clean text of several paragraphs with one blank line between them."""
    return "\n\n".join(paragraphs(text))


def fold(text: str) -> str:
    """A key for comparing labels, names and headlines regardless of case; never shown to anyone.

    Rule for the Turkic i: dotted and dotless, capital and small (``İ I ı i``) are one letter, since
    the same word is typed with either; so ``İLHAM`` equals ``ilham`` and ``BAKI`` equals ``bakı``.
    All else follows Unicode case folding of the compatibility form (NFKC).
    """
    return _fold_label(text) if len(text) <= _LABEL else _fold(text)


def _fold(text: str) -> str:
    key = line(text)
    if key.isascii():
        return key.casefold()
    while True:  # each step can make the others possible again; two rounds are the rule
        folded = unicodedata.normalize("NFKC", key).casefold()
        folded = line(folded.replace("i\u0307", "i").replace("ı", "i"))
        if folded == key:
            return key
        key = folded


# Every page of a site has the same labels.
_fold_label = lru_cache(maxsize=2_000)(_fold)


def fold_clean(text: str) -> str:
    """`fold` for clean text that is compared word by word: one round, white space as it is."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
        return text.replace("ı", "i")
    return text.casefold()


def is_boilerplate(paragraph: str) -> bool:
    """Whether a whole paragraph is furniture of the page (signature, counter, a button's label)."""
    # Only short lines can be; the length test spares the work on every real paragraph.
    short = len(paragraph) <= 80 or (len(paragraph) <= 120 and "aliber" in paragraph)
    return short and _BOILERPLATE.fullmatch(fold(paragraph)) is not None


def unescaped(text: str) -> str:
    """A line with characters put in for the names of characters, as ``&quot;``, left in it.

    They come of a template that escapes what was escaped before. No headline speaks of them.
    """
    return line(unescape(text)) if "&" in text and _ENTITY.search(text) else text


def ungarbled(text: str) -> str:
    """The text with letters put right that were read in a wrong encoding, where that is certain.

    Only what cannot be text of any language is touched, and only when it can be turned back.
    """
    if not _looks_wrong(text):
        return text
    fixed: str = fix_encoding(text)
    return text if is_garbled(fixed) else fixed


def is_garbled(text: str) -> bool:
    """Whether letters are lost: the replacement character, or letters of a wrong encoding."""
    return "\ufffd" in text or _looks_wrong(text)


def _looks_wrong(text: str) -> bool:
    """Whether there are letters of a wrong encoding."""
    return _SUSPECT.search(text) is not None and bool(is_bad(_BEFORE_ENDING.sub("'", text)))


def word_count(*texts: str | None) -> int:
    """Number of words: runs without white space that hold a letter or a digit."""
    return sum(
        1
        for text in texts
        if text
        for word in text.split()
        if word.isalnum() or any(map(str.isalnum, word))
    )
