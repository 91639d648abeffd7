"""The extension that gives Prometheus its metrics, on request: to be scraped, or as a text file."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, start_http_server
from scrapy import signals
from scrapy.exceptions import NotConfigured

from caliber_crawler import __version__
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.errors import FileTaken, StoreError
from caliber_crawler.extensions import JUDGED
from caliber_crawler.files import Claim, write_all
from caliber_crawler.metrics import Facts, added_up, families
from caliber_crawler.store.overview import CrawlReader
from caliber_crawler.tally import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Self

    from prometheus_client.core import Metric
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 10.0
_STATUS = "downloader/response_status_count/"
_ATTEMPTS = 50
_PAUSE_SECONDS = 0.1


class Prometheus:
    """Serves this worker's metrics at PROMETHEUS_PORT while it runs, and adds those of the whole
    crawl to PROMETHEUS_TEXTFILE at its end.

    What cannot be served or written is said in the log, and is no reason to fail.
    """

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon
        self._server: tuple[Any, Any] | None = None
        self._started_at: datetime = now()
        self._spider = ""
        self._frontier: dict[str, int] = {}
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        addon = CaliberAddon.of(crawler)
        config = addon.config
        wanted = config.prometheus_port or config.prometheus_textfile
        if not wanted or crawler.settings.getbool("CALIBER_DEBUGGING"):
            raise NotConfigured
        extension = cls(crawler, addon)
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.judged, JUDGED)
        crawler.signals.connect(extension.engine_stopped, signals.engine_stopped)
        return extension

    def spider_opened(self) -> None:
        self._started_at = now()
        self._spider = self._crawler.spider.name if self._crawler.spider else ""
        config = self._addon.config
        if not config.prometheus_port:
            return
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server = start_http_server(
                config.prometheus_port, config.prometheus_host, registry
            )
        except OSError as error:
            logger.error(
                "PROMETHEUS_PORT=%s: no metrics are served, the port cannot be had on %s (%s); "
                "give each worker of a machine its own",
                config.prometheus_port, config.prometheus_host, error,
            )  # fmt: skip
            return
        self._looking = asyncio.create_task(self._look())

    def collect(self) -> Iterator[Metric]:
        """This worker's metrics as they are; called from the server's threads."""
        stats = dict(self._crawler.stats.get_stats())  # at once, whatever the crawl does meanwhile
        yield from families(counts_of(stats), self._facts(stats))

    async def judged(self, counts: Mapping[str, int], whole: bool) -> None:
        """Write the text file, unless other workers go on and the last one will."""
        await self._stop()
        path, verdict = self._addon.config.prometheus_textfile, self._addon.verdict
        if path is None or verdict is None or not (whole or verdict.status == "failed"):
            return
        facts = self._facts(self._crawler.stats.get_stats(), verdict.code)
        try:
            await _put(path, counts, facts)
        except (OSError, FileTaken) as error:
            logger.error("PROMETHEUS_TEXTFILE=%s cannot be written: %s", path, error)

    async def engine_stopped(self) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(_shut, *server)

    async def _look(self) -> None:
        while (store := self._addon.store) is not None and self._addon.durable:
            try:
                size = await CrawlReader(store.database).frontier(self._addon.crawl_id)
                self._frontier = {"queued": size.queued, "leased": size.leased}
            except StoreError as error:
                logger.debug("%s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    def _facts(self, stats: Mapping[str, Any], code: int | None = None) -> Facts:
        statuses = {
            key.removeprefix(_STATUS): n for key, n in stats.items() if key.startswith(_STATUS)
        }
        return Facts(
            spider=self._spider,
            started_at=self._started_at.timestamp(),
            delay=self._addon.delay,
            version=__version__,
            finished_at=None if code is None else now().timestamp(),
            exit_code=code,
            frontier={} if code is not None else self._frontier,
            statuses=statuses,
        )


def _shut(server: Any, thread: Any) -> None:
    server.shutdown()
    server.server_close()
    thread.join()


async def _put(path: Path, counts: Mapping[str, int], facts: Facts) -> None:
    """Add a crawl to the file, whole or not at all; another crawl's end may be at it."""
    for attempt in range(_ATTEMPTS):
        try:
            claim = Claim.take(path)
            break
        except FileTaken:
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
    with claim:
        claim.empty()
        write_all(claim.file, added_up(_old(path), families(counts, facts)))
        claim.commit()


def _old(path: Path) -> str:
    """The file as it is; "" when there is none that can be gone on with."""
    try:
        text = path.read_text("utf-8")
        added_up(text, ())
    except FileNotFoundError:
        return ""
    except ValueError as error:
        logger.warning("%s is no text of Prometheus and is begun anew (%s)", path, error)
        return ""
    return text
