"""How a crawl ended: the exit code of `scrapy crawl` and one line that says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from caliber_crawler import counters

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
BROKEN_OFF = "broken_off"
# So many pages that no layout fits are no accident, when they are half of all.
_FEW = 3


@dataclass(frozen=True)
class Verdict:
    """`code` as in docs/exit-codes.md, `line` for people, `status` for the collection `crawls`."""

    code: int
    line: str

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
) -> Verdict:
    """Judge a crawl by its closing reason and Scrapy's stats.

    `failure` is what a component noted as the cause, `signal` the signal that stopped the crawl.
    """
    taken = sum(_count(stats, name) for name in _TAKEN)
    if signal is not None:
        return Verdict(128 + signal, f"stopped by signal {signal}; {taken} articles kept")
    if reason in (STORE_UNAVAILABLE, "start_error"):
        return Verdict(COULD_NOT_START, f"could not start: {failure or reason}")
    if reason == STORE_LOST:
        return Verdict(DATABASE_LOST, f"database lost: {failure or reason}")
    if reason == OTHER_CRAWL_RUNS:
        return Verdict(OTHER_CRAWL, f"another crawl is running: {failure or reason}")
    if reason in (UNKNOWN_SECTION, WRONG_CRAWL):
        return Verdict(WRONG_USAGE, f"wrong usage: {failure or reason}")
    troubles = _troubles(stats)
    if reason != "finished":
        why = f"{reason}: {failure}" if reason == BROKEN_OFF else reason
        troubles.append(f"closed early ({why})")
    failed = "; ".join(troubles)
    suspicions = _suspicions(stats)
    if suspicions:
        return Verdict(LOOKS_WRONG, "; ".join([*suspicions, *troubles]))
    if failed and not taken:
        return Verdict(LOOKS_WRONG, f"nothing collected: {failed}")
    if failed:
        return Verdict(PARTLY_FAILED, f"{taken} articles taken, but {failed}")
    return Verdict(HEALTHY, f"healthy: {_summary(stats, taken)}")


_TAKEN = (counters.ARTICLES_NEW, counters.ARTICLES_CHANGED, counters.ARTICLES_UNCHANGED)


def _suspicions(stats: Mapping[str, object]) -> list[str]:
    """What looks wrong although it went well."""
    found = []
    if empty := _count(stats, counters.LISTS_WITHOUT_CARDS):
        found.append(f"{empty} list pages without cards: has the layout changed?")
    read, guessed = (_count(stats, n) for n in (counters.ARTICLES_READ, counters.ARTICLES_FALLBACK))
    if guessed >= _FEW and 2 * guessed >= read:
        found.append(f"{guessed} of {read} article pages fit no layout: has it changed?")
    due, gone = _count(stats, counters.VISITS_DUE), _missing(stats)
    if gone >= _FEW and 2 * gone >= due > 0:
        found.append(f"{gone} of {due} stored articles visited were not found: is the site well?")
    if _count(stats, counters.FEED_DEAD):
        found.append("the feed is dead or names no article")
    return found


def _troubles(stats: Mapping[str, object]) -> list[str]:
    """What went wrong, each in words with its number."""
    rejected = sum(
        value
        for key, value in stats.items()
        if isinstance(value, int) and key.startswith(counters.stat(counters.REJECTED, " ").strip())
    )
    numbers = {
        "requests failed": _count(stats, counters.FAILED_REQUESTS),
        "requests set aside": _count(stats, counters.FRONTIER_SET_ASIDE),
        "requests not plain": _count(stats, counters.FRONTIER_UNSERIALISABLE),
        "pages rejected": rejected,
        "records lost": _count(stats, counters.STORE_LOST),
        "sections unknown": _count(stats, counters.LISTS_UNKNOWN),
        "errors in callbacks": _number(stats.get("spider_exceptions/count")),
        "errors in pipelines": _count(stats, counters.ITEM_ERRORS),
        "feeds not written": sum(
            _number(value)
            for key, value in stats.items()
            if key.startswith("feedexport/failed_count/")
        ),
    }
    return [f"{number} {what}" for what, number in numbers.items() if number]


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
