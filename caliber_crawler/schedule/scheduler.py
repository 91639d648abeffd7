"""The scheduler: who does what is due, in which order, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from caliber_crawler.errors import ScheduleError, ScheduleTaken, StoreError
from caliber_crawler.schedule.keeping import RENEW_SECONDS
from caliber_crawler.schedule.slots import Slot
from caliber_crawler.schedule.state import EntryState, Plain
from caliber_crawler.verdict import OTHER_CRAWL

if TYPE_CHECKING:
    from caliber_crawler.schedule.clock import Clock
    from caliber_crawler.schedule.entries import Entry, Schedule
    from caliber_crawler.schedule.keeping import Keeper
    from caliber_crawler.schedule.launch import Launcher
    from caliber_crawler.schedule.slots import Echo
    from caliber_crawler.schedule.source import Source

logger = logging.getLogger("caliber_crawler.schedule")

_LOOK_AGAIN = timedelta(seconds=30)
_TRY_AGAIN = timedelta(seconds=5)


class Scheduler:
    """Runs one schedule. All decisions are made in one task, by the clock that is handed in; only
    the right to act is renewed beside it, by the time of the machine.

    `echo` gets each line that a crawl writes, with the entry's name.
    """

    def __init__(
        self, source: Source, keeper: Keeper, launcher: Launcher, clock: Clock, echo: Echo
    ) -> None:
        self._source = source
        self._keeper = keeper
        self._launcher = launcher
        self._clock = clock
        self._echo = echo
        self._name = ""
        self._wake = asyncio.Event()
        self._signal: int | None = None
        self._reread = False
        self._taken: ScheduleTaken | None = None
        self._trouble: datetime | None = None  # since when the database does not answer
        self.slots: dict[str, Slot] = {}

    async def run(self, schedule: Schedule) -> int:
        """Run until `stop`. Returns the exit code: 128 and the signal that ended it, or 6 when
        another scheduler took over.

        Raises `ScheduleTaken` and `StoreError` when it cannot begin.
        """
        await self._keeper.take()
        renewing = asyncio.create_task(self._hold())
        try:
            await self._begin(schedule)
            while not self._over:
                await self._turn()
                await self._sleep()
            await self._end_crawls()
        finally:
            renewing.cancel()
            with suppress(StoreError):
                await self._keeper.give_back()
        if self._taken is not None:
            logger.error("%s", self._taken)
            return OTHER_CRAWL
        return 128 + (self._signal or 0)

    def stop(self, number: int) -> None:
        """End: crawls are told to stop by the same signal and keep their work. The second time,
        they are killed."""
        if self._signal is not None:
            for slot in self.slots.values():
                if slot.leash is not None:
                    slot.leash.kill()
        else:
            logger.info("Signal %s: ending with all crawls", number)
        self._signal = self._signal or number
        self._wake.set()

    def reread(self) -> None:
        """Look into the file at once, changed or not."""
        self._reread = True
        self._wake.set()

    @property
    def _over(self) -> bool:
        return self._signal is not None or self._taken is not None

    # --- the start, and changes of the file

    async def _begin(self, schedule: Schedule) -> None:
        self._name = schedule.name
        kept = await self._keeper.load()
        now = self._clock.now()
        logger.info("Schedule %r, state in %s", schedule.name, self._keeper.where)
        for name, entry in schedule.entries.items():
            slot = self._add(entry, _remembered(kept.get(name), entry, now))
            slot.change(entry, now)
            slot.recover(now)
            self._announce(slot)

    def _add(self, entry: Entry, state: EntryState) -> Slot:
        slot = Slot(self._name, entry, state, self._keeper, self._wake)
        slot.dirty = True
        self.slots[entry.name] = slot
        return slot

    def _add_anew(self, entry: Entry, plain: Plain | None, now: datetime) -> Slot:
        """An entry that the running schedule had not: its times begin now, and of what is
        remembered only the rest counts."""
        state = _remembered(plain, entry, now)
        state.since, state.waiting, state.running = now, None, None
        return self._add(entry, state)

    async def _look_into_the_file(self, now: datetime) -> None:
        """Take over a changed file, if it is sound."""
        if not self._reread and not self._source.changed():
            return
        self._reread = False
        try:
            schedule = self._source.load()
            if schedule.name != self._name:
                raise ScheduleError(
                    [f"{self._source.path}: the name of a schedule stays while it runs"]
                )
        except ScheduleError as error:
            logger.error("The schedule is not taken over, the old one goes on:\n%s", error)
            return
        self._reread = True  # unless the database answers
        kept = await self._keeper.load() if schedule.entries.keys() - self.slots.keys() else {}
        self._reread = False
        for name, slot in self.slots.items():
            if name not in schedule.entries and not slot.retired:
                slot.retired = True
                logger.info("%s: not in the schedule any more", name)
        for name, entry in schedule.entries.items():
            slot = self.slots.get(name) or self._add_anew(entry, kept.get(name), now)
            slot.change(entry, now)
            self._announce(slot)

    def _announce(self, slot: Slot) -> None:
        due, zone = slot.next(), slot.entry.cron.zone
        if due is not None:
            logger.info("%s: next at %s", slot.entry.name, due.astimezone(zone).isoformat(" "))

    # --- one turn

    async def _turn(self) -> None:
        """All that is to be done at this instant. What the database keeps from being done is done
        when it answers again."""
        self._wake.clear()
        now = self._clock.now()
        trouble: StoreError | None = None
        try:
            await self._look_into_the_file(now)
            for slot in self.slots.values():
                # A crawl that is over its time is stopped although another one's end cannot be
                # kept.
                trouble = await self._look_at(slot, now) or trouble
            if trouble is None:
                if self._trouble is not None:
                    for slot in self.slots.values():
                        slot.settle_trouble(self._trouble, now)
                await self._start_what_is_ready(now)
        except ScheduleTaken as taken:
            self._taken = taken
        except StoreError as error:
            trouble = error
        if trouble is None:
            self._trouble = None
        elif self._trouble is None:
            logger.error("%s; trying again", trouble)
            self._trouble = now

    async def _look_at(self, slot: Slot, now: datetime) -> StoreError | None:
        try:
            await slot.look(now)
            if slot.dirty:
                await slot.save()
        except StoreError as error:
            return error
        return None

    async def _start_what_is_ready(self, now: datetime) -> None:
        self.slots = {n: slot for n, slot in self.slots.items() if slot.busy or not slot.retired}
        for slot in self.slots.values():
            if slot.ready and not self._same_spider_runs(slot):
                await slot.start(self._launcher, self._echo, now)
                await slot.save()

    def _same_spider_runs(self, slot: Slot) -> bool:
        """Crawls of one spider refuse to run beside one another, so that this one has to wait."""
        return self._keeper.resumes and not slot.entry.apart and any(
            other.busy and other.entry.spider == slot.entry.spider and not other.entry.apart
            for other in self.slots.values()
        )  # fmt: skip

    async def _sleep(self) -> None:
        now = self._clock.now()
        if self._over:
            return
        times = [due for slot in self.slots.values() if (due := slot.next()) is not None]
        again = now + (_TRY_AGAIN if self._trouble else _LOOK_AGAIN)
        # What is due already waits for the database to answer.
        await self._clock.wait(min([*(t for t in times if t > now), again]), self._wake)

    # --- the end

    async def _end_crawls(self) -> None:
        """Tell all crawls to stop, wait for them, and keep what became of them."""
        number = self._signal or signal.SIGTERM
        while True:
            self._wake.clear()
            now = self._clock.now()
            for slot in self.slots.values():
                slot.end(number, now)
                slot.retired = True
            for slot in self.slots.values():
                with suppress(StoreError, ScheduleTaken):  # what is not kept was ended unseen
                    await slot.look(now)
                    if slot.dirty:
                        await slot.save()
            held = [slot for slot in self.slots.values() if slot.leash is not None]
            if all(slot.leash.ended for slot in held if slot.leash):
                return
            times = [due for slot in held if (due := slot.next()) is not None]
            await self._clock.wait(min(times, default=now + _TRY_AGAIN), self._wake)

    async def _hold(self) -> None:
        """Keep the right to act."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._keeper.renew()
            except ScheduleTaken as taken:
                self._taken = taken
                self._wake.set()
                return
            except StoreError as error:
                logger.warning("%s", error)


def _remembered(plain: Plain | None, entry: Entry, now: datetime) -> EntryState:
    """State of an entry; a fresh one when nothing is remembered, or nothing that is understood."""
    if plain is not None:
        try:
            return EntryState.from_plain(plain)
        except (LookupError, TypeError, ValueError) as error:
            logger.error("%s: its state is not understood, it begins anew: %r", entry.name, error)
    return EntryState(str(entry.cron), now)
