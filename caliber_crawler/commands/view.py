"""`scrapy view`: as Scrapy's, without a database."""

from __future__ import annotations

from scrapy.commands import view

from caliber_crawler.debugging import WithoutStore


class Command(WithoutStore, view.Command):
    """Touches no database."""

    by_hand = True
