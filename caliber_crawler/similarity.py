"""How much two texts have in common, and the few numbers by which similar ones are found.

A text is compared as words: letters folded as `text.fold_clean` does, punctuation left out,
figures kept whole ("1.7024"). Runs of three words are its shingles; the share of shingles that two
texts have in common (Jaccard) says how near they are: with one word in twenty changed it is about
0.75.

The numbers (`Fingerprint`) are kept with a record under an index:

* `bands`: MinHash of the shingles of headline and body in groups of four. Texts that share half of
  their shingles agree in a band or more, nearly always; unrelated ones do not.
* `traces`: the smallest hashes within sliding windows over the body ("winnowing"; Schleimer,
  Wilkerson, Aiken, SIGMOD 2003). Two bodies with `_RUN + _WINDOW - 1` words on end in common share
  one for certain, however long either of them is: so an article is found that grew from a note.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from operator import sub
from struct import pack
from typing import TYPE_CHECKING
from zlib import crc32

from rensa import RMinHash

from caliber_crawler.text import fold_clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caliber_crawler.items import Article

_WORD = re.compile(r"\d[\d.,:]*\d|\w+")

_SHINGLE = 3
_BANDS, _ROWS = 16, 4
_SEED = 1  # stored bands depend on it

_RUN, _WINDOW = 6, 8
_TRACED_WORDS, _LOOKED_FOR = 300, 5_000
_TRACED_MEDIA = 3
_INT32, _WORD32 = 1 << 31, (1 << 32) - 1
# A text opens with so many words; so much of the other one counts as its top.
_OPENING, _TOP = 12, 60


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Signed 32-bit integers; `traces` are without repeats."""

    bands: list[int]
    traces: list[int]


@dataclass(frozen=True)
class Words:
    """The words of an article, ready to be compared.

    `media` are addresses of its pictures and embeds, `embeds` of the latter.
    """

    title: tuple[str, ...]
    body: tuple[str, ...]
    media: frozenset[str] = frozenset()
    embeds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, article: Article) -> Words:
        embeds = frozenset(entry["url"] for entry in article.embeds)
        media = embeds.union(entry["url"] for entry in article.images)
        return cls(words(article.title or ""), words(article.body), media, embeds)

    @cached_property
    def runs(self) -> list[str]:
        """All shingles of headline and body together, in order."""
        return _runs((*self.title, *self.body), _SHINGLE)

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Of headline and body together."""
        return frozenset(self.runs)

    @cached_property
    def of_body(self) -> frozenset[str]:
        """Shingles of the body alone."""
        return frozenset(_runs(self.body, _SHINGLE))

    @cached_property
    def hashes(self) -> list[int]:
        """Of all runs of `_RUN` words of the body's first `_LOOKED_FOR` words, in order.

        A run is two shingles, and its number the difference of theirs.
        """
        if len(self.body) < _RUN:
            return [crc32(" ".join(self.body).encode())] if self.body else []
        first = len(self.title)
        said = self.runs[first : first + _LOOKED_FOR - _SHINGLE + 1]
        numbers = list(map(crc32, map(str.encode, said)))
        return list(map(sub, numbers, numbers[_RUN - _SHINGLE :]))

    @cached_property
    def least(self) -> frozenset[int]:
        """Of `hashes` those that are least within a window."""
        return frozenset(_least(self.hashes))

    @cached_property
    def figures(self) -> Counter[str]:
        return Counter(word for word in (*self.title, *self.body) if word[0].isdigit())


@dataclass(frozen=True, slots=True)
class Likeness:
    """What one text (the later one) has in common with another. All but the last two are 0 to 1.

    `whole`: shingles of headline and body that are common to both, of those of either.
    `title`: words common to both headlines, by Dice.
    `kept`: share of the other's body that is in this one's; `taken`: the reverse.
    `grown`: how many times as long the body is.
    `opening`: whether the other's first words are near the top of this one.
    """

    whole: float
    title: float
    kept: float
    taken: float
    grown: float
    opening: bool


def words(text: str) -> tuple[str, ...]:
    """The words of a clean text in order, folded."""
    return tuple(_WORD.findall(fold_clean(text)))


def fingerprint(said: Words, language: str | None) -> Fingerprint:
    """The numbers by which similar texts of one edition are found."""
    return Fingerprint(bands(said, language), traces(said, language, most=_TRACED_WORDS))


def compare(said: Words, other: Words) -> Likeness:
    """What `said` has in common with `other`."""
    common = len(said.of_body & other.of_body)
    opening = other.body[:_OPENING]
    top = frozenset(_runs(said.body[:_TOP], _SHINGLE))
    wanted = frozenset(_runs(opening, _SHINGLE))
    return Likeness(
        whole=alike(said, other),
        title=titles_alike(said, other),
        kept=common / len(other.of_body) if other.of_body else 0.0,
        taken=common / len(said.of_body) if said.of_body else 0.0,
        grown=len(said.body) / len(other.body) if other.body else 0.0,
        opening=bool(wanted) and 2 * len(wanted & top) >= len(wanted),
    )


def titles_alike(said: Words, other: Words) -> float:
    """Words common to both headlines, by Dice; 0 to 1."""
    common = (Counter(said.title) & Counter(other.title)).total()
    both = len(said.title) + len(other.title)
    return 2 * common / both if both else 0.0


def alike(said: Words, other: Words) -> float:
    """Jaccard index of the shingles of two texts, headlines included; 0 to 1."""
    common = len(said.shingles & other.shingles)
    either = len(said.shingles) + len(other.shingles) - common
    return common / either if either else 0.0


def figures_differ(said: Words, other: Words, *, strict: bool) -> bool:
    """Whether the figures say that two texts of one build report different things.

    Texts that recur (exchange rates, the weather) have the same words and other figures each time.
    Two or more figures replaced, and more of them than kept, tell such texts; if `strict`, as for
    texts of different days, one is enough. A word that was changed into another word replaces no
    figure.
    """
    gone = (other.figures - said.figures).total()
    come = (said.figures - other.figures).total()
    kept = (said.figures & other.figures).total()
    replaced = min(gone, come)
    return replaced > 0 if strict else replaced > max(1, kept)


def _runs(said: Sequence[str], length: int) -> list[str]:
    """All runs of so many words; a shorter text is one run."""
    if len(said) <= length:
        return [" ".join(said)] if said else []
    return list(map(" ".join, zip(*(said[i:] for i in range(length)), strict=False)))


def bands(said: Words, language: str | None) -> list[int]:
    """The bands of a text; texts that share half of their shingles have one in common."""
    if not said.runs:
        return []
    sketch = RMinHash(num_perm=_BANDS * _ROWS, seed=_SEED)
    sketch.update(said.runs)
    packed = pack(f"<{_BANDS * _ROWS}I", *sketch.digest())
    size = 4 * _ROWS
    # Edition and place are part of the number, so that only texts of one language meet.
    first = crc32((language or "").encode())
    return [
        crc32(packed[i * size : (i + 1) * size], (first + i) & _WORD32) - _INT32
        for i in range(_BANDS)
    ]


def traces(said: Words, language: str | None, *, most: int = _LOOKED_FOR) -> list[int]:
    """The traces of a body's first words.

    Kept are few of them; looked for are many more, since the text of a note may be at the end of
    what it grew to.
    """
    runs = max(1, most - _RUN + 1)
    found = said.least if len(said.hashes) <= runs else _least(said.hashes[:runs])
    media = {crc32(url.encode()) for url in sorted(said.media)[:_TRACED_MEDIA]}
    # The edition is part of the number, so that only texts of one language meet.
    start = crc32((language or "").encode())
    return sorted({((number ^ start) & _WORD32) - _INT32 for number in found | media})


def _least(numbers: Sequence[int]) -> set[int]:
    """The least of each `_WINDOW` numbers in a row; of few numbers those that are least of some."""
    if len(numbers) <= _WINDOW:
        few = list(numbers)
        for step in (1, 2, 4):
            if len(few) > step:
                few = list(map(min, few, few[step:]))
        return set(few)
    least, at = _last_least(numbers, _WINDOW)
    found = {least}
    for i, number in enumerate(numbers[_WINDOW:], _WINDOW):
        if number <= least:
            least, at = number, i
        elif i - at >= _WINDOW:
            least, at = _last_least(numbers, i + 1)
        else:
            continue
        found.add(least)
    return found


def _last_least(numbers: Sequence[int], end: int) -> tuple[int, int]:
    """The least of the `_WINDOW` numbers before a place, and where it is last."""
    window = numbers[end - _WINDOW : end]
    least = min(window)
    return least, end - 1 - window[::-1].index(least)
