"""Walking lists: the first page over HTTP, then by a learned rule, or by scrolling in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.errors import LostThread, UnknownRule
from caliber_crawler.items import Card, SectionRef
from caliber_crawler.listing.answers import (
    Format,
    Reading,
    complaint,
    is_blank,
    misgiving,
    read_answer,
    read_page,
)
from caliber_crawler.listing.rule import ListRule, Source, State, first_request, next_request
from caliber_crawler.outcomes import Refused, is_forbidden
from caliber_crawler.pages.section import ListPage, parse_list
from caliber_crawler.reach import OFF_SITE
from caliber_crawler.requests import HTML_BATCH, PURPOSE, SEQUEL
from caliber_crawler.responses import CUT_OFF, page_of, reject_of
from caliber_crawler.site import Address
from caliber_crawler.spiders import bars
from caliber_crawler.spiders.base import FORBIDDEN_BY_ROBOTS, LIST_PRIORITY
from caliber_crawler.spiders.cards import answer_of
from caliber_crawler.spiders.scrolling import ScrollingSpider
from caliber_crawler.spiders.tasks import ListTask
from caliber_crawler.store.walks import Bar

if TYPE_CHECKING:
    from twisted.python.failure import Failure

# How a site may say, besides "not found", that there is no further page.
_NO_SUCH_PAGE = frozenset({400, 405, 406, 416, 422})
# A page that names its next page itself needs no lesson.
_NAMED_NEXT = ListRule(
    "GET", "", "", Format("html"), next_url=Source("answer", "link@next", "link@next")
)
# The key in a request's meta that tells that it is asked for once more.
_AGAIN = "asked_again"


class ListWalkingSpider(ScrollingSpider):
    """Walks lists from their first page on, in the way that the argument `render` says."""

    # --- the first page of a list, over HTTP

    def list_request(
        self, url: str, section: SectionRef | None, language: str, **meta: Any
    ) -> Iterator[Request]:
        """A request for a list that was not asked for yet, be it for another edition."""
        key = self._key(url)
        if self._is_anothers(url, language):
            known = self.tasks[key]
            self.logger.warning(
                "%s: it is walked for the edition %s already, so %s does not get it",
                url, known.language, language,
            )  # fmt: skip
            self._count_anothers(known)
        elif key not in self.tasks:
            self.tasks[key] = self._task(key, url, section, language)
            yield Request(
                url,
                callback=self.parse_section,
                errback=self.section_failed,
                priority=LIST_PRIORITY,
                cb_kwargs={"task": self.tasks[key].to_document()},
                meta=meta,
            )

    async def parse_section(
        self, response: Response, task: dict[str, Any] | None = None
    ) -> AsyncIterator[Any]:
        """Note the articles on a list's first page; go on as far as the arguments say."""
        page = parse_list(page_of(response), self.config.site)
        if task is None:  # a page given by hand, for debugging
            key = self._key(response.url)
            task = self._task(key, response.url, None, page.language or "").to_document()
        asked = self._task_of(task)
        walked: ListTask | None = asked
        led = self.config.site.elsewhere(asked.url, response.url)
        if led is not None and led.kind == "section":
            walked = self._in_place_of(asked, led, page)
        elif led is not None and (led.kind == "home" or page.cards):
            walked = None
            async for found in self.lacking(asked, response):
                yield found
        if walked is not None:
            async for found in self._read_first(walked, page, response):
                yield found

    def _in_place_of(self, task: ListTask, led: Address, page: ListPage) -> ListTask | None:
        """The list of the section to which another one's address led; None when it is walked."""
        self.count(counters.LISTS_MOVED)
        self.logger.warning("%s: leads to another section, %s", task.url, page.url)
        url = led.url.partition("?")[0]
        key = self._key(url)
        if key in self.tasks:
            if self._is_anothers(url, task.language):
                self._count_anothers(task)
            return None
        slug = led.slug or ""
        names = [x.ref["name"] for x in page.sections if self._key(x.url) == key]
        ref: SectionRef = {"slug": slug, "name": names[0] if names else slug}
        self.tasks[key] = self._task(key, url, ref, task.language)
        return self.tasks[key]

    def _is_anothers(self, url: str, language: str) -> bool:
        """Whether a list is walked as one of another edition."""
        known = self.tasks.get(self._key(url))
        return known is not None and known.language != language

    def _count_anothers(self, task: ListTask) -> None:
        if not task.is_anothers:
            task.is_anothers = True
            self.count(counters.LISTS_OTHER_EDITION)

    async def _read_first(
        self, task: ListTask, page: ListPage, response: Response
    ) -> AsyncIterator[Any]:
        reading = read_page(page_of(response), self.config.site)
        if not reading.cards and (reject := self.in_its_place(response)) is not None:
            yield reject
            return
        self.count(counters.LISTS_READ)
        self.count(counters.LISTS_CUT_OFF, number=CUT_OFF in response.flags)
        self.count(counters.CARDS_BROKEN, number=page.broken_cards)
        self.count(counters.TIMES_UNKNOWN, number=page.unknown_times)
        for request in self.follow(page, task.language):
            yield request
        await self._begin(task)
        self._count_first(task, reading.cards, page.broken_cards)
        taken: list[Any] = []
        if reading.cards:
            task.first = frozenset(card.url for card in reading.cards)
            if task.section is not None and self._is_another_editions(task, reading.cards):
                self._count_anothers(task)
                await self.misled(task)
            taken = await self._take(task, reading.cards)
        else:  # a script may bring even the first ones
            detail = "no card with an article in the list"
            task.empty = reject_of(response, self.fetch(), "list_without_cards", detail)
            await self._open(task)
        for found in taken:
            yield found
        if self._debugging:
            further = list(self._article_requests())
        elif task.walk.ended in (None, "known") and (bar := await self._bar_of(task)):
            further = await self._barred(task, bar)
        elif task.walk.ended is None:
            further = await self._go_on(task, reading, response.url)
        else:
            further = await self._ended(task)
        for found in further:
            yield found
        await self._remember(task)

    parse = parse_section

    async def _bar_of(self, task: ListTask) -> Bar | None:
        """Why only the first page of a list can be had, where more is wanted of it."""
        if task.bar is None or self.arguments.render != "http":
            return task.bar
        return task.bar if await self._known_rule(task) else None

    async def _barred(self, task: ListTask, bar: Bar) -> list[Any]:
        """A list of which only the first page can be had: that is all that is wanted of it."""
        task.walk.ended = task.walk.ended or "first_page"
        task.empty = None  # its script would bring its cards
        return [*await self._ended(task), self._told_of_bar(task, bar)]

    def follow(self, page: Any, language: str) -> Iterator[Any]:
        """Requests for further lists that a list's page names; none by default."""
        return iter(())

    async def misled(self, task: ListTask) -> None:
        """A list that was asked for as one of an edition shows another one; nothing by default."""

    def _is_another_editions(self, task: ListTask, cards: Sequence[Card]) -> bool:
        addresses = [self.config.site.address(card.url) for card in cards]
        return all(address and address.language != task.language for address in addresses)

    async def lacking(self, task: ListTask, response: Response) -> AsyncIterator[Any]:
        """What becomes of a list that the site does not have, as where it leads to a home page."""
        detail = f"it leads to {response.url}"
        yield self._list_reject(task, "unknown_section", detail)

    async def section_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of a list's first page."""
        for reject in self.failed(failure):
            yield reject

    # --- on by a rule, over HTTP

    async def parse_batch(
        self, response: Response, task: dict[str, Any], state: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """One answer of a list that is walked by its rule."""
        async for found in self._read_batch(self._task_of(task), response, State(**state)):
            yield found

    async def _read_batch(
        self, task: ListTask, response: Response, reached: State
    ) -> AsyncIterator[Any]:
        rule = task.rule = task.rule or await self._known_rule(task)
        if rule is None:
            for request in await self._disappointed(task, "nobody knows it any more"):
                yield request
            return
        if reached.index > 0 and self._led_away(task, response):
            task.walk.nothing_more()
            taken = await self._ended(task)
        else:
            taken = await self._taken_from(task, rule, reached, response)
        for found in taken:
            yield found
        await self._remember(task)

    async def _taken_from(
        self, task: ListTask, rule: ListRule, reached: State, response: Response
    ) -> list[Any]:
        """What an answer brings, or what becomes of the list that does not take it for one."""
        reading = self._batch_of(task, rule, response)
        why = self._refusal(task, rule, reached, response, reading)
        # What is no answer of the list's kind may still be how the list ends.
        odd = reading is None and reached.index > 0 and not self._complaint(task, response)
        if reading is not None and not reading.cards and not why:
            why = misgiving(answer_of(response), task.url, self.config.site)
            odd = bool(why)
            is_end = odd or self._is_last(task, rule, reached, reading)
            if is_end and (again := self._once_more(task, response)):
                return again
        if reading is None or why:
            renewed = None if odd else await self._renewed(task, rule, why)
            return await self._disappointed(task, why, odd=odd) if renewed is None else renewed
        return await self._accepted(task, rule, reached, reading)

    async def _accepted(
        self, task: ListTask, rule: ListRule, reached: State, reading: Reading
    ) -> list[Any]:
        """What a good answer brings, the request for the next one first."""
        self.count(counters.LISTS_BATCHES)
        taken = await self._take(task, reading.cards)
        try:
            if task.walk.gap and rule.goes_on_regardless:
                raise LostThread("cards came after an answer that had none")
            step = next_request(rule, reached, reading, task.url, self.config.site.base, _now_ms())
        except LostThread as error:
            return taken + await self._disappointed(task, str(error))
        if step is None and self._breaks_off(task, rule, reading):
            return taken + await self._disappointed(task, "its pages name no next one any more")
        if step is None:
            task.walk.nothing_more()
        if task.walk.ended is None and step is not None:
            return [self._batch_request(task, step), *taken]
        return taken + await self._ended(task)

    async def _renewed(self, task: ListTask, rule: ListRule, why: str) -> list[Any] | None:
        """What a rule brings with the tokens of another visit; None when it is refused again.

        A token may be a session's. Lists whose pages are asked for at once, before there is any
        cookie, begin a session each, and the last one counts; a worker that goes on for another one
        has its own.
        """
        if task.renewed or not rule.is_of_a_visit:
            return None
        task.renewed = True
        self.count(counters.LISTS_VISITED_AGAIN)
        self.logger.info("%s: visited again for its tokens: %s", task.url, why)
        page = await self._at_once(task, Request(task.url))
        if page is None or page.status != 200 or self._key(page.url) != task.key:
            return None
        base, today = self.config.site.base, read_page(page_of(page), self.config.site)
        step = first_request(rule, today, page.url, base, _now_ms())
        answer = await self._at_once(task, self._batch_request(task, step)) if step else None
        if step is None or answer is None or answer.status != 200:
            return None
        reading = self._batch_of(task, rule, answer)
        if reading is None or not reading.cards:
            return None
        if self._refusal(task, rule, step.state, answer, reading):
            return None
        if task.walk.batches > 1:
            task.walk.restart()
        return await self._accepted(task, rule, step.state, reading)

    def _is_last(self, task: ListTask, rule: ListRule, reached: State, reading: Reading) -> bool:
        """Whether no request follows from an answer without cards."""
        base = self.config.site.base
        return next_request(rule, reached, reading, task.url, base, _now_ms()) is None

    def _once_more(self, task: ListTask, response: Response) -> list[Any]:
        """The request of an answer without cards, made again unless it was that already.

        Such an answer ends a list, for good as far as updates go, and a server may give one in a
        bad moment. Where numbers lead on, further answers tell.
        """
        asked = response.request
        if asked is None or asked.meta.get(_AGAIN):
            return []
        self.count(counters.LISTS_ASKED_AGAIN)
        kept = {HTML_BATCH: asked.meta.get(HTML_BATCH, False)}
        meta = {PURPOSE: task.purpose("again"), SEQUEL: True, _AGAIN: True, **kept}
        return [asked.replace(meta=meta)]

    def _batch_of(self, task: ListTask, rule: ListRule, response: Response) -> Reading | None:
        """The cards of an answer; None when it is of another kind than the rule's."""
        self.count(counters.LISTS_CUT_OFF, number=CUT_OFF in response.flags)
        answer, site = answer_of(response), self.config.site
        reading = read_answer(answer, rule.format, task.url, site, values=rule.needs_values)
        if reading is None and is_blank(answer) and not rule.needs_values:
            return Reading([], {})  # the next request does not depend on it, and will show
        return reading

    def _refusal(
        self,
        task: ListTask,
        rule: ListRule,
        reached: State,
        response: Response,
        reading: Reading | None,
    ) -> str:
        """Why an answer is none that the list gives; empty when it may be one."""
        if reading is None:
            return "the answer is of another kind"
        if not reading.cards and response.meta.get("redirect_urls"):
            return f"the answer is that of {response.url}"
        if not reading.cards and (why := self._complaint(task, response)):
            return why
        if reached.index > 0:
            return ""
        if not reading.cards and rule is not _NAMED_NEXT:
            return "the answer holds no cards"
        if reading.cards and task.first and all(c.url in task.first for c in reading.cards):
            return "the list's first page came again"
        return ""

    def _breaks_off(self, task: ListTask, rule: ListRule, reading: Reading) -> bool:
        """Whether a full page names no next one, as where only the first page's head does."""
        may_ask = self.arguments.render == "auto" and not task.relearned
        full = len(reading.cards) >= task.walk.largest
        return rule is _NAMED_NEXT and may_ask and full and task.walk.ended is None

    def _complaint(self, task: ListTask, response: Response) -> str:
        return complaint(answer_of(response), task.url, self.config.site)

    def _led_away(self, task: ListTask, response: Response) -> bool:
        """Whether a request for more was led to the home page or to the list's own first page.

        So some sites answer for what follows the last batch. What is there is no batch of the list.
        """
        if not response.meta.get("redirect_urls"):
            return False
        address = self.config.site.address(response.url)
        at_home = address is not None and address.kind == "home"
        return at_home or self._key(response.url) == task.key

    async def batch_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of a batch: after good ones, "not found" is how some lists end."""
        request: Request = failure.request  # type: ignore[attr-defined]
        task = self._task_of(request.cb_kwargs["task"])
        error = failure.value
        if isinstance(error, Refused) and error.reason == OFF_SITE:
            for request in await self._disappointed(task, str(error)):
                yield request
        elif not isinstance(error, HttpError):
            if is_forbidden(error) and request.cb_kwargs["state"]["index"] == 0:
                why = "robots.txt forbids what the list's rule asks for"
                await bars.note(
                    CaliberAddon.of(self.crawler), task.key, FORBIDDEN_BY_ROBOTS,
                    f"{why}: {request.url}", request.url,
                )  # fmt: skip
            self._given_up(task)
            for reject in self.failed(failure):
                yield reject
        elif error.response.status in (404, 410) and request.cb_kwargs["state"]["index"] > 0:
            task.walk.nothing_more()
            for found in await self._ended(task):
                yield found
        else:
            CaliberAddon.of(self.crawler).outcomes.fine(request)  # it is dealt with here
            status = error.response.status
            odd = status in _NO_SUCH_PAGE and request.cb_kwargs["state"]["index"] > 0
            why = f"the answer has status {status}"
            rule = task.rule = task.rule or await self._known_rule(task)
            taken = await self._renewed(task, rule, why) if rule and not odd else None
            if taken is None:
                taken = await self._disappointed(task, why, odd=odd)
            for found in taken:
                yield found
            await self._remember(task)

    async def _go_on(self, task: ListTask, reading: Reading, url: str) -> list[Any]:
        """What follows the first page: the rule's first request, or a browser, or nothing."""
        if self.arguments.render == "browser":
            return self._open_browser(task)
        task.rule = await self._known_rule(task)
        if task.rule is not None and task.rule.begins_as_seen:
            # It leads on from a batch, so it is kept; not from this page, which is a later one.
            task.rule = None
            self.logger.info(
                "%s: where the rule of this list begins was seen, not explained, when it was "
                "learned, so it does not lead on from the list's page of today",
                task.url,
            )
        if task.rule is None and reading.values.get("link@next"):
            task.rule, task.named_next = _NAMED_NEXT, True
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
        return await self._ended(task)

    async def _disappointed(self, task: ListTask, why: str, *, odd: bool = False) -> list[Any]:
        """A rule that does not hold any more: learn it again once, else say so.

        With `odd` the list may also have ended, in a way of its own: that is believed when a rule
        that was just learned comes to the very same place.
        """
        if odd and task.relearned and task.walk.came_to_the_same_end:
            self.logger.info("%s: the list ends here each time: %s", task.url, why)
            task.walk.nothing_more()
            return await self._ended(task)
        self.count(counters.RULES_BROKEN)
        self.logger.warning("%s: the rule of this list does not hold: %s", task.url, why)
        task.rule, task.named_next = None, False
        self._rules.pop(task.key, None)
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is not None:
            await addon.patiently(lambda: store.rules.forget(task.key))
        if self.arguments.render == "auto" and not task.relearned:
            task.relearned = True
            return self._open_browser(task)
        self._given_up(task)
        return [self._list_reject(task, "list_rule_broken", why)]

    async def _known_rule(self, task: ListTask) -> ListRule | None:
        if task.named_next:
            return _NAMED_NEXT
        if task.key not in self._rules:
            addon = CaliberAddon.of(self.crawler)
            store = addon.store
            if store is None:
                return None
            try:
                rule = await addon.patiently(lambda: store.rules.get(task.key))
            except UnknownRule as error:
                self.count(counters.RULES_UNKNOWN)
                self.logger.warning("%s: the stored rule is of no known form: %s", task.url, error)
                return None
            if rule is None:
                return None
            self._rules[task.key] = rule
        return self._rules[task.key]


def _now_ms() -> int:
    return int(now().timestamp() * 1000)
