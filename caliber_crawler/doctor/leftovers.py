"""Crawls that were not finished, requests that failed, and locks of dead workers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from caliber_crawler.doctor.findings import Finding, attention, ok
from caliber_crawler.store import Store
from caliber_crawler.store.frontier_admin import FrontierAdmin
from caliber_crawler.store.leases import DONE, FAILED
from caliber_crawler.store.locks import Holder, holders
from caliber_crawler.store.overview import CrawlReader
from caliber_crawler.workers import is_dead

CHECK = "leftovers"
# As `scrapy crawls` has it: workers say every five seconds that they live.
_LEAST_SILENCE = 15.0
_NAMED = 5  # so many of each kind, the latest first


async def leftovers(store: Store, lease_seconds: float, ahead: timedelta) -> list[Finding]:
    """What killed crawls left in the database. `ahead`: how far its clock is before this one's.

    Raises `StoreError` and its kin.
    """
    at = datetime.now(UTC) + ahead
    silent_since = at - timedelta(seconds=max(lease_seconds, _LEAST_SILENCE))
    running = await CrawlReader(store.database).crawls(status="running")
    numbers = await FrontierAdmin(store.database).numbers()
    locks = await holders(store.database)
    silent = [crawl for crawl in running if not _lives(crawl, silent_since)]
    findings = [_unfinished(crawl, numbers, locks, at) for crawl in silent[:_NAMED]]
    failed = {name: said[FAILED] for name, said in numbers.items() if said.get(FAILED)}
    findings += [_failures(name, failed[name]) for name in list(failed)[-_NAMED:]]
    more = max(0, len(silent) - _NAMED) + max(0, len(failed) - _NAMED)
    if more:
        advice = "see `scrapy crawls --status silent` and `scrapy frontier`"
        findings.append(attention(CHECK, f"{more} more crawls left something", advice))
    if findings:
        return findings
    alive = f"; {len(running)} crawls are running" if running else ""
    return [ok(CHECK, f"no unfinished crawls, no failed requests, no locks of the dead{alive}")]


def _lives(crawl: Mapping[str, Any], silent_since: datetime) -> bool:
    return any(
        worker["ended_at"] is None and worker["seen_at"] >= silent_since and not is_dead(worker)
        for worker in crawl["workers"]
    )


def _unfinished(
    crawl: Mapping[str, Any],
    numbers: Mapping[str, Mapping[str, int]],
    locks: Mapping[str, Holder],
    at: datetime,
) -> Finding:
    name, spider = crawl["_id"], crawl["spider"]
    left = sum(n for state, n in numbers.get(name, {}).items() if state not in (DONE, FAILED))
    found = f"crawl {name} of {spider} was killed; {left} requests of it wait"
    lock = locks.get(spider)
    if lock is not None and lock.crawl_id == name and lock.until > at:
        seconds = round((lock.until - at).total_seconds())
        found += f", and it locks the spider for {seconds} seconds more"
    given = "".join(
        f" -a {shlex.quote(f'{key}={value}')}" for key, value in crawl["arguments"].items()
    )
    advice = (
        f"to go on: `scrapy crawl {spider}{given} -s CRAWL_ID={name}`; to give it up, do nothing: "
        "a new crawl does not mind it, and its requests are forgotten after thirty days"
    )
    return attention(CHECK, found, advice)


def _failures(crawl_id: str, number: int) -> Finding:
    advice = (
        f"`scrapy frontier {crawl_id}` says why; then `scrapy frontier --retry {crawl_id}` and the "
        f"crawl with its CRAWL_ID, or `scrapy frontier --drop {crawl_id}`"
    )
    return attention(CHECK, f"requests that failed in crawl {crawl_id}: {number}", advice)
