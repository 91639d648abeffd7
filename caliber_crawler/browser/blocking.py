"""Which of a page's requests the browser may make, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from playwright.async_api import Page, Request

    from caliber_crawler.reach import Reach

logger = logging.getLogger(__name__)

# So many hosts and addresses are told of in the log.
_NAMED = 50
# What a list may need; "other" is what a page has loaded ahead for its script. All else is blocked
# everywhere: pictures, which may never end and so hold a page, and what is not shown (beacons).
_NEEDED = frozenset({"document", "stylesheet", "script", "xhr", "fetch", "other"})
# What makes a list grow.
_GROWING = frozenset({"script", "xhr", "fetch"})
# What a page makes itself; nothing is asked of anyone.
_OF_THE_PAGE = frozenset({"data", "blob", "about"})

# So often a page may open an address in its main frame: its own, and what a script goes on to.
_OPENED = 3

FORBIDDEN = "forbidden"
"""The kind by which `Blocker` has requests counted that robots.txt forbids."""


class Blocker:
    """Decides on each request of a page: True means that it is blocked.

    Only what is within `reach` is asked, so adverts and trackers are not, and of that nothing that
    robots.txt `forbids`. Each request waits for `turn()`; `blocked` is called with the kind of each
    that is turned away. A page that opens itself or others again and again is stopped in that.

    A list may need what was turned away or waits: `waiting` are the requests that wait to be made,
    each with what it waits for, `forbidden` those that robots.txt forbids, `unnamed` those for
    scripts, and of scripts, that lead to hosts of the site which the operator did not name, `lost`
    says why others were not made.
    """

    def __init__(
        self,
        reach: Reach,
        forbids: Callable[[str], Awaitable[bool]],
        turn: Callable[[], Awaitable[None]],
        blocked: Callable[[str], object],
    ) -> None:
        self._reach = reach
        self._named: set[str] = set()
        self._forbids = forbids
        self._turn = turn
        self._blocked = blocked
        self.waiting: dict[Request, asyncio.Task[bool]] = {}
        self.forbidden: WeakSet[Request] = WeakSet()
        self.unnamed: WeakSet[Request] = WeakSet()
        self.lost: WeakKeyDictionary[Request, str] = WeakKeyDictionary()
        self._opened: WeakKeyDictionary[Page, int] = WeakKeyDictionary()

    async def __call__(self, request: Request) -> bool:
        why = await self._objection(request)
        if why is not None:
            self._blocked(why)
        return why is not None

    async def _objection(self, request: Request) -> str | None:
        """The kind as which a request is turned away; None once it may be made."""
        parts, kind = urlsplit(request.url), request.resource_type
        if parts.scheme in _OF_THE_PAGE:
            return None
        if self._reach.refusal(request.url) is not None:
            why = "Pages ask for %s, which is none of the site's hosts (SITE_HOSTS)"
            self._name(parts.hostname or "", why)
            if kind in _GROWING and self._reach.is_of_the_site(parts.hostname or ""):
                self.unnamed.add(request)
            return kind
        if kind not in _NEEDED:
            return kind
        if kind == "document" and self._is_restless(request):
            why = "Pages open addresses again and again, which is stopped: %s"
            self._name(parts._replace(query="").geturl(), why)
            return kind
        if "prefetch" in request.headers.get("sec-purpose", ""):  # for pages that nobody opens
            return "prefetch"
        self.waiting[request] = task = asyncio.ensure_future(self._may_be_made(request.url))
        try:
            await asyncio.wait({task})
        finally:
            del self.waiting[request]
            task.cancel()
        if task.cancelled():  # its page is left
            return kind
        if error := task.exception():  # the crawl ends, or a further host does not tell its rules
            self.lost[request] = str(error)
            return kind
        if not task.result():
            why = "robots.txt forbids what pages ask for: %s"
            self._name(parts._replace(query="").geturl(), why)
            self.forbidden.add(request)
            return FORBIDDEN
        return None

    def _is_restless(self, request: Request) -> bool:
        """Count what a page opens in its main frame; whether that is too much."""
        with suppress(Exception):  # it is for a frame that is not there yet
            if request.is_navigation_request() and request.frame.parent_frame is None:
                page = request.frame.page
                self._opened[page] = number = self._opened.get(page, 0) + 1
                return number > _OPENED
        return False

    async def _may_be_made(self, url: str) -> bool:
        """Whether robots.txt allows a request; if so, once its turn has come."""
        if await self._forbids(url):
            return False
        await self._turn()
        return True

    async def leave(self, page: Page) -> None:
        """Turn away what a page waits for and will ask for, before it is closed.

        Chromium makes the requests that are held when their page is closed, all at once.
        """
        for request, task in self.waiting.items():
            with suppress(Exception):  # it is for a frame that is not there yet
                if request.frame.page == page:
                    task.cancel()
        await page.unroute_all(behavior="wait")  # from now on it is as one that nobody opened

    def _name(self, what: str, text: str) -> None:
        """Tell of a host or an address once: a list may need what is there."""
        if what not in self._named and len(self._named) < _NAMED:
            self._named.add(what)
            logger.info(text, what[:300])
