"""Scrapy's scheduler over the frontier in MongoDB: requests are leased, never popped.

The way of a request: `enqueue_request` makes it plain data and queues the addition; the task
`_pump` writes additions, ends leases and takes new ones, in batches; `next_request` hands out what
is on lease. Once the engine has dealt with a request and all that it brought (its links are handed
over, its items stored, rejected or dropped), its lease is ended: done, failed, or given back.

Links are safe before the page that brought them is done, because additions are written before
endings. The event loop waits for no write.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.misc import build_from_crawler, load_object

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.errors import CaliberError, StoreError, Unserialisable
from caliber_crawler.items import Sighting
from caliber_crawler.outcomes import LEASE
from caliber_crawler.requests import MERGE, NEWEST, SEQUEL, from_plain, to_plain
from caliber_crawler.store.frontier import Entry, Late, Leased, own_lease

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from caliber_crawler.store.frontier import FrontierStore

logger = logging.getLogger(__name__)

# So many articles wait for the lists that may say more of them.
_HELD = 500
# Writes come together for so long, unless there is nothing else to do.
_LINGER = 0.02
_WALK_LINGER = 0.1
_POLL = (0.1, 1.0)
# So many queued requests are kept as they are, besides being written.
_REMEMBERED = 1_000
# Writes that take longer than this hold up the requests; so many times more may then be unsafe.
_SLOW = 0.45
_PATIENT = 4


@dataclass(order=True)
class _Ready:
    """A request that may be made now, in the order in which that is to happen."""

    rank: tuple[int, float, int]
    key: str = field(compare=False)
    lease: str = field(compare=False)
    request: Request = field(compare=False)
    browser: bool = field(compare=False)


class FrontierScheduler(BaseScheduler):
    """The scheduler of one worker. Not for MONGODB_URI=off: there, Scrapy's own is used."""

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        settings = crawler.settings
        self._crawler = crawler
        self._addon = addon
        self._most = settings.getint("CONCURRENT_REQUESTS")
        self._browsers = max(1, settings.getint("PLAYWRIGHT_MAX_PAGES_PER_CONTEXT"))
        self._fingerprinter: Any = build_from_crawler(
            load_object(settings["REQUEST_FINGERPRINTER_CLASS"]), crawler
        )
        self._frontier: FrontierStore | None = None
        self._spider: Spider
        self._ready: list[_Ready] = []
        self._again: list[_Ready] = []  # retries and redirects of what is on its way
        self._out: dict[str, _Ready] = {}  # given to the engine, not dealt with
        self._additions: list[Entry] = []
        self._coming: dict[str, tuple[Request, Entry]] = {}  # ours once they are added
        self._done: dict[str, str] = {}
        self._failed: dict[str, tuple[str, str]] = {}
        self._released: dict[str, str] = {}
        self._ending: dict[str, str] = {}  # of these the writing is under way
        self._places = itertools.count()
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()  # a walk has ended, or something is wanted at once
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._finished = False
        self._gave_at = 0.0
        self._lease_took = 0.0
        self._beaten: set[str] = set()  # on its way although somebody made it before
        self._is_rich = False  # the last lease was as large as it could be
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
            self._frontier = store.frontier
            connect = self._crawler.signals.connect
            connect(self._spider_error, signals.spider_error)
            connect(self._item_error, signals.item_error)

    async def _close(self) -> None:
        self._closing = True
        self._wake.set()
        self._changed.set()
        if self._tasks:
            _, *others = self._tasks
            for task in others:
                task.cancel()
            await asyncio.wait(self._tasks)  # what the pump took to write, it writes
        if self._frontier is None or self._addon.lost:
            return
        self._settle()
        for entry in (*self._ready, *self._out.values()):
            self._released[entry.key] = entry.lease
        try:
            await self._write()
        except StoreError as error:
            logger.error("%s", error)

    def has_pending_requests(self) -> bool:
        return not self._finished

    def enqueue_request(self, request: Request) -> bool:
        """Queue a request. False when it cannot be queued; that is counted and logged."""
        key = request.meta.get(LEASE)
        on_its_way = self._out.get(key) if key is not None else None
        if on_its_way is not None and on_its_way.request is not request:
            # A retry or a redirect: the same work under the same lease.
            on_its_way.request = request
            heapq.heappush(self._again, on_its_way)
            return True
        if self._addon.only_the_rest and request.meta.get("is_start_request"):
            return True
        try:
            entry = self._entry(request)
        except Unserialisable as error:
            logger.error("%s", error)
            self._addon.count(counters.FRONTIER_UNSERIALISABLE)
            return False
        if request.meta.get(SEQUEL) and not entry.browser:
            entry = replace(entry, mine=True)
            self._push(entry.key, own_lease(self._addon.worker.id, entry.key), request, entry)
        elif self._has_room(entry):
            entry = replace(entry, mine=True)
            self._coming.setdefault(entry.key, (request, entry))
            self._changed.set()
        elif len(self._made) < _REMEMBERED:
            self._made.setdefault(entry.key, request)
        self._additions.append(entry)
        self._finished = False
        self._start()
        self._wake.set()
        return True

    def next_request(self) -> Request | None:
        self._start()
        self._settle()
        if self._addon.stopping or self._closing:
            return None
        if self._again:
            return heapq.heappop(self._again).request
        if not self._may_ask():
            return None
        entry = self._pop()
        if len(self._ready) < self._most // 2:
            self._wake.set()
        if entry is None:
            return None
        self._out[entry.key] = entry
        self._gave_at = asyncio.get_running_loop().time()
        return entry.request

    def _may_ask(self) -> bool:
        """What was asked for and is not stored is bounded: a kill makes all of it be asked again.

        While writes take long, further requests are made slowly, up to a larger bound.
        """
        unsafe = len(self._out)
        if unsafe < self._most:
            return True
        waited = asyncio.get_running_loop().time() - self._gave_at
        return unsafe < _PATIENT * self._most and waited >= _SLOW

    # --- requests and entries

    def _entry(self, request: Request) -> Entry:
        meta = request.meta
        meta.pop(LEASE, None)  # copied from the page that asks for it
        key = self._fingerprinter.fingerprint(request).hex()
        if request.dont_filter:
            key += f".{self._addon.worker.id}.{next(self._places)}"
        newest = meta.get(NEWEST)
        plain = to_plain(request, self._spider)
        names = meta.get(MERGE, ())
        arguments = dict(plain.get("cb_kwargs", {}))
        merged = {name: arguments.pop(name, []) for name in names}
        if names:
            plain["cb_kwargs"] = arguments
        return Entry(
            key=key,
            url=request.url,
            priority=request.priority,
            request=plain,
            newest=newest if isinstance(newest, datetime) else None,
            browser=bool(meta.get("playwright")),
            merged=merged,
        )

    def _has_room(self, entry: Entry) -> bool:
        """Whether this worker can take a request that it is about to add on lease at once.

        Not while there are lists: they come before articles, and may say more of them.
        """
        if entry.browser or len(self._ready) + len(self._coming) >= 2 * self._most:
            return False
        known = itertools.chain(
            (-ready.rank[0] for ready in self._ready),
            (-out.rank[0] for out in self._out.values()),
            (added.priority for added in self._additions),
        )
        return entry.priority > 0 or not any(priority > 0 for priority in known)

    def _push(self, key: str, lease: str, request: Request, entry: Entry | Leased) -> None:
        request.meta[LEASE] = key
        newest = entry.newest.timestamp() if entry.newest else 0.0
        rank = (-entry.priority, -newest, next(self._places))
        heapq.heappush(self._ready, _Ready(rank, key, lease, request, entry.browser))

    def _pop(self) -> _Ready | None:
        """The first request that is ready, browsers' only while a page of the browser is free."""
        free = self._free_browsers(counting_ready=False)
        passed: list[_Ready] = []
        found = None
        while self._ready and found is None:
            entry = heapq.heappop(self._ready)
            if entry.browser and free <= 0:
                passed.append(entry)
            else:
                found = entry
        for entry in passed:
            heapq.heappush(self._ready, entry)
        return found

    def _free_browsers(self, *, counting_ready: bool) -> int:
        busy = sum(entry.browser for entry in self._out.values())
        if counting_ready:
            busy += sum(entry.browser for entry in self._ready)
        return self._browsers - busy

    # --- ends

    def _settle(self) -> None:
        """End the leases of requests with which the engine is through."""
        waiting = {entry.key for entry in self._again}
        on_its_way = self._in_progress()
        for key, entry in list(self._out.items()):
            if entry.request in on_its_way or key in waiting:
                continue
            del self._out[key]
            if not entry.request.meta.get(SEQUEL) or not self._out:
                self._changed.set()
            if key in self._beaten:
                self._beaten.discard(key)
                self._addon.outcomes.take(key)
                continue
            error, unfinished = self._addon.outcomes.take(key)
            if unfinished or self._addon.lost:
                self._released[key] = entry.lease
            elif error is not None:
                self._failed[key] = (entry.lease, error)
                self._addon.count(counters.FRONTIER_FAILED)
            else:
                self._done[key] = entry.lease
            self._wake.set()

    def _in_progress(self) -> Iterable[Request]:
        # Scrapy has no signal for "all that this request brought is dealt with". The engine's slot
        # knows: a request leaves it when its last item left the pipelines.
        slot = self._crawler.engine._slot
        return slot.inprogress if slot is not None else ()

    def _nudge(self) -> None:
        """Have the engine look for requests, or find that there are none."""
        slot = self._crawler.engine._slot
        if slot is not None:
            slot.nextcall.schedule()

    def _spider_error(self, failure: Failure, response: Any) -> None:
        request = getattr(response, "request", None)
        if request is not None:
            self._note(request, failure)

    def _item_error(self, response: Any, failure: Failure) -> None:
        request = getattr(response, "request", None)
        if request is not None:
            self._note(request, failure)

    def _note(self, request: Request, failure: Failure) -> None:
        if self._addon.lost or isinstance(failure.value, StoreError):
            self._addon.outcomes.unfinished(request)
        else:
            error = f"{type(failure.value).__name__}: {failure.value}"
            self._addon.outcomes.failed(request, error)

    # --- the tasks

    def _start(self) -> None:
        if not self._tasks and self._frontier is not None and not self._closing:
            self._tasks = [
                asyncio.create_task(self._guarded(self._pump)),
                asyncio.create_task(self._guarded(self._keep)),
                asyncio.create_task(self._guarded(self._tick)),
            ]

    async def _guarded(self, work: Any) -> None:
        try:
            await work()
        except StoreError as error:
            if self._addon.lost:
                return  # the add-on closes the crawl
            self._addon.give_up(str(error))
        except Exception:
            logger.exception("the scheduler failed")
            self._addon.give_up("the scheduler failed; the log says why")

    async def _pump(self) -> None:
        idle = _POLL[0]
        await asyncio.sleep(_LINGER / 2)
        while not self._closing:
            self._wake.clear()
            self._settle()
            wrote = await self._write()
            got = await self._lease()
            if got or wrote:
                idle = _POLL[0]
                self._nudge()
            elif self._is_quiet() and await self._is_over():
                self._finished = True
                self._nudge()
            timeout = _LINGER if self._has_work() else idle
            if not (got or wrote):
                idle = min(idle * 1.5, _POLL[1])
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await self._gather()

    async def _gather(self) -> None:
        """Let more come together, as the requests of a spider's start.

        Lists that are being walked go on by themselves and articles wait for them, so there the
        writes have time, until a walk ends.
        """
        await asyncio.sleep(_LINGER if self._ready else _LINGER / 2)
        self._changed.clear()
        walking = self._out and all(out.rank[0] < 0 for out in self._out.values())
        if walking and not (self._coming or self._ready):
            with suppress(TimeoutError):
                async with asyncio.timeout(_WALK_LINGER):
                    await self._changed.wait()

    async def _tick(self) -> None:
        """Have the engine go on slowly while what it made waits to be stored."""
        while not self._closing:
            await asyncio.sleep(_SLOW)
            if self._ready and len(self._out) >= self._most:
                self._nudge()

    async def _write(self) -> bool:
        """Write additions, then endings; what comes meanwhile waits for the next time."""
        frontier = self._frontier
        if frontier is None:
            return False
        additions, self._additions = self._additions, []
        done, self._done = self._done, {}
        failed, self._failed = self._failed, {}
        released, self._released = self._released, {}
        self._ending = done
        for start in range(0, len(additions), _BATCH):
            await self._add(frontier, additions[start : start + _BATCH])
        if done or failed or released:
            overdue, late = await self._addon.patiently(
                lambda: frontier.end(self._addon.server_now(), done, failed, released)
            )
            self._addon.count(counters.FRONTIER_OVERTAKEN, number=overdue)
            await self._sight(late)
        self._ending = {}
        return bool(additions or done or failed or released)

    async def _add(self, frontier: FrontierStore, entries: Sequence[Entry]) -> None:
        added = await self._addon.patiently(lambda: frontier.add(entries, self._addon.server_now()))
        known = [entry for entry in entries if entry.key not in added.new]
        self._addon.count(counters.FRONTIER_ADDED, number=len(added.new))
        self._addon.count(counters.FRONTIER_KNOWN, number=len(known))
        for entry in entries:
            request, _ = self._coming.pop(entry.key, (None, None))
            if request is not None and entry.key in added.new:
                lease = own_lease(self._addon.worker.id, entry.key)
                self._push(entry.key, lease, request, entry)
        beaten = {entry.key for entry in known if entry.mine}
        self._beaten |= beaten.intersection(self._out)
        if beaten:  # somebody made this step before
            self._ready = [entry for entry in self._ready if entry.key not in beaten]
            heapq.heapify(self._ready)
        await self._sight(added.late)

    async def _sight(self, late: Sequence[Late]) -> None:
        """Store what lists said of articles after those were taken."""
        store = self._addon.store
        sightings = [
            Sighting(said.url, list(said.merged.get("sections", [])),
                     [a for a in said.merged.get("addresses", []) if a != said.url])
            for said in late
        ]  # fmt: skip
        if not sightings or store is None:
            return
        for stored in await self._addon.patiently(lambda: store.articles.sight(sightings)):
            self._addon.count(counters.SIGHTINGS_ADDED if stored else counters.SIGHTINGS_LOST)

    async def _lease(self) -> bool:
        frontier = self._frontier
        # With a slow database it pays to take more at a time.
        wanted = self._most * (4 if self._lease_took > _SLOW else 2 if self._is_rich else 1)
        room = wanted - len(self._ready)
        if frontier is None or self._addon.stopping or room < max(1, wanted // 2):
            return False
        began = asyncio.get_running_loop().time()
        found = await self._addon.patiently(
            lambda: frontier.lease(
                room,
                self._addon.server_now(),
                browsers=self._free_browsers(counting_ready=True),
                held=_HELD,
            )
        )
        self._lease_took = asyncio.get_running_loop().time() - began
        self._is_rich = len(found) == room
        stored = await self._stored(found)
        for leased in found:
            if leased.key in stored:
                self._done[leased.key] = leased.lease
                continue
            try:
                request = self._request(leased)
            except Unserialisable as error:
                logger.error("%s", error)
                self._failed[leased.key] = (leased.lease, str(error))
                self._addon.count(counters.FRONTIER_FAILED)
                continue
            self._push(leased.key, leased.lease, request, leased)
        self._addon.count(counters.FRONTIER_LEASED, number=len(found))
        return bool(found)

    async def _stored(self, found: Sequence[Leased]) -> set[str]:
        """Keys of articles that a worker stored in this crawl and died before it could say so."""
        store = self._addon.store
        again = {leased.request["url"]: leased.key for leased in found if leased.attempts > 1}
        if not again or store is None:
            return set()
        urls = await self._addon.patiently(
            partial(store.articles.stored_in, self._addon.crawl_id, list(again))
        )
        self._addon.count(counters.FRONTIER_STORED, number=len(urls))
        return {again[url] for url in urls}

    def _request(self, leased: Leased) -> Request:
        request = self._made.pop(leased.key, None)
        if request is not None:
            request.cb_kwargs.update(leased.merged)
            return request
        said = dict(leased.request)
        if leased.merged:
            said["cb_kwargs"] = {**said.get("cb_kwargs", {}), **leased.merged}
        return from_plain(said, self._spider)

    async def _keep(self) -> None:
        """Renew what this worker has on lease, and take back what others did not renew."""
        frontier = self._frontier
        if frontier is None:
            return
        while not self._closing:
            await self._take_back(frontier)
            await asyncio.sleep(frontier.lease_time.total_seconds() / 3)
            held = {e.key: e.lease for e in (*self._ready, *self._out.values())} | self._done
            lost = await self._addon.patiently(
                partial(frontier.renew, held, self._addon.server_now())
            )
            gone = set(lost).difference(self._done, self._out)
            self._ready = [entry for entry in self._ready if entry.key not in gone]
            heapq.heapify(self._ready)

    async def _take_back(self, frontier: FrontierStore) -> None:
        again, aside = await self._addon.patiently(
            lambda: frontier.reclaim(self._addon.server_now())
        )
        self._addon.count(counters.FRONTIER_RECLAIMED, number=again)
        self._addon.set_aside(aside)
        if again:
            self._wake.set()

    # --- the end of the crawl

    def _has_work(self) -> bool:
        return bool(self._additions or self._done or self._failed or self._released)

    def _is_quiet(self) -> bool:
        busy = self._ready or self._again or self._out or self._ending or self._coming
        return not (busy or self._has_work())

    async def _is_over(self) -> bool:
        """Whether nothing is queued and nobody has anything on lease."""
        frontier = self._frontier
        if frontier is None:
            return True
        numbers = await self._addon.patiently(frontier.open)
        return not any(numbers.values()) and self._is_quiet()


_BATCH = 500
