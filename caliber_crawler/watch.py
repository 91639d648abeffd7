"""What is to be seen of a running crawl: this worker's numbers, the whole crawl's, and the rest."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from caliber_crawler.spiders.cards import CardSpider
from caliber_crawler.spiders.tasks import ListTask
from caliber_crawler.store.crawls import sums
from caliber_crawler.store.overview import CrawlReader, FrontierSize
from caliber_crawler.tally import Figures, by_section, counts_of
from caliber_crawler.workers import is_dead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.crawler import Crawler

    from caliber_crawler.addon import CaliberAddon

_RATE_SECONDS = 60.0
# Before this much time has passed a rate says nothing.
_LEAST_SECONDS = 5.0
# Workers note their numbers every five seconds; who misses so many notes counts as silent.
_SILENCE = timedelta(seconds=30)


class Rate:
    """How fast a number grows: over the last minute, or since it was first told."""

    def __init__(self) -> None:
        self._told: deque[tuple[float, int]] = deque()

    def tell(self, at: float, number: int) -> None:
        """The number at a moment, in seconds of a clock that never goes back."""
        self._told.append((at, number))
        while len(self._told) > 2 and self._told[1][0] <= at - _RATE_SECONDS:
            self._told.popleft()

    @property
    def per_minute(self) -> float | None:
        """None while it is too early to say."""
        if not self._told:
            return None
        (first, before), (last, after) = self._told[0], self._told[-1]
        if last - first < _LEAST_SECONDS:
            return None
        return 60 * max(0, after - before) / (last - first)


@dataclass(frozen=True)
class SectionRow:
    """One section: edition and slug, articles taken by outcome, and how its list stands.

    `named` is the number of articles that this worker found on the list, `state` how the list ended
    or that it is being walked. Both are None when this worker walks no such list.
    """

    name: str
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    named: int | None = None
    state: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A running crawl at one moment. Seconds, and requests a minute.

    `own` are this worker's figures, `whole` those of all `workers`, of whom `alive` are at work.
    `frontier` is None when there is none, or it was not looked at yet. `left` is None when the time
    left cannot be known: while lists are being walked, and before there is a rate.
    """

    spider: str
    crawl_id: str
    seconds: float
    own: Figures
    whole: Figures
    own_rate: float | None = None
    whole_rate: float | None = None
    workers: int = 1
    alive: int = 1
    frontier: FrontierSize | None = None
    left: float | None = None
    sections: list[SectionRow] = field(default_factory=list)

    @property
    def is_shared(self) -> bool:
        """Whether other workers are or were at it."""
        return self.workers > 1


class Watch:
    """Looks at a crawl. `look` asks the database, `snapshot` does not."""

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon
        self._others: list[dict[str, Any]] = []
        self._alive_others = 0
        self._frontier: FrontierSize | None = None
        self._own_rate, self._whole_rate = Rate(), Rate()
        self._began: float | None = None

    async def look(self) -> None:
        """See what other workers noted, and what is in the frontier: two small queries.

        Raises `StoreError`.
        """
        store = self._addon.store
        if store is None:
            return
        reader = CrawlReader(store.database)
        workers = await reader.workers(self._addon.crawl_id)
        self._others = [worker for worker in workers if worker["id"] != self._addon.worker.id]
        silent = self._addon.server_now() - _SILENCE
        self._alive_others = sum(
            worker["ended_at"] is None and worker["seen_at"] >= silent and not is_dead(worker)
            for worker in self._others
        )
        self._frontier = await reader.frontier(self._addon.crawl_id) if self._is_durable else None

    def snapshot(self, at: float) -> Snapshot:
        """What is known at a moment, in seconds of a clock that never goes back."""
        self._began = at if self._began is None else self._began
        counts = counts_of(self._crawler.stats.get_stats())
        whole_counts = sums([*self._others, {"counts": counts}])
        own, whole = Figures.of(counts), Figures.of(whole_counts)
        self._own_rate.tell(at, own.requests)
        self._whole_rate.tell(at, whole.requests)
        spider = self._crawler.spider
        return Snapshot(
            spider=spider.name if spider else "",
            crawl_id=self._addon.crawl_id,
            seconds=at - self._began,
            own=own,
            whole=whole,
            own_rate=self._own_rate.per_minute,
            whole_rate=self._whole_rate.per_minute,
            workers=1 + len(self._others),
            alive=1 + self._alive_others,
            frontier=self._frontier,
            left=self._left(),
            sections=_rows(_lists(spider), by_section(whole_counts)),
        )

    @property
    def _is_durable(self) -> bool:
        return self._addon.durable

    def _left(self) -> float | None:
        """Seconds, when all requests that will be made are known: none is a list's, the spider has
        no more to begin with, and there are few enough to have been counted."""
        size, rate = self._frontier, self._whole_rate.per_minute
        engine = self._crawler.engine
        # Scrapy tells nobody that `start()` is exhausted, but forgets it then.
        starting = engine is None or getattr(engine, "_start", None) is not None
        if size is None or size.lists or not size.is_exact or starting or not rate:
            return None
        return 60 * size.open / rate


def _lists(spider: object) -> dict[str, tuple[int, str]]:
    """Name of each list that this worker walks → articles named there, and how it stands."""
    if not isinstance(spider, CardSpider):
        return {}
    lists = {}
    for task in spider.tasks.values():
        slug = (task.section and task.section["slug"]) or task.key
        lists[f"{task.language}/{slug}"] = (task.walk.taken, _state(task))
    return lists


def _state(task: ListTask) -> str:
    if task.walk.ended is not None:
        return task.walk.ended
    if task.given_up:
        return "unfinished"
    return f"batch {task.walk.batches}" if task.walk.batches else "waiting"


def _rows(
    lists: Mapping[str, tuple[int, str]], outcomes: Mapping[str, Mapping[str, int]]
) -> list[SectionRow]:
    """Lists in the order of their first request, then sections that articles name besides."""
    names: Sequence[str] = [*lists, *sorted(set(outcomes) - set(lists))]
    rows = []
    for name in names:
        named, state = lists.get(name, (None, None))
        said = outcomes.get(name, {})
        numbers = {outcome: said.get(outcome, 0) for outcome in ("new", "changed", "unchanged")}
        rows.append(SectionRow(name, **numbers, named=named, state=state))
    return rows
