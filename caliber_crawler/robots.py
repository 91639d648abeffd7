"""robots.txt: the rules hold for every request, and the delay that it asks for for all of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware

from caliber_crawler.addon import CaliberAddon

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.robotstxt import RobotParser

logger = logging.getLogger(__name__)


class RobotsMiddleware(RobotsTxtMiddleware):
    """Scrapy's, for requests that wait for one robots.txt together.

    Scrapy 2.19 lets those pass unchecked that come third and later while it is on its way: what
    they wait for gives the rules to the first of them and nothing to the others.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._asked: dict[str, asyncio.Task[RobotParser | None]] = {}

    async def robot_parser(self, request: Request) -> RobotParser | None:
        host = urlsplit(request.url).netloc
        task = self._asked.get(host)
        if task is None:
            task = self._asked[host] = asyncio.create_task(super().robot_parser(request))
        return await asyncio.shield(task)


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
