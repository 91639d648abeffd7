"""The crawl's own record: entered at the start, kept up to date, closed with a verdict."""

from __future__ import annotations

import asyncio
import logging
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from scrapy import signals

from caliber_crawler import __version__, counters
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.errors import StoreError
from caliber_crawler.pages.article import EXPECTED
from caliber_crawler.verdict import DATABASE_LOST, Verdict, judge

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 5.0
_PACKAGES = ("scrapy", "scrapy-playwright", "pymongo", "lxml", "parsel", "w3lib", "babel")


class CrawlRecord:
    """Keeps the crawl's document in `crawls`, and says at the end how it went.

    Without a store it only judges and logs. It is also the one who closes the store, because it
    hears of the end after all pipelines.
    """

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon
        self._progress: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler, CaliberAddon.of(crawler))
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        crawler.signals.connect(extension.item_error, signals.item_error)
        return extension

    async def spider_opened(self, spider: Spider) -> None:
        store = self._addon.store
        if store is None:
            return
        logger.info("Crawl %s, storing in %s", self._addon.crawl_id, store.where)
        await store.crawls.start(
            self._addon.worker,
            spider=spider.name,
            arguments=getattr(spider, "given_arguments", {}),
            versions=_versions(),
            at=now(),
        )
        self._progress = asyncio.create_task(self._keep_up_to_date())

    async def spider_closed(self, spider: Spider, reason: str) -> None:
        if self._progress is not None:
            self._progress.cancel()
        stats = self._crawler.stats.get_stats()
        verdict = judge(reason, stats, failure=self._addon.failure, signal=self._addon.signal)
        try:
            verdict = await self._finish(reason, verdict)
        finally:
            self._addon.verdict = verdict
            await self._addon.close_store()
        _log_summary(self._counts())

    def item_error(self) -> None:
        self._addon.count(counters.ITEM_ERRORS)

    async def _finish(self, reason: str, verdict: Verdict) -> Verdict:
        """Close the crawl's document; a database that is gone by now is the verdict then."""
        store = self._addon.store
        if store is None:
            return verdict
        try:
            await store.crawls.finish(
                self._addon.worker,
                self._counts(),
                self._coverage(),
                status=verdict.status,
                reason=reason,
                exit_code=verdict.code,
                at=now(),
            )
        except StoreError as error:
            logger.error("%s", error)
            return verdict if verdict.code else Verdict(DATABASE_LOST, f"database lost: {error}")
        return verdict

    async def _keep_up_to_date(self) -> None:
        while (store := self._addon.store) is not None:
            await asyncio.sleep(_PROGRESS_SECONDS)
            try:
                await store.crawls.progress(self._addon.worker, self._counts(), now())
            except StoreError as error:  # the pipelines decide when this is too much
                logger.warning("%s", error)

    def _counts(self) -> dict[str, int]:
        """All counters of `counters` without their prefix, and Scrapy's number of requests."""
        stats = self._crawler.stats.get_stats()
        counts = {
            key.removeprefix(counters.PREFIX): value
            for key, value in stats.items()
            if key.startswith(counters.PREFIX) and isinstance(value, int)
        }
        counts["requests"] = stats.get("downloader/request_count", 0)
        return dict(sorted(counts.items()))

    def _coverage(self) -> dict[str, float]:
        counts = self._counts()
        read = counts.get(counters.ARTICLES_READ, 0)
        missing = {name: counts.get(f"{counters.MISSING}/{name}", 0) for name in EXPECTED}
        return {name: round(1 - n / read, 4) for name, n in missing.items()} if read else {}


class RobotsDelay:
    """Raises the delay between requests to what robots.txt asks for; it never lowers it."""

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler, CaliberAddon.of(crawler))
        crawler.signals.connect(extension.robots_parsed, signals.robots_parsed)
        return extension

    def robots_parsed(self, robotparser: Any, request: Request) -> None:
        rules = getattr(robotparser, "rp", None)  # other parsers of Scrapy's do not tell
        asked = rules.crawl_delay(self._crawler.settings["USER_AGENT"]) if rules else None
        if asked is None or asked <= self._addon.delay:
            return
        logger.info("robots.txt asks for %s seconds between requests", asked)
        self._addon.delay = float(asked)
        for slot in self._crawler.engine.downloader.slots.values():
            slot.delay = max(slot.delay, self._addon.delay)


def _versions() -> dict[str, str]:
    versions = {"caliber-crawler": __version__, "python": platform.python_version()}
    return versions | {name: version(name) for name in _PACKAGES}


def _log_summary(counts: dict[str, int]) -> None:
    width = max(map(len, counts), default=0)
    lines = (f"  {name:<{width}}  {number}" for name, number in counts.items())
    logger.info("Summary of the crawl:\n%s", "\n".join(lines))
