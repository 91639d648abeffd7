"""How right a reader is about one page, field by field, against what the stand-in knows."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from demo_site import Truth
from demo_site.world import ZONE

Time = Literal["right", "local", "day", "wrong", "none"]
_LOOKS = str.maketrans(
    dict.fromkeys("«»„“”‟", '"') | dict.fromkeys("‘’", "'") | dict.fromkeys("–—", "-")
)
FIELDS = ("title", "authors", "published", "body", "image", "section", "views")


def score(found: Mapping[str, Any] | None, truth: Truth, base: str) -> dict[str, float | None]:
    """0 to 1 for each field, None where the reader has no such field; `local` and `day` are those
    states of a time that is not right.

    title: the headline, whatever its spaces, quotation marks and dashes look like. authors: the
    same names and no others; none where nobody signed. published: the instant. body: F1 of the
    words (see `likeness`). image: the address of the cover. section: the label of the first
    section, capitals apart. views: the number. A page that could not be read (`found` is None) has
    all of them wrong.
    """
    if found is None:
        return dict.fromkeys((*FIELDS, "local", "day"), 0.0)
    time = None if found["published"] is None else published(found["published"], truth.published)
    section = found["section"]
    return {
        "title": _equal(found["title"], truth.title),
        "authors": _has(found["authors"], set(found["authors"] or ()) == set(truth.authors)),
        "published": _has(time, time == "right"),
        "local": _has(time, time == "local"),
        "day": _has(time, time == "day"),
        "body": likeness(found["body"], "\n".join(truth.paragraphs)),
        "image": _has(found["image"], found["image"] == base + truth.images[0][0]),
        "section": _has(
            section, _plain(section or "").casefold() == truth.sections[0][1].casefold()
        ),
        "views": _has(found["views"], found["views"] == truth.initial_views),
    }


def means(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Of each field over all pages."""
    found: dict[str, float | None] = {}
    for name in scores[0]:
        known = [value for one in scores if (value := one[name]) is not None]
        found[name] = statistics.fmean(known) if known else None
    return found


def published(found: str, truth: datetime) -> Time:
    """`right`: the instant; `local`: the site's clock, without a zone; `day`: no more than that."""
    if not found:
        return "none"
    if len(found) == len("2026-06-25"):
        return "day" if date.fromisoformat(found) == truth.astimezone(ZONE).date() else "wrong"
    time = datetime.fromisoformat(found)
    if time.tzinfo is not None and time == truth:
        return "right"
    if time.tzinfo is None and time == truth.astimezone(ZONE).replace(tzinfo=None):
        return "local"
    local = time if time.tzinfo is None else time.astimezone(ZONE)
    return "day" if local.date() == truth.astimezone(ZONE).date() else "wrong"


def likeness(found: str, truth: str) -> float:
    """F1 of the words of two texts, each word as often as it comes: 1 when both have the same.

    Order, letters' case, punctuation and invisible characters do not matter. Two empty texts are
    alike.
    """
    first, second = _words(found), _words(truth)
    if not first and not second:
        return 1.0
    return 2 * (first & second).total() / (first.total() + second.total())


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", _plain(text).casefold()))


def _equal(found: str | None, truth: str) -> float | None:
    return None if found is None else float(_plain(found) == _plain(truth))


def _plain(text: str) -> str:
    shown = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFC", shown).translate(_LOOKS).split())


def _has(found: object, is_right: bool) -> float | None:
    return None if found is None else float(is_right)
