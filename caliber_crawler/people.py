"""Bylines and names: who wrote an article, as far as the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from itertools import islice

from caliber_crawler.dates import parse_printed
from caliber_crawler.text import fold, line

# "By" in the site's languages, with or without a colon. Russian "Автор" and "Подготовил(а)".
_LABEL = re.compile(
    r"(?:by|written by|authors?|автор(?:ы)?|подготовил(?:а|и)?|текст|müəllif(?:lər)?|"
    r"հեղինակ(?:ներ)?(?:ը)?)\b\s*[:：՝—–-]?\s*",
    re.IGNORECASE,
)
# Labels of other languages than English are also ordinary words, so only a colon makes a byline.
_NEEDS_COLON = re.compile(r"(?:текст|authors?)\b(?!\s*:)", re.IGNORECASE)
# The last is the Armenian "and" written as two letters, U+0565 U+0582.
# A conjunction has spaces on both sides, since "И." is an initial, too.
# A long row of spaces is looked at once, from its beginning.
_BETWEEN = re.compile(
    r"(?:(?<!\s)\s++)?[,;&/|]\s*+|(?<!\s)\s++(?:and|и|və|և|\u0565\u0582)\s+", re.IGNORECASE
)
_FOR_HOUSE = re.compile(
    r"(?<![\s,])[\s,]++(?:(?:exclusively|especially|специально)\s+)?(?:for|для)\s+caliber(?:\s*\.?\s*az)?\.?$",
    re.IGNORECASE,
)
_PARTICLES = frozenset(
    "de da del di du dos van von der den ter la le el al ul ibn bin bint abu "
    "де да дель ди ван фон дер ден ла ле эль аль ибн бин абу".split()
)
# Degrees and family suffixes that a comma may set apart from a name.
_TITLES = re.compile(r"(?:ph\.?d|m\.?d|m\.?a|dr|prof|jr|sr)\.?")
# Capitalised words that begin or fill such a sentence and are no part of a name.
_NO_NAMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday "
    "the of our to in on for with at from this that its his her their staff".split()
)
_PREFIX = re.compile(r"^(?:[dl]['’]|(?:al|el|ul|ad|an|ar|as|at|аль|эль|ад|ан|ар|ас|ат)-)")
_SUFFIXES = frozenset({"oglu", "oğlu", "ogly", "оглы", "огли", "qizi", "qızı", "кызы", "гызы"})
_HOUSE = re.compile(r"caliber(?:\s*\.?\s*az)?(?:\s+(?:news|editorial(?: team)?|редакция))?|калибр")
_INITIAL = re.compile(r"[^\W\d_]\.(?:-?[^\W\d_]\.)*")
_NAME_WORD = re.compile(r"(?:[^\W\d_]\.-?)*[^\W\d_]+(?:['’ʼ‘`-][^\W\d_]+)*\.?")
_BEFORE_DATE = re.compile(r"(?:(?<!\s)\s++)?[,;|/–—-]\s*+")
_LONGEST_BYLINE = 160
_LONGEST_VALUE = 2_000
_MOST_VALUES = 200


def split_byline(paragraphs: list[str]) -> tuple[list[str], list[str] | None]:
    """Take the byline off the end of a body: its last paragraph, or the last line of that.

    Returns the paragraphs without it and the persons named, which may be none when only the house
    signs; None instead of a list when the body does not end with a byline.
    """
    if not paragraphs:
        return paragraphs, None
    before, _, last_line = paragraphs[-1].rpartition("\n")
    names = parse_byline(last_line)
    if names is None:
        return paragraphs, None
    return [*paragraphs[:-1], *filter(None, [before])], names


def parse_byline(text: str) -> list[str] | None:
    """The persons of ``By A. One and B. Two``; None when the text is no byline.

    A sentence that only begins like one ("By Tuesday evening the road was open.") is none: after
    the label every word must look like part of a name. A date behind the names is put aside, and
    so is a full stop when the words before it cannot be a sentence (two names at least).
    """
    if len(text) > 2 * _LONGEST_BYLINE:
        return None
    text = line(text)
    label = _LABEL.match(text)
    if not label or len(text) > _LONGEST_BYLINE or _NEEDS_COLON.match(text):
        return None
    parts = _names_in(_without_full_stop(_without_date(text[label.end() :])))
    if not parts or not all(is_house(part) or looks_like_name(part) for part in parts):
        return None
    return persons(parts)


def clean_authors(values: Iterable[str]) -> list[str]:
    """Persons from metadata values such as ``By A. One``, ``Author: A. One and B. Two``.

    Dates, the house and repetitions are left out; the order stays.
    """
    names: list[str] = []
    for value in islice(values, _MOST_VALUES):
        text = line(value[:_LONGEST_VALUE])
        label = _LABEL.match(text)
        names += _names_in(_without_date(text[label.end() :] if label else text))
    return persons(name for name in names if looks_like_name(name))


def persons(names: Iterable[str]) -> list[str]:
    """The names once each, in order, without the house."""
    kept: dict[str, str] = {}
    for name in names:
        if not is_house(name):
            kept.setdefault(fold(name), name)
    return list(kept.values())


def is_house(name: str) -> bool:
    """Whether a name means the publisher: ``Caliber.Az`` alone is no person."""
    return _HOUSE.fullmatch(fold(name)) is not None


def looks_like_name(text: str) -> bool:
    """One to six words, each capitalised, an initial, or a particle that names carry."""
    words = text.split()
    if not 1 <= len(words) <= 6 or words[0] in _PARTICLES:
        return False
    last = words[-1]
    # A full stop ends a sentence; in a name it only follows an initial or a title.
    if last.endswith(".") and not (_INITIAL.fullmatch(last) or _TITLES.fullmatch(fold(last))):
        return False
    return all(map(_name_word, words)) and any(word[0].isupper() for word in words)


def _name_word(word: str) -> bool:
    key = fold(word)
    if key in _NO_NAMES:
        return False
    if key in _PARTICLES or key in _SUFFIXES or _INITIAL.fullmatch(word):
        return True
    word = _PREFIX.sub("", word)
    return word[:1].isupper() and _NAME_WORD.fullmatch(word) is not None


def _names_in(text: str) -> list[str]:
    parts = _BETWEEN.split(_FOR_HOUSE.sub("", text).strip())
    return [part for part in parts if part and not _TITLES.fullmatch(fold(part))]


def _without_date(text: str) -> str:
    """The text up to a comma, bar or dash behind which there is a date and nothing else."""
    if not any(map(str.isdigit, text)):
        return text
    for mark in _BEFORE_DATE.finditer(text):
        if parse_printed(text[mark.end() :], UTC):
            return text[: mark.start()]
    return text


def _without_full_stop(text: str) -> str:
    names = text.removesuffix(".")
    two_names = len(names.split()) > 1 and looks_like_name(names)
    return names if two_names and not looks_like_name(text) else text
