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
from caliber_crawler.pages.section import ListPage, SectionLink, parse_list
from caliber_crawler.records import add_sections
from caliber_crawler.requests import PURPOSE
from caliber_crawler.responses import page_of, reject_of, requested_urls
from caliber_crawler.site import ROOT_LANGUAGE
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LACKING, LIST_PRIORITY
from caliber_crawler.spiders.cards import ListTask
from caliber_crawler.spiders.lists import ListWalkingSpider
from caliber_crawler.store.navigation import Entry
from caliber_crawler.verdict import UNKNOWN_SECTION

if TYPE_CHECKING:
    from twisted.python.failure import Failure

REMEMBERED = "remembered_section"
"""Mark of a list's request that was made without reading the home page."""

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
                yield from self._edition_requests(prefix, home=home)
                continue
            self.count(counters.LISTS_UNKNOWN)
            if edition is None:
                labels = ", ".join(edition.label for edition in page.editions) or "no other edition"
                why = f"the switch does not name {language!r}; it names {labels}"
            else:
                why = f"{language!r} is at {edition.href}, which does not tell it from another one"
            yield reject_of(response, self.fetch(), "unknown_edition", why)

    async def parse_home(
        self, response: Response, language: str | None = None, lost: str | None = None
    ) -> AsyncIterator[Any]:
        """Ask for the sections that an edition's home page names, or for those wanted.

        `lost` is the address of one that was not there; it is asked for again if it is to be.

        @on_site /en/
        @follows 1 parse_section
        """
        page = self._read(response)
        language = language or page.language or ROOT_LANGUAGE
        most = self.config.limits.sections
        named, cut = self.first_of("sections", response.url, _of_edition(page, language), most)
        for reject in cut:
            yield reject
        if not any(self._is_anothers(link.href, language) for link in named):
            await self._remember_named(language, named)
        if not self.arguments.section:
            for link in named:
                for request in self._again(link.href, link.ref, language, lost):
                    yield request
            if not named and (reject := self.in_its_place(response)) is not None:
                yield reject
            elif not named:
                self.count(counters.LISTS_WITHOUT_CARDS)
                detail = f"the page names no section of the edition {language}"
                yield reject_of(response, self.fetch(), "no_sections", detail)
            return
        for request in self._wanted_requests(language, named, lost):
            yield request

    def _wanted_requests(
        self, language: str, named: Sequence[SectionLink], lost: str | None
    ) -> Iterator[Request]:
        """Requests for the sections asked for, also for those that the navigation lacks."""
        links = {link.ref["slug"]: link for link in named}
        known = sorted(filter(None, links))
        for slug in self.arguments.section:
            ref: SectionRef = {"slug": slug, "name": slug}
            url = self.config.site.section_url(language, slug)
            link = links.get(slug) or SectionLink(url, url, language, ref)
            yield from self._again(link.href, link.ref, language, lost, known_sections=known)

    def _again(
        self, url: str, section: SectionRef, language: str, lost: str | None, **meta: Any
    ) -> Iterator[Request]:
        """A request for a list that was not asked for yet, or for the one that was not there."""
        key = self._key(url)
        if key == lost:
            self.tasks.pop(key, None)
            meta[PURPOSE] = f"again {key}"
        return self.list_request(url, section, language, **meta)

    # --- what the home page named before

    async def _remembered(self, language: str) -> list[Request]:
        """Requests for an edition's sections, as far as its home page need not be read for them.

        An update of sections that were named a few hours ago goes to them at once. What the site
        adds in between is found on their own pages, or when the home page is read again.
        """
        addon, site = CaliberAddon.of(self.crawler), self.config.site
        store, wanted = addon.store, self.arguments.section
        if store is None or self.arguments.query or self.arguments.mode != "update":
            return []
        key, span = self._key(site.home(language)), self.config.navigation
        entries = await addon.patiently(lambda: store.navigation.get(key, addon.server_now(), span))
        by_slug = {entry["slug"]: entry for entry in entries}
        if not set(wanted) <= by_slug.keys():
            return []
        requests: list[Request] = []
        for entry in (by_slug[slug] for slug in wanted) if wanted else entries:
            ref: SectionRef = {"slug": entry["slug"], "name": entry["name"]}
            requests += self.list_request(
                site.base + entry["path"], ref, language, **{REMEMBERED: True}
            )
        self.count(counters.LISTS_REMEMBERED, number=len(requests))
        return requests

    async def _remember_named(self, language: str, named: Sequence[SectionLink]) -> None:
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is None or not named:
            return
        entries: list[Entry] = [
            {
                "path": self._path(link),
                "slug": link.ref["slug"],
                "name": link.ref["name"],
            }
            for link in named
            if link.ref["slug"]
        ]
        key = self._key(self.config.site.home(language))
        await addon.patiently(lambda: store.navigation.put(key, entries, addon.server_now()))

    def _path(self, link: SectionLink) -> str:
        """A section's address as linked, without origin; of other hosts' the canonical one."""
        base = self.config.site.base
        linked = link.href if link.href.startswith(f"{base}/") else link.url
        return linked.removeprefix(base)

    async def _not_there(self, task: ListTask) -> AsyncIterator[Request]:
        """A section is gone that was named before: what is named now is to be seen."""
        self.count(counters.LISTS_GONE)
        self.logger.warning("%s: not there any more; the home page is read again", task.url)
        addon = CaliberAddon.of(self.crawler)
        store, key = addon.store, self._key(self.config.site.home(task.language))
        if store is not None:
            await addon.patiently(lambda: store.navigation.forget(key))
        for request in self._edition_requests(task.language, lost=task.key):
            yield request

    async def misled(self, task: ListTask) -> None:
        """A home page that was shown in another language, for once perhaps, named the wrong
        sections: it is to be read again by the next crawl."""
        addon = CaliberAddon.of(self.crawler)
        store, key = addon.store, self._key(self.config.site.home(task.language))
        if store is not None:
            await addon.patiently(lambda: store.navigation.forget(key))

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

    def follow(self, page: ListPage, language: str) -> Iterator[Request | Reject]:
        """Requests for sections that a page names and that were not asked for, within the limit."""
        if self.arguments.section or self.arguments.query:
            return
        new = [x for x in _of_edition(page, language) if self._key(x.href) not in self.tasks]
        most = self.config.limits.sections * len(self.arguments.language)
        links, cut = self.first_of("sections", page.url, new, most - len(self.tasks))
        yield from cut
        for link in links:
            yield from self.list_request(link.href, link.ref, language)

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
        names = ", ".join(response.meta.get("known_sections", ())) or "none"
        detail = f"navigation names {names}"
        CaliberAddon.of(self.crawler).failure = f"unknown section {slugs}; the site's {detail}"
        if self._key(response.url) != task.key:
            detail = f"it leads to {response.url}; {detail}"
        yield replace(reject_of(response, self.fetch(), "unknown_section", detail), url=task.url)

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
        wanted = len(self.arguments.language) * len(self.arguments.section)
        if 0 < wanted <= len(self._unknown) and not self.articles:
            raise CloseSpider(UNKNOWN_SECTION)
        super().release()

    def admits(self, article: Article) -> bool:
        return self.arguments.admits(article.published_at, self.config)

    def home_failed(self, failure: Failure) -> Iterator[Any]:
        """Errback of a home page: some sites have it without the slash at its end only."""
        request: Request = failure.request  # type: ignore[attr-defined]
        error = failure.value
        if isinstance(error, HttpError) and error.response.status in LACKING:
            asked = requested_urls(error.response)[0]
            bare = asked.rstrip("/")
            if bare not in (asked, self.config.site.base):
                yield Request(
                    bare, callback=request.callback, errback=self.failed,
                    priority=LIST_PRIORITY, cb_kwargs=request.cb_kwargs,
                    meta={PURPOSE: f"{request.meta[PURPOSE]} without a slash"},
                )  # fmt: skip
                return
        yield from self.failed(failure)

    def _edition_requests(
        self, language: str, lost: str | None = None, home: str | None = None
    ) -> Iterator[Request]:
        """An edition's home page, or its search for the words asked for.

        `lost` is the key of a list for whose sake the home page is read once more; `home` its
        address as the switch has it.
        """
        site = self.config.site
        if self.arguments.query:
            url = site.search_url(language, self.arguments.query)
            yield from self.list_request(url, None, language)
        else:
            yield Request(
                home or site.home(language), callback=self.parse_home, errback=self.home_failed,
                priority=LIST_PRIORITY, cb_kwargs={"language": language, "lost": lost},
                meta={PURPOSE: f"home {language} {lost or ''}".strip()},
            )  # fmt: skip

    def _read(self, response: Response) -> ListPage:
        return parse_list(page_of(response), self.config.site)


def _of_edition(page: ListPage, language: str) -> list[SectionLink]:
    """The sections that a page names for its edition.

    Those with the edition's prefix; where no section has it, those without any: that the addresses
    of sections carry a prefix is likely but not known. What has another edition's is not its own.
    """
    own = [link for link in page.sections if link.language == language]
    return own or [link for link in page.sections if link.language == ROOT_LANGUAGE]
