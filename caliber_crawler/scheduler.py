"""Scrapy's scheduler over the frontier in MongoDB: requests are leased, never popped.

The way of a request: `enqueue_request` makes it plain data and hands it to the pump, which writes
it; `next_request` hands out what the pump took on lease. Once the engine has dealt with a request
and all that it brought (its links are handed over, its items stored, rejected or dropped), its
lease is ended: done, failed, or given back.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.misc import build_from_crawler, load_object

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.errors import CaliberError, StoreError, StoreUnavailable, Unserialisable
from caliber_crawler.outcomes import LEASE
from caliber_crawler.pump import SLOW, Pump
from caliber_crawler.ready import ReadyQueue
from caliber_crawler.requests import MERGE, NEWEST, SEQUEL, from_plain, to_plain
from caliber_crawler.store.leases import Entry, new_lease

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from caliber_crawler.store.leases import Leased

logger = logging.getLogger(__name__)

# So many queued requests are kept as they are, besides being written.
_REMEMBERED = 1_000
# While the database is slow, so many times more requests than else may be made and not stored.
_PATIENT = 4


class FrontierScheduler(BaseScheduler):
    """The scheduler of one worker. Not for MONGODB_URI=off: there, Scrapy's own is used."""

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        settings = crawler.settings
        self._crawler = crawler
        self._addon = addon
        self._most = settings.getint("CONCURRENT_REQUESTS")
        self._fingerprinter: Any = build_from_crawler(
            load_object(settings["REQUEST_FINGERPRINTER_CLASS"]), crawler
        )
        self._queue = ReadyQueue(max(1, settings.getint("PLAYWRIGHT_MAX_PAGES_PER_CONTEXT")))
        self._pump: Pump | None = None
        self._slowly: asyncio.Task[None] | None = None
        self._spider: Spider
        self._copies = itertools.count()
        self._gave_at = 0.0
        self._made: dict[str, Request] = {}  # what this worker queued, to be had without decoding

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler, CaliberAddon.of(crawler))

    # --- what the engine calls

    def open(self, spider: Spider) -> Deferred[None]:
        return deferred_from_coro(self._open(spider))

    def close(self, reason: str) -> Deferred[None]:
        """Write what is left, and give back what was not made."""
        return deferred_from_coro(self._close())

    async def _open(self, spider: Spider) -> None:
        self._spider = spider
        try:
            store = await self._addon.open_store()
        except CaliberError:
            return  # the pipeline meets the same error, and closes the spider
        if store is not None:
            self._pump = Pump(
                self._addon, store, self._queue, self._most,
                request_of=self._request, settle=self._settle,
            )  # fmt: skip
            self._crawler.signals.connect(self._failed, signals.spider_error)
            self._crawler.signals.connect(self._failed, signals.item_error)

    async def _close(self) -> None:
        if self._slowly is not None:
            self._slowly.cancel()
        if self._pump is not None:
            await self._pump.close()

    def has_pending_requests(self) -> bool:
        return self._pump is not None and not self._pump.is_over

    def enqueue_request(self, request: Request) -> bool:
        """Queue a request. False when it cannot be queued; that is counted and logged."""
        before = self._queue.out.get(request.meta.get(LEASE, ""))
        if before is not None and not self._is_read(before.request):
            # A retry or a redirect: the same work under the same lease.
            self._queue.push_again(before, request)
            return True
        if self._addon.only_the_rest and request.meta.get("is_start_request"):
            return True
        if self._pump is None:
            return False
        try:
            entry = self._entry(request)
        except Unserialisable as error:
            logger.error("%s", error)
            self._addon.count(counters.FRONTIER_UNSERIALISABLE)
            return False
        if not self._pump.add(entry, request):
            self._remember(entry.key, request)
        self._start(self._pump)
        return True

    def next_request(self) -> Request | None:
        if self._pump is None or self._addon.stopping:
            return None
        self._start(self._pump)
        self._settle()
        again = self._queue.pop_again()
        if again is not None:
            return again
        if not self._may_ask():
            return None
        request = self._queue.pop()
        if len(self._queue) < self._most // 2:
            self._pump.hurry()
        if request is not None:
            self._gave_at = asyncio.get_running_loop().time()
        return request

    def _may_ask(self) -> bool:
        """What was asked for and is not stored is bounded: a kill makes all of it be asked again.

        While writes take long, further requests are made slowly, up to a larger bound.
        """
        if self._unsafe < self._most:
            return True
        waited = asyncio.get_running_loop().time() - self._gave_at
        return self._unsafe < _PATIENT * self._most and waited >= SLOW

    @property
    def _unsafe(self) -> int:
        return len(self._queue.out) - self._addon.outcomes.safe

    def _start(self, pump: Pump) -> None:
        pump.start()
        if self._slowly is None:
            self._slowly = asyncio.create_task(self._go_on_slowly())

    async def _go_on_slowly(self) -> None:
        """Have the engine ask while what it made waits to be stored."""
        while True:
            await asyncio.sleep(SLOW)
            if self._queue and self._unsafe >= self._most:
                self._addon.nudge()

    # --- requests and entries

    def _entry(self, request: Request) -> Entry:
        meta = request.meta
        meta.pop(LEASE, None)  # copied from the page that asks for it
        key = self._fingerprinter.fingerprint(request).hex()
        if request.dont_filter:
            key += f".{self._addon.worker.id}.{next(self._copies)}"
        newest = meta.get(NEWEST)
        plain = to_plain(request, self._spider)
        names = meta.get(MERGE, ())
        arguments = dict(plain.get("cb_kwargs", {}))
        merged = {name: arguments.pop(name, []) for name in names}
        if names:
            plain["cb_kwargs"] = arguments
        browser = bool(meta.get("playwright"))
        entry = Entry(
            key=key,
            url=request.url,
            priority=request.priority,
            request=plain,
            newest=newest if isinstance(newest, datetime) else None,
            browser=browser,
            merged=merged,
        )
        return entry.under(new_lease()) if meta.get(SEQUEL) and not browser else entry

    def _remember(self, key: str, request: Request) -> None:
        """Keep a request that somebody will take on lease, most likely this worker."""
        self._made.setdefault(key, request)
        if len(self._made) > _REMEMBERED:
            del self._made[next(iter(self._made))]

    def _request(self, leased: Leased) -> Request:
        request = self._made.pop(leased.key, None)
        if request is not None:
            request.cb_kwargs.update(leased.merged)
            return request
        said = dict(leased.request)
        if leased.merged:
            said["cb_kwargs"] = {**said.get("cb_kwargs", {}), **leased.merged}
        return from_plain(said, self._spider)

    # --- what became of requests

    def _settle(self) -> None:
        """End the leases of requests with which the engine is through."""
        for entry in self._queue.settled(self._in_progress()):
            error, unfinished = self._addon.outcomes.take(entry.key)
            if self._pump is not None:
                self._pump.end(
                    entry.key, entry.lease, error=error, unfinished=unfinished,
                    walk=bool(entry.request.meta.get(SEQUEL)),
                )  # fmt: skip

    def _failed(self, response: Any, failure: Failure) -> None:
        """A callback or a pipeline raised.

        What fails while the database is away, or because the crawl ends, is to be done again.
        """
        request = getattr(response, "request", None)
        if request is None:
            return
        error = failure.value
        # What MongoDB refuses of a page it refuses the next time, too: given back it would be
        # leased again at once, for ever.
        is_away = isinstance(error, StoreUnavailable)
        is_ending = self._addon.stopping and isinstance(error, StoreError)
        if self._addon.lost or is_away or is_ending:
            self._addon.outcomes.unfinished(request)
        else:
            self._addon.outcomes.failed(request, f"{type(error).__name__}: {error}")

    # --- what the engine knows

    def _in_progress(self) -> Collection[Request]:
        # Scrapy has no signal for "all that this request brought is dealt with". The engine's slot
        # knows: a request leaves it when its last item left the pipelines.
        slot = self._crawler.engine._slot
        return slot.inprogress if slot is not None else ()

    def _is_read(self, request: Request) -> bool:
        """Whether a request's answer has come to its callback or errback."""
        slot = self._crawler.engine.scraper.slot
        return slot is not None and request in slot.active
