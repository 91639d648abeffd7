"""Which lines of a body only point to other articles of the site ("Read also: ...").

A line is a sequence of runs. The rules look at what stands outside the links and at where the links
lead, since a list of wordings alone would catch one phrase and miss the next:

* a lead-in that is known ("Read also", "Читайте также", ...) with links to articles behind it;
* a short unknown lead-in with a colon before a linked headline, which begins with a capital letter
  or a digit (so ``He said: <a>it will rain</a>`` is text);
* links alone;
* but not the last two when there is a full stop at the end: editors do link whole sentences, and
  headlines have none;
* a known lead-in alone, whose links stand in the next lines or boxes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from caliber_crawler.text import fold, line

# Compared as a whole with a folded text, so they are folded, too.
_LEAD_INS = frozenset(
    fold(words)
    for words in (
        "read also", "also read", "read more", "read next", "see also", "more on this",
        "more on the topic", "related", "related news", "related articles", "related stories",
        "читайте также", "читайте ещё", "читайте еще", "читать также", "смотрите также",
        "по теме", "материалы по теме", "ещё по теме", "еще по теме",
        "həmçinin oxuyun", "həmçinin bax", "oxuyun", "daha ətraflı oxuyun", "bu mövzuda",
        "կարդացեք նաև", "կարդալ նաև", "կարդացեք նաեւ", "տե՛ս նաև", "տես նաև", "նույն թեմայով",
    )
)  # fmt: skip
_SHORT = 5  # words
_END = 300  # letters of a paragraph that are looked at before a list
_MARKS = " \t\n:：՝.,-–—»>→•*"
_WORDS = re.compile(r"\w+")
_COLON = re.compile(r"[:：՝]\s*$")
_FULL_STOP = re.compile(r"(?:(?<!\.)\.|։)[\"'”’»)]*$")

LONGEST_LEAD_IN = max(map(len, _LEAD_INS)) + 20  # with marks and spaces round it

Kind = Literal["text", "lead-in", "teaser", "headline", "link"]


class Run(NamedTuple):
    """A piece of text; `pointing` when it is linked to another article of the site."""

    text: str
    pointing: bool


def kind_of(runs: Iterable[Run]) -> Kind:
    """What a line or a paragraph is.

    ``teaser`` has a known lead-in and links, ``headline`` an unknown one, ``link`` none;
    ``lead-in`` is a known one alone; all else is ``text``.
    """
    before = linked = after = ""
    told = False  # the links so far have words
    for run in runs:
        if run.pointing:
            linked += run.text
            told = told or _WORDS.search(run.text) is not None
        elif told:
            after += run.text
        else:
            before += run.text
    linked, before = line(linked), line(before)
    known = len(before) <= LONGEST_LEAD_IN and fold(before).strip(_MARKS) in _LEAD_INS
    if not told:
        return "lead-in" if known and not _WORDS.search(after) else "text"
    words_before, words_after = len(_WORDS.findall(before)), len(_WORDS.findall(after))
    if known:
        # "Read also: A and B" against "Read also A before you sign."
        return "teaser" if words_after <= (_SHORT if _COLON.search(before) else 0) else "text"
    if not (words_before or words_after) and _begins_with_lead_in(linked):
        return "teaser"
    if words_after or _FULL_STOP.search(line(linked + after)):
        return "text"
    if not words_before:
        return "link"
    headline = linked[0].isupper() or linked[0].isdigit()
    return "headline" if words_before <= _SHORT and _COLON.search(before) and headline else "text"


def _begins_with_lead_in(linked: str) -> bool:
    """Whether a link's words are a known lead-in, a colon and more: "Read also: A headline."."""
    first, colon, more = linked.partition(":")
    known = len(first) <= LONGEST_LEAD_IN and fold(first).strip(_MARKS) in _LEAD_INS
    return bool(colon) and known and _WORDS.search(more) is not None


def pointing_lines(lines: Sequence[Sequence[Run]]) -> set[int]:
    """Numbers of the lines of a paragraph that are no text.

    All are, when each of them points. Beside other text, a known lead-in must say so, because a
    link alone may as well be a part of the sentence that the lines make.
    """
    kinds = [kind_of(runs) if _has_words(runs) else None for runs in lines]
    if "text" not in kinds and any(kinds):
        return set(range(len(lines)))
    found: set[int] = set()
    follows = False
    for number, kind in enumerate(kinds):
        follows = kind in ("lead-in", "teaser") or (follows and kind == "link")
        if follows:
            found.add(number)
    return found


def is_label(shown: str) -> bool:
    """Whether a text has no more words than a label."""
    return len(_WORDS.findall(shown)) <= _SHORT


def announces(paragraph: str) -> bool:
    """Whether a paragraph of text says what the list behind it is; a label would be shorter."""
    end = paragraph[-_END:]
    return _COLON.search(end) is not None and len(_WORDS.findall(end)) > _SHORT


def _has_words(runs: Iterable[Run]) -> bool:
    return any(_WORDS.search(run.text) for run in runs)
