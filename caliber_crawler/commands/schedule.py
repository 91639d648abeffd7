"""`scrapy schedule`: recurring crawls, each in its own process, by a file that is checked."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from caliber_crawler.config import Config
from caliber_crawler.debugging import check_log, check_setting_names, stray, usage_error
from caliber_crawler.errors import CaliberError, ConfigError, ScheduleError, ScheduleTaken
from caliber_crawler.saying import complain, show, told
from caliber_crawler.schedule.checks import Checker
from caliber_crawler.schedule.clock import SystemClock
from caliber_crawler.schedule.keeping import FileKeeper, Keeper, StoreKeeper
from caliber_crawler.schedule.launch import Launcher
from caliber_crawler.schedule.once import run_once
from caliber_crawler.schedule.plan import next_run
from caliber_crawler.schedule.scheduler import Scheduler
from caliber_crawler.schedule.source import Source
from caliber_crawler.store import Store
from caliber_crawler.verdict import COULD_NOT_START, OTHER_CRAWL, WRONG_USAGE

if TYPE_CHECKING:
    from caliber_crawler.schedule.entries import Entry, Schedule

_MINUTE = "%a %Y-%m-%d %H:%M"


class Command(ScrapyCommand):
    """Exit codes: 2 for a file that cannot be used, 1 when the database cannot be had, 6 while
    another scheduler has the schedule, 128 and the signal that ended it."""

    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] FILE"

    def short_desc(self) -> str:
        return "Run crawls by the clock, as a file (TOML) says, until stopped"

    def long_desc(self) -> str:
        return (
            "FILE names crawls with their cron expressions; docs/scheduling.md has all its keys. "
            "Each crawl runs in a process of its own. The file may be changed meanwhile; one that "
            "cannot be used is refused, with line and reason, and the old one goes on. SIGTERM and "
            "SIGINT end the scheduler and, by the same signal, its crawls, which keep their work."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        only = parser.add_mutually_exclusive_group()
        only.add_argument(
            "--check", action="store_true", help="only check FILE and print the next runs"
        )
        only.add_argument("--once", metavar="NAME", help="run one entry now, and end with it")
        parser.add_argument(
            "--runs", metavar="N", type=int, default=3, help="runs to print (default 3)"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if found := stray(args):
            why = "give one file; the arguments of spiders stand in it (docs/scheduling.md)"
            raise usage_error(ConfigError(f"unknown word {found[0]!r}; {why}"))
        if not args:
            raise UsageError("give one file", print_help=False)
        if opts.runs < 1:
            raise UsageError("--runs: give a number of 1 or more", print_help=False)
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        check_log(self.settings)
        check_setting_names(self.settings)
        source = Source(Path(args[0]), Checker(self.settings))
        try:
            config = Config.from_settings(self.settings)
            schedule = source.load()
        except ScheduleError as error:
            complain(f"the schedule cannot be used\n{error}")
            self.exitcode = WRONG_USAGE
            return
        except ConfigError as error:
            raise usage_error(error) from None
        if opts.check:
            if not show(told(next_runs(schedule, datetime.now(UTC), opts.runs))):
                self.exitcode = COULD_NOT_START
            return
        _log_to_stderr(self.settings["LOG_LEVEL"])
        try:
            self.exitcode = asyncio.run(self._work(source, schedule, config, opts.once))
        except ConfigError as error:
            raise usage_error(error) from None
        except (CaliberError, OSError) as error:
            complain(str(error))
            taken = isinstance(error, ScheduleTaken)
            self.exitcode = OTHER_CRAWL if taken else COULD_NOT_START

    async def _work(
        self, source: Source, schedule: Schedule, config: Config, once: str | None
    ) -> int:
        assert self.settings is not None  # noqa: S101 - as above
        launcher = Launcher(self.settings)
        if once is not None:
            return await run_once(
                _entry(schedule, once), schedule.name, launcher, SystemClock(), echo
            )
        if config.store_is_off:
            return await _run(source, schedule, FileKeeper(source.path), launcher)
        store = await Store.open(
            config.mongodb_uri, config.mongodb_database, config.mongodb_data_dir, ""
        )
        try:
            return await _run(source, schedule, StoreKeeper(store, schedule.name), launcher)
        finally:
            await store.close()


async def _run(source: Source, schedule: Schedule, keeper: Keeper, launcher: Launcher) -> int:
    scheduler = Scheduler(source, keeper, launcher, SystemClock(), echo)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, scheduler.stop, number)
    loop.add_signal_handler(signal.SIGHUP, scheduler.reread)
    return await scheduler.run(schedule)


def _entry(schedule: Schedule, name: str) -> Entry:
    if name not in schedule.entries:
        names = ", ".join(schedule.entries)
        raise ConfigError(f"no crawl {name!r} in the schedule; there are {names}")
    return schedule.entries[name]


def next_runs(schedule: Schedule, now: datetime, number: int) -> str:
    """When each entry runs next, in its zone and in UTC, for people."""
    rows = []
    for entry in schedule.entries.values():
        arguments = "".join(f" -a {name}={value}" for name, value in entry.arguments.items())
        rows.append(f"{entry.name}: {entry.cron}: crawl {entry.spider}{arguments}")
        after = now
        for _ in range(number):
            run = next_run(entry, after)
            after = run.at
            there = run.at.astimezone(entry.cron.zone)
            put_off = f", starts {run.start - run.at} later" if entry.jitter else ""
            rows.append(f"  {there:{_MINUTE}} {there.tzname()} = {run.at:{_MINUTE}} UTC{put_off}")
    return "\n".join(rows)


def echo(name: str, line: str) -> None:
    """Pass on what a crawl writes."""
    with suppress(OSError):  # a log that nobody takes any more stops no crawl
        print(f"{name} | {told(line)}", file=sys.stderr, flush=True)


def _log_to_stderr(level: str | int) -> None:
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s [schedule] %(levelname)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S UTC",
    )
