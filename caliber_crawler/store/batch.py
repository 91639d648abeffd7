"""Many small writes → few large ones, without anyone waiting on the event loop for a database."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Entry(NamedTuple, Generic[T, R]):
    """A value that waits; `due` is when, by the loop's clock, it has waited long enough."""

    value: T
    done: asyncio.Future[R]
    due: float


class Batcher(Generic[T, R]):
    """Collects values and writes them together; each caller gets the result for its own value.

    A batch is written when `size` values wait or `linger` seconds after the first of them came.
    At most `at_once` batches are being written at a time, while the next one collects. At most
    `capacity` values wait; further callers wait for room, first come, first served, so the queue
    stays bounded however slow the database is. Writes are begun in the order of the calls. An error
    of `write` reaches every caller of that batch, and only those; one that is among its results
    reaches the caller whose result it is.

    A caller that is cancelled gets no result; its value is written all the same once it has room.
    End with `close`.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        size: int = 100,
        linger: float = 0.02,
        capacity: int = 1000,
        at_once: int = 1,
    ) -> None:
        self._write = write
        self._size = size
        self._linger = linger
        self._full = min(size, capacity)
        self._at_once = at_once
        self._writes: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(capacity)
        self._entering = 0  # callers that wait for room
        self._waiting: deque[_Entry[T, R]] = deque()
        self._news = asyncio.Event()  # something below or `_closed` may have changed
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def put(self, value: T) -> R:
        """Hand over a value and wait until it is written. Raises what the write raised.

        Raises RuntimeError after `close`.
        """
        if self._closed:
            raise RuntimeError("the batcher is closed")
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        loop = asyncio.get_running_loop()
        self._entering += 1
        try:
            await self._room.acquire()
        finally:
            self._entering -= 1
            self._news.set()
        entry = _Entry[T, R](value, loop.create_future(), loop.time() + self._linger)
        self._waiting.append(entry)
        return await entry.done

    async def close(self) -> None:
        """Write what waits, at once, then stop. Callers that wait get their results; idempotent.

        A close that is cancelled leaves the writing to go on.
        """
        self._closed = True
        self._news.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while await self._batch_is_due():
                write = asyncio.create_task(self._flush(self._take()))
                self._writes.add(write)
                await self._fewer_than(self._at_once)
            await self._fewer_than(1)
        finally:  # nothing is left here unless the loop is shut down
            self._closed = True
            for entry in self._waiting:
                entry.done.cancel()
            for write in self._writes:
                write.cancel()

    async def _fewer_than(self, most: int) -> None:
        """Wait until fewer batches are being written. Raises what is no `Exception` of theirs."""
        while len(self._writes) >= most:
            done, self._writes = await asyncio.wait(
                self._writes, return_when=asyncio.FIRST_COMPLETED
            )
            for write in done:
                write.result()

    async def _batch_is_due(self) -> bool:
        """Wait until there is something to write; False when closing is done."""
        while not self._waiting:
            if self._closed and not self._entering:
                return False
            await self._next_news()
        try:
            async with asyncio.timeout_at(self._waiting[0].due):
                while len(self._waiting) < self._full and not self._closed:
                    await self._next_news()
        except TimeoutError:
            pass
        return True

    def _take(self) -> list[_Entry[T, R]]:
        """The next batch, in the order of the calls; its room is free then."""
        batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
        for _ in batch:
            self._room.release()
        return batch

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _flush(self, batch: Sequence[_Entry[T, R]]) -> None:
        try:
            results = await self._write([entry.value for entry in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for a batch of {len(batch)}")
        except BaseException as error:
            for entry in batch:
                if entry.done.done():
                    continue
                if isinstance(error, Exception):  # the callers know what it means for them
                    entry.done.set_exception(error)
                else:
                    entry.done.cancel()
            if not isinstance(error, Exception):
                raise
            return
        for entry, result in zip(batch, results, strict=True):
            if entry.done.done():
                continue
            if isinstance(result, Exception):
                entry.done.set_exception(result)
            else:
                entry.done.set_result(result)
