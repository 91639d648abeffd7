"""One entry of the schedule at work: what is due, what runs, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from caliber_crawler import counters
from caliber_crawler.schedule.leash import Leash
from caliber_crawler.schedule.plan import (
    ON_TIME,
    crawl_id,
    decide,
    next_run,
    overdue,
    run_of,
    worth,
)
from caliber_crawler.schedule.processes import Found, is_alive, ticks_of
from caliber_crawler.schedule.state import EntryState, Last, Running, Unfinished
from caliber_crawler.verdict import COULD_NOT_START, DATABASE_LOST, OTHER_CRAWL

if TYPE_CHECKING:
    from caliber_crawler.schedule.entries import Entry
    from caliber_crawler.schedule.keeping import Keeper
    from caliber_crawler.schedule.launch import Launcher
    from caliber_crawler.schedule.processes import Process

logger = logging.getLogger("caliber_crawler.schedule")

REPLACED = "the next run is due"
SCHEDULER_ENDS = "the scheduler ends"
# Exit codes after which a crawl's frontier holds what it did not get to.
_LEFT = frozenset({128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGKILL, DATABASE_LOST})
_AS_BEFORE = frozenset({COULD_NOT_START, OTHER_CRAWL})
_MOST_FAILURES = 20

# A clock that is put back by less has runs wait so long. By more it was wrong before: if that did
# not count, an hour of a clock a year ahead would end all crawls for a year, and nobody would know.
_AHEAD = timedelta(hours=1)

Echo = Callable[[str, str], None]


class Slot:
    """An entry with its state and its process. `retired` when the file names it no more; it goes
    on until its crawl has ended.

    The state in memory is ahead of the kept one while `dirty`; `save` keeps it. Nothing is started
    before it is kept that it is.
    """

    def __init__(
        self, schedule: str, entry: Entry, state: EntryState, keeper: Keeper, wake: asyncio.Event
    ) -> None:
        self.entry = entry
        self.state = state
        self.retired = False
        self.dirty = False
        self.leash: Leash | None = None
        self._schedule = schedule
        self._keeper = keeper
        self._wake = wake

    # --- over restarts and changes of the file

    def change(self, entry: Entry, now: datetime) -> None:
        """Take the entry as the file has it now. Other times begin now."""
        self.entry, self.retired = entry, False
        if self.state.times != str(entry.cron):
            self.state.times, self.state.since = str(entry.cron), now
            self.state.waiting = None
            self.dirty = True

    def recover(self, now: datetime) -> None:
        """Go on where an earlier scheduler ended."""
        state, running = self.state, self.state.running
        self._drop_the_late(now)
        if running is None:
            self._interrupted(now)
        elif running.host == socket.gethostname() and is_alive(running.pid or 0, running.ticks):
            logger.warning("%s: crawl %s is still at work", self.entry.name, running.crawl_id)
            # A start that lies ahead was told by a clock that is right by now.
            began = min(running.started_at, now)
            self._hold(Found(running.pid or 0, running.ticks), began)
        else:
            logger.warning("%s: crawl %s ended unseen", self.entry.name, running.crawl_id)
            self._unfinished(running, None, interrupted=True)
            state.running, self.dirty = None, True
            self._count(counters.SCHEDULE_UNSEEN)
            self._interrupted(now)

    def settle_trouble(self, since: datetime, now: datetime) -> None:
        """Go on after a time without database: what fell due in it may be too late by now."""
        waiting = self.state.waiting
        if waiting is None or self.busy:
            return
        # Trouble is met when a run that fell due is to be kept; earlier ones wait for their turn.
        if run_of(self.entry, waiting).start >= since - ON_TIME:
            self._drop_the_late(now)

    def _drop_the_late(self, now: datetime) -> None:
        waiting = self.state.waiting
        if waiting is None or worth(self.entry, run_of(self.entry, waiting).start, now):
            return
        logger.warning("%s: the run of %s was missed", self.entry.name, waiting)
        self.state.waiting, self.dirty = None, True
        self._count(counters.SCHEDULE_MISSED)

    def _interrupted(self, now: datetime) -> None:
        """What the end of the scheduler interrupted is a run that was missed, from then on if that
        was seen. A later one that is made up for goes on with it."""
        left, last, entry = self.state.unfinished, self.state.last, self.entry
        if left is None or not left.interrupted or not entry.resume:
            return
        since = left.due
        if last is not None and last.crawl_id == left.crawl_id:
            since = max(since, last.ended_at)
        late = entry.missed == "once" and worth(entry, since, now)
        decision = decide(entry, overdue(entry, self.state.since, now), now)
        later = decision.run is not None or self.state.waiting is not None
        if late and not later and left.crawl == entry.crawl:
            logger.info("%s: crawl %s was interrupted", self.entry.name, left.crawl_id)
            self.state.waiting, self.dirty = left.due, True
            self._count(counters.SCHEDULE_CAUGHT_UP)

    # --- the course of time

    @property
    def busy(self) -> bool:
        return self.leash is not None

    def next(self) -> datetime | None:
        """When something is to be done here by the clock."""
        times = [] if self.retired else [next_run(self.entry, self.state.since).start]
        pulled = self.leash.next() if self.leash else None
        return min([*times, pulled] if pulled else times, default=None)

    async def look(self, now: datetime) -> None:
        """Conclude what has ended, pull what is over its time, and see what is due."""
        if self.leash is not None and self.leash.ended:
            await self._conclude(self.leash, now)
        if self.leash is not None and (done := self.leash.pull(now)):
            self._count(
                counters.SCHEDULE_KILLED if self.leash.killed else counters.SCHEDULE_LIMITED
            )
            logger.warning("%s: the crawl %s", self.entry.name, done)
        if not self.retired:
            self._fall_due(now)

    def _fall_due(self, now: datetime) -> None:
        if self.state.since > now + _AHEAD:
            logger.warning(
                "%s: its runs are settled up to %s: the clock was ahead then; they count from now",
                self.entry.name, self.state.since,
            )  # fmt: skip
            self.state.since = now
            self._count(counters.SCHEDULE_MENDED)
        runs = overdue(self.entry, self.state.since, now)
        if not runs:
            return
        self.state.since, self.dirty = runs[-1].at, True
        decision = decide(self.entry, runs, now)
        if decision.missed:
            self._count(counters.SCHEDULE_MISSED, decision.missed)
            logger.warning("%s: %s runs were missed", self.entry.name, decision.missed)
        if decision.run is None:
            return
        if decision.late:
            self._count(counters.SCHEDULE_CAUGHT_UP)
            logger.warning("%s: the run of %s is made up for", self.entry.name, decision.run.at)
        if self.busy and self.entry.overlap == "skip":
            self._skip(decision.run.at)
            return
        if self.state.waiting is not None:
            self._skip(self.state.waiting)
        self.state.waiting = decision.run.at
        if self.leash is not None and self.entry.overlap == "replace":
            self._replace(self.leash, now)

    def _replace(self, leash: Leash, now: datetime) -> None:
        if leash.stop(REPLACED, signal.SIGTERM, now):
            self._count(counters.SCHEDULE_REPLACED)
            logger.warning("%s: the crawl is told to stop: %s", self.entry.name, REPLACED)

    def _skip(self, at: datetime) -> None:
        self._count(counters.SCHEDULE_SKIPPED)
        logger.warning("%s: the run of %s is skipped: one is at it", self.entry.name, at)

    # --- the crawl

    @property
    def ready(self) -> bool:
        """Whether a run waits and this entry's last one has ended."""
        return self.state.waiting is not None and not self.busy and not self.retired

    async def start(self, launcher: Launcher, echo: Echo, now: datetime) -> None:
        """Start the run that waits. A crawl that left something undone goes on instead of a new
        one. Raises `StoreError` and `ScheduleTaken`; then nothing was started."""
        due, entry = self.state.waiting, self.entry
        assert due is not None  # noqa: S101 - it is ready
        left = self.state.unfinished
        resumed = left is not None and entry.resume and left.crawl == entry.crawl
        id_ = left.crawl_id if left and resumed else await self._new_id(due, now)
        running = Running(id_, due, now, socket.gethostname(), crawl=entry.crawl)
        before = replace(self.state, counts=dict(self.state.counts))
        self.state.waiting, self.state.running = None, running
        self._count(counters.SCHEDULE_RUNS)
        self._count(counters.SCHEDULE_RESUMED, int(resumed))
        try:
            await self.save()
        except BaseException:
            self.state = before
            raise
        try:
            child = await launcher.start(entry, id_, lambda line: echo(entry.name, line))
        except OSError as error:
            logger.error("%s: crawl %s cannot be started: %s", entry.name, id_, error)
            self.state.running, self.dirty = None, True
            self._count(counters.SCHEDULE_NOT_STARTED)
            return
        self.state.running = replace(running, pid=child.pid, ticks=ticks_of(child.pid))
        self._hold(child, now)
        self.dirty = True
        what = "goes on" if resumed else "begins"
        logger.info("%s: crawl %s %s (process %s)", entry.name, id_, what, child.pid)

    async def _new_id(self, due: datetime, now: datetime) -> str:
        """The id of a new crawl. A time that comes again, as when the clock had been ahead, has a
        crawl of then; under its id there would be nothing left to do."""
        id_ = crawl_id(self._schedule, self.entry, due)
        return id_ if await self._keeper.ended(id_) is None else f"{id_}-{now:%H%M%S}"

    def end(self, number: int, now: datetime) -> None:
        """The scheduler is to end, and the crawl with it, by the same signal."""
        if self.leash is not None:
            self.leash.stop(SCHEDULER_ENDS, number, now)

    def _hold(self, process: Process, started_at: datetime) -> None:
        self.leash = Leash(
            process,
            started_at,
            self.entry.limit,
            self.entry.stop_grace,
            self._wake,
        )

    async def _conclude(self, leash: Leash, now: datetime) -> None:
        running = self.state.running
        assert running is not None  # noqa: S101 - as long as it is held
        code, line = leash.process.code, leash.process.line.removeprefix("caliber-crawler: ")
        if isinstance(leash.process, Found):
            code, line = await self._keeper.ended(running.crawl_id) or (None, "ended unseen")
            self._count(counters.SCHEDULE_UNSEEN, int(code is None))
        if leash.why is not None:
            line = f"{line} ({leash.why})"
        ends = leash.why == SCHEDULER_ENDS
        if leash.why == REPLACED:
            self.state.unfinished = None
        else:
            self._unfinished(running, code, interrupted=ends)
        self.state.last = Last(running.crawl_id, running.due, running.started_at, now, code, line)
        self.state.running, self.leash, self.dirty = None, None, True
        logger.log(
            logging.INFO if code == 0 else logging.WARNING,
            "%s: crawl %s ended with exit code %s: %s",
            self.entry.name, running.crawl_id, code, line,
        )  # fmt: skip

    def _unfinished(self, running: Running, code: int | None, *, interrupted: bool) -> None:
        """Note whether the crawl left something undone."""
        left = self.state.unfinished
        if not self._keeper.resumes:
            self.state.unfinished = None
        elif code is None or code < 0 or code in _LEFT:
            # The file may say otherwise by now.
            crawl = running.crawl or self.entry.crawl
            self.state.unfinished = Unfinished(running.crawl_id, running.due, crawl, interrupted)
        elif code not in _AS_BEFORE or left is None or left.crawl_id != running.crawl_id:
            self.state.unfinished = None
        elif code == COULD_NOT_START:
            self.state.unfinished = replace(left, failures=left.failures + 1)
            if left.failures + 1 >= _MOST_FAILURES:  # else this entry might never crawl again
                logger.error(
                    "%s: crawl %s could not go on %s times in a row, and is given up; its requests "
                    "are kept for thirty days",
                    self.entry.name, left.crawl_id, _MOST_FAILURES,
                )  # fmt: skip
                self.state.unfinished = None
                self._count(counters.SCHEDULE_GIVEN_UP)

    # --- state

    async def save(self) -> None:
        """Keep the state. Raises `StoreError` and `ScheduleTaken`."""
        await self._keeper.save(self.entry.name, self.state.plain())
        self.dirty = False

    def _count(self, name: str, number: int = 1) -> None:
        self.state.count(name, number)
        self.dirty = True
