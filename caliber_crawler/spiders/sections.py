"""The spider `sections`: from an edition's home page to its sections to their articles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import CloseSpider
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.items import Article, Reject, Revisit, SectionRef
from caliber_crawler.records import add_sections
from caliber_crawler.requests import PURPOSE
from caliber_crawler.responses import reject_of
from caliber_crawler.site import ROOT_LANGUAGE
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LACKING, LIST_PRIORITY
from caliber_crawler.spiders.navigation import (
    NAMED,
    REMEMBERED,
    NavigatingSpider,
)
from caliber_crawler.spiders.tasks import ListTask
from caliber_crawler.verdict import UNKNOWN_SECTION

if TYPE_CHECKING:
    from twisted.python.failure import Failure

KNOWN_PREFIXES = ("en", ROOT_LANGUAGE)
"""Editions whose home page is known. The prefix of any other is read from the switch."""


class SectionsSpider(NavigatingSpider):
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
        self._unknown: dict[tuple[str, str], None] = {}  # edition and slug, in order

    async def start(self) -> AsyncIterator[Any]:
        others: list[str] = []
        for language in self.arguments.language:
            remembered = await self._remembered(language)
            if remembered:
                for request in remembered:
                    yield request
            elif language in KNOWN_PREFIXES:
                for request in self._edition_requests(language):
                    yield request
            else:
                others.append(language)
        if others:
            yield Request(
                self.config.site.home("en"),
                callback=self.parse_switch,
                errback=self.home_failed,
                priority=LIST_PRIORITY,
                meta={PURPOSE: "switch"},  # the English edition may be wanted as well
                cb_kwargs={"languages": others},
            )

    def parse_switch(self, response: Response, languages: Iterable[str]) -> Iterator[Any]:
        """Find the home pages of editions by the labels or prefixes of the page's switch."""
        page = self._read(response)
        if not page.editions and (reject := self.in_its_place(response)) is not None:
            yield reject
            return
        for language in languages:
            named = (e for e in page.editions if language in (e.label, e.address.language))
            edition = next(named, None)
            if edition is not None and not edition.looks_like_another:
                home = edition.href if edition.address.kind == "home" else None
                prefix = edition.address.language or language
                yield from self._edition_requests(prefix, home=home, label=language)
                continue
            self.count(counters.LISTS_UNKNOWN)
            if edition is None:
                labels = ", ".join(edition.label for edition in page.editions) or "no other edition"
                why = f"the switch does not name {language!r}; it names {labels}"
            else:
                why = f"{language!r} is at {edition.href}, which does not tell it from another one"
            yield reject_of(response, self.fetch(), "unknown_edition", why)

    async def parse_first_section(self, response: Response) -> AsyncIterator[Any]:
        """Read the first section that a home page names, for `scrapy check`.

        @on_site /en/
        @follows 1 parse_article
        """
        other = copy(self)
        other.tasks = {}  # `parse_home` is checked with this spider, and asks for lists once
        links = self._read(response).sections[:1]
        if not links and (reject := self.in_its_place(response)) is not None:
            yield reject
        for link in links:
            page = await self.crawler.engine.download_async(Request(link.href))
            async for found in other.parse_section(page):
                yield found

    async def section_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of a list: an address that the site does not have is an unknown section."""
        request: Request = failure.request  # type: ignore[attr-defined]
        error = failure.value
        if not isinstance(error, HttpError) or error.response.status not in LACKING:
            for reject in self.failed(failure):
                yield reject
            return
        async for found in self.lacking(self._task_of(request.cb_kwargs["task"]), error.response):
            yield found

    async def lacking(self, task: ListTask, response: Response) -> AsyncIterator[Any]:
        """The site does not have a list: it says so, or leads to its home page."""
        if response.meta.get(REMEMBERED):
            async for again in self._not_there(task):
                yield again
            return
        self.count(counters.LISTS_UNKNOWN)
        slug = (task.section and task.section["slug"]) or task.url
        self._unknown[task.language, slug] = None
        slugs = ", ".join({slug: None for _, slug in self._unknown})
        named = response.meta.get(NAMED, ())
        if slug in named:
            await self._missed(task)
        detail = f"navigation names {', '.join(named) or 'none'}"
        CaliberAddon.of(self.crawler).failure = f"unknown section {slugs}; the site's {detail}"
        if self._key(response.url) != task.key:
            detail = f"it leads to {response.url}; {detail}"
        yield replace(reject_of(response, self.fetch(), "unknown_section", detail), url=task.url)

    def parse_article(
        self,
        response: Response,
        sections: Sequence[SectionRef] = (),
        addresses: Sequence[str] = (),
    ) -> Iterator[Article | Reject | Revisit | Request]:
        """One record with all that lists said of it up to now, or one reject."""
        asked = response.request.url if response.request else response.url
        named = self.articles.take(response.meta.get("redirect_urls", [asked])[0])
        if named is not None:
            sections = add_sections(list(sections), named.sections)
            addresses = [*addresses, *named.addresses]
        yield from super().parse_article(response, sections, addresses)

    def release(self) -> None:
        wanted = len(self.arguments.language) * len(self.arguments.section)
        if 0 < wanted <= len(self._unknown) and not self.articles:
            raise CloseSpider(UNKNOWN_SECTION)
        super().release()

    def admits(self, article: Article) -> bool:
        return self.arguments.admits(article.published_at, self.config)
