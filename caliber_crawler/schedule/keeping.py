"""Where a schedule's state is kept, and who holds it: in the database, or in a file without one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from caliber_crawler.errors import FileTaken, ScheduleTaken, StoreError, StoreUnavailable
from caliber_crawler.files import Claim, write_all
from caliber_crawler.store.schedule import ScheduleStore
from caliber_crawler.workers import arrive, is_dead, is_here, pid_namespace

if TYPE_CHECKING:
    from caliber_crawler.store import Store
    from caliber_crawler.store.schedule import Scheduler

RENEW_SECONDS = 10.0
_LASTING = timedelta(seconds=3 * RENEW_SECONDS)
_POLL_SECONDS = 1.0


class Keeper(Protocol):
    """The state of one schedule, and the right to act on it.

    `where` says for people where it is, `resumes` whether crawls leave something to resume.
    """

    where: str
    resumes: bool

    async def take(self) -> None:
        """Take the schedule. Raises `ScheduleTaken` while another scheduler lives that has it."""

    async def renew(self) -> None:
        """Hold it for longer, every `RENEW_SECONDS`. Raises `ScheduleTaken`."""

    async def load(self) -> dict[str, Any]:
        """Plain state of each entry that is remembered."""

    async def save(self, entry: str, state: Mapping[str, Any]) -> None:
        """Remember the state of an entry. Raises `ScheduleTaken`."""

    async def ended(self, crawl_id: str) -> tuple[int, str] | None:
        """Exit code and reason of a crawl that nobody saw end; None when it did not say."""

    async def give_back(self) -> None:
        """Let others have the schedule."""


class StoreKeeper:
    """Keeps the state in the collection `schedule`. Instants are meant by the server's clock."""

    resumes = True

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._id = arrive(f"{self._host}:{self._pid}:{os.urandom(3).hex()}")
        self._schedule = ScheduleStore(store.database, name, self._id)
        self._name = name
        self.where = store.where

    async def take(self) -> None:
        over, first = None, None
        while (holder := await self._take(over)) is not None:
            if is_dead({"ended_at": None, **asdict(holder)}):
                over = holder.id
                continue
            renewed = first is not None and first.until != holder.until
            # Of those elsewhere nobody here can tell whether they live. They do if they renew.
            if is_here(asdict(holder)) or renewed:
                raise ScheduleTaken(self._taken(holder))
            first = first or holder
            await asyncio.sleep(_POLL_SECONDS)

    async def renew(self) -> None:
        try:
            holder = await self._take(None)
        except StoreUnavailable:
            await self._store.revive()  # nobody else would: no crawl begins before this works
            holder = await self._take(None)
        if holder is not None:
            raise ScheduleTaken(self._taken(holder))

    async def load(self) -> dict[str, Any]:
        return await self._schedule.load()

    async def save(self, entry: str, state: Mapping[str, Any]) -> None:
        await self._schedule.save(entry, state)

    async def ended(self, crawl_id: str) -> tuple[int, str] | None:
        crawl = await self._store.crawls.find(crawl_id)
        if crawl is None or crawl["exit_code"] is None:
            return None
        return crawl["exit_code"], f"{crawl['status']}: {crawl['reason']}"

    async def give_back(self) -> None:
        await self._schedule.give_back()

    async def _take(self, over: str | None) -> Scheduler | None:
        at: datetime = await self._store.frontier.clock()
        return await self._schedule.take(
            self._host, self._pid, at, _LASTING, pid_namespace=pid_namespace(), over=over
        )

    def _taken(self, holder: Scheduler) -> str:
        return (
            f"the schedule {self._name!r} is run by another scheduler (process {holder.pid} on "
            f"{holder.host}); if it is another schedule, give this file a `name`"
        )


class FileKeeper:
    """Keeps the state in ``FILE.state`` beside the schedule, for one machine and no database.

    The kernel gives back the lock on ``FILE.lock`` however the process ends.
    """

    resumes = False

    def __init__(self, path: Path) -> None:
        self._state = path.with_name(f"{path.name}.state")
        self._lock_file = path.with_name(f"{path.name}.lock")
        self._lock: int | None = None
        self.where = str(self._state)

    async def take(self) -> None:
        try:
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"{self._lock_file} cannot be made: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise ScheduleTaken(
                f"the schedule is run by another scheduler, which holds {self._lock_file}"
            ) from None
        self._lock = lock

    async def renew(self) -> None:
        pass

    async def load(self) -> dict[str, Any]:
        try:
            said = json.loads(self._state.read_bytes())
            return dict(said["entries"])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise StoreError(
                f"{self._state} cannot be read: {error}; remove it to begin without memory"
            ) from None

    async def save(self, entry: str, state: Mapping[str, Any]) -> None:
        entries = await self.load() | {entry: state}
        text = json.dumps({"entries": entries}, default=datetime.isoformat, indent=1)
        try:
            with Claim.take(self._state) as claim:
                claim.empty()
                write_all(claim.file, text.encode())
                claim.commit()
        except (OSError, FileTaken) as error:
            raise StoreError(f"{self._state} cannot be written: {error}") from None

    async def ended(self, crawl_id: str) -> tuple[int, str] | None:
        return None

    async def give_back(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(OSError):
                os.close(lock)
