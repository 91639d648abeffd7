"""`scrapy parse`: as Scrapy's, through the pipelines, so that the record is the one of a crawl."""

from __future__ import annotations

import argparse
from typing import Any

from scrapy.commands import parse
from scrapy.exceptions import DropItem
from scrapy.utils.defer import deferred_from_coro

from caliber_crawler.config import Config
from caliber_crawler.debugging import WithoutStore
from caliber_crawler.saying import told


class Command(WithoutStore, parse.Command):
    """Touches no database. Items go through the pipelines; what is dropped is shown, and why."""

    def short_desc(self) -> str:
        return "Parse a page and print the record as a crawl would take it; touches no database"

    def set_spidercls(self, url: str, opts: argparse.Namespace) -> None:
        if not opts.spider:
            assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
            address = Config.from_settings(self.settings).site.address(url)
            opts.spider = "articles" if address and address.kind == "article" else "sections"
        super().set_spidercls(url, opts)

    def scraped_data(self, args: Any) -> Any:
        """Run the items through the pipelines, then go on as without ``--pipelines``."""
        items, requests, opts, depth, spider, callback = args
        opts.pipelines = False

        async def finish() -> Any:
            kept = [item for item in [await self._process(item) for item in items] if item]
            arguments = (kept, requests, opts, depth, spider, callback)
            return super(Command, self).scraped_data(arguments)

        return deferred_from_coro(finish())

    async def _process(self, item: Any) -> Any:
        try:
            return await self.pcrawler.engine.scraper.itemproc.process_item_async(item)
        except DropItem as reason:
            print(f"# Dropped: {told(str(reason))}")
            return None
