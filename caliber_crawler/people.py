"""Bylines and names: who wrote an article, as far as the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterable

from caliber_crawler.text import fold, line

# "By" in the site's languages, with or without a colon. Russian "Автор" and "Подготовил(а)".
_LABEL = re.compile(
    r"(?:by|written by|authors?|автор(?:ы)?|подготовил(?:а|и)?|текст|müəllif(?:lər)?|"
    r"հեղինակ(?:ներ)?)\b\s*[:：՝—–-]?\s*",
    re.IGNORECASE,
)
# Labels of other languages than English are also ordinary words, so only a colon makes a byline.
_NEEDS_COLON = re.compile(r"(?:текст|authors?)\b(?!\s*:)", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:,|;|&|\band\b|\bи\b|\bvə\b|\bև\b|\bеւ\b)\s*", re.IGNORECASE)
_PARTICLES = frozenset(
    {"de", "da", "del", "van", "von", "der", "den", "la", "le", "al", "ibn", "bin"}
)
_SUFFIXES = frozenset({"oglu", "oğlu", "ogly", "оглы", "огли", "qizi", "qızı", "кызы", "гызы"})
_HOUSE = re.compile(r"caliber(?:\s*\.?\s*az)?(?:\s+(?:news|editorial(?: team)?|редакция))?|калибр")
_INITIAL = re.compile(r"[^\W\d_]\.(?:-?[^\W\d_]\.)*")
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ‘-][^\W\d_]+)*\.?")
_LONGEST_BYLINE = 160


def split_byline(paragraphs: list[str]) -> tuple[list[str], list[str] | None]:
    """Take the byline off the end of a body.

    Returns the paragraphs without it and the persons named, which may be none when only the house
    signs; None instead of a list when the last paragraph is no byline.
    """
    if not paragraphs:
        return paragraphs, None
    names = parse_byline(paragraphs[-1])
    return (paragraphs, None) if names is None else (paragraphs[:-1], names)


def parse_byline(text: str) -> list[str] | None:
    """The persons of ``By A. One and B. Two``; None when the text is no byline.

    A sentence that only begins like one ("By Tuesday evening the road was open.") is none: after
    the label every word must look like part of a name.
    """
    text = line(text)
    label = _LABEL.match(text)
    if not label or len(text) > _LONGEST_BYLINE or _NEEDS_COLON.match(text):
        return None
    parts = _names_in(text[label.end() :])
    if not parts or not all(is_house(part) or looks_like_name(part) for part in parts):
        return None
    return persons(parts)


def clean_authors(values: Iterable[str]) -> list[str]:
    """Persons from metadata values such as ``By A. One``, ``Author: A. One and B. Two``.

    Dates, the house and repetitions are left out; the order stays.
    """
    names: list[str] = []
    for value in values:
        text = line(value)
        label = _LABEL.match(text)
        names += _names_in(text[label.end() :] if label else text)
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
    """One to five words, each capitalised, an initial, or a particle that names carry."""
    words = text.split()
    if not 1 <= len(words) <= 5 or fold(words[0]) in _PARTICLES:
        return False
    *front, last = words
    # A full stop ends a sentence; in a name it only follows an initial.
    if last.endswith(".") and not _INITIAL.fullmatch(last):
        return False
    return all(map(_name_word, words)) and any(word[0].isupper() for word in (*front, last))


def _name_word(word: str) -> bool:
    if fold(word) in _PARTICLES or fold(word) in _SUFFIXES or _INITIAL.fullmatch(word):
        return True
    return word[0].isupper() and _NAME_WORD.fullmatch(word) is not None


def _names_in(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(text.strip()) if part]
