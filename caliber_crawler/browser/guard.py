"""What a page may not do besides asking for things: open windows, download, call others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakSet

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Download, Page, Request, Route, WebSocketRoute

CONTEXT_OPTIONS = {
    # Their requests are none of a page's, and they outlive it.
    "service_workers": "block",
    # Files would be written to the disk, however large.
    "accept_downloads": False,
}
# Playwright does away with Chromium's own blocking of windows. Calls between browsers (WebRTC) and
# WebTransport connect to addresses past the resolver.
_WITHOUT = """
window.open = () => null;
for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'WebTransport'])
  delete window[name];
"""


class PageGuard:
    """Watches one page that is about to be opened.

    `refusal` says why an address is out of reach, None when it is not; `blocked` is called with the
    kind of what was prevented: ``popup``, ``download``, ``websocket``, ``redirect``. `left` is
    where the page's own address redirected to, when that is out of reach; `is_file` whether it led
    to a download.
    """

    _contexts: ClassVar[WeakSet[BrowserContext]] = WeakSet()

    def __init__(
        self, refusal: Callable[[str], str | None], blocked: Callable[[str], object]
    ) -> None:
        self._refusal = refusal
        self._blocked = blocked
        self._closing: set[asyncio.Task[None]] = set()
        self.left: str | None = None
        self.is_file = False

    async def watch(self, page: Page) -> None:
        """Before the page's first request."""
        page.on("popup", self._popup)
        page.on("download", self._download)
        page.on("requestfailed", self._failed)
        await page.add_init_script(_WITHOUT)
        await page.route_web_socket("**/*", self._websocket)
        context = page.context
        if context not in self._contexts:
            self._contexts.add(context)
            # A page's own routes come first, so this one meets what is of no page that we opened.
            await context.route("**/*", self._stray)

    def _popup(self, page: Page) -> None:
        self._blocked("popup")
        task = asyncio.ensure_future(self._close(page))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _download(self, _: Download) -> None:
        self._blocked("download")
        self.is_file = True

    def _failed(self, request: Request) -> None:
        if request.redirected_from is None or self._refusal(request.url) is None:
            return
        self._blocked("redirect")
        if request.is_navigation_request() and request.frame.parent_frame is None:
            self.left = request.url

    async def _websocket(self, route: WebSocketRoute) -> None:
        self._blocked("websocket")
        await route.close()

    @staticmethod
    async def _stray(route: Route) -> None:
        with suppress(Exception):  # its page is being closed
            await route.abort()

    @staticmethod
    async def _close(page: Page) -> None:
        with suppress(Exception):  # it may be gone already
            await page.close()
