"""The traffic between a worker and the frontier: writes and leases, in batches, by its own tasks.

Additions are written before the ends of leases that came with them, so links are safe before the
page that brought them is done. Nobody waits on the event loop for any of it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from caliber_crawler import counters
from caliber_crawler.errors import StoreError, StoreUnavailable, Unserialisable
from caliber_crawler.items import Sighting
from caliber_crawler.store.leases import Late, new_lease

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from scrapy import Request

    from caliber_crawler.addon import CaliberAddon
    from caliber_crawler.ready import ReadyQueue
    from caliber_crawler.store import Store
    from caliber_crawler.store.leases import Entry, Leased

logger = logging.getLogger(__name__)

# So many articles wait for the lists that may say more of them.
_HELD = 500
_BATCH = 500
# Writes come together for so long, unless there is nothing else to do.
_LINGER = 0.02
_WALK_LINGER = 0.1
_POLL = (0.1, 1.0)
SLOW = 0.45
"""Seconds; a database that takes longer than this holds up the requests."""


class Pump:
    """Writes what a worker adds and ends, and keeps its queue filled with requests on lease.

    `request_of` makes a leased request, `settle` ends what the engine is through with (by calling
    `end`). `most` is how many are wanted in store. `is_over` says that nothing is left to do, for
    anybody.
    """

    def __init__(
        self,
        addon: CaliberAddon,
        store: Store,
        queue: ReadyQueue,
        most: int,
        *,
        request_of: Callable[[Leased], Request],
        settle: Callable[[], None],
    ) -> None:
        self._addon = addon
        self._store = store
        self._queue = queue
        self._most = most
        self._request_of = request_of
        self._settle = settle
        self.is_over = False
        self._additions: list[Entry] = []
        self._unwritten: set[str] = set()  # leases of additions that the database does not have yet
        self._coming: dict[str, Request] = {}  # by lease: this worker's once they are added
        self._beaten: set[str] = set()  # leases of what is on its way although others have it
        self._done: dict[str, str] = {}
        self._failed: dict[str, tuple[str, str]] = {}
        self._released: dict[str, str] = {}
        self._writing: dict[str, str] = {}  # of `_done`, while it is being written
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()  # a walk has ended, or something is wanted at once
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._lease_took = 0.0
        self._is_rich = False  # the last lease was as large as it could be

    # --- what the scheduler hands over

    def add(self, entry: Entry, request: Request) -> bool:
        """Add a request to the frontier; False when this worker does not get it with that.

        One with a lease is made at once. Others become this worker's when nobody has them and there
        is little to do; not while there are lists, which come before articles and may say more of
        them.
        """
        if entry.lease is not None:
            self._push(entry, entry.lease, request)
        elif self._has_room(entry):
            lease = new_lease()
            entry = entry.under(lease)
            self._coming[lease] = request
            self._changed.set()
        if entry.lease is not None:
            self._unwritten.add(entry.lease)
        self._additions.append(entry)
        self.is_over = False
        self._wake.set()
        return entry.lease is not None

    def end(self, key: str, lease: str, *, error: str | None, unfinished: bool, walk: bool) -> None:
        """A request was dealt with: done, failed, or to be done by somebody else.

        `walk` says that a step after it goes on.
        """
        if not walk or not self._queue.out:
            self._changed.set()
        if lease in self._beaten:
            self._beaten.discard(lease)
            return
        if unfinished or self._addon.lost:
            self._released[key] = lease
        elif error is not None:
            self._fail(key, lease, error)
        else:
            self._done[key] = lease
        self._wake.set()

    def hurry(self) -> None:
        """The queue runs short."""
        self._wake.set()

    def start(self) -> None:
        """Begin, at the first call."""
        if not self._tasks and not self._closing:
            works = (self._run, self._keep)
            self._tasks = [asyncio.create_task(self._guarded(work)) for work in works]

    async def close(self) -> None:
        """Write what is left, and give back what was not made."""
        self._closing = True
        self._wake.set()
        self._changed.set()
        if self._tasks:
            self._tasks[1].cancel()
            await asyncio.wait(self._tasks)  # what was taken to be written is written
        if self._addon.lost:
            return
        self._settle()
        self._released |= self._queue.held()
        try:
            await self._write()
        except StoreError as error:
            logger.error("%s", error)

    # --- the tasks

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StoreUnavailable as error:
            self._addon.give_up(str(error))
        except StoreError as error:
            # Without a frontier nothing can be done; its leases run out, and are taken again.
            self._addon.give_up(f"MongoDB refuses the frontier's traffic: {error}")
        except Exception:
            logger.exception("the frontier's traffic broke down")
            self._addon.break_off("the frontier's traffic broke down; the log says why")

    async def _run(self) -> None:
        idle = _POLL[0]
        await asyncio.sleep(_LINGER / 2)
        while not self._closing:
            self._wake.clear()
            self._settle()
            wrote = await self._write()
            got = await self._lease()
            if got or wrote:
                idle = _POLL[0]
                self._addon.nudge()
            else:
                if self._is_quiet() and await self._nothing_is_left():
                    self.is_over = True
                    self._addon.nudge()
                idle = min(idle * 1.5, _POLL[1])
            try:
                async with asyncio.timeout(_LINGER if self._has_work() else idle):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await self._gather()

    async def _gather(self) -> None:
        """Let more come together, as the requests of a spider's start.

        Lists that are being walked go on by themselves and articles wait for them, so there the
        writes have time, until a walk ends.
        """
        await asyncio.sleep(_LINGER if self._queue else _LINGER / 2)
        self._changed.clear()
        if self._queue.only_walks and not self._coming:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WALK_LINGER):
                    await self._changed.wait()

    async def _keep(self) -> None:
        """Renew what this worker has on lease, and take back what others did not renew."""
        frontier = self._store.frontier
        while not self._closing:
            again, aside = await self._addon.patiently(
                lambda: frontier.reclaim(self._addon.server_now())
            )
            self._addon.taken_back(again, aside)
            if again:
                self._wake.set()
            await asyncio.sleep(frontier.lease_time.total_seconds() / 3)
            ended = self._done | self._writing
            # What is not written yet has no lease to be renewed, and is not lost for that.
            ready = self._queue.held().items()
            held = {key: lease for key, lease in ready if lease not in self._unwritten} | ended
            lost = await self._addon.patiently(
                partial(frontier.renew, held, self._addon.server_now())
            )
            self._queue.drop({held[key] for key in lost if key not in ended})

    # --- writes

    async def _write(self) -> bool:
        """Write additions, then endings; what comes meanwhile waits for the next time."""
        frontier = self._store.frontier
        additions, self._additions = self._additions, []
        done, self._done = self._done, {}
        failed, self._failed = self._failed, {}
        released, self._released = self._released, {}
        self._writing = done
        for start in range(0, len(additions), _BATCH):
            await self._write_additions(additions[start : start + _BATCH])
        if done or failed or released:
            overdue, late = await self._addon.patiently(
                lambda: frontier.end(self._addon.server_now(), done, failed, released)
            )
            self._addon.count(counters.FRONTIER_OVERTAKEN, number=overdue)
            await self._sight(late)
        self._writing = {}
        return bool(additions or done or failed or released)

    async def _write_additions(self, entries: Sequence[Entry]) -> None:
        tries = itertools.count()
        added = await self._addon.patiently(
            lambda: self._store.frontier.add(
                entries, self._addon.server_now(), again=next(tries) > 0
            )
        )
        self._addon.count(counters.FRONTIER_ADDED, number=len(added.new))
        self._addon.count(counters.FRONTIER_KNOWN, number=len(entries) - len(added.new))
        beaten: set[str] = set()
        for entry in entries:
            if entry.lease is None:
                continue
            self._unwritten.discard(entry.lease)
            is_mine = entry.lease in added.leases
            waiting = self._coming.pop(entry.lease, None)
            if waiting is None and not is_mine:
                beaten.add(entry.lease)
            elif waiting is not None and is_mine:
                self._push(entry, entry.lease, waiting)
        self._beaten |= beaten.intersection(ready.lease for ready in self._queue.out.values())
        self._queue.drop(beaten)
        await self._sight(added.late)

    async def _sight(self, late: Sequence[Late]) -> None:
        """Store what lists said of articles after those were taken."""
        sightings = [
            Sighting(said.url, list(said.merged.get("sections", [])),
                     [a for a in said.merged.get("addresses", []) if a != said.url])
            for said in late
        ]  # fmt: skip
        if not sightings:
            return
        articles = self._store.articles
        try:
            told = await self._addon.patiently(lambda: articles.sight(sightings))
        except StoreUnavailable:
            raise
        except StoreError as error:  # of these articles, so no reason to end the crawl
            logger.error("%s", error)
            told = [False] * len(sightings)
        for stored in told:
            self._addon.count(counters.SIGHTINGS_ADDED if stored else counters.SIGHTINGS_LOST)

    # --- leases

    async def _lease(self) -> bool:
        frontier = self._store.frontier
        # With a slow database it pays to take more at a time.
        wanted = self._most * (4 if self._lease_took > SLOW else 2 if self._is_rich else 1)
        room = wanted - len(self._queue)
        if self._addon.stopping or room < max(1, wanted // 2):
            return False
        began = asyncio.get_running_loop().time()
        token, tries = new_lease(), itertools.count()
        found = await self._addon.patiently(
            lambda: frontier.lease(
                room,
                self._addon.server_now(),
                browsers=self._queue.free_browsers(),
                held=_HELD,
                token=token,
                again=next(tries) > 0,
            )
        )
        self._lease_took = asyncio.get_running_loop().time() - began
        self._is_rich = len(found) == room
        self._addon.count(counters.FRONTIER_LEASED, number=len(found))
        stored = await self._stored(found)
        # Whoever stored them may not have lived to say what lists told of them meanwhile.
        await self._sight(
            [Late(one.request["url"], one.merged) for one in found if one.key in stored]
        )
        for leased in found:
            if leased.key in stored:
                self._done[leased.key] = leased.lease
                continue
            try:
                self._push(leased, leased.lease, self._request_of(leased))
            except Unserialisable as error:
                logger.error("%s", error)
                self._fail(leased.key, leased.lease, str(error))
        return bool(found)

    async def _stored(self, found: Sequence[Leased]) -> set[str]:
        """Keys of articles that a worker stored in this crawl and died before it could say so."""
        again = {leased.request["url"]: leased.key for leased in found if leased.attempts > 1}
        if not again:
            return set()
        try:
            urls = await self._addon.patiently(
                partial(self._store.articles.stored_in, self._addon.crawl_id, list(again))
            )
        except StoreUnavailable:
            raise
        except StoreError as error:  # they are asked for, and fail by themselves
            logger.error("%s", error)
            return set()
        self._addon.count(counters.FRONTIER_STORED, number=len(urls))
        return {again[url] for url in urls}

    # --- shorthands

    def _push(self, entry: Entry | Leased, lease: str, request: Request) -> None:
        self._queue.push(
            entry.key, lease, request,
            priority=entry.priority, newest=entry.newest, browser=entry.browser,
        )  # fmt: skip

    def _fail(self, key: str, lease: str, error: str) -> None:
        self._failed[key] = (lease, error)
        self._addon.count(counters.FRONTIER_FAILED)

    def _has_room(self, entry: Entry) -> bool:
        if entry.browser or len(self._queue) + len(self._coming) >= 2 * self._most:
            return False
        waiting = any(added.priority > 0 for added in self._additions)
        return entry.priority > 0 or not (waiting or self._queue.has_lists)

    def _has_work(self) -> bool:
        return bool(self._additions or self._done or self._failed or self._released)

    def _is_quiet(self) -> bool:
        return self._queue.is_empty and not (self._writing or self._coming or self._has_work())

    async def _nothing_is_left(self) -> bool:
        """Whether nothing is queued and nobody has anything on lease."""
        if self._addon.config.stay:
            return False
        left = await self._addon.patiently(self._store.frontier.anything_left)
        return not left and self._is_quiet()
