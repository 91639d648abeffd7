"""What health looks at in a crawl: its counts, and those of its sections.

Of each section, named ``edition/slug``, is counted, once there is any: ``lists`` (first pages of
its list), ``cards_first`` (cards on them), ``cards_no_time``, ``cards_no_title`` and
``cards_broken`` (of these, without time, without title, and beside them without a link to an
article), ``cards`` (in the whole walk), ``read`` and ``new`` (articles), ``no_FIELD`` (articles
without a field), ``hollow`` (articles with nothing in their body), ``fallback`` (articles that no
layout fits) and ``rejected`` (pages that show no article).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from caliber_crawler import counters

HOLLOW = "hollow"
FALLBACK = "fallback"
SAME_TEXT = "same_text"
NO_ARTICLE = "no_article"
FAILURES = "failures"
REJECTS = "rejects"
_NOT_AN_ARTICLE = "not_an_article_"
_KINDS = f"{counters.REJECTED}/{_NOT_AN_ARTICLE}"
CARD_FIELDS = {"time": "cards_no_time", "title": "cards_no_title", "link": "cards_broken"}


@dataclass(frozen=True)
class Figures:
    """What health looks at in a crawl: when it began, its counts, and those of its sections.

    `sound` is whether it may be learned from: it was healthy, or only partly failed.
    """

    at: datetime
    counts: Mapping[str, int]
    sections: Mapping[str, Mapping[str, int]]
    sound: bool = True

    def count(self, name: str, detail: str = "") -> int:
        """One counter of `counters`, 0 when nothing was counted."""
        return self.counts.get(f"{name}/{detail}" if detail else name, 0)

    def part(self, what: str) -> tuple[int, int]:
        """How many articles lack a field, or are what `what` names, and of how many.

        For ``failures`` it is requests, for ``rejects`` pages rejected that may hold articles.
        """
        read = self.count(counters.ARTICLES_READ)
        if what == HOLLOW:
            return self.count(counters.ARTICLES_HOLLOW), read
        if what == FALLBACK:
            return self.count(counters.ARTICLES_FALLBACK), read
        if what == SAME_TEXT:
            return self.count(counters.ARTICLES_SAME_TEXT), read
        if what == NO_ARTICLE:
            other = sum(self.kinds.values())
            return other, read + other
        if what == FAILURES:
            failed = self.count(counters.FAILED_REQUESTS)
            return failed, max(failed, self.count(counters.REQUESTS))
        if what == REJECTS:
            rejected = sum(self.reasons.values())
            return rejected, read + rejected
        return self.count(counters.MISSING, what), read

    @property
    def kinds(self) -> Counter[str]:
        """What the pages were that show no article, by kind."""
        return self._below(_KINDS)

    @property
    def reasons(self) -> Counter[str]:
        """Why other pages were rejected."""
        found = self._below(f"{counters.REJECTED}/")
        return Counter({why: n for why, n in found.items() if not why.startswith(_NOT_AN_ARTICLE)})

    def _below(self, first: str) -> Counter[str]:
        found = {k.removeprefix(first): n for k, n in self.counts.items() if k.startswith(first)}
        return Counter(found)

    @property
    def walked(self) -> int:
        """Sections whose list was read."""
        return sum(1 for section in self.sections.values() if section.get("lists"))

    def where(self, what: str) -> tuple[str, ...]:
        """The sections in which something was counted, those with most of it first."""
        numbers = {name: section.get(what, 0) for name, section in self.sections.items()}
        return tuple(sorted((name for name, n in numbers.items() if n), key=lambda s: -numbers[s]))


def together(crawls: Sequence[Figures]) -> Figures:
    """Several crawls as one; `at` and `sound` are those of the first."""
    names = {name for crawl in crawls for name in crawl.sections}
    sections = {n: _sum(crawl.sections.get(n, {}) for crawl in crawls) for n in sorted(names)}
    return Figures(crawls[0].at, _sum(c.counts for c in crawls), sections, crawls[0].sound)


def first_page(section: Mapping[str, int]) -> float | None:
    """Cards on a list's first page; None when it was not read, or a script fills it.

    More than one worker may have read it.
    """
    lists, cards = section.get("lists", 0), section.get("cards_first", 0)
    filled_later = not cards and section.get("cards", 0)
    return None if not lists or filled_later else cards / lists


def lacking(section: Mapping[str, int], field: str) -> tuple[int, int]:
    """How many cards of a list's first page have no such field, and of how many."""
    broken = section.get("cards_broken", 0) if field == "link" else 0
    return section.get(CARD_FIELDS[field], 0), section.get("cards_first", 0) + broken


def in_section(what: str, language: str | None, slug: str | None) -> str | None:
    """The detail of `counters.SECTIONS` for one section; None when the section is not known."""
    return f"{what}/{language}/{slug}" if language and slug else None


def split(counts: Mapping[str, int]) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Counts without those of sections, and these by section: ``{"en/world": {what: number}}``."""
    others, sections = {}, dict[str, dict[str, int]]()
    for name, number in counts.items():
        first, _, detail = name.partition("/")
        if first != counters.SECTIONS:
            others[name] = number
            continue
        what, _, section = detail.partition("/")
        sections.setdefault(section, {})[what] = number
    return others, dict(sorted(sections.items()))


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return dict(total)
