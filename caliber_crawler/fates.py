"""What became of an address under which an article was stored: asked of the site, rarely.

An article that reads like another version of a stored one is that if the old address is gone
(`identity`). So the old address is asked for, once in a while for one article in forty.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from scrapy.http import Request

from caliber_crawler import counters
from caliber_crawler.addon import now
from caliber_crawler.errors import NotAnArticle
from caliber_crawler.responses import Fetch, article_of, means_missing

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from caliber_crawler.addon import CaliberAddon
    from caliber_crawler.identity import Fate

logger = logging.getLogger(__name__)

_FEW = 1_000  # answers that are remembered
_FRESH = 600.0  # seconds for which they are: an editor may change an address at any time


class Fates:
    """Asks for addresses, and remembers the answers for a while."""

    def __init__(self, crawler: Crawler, addon: CaliberAddon) -> None:
        self._crawler = crawler
        self._addon = addon
        self._asked: dict[str, tuple[float, asyncio.Task[str | None]]] = {}

    async def of(self, url: str, new_url: str | None) -> Fate:
        """What became of `url`, now that its article may be at `new_url`.

        Never raises for what the site does: that is ``unknown``, as is all after a signal.
        """
        moment = asyncio.get_running_loop().time()
        if len(self._asked) > _FEW:
            self._asked = {u: asked for u, asked in self._asked.items() if not asked[1].done()}
        at, task = self._asked.get(url, (moment, None))
        if task is None or (task.done() and moment - at > _FRESH):
            task = asyncio.create_task(self._ask(url))
            self._asked[url] = moment, task
        led_to = await asyncio.shield(task)
        if led_to == "":
            return "gone"
        if led_to is None:
            return "unknown"
        return "alive" if led_to == url else "moved" if led_to == new_url else "unknown"

    async def _ask(self, url: str) -> str | None:
        """The canonical address of the article that `url` leads to now.

        ``""`` when the site says that there is none; None when it does not tell.
        """
        engine = self._crawler.engine
        if engine is None or self._addon.stopping:
            return None
        self._addon.count(counters.ADDRESSES_ASKED)
        try:
            response = await engine.download_async(Request(url))
        except Exception as error:  # whatever the site or the network does
            logger.warning("%s: what became of it is not known: %s", url, error)
            return None
        return self._read(response)

    def _read(self, response: Response) -> str | None:
        if response.status in (404, 410):
            return ""
        if response.status >= 300:
            return None
        addon = self._addon
        fetch = Fetch(addon.crawl_id, "", addon.worker.id, now())
        try:
            article, _ = article_of(response, addon.config.site, fetch)
        except NotAnArticle as error:
            return "" if means_missing(response, error, addon.config.site) else None
        return article.url
