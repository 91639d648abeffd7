"""What list spiders share: one list's state, its cards, and the requests for their articles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Request, Response

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.health import in_section
from caliber_crawler.items import Card, Reject, SectionRef
from caliber_crawler.listing.exchange import Answer
from caliber_crawler.listing.rule import ListRule, Step
from caliber_crawler.listing.walk import Walk
from caliber_crawler.requests import HTML_BATCH, PURPOSE, SEQUEL
from caliber_crawler.spiders.arguments import SectionsArguments
from caliber_crawler.spiders.base import LIST_PRIORITY, CaliberSpider
from caliber_crawler.spiders.named import NamedArticles
from caliber_crawler.store.walks import Bar, Bounds

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

    from caliber_crawler.store.cards import Compared

# More articles than this are not kept waiting for the last list.
_HELD_ARTICLES = 2_000
_REMEMBERED_AT_ONCE = 200
_ALWAYS = datetime.max.replace(tzinfo=UTC).isoformat()


@dataclass
class ListTask:
    """One list of this crawl. `key` is its address without origin; `language` its edition.

    `first` are the articles of its first page, `empty` is the reject for the case that the list
    turns out to have no card at all. With `named_next` its pages name the next one themselves.
    `known_before` is as in `store.walks.Before`; `is_closed` there as long as this walk need not
    note anything. `is_anothers`: it was counted already as one that shows, or is, another
    edition's. `grew`: a browser brought more than its first page; `bar`: why only that can be had.
    `renewed`: its page was fetched again for tokens that are taken.
    """

    key: str
    url: str
    section: SectionRef | None
    language: str
    walk: Walk
    first: Collection[str] = ()
    empty: Reject | None = None
    rule: ListRule | None = None
    named_next: bool = False
    relearned: bool = False
    attempts: int = 0
    given_up: bool = False
    known_before: datetime | None = None
    is_closed: bool = False
    is_anothers: bool = False
    grew: bool = False
    bar: Bar | None = None
    renewed: bool = False

    @property
    def position(self) -> list[int]:
        """How far it is; the same again only when a worker does again what another one did."""
        return [*self.walk.position, self.relearned, self.attempts]

    def to_document(self, *, with_first: bool = True) -> dict[str, Any]:
        """What another worker needs to go on, as plain data."""
        return {
            "key": self.key,
            "url": self.url,
            "section": self.section,
            "language": self.language,
            "position": self.position,
            "found": self.walk.found_any,
            "first": sorted(self.first) if with_first else [],
            "empty": asdict(self.empty) if self.empty else None,
            "named_next": self.named_next,
            "known_before": self.known_before.isoformat() if self.known_before else None,
            "is_closed": self.is_closed,
        }

    def purpose(self, what: str) -> str:
        """What tells a request of this walk from all others, also when it is made once more."""
        return f"{what} {self.key} {'.'.join(map(str, map(int, self.position)))}"

    @classmethod
    def from_document(cls, said: dict[str, Any], walk: Walk) -> ListTask:
        """The inverse of `to_document`, with a fresh walk."""
        *position, relearned, attempts = said["position"]
        walk.go_on_from(position, found=said["found"])
        return cls(
            key=said["key"],
            url=said["url"],
            section=said["section"],
            language=said["language"],
            walk=walk,
            first=frozenset(said["first"]),
            empty=Reject(**said["empty"]) if said["empty"] else None,
            named_next=said["named_next"],
            relearned=bool(relearned),
            attempts=attempts,
            # Older versions had no such thing: there all that was known told where it began.
            known_before=_instant(said.get("known_before", _ALWAYS)),
            is_closed=said.get("is_closed", True),
        )


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

    async def _take(self, task: ListTask, cards: Sequence[Card]) -> list[Any]:
        """Note a batch's articles. Returns what is to be yielded: sightings, held-up requests."""
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
        if is_first and task.walk.ended is None:
            await self._open(task)  # before what the walk took is noted
        await self._note(task, cards, compared, chosen)
        for card in chosen:
            if card.url in known:
                self.count(counters.CARDS_KNOWN)
                slugs = {section["slug"] for section in known[card.url].sections}
                if task.section is None or task.section["slug"] in slugs:
                    continue
                found.append(self.articles.sighting(card, task.section))
                continue
            if self.articles.knows(card.url):
                self.count(counters.CARDS_REPEATED)
            if self.durable:  # the frontier collects what lists say of an article
                found.append(self._asked_for(card, task.section))
                continue
            sighting = self.articles.note(card, task.section)
            found += [sighting] if sighting else []
        if len(self.articles) > _HELD_ARTICLES:
            found += self._article_requests()
        return found

    def _count_first(self, task: ListTask, cards: Sequence[Card], broken: int) -> None:
        """Count what the first page of a section's list shows."""
        self._count_in_section(
            task,
            lists=1,
            cards_first=len(cards),
            cards_broken=broken,
            cards_no_time=sum(card.published_at is None for card in cards),
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
        if before.bar is not None and not await self.is_barred(before.bar):
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

    async def is_barred(self, bar: Bar) -> bool:
        """Whether what was noted of a list still holds; `scrolling` knows."""
        raise NotImplementedError

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


def _instant(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


def answer_of(response: Response) -> Answer:
    header = response.headers.get("Content-Type") or b""
    return Answer(response.status, header.decode("latin-1"), response.body)
