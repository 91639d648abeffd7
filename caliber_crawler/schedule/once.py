"""One run of an entry, now, with its time limit and without a scheduler."""

from __future__ import annotations

import asyncio
import logging
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

from caliber_crawler.schedule.leash import Leash

if TYPE_CHECKING:
    from caliber_crawler.schedule.clock import Clock
    from caliber_crawler.schedule.entries import Entry
    from caliber_crawler.schedule.launch import Launcher
    from caliber_crawler.schedule.slots import Echo

logger = logging.getLogger("caliber_crawler.schedule")

_ASKED = "it was asked to"


async def run_once(
    entry: Entry, schedule: str, launcher: Launcher, clock: Clock, echo: Echo
) -> int:
    """Run an entry and return its exit code; SIGINT and SIGTERM are passed on to it.

    Raises OSError when it cannot be started.
    """
    started_at, wake = clock.now(), asyncio.Event()
    id_ = f"{schedule}.{entry.name}.{started_at:%Y%m%dT%H%M%SZ}.once"
    child = await launcher.start(entry, id_, lambda line: echo(entry.name, line))
    leash = Leash(child, started_at, entry.limit, entry.stop_grace, wake)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _pass_on, leash, number, clock)
    logger.info("%s: crawl %s begins (process %s)", entry.name, id_, child.pid)
    while not leash.ended:
        if done := leash.pull(clock.now()):
            logger.warning("%s: the crawl %s", entry.name, done)
        await clock.wait(leash.next() or clock.now() + timedelta(minutes=1), wake)
        wake.clear()
    code = child.code or 0
    logger.info("%s: crawl %s ended with exit code %s: %s", entry.name, id_, code, child.line)
    return 128 - code if code < 0 else code


def _pass_on(leash: Leash, number: int, clock: Clock) -> None:
    """The first signal stops the crawl, the second one kills it."""
    if not leash.stop(_ASKED, number, clock.now()):
        leash.kill()
