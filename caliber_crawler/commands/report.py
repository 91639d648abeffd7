"""`scrapy report`: what was collected, as one page with charts."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from scrapy.exceptions import UsageError

from caliber_crawler.config import Config
from caliber_crawler.debugging import usage_error
from caliber_crawler.errors import CaliberError, ConfigError
from caliber_crawler.files import Claim, is_special, write_all
from caliber_crawler.spiders.arguments import ExportArguments, bounds
from caliber_crawler.store import Store
from caliber_crawler.store.reading import ArticleReader, Selection
from caliber_crawler.store.report import ReportReader
from caliber_crawler.store_command import StoreCommand

_FILTERS = ("language", "section", "since", "until")
_MOST_LISTED = 100


class Command(StoreCommand):
    """Reads the database and writes one HTML file; asks nothing of the site.

    Exit codes: 0 written, also when there is nothing to show; 1 not written (database, disk,
    another writer), and then the file that was there is as it was; 2 wrong usage.
    """

    def syntax(self) -> str:
        return "[options] -o FILE.html"

    def short_desc(self) -> str:
        return "Write a page with charts of what was collected"

    def long_desc(self) -> str:
        return (
            "Writes one HTML file that needs no network: articles per day and section, crawls with "
            "their durations and outcomes, coverage of the fields, the most viewed and the fastest "
            "rising articles, delays, edits. Days are those of the site's zone (SITE_TIMEZONE). "
            "The file gets its name only once it is whole. With nothing to show it says so."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("-o", "--output", metavar="FILE", help="where to, such as report.html")
        add("--since", metavar="DAY", help="first day, 2026-06-25, of the site's calendar")
        add("--until", metavar="DAY", help="last day, included")
        add("--language", metavar="LIST", help="editions, comma list: en,ru (default: all)")
        add("--section", metavar="LIST", help="slugs of sections, comma list (default: all)")
        add("--top", metavar="N", default="10", help="articles in each list (default: 10)")

    def check(self, args: list[str], opts: argparse.Namespace) -> str:
        if args:
            raise UsageError(f"unknown argument {args[0]!r}; give -o FILE", print_help=False)
        if not opts.output or opts.output == "-":
            raise UsageError("say which file to write: -o report.html", print_help=False)
        top = opts.top.strip()
        if not (re.fullmatch("[0-9]{1,9}", top) and 1 <= int(top) <= _MOST_LISTED):
            raise UsageError(
                f"--top {opts.top!r}: give a whole number from 1 to {_MOST_LISTED}",
                print_help=False,
            )
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        try:
            _asked(opts, Config.from_settings(self.settings))
        except ConfigError as error:
            raise usage_error(error) from None
        return ""

    async def ask(self, store: Store, args: list[str], opts: argparse.Namespace) -> dict[str, Any]:
        # Scrapy imports all commands for each of them, and this takes a while.
        from caliber_crawler.report.page import About, render

        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        config = Config.from_settings(self.settings)
        asked = _asked(opts, config)
        asked.check_editions(await ArticleReader(store.database).editions(), config)
        since, before = bounds(asked.since, asked.until, config)
        selection = Selection(asked.language, asked.section, since, before)
        at = datetime.now(UTC)
        reader = ReportReader(store.database, config.site.zone)
        figures = await reader.read(selection, int(opts.top), at)
        about = About(
            config.site,
            store.where,
            at,
            asked.since,
            asked.until,
            asked.language,
            asked.section,
        )
        page = render(figures, about).encode()
        write(Path(opts.output), page)
        return {
            "file": opts.output,
            "bytes": len(page),
            "articles": figures.totals.articles,
            "crawls": figures.crawls.number,
            "revisions": sum(figures.edits.totals),
        }

    def show(self, told: dict[str, Any], opts: argparse.Namespace) -> str:
        return (
            f"{told['file']}: {told['articles']} articles, {told['crawls']} crawls, "
            f"{told['revisions']} edits, {told['bytes']} bytes"
        )


def write(path: Path, page: bytes) -> None:
    """Write the file, whole or not at all; to a device or pipe at once.

    Raises `CaliberError` when it cannot be written.
    """
    try:
        if is_special(path):
            with FileIO(path, "w") as file:
                write_all(file, page)
            return
        with Claim.take(path) as claim:
            claim.empty()
            write_all(claim.file, page)
            claim.commit()
    except OSError as error:
        raise CaliberError(f"{path}: {error.strerror or error}; it is as it was") from None


def _asked(opts: argparse.Namespace, config: Config) -> ExportArguments:
    given = {name: value for name in _FILTERS if (value := getattr(opts, name)) is not None}
    return ExportArguments.parse(given, config)
