"""How a crawl ended: the exit code of `scrapy crawl` and one line that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caliber_crawler import counters
from caliber_crawler.health import Finding, at_once, split
from caliber_crawler.health.figures import FALLBACK
from caliber_crawler.health.findings import TROUBLES, some
from caliber_crawler.secrecy import hide

HEALTHY = 0
COULD_NOT_START = 1
WRONG_USAGE = 2
LOOKS_WRONG = 3
PARTLY_FAILED = 4
DATABASE_LOST = 5
OTHER_CRAWL = 6

# Reasons that components close the spider with.
STORE_UNAVAILABLE = "store_unavailable"
STORE_LOST = "database_lost"
UNKNOWN_SECTION = "unknown_section"
OTHER_CRAWL_RUNS = "other_crawl_runs"
WRONG_CRAWL = "wrong_crawl"
WRONG_FEED = "wrong_feed"
BROKEN_OFF = "broken_off"
ROBOTS_UNREACHABLE = "robots_unreachable"
# Scrapy's own: the spider's `start` raised; the crawl ended while its components were opened.
START_ERROR = "start_error"
SHUTDOWN = "shutdown"
# The key in Scrapy's stats under which stands why a feed was not written, the first one.
FEED_TROUBLE = "feedexport/failed_reason"
# So many pages that no layout fits are no accident, when they are half of all.
_FEW = 3
# Findings by which lists may be longer, or other ones, than what was shown of them.
_OF_LISTS = frozenset({"no_growth", "cards", "short_list"})


@dataclass(frozen=True)
class Verdict:
    """`code` as in docs/exit-codes.md, `line` for people, `status` for the collection `crawls`.

    With `doubts_lists` the lists themselves looked wrong, so that their ends are not believed.
    """

    code: int
    line: str
    doubts_lists: bool = False

    def __post_init__(self) -> None:
        """It is stored, sent and printed, and may repeat an error of any package."""
        object.__setattr__(self, "line", hide(self.line))

    @property
    def status(self) -> str:
        """``finished``, ``stopped`` (by a signal) or ``failed`` (not started, database lost)."""
        if self.code > 128:
            return "stopped"
        return (
            "failed"
            if self.code in (COULD_NOT_START, WRONG_USAGE, DATABASE_LOST, OTHER_CRAWL)
            else "finished"
        )


def judge(
    reason: str,
    stats: Mapping[str, object],
    *,
    failure: str | None = None,
    signal: int | None = None,
    opened: bool = True,
    findings: Sequence[Finding] = (),
) -> Verdict:
    """Judge a crawl by its closing reason and Scrapy's stats.

    `failure` is what a component noted as the cause, `signal` the signal that stopped the crawl,
    `opened` whether all components were opened before it ended, `findings` what differs from past
    crawls.
    """
    taken = sum(_count(stats, name) for name in _TAKEN)
    if signal is not None:
        return Verdict(128 + signal, f"stopped by signal {signal}; {taken} articles kept")
    unstarted = reason in (START_ERROR, ROBOTS_UNREACHABLE) and not taken
    if reason == STORE_UNAVAILABLE or unstarted or (reason == SHUTDOWN and not opened):
        return Verdict(COULD_NOT_START, f"could not start: {failure or reason}")
    if reason == STORE_LOST:
        return Verdict(DATABASE_LOST, f"database lost: {failure or reason}")
    if reason == OTHER_CRAWL_RUNS:
        return Verdict(OTHER_CRAWL, f"another crawl is running: {failure or reason}")
    if reason in (UNKNOWN_SECTION, WRONG_CRAWL, WRONG_FEED):
        return Verdict(WRONG_USAGE, f"wrong usage: {failure or reason}")
    troubles = _troubles(stats)
    if reason != "finished":
        why = f"{reason}: {failure}" if reason in _TELLING else reason
        troubles.append(f"closed early ({why})")
    failed = "; ".join([*troubles, *(f.line for f in findings if f.rule in TROUBLES)])
    suspicions = _suspicions(stats, [f for f in findings if f.rule not in TROUBLES])
    if suspicions:
        line = "; ".join([*suspicions, *filter(None, [failed])])
        return Verdict(LOOKS_WRONG, line, _doubts_lists(stats, findings))
    if failed and not taken and not _is_quiet_hour(stats, reason):
        return Verdict(LOOKS_WRONG, f"nothing collected: {failed}")
    if failed:
        return Verdict(PARTLY_FAILED, f"{taken} articles taken, but {failed}")
    return Verdict(HEALTHY, f"healthy: {_summary(stats, taken)}")


# Reasons that say little without the message that came with them.
_TELLING = (BROKEN_OFF, START_ERROR, ROBOTS_UNREACHABLE)
_TAKEN = (counters.ARTICLES_NEW, counters.ARTICLES_CHANGED, counters.ARTICLES_UNCHANGED)


def _is_quiet_hour(stats: Mapping[str, object], reason: str) -> bool:
    """Whether lists were read and showed what is known, and only a page or two failed.

    Lists that may not go on do not count: that is so at each crawl, and hides nothing new.
    """
    # A page that failed for good is rejected as well.
    failures = max(_count(stats, counters.FAILED_REQUESTS), _rejects(stats).total())
    known, barred = _count(stats, counters.CARDS_KNOWN), _count(stats, counters.LISTS_BARRED)
    return reason == "finished" and known > 0 and failures > 0 and failures - barred < _FEW


def _suspicions(stats: Mapping[str, object], findings: Sequence[Finding]) -> list[str]:
    """What looks wrong although it went well."""
    found = []
    counts = _counts(stats)
    if empty := _count(stats, counters.LISTS_WITHOUT_CARDS):
        sections = split(counts)[1].items()
        names = [name for name, seen in sections if seen.get("lists") and not seen.get("cards")]
        which = f" ({some(names)})" if names else ""
        found.append(f"{empty} list pages without cards{which}: has the layout changed?")
    if _is_another_edition(stats):
        lists, other = (_count(stats, name) for name in _EDITIONS)
        found.append(
            f"{other} of {lists} lists show another edition's articles only: "
            "is the site shown in another language?"
        )
    read, guessed = (_count(stats, n) for n in (counters.ARTICLES_READ, counters.ARTICLES_FALLBACK))
    half_guessed = guessed >= _FEW and 2 * guessed >= read
    if half_guessed:
        found.append(f"{guessed} of {read} article pages fit no layout: has it changed?")
    due, gone = _count(stats, counters.VISITS_DUE), _missing(stats)
    if gone >= _FEW and 2 * gone >= due > 0:
        found.append(f"{gone} of {due} stored articles visited were not found: is the site well?")
    if _count(stats, counters.FEED_DEAD):
        found.append("the feed is dead or names no article")
    if _count(stats, counters.FEED_OTHER_EDITION):
        found.append(
            "the feed names no article of the editions asked for: have they other prefixes?"
        )
    told = {(finding.rule, finding.field) for finding in findings}
    own = [finding for finding in at_once(counts) if (finding.rule, finding.field) not in told]
    said = [f for f in (*findings, *own) if f.rule != FALLBACK or not half_guessed]
    return found + [finding.line for finding in said]


_EDITIONS = (counters.LISTS_READ, counters.LISTS_OTHER_EDITION)


def _is_another_edition(stats: Mapping[str, object]) -> bool:
    """Whether half of the lists show another edition than the one they were asked for as."""
    lists, other = (_count(stats, name) for name in _EDITIONS)
    return 2 * other >= lists > 0


def _doubts_lists(stats: Mapping[str, object], findings: Sequence[Finding]) -> bool:
    """Whether what looks wrong is how lists end.

    Not so when it is about articles, which are asked for again as long as they are not stored, or
    about lists without a card, which no walk of them closes. Nor when cards have no time: no list
    ends earlier for that.
    """
    return _is_another_edition(stats) or any(
        finding.rule in _OF_LISTS and (finding.rule, finding.field) != ("cards", "time")
        for finding in (*findings, *at_once(_counts(stats)))
    )


def _counts(stats: Mapping[str, object]) -> dict[str, int]:
    """The counters of this project in Scrapy's stats, without their prefix."""
    return {
        key.removeprefix(counters.PREFIX): value
        for key, value in stats.items()
        if key.startswith(counters.PREFIX) and isinstance(value, int)
    }


def _troubles(stats: Mapping[str, object]) -> list[str]:
    """What went wrong, each in words with its number; of rejects also the most frequent reasons."""
    reasons = _rejects(stats)
    why = some([f"{number} {reason}" for reason, number in reasons.most_common()])
    unwritten = f"feeds not written ({stats[FEED_TROUBLE]})" if FEED_TROUBLE in stats else ""
    numbers = {
        "requests failed": _count(stats, counters.FAILED_REQUESTS),
        "requests set aside": _count(stats, counters.FRONTIER_SET_ASIDE),
        "requests lost from the frontier": _count(stats, counters.FRONTIER_LOST),
        "requests not plain": _count(stats, counters.FRONTIER_UNSERIALISABLE),
        f"pages rejected ({why})": reasons.total(),
        "records lost": _count(stats, counters.STORE_LOST),
        "sections unknown": _count(stats, counters.LISTS_UNKNOWN),
        "errors in callbacks": _number(stats.get("spider_exceptions/count")),
        "errors in pipelines": _count(stats, counters.ITEM_ERRORS),
        unwritten or "feeds not written": sum(
            _number(value)
            for key, value in stats.items()
            if key.startswith("feedexport/failed_count/")
        ),
    }
    return [f"{number} {what}" for what, number in numbers.items() if number]


def _rejects(stats: Mapping[str, object]) -> Counter[str]:
    """Reason → how many pages were rejected for it."""
    prefix = counters.stat(counters.REJECTED, " ").strip()
    return Counter(
        {
            key.removeprefix(prefix): value
            for key, value in stats.items()
            if isinstance(value, int) and key.startswith(prefix)
        }
    )


def _summary(stats: Mapping[str, object], taken: int) -> str:
    new, changed = (_count(stats, n) for n in (counters.ARTICLES_NEW, counters.ARTICLES_CHANGED))
    line = f"{taken} articles taken, {new} new, {changed} changed"
    kept = _visits(stats, "unchanged") + _visits(stats, "returned")
    visits = ((kept, "not modified"), (_missing(stats), "not found"))
    return "".join([line, *(f", {number} {what}" for number, what in visits if number)])


def _visits(stats: Mapping[str, object], what: str) -> int:
    return _number(stats.get(counters.stat(counters.VISITS, what)))


def _missing(stats: Mapping[str, object]) -> int:
    return _visits(stats, "missing") + _visits(stats, "gone")


def _count(stats: Mapping[str, object], name: str) -> int:
    return _number(stats.get(counters.stat(name)))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
