"""The downloader middleware that notes what became of requests, for the frontier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caliber_crawler.addon import CaliberAddon
from caliber_crawler.outcomes import is_certain

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

# Statuses that say nothing about the page: another time it may be there.
_PASSING = frozenset({408, 425, 429})


class OutcomeMiddleware:
    """Next to the engine, so that it sees what is left after retries and redirects."""

    def __init__(self, addon: CaliberAddon) -> None:
        self._addon = addon

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler))

    def process_response(self, request: Request, response: Response) -> Response:
        if response.status >= 500 or response.status in _PASSING:
            self._addon.outcomes.failed(request, f"the site answered with {response.status}")
        else:
            self._addon.outcomes.fine(request)
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        if self._addon.stopping:
            self._addon.outcomes.unfinished(request)
        elif not is_certain(exception):
            self._addon.outcomes.failed(request, f"{type(exception).__name__}: {exception}")
