"""`scrapy crawl`: as Scrapy's; arguments are checked first, exit codes tell the outcome."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
from typing import Any

from scrapy import signals
from scrapy.commands import crawl
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from caliber_crawler.addon import CaliberAddon
from caliber_crawler.alerts import Alert, check, send
from caliber_crawler.browser.chromium import launch_options
from caliber_crawler.config import Config
from caliber_crawler.debugging import (
    begin_loop,
    check_log,
    check_setting_names,
    check_spider,
    stray,
    usage_error,
)
from caliber_crawler.errors import ConfigError
from caliber_crawler.interrupts import Interrupts
from caliber_crawler.saying import complain
from caliber_crawler.scrapy_settings import check_scrapys
from caliber_crawler.secrecy import keep_logins
from caliber_crawler.spiders.base import CaliberSpider
from caliber_crawler.text import line as in_one_line
from caliber_crawler.verdict import COULD_NOT_START, SHUTDOWN, Verdict, judge

logger = logging.getLogger(__name__)

COLLECTED_AFTER = (50_000, 20, 50)
"""Thresholds of Python's collector. Nearly all that a crawl makes goes by its count of references.
Looking for cycles at Python's own pace takes a twelfth of a crawl's processor time, and less often
needs no more memory."""


class Command(crawl.Command):
    """Exit codes are listed in docs/exit-codes.md; the last line on standard error says why."""

    def short_desc(self) -> str:
        return "Run a spider; the exit code tells how it went (see docs/exit-codes.md)"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        check_log(self.settings)
        check_setting_names(self.settings)
        begin_loop(self.settings)
        self._interrupts = Interrupts()
        self._interrupts.listen()

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if found := stray(args):
            word, argument = found
            raise usage_error(
                ConfigError(f"unknown word {word!r}; spider arguments are given as -a {argument}")
            )
        if not args:
            raise UsageError("give the name of one spider", print_help=False)
        assert self.crawler_process is not None  # noqa: S101 - Scrapy sets it before it calls this
        loader = self.crawler_process.spider_loader
        check_spider(args[0], loader)
        self._check(loader.load(args[0]), opts.spargs)
        crawler = self._create_crawler(args[0])
        crawler.signals.connect(self._watch_signals, signals.engine_started)
        _log_no_less(crawler.settings)
        gc.freeze()  # what is there now stays, and need not be looked through again and again
        gc.set_threshold(*COLLECTED_AFTER)
        error: BaseException | None = None
        if self._interrupts.number is None:
            self._interrupts.follow_scrapy()
            started = self.crawler_process.crawl(crawler, **opts.spargs)
            self.crawler_process.start()
            error = _error_of(started)
        self.exitcode = self._conclude(crawler, error)

    def _check(self, spidercls: type[Any], arguments: dict[str, str]) -> None:
        """Refuse impossible settings and arguments before anything is started."""
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        for value in arguments.values():
            keep_logins(value)
        try:
            config = Config.from_settings(self.settings)
            check_scrapys(self.settings)
            check(self.settings)
            launch_options(config.chromium, config.browser_patience)
            if issubclass(spidercls, CaliberSpider):
                spidercls.arguments_class.parse(arguments, config).check_complete()
        except ConfigError as error:
            raise usage_error(error) from None

    def _watch_signals(self, sender: Crawler) -> None:
        """Have the parts of the crawl know which signal stops it."""
        addon = CaliberAddon.of(sender)
        loop = asyncio.get_running_loop()

        def note(signum: int) -> None:
            addon.signal = signum
            loop.call_soon_threadsafe(addon.stopped.set)

        self._interrupts.tell(note)

    def _conclude(self, crawler: Crawler, error: BaseException | None) -> int:
        """Say how it went; `error` is what a component raised while the crawl was set up."""
        addon = crawler.get_addon(CaliberAddon)
        verdict = addon.verdict if addon else None
        if addon and addon.last_words:
            addon.last_words()
        crawl_id = addon.crawl_id if addon else "without a number"
        if error is not None:
            logger.error("The crawl could not be set up", exc_info=error)
        stopped = self._interrupts.number
        unstarted = verdict is None or (verdict.code == COULD_NOT_START and error is not None)
        if unstarted and stopped is not None:  # before it had started, or forced to end
            stats = crawler.stats.get_stats() if crawler.stats else {}
            verdict = judge(SHUTDOWN, stats, signal=stopped)
            alert: Alert | None = None
        elif verdict is None or unstarted:
            cause = f"{type(error).__name__}: {error}" if error else "the log says why"
            verdict = Verdict(COULD_NOT_START, f"could not start: {cause}")
            alert = Alert(crawler.spidercls.name, crawl_id, verdict)
        else:
            alert = addon.alert if addon else None
        if alert is not None:
            send(alert, crawler)  # after all that the crawl had to do, so that nothing waits for it
        complain(in_one_line(verdict.line))
        return verdict.code


def _log_no_less(settings: BaseSettings) -> None:
    """Have no records made that nobody takes: Scrapy has all made, a dozen for each request, and
    drops those below LOG_LEVEL at the end."""
    level = logging.NullHandler()
    level.setLevel(settings["LOG_LEVEL"])
    logging.disable(level.level - 1)


def _error_of(started: object) -> BaseException | None:
    """What a crawl's task raised. Unless it is asked, asyncio logs it, after all other lines."""
    if isinstance(started, asyncio.Task) and started.done() and not started.cancelled():
        return started.exception()
    return None
