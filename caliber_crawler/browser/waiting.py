"""Waiting for the browser, but never for ever."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.2
_ENDING_SECONDS = 2.0
# Where the code is that Playwright runs by itself, such as when a page asks for something.
_OF_PLAYWRIGHT = f"{os.sep}playwright{os.sep}_impl{os.sep}"


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


def leftovers() -> set[asyncio.Task[Any]]:
    """What Playwright has under way by itself on this event loop."""
    codes = ((task, getattr(task.get_coro(), "cr_code", None)) for task in asyncio.all_tasks())
    return {task for task, code in codes if code and _OF_PLAYWRIGHT in code.co_filename}


async def end_leftovers() -> None:
    """End what Playwright left when its driver was ended: nobody answers it any more.

    Python would tell of each such task when the process ends, below all that the crawl said.
    """
    tasks = leftovers()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_ENDING_SECONDS)
