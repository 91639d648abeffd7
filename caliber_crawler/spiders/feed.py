"""The spider `feed`: takes the new articles that the site's feed names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrapy.http import Request, Response

from caliber_crawler import counters
from caliber_crawler.items import Article, Card, Reject
from caliber_crawler.pages.feed import parse_feed
from caliber_crawler.responses import CUT_OFF, page_of, reject_of
from caliber_crawler.spiders.arguments import FeedArguments
from caliber_crawler.spiders.base import LIST_PRIORITY, CaliberSpider

if TYPE_CHECKING:
    from twisted.python.failure import Failure


class FeedSpider(CaliberSpider):
    """Takes the articles in ``/rss.xml`` that are new, or whose entry changed.

    Arguments: ``language`` (comma list, default: every edition that the feed names), ``since`` (a
    day of the site's calendar).
    """

    name = "feed"
    arguments_class = FeedArguments

    def set_arguments(self, arguments: FeedArguments) -> None:
        self.arguments = arguments

    async def start(self) -> AsyncIterator[Any]:
        yield Request(
            self.config.site.feed_url,
            callback=self.parse,
            errback=self.feed_failed,
            priority=LIST_PRIORITY,
        )

    async def parse(self, response: Response) -> AsyncIterator[Any]:
        """Ask for the articles that the feed names.

        @on_site /rss.xml
        @follows 1 parse_article
        """
        feed = parse_feed(page_of(response), self.config.site)
        if CUT_OFF in response.flags:
            self.broken_off(response, "the feed was cut off at every attempt")
        self.count(counters.FEED_ODD_LINKS, number=feed.odd_links)
        self.count(counters.FEED_UNDATED, number=feed.undated)
        if not feed.cards:
            self.count(counters.FEED_DEAD)
            detail = feed.problem or "the feed names no article of the site"
            yield reject_of(response, self.fetch(), "dead_feed", detail)
            return
        most = self.config.limits.cards
        cards, cut = self.first_of("cards", response.url, feed.cards, most)
        for reject in cut:
            yield reject
        for reject in self._without_the_edition(response, cards):
            yield reject
        compared = await self.compared_cards(cards, "feed")
        await self.note_cards(compared)
        for card in cards:
            self.count(counters.CARDS_SEEN)
            if card.url in compared.known:
                self.count(counters.CARDS_KNOWN)
            elif not self._is_of_an_edition(card):
                self.count(counters.CARDS_OTHER_EDITION)
            elif not self.arguments.admits(card.published_at, self.config):
                self.count(counters.CARDS_OUT_OF_RANGE)
            else:
                yield self.article_request(
                    card.url, addresses=[card.href], newest=card.published_at
                )

    def _is_of_an_edition(self, card: Card) -> bool:
        """Whether an entry is of an edition that is asked for."""
        languages = self.arguments.language
        return not languages or self._edition_of(card) in languages

    def _edition_of(self, card: Card) -> str | None:
        address = self.config.site.address(card.url)
        return address.language if address else None

    def _without_the_edition(self, response: Response, cards: Sequence[Card]) -> Iterator[Reject]:
        """The reject for a feed that names nothing of what is asked for: editions are told by the
        prefix of their addresses, which may be another one."""
        if any(map(self._is_of_an_edition, cards)):
            return
        self.count(counters.FEED_OTHER_EDITION)
        asked = ", ".join(self.arguments.language)
        named = ", ".join(sorted({self._edition_of(card) or "none" for card in cards}))
        why = f"the feed names no article of the edition {asked}; it names those of {named}"
        self.logger.warning("%s", why)
        yield reject_of(response, self.fetch(), "unknown_edition", why)

    def feed_failed(self, failure: Failure) -> Iterator[Reject]:
        """Errback of the feed itself: without it there is nothing to do."""
        self.count(counters.FEED_DEAD)
        yield from self.failed(failure)

    def admits(self, article: Article) -> bool:
        return self.arguments.admits(article.published_at, self.config)
