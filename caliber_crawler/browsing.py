"""The browser of a crawl: started when it is wanted first, and gone with all its processes."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from scrapy.utils.misc import load_object

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.browser import authorities, processes, ways
from caliber_crawler.browser.guard import CONTEXT_OPTIONS, PageGuard
from caliber_crawler.browser.waiting import end_leftovers, within
from caliber_crawler.connections import addresses_of
from caliber_crawler.errors import BrowserUnavailable
from caliber_crawler.outcomes import Refused
from caliber_crawler.reach import OFF_SITE, PRIVATE_ADDRESS
from caliber_crawler.settings import variables_with

if TYPE_CHECKING:
    from playwright.async_api import Page as BrowserPage
    from playwright.async_api import Response as BrowserResponse
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


def _reason(error: str) -> str:
    """Why a start failed, in one line: Playwright's first, with the last that Chromium wrote."""
    said = re.findall(r"\[err\] (.*\S)", error)
    return " - ".join([error.partition("\n")[0], *said[-1:]])


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
        self._navigation = crawler.settings.getfloat("PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT") / 1000
        self._handler: ScrapyPlaywrightDownloadHandler | None = None
        self._changing = asyncio.Lock()
        self._processes: set[processes.Process] = set()
        self._folders: set[Path] = set()
        self._failed_starts = 0
        self._options: list[str] = []
        self._pinned: dict[str, str] = {}
        self._home: Path | None = None

    async def download(self, request: Request) -> Response:
        """Open a page. Raises `BrowserUnavailable`, and what Playwright raises."""
        handler = await self._ready()
        guard = PageGuard(self._addon.reach.refusal, self._addon.blocked)
        # What the page asks for waits for its turns meanwhile.
        navigation = self._navigation + self._addon.turns.of_a_page
        self._prepare(request, guard, navigation)
        try:
            response: Response = await within(
                navigation + self._patience, self._stopping, handler.download_request(request)
            )
        except TimeoutError as error:
            async with self._changing:
                if self._handler is handler:
                    await self._end(kindly=False)
            raise BrowserUnavailable(f"Chromium did not open the page: {error}") from error
        except Exception as error:  # of Playwright, which is not to be imported for plain crawls
            if guard.is_file:
                raise BrowserUnavailable("the address leads to a file, not a page") from error
            if guard.left is None:
                raise
            why = self._addon.reach.refusal(guard.left)
            raise Refused(OFF_SITE, f"redirects to {guard.left[:300]}: {why}") from error
        return response

    def _prepare(self, request: Request, guard: PageGuard, navigation: float) -> None:
        """Have the page guarded, and listened to if wanted, from before its first request.

        It may take `navigation` seconds to open.
        """
        given = request.meta.get("playwright_page_init_callback")
        given = None if getattr(given, "guards", False) else given

        async def opened(page: BrowserPage, request: Request) -> None:
            await guard.watch(page)
            page.on("response", self._answered)
            if request.meta.get("record_exchanges"):
                from caliber_crawler.browser.recorder import Recorder

                Recorder.of(page).blocker = self._addon.blocker
            if given is not None:
                await load_object(given)(page, request)

        opened.guards = True  # type: ignore[attr-defined]
        request.meta["playwright_page_init_callback"] = opened
        options = request.meta.get("playwright_context_kwargs") or {}
        request.meta["playwright_context_kwargs"] = {**options, **CONTEXT_OPTIONS}
        goto = request.meta.get("playwright_page_goto_kwargs") or {}
        request.meta["playwright_page_goto_kwargs"] = {"timeout": navigation * 1000, **goto}

    async def _answered(self, response: BrowserResponse) -> None:
        """Hear of an answer to what a page asks for; that to the page itself the handler tells."""
        with suppress(Exception):  # the page is gone, or the database: others hear of that
            if response.request.is_navigation_request() and response.frame.parent_frame is None:
                return
            asked = response.headers.get("retry-after")
            await self._addon.turns.answered(response.status, asked)

    async def _ways(self) -> list[str]:
        """Chromium's options by which it reaches the site. Raises `Refused`."""
        reach, through = self._addon.reach, ways.proxies()
        found: dict[str, str] = {}
        refused = ""
        for host in dict.fromkeys(place.host for place in reach.places):
            if ways.is_direct(host, through):
                addresses = await addresses_of(host)
                good = [address for address in addresses if reach.may_connect(address)]
                # Chromium gets one address and cannot try another; IPv4 is had nearly everywhere.
                good.sort(key=lambda address: ":" in address)
                if good:
                    # The one in use is kept as long as it is among them: names may have many.
                    old = self._pinned.get(host)
                    found[host] = old if old in good else good[0]
                elif addresses:
                    refused = f"{host} leads to {addresses[0]}, which is no public address"
        if refused and not found:
            raise Refused(PRIVATE_ADDRESS, refused)
        self._pinned = found
        return ways.options(reach.places, found, through)

    async def close(self) -> None:
        """End the browser, and all that it had under way; idempotent."""
        async with self._changing:
            await self._end(kindly=True)
        await end_leftovers()

    def _stopping(self) -> bool:
        return self._addon.stopping

    async def _ready(self) -> ScrapyPlaywrightDownloadHandler:
        async with self._changing:
            options = await self._ways()
            moved = options != self._options and self._handler is not None
            if moved and not self._pages():
                logger.info("The site's hosts have other addresses now; Chromium is started anew")
                await self._end(kindly=True)
            self._options = options if self._handler is None else self._options
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
        from caliber_crawler.opening import PageHandler, Provider

        if self._failed_starts >= _STARTS:
            raise BrowserUnavailable(
                "Chromium could not be started before, see CHROMIUM_EXECUTABLE"
            )
        handler: ScrapyPlaywrightDownloadHandler = PageHandler.from_crawler(self._crawler)
        # Its own restarts of a dead browser are neither counted nor bounded in time.
        handler.config.target_closed_max_retries = 0
        handler.config.launch_options = await self._launch_options(handler.config.launch_options)
        if not self._crawler.settings.get("PLAYWRIGHT_BROWSER_PROVIDER"):  # one of the user's own
            handler.browser_provider_cls = partial(Provider, complain=self._without_sandbox)
        others = processes.drivers()

        async def start() -> None:
            # What it does itself when the engine starts, which was long before.
            await handler._launch()
            await handler._maybe_launch_browser()

        self._handler = handler
        asyncio.get_running_loop().set_exception_handler(_complain)
        try:
            # Playwright's own limit is shorter, and it tidies up after itself.
            await within(self._patience + _TIDYING_SECONDS, self._stopping, start())
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

    def _without_sandbox(self, why: str) -> None:
        self._addon.count(counters.BROWSER_NO_SANDBOX)
        logger.warning("Chromium runs without its sandbox: %s; see SECURITY.md", why)

    async def _launch_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Playwright's, completed by what is known only now. Raises `BrowserUnavailable`."""
        options = options | {"args": [*options.get("args", ()), *self._options]}
        trusted = self._addon.config.ca_file
        if trusted is not None:
            try:
                self._home = await asyncio.to_thread(authorities.home_with, trusted)
            except authorities.NoAuthorities as error:
                raise BrowserUnavailable(
                    f"Chromium cannot be made to trust the authorities in TLS_CA_FILE: {error}"
                ) from error
            changes = {"HOME": str(self._home), "XDG_DATA_HOME": str(self._home / "share")}
            options["env"] = variables_with(changes)
        return options

    def _pages(self) -> int:
        return self._handler._get_total_page_count() if self._handler is not None else 0

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
        home, self._home = self._home, None
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
        if home is not None:
            await asyncio.to_thread(rmtree, home, ignore_errors=True)
