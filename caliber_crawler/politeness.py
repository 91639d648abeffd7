"""One delay for all requests to the site: of all workers, and of the browser's pages too."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from caliber_crawler import counters
from caliber_crawler.dates import parse_http_date
from caliber_crawler.errors import StoreError
from caliber_crawler.store.limiter import Slot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from caliber_crawler.addon import CaliberAddon

logger = logging.getLogger(__name__)

# Without a delay only pauses matter. They are looked for so often, and nobody waits for the answer
# unless it is late by so much.
_PAUSES_SECONDS = 0.25
_CLEAR_SECONDS = 3.0
# Who comes late to a slot takes the next one, since the time up to it is somebody else's.
_LATE_SHARE = 0.05
_LATE_SECONDS = 0.005
_LATE_TRIES = 5
# Of a page in the browser so many scripts and stylesheets may have to wait for their turn, one
# after the other, but not for ever where the site asks for very long delays.
_OF_A_PAGE = 30
_LONGEST_PAGE_SECONDS = 600.0
# What may lie between a worker's clock and the wire.
_GUARD_SECONDS = 0.01
# A browser that is allowed a request sends it within this time, as good as always.
_BROWSER_LAG_SECONDS = 0.1

SLOW_DOWN = frozenset({429, 503})
"""Statuses by which a site asks for fewer requests."""


class _Row:
    """A lock that lets those who ask for it go first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._taken = False
        self._places = itertools.count()

    @asynccontextmanager
    async def place(self, *, first: bool) -> AsyncIterator[None]:
        if self._taken:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (not first, next(self._places), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._hand_on()
                raise
        self._taken = True
        try:
            yield
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return  # it stays taken
        self._taken = False


# Slots that may be taken ahead: each worker takes one at a time, so it is how many there may be.
_LONGEST_ROW = 1_000


class Turns:
    """The row of requests: each waits in `take` until it may be made, first come, first served.

    With a store the row is common to all workers; without one it is this process's. One slot is
    taken at a time, so that a pause holds up all but one request of each worker.
    """

    def __init__(self, addon: CaliberAddon, origin: str) -> None:
        self._addon = addon
        self._origin = origin
        self._row = _Row()
        self._free_at = 0.0
        self._level = 0
        self._clear_until = 0.0
        self._look_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._noting = asyncio.Lock()

    @property
    def of_a_page(self) -> float:
        """For how many seconds what a page in the browser asks for may have to wait for turns."""
        return min(_OF_A_PAGE * self._addon.delay, _LONGEST_PAGE_SECONDS)

    async def take_in_browser(self) -> None:
        """As `take`, for a request that the browser sends when it comes to it."""
        await self.take(_BROWSER_LAG_SECONDS, first=True)

    async def take(self, lag: float = 0.0, *, first: bool = False) -> None:
        """Wait until a request may be made; it will be sent within `lag` seconds from then.

        With `first` it goes before those that wait without: a page that is open shall not wait for
        all that is to follow it. Raises `IgnoreRequest` once a signal ends the crawl.
        """
        async with self._noting:  # a pause that is being noted holds already
            pass
        if self._addon.delay == 0 and self._now() < self._clear_until:
            self._look_ahead()
            return
        async with self._row.place(first=first):
            if self._addon.delay == 0 and self._now() < self._clear_until:
                return
            for _ in range(_LATE_TRIES):
                asked = self._now()
                slot = await self._slot(lag + _GUARD_SECONDS if self._addon.delay else 0)
                self._level = slot.level
                await self._until(self._now() + slot.wait)
                # The slot was told somewhere between the question and the answer.
                late = self._now() - (asked + slot.wait)
                allowed = max(_LATE_SECONDS, _LATE_SHARE * self._addon.delay)
                if late <= allowed or self._addon.delay == 0:
                    break
                self._addon.count(counters.POLITENESS_LATE)
            # After so many tries the machine is too busy for better, and goes on as it can.
            self._cleared()

    def _cleared(self) -> None:
        self._clear_until = self._now() + _CLEAR_SECONDS
        self._look_at = self._now() + _PAUSES_SECONDS

    def _look_ahead(self) -> None:
        """Without a delay, look for pauses of others without keeping a request waiting."""
        if self._now() < self._look_at or (self._looking and not self._looking.done()):
            return
        self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        try:
            slot = await self._slot(0)
        except StoreError:  # whoever stores something hears of it
            return
        if slot.wait:
            self._clear_until = 0.0
            self._free_at = max(self._free_at, self._now() + slot.wait)
        elif self._clear_until:
            self._cleared()

    async def answered(self, status: int, retry_after: str | None) -> None:
        """Hear of an answer's status: one that asks to slow down holds for all workers."""
        if status not in SLOW_DOWN:
            if self._level and status < 500:
                self._level = 0
                await self._relax()
            return
        asked = seconds_of(retry_after, datetime.now(UTC)) if retry_after else None
        async with self._noting:
            slot = await self._pause(asked)
            self._level, self._clear_until = slot.level, 0.0
        self._addon.count(counters.POLITENESS_PAUSES)
        logger.warning("The site answered with %s; no worker asks for %.1f s", status, slot.wait)

    async def _slot(self, lag: float) -> Slot:
        store = self._addon.store
        distance = self._addon.delay + lag
        if store is not None:
            furthest = self._addon.config.backoff_most + _LONGEST_ROW * max(distance, 1.0)
            slot = await self._addon.patiently(
                lambda: store.limiter.take(self._origin, distance, furthest=furthest)
            )
            if slot.mended:
                self._addon.count(counters.POLITENESS_MENDED)
                logger.warning(
                    "The row of requests lay further ahead than it can: the clock of MongoDB's "
                    "machine was set since; the row begins anew"
                )
            return slot
        return self._own(max(self._now(), self._free_at), distance)

    async def _pause(self, asked: float | None) -> Slot:
        first, most = self._addon.config.backoff_first, self._addon.config.backoff_most
        store = self._addon.store
        if store is not None:
            return await self._addon.patiently(
                lambda: store.limiter.pause(self._origin, asked, first=first, most=most)
            )
        if asked is None and self._free_at <= self._now() + self._addon.delay:
            self._level = min(30, self._level + 1)
        gap = min(most, first * 2.0 ** max(0, self._level - 1) if asked is None else asked)
        self._free_at = max(self._free_at, self._now() + gap)
        return self._own(self._free_at, 0)

    async def _relax(self) -> None:
        store = self._addon.store
        if store is not None:
            await self._addon.patiently(lambda: store.limiter.relax(self._origin))

    def _own(self, start: float, delay: float) -> Slot:
        self._free_at = start + delay
        return Slot(start - self._now(), self._level)

    async def _until(self, due: float) -> None:
        try:
            async with asyncio.timeout_at(due):
                await self._addon.stopped.wait()
        except TimeoutError:
            return
        raise IgnoreRequest("a signal ended the crawl before the request's turn")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def seconds_of(retry_after: str, at: datetime) -> float | None:
    """What a ``Retry-After`` header means (RFC 9110, 10.2.3): seconds, or a date, told from `at`.

    None for anything else; never less than 0.

    >>> seconds_of("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    >>> seconds_of("Thu, 01 Jan 2026 00:00:30 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    30.0
    >>> seconds_of("soon", datetime(2026, 1, 1, tzinfo=UTC)) is None
    True
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    told = parse_http_date(text)
    return None if told is None else max(0.0, (told - at).total_seconds())
