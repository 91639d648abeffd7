"""The spider `refresh`: visits stored articles again, for edits, counters and removal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.items import Article, Reject, Revisit
from caliber_crawler.responses import means_missing, requested_urls
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
        asked = self.config.site.canonical(requested_urls(response)[0])
        for found in super().parse_article(response, *args, **kwargs):
            yield found
            redirected = "redirect_urls" in response.meta
            if isinstance(found, Article) and redirected and found.url != asked:
                # Of the record that moved along this says nothing: its address is another one.
                yield self.revisit(response, "missing", "redirect")

    def not_an_article(self, response: Response, error: NotAnArticle) -> Iterator[Reject | Revisit]:
        """A page that says "not found" is what removed articles leave; it is no reject here."""
        if means_missing(response, error, self.config.site):
            yield self.revisit(response, "missing", error.kind)
        else:
            yield from super().not_an_article(response, error)
            yield self._in_vain(requested_urls(response)[0])

    def article_failed(self, failure: Failure) -> Iterator[Reject | Revisit]:
        """Removed articles are what this spider looks for, and no failure."""
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in LACKING:
            yield self.revisit(error.response, "missing", f"http_{error.response.status}")
        else:
            request: Request = failure.request  # type: ignore[attr-defined]
            for reject in self.failed(failure):
                yield reject
                yield self._in_vain(request.meta.get("redirect_urls", [request.url])[0])

    def _in_vain(self, asked: str) -> Revisit:
        """A visit that told nothing. Without it the article would stay the one that is due for the
        longest time, and with a `limit` no other one would ever be visited."""
        url = self.config.site.canonical(asked) or asked
        return Revisit(url, "nothing", "", self.fetch().vain(asked))
