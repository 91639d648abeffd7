"""The scheduler's clock, handed in so that tests can let hours pass."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

_LONGEST_SECONDS = 5.0


class Clock(Protocol):
    """What time it is, and waiting for a time."""

    def now(self) -> datetime:
        """The present instant in UTC."""

    async def wait(self, until: datetime, wake: asyncio.Event) -> None:
        """Come back at that instant at the latest, earlier when `wake` is set or for no reason."""


class SystemClock:
    """The clock of this machine. It may be set, or stand while the machine sleeps, so nothing is
    waited for longer than five seconds at once."""

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    async def wait(self, until: datetime, wake: asyncio.Event) -> None:
        seconds = (until - datetime.now(UTC)).total_seconds()
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), min(max(seconds, 0.01), _LONGEST_SECONDS))
