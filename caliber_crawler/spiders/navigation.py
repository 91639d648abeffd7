"""Home pages and what they name: read when they have to be, remembered in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.items import Reject, SectionRef
from caliber_crawler.pages.section import ListPage, SectionLink, parse_list
from caliber_crawler.requests import PURPOSE
from caliber_crawler.responses import page_of, reject_of, requested_urls
from caliber_crawler.site import ROOT_LANGUAGE
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LACKING, LIST_PRIORITY
from caliber_crawler.spiders.lists import ListWalkingSpider
from caliber_crawler.spiders.tasks import ListTask
from caliber_crawler.store.navigation import Entry

if TYPE_CHECKING:
    from twisted.python.failure import Failure

REMEMBERED = "remembered_section"
"""Mark of a list's request that was made without reading the home page."""

NAMED = "known_sections"
"""Where a list's request tells which sections the page named that this one was read from."""


class NavigatingSpider(ListWalkingSpider):
    """Asks for the sections that home pages name."""

    def set_arguments(self, arguments: SectionsArguments) -> None:
        super().set_arguments(arguments)
        self._left_out: set[str] = set()  # keys of lists that are not asked for
        self._odd: set[str] = set()  # links that were told

    # --- home pages

    async def parse_home(
        self, response: Response, language: str | None = None, label: str | None = None
    ) -> AsyncIterator[Any]:
        """Ask for the sections that an edition's home page names, or for those wanted.

        `language` is the edition's prefix, `label` what the switch calls it where that led here.

        @on_site /en/
        @follows 1 parse_section
        """
        page = self._read(response)
        language = language or page.language or ROOT_LANGUAGE
        most = self.config.limits.sections
        named, cut = self.first_of("sections", response.url, of_edition(page, language), most)
        for reject in cut:
            yield reject
        lost: Collection[str] = ()
        if not any(self._is_anothers(link.href, language) for link in named):
            lost = await self._remember_named(language, label, named)
        if not self.arguments.section:
            self._tell_odd(page)
            if not named and (reject := self.in_its_place(response)) is not None:
                yield reject
            elif not named:
                self.count(counters.LISTS_WITHOUT_CARDS)
                detail = f"the page names no section of the edition {language}"
                yield reject_of(response, self.fetch(), "no_sections", detail)
        for request in self._named_requests(language, named, lost):
            yield request

    def _edition_requests(
        self,
        language: str,
        *,
        home: str | None = None,
        label: str | None = None,
        again: bool = False,
    ) -> Iterator[Request]:
        """An edition's home page, or its search for the words asked for.

        `home` is its address and `label` the edition's name as the switch has it. It is read
        `again`, once in a crawl, when lists are not there that it named before.
        """
        site = self.config.site
        if self.arguments.query:
            url = site.search_url(language, self.arguments.query)
            yield from self.list_request(url, None, language)
        else:
            yield Request(
                home or site.home(language), callback=self.parse_home, errback=self.home_failed,
                priority=LIST_PRIORITY, cb_kwargs={"language": language, "label": label},
                meta={PURPOSE: f"home {language}{' again' if again else ''}"},
            )  # fmt: skip

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

    def _named_requests(
        self, language: str, named: Sequence[SectionLink], lost: Collection[str] = ()
    ) -> Iterator[Request]:
        """Requests for the sections that a home page names, or for those asked for, also where the
        navigation lacks them. `lost` are keys of lists that were not there and are asked for
        again."""
        links = {link.ref["slug"]: link for link in named}
        chosen = list(named)
        if self.arguments.section:
            chosen = [links.get(slug) or self._likely(language, slug)
                      for slug in self.arguments.section]  # fmt: skip
        meta = {NAMED: slugs_of(named)}
        for link in chosen:
            key = self._key(link.href)
            again = {}
            if key in lost:
                self.tasks.pop(key, None)
                again = {PURPOSE: f"again {key}"}
            yield from self.list_request(link.href, link.ref, language, **meta, **again)

    def _likely(self, language: str, slug: str) -> SectionLink:
        url = self.config.site.section_url(language, slug)
        return SectionLink(url, url, language, {"slug": slug, "name": slug})

    def follow(self, page: ListPage, language: str) -> Iterator[Request | Reject]:
        """Requests for sections that a page names and that were not asked for, within the limit."""
        if self.arguments.section or self.arguments.query:
            return
        self._tell_odd(page)
        named = of_edition(page, language)
        asked = {*self.tasks, *self._left_out}
        new = [link for link in named if self._key(link.href) not in asked]
        most = self.config.limits.sections * len(self.arguments.language)
        links, cut = self.first_of("sections", page.url, new, most - len(self.tasks))
        yield from cut
        for link in links:
            yield from self.list_request(link.href, link.ref, language, **{NAMED: slugs_of(named)})

    def _tell_odd(self, page: ListPage) -> None:
        """Count and tell of links, each once, of which nothing is taken and perhaps should be."""
        new = [url for url in page.odd_sections if url not in self._odd]
        for url in new[: max(0, self.config.limits.sections - len(self._odd))]:
            self._odd.add(url)
            self.count(counters.LISTS_ODD_LINKS)
            self.logger.warning(
                "%s: it may be a section, but its address is not understood as one's, so it is not "
                "walked (named by %s)", url, page.url,
            )  # fmt: skip

    def _read(self, response: Response) -> ListPage:
        return parse_list(page_of(response), self.config.site)

    # --- what they named before

    async def _remembered(self, language: str) -> list[Request]:
        """Requests for an edition's sections, as far as its home page need not be read for them.

        An update of sections that were named a few hours ago goes to them at once. What the site
        adds in between is found on their own pages, or when the home page is read again. Lists that
        were not there although they are named wait for that, too, unless they are asked for by name
        or are half of all, for once: then it may have been the site that was unwell.
        """
        addon, site = CaliberAddon.of(self.crawler), self.config.site
        store, wanted = addon.store, self.arguments.section
        if store is None or self.arguments.query or self.arguments.mode != "update":
            return []
        key, span = self._key(site.home(language)), self.config.navigation
        named = await addon.patiently(
            lambda: store.navigation.get(key, language, addon.server_now(), span)
        )
        if named is None:
            return []
        entries = [e for e in named.sections if self._key(site.base + e["path"]) not in named.gone]
        by_slug = {entry["slug"]: entry for entry in entries}
        is_unwell = 2 * len(entries) <= len(named.sections) and not named.is_certain
        if not set(wanted) <= by_slug.keys() or is_unwell:
            return []
        if not wanted:
            self._leave_out(named.gone)
        requests: list[Request] = []
        for entry in (by_slug[slug] for slug in wanted) if wanted else entries:
            link = self._link(entry, named.edition or language)
            requests += self.list_request(link.href, link.ref, link.language, **{REMEMBERED: True})
        self.count(counters.LISTS_REMEMBERED, number=len(requests))
        return requests

    def _leave_out(self, gone: Collection[str]) -> None:
        for key in sorted(gone):
            self._left_out.add(key)
            self.count(counters.LISTS_LEFT_OUT)
            self.logger.warning(
                "%s: pages link it, and it was not there, so it is left out until the home page is "
                "read again (NAVIGATION_HOURS)", self.config.site.base + key,
            )  # fmt: skip

    async def _remember_named(
        self, language: str, label: str | None, named: Sequence[SectionLink]
    ) -> frozenset[str]:
        """Keep what a home page names. Returns the keys of lists that were lost before."""
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is None or not named:
            return frozenset()
        entries: list[Entry] = [
            {"path": self._path(link), "slug": link.ref["slug"], "name": link.ref["name"]}
            for link in named
            if link.ref["slug"]
        ]
        key = self._key(self.config.site.home(language))
        return await addon.patiently(
            lambda: store.navigation.put(key, language, label, entries, addon.server_now())
        )

    def _path(self, link: SectionLink) -> str:
        """A section's address as linked, without origin; of other hosts' the canonical one."""
        base = self.config.site.base
        linked = link.href if link.href.startswith(f"{base}/") else link.url
        return linked.removeprefix(base)

    def _link(self, entry: Entry, language: str) -> SectionLink:
        url = self.config.site.base + entry["path"]
        ref: SectionRef = {"slug": entry["slug"], "name": entry["name"]}
        return SectionLink(url, url, language, ref)

    async def _not_there(self, task: ListTask) -> AsyncIterator[Request]:
        """A section is gone that was named before: what is named now is to be seen.

        The home page is read once for all such lists: who comes after that is told what it named.
        """
        self.count(counters.LISTS_GONE)
        self.logger.warning("%s: not there any more; what the home page names is seen", task.url)
        addon = CaliberAddon.of(self.crawler)
        store, key = addon.store, self._key(self.config.site.home(task.language))
        named: Sequence[Entry] | None = None
        if store is not None:
            named = await addon.patiently(lambda: store.navigation.lose(key, task.key))
        if named is None:
            for request in self._edition_requests(task.language, again=True):
                yield request
            return
        links = [self._link(entry, task.language) for entry in named]
        for request in self._named_requests(task.language, links, {task.key}):
            yield request

    async def _missed(self, task: ListTask) -> None:
        """A list is not there that the home page names: the next updates need not ask for it."""
        addon = CaliberAddon.of(self.crawler)
        store, key = addon.store, self._key(self.config.site.home(task.language))
        if store is not None and not self.arguments.query:
            await addon.patiently(lambda: store.navigation.miss(key, task.key))

    async def misled(self, task: ListTask) -> None:
        """A home page that was shown in another language, for once perhaps, named the wrong
        sections: it is to be read again by the next crawl."""
        addon = CaliberAddon.of(self.crawler)
        store, key = addon.store, self._key(self.config.site.home(task.language))
        if store is not None:
            await addon.patiently(lambda: store.navigation.forget(key))


def of_edition(page: ListPage, language: str) -> list[SectionLink]:
    """The sections that a page names for its edition.

    Those with the edition's prefix; where no section has it, those without any: that the addresses
    of sections carry a prefix is likely but not known. What has another edition's is not its own.
    """
    own = [link for link in page.sections if link.language == language]
    return own or [link for link in page.sections if link.language == ROOT_LANGUAGE]


def slugs_of(links: Sequence[SectionLink]) -> list[str]:
    """Slugs of sections, in the order of the alphabet."""
    return sorted(slug for link in links if (slug := link.ref["slug"]))
