"""What all spiders share: arguments, the site, and how an article is asked for and read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import scrapy
from scrapy.exceptions import DownloadTimeoutError, IgnoreRequest
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.config import Config
from caliber_crawler.errors import NotAnArticle, OverLimit
from caliber_crawler.health import in_section
from caliber_crawler.items import Article, Card, Reject, Revisit, SectionRef
from caliber_crawler.outcomes import Refused, is_certain, is_forbidden
from caliber_crawler.pages.kinds import in_place_of_a_list
from caliber_crawler.requests import MERGE, NEWEST
from caliber_crawler.responses import (
    CUT_OFF,
    Fetch,
    article_of,
    count_notes,
    means_missing,
    page_of,
    reject_of,
    requested_urls,
)
from caliber_crawler.secrecy import hide
from caliber_crawler.spiders.arguments import Arguments
from caliber_crawler.store.cards import Compared

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

    from caliber_crawler.store.cards import Source

T = TypeVar("T")

ARTICLE_PRIORITY = 0
LIST_PRIORITY = 100
FORBIDDEN_BY_ROBOTS = "forbidden_by_robots"
_SERVER_ERRORS = 500
_LARGE = 100_000
NOT_A_LIST = "not_a_list"
"""How the reasons of rejects begin for pages that show another thing in place of a list."""
LACKING = (404, 410)
"""Statuses by which the site says that there is no such page."""


class CaliberSpider(scrapy.Spider):  # no ABC: Scrapy's feeds read all that `dir` names of it
    """Base of the spiders of this project.

    `arguments` are the checked arguments, `given_arguments` the texts that they came from,
    without passwords, for those who look at the crawl.
    """

    arguments_class: ClassVar[type[Arguments]]
    config: Config
    allowed_domains: list[str]
    given_arguments: dict[str, str]

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Raises `ArgumentError` and `ConfigError` before anything is asked of the site."""
        config = Config.from_settings(crawler.settings)
        arguments = cls.arguments_class.parse(kwargs, config)
        spider = super().from_crawler(crawler)
        spider.config = config
        spider.given_arguments = {name: hide(str(value)) for name, value in kwargs.items()}
        spider.allowed_domains = [config.site.host]
        spider.set_arguments(arguments)
        return spider

    def other_arguments(self, before: Mapping[str, str]) -> str:
        """By which arguments this spider would have other work than one that was given `before`,
        in words; empty when it has the same."""
        now = self.given_arguments
        names = self.arguments_class.differing(before, now, self.config)
        return "; ".join(
            f"{name}: {before.get(name, 'not given')[:100]}, now {now.get(name, 'not given')[:100]}"
            for name in names
        )

    def set_arguments(self, arguments: Any) -> None:
        """Take the checked arguments; they are of the spider's `arguments_class`."""
        raise NotImplementedError

    async def start(self) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield  # makes this a generator, as Scrapy expects

    # --- articles

    def article_request(
        self,
        url: str,
        *,
        sections: Sequence[SectionRef] = (),
        addresses: Sequence[str] = (),
        newest: datetime | None = None,
    ) -> Request:
        """A request for one article; `sections` named it, `addresses` are other forms of `url`.

        `newest` is when it was published as far as known: the newest are asked for first.
        """
        return Request(
            url,
            callback=self.parse_article,
            errback=self.article_failed,
            priority=ARTICLE_PRIORITY,
            cb_kwargs={"sections": list(sections), "addresses": list(addresses)},
            meta={MERGE: ["sections", "addresses"], NEWEST: newest},
        )

    def parse_article(
        self,
        response: Response,
        sections: Sequence[SectionRef] = (),
        addresses: Sequence[str] = (),
    ) -> Iterator[Article | Reject | Revisit | Request]:
        """One record, or one reject when the page is of another kind."""
        fetch = self.fetch()
        try:
            article, notes = article_of(
                response,
                self.config.site,
                fetch,
                sections=sections,
                addresses=addresses,
                limits=self.config.limits,
            )
        except NotAnArticle as error:
            self._count_rejected(response, sections)
            yield from self.not_an_article(response, error)
            return
        count_notes(article, notes, self.count)
        if CUT_OFF in response.flags:
            self.broken_off(response, "the page was cut off at every attempt")
        if self.admits(article):
            yield article
        else:
            self.count(counters.ARTICLES_OUT_OF_RANGE)

    def broken_off(self, response: Response, why: str) -> None:
        """Have the request of an answer count as failed, although what there is of it is taken."""
        if response.request is not None:
            CaliberAddon.of(self.crawler).outcomes.failed(response.request, why)
            self.count(counters.FAILED_REQUESTS)

    def in_its_place(self, response: Response) -> Reject | None:
        """The reject for a page that has nothing of the list or home page that was asked for, and
        shows why: another time it may be there. None when it is not told."""
        what = in_place_of_a_list(page_of(response), self.config.site)
        if what is None:
            return None
        self.broken_off(response, what.detail)
        self.logger.warning("%s: %s", response.url, what.detail)
        return reject_of(response, self.fetch(), f"{NOT_A_LIST}_{what.kind}", what.detail)

    def _count_rejected(self, response: Response, sections: Sequence[SectionRef]) -> None:
        address = self.config.site.address(response.url)
        slug = sections[0]["slug"] if sections else None
        if detail := in_section("rejected", address.language if address else None, slug):
            self.count(counters.SECTIONS, detail)

    def not_an_article(
        self, response: Response, error: NotAnArticle
    ) -> Iterator[Reject | Revisit | Request]:
        """What becomes of a page that shows no article: a reject.

        One that says that the article is not there is noted with its record, too.
        """
        if means_missing(response, error, self.config.site):
            yield self.revisit(response, "missing", error.kind)
        kind = f"not_an_article_{error.kind}"
        yield reject_of(response, self.fetch(), kind, error.detail)

    def revisit(
        self, response: Response, found: Literal["not_modified", "missing"], reason: str
    ) -> Revisit:
        """What a request for an article that may be stored found instead of its text."""
        asked = requested_urls(response)[0]
        url = self.config.site.canonical(asked) or asked
        return Revisit(url, found, reason, self.fetch().info(response, None))

    def admits(self, article: Article) -> bool:
        """Whether an article that was read is one that was asked for."""
        return True

    # --- failures

    def article_failed(self, failure: Failure) -> Iterator[Reject | Revisit | Request]:
        """Errback of an article's request; that the site lacks it is noted with its record."""
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in LACKING:
            yield self.revisit(error.response, "missing", f"http_{error.response.status}")
        yield from self.failed(failure)

    def failed(self, failure: Failure) -> Iterator[Reject]:
        """Errback of every request: what gave no page becomes a reject with its reason."""
        request: Request = failure.request  # type: ignore[attr-defined]
        error = failure.value
        if CaliberAddon.of(self.crawler).stopping and not isinstance(error, HttpError):
            return  # the crawl ends early; nothing is wrong with the page
        self.count(counters.FAILED_REQUESTS)
        if isinstance(error, HttpError):
            response = error.response
            reason = f"http_{response.status}"
            failed = response.status >= _SERVER_ERRORS
            detail = "the site's server failed" if failed else "the site refused or lacks the page"
            small = len(response.body) < _LARGE  # others are read for nothing, and may take long
            what = in_place_of_a_list(page_of(response), self.config.site) if small else None
            detail += f": {what.detail}" if what is not None else ""
            yield reject_of(response, self.fetch(), reason, detail)
            return
        if not is_certain(error):  # of a loop of redirects only the errback hears
            outcomes = CaliberAddon.of(self.crawler).outcomes
            outcomes.failed(request, f"{type(error).__name__}: {error}")
        asked, detail = request.url, f"{type(error).__name__}: {error}"
        if isinstance(error, Refused) and request.meta.get("redirect_urls"):
            asked, detail = request.meta["redirect_urls"][0], f"redirects to {asked}: {error}"
        yield Reject(url=asked, reason=_reason(error), detail=detail[:500], at=now())

    def first_of(
        self, what: Literal["cards", "sections"], url: str, seen: Sequence[T], most: int
    ) -> tuple[Sequence[T], list[Any]]:
        """What of a list may be taken, and, when that is not all of it, the reject that says so."""
        most = max(0, most)
        if len(seen) <= most:
            return seen, []
        self.count(counters.CUT, what)
        detail = f"{len(seen)} {what} named; only the first {most} are taken"
        reject = Reject(url=url, reason=f"too_many_{what}", detail=detail, at=now())
        return seen[:most], [reject]

    # --- shorthands

    @property
    def durable(self) -> bool:
        """Whether requests go through the frontier, where other workers may take them up."""
        return CaliberAddon.of(self.crawler).durable

    def count(self, name: str, detail: str = "", number: int = 1) -> None:
        """Add to a counter of `counters`."""
        CaliberAddon.of(self.crawler).count(name, detail, number)

    async def compared_cards(self, cards: Sequence[Card], source: Source = "list") -> Compared:
        """`store.cards.CardStore.compare` for this moment; nothing is known without a store."""
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is None:
            return Compared(addon.server_now(), source)
        # By the clock by which fetches are told, with which a card's last change is compared.
        return await addon.patiently(lambda: store.cards.compare(cards, addon.server_now(), source))

    async def note_cards(self, compared: Compared, taken: Sequence[tuple[str, str]] = ()) -> None:
        """`store.cards.CardStore.note`, where there is a store."""
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is not None:
            await addon.patiently(lambda: store.cards.note(compared, taken))

    def fetch(self) -> Fetch:
        """This crawl and this moment, for the records of the page being read."""
        addon = CaliberAddon.of(self.crawler)
        # One clock for all workers: which of two fetches was later decides what a record says.
        return Fetch(addon.crawl_id, self.name, addon.worker.id, addon.server_now())


def _reason(error: BaseException | None) -> str:
    """The reason of a reject for a request that gave no page, in one word."""
    if isinstance(error, OverLimit):
        return error.reason
    if isinstance(error, DownloadTimeoutError):
        return "too_slow"
    if isinstance(error, Refused):
        return error.reason
    if is_forbidden(error):
        return FORBIDDEN_BY_ROBOTS
    if isinstance(error, IgnoreRequest) and "max redirections" in str(error):
        return "too_many_redirects"
    return "no_response"
