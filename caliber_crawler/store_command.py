"""What commands have in common that look into the database and ask nothing of the site."""

from __future__ import annotations

import argparse
import asyncio
import json
from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from caliber_crawler.config import Config
from caliber_crawler.debugging import check_setting_names, usage_error
from caliber_crawler.errors import CaliberError, ConfigError
from caliber_crawler.saying import complain, show
from caliber_crawler.store import Store
from caliber_crawler.text import harmless, is_whole
from caliber_crawler.verdict import COULD_NOT_START

# Options that name files: their names may be any bytes.
_PATHS = frozenset({"output", "logfile", "pidfile", "profile"})


class StoreCommand(ScrapyCommand):
    """Base of such commands: checks the usage, opens the store, asks, closes it, prints.

    Exit code 2 for wrong usage, 1 when the database cannot be had, each with one line that says
    why.
    """

    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}  # noqa: RUF012 - as Scrapy declares it

    @abstractmethod
    def check(self, args: list[str], opts: argparse.Namespace) -> str:
        """Raise `UsageError` for wrong usage. Returns the id of the crawl that this is about, or
        ""."""

    @abstractmethod
    async def ask(self, store: Store, args: list[str], opts: argparse.Namespace) -> Any:
        """What is to be shown, as plain data. Raises `CaliberError`."""

    @abstractmethod
    def show(self, told: Any, opts: argparse.Namespace) -> str:
        """The same for people."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        _check_text([*args, *(v for n, v in vars(opts).items() if n not in _PATHS)])
        crawl_id = self.check(args, opts)
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        check_setting_names(self.settings)
        try:
            config = Config.from_settings(self.settings)
            if config.store_is_off:
                raise UsageError("MONGODB_URI=off: there is no database", print_help=False)
            told = asyncio.run(self._told(config, crawl_id, args, opts))
        except ConfigError as error:
            raise usage_error(error) from None
        except CaliberError as error:
            complain(str(error))
            self.exitcode = COULD_NOT_START
            return
        shown = json.dumps(told, default=plain) if opts.json else harmless(self.show(told, opts))
        if not show(shown):
            self.exitcode = COULD_NOT_START

    async def _told(
        self, config: Config, crawl_id: str, args: list[str], opts: argparse.Namespace
    ) -> Any:
        store = await Store.open(
            config.mongodb_uri, config.mongodb_database, config.mongodb_data_dir, crawl_id
        )
        try:
            return await self.ask(store, args, opts)
        finally:
            await store.close()


def _check_text(values: Iterable[object]) -> None:
    """Refuse what the database could not even be asked for."""
    for value in values:
        if isinstance(value, str) and not is_whole(value):
            raise UsageError(f"{value!r} is no UTF-8", print_help=False)


def plain(value: object) -> str:
    """A value that JSON does not know, as text; times as ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
