"""The spider `refresh`: visits stored articles again, for edits, counters and removal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
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
_OTHERS, _IS_OTHER = "others", "is_other"  # arguments of the callbacks
_MOST_OTHERS = 3
"""Former addresses that are asked for one after the other, those first that were left last."""


class RefreshSpider(CaliberSpider):
    """Visits the stored articles that are due: young ones and those that change often, old ones
    rarely (`revisit`). Where the site gives validators, it is asked whether the page changed. What
    is not found under its address is looked for under those that it had before.

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
        canonical = (self.config.site.canonical(other) for other in article.others)
        others = [url for url in dict.fromkeys(canonical) if url and url != article.url]
        if others:
            request.cb_kwargs[_OTHERS] = others[:_MOST_OTHERS]
        return request

    def parse_article(
        self,
        response: Response,
        *args: Any,
        others: Sequence[str] = (),
        is_other: bool = False,
        **kwargs: Any,
    ) -> Iterator[Article | Reject | Revisit | Request]:
        """One record, or one revisit when the page is as it was or is there no more.

        `others` are addresses that the article had before, `is_other` tells that this is one.
        """
        if response.status == _NOT_MODIFIED:
            yield self.revisit(response, "not_modified", "http_304")
            return
        asked = self.config.site.canonical(requested_urls(response)[0])
        for found in super().parse_article(response, *args, **kwargs):
            led = isinstance(found, Article) and "redirect_urls" in response.meta
            if not led or found.url == asked:
                yield found
                continue
            # Of the record that moved along this says nothing: its address is another one.
            if not is_other:
                yield found
            yield from self._missing(response, "redirect")

    def not_an_article(
        self, response: Response, error: NotAnArticle
    ) -> Iterator[Reject | Revisit | Request]:
        """A page that says "not found" is what removed articles leave; it is no reject here."""
        if means_missing(response, error, self.config.site):
            yield from self._missing(response, error.kind)
            return
        yield from super().not_an_article(response, error)
        if not response.cb_kwargs.get(_IS_OTHER):
            yield self._in_vain(requested_urls(response)[0])

    def article_failed(self, failure: Failure) -> Iterator[Reject | Revisit | Request]:
        """Removed articles are what this spider looks for, and no failure."""
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in LACKING:
            yield from self._missing(error.response, f"http_{error.response.status}")
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        for reject in self.failed(failure):
            yield reject
            if not request.cb_kwargs.get(_IS_OTHER):
                yield self._in_vain(request.meta.get("redirect_urls", [request.url])[0])

    def _missing(self, response: Response, reason: str) -> Iterator[Revisit | Request]:
        """An article is not where it was: that is noted, and it is looked for where it was before.

        An editor may take a headline back, and with it the address. Where it is found the store
        takes that for its address.
        """
        given = response.cb_kwargs
        if not given.get(_IS_OTHER):
            yield self.revisit(response, "missing", reason)
        others = given.get(_OTHERS)
        if others:
            self.count(counters.VISITS_ELSEWHERE)
            request = self.article_request(others[0])
            request.cb_kwargs.update({_OTHERS: others[1:], _IS_OTHER: True})
            yield request

    def _in_vain(self, asked: str) -> Revisit:
        """A visit that told nothing. Without it the article would stay the one that is due for the
        longest time, and with a `limit` no other one would ever be visited."""
        url = self.config.site.canonical(asked) or asked
        return Revisit(url, "nothing", "", self.fetch().vain(asked))
