"""Waiting for the browser, but never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.2


async def within(
    seconds: float, stopping: Callable[[], bool], coroutine: Coroutine[Any, Any, T]
) -> T:
    """What a coroutine returns or raises.

    The built-in `TimeoutError` when it takes longer, or when the crawl is to end meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    task = loop.create_task(coroutine)
    try:
        while not task.done():
            left = deadline - loop.time()
            if left <= 0:
                raise TimeoutError(f"no answer within {seconds:g} seconds")
            if stopping():
                raise TimeoutError("the crawl is to end")
            await asyncio.wait({task}, timeout=min(left, _LOOK_SECONDS))
        return task.result()
    finally:
        task.cancel()
