"""The spider `refresh`: visits stored articles again, for edits, counters and removal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.items import Article, Reject, Revisit
from caliber_crawler.responses import means_missing
from caliber_crawler.spiders.arguments import RefreshArguments
from caliber_crawler.spiders.base import LACKING, CaliberSpider

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from caliber_crawler.errors import NotAnArticle
    from caliber_crawler.store.visits import Due

_NOT_MODIFIED = 304


class RefreshSpider(CaliberSpider):
    """Visits the stored articles that are due: young ones and those that change often, old ones
    rarely (`revisit`). Where the site gives validators, it is asked whether the page changed.

    Arguments: ``newer_than`` (``48h``, ``30d``, ``2w``: all articles published since, due or not),
    ``limit`` (articles, those first that are due for the longest time).
    """

    name = "refresh"
    arguments_class = RefreshArguments

    def set_arguments(self, arguments: RefreshArguments) -> None:
        self.arguments = arguments

    async def start(self) -> AsyncIterator[Any]:
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is None:
            return
        at, span = addon.server_now(), self.arguments.newer_than
        newer_than = at - span if span else None
        due = await addon.patiently(
            lambda: store.visits.due(at, newer_than=newer_than, limit=self.arguments.limit)
        )
        self.count(counters.VISITS_DUE, number=len(due))
        self.logger.info("%s stored articles are due for a visit", len(due))
        for article in due:
            yield self._request(article)

    def _request(self, article: Due) -> Request:
        request = self.article_request(article.url, newest=article.published_at)
        request.meta["handle_httpstatus_list"] = [_NOT_MODIFIED]
        for name, value in (
            ("If-None-Match", article.etag),
            ("If-Modified-Since", article.last_modified),
        ):
            if value:
                request.headers[name] = value
        return request

    def parse_article(
        self, response: Response, *args: Any, **kwargs: Any
    ) -> Iterator[Article | Reject | Revisit]:
        """One record, or one revisit when the page is as it was or is there no more."""
        if response.status == _NOT_MODIFIED:
            yield self.revisit(response, "not_modified", "http_304")
            return
        yield from super().parse_article(response, *args, **kwargs)

    def not_an_article(self, response: Response, error: NotAnArticle) -> Iterator[Reject | Revisit]:
        """A page that says "not found" is what removed articles leave; it is no reject here."""
        if means_missing(response, error, self.config.site):
            yield self.revisit(response, "missing", error.kind)
        else:
            yield from super().not_an_article(response, error)

    def article_failed(self, failure: Failure) -> Iterator[Reject | Revisit]:
        """Removed articles are what this spider looks for, and no failure."""
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in LACKING:
            yield self.revisit(error.response, "missing", f"http_{error.response.status}")
        else:
            yield from self.failed(failure)
