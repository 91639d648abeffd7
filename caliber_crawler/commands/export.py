"""`scrapy export`: the stored records as one file, whole or not at all."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from caliber_crawler import stdio
from caliber_crawler.config import Config
from caliber_crawler.debugging import check_setting_names, usage_error
from caliber_crawler.errors import CaliberError, ConfigError
from caliber_crawler.export.forms import FORMATS, STDOUT, Form, form_of
from caliber_crawler.export.output import Output, Written
from caliber_crawler.saying import complain
from caliber_crawler.spiders.arguments import DUPLICATES, STATUSES, ExportArguments, bounds
from caliber_crawler.store import Store
from caliber_crawler.store.reading import ArticleReader, Selection
from caliber_crawler.verdict import COULD_NOT_START, LOOKS_WRONG

_FILTERS = ("language", "section", "since", "until", "status", "duplicates")


@dataclass
class _Told:
    """What happened: `written` is None when nothing was; `undated` records were left out because
    their time is unknown; `signal` is the number of the one that stopped it."""

    written: Written | None = None
    undated: int = 0
    signal: int | None = None
    began: float = field(default_factory=time.monotonic)


class Command(ScrapyCommand):
    """Reads the collection `articles`; asks nothing of the site.

    Exit codes: 0 written, 1 not written (database, disk, another writer), 2 wrong usage, 3 no
    record fits and nothing was written, 130 and 143 stopped by a signal. Except after 0 the file
    that was there is as it was.
    """

    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}  # noqa: RUF012 - as Scrapy declares it

    def syntax(self) -> str:
        return "[options] -o FILE"

    def short_desc(self) -> str:
        return "Write the stored records to a file: JSON lines, CSV or Parquet"

    def long_desc(self) -> str:
        return (
            "Writes the whole archive or a part of it, oldest first. The format follows from the "
            "ending: .jsonl, .csv (both also .gz or .zst) or .parquet. The file gets its name only "
            "once it is whole: whatever ends an export early, the old file stays. Prints the "
            "number of records, of bytes, the time, and the SHA-256 as sha256sum does. When no "
            "record fits, nothing is written and the exit code is 3, unless --allow-empty."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("-o", "--output", metavar="FILE", help="where to; - for standard output")
        add("--format", choices=FORMATS, help="where the ending does not tell (for -: jsonl)")
        add("--language", metavar="LIST", help="editions, comma list: en,ru (default: all)")
        add("--section", metavar="LIST", help="slugs of sections, comma list (default: all)")
        add("--since", metavar="DAY", help="first day of publication, 2026-06-25, site's calendar")
        add("--until", metavar="DAY", help="last day of publication, included")
        add("--status", metavar="|".join(STATUSES), help="default: all")
        add(
            "--duplicates",
            metavar="|".join(DUPLICATES),
            help="records that repeat another one (duplicate_of): an export keeps them, because it "
            "is the whole archive; a feed drops them (default: keep)",
        )
        add("--allow-empty", action="store_true", help="write a file without records, too")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        if args:
            raise UsageError(f"unknown argument {args[0]!r}; give -o FILE", print_help=False)
        if not opts.output:
            raise UsageError("say where to: -o FILE, or -o - for standard output", print_help=False)
        check_setting_names(self.settings)
        try:
            config = Config.from_settings(self.settings)
            form = form_of(opts.output, opts.format)
            asked = _asked(opts, config)
        except ConfigError as error:
            raise usage_error(error) from None
        if config.store_is_off:
            raise UsageError("MONGODB_URI=off: nothing is stored to be exported", print_help=False)
        told = _Told()
        try:
            asyncio.run(_export(config, asked, form, opts, told))
        except ConfigError as error:
            raise usage_error(error) from None
        except asyncio.CancelledError:
            if told.written is None:  # else it came too late to stop anything
                self._say(f"stopped by signal {told.signal}; {_stays(opts.output)}")
                self.exitcode = 128 + (told.signal or signal.SIGTERM)
                return
        except (CaliberError, OSError) as error:
            self._say(f"{_reason(error)}; {_stays(opts.output)}")
            self.exitcode = COULD_NOT_START
            return
        self._conclude(told, opts.output)

    def _conclude(self, told: _Told, output: str) -> None:
        if told.undated:
            self._say(f"{told.undated} records without a time are left out by --since and --until")
        written = told.written
        if written is None:
            self._say(f"0 records fit; {_stays(output)} (--allow-empty writes an empty file)")
            self.exitcode = LOOKS_WRONG
            return
        if not written.records:
            self._say("0 records")
        seconds = time.monotonic() - told.began
        where = sys.stderr if output == STDOUT else sys.stdout
        with suppress(OSError):  # the export is there, whoever hears of it
            stdio.write(
                f"{output}: {written.records} records, {written.bytes} bytes, {seconds:.1f} s\n"
                f"{written.sha256}  {output}",
                where,
            )

    @staticmethod
    def _say(message: str) -> None:
        complain(message)


def _asked(opts: argparse.Namespace, config: Config) -> ExportArguments:
    given = {name: value for name in _FILTERS if (value := getattr(opts, name)) is not None}
    return ExportArguments.parse(given, config)


def _selection(asked: ExportArguments, config: Config) -> Selection:
    since, before = bounds(asked.since, asked.until, config)
    return Selection(
        languages=asked.language,
        sections=asked.section,
        since=since,
        before=before,
        status=None if asked.status == "all" else asked.status,
        originals=asked.duplicates == "drop",
    )


async def _export(
    config: Config, asked: ExportArguments, form: Form, opts: argparse.Namespace, told: _Told
) -> None:
    _stop_on_signals(told)
    store = await Store.open(
        config.mongodb_uri, config.mongodb_database, config.mongodb_data_dir, ""
    )
    try:
        reader = ArticleReader(store.database)
        asked.check_editions(await reader.editions(), config)
        selection = _selection(asked, config)
        told.undated = await reader.undated(selection)
        told.written = await _write(_until_stopped(reader.read(selection), told), form, opts)
    finally:
        await store.close()


async def _write(
    batches: AsyncIterator[list[dict[str, Any]]], form: Form, opts: argparse.Namespace
) -> Written | None:
    """Write all batches; None, and nothing is touched, when there are none and must be some."""
    first = await anext(batches, None)
    if first is None and not opts.allow_empty:
        return None
    with Output.open(None if opts.output == STDOUT else Path(opts.output), form) as output:
        if first is not None:
            output.write(first)
        async for batch in batches:
            output.write(batch)
        return output.finish()


async def _until_stopped(
    batches: AsyncIterator[list[dict[str, Any]]], told: _Told
) -> AsyncIterator[list[dict[str, Any]]]:
    """The same batches, until a signal. The database's driver loses some cancellations."""
    async for batch in batches:
        if told.signal is not None:
            raise asyncio.CancelledError
        yield batch
    if told.signal is not None:
        raise asyncio.CancelledError


def _stop_on_signals(told: _Told) -> None:
    """Let SIGINT and SIGTERM end the work from within, so that it cleans up."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        told.signal = number
        if task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)


def _stays(output: str) -> str:
    return "nothing more is written" if output == STDOUT else f"{output} is as it was"


def _reason(error: Exception) -> str:
    """The error in words; of the system's, the file and what is wrong with it."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
