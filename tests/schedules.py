"""A scheduler in this process under a clock that a test moves; its crawls are real processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from scrapy.settings import Settings

from caliber_crawler.schedule.checks import Checker
from caliber_crawler.schedule.keeping import Keeper
from caliber_crawler.schedule.launch import Launcher
from caliber_crawler.schedule.scheduler import Scheduler
from caliber_crawler.schedule.source import Source

PATIENCE_SECONDS = 120.0


def project_settings(**given: str) -> Settings:
    """The project's settings, with some given as on the command line."""
    settings = Settings()
    settings.setmodule("caliber_crawler.settings", priority="project")
    settings.update(given, priority="cmdline")
    return settings


class SteppedClock:
    """Stands until it is moved; then each instant at which the scheduler wants to do something
    comes in its turn."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._asleep: tuple[datetime, asyncio.Event] | None = None

    def now(self) -> datetime:
        return self._now

    async def wait(self, until: datetime, wake: asyncio.Event) -> None:
        self._asleep = until, wake
        while self._now < until and not wake.is_set():  # noqa: ASYNC110 - two may end it
            await asyncio.sleep(0.001)
        self._asleep = None
        await asyncio.sleep(0)

    async def move(self, to: datetime) -> None:
        """Let time pass; nothing is left to do at `to` when this comes back."""
        while True:
            await eventually(self._settled, "the scheduler comes to rest", 0.0005)
            assert self._asleep is not None
            if self._now == to:
                return
            self._now = min(to, self._asleep[0])

    async def jump(self, to: datetime) -> None:
        """Let time pass at once, as for a machine that sleeps."""
        self._now = to
        await self.move(to)

    async def move_towards(self, to: datetime) -> None:
        """Let time pass for a scheduler that may end on the way."""
        while self._now < to and self._asleep is not None:
            self._now = min(to, self._asleep[0])
            await asyncio.sleep(0.01)

    def _settled(self) -> bool:
        if self._asleep is None:
            return False
        until, wake = self._asleep
        return until > self._now and not wake.is_set()


async def eventually(condition: Callable[[], Any], what: str, pause: float = 0.02) -> Any:
    """Let real time pass until a condition holds, and return its value."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while not (value := condition()):
        assert loop.time() < deadline, f"waited in vain until {what}"
        await asyncio.sleep(pause)
    return value


@dataclass
class Stage:
    """A scheduler at work. `said` is what its crawls wrote, with the entries' names."""

    scheduler: Scheduler
    clock: SteppedClock
    running: asyncio.Task[int]
    said: list[tuple[str, str]] = field(default_factory=list)

    def send(self, name: str, number: int) -> None:
        """Send a signal to the process of an entry's crawl."""
        leash = self.scheduler.slots[name].leash
        assert leash is not None, f"{name} does not run"
        os.kill(leash.process.pid, number)

    def at_work(self, *names: str) -> set[str]:
        """Which of the entries (all) have a crawl at work."""
        slots = self.scheduler.slots
        return {n for n in names or slots if n in slots and slots[n].busy}

    async def rest(self, *names: str) -> None:
        """Until the crawls of these entries (all) have ended and none waits for its turn, while
        the clock stands."""
        slots = [self.scheduler.slots[name] for name in names or self.scheduler.slots]
        await eventually(
            lambda: not any(slot.busy or slot.ready for slot in slots),
            f"the crawls of {names or 'all'} end",
        )

    def counts(self, name: str) -> dict[str, int]:
        return self.scheduler.slots[name].state.counts

    def last(self, name: str) -> tuple[str, int | None]:
        """Crawl and exit code of an entry's last run."""
        last = self.scheduler.slots[name].state.last
        assert last is not None
        return last.crawl_id, last.code

    async def end(self) -> int:
        """Stop it as SIGTERM does, and return its exit code."""
        self.scheduler.stop(signal.SIGTERM)
        return await asyncio.wait_for(self.running, PATIENCE_SECONDS)


@asynccontextmanager
async def staged(
    path: Path, keeper: Keeper, clock: SteppedClock, **given: str
) -> AsyncIterator[Stage]:
    """Run the schedule of a file. Settings are given to the scheduler; no crawl lives on."""
    settings = project_settings(CLUSTER_DOWNLOAD_DELAY="0", LOG_LEVEL="WARNING", **given)
    source = Source(path, Checker(settings))
    said: list[tuple[str, str]] = []
    scheduler = Scheduler(
        source, keeper, Launcher(settings), clock, lambda name, line: said.append((name, line))
    )
    task = asyncio.create_task(scheduler.run(source.load()))
    stage = Stage(scheduler, clock, task, said)
    try:
        yield stage
    finally:
        for slot in scheduler.slots.values():
            if slot.leash is not None:
                slot.leash.kill()
        task.cancel()
        await asyncio.wait([task])
