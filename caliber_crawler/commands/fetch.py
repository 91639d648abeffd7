"""`scrapy fetch`: as Scrapy's, without a database."""

from __future__ import annotations

from scrapy.commands import fetch

from caliber_crawler.debugging import WithoutStore


class Command(WithoutStore, fetch.Command):
    """Touches no database."""

    by_hand = True
