"""The download handler: plain HTTP, and a browser that is started only when a request wants it."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import (
    DownloadCancelledError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from scrapy.utils.misc import build_from_crawler

from caliber_crawler import counters, heads
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.browsing import Browser
from caliber_crawler.connections import GuardedPool, TrustingFactory
from caliber_crawler.errors import OverLimit
from caliber_crawler.outcomes import Refused
from caliber_crawler.reach import OFF_SITE

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

# After a signal, answers that are on their way have so long to arrive.
_ARRIVING_SECONDS = 6.0


def _retry_after(response: Response) -> str | None:
    value = response.headers.get("Retry-After")
    return value.decode("latin-1") if value else None


class BrowserOnDemandHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, with a browser behind it for ``meta={"playwright": True}``.

    With ``record_exchanges`` the page is listened to from before its first request, for
    `browser.recorder.Recorder`; the request itself carries plain data only.

    Requests of both kinds keep one common distance, and after a signal neither is waited for long.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._addon = CaliberAddon.of(crawler)
        tls: Any = build_from_crawler(TrustingFactory, crawler)
        tls.authorities = self._addon.config.ca_file
        self._contextFactory = tls
        self._pool = self._guarded(crawler, tls)
        self._browser = Browser(crawler)
        self._running: set[asyncio.Task[Response]] = set()
        self._watch: asyncio.Task[None] | None = None
        # Scrapy's own count is late: all that are queued within one round of the event loop pass
        # it. A number of 0 means no limit there.
        most = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._at_once = asyncio.Semaphore(most) if most > 0 else nullcontext()

    def _guarded(self, crawler: Crawler, tls: TrustingFactory) -> GuardedPool:
        """Scrapy's pool of connections with a guard; what Scrapy set in it is taken over."""
        from twisted.internet import reactor

        timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        pool = GuardedPool(reactor, self._addon.reach, tls, timeout)
        pool.maxPersistentPerHost = self._pool.maxPersistentPerHost
        pool._factory = heads.factory(self._addon.config.most_headers)
        return pool

    async def download_request(self, request: Request) -> Response:
        why = self._addon.reach.refusal(request.url)  # again, for what comes past the middlewares
        if why is not None:
            raise Refused(OFF_SITE, why)
        if request.meta.get("playwright"):
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
        except DownloadTimeoutError:  # Scrapy asks again
            self._addon.count(counters.LIMITS, "too_slow")
            raise
        except DownloadCancelledError as error:
            self._addon.count(counters.LIMITS, "too_large")
            raise OverLimit("too_large", str(error) or "more bytes than DOWNLOAD_MAXSIZE") from None
        except DownloadFailedError as error:
            if not heads.is_endless(error):
                raise
            self._addon.count(counters.LIMITS, "too_many_headers")
            what = "more bytes of headers than RESPONSE_MAX_HEADERS"
            raise OverLimit("too_many_headers", what) from None
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
