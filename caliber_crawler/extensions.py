"""The crawl's own record: entered at the start, kept up to date, closed with a verdict."""

from __future__ import annotations

import asyncio
import logging
import platform
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy import signals
from scrapy.exceptions import CloseSpider
from scrapy.extensions.feedexport import FeedExporter

from caliber_crawler import __version__, counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.alerts import Alert
from caliber_crawler.checkup import examine, unhealthy_before
from caliber_crawler.errors import StoreError
from caliber_crawler.feeds import unopened
from caliber_crawler.health import Finding, split
from caliber_crawler.pages.article import EXPECTED
from caliber_crawler.spiders.base import CaliberSpider
from caliber_crawler.store.crawls import sums
from caliber_crawler.store.forgetting import close_lost, forget
from caliber_crawler.tally import counts_of
from caliber_crawler.verdict import (
    DATABASE_LOST,
    HEALTHY,
    LOOKS_WRONG,
    OTHER_CRAWL_RUNS,
    PARTLY_FAILED,
    STORE_UNAVAILABLE,
    WRONG_CRAWL,
    WRONG_FEED,
    Verdict,
    judge,
)
from caliber_crawler.workers import is_dead, take_lock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Self

    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from caliber_crawler.store import Store
    from caliber_crawler.store.locks import Holder

logger = logging.getLogger(__name__)

R = TypeVar("R")

_PROGRESS_SECONDS = 5.0
_LEAVING_POLL_SECONDS = 0.5
_NAMED = 3
JUDGED = object()
"""Signal: the crawl is over for this process, its verdict is there, nothing is stored any more.

Sent with `counts` and `workers` (their number): those of the whole crawl when `whole`, which is so
for the last worker that leaves, else this worker's. Handlers may be async; they are waited for.
"""
_PACKAGES = ("scrapy", "scrapy-playwright", "pymongo", "lxml", "parsel", "w3lib", "babel")


class CrawlRecord:
    """Keeps the crawl's document in `crawls` and its lock, and says at the end how it went.

    Without a store it only judges and logs. It is also the one who closes the store, because it
    hears of the end after all pipelines.
    """

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon
        self._opened = False
        self._entered = False
        self._was_finished = False
        self._whole: list[dict[str, Any]] = []  # all workers, once this one closed the crawl
        self._tasks: list[asyncio.Task[None]] = []
        self._feeds_closed = asyncio.Event()
        self._silence = timedelta(seconds=max(addon.config.lease_seconds, 3 * _PROGRESS_SECONDS))

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler, CaliberAddon.of(crawler))
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        crawler.signals.connect(extension.spider_error, signals.spider_error)
        crawler.signals.connect(extension.item_error, signals.item_error)
        crawler.signals.connect(extension.feeds_closed, signals.feed_exporter_closed)
        return extension

    async def spider_opened(self, spider: Spider) -> None:
        """Enter the crawl. Scrapy would log what fails here, and crawl without lock and record."""
        try:
            await self._enter(spider)
            return
        except CloseSpider:
            raise
        except StoreError as error:
            self._addon.failure = str(error)
        except Exception as error:
            logger.exception("the crawl cannot be entered")
            self._addon.failure = f"{type(error).__name__}: {error}"
        raise CloseSpider(STORE_UNAVAILABLE)

    async def _enter(self, spider: Spider) -> None:
        self._opened = True
        if trouble := unopened(self._crawler):  # Scrapy would go on without them
            self._addon.failure = trouble
            raise CloseSpider(WRONG_FEED)
        store = self._addon.store
        if store is None:
            return
        logger.info("Crawl %s, storing in %s", self._addon.crawl_id, store.where)
        crawl = await store.crawls.find()
        if crawl is not None:
            await self._resume(store, spider, crawl)
        if self._addon.config.overlap == "refuse":
            await take_lock(self._addon, store, spider.name, self._silence)
        await store.crawls.start(
            self._addon.worker,
            spider=spider.name,
            arguments=getattr(spider, "given_arguments", {}),
            versions=_versions(),
            at=self._addon.server_now(),
        )
        self._entered = True
        works = (self._keep_up_to_date(spider.name), self._forget(store))
        self._tasks = [asyncio.create_task(work) for work in works]

    async def spider_closed(self, spider: Spider, reason: str) -> None:
        if self._crawler.get_extension(FeedExporter) is not None:
            await self._feeds_closed.wait()  # whether they could be written is part of the verdict
        for task in self._tasks:
            task.cancel()
        if reason == "finished":
            await self._count_lost()
        stats = self._crawler.stats.get_stats()
        verdict = self._judge(reason, stats)
        try:
            verdict = await self._finish(spider, reason, verdict)
            if not self._entered or verdict.code == DATABASE_LOST:  # there is nobody else to tell
                self._tell(spider, verdict)
        finally:
            self._addon.verdict = verdict
            await self._addon.close_store()
        await self._crawler.signals.send_catch_log_async(
            JUDGED,
            counts=sums(self._whole) if self._whole else self._counts(),
            workers=len(self._whole) or 1,
            whole=bool(self._whole) or self._addon.config.store_is_off,
        )

    def _judge(
        self, reason: str, stats: Mapping[str, object], findings: Sequence[Finding] = ()
    ) -> Verdict:
        verdict = judge(
            reason, stats, failure=self._addon.failure, signal=self._addon.signal,
            opened=self._opened, findings=findings,
        )  # fmt: skip
        if self._was_finished and verdict.code == HEALTHY:
            which = f"crawl {self._addon.crawl_id}"
            return Verdict(HEALTHY, f"healthy: {which} was finished already, nothing is left to do")
        return verdict

    def spider_error(self, failure: Failure, response: Response | None) -> None:
        if response is None:  # raised by the spider's `start`
            self._addon.failure = f"{type(failure.value).__name__}: {failure.value}"

    def feeds_closed(self) -> None:
        self._feeds_closed.set()

    def item_error(self) -> None:
        self._addon.count(counters.ITEM_ERRORS)

    # --- the start

    async def _resume(self, store: Store, spider: Spider, crawl: dict[str, Any]) -> None:
        """Go on with a crawl that others began. Raises `CloseSpider` when that makes no sense."""
        crawl_id = self._addon.crawl_id
        if crawl["spider"] != spider.name:
            self._addon.failure = (
                f"crawl {crawl_id} is one of the spider {crawl['spider']}; give another CRAWL_ID"
            )
            raise CloseSpider(WRONG_CRAWL)
        others = isinstance(spider, CaliberSpider) and spider.other_arguments(crawl["arguments"])
        if others:
            self._addon.failure = (
                f"crawl {crawl_id} was begun with other arguments ({others}); "
                "give the same ones or another CRAWL_ID"
            )
            raise CloseSpider(WRONG_CRAWL)
        if crawl["status"] == "finished" and not await store.frontier.anything_left():
            self._was_finished = True
            logger.info("Crawl %s was finished already; nothing is left to do", crawl_id)
            raise CloseSpider("finished")
        # Its lists were walked, unless it was closed early; what was queued again are failures.
        self._addon.only_the_rest = crawl["status"] == crawl["reason"] == "finished"
        again, aside = await store.frontier.reclaim(
            self._addon.server_now(), _dead(crawl["workers"])
        )
        self._addon.taken_back(again, aside)
        logger.info("Crawl %s goes on; %s requests are taken back", crawl_id, again)

    # --- the end

    async def _count_lost(self) -> None:
        """A frontier that somebody emptied looks like one where all is done, and is no good end.

        As long as this worker has not left, nobody closes the crawl, unless it was held for dead.
        """
        store = self._addon.store
        if store is None or not self._entered:
            return
        counts = self._counts()
        # Failures may be dropped by hand meanwhile.
        added = counts.get(counters.FRONTIER_ADDED, 0) - counts.get(counters.FRONTIER_FAILED, 0)
        try:
            missing = await store.frontier.missing(added) if added > 0 else 0
            crawl = await store.crawls.find() if missing else None
        except StoreError as error:  # that is the verdict soon
            logger.warning("%s", error)
            return
        if missing and (crawl is None or crawl["status"] == "running"):
            logger.error(
                "At least %s requests were removed from the frontier while the crawl was at work; "
                "the next one walks the same lists again", missing,
            )  # fmt: skip
            self._addon.count(counters.FRONTIER_LOST, number=missing)

    async def _finish(self, spider: Spider, reason: str, verdict: Verdict) -> Verdict:
        """Leave the crawl, and close it as the last; a database that is gone is the verdict.

        The verdict of this process is on its own part; the crawl's document gets one on the whole.
        """
        store = self._addon.store
        if store is None or not self._entered:
            return verdict
        try:
            failures = await self._waiting(store.frontier.failures) if reason == "finished" else []
            for url, error in failures:
                logger.error("Failed: %s (%s)", url, error)
            verdict = _naming(failures, verdict)
            await self._waiting(
                lambda: store.crawls.leave(
                    self._addon.worker, self._counts(), reason=reason, at=self._addon.server_now()
                )
            )
            workers = await self._workers_if_last(store, wait=reason == "finished")
            if workers is None:
                return verdict
            total = sums(workers)
            findings = await examine(self._addon, spider, reason, total)
            whole = _naming(failures, self._of_the_crawl(reason, total, findings, verdict))
            counts, sections = split(total)
            at = self._addon.server_now()
            closed = await self._waiting(
                lambda: store.crawls.close(
                    counts,
                    _coverage(counts),
                    status=whole.status,
                    reason=reason,
                    exit_code=whole.code,
                    verdict=whole.line,
                    lists_doubted=whole.doubts_lists,
                    sections=sections,
                    findings=[finding.document() for finding in findings],
                    silent_since=at - self._silence,
                    dead=_dead(workers),
                    at=at,
                )
            )
            if not closed:
                return verdict
            self._whole = workers
            await self._waiting(lambda: store.locks.give_back(spider.name))
            if whole.status == reason == "finished":
                await self._clear(store)
            self._tell(spider, whole, await unhealthy_before(self._addon, spider))
            if len(workers) == 1 or whole.code == LOOKS_WRONG:
                return whole  # what the crawl as a whole looks like, somebody must say
        except StoreError as error:
            logger.error("%s", error)
            return verdict if verdict.code else Verdict(DATABASE_LOST, f"database lost: {error}")
        return verdict

    async def _waiting(self, call: Callable[[], Awaitable[R]]) -> R:
        """What a call of the store gives; a database that is away for a moment is waited for, but
        not by whoever sent a signal."""
        if self._addon.signal is not None:
            return await call()
        return await self._addon.patiently(call)

    async def _clear(self, store: Store) -> None:
        """Forget the requests of a crawl that is closed already; what stays does no harm."""
        try:
            await store.frontier.clear()
        except StoreError as error:
            logger.warning("%s; what is left there a later crawl removes", error)

    def _tell(
        self, spider: Spider, verdict: Verdict, before: Mapping[str, Any] | None = None
    ) -> None:
        """Note what is to be told of the whole crawl, by this process and no other one."""
        again = before if verdict.code == HEALTHY else None
        self._addon.alert = Alert(spider.name, self._addon.crawl_id, verdict, again)

    async def _workers_if_last(self, store: Store, *, wait: bool) -> list[dict[str, Any]] | None:
        """All workers once none is at it any more; None when this is not the one to close it.

        At the end of the work all others leave within moments, or were killed and fall silent.
        """
        latest = self._addon.server_now() + 2 * self._silence
        while True:
            crawl = await self._waiting(store.crawls.find)
            if crawl is None or crawl["status"] != "running":
                return None
            workers: list[dict[str, Any]] = crawl["workers"]
            at = self._addon.server_now()
            seen = [w for w in workers if not w["ended_at"] and w["seen_at"] >= at - self._silence]
            if {worker["id"] for worker in seen} <= set(_dead(seen)):
                return workers
            if not wait or self._addon.signal is not None or at > latest:
                return None
            await asyncio.sleep(_LEAVING_POLL_SECONDS)

    def _of_the_crawl(
        self,
        reason: str,
        counts: dict[str, int],
        findings: Sequence[Finding],
        verdict: Verdict,
    ) -> Verdict:
        """The verdict on the crawl as a whole, when several workers were at it."""
        stats = {counters.stat(name): number for name, number in counts.items()}
        own = self._crawler.stats.get_stats()
        whole = self._judge(reason, own | stats, findings)
        return whole if whole.code or not verdict.code else verdict

    async def _keep_up_to_date(self, spider: str) -> None:
        while (store := self._addon.store) is not None:
            await asyncio.sleep(_PROGRESS_SECONDS)
            at = self._addon.server_now()
            try:
                await store.crawls.progress(self._addon.worker, self._counts(), at)
                if self._addon.config.overlap == "refuse":
                    other = await store.locks.take(spider, at, self._silence)
                    if other is not None:
                        self._make_way(spider, other)
                        return
                await self._addon.set_clock(store)
            except StoreError as error:  # the pipelines decide when this is too much
                logger.warning("%s", error)

    def _make_way(self, spider: str, other: Holder) -> None:
        """End this crawl, which was held for dead while it stood still; its requests are kept."""
        self._addon.stop(
            f"crawl {other.crawl_id} of the spider {spider}, which began while this one stood "
            f"still; go on with CRAWL_ID={self._addon.crawl_id} when it is over",
            OTHER_CRAWL_RUNS,
        )

    async def _forget(self, store: Store) -> None:
        """Remove what crawls left that nobody goes on with; what is not done in time, the next
        crawl does."""
        at, own = self._addon.server_now(), self._addon.crawl_id
        try:
            self._addon.count(
                counters.CRAWLS_LOST, number=await close_lost(store.database, at, own)
            )
            async for number in forget(store.database, at, own):
                self._addon.count(counters.FRONTIER_FORGOTTEN, number=number)
        except StoreError as error:  # it can wait
            logger.warning("%s", error)

    def _counts(self) -> dict[str, int]:
        return counts_of(self._crawler.stats.get_stats())


def _coverage(counts: dict[str, int]) -> dict[str, float]:
    """The share of the articles read that had each field."""
    read = counts.get(counters.ARTICLES_READ, 0)
    missing = {name: counts.get(f"{counters.MISSING}/{name}", 0) for name in EXPECTED}
    return {name: round(1 - n / read, 4) for name, n in missing.items()} if read else {}


def _naming(failures: list[tuple[str, str]], verdict: Verdict) -> Verdict:
    """The verdict with the addresses of what failed in the whole crawl, whoever met it."""
    named = ", ".join(url for url, _ in failures[:_NAMED])
    if not failures or named in verdict.line:
        return verdict
    if verdict.code == HEALTHY:
        return Verdict(PARTLY_FAILED, f"{len(failures)} requests failed: {named}")
    return replace(verdict, line=f"{verdict.line}: {named}")


def _dead(workers: list[dict[str, Any]]) -> list[str]:
    return [worker["id"] for worker in workers if is_dead(worker)]


def _versions() -> dict[str, str]:
    versions = {"caliber-crawler": __version__, "python": platform.python_version()}
    return versions | {name: version(name) for name in _PACKAGES}
