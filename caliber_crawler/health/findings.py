"""What does not look as usual, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from caliber_crawler.health.chance import total
from caliber_crawler.health.figures import (
    FAILURES,
    FALLBACK,
    HOLLOW,
    NO_ARTICLE,
    REJECTS,
    SAME_TEXT,
    Figures,
)

_NAMED = 3
TROUBLES = (FAILURES, REJECTS)
"""Rules that find what went wrong more often than before, not what looks wrong."""


@dataclass(frozen=True)
class Finding:
    """What does not look as usual.

    `rule` is a short name; `sections` are ``edition/slug``, empty when it is about all; `field` is
    a record's or a card's, None when it is about none; `line` says it all for people.
    """

    rule: str
    line: str
    expected: str
    seen: str
    sections: tuple[str, ...] = ()
    field: str | None = None

    def document(self) -> dict[str, Any]:
        """For the crawl's document."""
        return {**asdict(self), "sections": list(self.sections)}


def of_articles(
    what: str, crawl: Figures, now: tuple[int, int], usual: tuple[int, int] | None = None
) -> Finding:
    """So many of so many articles lack a field, or are what `what` names; `usual` in the past."""
    number = _of(now)
    if what == HOLLOW:
        rule, field = HOLLOW, "body"
        said = f"body is missing from {number} articles (no picture or video either)"
    elif what == FALLBACK:
        rule, field, said = FALLBACK, None, f"{number} article pages fit no layout"
    elif what == SAME_TEXT:
        rule, field = SAME_TEXT, "body"
        said = f"{number} article pages show another article's words: is it one page for all?"
    elif what == NO_ARTICLE:
        rule, field, said = NO_ARTICLE, "body", f"{number} article pages show no article"
    else:
        rule, field, said = "missing", what, f"{what} is missing from {number} articles"
    counted = {HOLLOW: "hollow", FALLBACK: "fallback", NO_ARTICLE: "rejected"}.get(
        what, f"no_{what}"
    )
    sections = crawl.where(counted)
    where = f" in {some(sections)}" if sections else ""
    why = ""
    if what == NO_ARTICLE:
        why = ": " + ", ".join(f"{n} {kind}" for kind, n in crawl.kinds.most_common())
    line = f"{said}{where}{_usually(usual)}{why}"
    return Finding(rule, line, _expected(usual), number, sections, field)


def of_troubles(
    what: str, crawl: Figures, now: tuple[int, int], usual: tuple[int, int] | None
) -> Finding:
    """Far more requests failed, or pages were rejected, than in the past."""
    number = _of(now)
    if what == FAILURES:
        line = f"failed of the requests: {number}{_usually(usual)}"
    else:
        why = ", ".join(f"{n} {reason}" for reason, n in crawl.reasons.most_common(_NAMED))
        line = f"rejected of the pages: {number}{_usually(usual)}: {why}"
    return Finding(what, line, _expected(usual), number)


def of_cards(
    field: str, parts: Mapping[str, tuple[int, int]], usual: tuple[int, int] | None = None
) -> Finding:
    """So many of so many cards in each section have no time, title or link."""
    sections = tuple(s for s, (n, _) in sorted(parts.items(), key=lambda i: -i[1][0]) if n)
    number = _of(total(list(parts.values())))
    line = f"{number} cards have no {field} in {some(sections)}{_usually(usual)}"
    return Finding("cards", line, _expected(usual), number, sections, field)


def of_list(section: str, now: float, usual: float) -> Finding:
    """A list is much shorter than before."""
    line = f"{now:g} cards on the first page of {section} (usually {usual:g})"
    return Finding("short_list", line, f"{usual:g}", f"{now:g}", (section,), "cards")


def of_growth(page: float, sections: Sequence[str]) -> Finding:
    """No list brought more than its first page."""
    line = f"scrolling brought no card beyond the first {page:g} of each list, in {some(sections)}"
    return Finding("no_growth", line, "more", "none", tuple(sections), "cards")


def of_sections(now: int, usual: float, gone: Sequence[str]) -> Finding:
    """The navigation names far fewer sections than before."""
    line = f"{now} sections walked (usually {usual:g}); not named: {some(gone)}"
    return Finding("few_sections", line, f"{usual:g}", f"{now}", tuple(gone))


def of_silence(pause: timedelta, longest: timedelta, looked: int) -> Finding:
    """No new article for far longer than before."""
    expected, seen = f"{_hours(longest)} hours at most", f"{_hours(pause)} hours"
    line = f"no new article for {seen}, in {looked} crawls (before: {expected})"
    return Finding("silence", line, expected, seen)


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _of(part: tuple[int, int]) -> str:
    return f"{part[0]} of {part[1]}"


def _usually(part: tuple[int, int] | None) -> str:
    return f" (before: {_of(part)})" if part else ""


def _expected(part: tuple[int, int] | None) -> str:
    return _of(part) if part else "fewer than half"


def _hours(span: timedelta) -> int:
    return round(span / timedelta(hours=1))
