"""What list spiders share: the cards of lists, and the requests for their articles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Request, Response

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.dates import names_a_day
from caliber_crawler.health import in_section
from caliber_crawler.items import Card, Reject, SectionRef
from caliber_crawler.listing.exchange import Answer
from caliber_crawler.listing.places import Places
from caliber_crawler.listing.rule import ListRule, Step
from caliber_crawler.listing.walk import Walk, by_place
from caliber_crawler.requests import HTML_BATCH, PURPOSE, SEQUEL
from caliber_crawler.responses import answered_at
from caliber_crawler.spiders import bars
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LIST_PRIORITY, CaliberSpider
from caliber_crawler.spiders.named import NamedArticles
from caliber_crawler.spiders.tasks import ListTask
from caliber_crawler.store.walks import Bounds

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

    from caliber_crawler.store.cards import Compared

# More articles than this are not kept waiting for the last list.
_HELD_ARTICLES = 2_000
_REMEMBERED_AT_ONCE = 200


class CardSpider(CaliberSpider):
    """Notes the cards of lists and asks for their articles.

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
        self._unremembered: list[Card] = []
        self._untold: list[tuple[str, str]] = []  # of these, what walks took, and of which list

    async def parse_batch(
        self, response: Response, task: dict[str, Any], state: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """One answer of a list that is walked by its rule; `lists` has it."""
        raise NotImplementedError
        yield  # makes this a generator, as Scrapy expects

    def batch_failed(self, failure: Failure) -> AsyncIterator[Any]:
        """Errback of such an answer's request."""
        raise NotImplementedError

    # --- cards and articles

    async def _take(
        self, task: ListTask, cards: Sequence[Card], places: Places | None = None
    ) -> list[Any]:
        """Note a batch's articles. Returns what is to be yielded: sightings, held-up requests.

        `places` are those of a page that grows, None for a page or an answer by itself.
        """
        found: list[Any]
        cards, found = self.first_of("cards", task.url, cards, self.config.limits.cards)
        self.count(counters.CARDS_SEEN, number=len(cards))
        self._count_in_section(task, cards=len(cards))
        is_first = task.walk.batches == task.walk.rounds == 0
        compared = await self.compared_cards(cards) if self.arguments.mode == "update" else None
        known = compared.known if compared else {}
        before = task.known_before
        told = {
            url
            for url, stored in known.items()
            if before and (at := stored.taken_from(task.key)) and at < before
        }
        beside = {card.url for card in cards if not self._of_edition(card, task.language)}
        chosen = task.walk.take(
            cards, told, lambda card: self._admits_card(card, task.language), beside
        )
        strangers = (places or Places()).strangers(cards, task.section) if task.section else set()
        own = [card for card in cards if card.url not in beside | strangers]
        await self._look_for_known(task, own, compared)
        if is_first and task.walk.ended is None:
            await self._open(task)  # before what the walk took is noted
        await self._note(task, cards, compared, chosen)
        for card in chosen:
            section = None if card.url in strangers else task.section
            self.count(counters.CARDS_BESIDE, number=card.url in strangers)
            if card.url in known:
                self.count(counters.CARDS_KNOWN)
                if section is None or section["slug"] in {
                    ref["slug"] for ref in known[card.url].sections
                }:
                    continue
                found.append(self.articles.sighting(card, section))
                continue
            if self.articles.knows(card.url):
                self.count(counters.CARDS_REPEATED)
            if self.durable:  # the frontier collects what lists say of an article
                found.append(self._asked_for(card, section))
                continue
            sighting = self.articles.note(card, section)
            found += [sighting] if sighting else []
        if len(self.articles) > _HELD_ARTICLES:
            found += self._article_requests()
        return found

    async def _look_for_known(
        self, task: ListTask, cards: Sequence[Card], compared: Compared | None
    ) -> None:
        """Note whether a batch comes to where cards stand that earlier walks of the list took.

        They may have been edited since. Only those in the later half of their place on the page
        tell it: a pinned article stands above all others for months.
        """
        before = task.known_before
        if before is None or task.met_known:
            return
        later = [card for place in by_place(cards) for card in place[len(place) // 2 :]]
        if compared is None:
            compared = await self.compared_cards(later)
        task.met_known = any(
            (at := compared.taken_from(card.url, task.key)) and at < before for card in later
        )

    def _count_first(self, task: ListTask, cards: Sequence[Card], broken: int) -> None:
        """Count what the first page of a section's list shows."""
        self._count_in_section(
            task,
            lists=1,
            cards_first=len(cards),
            cards_broken=broken,
            # After midnight days that have names are not understood for a while, which is no loss.
            cards_no_time=sum(
                card.published_at is None and not names_a_day(card.time_text) for card in cards
            ),
            cards_no_title=sum(not card.title for card in cards),
        )

    def _count_in_section(self, task: ListTask, **numbers: int) -> None:
        slug = task.section["slug"] if task.section else None
        for what, number in numbers.items():
            if detail := in_section(what, task.language, slug):
                self.count(counters.SECTIONS, detail, number)

    def _admits_card(self, card: Card, language: str) -> bool:
        if not self._of_edition(card, language):
            self.count(counters.CARDS_OTHER_EDITION)
        elif not self.arguments.admits(card.published_at, self.config):
            self.count(counters.CARDS_OUT_OF_RANGE)
        else:
            return True
        return False

    def _of_edition(self, card: Card, language: str) -> bool:
        address = self.config.site.address(card.url)
        return address is not None and address.language == language

    async def _note(
        self,
        task: ListTask,
        cards: Sequence[Card],
        compared: Compared | None,
        chosen: Sequence[Card],
    ) -> None:
        """Remember a batch's cards, and what the walk took of them, at once if compared already."""
        taken = [(card.url, task.key) for card in chosen]
        if compared is not None:
            await self.note_cards(compared, taken)
        else:  # nothing depends on them, so the walk need not wait
            self._unremembered += cards
            self._untold += taken

    async def _remember(self, task: ListTask) -> None:
        """Remember the cards noted so far, many at a time, and all when a list has ended.

        Called once what follows them is asked for. A crawl that is killed forgets the last few; the
        next one then fetches their articles once more.
        """
        if task.walk.ended is None and len(self._unremembered) < _REMEMBERED_AT_ONCE:
            return
        cards, self._unremembered = self._unremembered, []
        taken, self._untold = self._untold, []
        await self.note_cards(await self.compared_cards(cards), taken)

    def _asked_for(self, card: Card, section: SectionRef | None) -> Request:
        """The request for the article of one card."""
        self.articles.take(card.url)
        said = self.articles.sighting(card, section)
        return self.article_request(
            card.url, sections=said.sections, addresses=said.aliases, newest=card.published_at
        )

    def _article_requests(self) -> Iterator[Request]:
        return (self.article_request(named.card.url) for named in self.articles.to_ask())

    def release(self) -> None:
        """Ask for the articles once no list is on its way any more."""
        if len(self.articles):
            for request in self._article_requests():
                self.crawler.engine.crawl(request)
            raise DontCloseSpider

    # --- shorthands

    def _batch_request(self, task: ListTask, step: Step) -> Request:
        made = step.request
        is_html = task.rule is not None and task.rule.format.kind == "html"
        return Request(
            made.url,
            method=made.method,
            body=made.body,
            headers={**made.headers, "Referer": task.url},
            callback=self.parse_batch,
            errback=self.batch_failed,
            priority=LIST_PRIORITY,
            cb_kwargs={
                "task": task.to_document(with_first=step.state.index == 0),
                "state": step.state.to_document(),
            },
            meta={PURPOSE: task.purpose("batch"), SEQUEL: True, HTML_BATCH: is_html},
        )

    def _task_of(self, said: dict[str, Any]) -> ListTask:
        """The task that a request carries: this worker's, unless another one was at it since."""
        task = self.tasks.get(said["key"])
        if task is None or (self.durable and task.position != said["position"]):
            task = self.tasks[said["key"]] = ListTask.from_document(said, self._walk())
        return task

    def _task(self, key: str, url: str, section: SectionRef | None, language: str) -> ListTask:
        return ListTask(key, url, section, language, self._walk())

    def _walk(self) -> Walk:
        arguments, zone = self.arguments, self.config.site.zone
        day = arguments.since
        since = datetime.combine(day, clock_time(), zone) if day else None
        return Walk(
            limit=arguments.limit,
            since=since.astimezone(UTC) if since else None,
            ceiling=self.config.max_batches,
            stop_at_known=arguments.mode == "update",
        )

    def _key(self, url: str) -> str:
        site = self.config.site
        return (site.canonical(url) or url).removeprefix(site.base)

    # --- how far lists are walked

    async def _begin(self, task: ListTask) -> None:
        """Find out where the known may begin: not behind what a walk that was cut short stored."""
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is None or self._debugging:
            return
        before = await addon.patiently(
            lambda: store.walks.begin(task.key, _bounds(task.walk), addon.server_now())
        )
        if before.bar is not None and not await bars.holds(addon, before.bar):
            self.logger.info("%s: it may go on again, or is tried anew", task.url)
            await addon.patiently(lambda: store.walks.unbar(task.key))
            before = await addon.patiently(
                lambda: store.walks.begin(task.key, _bounds(task.walk), addon.server_now())
            )
        task.bar = before.bar
        task.known_before, task.is_closed = before.known_before, before.closed
        if before.known_before and not before.closed and task.walk.stop_at_known:
            self.count(counters.LISTS_TAKEN_UP)
            self.logger.info(
                "%s: an earlier walk did not come to its end, so this one goes back to what was "
                "known on %s",
                task.url,
                before.known_before.isoformat(timespec="minutes"),
            )

    async def _open(self, task: ListTask) -> None:
        """Note that a walk goes beyond the first page, before anything there is asked for."""
        addon = CaliberAddon.of(self.crawler)
        store = addon.store
        if store is not None and not self._debugging:
            await addon.patiently(lambda: store.walks.open(task.key, task.known_before))
            task.is_closed = False

    async def _ended(self, task: ListTask) -> list[Any]:
        """Count and note how a list's walk ended; a list that had no card at all is rejected."""
        end = task.walk.ended
        if end == "end" and (early := await self._ended_early(task)):
            return early
        self.count(counters.LISTS_ENDED, str(end))
        addon = CaliberAddon.of(self.crawler)
        store, bounds = addon.store, _bounds(task.walk)
        # A list without a card shows nothing of where it ends: its cards may not be told any more.
        is_told = task.walk.found_any and not (task.is_closed and end == "known")
        if store is not None and end is not None and is_told:
            await addon.patiently(lambda: store.walks.end(task.key, end, bounds, task.known_before))
        task.walk.forget()
        if task.walk.found_any or task.empty is None:
            return []
        self.count(counters.LISTS_WITHOUT_CARDS)
        return [task.empty]

    async def _ended_early(self, task: ListTask) -> list[Any]:
        """The reject for a list that ends above all that earlier walks took there.

        Below the newest articles there are those of before, unless all were removed. So what asks
        for more may have been out of order; the walk is left open, and the next one goes on.
        """
        addon = CaliberAddon.of(self.crawler)
        store, before = addon.store, task.known_before
        if store is None or before is None or task.met_known or not task.walk.found_any:
            return []
        if not await addon.patiently(lambda: store.cards.any_taken(task.key, before)):
            return []
        if await addon.patiently(lambda: store.walks.doubt_end(task.key, addon.server_now())):
            self.logger.warning("%s: it still ends above all that was known: believed", task.url)
            return []
        why = "the list ends above all articles that were known of it"
        self.logger.error("%s: %s; the next crawl walks it again", task.url, why)
        task.walk.forget()
        self._given_up(task)
        return [self._list_reject(task, "list_ends_early", why)]

    def _given_up(self, task: ListTask) -> None:
        """Count a list that a failure ended."""
        task.given_up = True
        self.count(counters.LISTS_ENDED, "unfinished")

    def _list_reject(self, task: ListTask, reason: str, detail: str) -> Reject:
        return Reject(url=task.url, reason=reason, detail=detail, at=now())

    @property
    def _debugging(self) -> bool:
        return self.settings.getbool("CALIBER_DEBUGGING")

    @property
    def _stopping(self) -> bool:
        return CaliberAddon.of(self.crawler).stopping


def _bounds(walk: Walk) -> Bounds:
    return Bounds(walk.limit, walk.since, walk.ceiling)


def answer_of(response: Response) -> Answer:
    header = response.headers.get("Content-Type") or b""
    at = answered_at(response)
    return Answer(response.status, header.decode("latin-1"), response.body, at)
