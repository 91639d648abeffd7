"""`scrapy check`: as Scrapy's; it also fails when a contract that should have run did not."""

from __future__ import annotations

import argparse
import sys

from scrapy.commands import check

from caliber_crawler.contracts import OnSiteContract
from caliber_crawler.debugging import WithoutStore, check_spider


class Command(WithoutStore, check.Command):
    """Touches no database. Exit code 1 when a contract fails, and when not all of them ran."""

    def short_desc(self) -> str:
        return "Check the spiders' contracts against the site at CALIBER_BASE_URL"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None  # noqa: S101 - Scrapy sets it before it calls this
        loader = self.crawler_process.spider_loader
        for name in args:
            check_spider(name, loader)
        spiders = [loader.load(name) for name in args or loader.list()]
        expected = sum(_contracts(spider) for spider in spiders)
        OnSiteContract.ran = 0
        super().run(args, opts)
        if not opts.list and not (0 < expected <= OnSiteContract.ran):
            print(
                f"FAILED: {OnSiteContract.ran} of {expected} contracts got their page",
                file=sys.stderr,
            )
            self.exitcode = 1


def _contracts(spidercls: type) -> int:
    """Number of the class's methods that carry contracts with a page of the site."""
    methods = (getattr(spidercls, name) for name in dir(spidercls))
    return sum(f"@{OnSiteContract.name} " in (getattr(m, "__doc__", None) or "") for m in methods)
