"""The item pipelines, thin: each calls the rules or the store, and counts.

Articles, rejects, sightings and revisits go in at the front. Validation turns an article that is no
record into a reject. After the store, only articles that a feed shall have come out at the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from scrapy.exceptions import CloseSpider, DropItem, NotConfigured

from caliber_crawler import counters, records
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.dedupe import Story, repeats
from caliber_crawler.errors import CaliberError, StoreError, StoreUnavailable
from caliber_crawler.fates import Fates
from caliber_crawler.health import in_section
from caliber_crawler.identity import Fate
from caliber_crawler.items import Article, Reject, Revisit, Sighting
from caliber_crawler.responses import section_of
from caliber_crawler.store import Batcher, Noted, Saved, Store, plans
from caliber_crawler.verdict import STORE_UNAVAILABLE

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

# An article may be like several stored ones, which are asked for one after the other.
_MOST_ASKED = 5
_MOST_SECTIONS = 200
AT_ONCE = 4
"""Batches of articles that are being stored at a time. Each takes several round trips to the
database one after the other, and with one batch alone a crawl would wait for them."""
_LARGEST = 100  # batch
_NOTES = {
    plans.MOVED: counters.ARTICLES_MOVED,
    plans.RETURNED: counters.ARTICLES_RETURNED,
    plans.OVERTAKEN: counters.ARTICLES_OVERTAKEN,
    plans.OLD_ADDRESS: counters.ARTICLES_OLD_ADDRESS,
    plans.CANONICAL_IGNORED: counters.CANONICAL_IGNORED,
    plans.REDIRECT_IGNORED: counters.REDIRECT_IGNORED,
    plans.UNDECIDED: counters.ARTICLES_UNDECIDED,
    plans.MOVED_BACK: counters.ARTICLES_MOVED_BACK,
    plans.MENDED: counters.ARTICLES_MENDED,
    plans.SAME_TEXT: counters.ARTICLES_SAME_TEXT,
}


class _Arrival(NamedTuple):
    """An article, and what became of addresses that decide which record it is."""

    article: Article
    fates: Mapping[str, Fate]


class CleanPipeline:
    """Cleans the texts of a record, counts its words and hashes them."""

    def process_item(self, item: Any) -> Any:
        return records.clean(item) if isinstance(item, Article) else item


class ValidatePipeline:
    """Turns an article without id, url, title or language into a reject that says which."""

    def process_item(self, item: Any) -> Any:
        missing = records.missing_required(item) if isinstance(item, Article) else []
        if not missing:
            return item
        return Reject(
            url=(item.crawl["requested_url"] if item.crawl else item.url) or "",
            reason=f"no_{missing[0]}",
            detail=f"the page has no {', '.join(missing)}",
            at=item.crawl["fetched_at"] if item.crawl else now(),
            crawl=item.crawl,
            http_status=item.crawl["http_status"] if item.crawl else None,
            excerpt=item.body[:2000] or None,
        )


class MongoPipeline:
    """Stores articles, rejects, sightings and revisits; an item passes on once it is durable.

    The article that passes on is the record as it is stored, merged with what was known before.
    """

    def __init__(self, addon: CaliberAddon, fates: Fates, concurrency: int) -> None:
        self._addon = addon
        self._fates = fates
        # So many pages may be on their way and not stored (`scheduler`). Half of them is a batch:
        # the others are fetched meanwhile. Larger ones need fewer round trips, and have the crawl
        # wait for each of them.
        self._size = min(max(1, concurrency // 2), _LARGEST)
        self._articles: Batcher[_Arrival, Saved]
        self._rejects: Batcher[Reject, None]
        self._sightings: Batcher[Sighting, bool]
        self._revisits: Batcher[Revisit, Noted]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        addon = CaliberAddon.of(crawler)
        if addon.config.store_is_off:
            raise NotConfigured("MONGODB_URI=off: nothing is stored, feeds only")
        return cls(addon, Fates(crawler, addon), crawler.settings.getint("CONCURRENT_REQUESTS"))

    async def open_spider(self) -> None:
        try:
            store = await self._addon.open_store()
        except CaliberError as error:
            self._addon.failure = str(error)
            logger.error("%s", error)
            raise CloseSpider(STORE_UNAVAILABLE) from None
        if store is None:
            raise RuntimeError("the store is off")
        self._articles = Batcher(
            self._patiently(partial(self._save_all, store)),
            size=self._size,
            at_once=AT_ONCE,
        )
        self._rejects = Batcher(self._patiently(store.rejects.save))
        self._sightings = Batcher(self._patiently(store.articles.sight))
        self._revisits = Batcher(self._patiently(partial(self._note, store)))

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, Article):
            return await self._save(item)
        if isinstance(item, Reject):
            await self._rejects.put(item)
        elif isinstance(item, Sighting):
            added = await self._sightings.put(item)
            self._addon.count(counters.SIGHTINGS_ADDED if added else counters.SIGHTINGS_LOST)
        elif isinstance(item, Revisit):
            self._addon.count(counters.VISITS, await self._revisits.put(item))
        return item

    async def close_spider(self) -> None:
        if self._addon.store is not None:
            await asyncio.gather(
                self._articles.close(), self._rejects.close(), self._sightings.close(),
                self._revisits.close(),
            )  # fmt: skip

    async def _save(self, article: Article) -> Article | Reject:
        saved = await self._saved(article)
        if saved.refused is None:
            for note in saved.notes:
                self._addon.count(_NOTES[note])
            for name in records.kept(article, saved.article):
                self._addon.count(counters.KEPT, name)
            if not saved.notes and saved.article.extraction != article.extraction:
                self._addon.count(counters.ARTICLES_KEPT)
            return saved.article
        reject = Reject(
            url=article.url or "",
            reason="unstorable",
            detail=saved.refused,
            at=article.crawl["fetched_at"] if article.crawl else now(),
            crawl=article.crawl,
            http_status=article.crawl["http_status"] if article.crawl else None,
            excerpt=article.body[:2000],
        )
        await self._rejects.put(reject)
        return reject

    async def _saved(self, article: Article) -> Saved:
        """Store an article, after finding out what must be known for it."""
        fates: dict[str, Fate] = {}
        while True:
            saved = await self._articles.put(_Arrival(article, fates))
            if saved.asks is None:
                return saved
            url = saved.asks
            enough = len(fates) >= _MOST_ASKED
            fates[url] = "unknown" if enough else await self._fates.of(url, article.url)
            if fates[url] == "unknown" and self._addon.stopping:
                # Judged now it would stay apart for good; so its request is given back instead.
                raise StoreError(f"{article.url}: the crawl ended before it was known what it is")

    async def _save_all(self, store: Store, arrivals: Sequence[_Arrival]) -> list[Saved]:
        outcomes, safe = self._addon.outcomes, 0

        def written(number: int) -> None:
            nonlocal safe
            safe += number
            outcomes.safe += number
            self._addon.nudge()

        try:
            saved: dict[int, Saved] = {}
            for fates, places in _agreeing(arrivals):
                articles = [arrivals[i].article for i in places]
                present = self._addon.server_now()
                said = await store.articles.save(articles, fates, written, at=present)
                saved |= zip(places, said, strict=True)
            return [saved[i] for i in range(len(arrivals))]
        finally:
            outcomes.safe -= safe

    async def _note(self, store: Store, revisits: Sequence[Revisit]) -> list[Noted]:
        return await store.visits.note(revisits, at=self._addon.server_now())

    def _patiently(
        self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
    ) -> Callable[[Sequence[T]], Awaitable[list[R | Exception]]]:
        """The write, tried again while the database is away; what is lost in the end is counted.

        What keeps a batch from being written is told to those alone who cannot be written by
        themselves.
        """

        async def patient(batch: Sequence[T]) -> list[R | Exception]:
            try:
                return [*await self._addon.patiently(lambda: write(batch))]
            except StoreUnavailable:
                self._addon.count(counters.STORE_LOST, number=len(batch))
                raise
            except Exception:
                if len(batch) == 1:
                    raise
            results: list[R | Exception] = []
            for value in batch:
                try:
                    results += await patient([value])
                except Exception as error:
                    results.append(error)
            return results

        return patient


def _agreeing(arrivals: Sequence[_Arrival]) -> list[tuple[dict[str, Fate], list[int]]]:
    """The positions of arrivals whose fates agree, with those fates; as few groups as come of it.

    What became of an address may be known for one article and not for another one, that gave up
    asking or to which it did not lead; neither is to be judged by the other's answer.
    """
    groups: list[tuple[dict[str, Fate], list[int]]] = []
    for i, (_, its) in enumerate(arrivals):
        fitting = (g for g in groups if all(g[0].get(u, fate) == fate for u, fate in its.items()))
        group = next(fitting, None)
        if group is None:
            group = {}, []
            groups.append(group)
        group[0].update(its)
        group[1].append(i)
    return groups


class DuplicatesPipeline:
    """Lets each story through once in a crawl, and nothing but articles.

    With a store the repetition of a story is found there, over all crawls; without one, among the
    articles of this run.
    """

    def __init__(self, addon: CaliberAddon) -> None:
        self._addon = addon
        self._ids: set[str] = set()
        self._originals: defaultdict[str, list[Story]] = defaultdict(list)  # by content hash
        self._sections: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler))

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Reject):
            self._addon.count(counters.REJECTED, item.reason)
            raise DropItem(f"{item.reason}: {item.detail}", log_level="WARNING")
        if isinstance(item, Sighting | Revisit):
            raise DropItem("noted with the stored record", log_level="DEBUG")
        return self._article(item) if isinstance(item, Article) else item

    def _article(self, article: Article) -> Article:
        if article.id in self._ids:
            self._addon.count(counters.DUPLICATES_ADDRESS)
            raise DropItem("taken already under another address", log_level="INFO")
        self._ids.add(article.id or "")
        if self._addon.store is None:
            self._without_store(article)
        outcome = article.crawl["outcome"] if article.crawl else "new"
        self._addon.count(f"articles/{outcome}")
        detail = in_section("new", article.language, section_of(article))
        if outcome == "new" and detail:
            self._addon.count(counters.SECTIONS, detail)
        self._addon.count(counters.TAKEN, f"{self._section(article)}/{outcome}")
        if article.duplicate_of is not None:
            self._addon.count(counters.DUPLICATES_CONTENT)
            raise DropItem(f"repeats {article.duplicate_of}", log_level="INFO")
        if article.near_duplicate_of is not None and outcome != "unchanged":
            self._addon.count(counters.DUPLICATES_NEAR)
        self._addon.count(counters.ARTICLES_EXPORTED)
        return article

    def _section(self, article: Article) -> str:
        """Edition and section of an article, for its counter; of a site gone wild only so many."""
        first = article.sections[0] if article.sections else None
        name = f"{article.language}/{(first and (first['slug'] or first['name'])) or 'none'}"
        if len(self._sections) >= _MOST_SECTIONS and name not in self._sections:
            return "other/other"
        self._sections.add(name)
        return name

    def _without_store(self, article: Article) -> None:
        if article.crawl is not None:
            records.first_seen(article, article.crawl["fetched_at"])
        story = Story.of(article)
        # Captions recur: the same words may belong to several stories.
        same = self._originals[article.content_hash]
        article.duplicate_of = next((other.id for other in same if repeats(story, other)), None)
        if article.duplicate_of is None:
            same.append(story)
