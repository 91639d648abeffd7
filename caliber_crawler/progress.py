"""The extension that shows how a crawl goes: a live display on a terminal, lines elsewhere, and a
summary at the end."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import NotConfigured

from caliber_crawler.addon import CaliberAddon
from caliber_crawler.errors import StoreError
from caliber_crawler.extensions import JUDGED
from caliber_crawler.screen import Screen, line, picture, summary
from caliber_crawler.tally import plain_lines
from caliber_crawler.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_DRAW_SECONDS = 1.0
_LOOK_SECONDS = 5.0


class Progress:
    """Runs from the spider's opening to the verdict. Not for debugging commands.

    With the setting PROGRESS ``auto`` it draws on standard error when that is a terminal, and else
    logs a line every PROGRESS_LINE_SECONDS; ``lines`` never draws; ``off`` does neither. The
    summary is written in any case: as a table below the display, and into the log, unless that is
    on the same terminal.
    """

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon
        self._watch = Watch(crawler, addon)
        self._screen: Screen | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if crawler.settings.getbool("CALIBER_DEBUGGING"):
            raise NotConfigured
        extension = cls(crawler, CaliberAddon.of(crawler))
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.judged, JUDGED)
        crawler.signals.connect(extension.engine_stopped, signals.engine_stopped)
        return extension

    def spider_opened(self) -> None:
        config = self._addon.config
        if config.progress == "off":
            return
        if config.progress == "auto" and not self._writes_to_terminal():
            self._screen = Screen.open()
        self._watch.snapshot(self._time())  # from here on rates are counted
        works = [self._look(), self._draw()] if self._screen else [self._write_lines()]
        self._tasks = [asyncio.create_task(work) for work in works]

    def judged(self, counts: Mapping[str, int], workers: int, whole: bool) -> None:
        """Take the display away and give the summary."""
        of = "the crawl" if whole else "this worker"
        if workers > 1:
            of += f", {workers} workers"
        screen = self._screen
        self._end()
        if screen is None or not screen.logs_here:
            logger.info("Summary of %s:\n%s", of, "\n".join(plain_lines(counts)))
        if screen is not None:
            self._addon.last_words = lambda: screen.write(summary(counts, of))

    def engine_stopped(self) -> None:
        self._end()

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        screen, self._screen = self._screen, None
        if screen is not None:
            screen.close()

    async def _look(self) -> None:
        while True:
            try:
                await self._watch.look()
            except StoreError as error:  # the pipelines decide when this is too much
                logger.debug("%s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _draw(self) -> None:
        while (screen := self._screen) is not None:
            try:
                screen.show(picture(self._watch.snapshot(self._time()), *screen.size))
            except OSError as error:
                self._end()
                logger.warning("The terminal cannot be written to any more (%s)", error)
                return
            await asyncio.sleep(_DRAW_SECONDS)

    async def _write_lines(self) -> None:
        while True:
            await asyncio.sleep(self._addon.config.progress_line_seconds)
            try:
                await self._watch.look()
            except StoreError as error:
                logger.debug("%s", error)
            logger.info("Progress: %s", line(self._watch.snapshot(self._time())))

    def _writes_to_terminal(self) -> bool:
        """Whether records go to a terminal, where they would tear the display."""
        feeds = self._crawler.settings.getdict("FEEDS")
        return sys.stdout.isatty() and any(str(uri).startswith("stdout:") for uri in feeds)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()
