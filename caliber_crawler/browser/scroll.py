"""Scrolling a list in a browser until nothing appears any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from playwright.async_api import Error as BrowserError

from caliber_crawler.browser.recorder import Recorder
from caliber_crawler.browser.scripts import APPEARED, PRESS, SWEEP, TAKE_NEW, WHOLE_CARDS
from caliber_crawler.browser.waiting import within

if TYPE_CHECKING:
    from playwright.async_api import Page

__all__ = ["BarredError", "BrowserError", "Forbidden", "Scroller", "Unnamed"]

T = TypeVar("T")

_PRESSES = 2
# When after a sweep a list is nudged, if nothing came; the last is how long is waited then.
_NUDGES_S = (0.3, 0.3, 0.5, 0.6)


class BarredError(BrowserError):
    """The crawler may not ask for what the list needs; `url` is the address of that."""

    def __init__(self, why: str, url: str) -> None:
        super().__init__(f"{why}: {url}")
        self.url = url


class Forbidden(BarredError):
    """robots.txt forbids what the list asks for."""


class Unnamed(BarredError):
    """What the list asks for is on a host of the site that the operator did not name."""


class Scroller:
    """Scrolls one page's list. Raises `BrowserError` when the page or the browser is gone.

    `quiet` is how many seconds without new cards and without a request on its way mean the end;
    `patience` how many seconds a request, or the browser itself, may take, and `row` how many
    seconds requests may wait for their turn before that. `stopping` tells that the crawl is to end
    now.
    """

    def __init__(
        self,
        page: Page,
        stopping: Callable[[], bool],
        *,
        quiet: float = 5.0,
        patience: float = 30.0,
        row: float = 0.0,
    ) -> None:
        self._page = page
        self._stopping = stopping
        self._quiet = quiet
        self._patience = patience
        self._row = row
        self._in_vain = 0  # presses since cards appeared
        self.recorder = Recorder.of(page)

    async def present(self) -> Sequence[str]:
        """The cards that are there and were not taken yet, as HTML, in page order."""
        found: list[str] = await self._wait(self._page.evaluate(TAKE_NEW, WHOLE_CARDS))
        if self.recorder.left is not None:
            raise BrowserError(f"the page went on to {self.recorder.left} by itself")
        await self.recorder.appeared(found)
        return found

    async def more(self) -> Sequence[str]:
        """Scroll until new cards appear and return them; empty when the list has ended.

        Raises the built-in TimeoutError when the browser does not answer any more, or when the
        crawl is to end while it is waited for; `Forbidden`, `Unnamed`, and `BrowserError`, when the
        list may have stopped growing for another reason than its end.
        """
        loop = asyncio.get_running_loop()
        began = quiet_since = loop.time()
        latest = began + self._row
        while not self._stopping():
            for nudge, seconds in enumerate(_NUDGES_S):
                await self._wait(self._page.evaluate(SWEEP, nudge > 0))
                if await self._appeared(seconds):
                    return await self._grown()
                if self._stopping():
                    break
            now = loop.time()
            if self.recorder.waiting and now < latest:
                began = quiet_since = now  # what it may take counts from when it is let go
            elif self.recorder.pending and now - began < self._patience:
                quiet_since = now
            elif await self._pressed():
                quiet_since = loop.time()
            elif now - quiet_since >= self._quiet:
                # Some scripts ask when nobody scrolled for a while.
                if await self._appeared(min(self._quiet, self._patience) / 2):
                    return await self._grown()
                limit = latest if self.recorder.waiting else began + self._patience
                if not self.recorder.unanswered or loop.time() >= limit:
                    break
        if not self._stopping():
            self._believe_the_end()
        return []

    def _believe_the_end(self) -> None:
        recorder = self.recorder
        if recorder.forbidden:
            raise Forbidden("robots.txt forbids what the list may need", recorder.forbidden)
        if recorder.unnamed:
            why = "the list may need what is on another host of the site, name that in SITE_HOSTS"
            raise Unnamed(why, recorder.unnamed)
        if recorder.refused:
            raise BrowserError(f"the list ends with a failed request: {recorder.refused}")
        if recorder.waiting:
            raise BrowserError(f"the list's request never had its turn: {recorder.waiting}")
        if recorder.hanging:
            raise BrowserError(f"the list's request was never answered: {recorder.hanging}")

    async def _grown(self) -> Sequence[str]:
        self._in_vain = 0
        return await self.present()

    async def _pressed(self) -> bool:
        """Press what loads more, if there is anything to press and that was not in vain before."""
        if self._in_vain >= _PRESSES or self._stopping():
            return False
        pressed = bool(await self._wait(self._page.evaluate(PRESS)))
        self._in_vain += pressed
        return pressed

    async def _appeared(self, seconds: float) -> bool:
        try:
            return bool(await self._wait(self._page.evaluate(APPEARED, seconds * 1000)))
        except BrowserError:
            if self.recorder.left is None:
                raise
            return True  # another page: whoever looks at its cards says so

    async def _wait(self, answer: Coroutine[Any, Any, T]) -> T:
        return await within(self._patience, self._stopping, answer)
