"""The download handler: plain HTTP, and a browser that is started only when a request wants it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler

if TYPE_CHECKING:
    from playwright.async_api import Page as BrowserPage
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler


async def _record(page: BrowserPage, request: Request) -> None:
    from caliber_crawler.browser.scroll import Recorder

    Recorder.of(page)


class BrowserOnDemandHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, with scrapy-playwright behind it for ``meta={"playwright": True}``.

    With ``record_exchanges`` the page is listened to from before its first request, for
    `browser.scroll.Recorder`; the request itself carries plain data only.

    scrapy-playwright's own handler starts Playwright with every engine, which costs each plain
    crawl and each look into the shell half a second and a process.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawler_of_browser = crawler
        self._browser: ScrapyPlaywrightDownloadHandler | None = None
        self._starting = asyncio.Lock()

    async def download_request(self, request: Request) -> Response:
        if not request.meta.get("playwright"):
            return await super().download_request(request)
        if request.meta.get("record_exchanges"):
            request.meta["playwright_page_init_callback"] = _record
        browser = await self._started()
        response: Response = await browser.download_request(request)
        return response

    async def close(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        await super().close()

    async def _started(self) -> ScrapyPlaywrightDownloadHandler:
        async with self._starting:
            if self._browser is None:
                from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

                browser = ScrapyPlaywrightDownloadHandler.from_crawler(self._crawler_of_browser)
                # What it does itself when the engine starts, which was long before.
                await browser._launch()
                self._browser = browser
        return self._browser
