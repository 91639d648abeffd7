"""scrapy-playwright's handler, as the browser of a crawl (`browsing`) wants it.

A module of its own, because importing Playwright takes longer than many a plain crawl.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler
from scrapy_playwright.provider import PlaywrightBrowserProvider

from caliber_crawler.browser.chromium import launch

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page
    from scrapy import Request, Spider


class PageHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]
    """Takes a page for a page, also when its script starts a download meanwhile."""

    async def _get_response_and_download(
        self, request: Request, page: Page, spider: Spider
    ) -> tuple[Any, Any]:
        response, download = await super()._get_response_and_download(request, page, spider)
        return response, download if response is None else None


class Provider(PlaywrightBrowserProvider):  # type: ignore[misc]
    """Starts the browser in its sandbox, if it can be had; else `complain` is told why not."""

    def __init__(self, config: Any, complain: Callable[[str], None]) -> None:
        super().__init__(config)
        self._complain = complain

    async def launch_browser(self) -> Browser:
        if self.config.cdp_url or self.config.connect_url or self.browser_type is None:
            browser: Browser = await super().launch_browser()
            return browser
        return await launch(self.browser_type, self.config.launch_options, self._complain)
