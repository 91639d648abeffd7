"""Lists in a browser: scrolling them, and learning on the way how they ask for more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import DontCloseSpider
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.errors import NotAnArticle
from caliber_crawler.items import Card, Reject
from caliber_crawler.listing.answers import Reading, complaint, misgiving, read_answer, read_page
from caliber_crawler.listing.learn import Batch, Lesson, learn
from caliber_crawler.listing.places import Places
from caliber_crawler.outcomes import Refused
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.kinds import in_place_of_a_list
from caliber_crawler.pages.section import parse_cards
from caliber_crawler.reach import OFF_SITE
from caliber_crawler.requests import PURPOSE
from caliber_crawler.spiders import bars
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import FORBIDDEN_BY_ROBOTS, LIST_PRIORITY, NOT_A_LIST
from caliber_crawler.spiders.cards import CardSpider, answer_of
from caliber_crawler.spiders.tasks import ListTask
from caliber_crawler.store.walks import Bar

if TYPE_CHECKING:
    from playwright.async_api import Page as BrowserPage
    from twisted.python.failure import Failure

    from caliber_crawler.browser.scroll import Scroller

# So many requests that brought cards are looked at before a list is taken to follow no rule; and so
# many times that cards appeared, since scripts may add them one by one, which is fewer times where
# nothing was asked for.
_LESSONS = 6
_LOOKS = 60
_BROWSER_ATTEMPTS = 2
# Of the articles that the browser saw in a batch, the same batch over HTTP must have this share:
# an article may have been posted in between.
_SAME = 0.8
_SETTLING_SECONDS = 3.0
_LONGEST_WHY = 300
_LEAVING_SECONDS = 2.0
_CLOSING_SECONDS = 5.0


class ScrollingSpider(CardSpider):
    """Opens lists in a browser, as many at a time as the browser may have pages."""

    def set_arguments(self, arguments: SectionsArguments) -> None:
        super().set_arguments(arguments)
        self._browsing = 0
        self._waiting: deque[ListTask] = deque()

    def release(self) -> None:
        if self._waiting and not self._stopping:  # a page was not given back
            self._browsing = 1
            self._browser_closed()
            raise DontCloseSpider
        super().release()

    def _open_browser(self, task: ListTask) -> list[Request]:
        """The request for a list in a browser, now or when a page of the browser is free.

        Requests that wait for a page would fill the downloader, and what the open pages need of it
        would never come. With a frontier they wait there.
        """
        if not self.durable and self._browsing >= self._most_pages:
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
            cb_kwargs={"task": task.to_document()},
            meta={
                PURPOSE: task.purpose("browser"),
                "playwright": True,
                "playwright_include_page": True,
                # Adverts and pictures may load for ever; the list's script runs before that.
                "playwright_page_goto_kwargs": {"wait_until": "domcontentloaded"},
                "record_exchanges": True,
                "dont_retry": True,  # attempts are counted here
            },
        )

    async def parse_scrolled(self, response: Response, task: dict[str, Any]) -> AsyncIterator[Any]:
        """Scroll a list in a browser, and learn its rule on the way unless told otherwise."""
        from caliber_crawler.browser.scroll import BarredError, BrowserError, Forbidden, Scroller

        browsed = self._task_of(task)
        page: BrowserPage = response.meta["playwright_page"]
        try:
            if (why := self._led_elsewhere(browsed, response)) is not None:
                raise BrowserError(why)
            scroller = Scroller(
                page,
                lambda: self._stopping,
                quiet=self.config.scroll_quiet,
                patience=self.config.browser_patience,
                # All workers may be told to pause meanwhile.
                row=self.config.backoff_most + CaliberAddon.of(self.crawler).turns.of_a_page,
            )
            async for found in self._scroll(browsed, scroller):
                yield found
        except BarredError as error:
            reason = FORBIDDEN_BY_ROBOTS if isinstance(error, Forbidden) else OFF_SITE
            if not browsed.grew:  # else it was something else, for some time at least
                await bars.note(
                    CaliberAddon.of(self.crawler), browsed.key, reason, str(error), error.url
                )
            # A second attempt would come to the same.
            for found in self._browser_trouble(browsed, str(error), 1, reason):
                yield found
        except NotAnArticle as error:
            kind = f"{NOT_A_LIST}_{error.kind}"
            for found in self._browser_trouble(browsed, error.detail, 1, kind):
                yield found
        except (BrowserError, TimeoutError) as error:
            for found in self._browser_trouble(browsed, str(error)):
                yield found
        finally:
            if self._stopping and response.request is not None:
                CaliberAddon.of(self.crawler).outcomes.unfinished(response.request)
            await self._close(page)
            self._browser_closed()

    def _led_elsewhere(self, task: ListTask, response: Response) -> str | None:
        """Why what the browser was sent to is no page of the list; None when it may be."""
        if "playwright_suggested_filename" in response.meta:
            return "the address leads to a file, not a page"
        if not response.meta.get("redirect_urls"):  # where a script goes is seen by the scroller
            return None
        led = self.config.site.elsewhere(task.url, response.url)
        other = led is not None and led.kind != "other"
        return f"the address leads to {response.url}" if other else None

    async def _scroll(self, task: ListTask, scroller: Scroller) -> AsyncIterator[Any]:

        site = self.config.site
        served = await scroller.recorder.served()
        page = Page(task.url, served.body, served.content_type) if served else None
        reading = read_page(page, site) if page else Reading([], {})
        task.first = task.first or frozenset(card.url for card in reading.cards)
        learning = self.arguments.render == "auto" and page is not None
        task.walk.restart()
        batches: list[Batch] = []
        looks, places = 0, Places()
        base = page.base if page else ""
        html = await scroller.present()
        if page and not html and not reading.cards and (what := in_place_of_a_list(page, site)):
            raise what
        seen = False
        while True:
            piece = Page(task.url, "".join(html).encode(), begins_at=base, at=now())
            cards = parse_cards(piece, site).cards
            self.count(counters.LISTS_SCROLLED)
            seen = seen or bool(cards)
            for found in await self._take(task, cards, places):
                yield found
            await self._remember(task)
            if task.walk.ended or self._stopping:
                break
            if learning:
                looks += 1
                settled, lesson = await self._study(task, scroller, reading, batches, cards)
                rest = await self._checked(task, lesson) if settled else None
                if rest is not None:
                    for found in await self._follow_rule(task, lesson, rest):
                        yield found
                    await self._remember(task)
                    return
                most = _LOOKS if any(batch.exchanges for batch in batches) else _LESSONS
                if lesson.requests >= _LESSONS or looks >= most:
                    learning = False
                    why = lesson.why or "it does not hold over plain HTTP"
                    self._no_rule(task, why if settled else "requests are always on their way")
            html = await scroller.more()
            task.grew = task.grew or bool(html)
            if not html and not self._stopping:
                self._believe_the_end(task, scroller, seen=seen)
                task.walk.nothing_more()
                break
        if task.walk.ended:
            for found in await self._ended(task):
                yield found
            await self._remember(task)

    async def _study(
        self,
        task: ListTask,
        scroller: Scroller,
        page: Reading,
        batches: list[Batch],
        cards: Sequence[Card],
    ) -> tuple[bool, Lesson]:
        """Add what a scroll brought and look for a rule; whether that may be followed comes first.

        It may not while requests are on their way: their answers may come in another order. Cards
        that nothing new was asked for are more of the batch before.
        """
        settled = await scroller.recorder.settled(_SETTLING_SECONDS)
        exchanges = await scroller.recorder.drain()
        if batches and not exchanges:
            before = batches.pop()
            batches.append(Batch([*before.cards, *cards], before.exchanges))
        else:
            batches.append(Batch(cards, exchanges))
        return settled, learn(page, task.url, batches, self.config.site)

    def _believe_the_end(self, task: ListTask, scroller: Scroller, *, seen: bool) -> None:
        """Raise `BrowserError` when a list stopped growing for another reason than its end."""
        from caliber_crawler.browser.scroll import BrowserError

        if task.first and not seen:
            raise BrowserError("it shows none of the list's cards")
        if task.walk.unseen >= task.walk.largest > 0:
            raise BrowserError("the list ends before what was seen of it over HTTP")
        # What may be how the list ends is believed when it comes to the same place once more.
        is_same = task.attempts > 0 and task.walk.came_to_the_same_end
        for answer in scroller.recorder.last_answers:
            why = complaint(answer, task.url, self.config.site)
            if not is_same:
                why = why or misgiving(answer, task.url, self.config.site)
            if why:
                raise BrowserError(f"the list ends with another answer: {why}")

    async def _checked(self, task: ListTask, lesson: Lesson) -> Sequence[Card] | None:
        """Ask once over plain HTTP for what the browser got, and compare.

        None when there is no rule or it does not hold, else the cards of that answer.
        """
        if lesson.rule is None or lesson.check is None or not lesson.expected:
            return None
        response = await self._at_once(task, self._batch_request(task, lesson.check))
        if response is None:
            return None
        answer = answer_of(response)
        reading = read_answer(answer, lesson.rule.format, task.url, self.config.site)
        cards = reading.cards if reading and answer.status == 200 else []
        found = {card.url for card in cards}
        return cards if len(found & lesson.expected) >= _SAME * len(lesson.expected) else None

    async def _at_once(self, task: ListTask, request: Request) -> Response | None:
        """The answer to a request that this worker makes now; None when none comes."""
        asked = request.replace(callback=None, errback=None)
        try:
            response: Response = await self.crawler.engine.download_async(asked)
        except Exception as error:  # whatever kept it from coming, nothing is known by it
            self.logger.info("%s: a check over HTTP failed: %s", task.url, error)
            return None
        return response

    async def _follow_rule(self, task: ListTask, lesson: Lesson, last: Sequence[Card]) -> list[Any]:
        """Keep a rule that was confirmed, and go on by it where the browser stopped.

        `last` are the cards of the last answer, some of which a script may not have shown yet.
        """
        if lesson.rule is None:
            return []
        task.rule = self._rules[task.key] = rule = lesson.rule
        self.count(counters.RULES_LEARNED)
        self.logger.info("%s: learned %s", task.url, rule.describe())
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is not None:
            await addon.patiently(lambda: store.rules.put(task.key, rule, now()))
        taken: list[Any] = []
        if rest := [card for card in last if not task.walk.has_seen(card)]:
            taken = await self._take(task, rest)
        if lesson.go_on is not None and task.walk.ended is None:
            return [self._batch_request(task, lesson.go_on), *taken]
        task.walk.nothing_more()
        return taken + await self._ended(task)

    # --- lists that go on where the crawler may not

    def _told_of_bar(self, task: ListTask, bar: Bar) -> Reject:
        self.count(counters.LISTS_BARRED)
        self.logger.warning("%s: only its first page can be had: %s", task.url, bar.detail)
        return self._list_reject(task, bar.reason, bar.detail)

    def _no_rule(self, task: ListTask, why: str) -> None:
        self.count(counters.RULES_NONE)
        self.logger.warning("%s: no rule found, scrolling on to the end: %s", task.url, why)

    async def browser_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of a browser's request; it may have failed before there was a page."""
        request: Request = failure.request  # type: ignore[attr-defined]
        page = request.meta.get("playwright_page")
        if page is not None:
            await self._close(page)
        task = self._task_of(request.cb_kwargs["task"])
        error, attempts = failure.value, _BROWSER_ATTEMPTS
        why = str(error) or type(error).__name__
        if isinstance(error, HttpError):  # the site's trouble, not the browser's: as over HTTP
            again = error.response.status in map(int, self.settings.getlist("RETRY_HTTP_CODES"))
            attempts = 1 + self.settings.getint("RETRY_TIMES") if again else 1
            why = f"the site answered with status {error.response.status}"
        reason = "browser_failed"
        if isinstance(error, Refused):
            attempts, reason = 1, error.reason
        for found in self._browser_trouble(task, why, attempts, reason):
            if isinstance(found, Request):  # the next attempt
                CaliberAddon.of(self.crawler).outcomes.fine(request)
            yield found
        self._browser_closed()

    def _browser_trouble(
        self,
        task: ListTask,
        why: str,
        attempts: int = _BROWSER_ATTEMPTS,
        reason: str = "browser_failed",
    ) -> Iterator[Any]:
        """Try once more; then take what was got and say so."""
        if self._stopping:
            return
        why = why.partition("\n")[0][:_LONGEST_WHY]
        task.attempts += 1
        if task.attempts < attempts:
            self.count(counters.BROWSER_RETRIES)
            self.logger.warning("%s: the browser failed (%s); trying again", task.url, why)
            yield from self._open_browser(task)
        else:
            self.count(counters.BROWSER_FAILED)
            self._given_up(task)
            self.logger.error(
                "%s: the browser failed (%s); only what HTTP and the browser brought so far "
                "is taken",
                task.url,
                why,
            )
            yield self._list_reject(task, reason, why)

    async def _close(self, page: BrowserPage) -> None:
        """Close a browser's page on every path; one that cannot be closed is gone already."""
        from caliber_crawler.browser.scroll import BrowserError

        blocker = CaliberAddon.of(self.crawler).blocker
        with suppress(BrowserError, TimeoutError):
            await asyncio.wait_for(blocker.leave(page), _LEAVING_SECONDS)
        with suppress(BrowserError, TimeoutError):
            await asyncio.wait_for(page.close(), _CLOSING_SECONDS)

    @property
    def _most_pages(self) -> int:
        return max(1, self.settings.getint("PLAYWRIGHT_MAX_PAGES_PER_CONTEXT"))
