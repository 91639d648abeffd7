"""The item pipelines, thin: each calls the rules or the store, and counts.

Articles, rejects and sightings go in at the front. Validation turns an article that is no record
into a reject. After the store, only articles that a feed shall have come out at the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy.exceptions import CloseSpider, DropItem, NotConfigured

from caliber_crawler import counters, records
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.dedupe import Story, repeats
from caliber_crawler.errors import CaliberError, StoreUnavailable
from caliber_crawler.items import Article, Reject, Sighting
from caliber_crawler.store import Batcher, Saved
from caliber_crawler.verdict import STORE_UNAVAILABLE

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


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
    """Stores articles, rejects and sightings; an item passes on once it is durable.

    The article that passes on is the record as it is stored, merged with what was known before.
    """

    def __init__(self, addon: CaliberAddon) -> None:
        self._addon = addon
        self._articles: Batcher[Article, Saved]
        self._rejects: Batcher[Reject, None]
        self._sightings: Batcher[Sighting, bool]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        addon = CaliberAddon.of(crawler)
        if addon.config.store_is_off:
            raise NotConfigured("MONGODB_URI=off: nothing is stored, feeds only")
        return cls(addon)

    async def open_spider(self) -> None:
        try:
            store = await self._addon.open_store()
        except CaliberError as error:
            self._addon.failure = str(error)
            logger.error("%s", error)
            raise CloseSpider(STORE_UNAVAILABLE) from None
        if store is None:
            raise RuntimeError("the store is off")
        self._articles = Batcher(self._patiently(store.articles.save))
        self._rejects = Batcher(self._patiently(store.rejects.save))
        self._sightings = Batcher(self._patiently(store.articles.sight))

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, Article):
            return await self._save(item)
        if isinstance(item, Reject):
            await self._rejects.put(item)
        elif isinstance(item, Sighting):
            added = await self._sightings.put(item)
            self._addon.count(counters.SIGHTINGS_ADDED if added else counters.SIGHTINGS_LOST)
        return item

    async def close_spider(self) -> None:
        if self._addon.store is not None:
            await asyncio.gather(
                self._articles.close(), self._rejects.close(), self._sightings.close()
            )

    async def _save(self, article: Article) -> Article | Reject:
        saved = await self._articles.put(article)
        if saved.refused is None:
            if saved.article.extraction != article.extraction:
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

    def _patiently(
        self, write: Callable[[Sequence[T]], Awaitable[list[R]]]
    ) -> Callable[[Sequence[T]], Awaitable[list[R]]]:
        """The write, tried again while the database is away; what is lost in the end is counted."""

        async def patient(batch: Sequence[T]) -> list[R]:
            try:
                return await self._addon.patiently(lambda: write(batch))
            except StoreUnavailable:
                self._addon.count(counters.STORE_LOST, number=len(batch))
                raise

        return patient


class DuplicatesPipeline:
    """Lets each story through once in a crawl, and nothing but articles.

    With a store the repetition of a story is found there, over all crawls; without one, among the
    articles of this run.
    """

    def __init__(self, addon: CaliberAddon) -> None:
        self._addon = addon
        self._ids: set[str] = set()
        self._originals: dict[str, Story] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler))

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Reject):
            self._addon.count(counters.REJECTED, item.reason)
            raise DropItem(f"{item.reason}: {item.detail}", log_level="WARNING")
        if isinstance(item, Sighting):
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
        if article.duplicate_of is not None:
            self._addon.count(counters.DUPLICATES_CONTENT)
            raise DropItem(f"repeats {article.duplicate_of}", log_level="INFO")
        self._addon.count(counters.ARTICLES_EXPORTED)
        return article

    def _without_store(self, article: Article) -> None:
        if article.crawl is not None:
            records.first_seen(article, article.crawl["fetched_at"])
        story = Story.of(article)
        original = self._originals.setdefault(article.content_hash, story)
        if repeats(story, original):
            article.duplicate_of = original.id
