"""Which of a page's requests the browser may make, and when."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.async_api import Request

    from caliber_crawler.reach import Reach

logger = logging.getLogger(__name__)

_NAMED_HOSTS = 50
# What no list needs. Blocked everywhere, so that a picture that never ends cannot hold a page.
_HEAVY = frozenset({"image", "media", "font", "texttrack", "eventsource", "websocket", "manifest"})
# What asks the site for a page or for cards, and so counts for politeness.
_COUNTED = frozenset({"document", "xhr", "fetch"})

# What a page makes itself; nothing is asked of anyone.
_OF_THE_PAGE = frozenset({"data", "blob", "about"})


class Blocker:
    """Decides on each request of a page: True means that it is blocked.

    Only what is within `reach` is asked, so adverts and trackers are not. Requests that count for
    politeness wait for `turn()`; `blocked` is called with the kind of each request that is
    turned away.
    """

    def __init__(
        self, reach: Reach, turn: Callable[[], Awaitable[None]], blocked: Callable[[str], object]
    ) -> None:
        self._reach = reach
        self._named: set[str] = set()
        self._turn = turn
        self._blocked = blocked

    async def __call__(self, request: Request) -> bool:
        ours = self._is_ours(request.url)
        if not ours:
            self._name(urlsplit(request.url).hostname or "")
        if request.resource_type in _HEAVY or not ours:
            self._blocked(request.resource_type)
            return True
        if request.resource_type in _COUNTED:
            try:
                await self._turn()
            except Exception:  # the crawl ends; nobody is there to hear of it
                self._blocked(request.resource_type)
                return True
        return False

    def _name(self, host: str) -> None:
        """Tell of a host once: a list may need what is there."""
        if host not in self._named and len(self._named) < _NAMED_HOSTS:
            self._named.add(host)
            logger.info("Pages ask for %s, which is none of the site's hosts (SITE_HOSTS)", host)

    def _is_ours(self, url: str) -> bool:
        return urlsplit(url).scheme in _OF_THE_PAGE or self._reach.refusal(url) is None
