"""The spider `sections`: from an edition's home page to its sections to their articles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.items import Article, Card, Reject, SectionRef
from caliber_crawler.pages.section import ListPage, SectionLink, parse_list
from caliber_crawler.records import add_sections
from caliber_crawler.responses import page_of, reject_of
from caliber_crawler.site import ROOT_LANGUAGE
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LIST_PRIORITY, CaliberSpider
from caliber_crawler.verdict import UNKNOWN_SECTION

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

KNOWN_PREFIXES = ("en", ROOT_LANGUAGE)
"""Editions whose home page is known. The prefix of any other is read from the switch."""


@dataclass
class Named:
    """An article that lists named: its newest card, all sections and written addresses."""

    card: Card
    sections: list[SectionRef] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)


class SectionsSpider(CaliberSpider):
    """Walks section pages and takes their articles.

    Arguments: ``language`` (comma list, default ``en``), ``section`` (slugs, comma list, default
    all), ``since`` and ``until`` (days of the site's calendar, both included), ``limit`` (articles
    of each section), ``mode`` (``update`` or ``full``), ``render`` (``auto``, ``http``,
    ``browser``).

    Lists come before articles: the articles wait until every list was read, so that an article
    that several lists name is fetched once and knows all of them.
    """

    name = "sections"
    arguments_class = SectionsArguments

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.release, signals.spider_idle)
        return spider

    def set_arguments(self, arguments: SectionsArguments) -> None:
        self.arguments = arguments
        self._named: dict[str, Named] = {}
        self._lists: set[str] = set()
        self._unknown: list[str] = []

    # --- home pages and lists

    async def start(self) -> AsyncIterator[Any]:
        wanted = self.arguments.language
        for language in wanted:
            if language in KNOWN_PREFIXES:
                yield self._home_request(language)
        others = [language for language in wanted if language not in KNOWN_PREFIXES]
        if others:
            yield Request(
                self.config.site.home("en"),
                callback=self.parse_switch,
                errback=self.failed,
                priority=LIST_PRIORITY,
                dont_filter=True,  # the English edition may be wanted as well
                cb_kwargs={"languages": others},
            )

    def parse_switch(self, response: Response, languages: Iterable[str]) -> Iterator[Any]:
        """Find the home pages of editions by the labels or prefixes of the page's switch."""
        page = self._read(response)
        for language in languages:
            for edition in page.editions:
                if language in (edition.label, edition.address.language):
                    yield self._home_request(edition.address.language or language)
                    break
            else:
                labels = ", ".join(edition.label for edition in page.editions) or "no other edition"
                self.count(counters.LISTS_UNKNOWN)
                yield reject_of(
                    response, self.fetch(), "unknown_edition",
                    f"the switch does not name {language!r}; it names {labels}",
                )  # fmt: skip

    def parse_home(self, response: Response, language: str | None = None) -> Iterator[Any]:
        """Ask for the sections that an edition's home page names, or for those wanted.

        @on_site /en/
        @follows 1 parse_section
        """
        page = self._read(response)
        language = language or page.language or ROOT_LANGUAGE
        wanted = self.arguments.section
        if not wanted:
            yield from self._follow(page, language)
            if not self._lists:
                self.count(counters.LISTS_WITHOUT_CARDS)
                detail = "the page names no section of its edition"
                yield reject_of(response, self.fetch(), "no_sections", detail)
            return
        known = {link.ref["slug"]: link for link in _of_edition(page, language)}
        for slug in wanted:
            url = self.config.site.section_url(language, slug)
            link = known.get(slug) or SectionLink(url, url, language, {"slug": slug, "name": slug})
            yield from self._list_request(link, language, sorted(filter(None, known)))

    def parse_section(
        self,
        response: Response,
        section: SectionRef | None = None,
        language: str | None = None,
    ) -> Iterator[Any]:
        """Note the articles on a section's cards; ask for sections that only this page names."""
        page = self._read(response)
        self.count(counters.LISTS_READ)
        self.count(counters.CARDS_BROKEN, number=page.broken_cards)
        self.count(counters.TIMES_UNKNOWN, number=page.unknown_times)
        if not page.cards:
            self.count(counters.LISTS_WITHOUT_CARDS)
            yield reject_of(
                response, self.fetch(), "list_without_cards", "no card with an article on the page"
            )
        language = language or page.language or ROOT_LANGUAGE
        self._note(page, section, language)
        if not self.arguments.section:
            yield from self._follow(page, language)
        # There is no idle moment to wait for while a single page is debugged.
        if self.settings.getbool("CALIBER_DEBUGGING"):
            yield from self._article_requests()

    parse = parse_section

    async def parse_first_section(self, response: Response) -> AsyncIterator[Any]:
        """Read the first section that a home page names, for `scrapy check`.

        @on_site /en/
        @follows 1 parse_article
        """
        for link in self._read(response).sections[:1]:
            page = await self.crawler.engine.download_async(Request(link.href))
            for found in self.parse_section(page, link.ref):
                yield found

    def section_failed(self, failure: Failure) -> Iterator[Reject]:
        """Errback of a list: an address that the site does not have is an unknown section."""
        request: Request = failure.request  # type: ignore[attr-defined]
        known: list[str] = request.meta["known_sections"]
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in (404, 410):
            self.count(counters.LISTS_UNKNOWN)
            self._unknown.append(request.cb_kwargs["section"]["slug"])
            names = ", ".join(known) or "none"
            CaliberAddon.of(
                self.crawler
            ).failure = (
                f"unknown section {', '.join(self._unknown)}; the site's navigation names {names}"
            )
            yield reject_of(
                error.response, self.fetch(), "unknown_section", f"navigation names {names}"
            )
        else:
            yield from self.failed(failure)

    def _read(self, response: Response) -> ListPage:
        return parse_list(page_of(response), self.config.site)

    def _home_request(self, language: str) -> Request:
        return Request(
            self.config.site.home(language), callback=self.parse_home, errback=self.failed,
            priority=LIST_PRIORITY, dont_filter=True, cb_kwargs={"language": language},
        )  # fmt: skip

    def _follow(self, page: ListPage, language: str) -> Iterator[Request]:
        """Requests for the sections that a page of an edition names and that were not asked for."""
        for link in _of_edition(page, language):
            yield from self._list_request(link, language, [])

    def _list_request(
        self, link: SectionLink, language: str, known: list[str]
    ) -> Iterator[Request]:
        if link.url in self._lists:
            return
        self._lists.add(link.url)
        yield Request(
            link.href,
            callback=self.parse_section,
            errback=self.section_failed,
            priority=LIST_PRIORITY,
            cb_kwargs={"section": link.ref, "language": language},
            meta={"known_sections": known},
        )

    # --- articles

    def _note(self, page: ListPage, section: SectionRef | None, language: str) -> None:
        """Remember the articles that a list names, up to its limit."""
        taken: set[str] = set()
        for card in page.cards:
            self.count(counters.CARDS_SEEN)
            address = self.config.site.address(card.url)
            if address is None or address.language != language:
                self.count(counters.CARDS_OTHER_EDITION)
            elif not self.arguments.admits(card.published_at, self.config):
                self.count(counters.CARDS_OUT_OF_RANGE)
            elif self.arguments.limit is not None and len(taken) >= self.arguments.limit:
                self.count(counters.CARDS_OVER_LIMIT)
            else:
                taken.add(card.url)
                self._note_card(card, section)

    def _note_card(self, card: Card, section: SectionRef | None) -> None:
        """Remember one card with the sections and the address that it adds."""
        named = self._named.get(card.url)
        if named is None:
            named = self._named[card.url] = Named(card)
        else:
            self.count(counters.CARDS_REPEATED)
        refs = [ref for ref in (section, card.section) if ref is not None]
        named.sections = add_sections(named.sections, refs)
        if card.href not in (*named.addresses, card.url):
            named.addresses.append(card.href)

    def _article_requests(self) -> Iterator[Request]:
        """Requests for all articles noted so far, newest first, those without a time last."""
        named, self._named = self._named, {}
        for entry in sorted(named.values(), key=_newest_first):
            yield self.article_request(
                entry.card.url, sections=entry.sections, addresses=entry.addresses
            )

    def release(self) -> None:
        """Ask for the articles once no list is on its way any more."""
        if self._unknown and set(self._unknown) >= set(self.arguments.section) and not self._named:
            raise CloseSpider(UNKNOWN_SECTION)
        if self._named:
            for request in self._article_requests():
                self.crawler.engine.crawl(request)
            raise DontCloseSpider

    def admits(self, article: Article) -> bool:
        return self.arguments.admits(article.published_at, self.config)


def _of_edition(page: ListPage, language: str) -> list[SectionLink]:
    """The sections that a page names for its edition.

    Those with the edition's prefix; where no section has it, all: that the addresses of sections
    carry a prefix is likely but not known.
    """
    own = [link for link in page.sections if link.language == language]
    return own or page.sections


def _newest_first(named: Named) -> float:
    at = named.card.published_at
    return -at.timestamp() if at else 0.0
