"""What the debugging commands have in common: they touch no database and run no crawl."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from caliber_crawler.config import OFF, Config
from caliber_crawler.errors import ConfigError
from caliber_crawler.saying import told
from caliber_crawler.scrapy_settings import check_level

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


class WithoutStore(ScrapyCommand):
    """Mix-in for commands that only look: whatever the settings say, no database is opened.

    Scrapy builds and opens all pipelines for `shell`, `parse`, `fetch` and `view` too, so without
    this a look at a page would start a server, write to it, or take work from a running crawl.

    `by_hand` is whether all requests are for addresses that a person names: these are asked for
    wherever they lead (`middlewares.ReachMiddleware`).
    """

    by_hand = False

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        self.settings.set("MONGODB_URI", OFF, priority="cmdline")
        self.settings.set("CALIBER_DEBUGGING", True, priority="cmdline")
        self.settings.set("CALIBER_BY_HAND", self.by_hand, priority="cmdline")
        check_log(self.settings)
        try:
            Config.from_settings(self.settings)
        except ConfigError as error:
            raise usage_error(error) from None


def check_log(settings: BaseSettings) -> None:
    """Refuse a LOG_LEVEL that there is not, and a LOG_FILE that cannot be written, before Scrapy
    takes them with a traceback."""
    try:
        check_level(settings)
    except ConfigError as error:
        raise usage_error(error) from None
    path = settings["LOG_FILE"]
    if not path or not settings.getbool("LOG_ENABLED"):
        return
    try:
        with Path(path).open("ab"):
            pass
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise usage_error(ConfigError(f"LOG_FILE={path!r} cannot be written: {why}")) from None


def usage_error(error: ConfigError) -> Exception:
    """Scrapy's way to end a command with exit code 2 and a message."""
    from scrapy.exceptions import UsageError

    return UsageError(told(str(error)), print_help=False)
