"""Many small writes → few large ones, without anyone waiting on the event loop for a database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Collects values and writes them together; each caller gets the result for its own value.

    A batch is written when `size` values wait or `linger` seconds after the first of them. While
    one batch is being written the next one collects. At most `capacity` values wait; further
    callers wait for room, so memory stays bounded however slow the database is. An error of
    `write` reaches every caller of that batch.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        size: int = 100,
        linger: float = 0.05,
        capacity: int = 1000,
    ) -> None:
        self._write = write
        self._size = size
        self._linger = linger
        self._queue: asyncio.Queue[tuple[T, asyncio.Future[R]] | None] = asyncio.Queue(capacity)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def put(self, value: T) -> R:
        """Hand over a value and wait until it is written. Raises what the write raised."""
        if self._closed:
            raise RuntimeError("the batcher is closed")
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        await self._queue.put((value, done))
        return await done

    async def close(self) -> None:
        """Write what waits, then stop. Callers that wait get their results; idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            await self._queue.put(None)
            await self._task

    async def _run(self) -> None:
        more = True
        while more:
            first = await self._queue.get()
            if first is None:
                return
            batch = [first]
            more = await self._collect(batch)
            await self._flush(batch)

    async def _collect(self, batch: list[tuple[T, asyncio.Future[R]]]) -> bool:
        """Fill the batch until it is large enough or time is up; False when closing began."""
        deadline = asyncio.get_running_loop().time() + self._linger
        while len(batch) < self._size:
            if self._queue.empty():
                rest = deadline - asyncio.get_running_loop().time()
                if rest <= 0:
                    break
                try:
                    entry = await asyncio.wait_for(self._queue.get(), rest)
                except TimeoutError:
                    break
            else:
                entry = self._queue.get_nowait()
            if entry is None:
                return False
            batch.append(entry)
        return True

    async def _flush(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._write([value for value, _ in batch])
        except Exception as error:  # handed to the callers, who know what it means for them
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(result)
