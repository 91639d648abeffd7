"""What commands have in common: checks of their words, and a mix-in for those that only look."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.utils.misc import load_object

from caliber_crawler.config import OFF, Config
from caliber_crawler.errors import ConfigError
from caliber_crawler.saying import told
from caliber_crawler.scrapy_settings import check_level, check_names
from caliber_crawler.secrecy import keep_logins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import BaseSettings
    from scrapy.spiderloader import SpiderLoaderProtocol


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
        check_setting_names(self.settings)
        begin_loop(self.settings)
        self.settings.set("MONGODB_URI", OFF, priority="cmdline")
        self.settings.set("CALIBER_DEBUGGING", True, priority="cmdline")
        self.settings.set("CALIBER_BY_HAND", self.by_hand, priority="cmdline")
        check_log(self.settings)
        try:
            Config.from_settings(self.settings)
        except ConfigError as error:
            raise usage_error(error) from None

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if spider := getattr(opts, "spider", None):
            assert self.crawler_process is not None  # noqa: S101 - Scrapy sets it before
            check_spider(spider, self.crawler_process.spider_loader)
        super().run(args, opts)  # type: ignore[safe-super]  # a mix-in: Scrapy's comes next


def begin_loop(settings: BaseSettings) -> None:
    """Make the event loop that is wanted the present one.

    Scrapy makes one of asyncio's own before, and drops it without closing it: a command that ends
    before that was collected as garbage does so with a traceback.
    """
    if path := settings["ASYNCIO_EVENT_LOOP"]:
        asyncio.set_event_loop(load_object(path)())


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


def check_spider(name: str, loader: SpiderLoaderProtocol) -> None:
    """Refuse a spider that there is not, which Scrapy takes with a traceback or exit code 0."""
    if name not in (names := loader.list()):
        there = ", ".join(sorted(names))
        raise usage_error(ConfigError(f"no spider {name!r}; there are {there}"))


def check_setting_names(settings: BaseSettings) -> None:
    """Refuse a misspelt setting of the command line, which Scrapy takes without a word."""
    try:
        check_names(settings)
    except ConfigError as error:
        raise usage_error(error) from None


def stray(args: Sequence[str]) -> tuple[str, str] | None:
    """The first word of a command line that nothing takes besides the name of what to run, and the
    argument of a spider that it seems to mean, as `-a` would take it; None when there is none."""
    word = next((word for word in args if word.startswith("-")), None)
    if word is None:
        if len(args) < 2:
            return None
        word = args[1]
    name, equals, value = word.lstrip("-").partition("=")
    if not equals and word.startswith("-"):
        equals, value = "=", "".join(args[args.index(word) + 1 :][:1])
    keep_logins(value)
    if not (name and equals):
        return word, "name=value"
    return word, f"{name.replace('-', '_')}={value or 'value'}"


def usage_error(error: ConfigError) -> Exception:
    """Scrapy's way to end a command with exit code 2 and a message."""
    return UsageError(told(str(error)), print_help=False)
