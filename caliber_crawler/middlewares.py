"""The downloader middlewares: what leads out of reach, what needs no proxy, pages that were cut
off, and what became of requests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.http import HtmlResponse, TextResponse
from scrapy.utils.httpobj import urlparse_cached

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.browser.ways import is_loopback
from caliber_crawler.outcomes import Refused, is_certain
from caliber_crawler.reach import OFF_SITE
from caliber_crawler.requests import HTML_BATCH
from caliber_crawler.responses import CUT_OFF, page_of
from caliber_crawler.secrecy import keep_logins

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)

# So many refusals of a crawl are named in the log; all are counted.
_TOLD = 20
# How Scrapy marks an answer that it took although something was lost on the way. Its other mark,
# "partial", only says that no length was stated.
_LOSS = "dataloss"
_PART = 206
# Statuses that say nothing about the page: another time it may be there.
_PASSING = frozenset({408, 425, 429})

_Kind = Literal["page", "batch", "feed", "other"]


class OutcomeMiddleware:
    """Next to the engine, so that it sees what is left after retries and redirects."""

    def __init__(self, addon: CaliberAddon) -> None:
        self._addon = addon
        self._told = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler))

    def process_request(self, request: Request) -> None:
        # A login in it is hidden before anything is said about the request.
        if isinstance(proxy := request.meta.get("proxy"), str) and "@" in proxy:
            keep_logins(proxy if "://" in proxy else f"http://{proxy}")

    def _refused(self, request: Request, refusal: Refused) -> None:
        self._addon.count(counters.REFUSED, refusal.reason)
        self._told += 1
        if self._told <= _TOLD:
            logger.warning("%s is not asked for: %s", request.url[:300], refusal)

    def process_response(self, request: Request, response: Response) -> Response:
        if response.status >= 500 or response.status in _PASSING:
            self._addon.outcomes.failed(request, f"the site answered with {response.status}")
        else:
            self._addon.outcomes.fine(request)
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        if isinstance(exception, Refused):
            self._refused(request, exception)
        if self._addon.stopping:
            self._addon.outcomes.unfinished(request)
        elif not is_certain(exception):
            self._addon.outcomes.failed(request, f"{type(exception).__name__}: {exception}")


class ReachMiddleware:
    """Refuses what leads to other hosts, before anything (robots.txt, a turn) is asked for it.

    Each redirect comes by here as a request of its own, whoever asks. In `scrapy shell`, `fetch`
    and `view` people name addresses by hand, and these are taken; where they redirect is not.
    """

    def __init__(self, addon: CaliberAddon, by_hand: bool) -> None:
        self._reach = addon.reach
        self._by_hand = by_hand

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler), crawler.settings.getbool("CALIBER_BY_HAND"))

    def process_request(self, request: Request) -> None:
        if self._by_hand and not request.meta.get("redirect_urls"):
            self._reach.admit(request.url)
        why = self._reach.refusal(request.url)
        if why is not None:
            raise Refused(OFF_SITE, why)


class ProxyMiddleware(HttpProxyMiddleware):
    """Scrapy's, but requests for this machine that name no proxy of their own go there directly, as
    the browser's do: to a proxy elsewhere 127.0.0.1 is the proxy itself."""

    def process_request(
        self, request: Request, spider: Spider | None = None
    ) -> Request | Response | None:
        if "proxy" not in request.meta and is_loopback(urlparse_cached(request).hostname or ""):
            self._set_proxy_and_creds(request, None, None, None)
            return None
        return super().process_request(request)


class CutOffMiddleware:
    """Asks again for pages and feeds whose end is missing, as often as Scrapy retries anything.

    A connection that breaks without a stated length, or a proxy that stores half an answer, gives
    such pages with a good status. One that calls itself a part, though the whole was asked for, is
    believed. One that stays so passes on with the flag `CUT_OFF`. A site that
    never ends its documents is not asked in vain: after the first such page, and until a whole one
    is seen, no other is taken for cut off. Batches of lists, which are no documents, are told by
    their last letter, and apart from pages: a site may write something behind their last tag. So
    are feeds. What is of another kind (JSON, robots.txt) is asked for again when it is known that
    something was lost.
    """

    def __init__(self, addon: CaliberAddon, crawler: Crawler) -> None:
        self._addon = addon
        self._crawler = crawler
        # Of which kinds the ends are written, and which were asked for again in vain.
        self._ends_are_written: set[_Kind] = set()
        self._tried_in_vain: set[_Kind] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler), crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        if not 200 <= response.status < 300:
            return response
        part = response.status == _PART and "Range" not in request.headers
        lossy = part or _LOSS in response.flags
        kind = _kind(request, response)
        if not lossy and kind == "batch" and not response.body.strip():
            return response  # the end of a list, which says nothing of how others end
        if not lossy and not _is_cut(response, kind):
            self._ends_are_written.add(kind)
            return response
        if not lossy and kind in self._tried_in_vain - self._ends_are_written:
            return response
        if self._crawler.spider is None:
            return response
        again = get_retry_request(request, spider=self._crawler.spider, reason="cut off")
        if again is not None:
            self._addon.count(counters.PAGES_CUT_OFF)
            return again
        self._tried_in_vain.add(kind)
        response.flags.append(CUT_OFF)
        return response


def _kind(request: Request, response: Response) -> _Kind:
    if isinstance(response, TextResponse) and page_of(response).is_feed:
        return "feed"
    if not isinstance(response, HtmlResponse):
        return "other"
    return "batch" if request.meta.get(HTML_BATCH) else "page"


def _is_cut(response: Response, kind: _Kind) -> bool:
    """Whether the end is missing of a page or a feed, or of a batch: one that has tags and does not
    end in one."""
    if kind == "other":
        return False
    if page_of(response).is_cut:
        return True
    body = response.body.rstrip()
    return kind == "batch" and b"<" in body and not body.endswith(b">")
