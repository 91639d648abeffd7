"""The download handler: plain HTTP, and a browser that is started only when a request wants it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import IgnoreRequest

from caliber_crawler.addon import CaliberAddon
from caliber_crawler.browser import processes
from caliber_crawler.browser.waiting import within
from caliber_crawler.errors import BrowserUnavailable

if TYPE_CHECKING:
    from playwright.async_api import Page as BrowserPage
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

logger = logging.getLogger(__name__)

# So many starts in a row may fail; then no further one is tried in this crawl.
_STARTS = 2
# A browser that is asked to close has so long before it is killed.
_CLOSING_SECONDS = 4.0
_TIDYING_SECONDS = 3.0
# After a signal, answers that are on their way have so long to arrive.
_ARRIVING_SECONDS = 6.0


async def _record(page: BrowserPage, request: Request) -> None:
    from caliber_crawler.browser.scroll import Recorder

    Recorder.of(page)


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As asyncio does, but not of futures that Playwright dropped when its driver was ended."""
    if "reading from the driver" not in str(context.get("exception")):
        loop.default_exception_handler(context)


async def _removed(folders: Collection[Path]) -> None:
    """Wait a little for the driver to remove the folders of a browser that is dead."""
    for _ in range(20):
        if not any(folder.exists() for folder in folders):
            break
        await asyncio.sleep(0.05)


def _retry_after(response: Response) -> str | None:
    value = response.headers.get("Retry-After")
    return value.decode("latin-1") if value else None


def _reason(error: str) -> str:
    """Why a start failed, in one line: Playwright's first, with the last that Chromium wrote."""
    said = re.findall(r"\[err\] (.*\S)", error)
    return " - ".join([error.partition("\n")[0], *said[-1:]])


class BrowserOnDemandHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, with a browser behind it for ``meta={"playwright": True}``.

    With ``record_exchanges`` the page is listened to from before its first request, for
    `browser.scroll.Recorder`; the request itself carries plain data only.

    Requests of both kinds keep one common distance, and after a signal neither is waited for long.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._addon = CaliberAddon.of(crawler)
        self._browser = Browser(crawler)
        self._running: set[asyncio.Task[Response]] = set()
        self._watch: asyncio.Task[None] | None = None
        # Scrapy's own count is late: all that are queued within one round of the event loop pass
        # it. A number of 0 means no limit there.
        most = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._at_once = asyncio.Semaphore(most) if most > 0 else nullcontext()

    async def download_request(self, request: Request) -> Response:
        if request.meta.get("playwright"):
            if request.meta.get("record_exchanges"):
                request.meta["playwright_page_init_callback"] = _record
            # The page takes its turn when it sends its request, and its limit of time is running
            # by then: a long wait, as in a pause, is waited for here.
            await self._addon.turns.take_in_browser()
            response = await self._browser.download(request)
            await self._addon.turns.answered(response.status, _retry_after(response))
            return response
        async with self._at_once:
            return await self._download(request)

    async def _download(self, request: Request) -> Response:
        await self._addon.turns.take()
        self._watch = self._watch or asyncio.ensure_future(self._cut_off())
        task = asyncio.ensure_future(super().download_request(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            response = await task
        except asyncio.CancelledError:
            if self._addon.signal is None:
                raise
            raise IgnoreRequest("a signal ended the crawl while the page was on its way") from None
        await self._addon.turns.answered(response.status, _retry_after(response))
        return response

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await self._browser.close()
        await super().close()

    async def _cut_off(self) -> None:
        """Once a signal came, give up what does not arrive."""
        await self._addon.stopped.wait()
        await asyncio.sleep(_ARRIVING_SECONDS)
        for task in self._running:
            task.cancel()


class Browser:
    """One Chromium with its driver: started when it is wanted first, started anew when it is dead
    or does not answer, and gone with all its processes after `close`.

    It is scrapy-playwright's handler inside. That handler itself starts Playwright with every
    engine, which costs each plain crawl and each look into the shell half a second and a process.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._addon = CaliberAddon.of(crawler)
        self._patience = self._addon.config.browser_patience
        navigation = crawler.settings.getfloat("PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT") / 1000
        self._longest = navigation + self._patience
        self._handler: ScrapyPlaywrightDownloadHandler | None = None
        self._changing = asyncio.Lock()
        self._processes: set[processes.Process] = set()
        self._folders: set[Path] = set()
        self._failed_starts = 0

    async def download(self, request: Request) -> Response:
        """Open a page. Raises `BrowserUnavailable`, and what Playwright raises."""
        handler = await self._ready()
        try:
            response: Response = await within(
                self._longest, self._stopping, handler.download_request(request)
            )
        except TimeoutError as error:
            async with self._changing:
                if self._handler is handler:
                    await self._end(kindly=False)
            raise BrowserUnavailable(f"Chromium did not open the page: {error}") from error
        return response

    async def close(self) -> None:
        """End the browser; idempotent."""
        async with self._changing:
            await self._end(kindly=True)

    def _stopping(self) -> bool:
        return self._addon.stopping

    async def _ready(self) -> ScrapyPlaywrightDownloadHandler:
        async with self._changing:
            if self._handler is not None and not await self._answers(self._handler):
                logger.warning("Chromium died or does not answer; it is started anew")
                await self._end(kindly=False)
            if self._handler is None:
                await self._start()
            assert self._handler is not None  # noqa: S101 - _start sets it or raises
            return self._handler

    async def _answers(self, handler: ScrapyPlaywrightDownloadHandler) -> bool:
        browser = getattr(handler, "browser", None)
        if browser is None or not browser.is_connected():
            return False

        async def ask() -> None:
            session = await browser.new_browser_cdp_session()
            await session.send("Browser.getVersion")
            await session.detach()

        try:
            await within(self._patience, self._stopping, ask())
        except Exception as error:  # whatever it is, this browser is of no use
            logger.info("Chromium does not answer: %s", error)
            return False
        return True

    async def _start(self) -> None:
        from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

        if self._failed_starts >= _STARTS:
            raise BrowserUnavailable(
                "Chromium could not be started before, see CHROMIUM_EXECUTABLE"
            )
        handler = ScrapyPlaywrightDownloadHandler.from_crawler(self._crawler)
        # Its own restarts of a dead browser are neither counted nor bounded in time.
        handler.config.target_closed_max_retries = 0
        others = processes.drivers()

        async def launch() -> None:
            # What it does itself when the engine starts, which was long before.
            await handler._launch()
            await handler._maybe_launch_browser()

        self._handler = handler
        asyncio.get_running_loop().set_exception_handler(_complain)
        try:
            # Playwright's own limit is shorter, and it tidies up after itself.
            await within(self._patience + _TIDYING_SECONDS, self._stopping, launch())
        except Exception as error:  # of Playwright, of the system, or the time is over
            self._failed_starts += 1
            self._processes |= self._started(others)
            await self._end(kindly=False)
            path = handler.config.launch_options.get("executable_path", "Playwright's own")
            why = _reason(str(error))
            raise BrowserUnavailable(
                f"Chromium ({path}, see CHROMIUM_EXECUTABLE) could not be started: {why}"
            ) from error
        self._failed_starts = 0
        self._processes |= self._started(others)
        self._folders = {folder for p in self._processes if (folder := processes.profile(p))}

    @staticmethod
    def _started(others: set[processes.Process]) -> set[processes.Process]:
        """The driver started since `others` were noted, and its browser."""
        drivers = processes.drivers() - others
        return drivers | processes.browsers(drivers)

    async def _end(self, *, kindly: bool) -> None:
        """End driver and browser, `kindly` by asking first.

        The driver is asked in any case: it removes the browser's folder of temporary files.
        """
        handler, self._handler = self._handler, None
        if handler is None:
            return
        roots, self._processes = self._processes, set()
        folders, self._folders = self._folders, set()
        pages = 0 if self._stopping() else handler._get_total_page_count()
        if kindly and pages:
            logger.warning("%s pages of Chromium are still open", pages)
        if not kindly:
            drivers = processes.drivers()
            await processes.end(roots - drivers)
            await _removed(folders)
        for close in (handler.close, handler.browser_provider.close):
            # What is dead already raises all sorts of errors; below it is made sure of.
            with suppress(Exception):
                await asyncio.wait_for(close(), _CLOSING_SECONDS / (1 if kindly else 2))
        await processes.end(roots)
