"""Walking lists: the first page over HTTP, then by a learned rule, or by scrolling in a browser."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.items import Card, Reject, SectionRef
from caliber_crawler.listing.answers import Format, Reading, read_answer, read_page
from caliber_crawler.listing.exchange import Answer
from caliber_crawler.listing.learn import Batch, Lesson, learn
from caliber_crawler.listing.rule import ListRule, Source, State, Step, first_request, next_request
from caliber_crawler.listing.walk import Walk
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.section import parse_list
from caliber_crawler.responses import page_of, reject_of
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LIST_PRIORITY, CaliberSpider
from caliber_crawler.spiders.named import NamedArticles

if TYPE_CHECKING:
    from typing import Self

    from playwright.async_api import Page as BrowserPage
    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

    from caliber_crawler.browser.scroll import Scroller

# So many batches of a browser are looked at before a list is taken to follow no rule.
_LESSONS = 6
_BROWSER_ATTEMPTS = 2
# Of the articles that the browser saw in a batch, the same batch over HTTP must have this share:
# an article may have been posted in between.
_SAME = 0.8
# More articles than this are not kept waiting for the last list.
_HELD_ARTICLES = 2_000
_CLOSING_SECONDS = 5.0

# A page that names its next page itself needs no lesson.
_NAMED_NEXT = ListRule(
    "GET", "", "", Format("html"), next_url=Source("answer", "link@next", "link@next")
)


@dataclass
class ListTask:
    """One list of this crawl. `key` is its address without origin; `language` its edition.

    `empty` is the reject for the case that the list turns out to have no card at all.
    """

    key: str
    url: str
    section: SectionRef | None
    language: str
    walk: Walk
    first: Collection[str] = ()
    empty: Reject | None = None
    rule: ListRule | None = None
    relearned: bool = False
    attempts: int = 0


class ListWalkingSpider(CaliberSpider):
    """Walks lists of cards and asks for their articles.

    Lists come before articles: the articles wait until every list was walked, so that an article
    that several lists name is fetched once and knows all of them. What a list says of an article
    that was taken already is stored with its record.
    """

    arguments: SectionsArguments

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.release, signals.spider_idle)
        return spider

    def set_arguments(self, arguments: SectionsArguments) -> None:
        self.arguments = arguments
        self.tasks: dict[str, ListTask] = {}
        self.articles = NamedArticles()
        self._rules: dict[str, ListRule] = {}
        self._browsing = 0
        self._waiting: deque[ListTask] = deque()

    # --- the first page of a list, over HTTP

    def list_request(
        self, url: str, section: SectionRef | None, language: str, **meta: Any
    ) -> Iterator[Request]:
        """A request for a list that was not asked for yet."""
        key = self._key(url)
        if key not in self.tasks:
            self.tasks[key] = self._task(key, url, section, language)
            yield Request(
                url,
                callback=self.parse_section,
                errback=self.section_failed,
                priority=LIST_PRIORITY,
                cb_kwargs={"key": key},
                meta=meta,
            )

    async def parse_section(self, response: Response, key: str | None = None) -> AsyncIterator[Any]:
        """Note the articles on a list's first page; go on as far as the arguments say."""
        page = parse_list(page_of(response), self.config.site)
        if key is None:  # a page given by hand, for debugging
            key = self._key(response.url)
            self.tasks[key] = self._task(key, response.url, None, page.language or "")
        task = self.tasks[key]
        self.count(counters.LISTS_READ)
        self.count(counters.CARDS_BROKEN, number=page.broken_cards)
        self.count(counters.TIMES_UNKNOWN, number=page.unknown_times)
        for request in self.follow(page, task.language):
            yield request
        reading = read_page(page_of(response), self.config.site)
        if reading.cards:
            task.first = frozenset(card.url for card in reading.cards)
            for found in await self._take(task, reading.cards):
                yield found
        else:  # a script may bring even the first ones
            detail = "no card with an article in the list"
            task.empty = reject_of(response, self.fetch(), "list_without_cards", detail)
        if self._debugging:
            further = list(self._article_requests())
        elif task.walk.ended is None:
            further = await self._go_on(task, reading, response.url)
        else:
            further = self._ended(task)
        for found in further:
            yield found

    parse = parse_section

    def follow(self, page: Any, language: str) -> Iterator[Request]:
        """Requests for further lists that a list's page names; none by default."""
        return iter(())

    def section_failed(self, failure: Failure) -> Iterator[Reject]:
        """Errback of a list's first page."""
        yield from self.failed(failure)

    # --- on by a rule, over HTTP

    async def parse_batch(
        self, response: Response, key: str, state: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """One answer of a list that is walked by its rule."""
        task = self.tasks[key]
        rule = task.rule
        if rule is None:
            return
        reached = State(**state)
        reading = read_answer(_answer_of(response), rule.format, task.url, self.config.site)
        again = reading is not None and reached.index == 0 and bool(reading.cards)
        if reading is None:
            for request in await self._disappointed(task, "the answer is of another kind"):
                yield request
            return
        if reached.index == 0 and not reading.cards and rule is not _NAMED_NEXT:
            for request in await self._disappointed(task, "the answer holds no cards"):
                yield request
            return
        if again and task.first and all(card.url in task.first for card in reading.cards):
            for request in await self._disappointed(task, "the list's first page came again"):
                yield request
            return
        self.count(counters.LISTS_BATCHES)
        for found in await self._take(task, reading.cards):
            yield found
        step = next_request(rule, reached, reading, task.url, self.config.site.base, _now_ms())
        if step is None:
            task.walk.nothing_more()
        if task.walk.ended is None and step is not None:
            yield self._batch_request(task, step)
        else:
            for found in self._ended(task):
                yield found

    async def batch_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of a batch: after good ones, "not found" is how some lists end."""
        request: Request = failure.request  # type: ignore[attr-defined]
        task = self.tasks[request.cb_kwargs["key"]]
        error = failure.value
        if not isinstance(error, HttpError):
            self._given_up()
            for reject in self.failed(failure):
                yield reject
        elif error.response.status in (404, 410) and request.cb_kwargs["state"]["index"] > 0:
            task.walk.nothing_more()
            for found in self._ended(task):
                yield found
        else:
            status = f"the answer has status {error.response.status}"
            for request in await self._disappointed(task, status):
                yield request

    async def _go_on(self, task: ListTask, reading: Reading, url: str) -> list[Any]:
        """What follows the first page: the rule's first request, or a browser, or nothing."""
        if self.arguments.render == "browser":
            return self._open_browser(task)
        task.rule = await self._known_rule(task)
        if task.rule is None and reading.values.get("link@next"):
            task.rule = _NAMED_NEXT
        if task.rule is not None:
            base = self.config.site.base
            step = first_request(task.rule, reading, url, base, _now_ms())
            if step is not None:
                return [self._batch_request(task, step)]
            return await self._disappointed(task, "the page lacks what it needs to ask for more")
        if self.arguments.render == "auto":
            return self._open_browser(task)
        task.walk.ended = "first_page"
        self.logger.info(
            "%s: no rule is known for this list, so only its first page is taken "
            "(render=http starts no browser to learn one)",
            task.url,
        )
        return self._ended(task)

    def _batch_request(self, task: ListTask, step: Step) -> Request:
        made = step.request
        return Request(
            made.url,
            method=made.method,
            body=made.body,
            headers={**made.headers, "Referer": task.url},
            callback=self.parse_batch,
            errback=self.batch_failed,
            priority=LIST_PRIORITY,
            dont_filter=True,  # two batches may differ in their bodies only
            cb_kwargs={"key": task.key, "state": step.state.to_document()},
        )

    async def _disappointed(self, task: ListTask, why: str) -> list[Any]:
        """A rule that does not hold any more: learn it again once, else say so."""
        self.count(counters.RULES_BROKEN)
        self.logger.warning("%s: the rule of this list does not hold: %s", task.url, why)
        task.rule = None
        self._rules.pop(task.key, None)
        store = CaliberAddon.of(self.crawler).store
        if store is not None:
            await store.rules.forget(task.key)
        if self.arguments.render == "auto" and not task.relearned:
            task.relearned = True
            return self._open_browser(task)
        self._given_up()
        return [self._list_reject(task, "list_rule_broken", why)]

    # --- on in a browser

    def _open_browser(self, task: ListTask) -> list[Request]:
        """The request for a list in a browser, now or when a page of the browser is free.

        Requests that wait for a page would fill the downloader, and what the open pages need of it
        would never come.
        """
        if self._browsing >= self._most_pages:
            self._waiting.append(task)
            return []
        self._browsing += 1
        return [self._browser_request(task)]

    def _browser_closed(self) -> None:
        """A page is free: open the next list."""
        self._browsing -= 1
        if self._waiting and not self._stopping:
            for request in self._open_browser(self._waiting.popleft()):
                self.crawler.engine.crawl(request)

    def _browser_request(self, task: ListTask) -> Request:
        return Request(
            task.url,
            callback=self.parse_scrolled,
            errback=self.browser_failed,
            priority=LIST_PRIORITY,
            dont_filter=True,
            cb_kwargs={"key": task.key},
            meta={
                "playwright": True,
                "playwright_include_page": True,
                # Adverts and pictures may load for ever; the list's script runs before that.
                "playwright_page_goto_kwargs": {"wait_until": "domcontentloaded"},
                "record_exchanges": True,
                "dont_retry": True,  # attempts are counted here
            },
        )

    async def parse_scrolled(self, response: Response, key: str) -> AsyncIterator[Any]:
        """Scroll a list in a browser, and learn its rule on the way unless told otherwise."""
        from caliber_crawler.browser.scroll import BrowserError, Scroller

        task = self.tasks[key]
        page: BrowserPage = response.meta["playwright_page"]
        try:
            if "playwright_suggested_filename" in response.meta:
                raise BrowserError("the address leads to a file, not a page")
            scroller = Scroller(
                page,
                lambda: self._stopping,
                quiet=self.config.scroll_quiet,
                # The list's own requests may have to wait for their turn.
                patience=self.config.browser_patience + 2 * CaliberAddon.of(self.crawler).delay,
            )
            async for found in self._scroll(task, scroller):
                yield found
        except (BrowserError, TimeoutError) as error:
            for found in self._browser_trouble(task, str(error)):
                yield found
        finally:
            await _close(page)
            self._browser_closed()

    async def _scroll(self, task: ListTask, scroller: Scroller) -> AsyncIterator[Any]:
        from caliber_crawler.browser.scroll import BrowserError

        site = self.config.site
        served = await scroller.recorder.served()
        page = Page(task.url, served.body, served.content_type) if served else None
        reading = read_page(page, site) if page else Reading([], {})
        task.first = task.first or frozenset(card.url for card in reading.cards)
        learning = self.arguments.render == "auto" and page is not None
        task.walk.restart()
        batches: list[Batch] = []
        html = await scroller.present()
        seen = False
        while True:
            cards = parse_list(Page(task.url, "".join(html).encode()), site).cards
            self.count(counters.LISTS_SCROLLED)
            seen = seen or bool(cards)
            for found in await self._take(task, cards):
                yield found
            if task.walk.ended or self._stopping:
                break
            if learning:
                batches.append(Batch(cards, await scroller.recorder.drain()))
                lesson = learn(reading, task.url, batches, site)
                if await self._holds(task, lesson):
                    for request in await self._follow_rule(task, lesson):
                        yield request
                    return
                if len(batches) >= _LESSONS:
                    learning = False
                    self._no_rule(task, lesson.why or "it does not hold over plain HTTP")
            html = await scroller.more()
            if not html and not self._stopping:
                if task.first and not seen:
                    raise BrowserError("it shows none of the list's cards")
                task.walk.nothing_more()
                break
        if task.walk.ended:
            for found in self._ended(task):
                yield found

    async def _holds(self, task: ListTask, lesson: Lesson) -> bool:
        """Ask once over plain HTTP for what the browser got, and compare."""
        if lesson.rule is None or lesson.check is None or not lesson.expected:
            return False
        request = self._batch_request(task, lesson.check).replace(callback=None, errback=None)
        try:
            response = await self.crawler.engine.download_async(request)
        except Exception as error:  # whatever kept it from coming, the rule was not confirmed
            self.logger.info("%s: the check over HTTP failed: %s", task.url, error)
            return False
        answer = _answer_of(response)
        reading = read_answer(answer, lesson.rule.format, task.url, self.config.site)
        found = {card.url for card in reading.cards} if reading and answer.status == 200 else set()
        return len(found & lesson.expected) >= _SAME * len(lesson.expected)

    async def _follow_rule(self, task: ListTask, lesson: Lesson) -> list[Any]:
        """Keep a rule that was confirmed, and go on by it where the browser stopped."""
        if lesson.rule is None:
            return []
        task.rule = self._rules[task.key] = lesson.rule
        self.count(counters.RULES_LEARNED)
        self.logger.info("%s: learned %s", task.url, lesson.rule.describe())
        store = CaliberAddon.of(self.crawler).store
        if store is not None:
            await store.rules.put(task.key, lesson.rule, now())
        if lesson.go_on is not None:
            return [self._batch_request(task, lesson.go_on)]
        task.walk.nothing_more()
        return self._ended(task)

    def _no_rule(self, task: ListTask, why: str) -> None:
        self.count(counters.RULES_NONE)
        self.logger.warning("%s: no rule found, scrolling on to the end: %s", task.url, why)

    async def browser_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of a browser's request; it may have failed before there was a page."""
        request: Request = failure.request  # type: ignore[attr-defined]
        page = request.meta.get("playwright_page")
        if page is not None:
            await _close(page)
        task = self.tasks[request.cb_kwargs["key"]]
        error, attempts = failure.value, _BROWSER_ATTEMPTS
        why = str(error) or type(error).__name__
        if isinstance(error, HttpError):  # the site's trouble, not the browser's: as over HTTP
            again = error.response.status in map(int, self.settings.getlist("RETRY_HTTP_CODES"))
            attempts = 1 + self.settings.getint("RETRY_TIMES") if again else 1
            why = f"the site answered with status {error.response.status}"
        for found in self._browser_trouble(task, why, attempts):
            yield found
        self._browser_closed()

    def _browser_trouble(
        self, task: ListTask, why: str, attempts: int = _BROWSER_ATTEMPTS
    ) -> Iterator[Any]:
        """Try once more; then take what was got and say so."""
        if self._stopping:
            return
        why = why.partition("\n")[0][:300]
        task.attempts += 1
        if task.attempts < attempts:
            self.count(counters.BROWSER_RETRIES)
            self.logger.warning("%s: the browser failed (%s); trying again", task.url, why)
            yield from self._open_browser(task)
        else:
            self.count(counters.BROWSER_FAILED)
            self._given_up()
            self.logger.error(
                "%s: the browser failed (%s); only what HTTP and the browser brought so far "
                "is taken",
                task.url,
                why,
            )
            yield self._list_reject(task, "browser_failed", why)

    # --- cards and articles

    async def _take(self, task: ListTask, cards: Sequence[Card]) -> list[Any]:
        """Note a batch's articles. Returns what is to be yielded: sightings, held-up requests."""
        self.count(counters.CARDS_SEEN, number=len(cards))
        known = await self._known(cards)
        chosen = task.walk.take(cards, known, lambda card: self._admits_card(card, task.language))
        found: list[Any] = []
        for card in chosen:
            if card.url in known:
                self.count(counters.CARDS_KNOWN)
                slugs = {section["slug"] for section in known[card.url]}
                if task.section is None or task.section["slug"] in slugs:
                    continue
                found.append(self.articles.sighting(card, task.section))
                continue
            if self.articles.knows(card.url):
                self.count(counters.CARDS_REPEATED)
            sighting = self.articles.note(card, task.section)
            found += [sighting] if sighting else []
        if len(self.articles) > _HELD_ARTICLES:
            found += self._article_requests()
        return found

    def _admits_card(self, card: Card, language: str) -> bool:
        address = self.config.site.address(card.url)
        if address is None or address.language != language:
            self.count(counters.CARDS_OTHER_EDITION)
        elif not self.arguments.admits(card.published_at, self.config):
            self.count(counters.CARDS_OUT_OF_RANGE)
        else:
            return True
        return False

    async def _known(self, cards: Sequence[Card]) -> dict[str, list[SectionRef]]:
        """Cards that say nothing new, for ``mode=update``; in any mode the cards are remembered."""
        store = CaliberAddon.of(self.crawler).store
        known = await store.cards.known(cards, now()) if store is not None else {}
        return known if self.arguments.mode == "update" else {}

    def _article_requests(self) -> Iterator[Request]:
        for named in self.articles.to_ask():
            yield self.article_request(named.card.url)

    def release(self) -> None:
        """Ask for the articles once no list is on its way any more."""
        if self._waiting and not self._stopping:  # a page was not given back
            self._browsing = 1
            self._browser_closed()
            raise DontCloseSpider
        if len(self.articles):
            for request in self._article_requests():
                self.crawler.engine.crawl(request)
            raise DontCloseSpider

    # --- shorthands

    def _task(self, key: str, url: str, section: SectionRef | None, language: str) -> ListTask:
        arguments, zone = self.arguments, self.config.site.zone
        day = arguments.since
        since = datetime.combine(day, clock_time(), zone) if day else None
        walk = Walk(
            limit=arguments.limit,
            since=since.astimezone(UTC) if since else None,
            ceiling=self.config.max_batches,
            stop_at_known=arguments.mode == "update",
        )
        return ListTask(key, url, section, language, walk)

    def _key(self, url: str) -> str:
        site = self.config.site
        return (site.canonical(url) or url).removeprefix(site.base)

    async def _known_rule(self, task: ListTask) -> ListRule | None:
        if task.key not in self._rules:
            store = CaliberAddon.of(self.crawler).store
            rule = await store.rules.get(task.key) if store is not None else None
            if rule is None:
                return None
            self._rules[task.key] = rule
        return self._rules[task.key]

    def _ended(self, task: ListTask) -> list[Any]:
        """Count how a list's walk ended; a list that had no card at all is rejected."""
        self.count(counters.LISTS_ENDED, str(task.walk.ended))
        if task.walk.found_any or task.empty is None:
            return []
        self.count(counters.LISTS_WITHOUT_CARDS)
        return [task.empty]

    def _given_up(self) -> None:
        """Count a list that a failure ended."""
        self.count(counters.LISTS_ENDED, "unfinished")

    def _list_reject(self, task: ListTask, reason: str, detail: str) -> Reject:
        return Reject(url=task.url, reason=reason, detail=detail, at=now())

    @property
    def _most_pages(self) -> int:
        return max(1, self.settings.getint("PLAYWRIGHT_MAX_PAGES_PER_CONTEXT"))

    @property
    def _debugging(self) -> bool:
        return self.settings.getbool("CALIBER_DEBUGGING")

    @property
    def _stopping(self) -> bool:
        return CaliberAddon.of(self.crawler).stopping


def _answer_of(response: Response) -> Answer:
    header = response.headers.get("Content-Type") or b""
    return Answer(response.status, header.decode("latin-1"), response.body)


async def _close(page: BrowserPage) -> None:
    """Close a browser's page on every path; one that cannot be closed is gone already."""
    from caliber_crawler.browser.scroll import BrowserError

    with suppress(BrowserError, TimeoutError):
        await asyncio.wait_for(page.close(), _CLOSING_SECONDS)


def _now_ms() -> int:
    return int(now().timestamp() * 1000)
