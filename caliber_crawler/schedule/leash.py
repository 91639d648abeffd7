"""A running crawl with its time limit: when it is told to stop, and when it is killed."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timedelta

from caliber_crawler.schedule.processes import Process

LIMIT = "its time is up"


class Leash:
    """Holds one process. Instants are handed in, so it knows no clock.

    `why` says what it was told to stop for, None while it was not; `killed` that it did not listen.
    """

    def __init__(
        self,
        process: Process,
        started_at: datetime,
        limit: timedelta | None,
        stop_grace: timedelta,
        wake: asyncio.Event,
    ) -> None:
        self.process = process
        self.why: str | None = None
        self.killed = False
        self._stop_at = started_at + limit if limit is not None else None
        self._grace = stop_grace
        self._kill_at: datetime | None = None
        self._waking = asyncio.create_task(self._tell(wake))

    @property
    def ended(self) -> bool:
        return self.process.done.is_set()

    def stop(self, why: str, number: int, now: datetime) -> bool:
        """Tell it to stop, for the first reason that there is. Whether this one is it."""
        if self.why is not None or self.ended:
            return False
        self.why = why
        self._kill_at = now + self._grace
        self.process.send(number)
        return True

    def kill(self) -> None:
        """End it at once. What it had on lease is taken back by whoever resumes it."""
        self.killed = True
        self._kill_at = None
        self.process.send(signal.SIGKILL)

    def pull(self, now: datetime) -> str | None:
        """Do what is due now; gives back what was done, for people."""
        if self.ended:
            return None
        if self._kill_at is not None and now >= self._kill_at:
            self.kill()
            return "did not stop in time and is killed"
        past = self._stop_at is not None and now >= self._stop_at
        if past and self.stop(LIMIT, signal.SIGTERM, now):
            return f"is told to stop: {LIMIT}"
        return None

    def next(self) -> datetime | None:
        """When to pull again at the latest; None: only its end is of interest."""
        if self.why is not None:
            return self._kill_at
        return self._stop_at

    async def _tell(self, wake: asyncio.Event) -> None:
        await self.process.done.wait()
        wake.set()
