"""The spider `sections`: from an edition's home page to its sections to their articles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import CloseSpider
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.items import Article, Reject, Revisit, SectionRef
from caliber_crawler.pages.section import ListPage, SectionLink, parse_list
from caliber_crawler.records import add_sections
from caliber_crawler.requests import PURPOSE
from caliber_crawler.responses import page_of, reject_of
from caliber_crawler.site import ROOT_LANGUAGE
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LIST_PRIORITY
from caliber_crawler.spiders.lists import ListWalkingSpider
from caliber_crawler.verdict import UNKNOWN_SECTION

if TYPE_CHECKING:
    from twisted.python.failure import Failure

KNOWN_PREFIXES = ("en", ROOT_LANGUAGE)
"""Editions whose home page is known. The prefix of any other is read from the switch."""


class SectionsSpider(ListWalkingSpider):
    """Walks section pages, or the results of a search, and takes their articles.

    Arguments: ``language`` (comma list, default ``en``), ``section`` (slugs, comma list, default
    all), ``query`` (words to search for instead of walking sections), ``since`` and ``until`` (days
    of the site's calendar, both included), ``limit`` (articles of each list), ``mode`` (``update``
    or ``full``), ``render`` (``auto``, ``http``, ``browser``).
    """

    name = "sections"
    arguments_class = SectionsArguments

    def set_arguments(self, arguments: SectionsArguments) -> None:
        super().set_arguments(arguments)
        self._unknown: list[str] = []

    async def start(self) -> AsyncIterator[Any]:
        wanted = self.arguments.language
        for language in wanted:
            if language in KNOWN_PREFIXES:
                for request in self._edition_requests(language):
                    yield request
        others = [language for language in wanted if language not in KNOWN_PREFIXES]
        if others:
            yield Request(
                self.config.site.home("en"),
                callback=self.parse_switch,
                errback=self.failed,
                priority=LIST_PRIORITY,
                meta={PURPOSE: "switch"},  # the English edition may be wanted as well
                cb_kwargs={"languages": others},
            )

    def parse_switch(self, response: Response, languages: Iterable[str]) -> Iterator[Any]:
        """Find the home pages of editions by the labels or prefixes of the page's switch."""
        page = self._read(response)
        for language in languages:
            for edition in page.editions:
                if language in (edition.label, edition.address.language):
                    yield from self._edition_requests(edition.address.language or language)
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
            yield from self.follow(page, language)
            if not _of_edition(page, language):
                self.count(counters.LISTS_WITHOUT_CARDS)
                detail = "the page names no section of its edition"
                yield reject_of(response, self.fetch(), "no_sections", detail)
            return
        links = {link.ref["slug"]: link for link in _of_edition(page, language)}
        known = sorted(filter(None, links))
        for slug in wanted:
            ref: SectionRef = {"slug": slug, "name": slug}
            url = self.config.site.section_url(language, slug)
            link = links.get(slug) or SectionLink(url, url, language, ref)
            yield from self.list_request(link.href, link.ref, language, known_sections=known)

    async def parse_first_section(self, response: Response) -> AsyncIterator[Any]:
        """Read the first section that a home page names, for `scrapy check`.

        @on_site /en/
        @follows 1 parse_article
        """
        for link in self._read(response).sections[:1]:
            page = await self.crawler.engine.download_async(Request(link.href))
            async for found in self.parse_section(page):
                yield found

    def follow(self, page: ListPage, language: str) -> Iterator[Request]:
        """Requests for the sections that a page of an edition names and that were not asked for."""
        if not self.arguments.section and not self.arguments.query:
            for link in _of_edition(page, language):
                yield from self.list_request(link.href, link.ref, language)

    def section_failed(self, failure: Failure) -> Iterator[Reject]:
        """Errback of a list: an address that the site does not have is an unknown section."""
        request: Request = failure.request  # type: ignore[attr-defined]
        error = failure.value
        if not isinstance(error, HttpError) or error.response.status not in (404, 410):
            yield from self.failed(failure)
            return
        section = self._task_of(request.cb_kwargs["task"]).section
        self.count(counters.LISTS_UNKNOWN)
        self._unknown.append((section and section["slug"]) or request.url)
        names = ", ".join(request.meta.get("known_sections", ())) or "none"
        CaliberAddon.of(
            self.crawler
        ).failure = (
            f"unknown section {', '.join(self._unknown)}; the site's navigation names {names}"
        )
        detail = f"navigation names {names}"
        yield reject_of(error.response, self.fetch(), "unknown_section", detail)

    def parse_article(
        self,
        response: Response,
        sections: Sequence[SectionRef] = (),
        addresses: Sequence[str] = (),
    ) -> Iterator[Article | Reject | Revisit]:
        """One record with all that lists said of it up to now, or one reject."""
        asked = response.request.url if response.request else response.url
        named = self.articles.take(response.meta.get("redirect_urls", [asked])[0])
        if named is not None:
            sections = add_sections(list(sections), named.sections)
            addresses = [*addresses, *named.addresses]
        yield from super().parse_article(response, sections, addresses)

    def release(self) -> None:
        if (
            self._unknown
            and set(self._unknown) >= set(self.arguments.section)
            and not self.articles
        ):
            raise CloseSpider(UNKNOWN_SECTION)
        super().release()

    def admits(self, article: Article) -> bool:
        return self.arguments.admits(article.published_at, self.config)

    def _edition_requests(self, language: str) -> Iterator[Request]:
        """An edition's home page, or its search for the words asked for."""
        site = self.config.site
        if self.arguments.query:
            url = site.search_url(language, self.arguments.query)
            yield from self.list_request(url, None, language)
        else:
            yield Request(
                site.home(language), callback=self.parse_home, errback=self.failed,
                priority=LIST_PRIORITY, cb_kwargs={"language": language},
                meta={PURPOSE: f"home {language}"},
            )  # fmt: skip

    def _read(self, response: Response) -> ListPage:
        return parse_list(page_of(response), self.config.site)


def _of_edition(page: ListPage, language: str) -> list[SectionLink]:
    """The sections that a page names for its edition.

    Those with the edition's prefix; where no section has it, all: that the addresses of sections
    carry a prefix is likely but not known.
    """
    own = [link for link in page.sections if link.language == language]
    return own or page.sections
