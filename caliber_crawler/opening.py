"""scrapy-playwright's handler, as the browser of a crawl (`browsing`) wants it.

A module of its own, because importing Playwright takes longer than many a plain crawl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

if TYPE_CHECKING:
    from playwright.async_api import Page
    from scrapy import Request, Spider


class PageHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]
    """Takes a page for a page, also when its script starts a download meanwhile."""

    async def _get_response_and_download(
        self, request: Request, page: Page, spider: Spider
    ) -> tuple[Any, Any]:
        response, download = await super()._get_response_and_download(request, page, spider)
        return response, download if response is None else None
