"""Log lines that name a record instead of printing its text."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.logformatter import LogFormatter

from caliber_crawler.items import Article, Reject

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.http import Response
    from scrapy.logformatter import LogFormatterResult
    from twisted.python.failure import Failure


class ShortLogFormatter(LogFormatter):
    """Scrapy's lines, with an item's identity in place of the whole item."""

    def scraped(
        self, item: Any, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        return {
            "level": logging.DEBUG,
            "msg": "Taken: %(item)s",
            "args": {"item": name_of(item)},
        }

    def dropped(
        self,
        item: Any,
        exception: BaseException,
        response: Response | Failure | None,
        spider: Spider,
    ) -> LogFormatterResult:
        level = getattr(exception, "log_level", None)
        return {
            "level": logging.getLevelName(level)
            if isinstance(level, str)
            else level or logging.INFO,
            "msg": "Not exported: %(item)s: %(exception)s",
            "args": {"item": name_of(item), "exception": exception},
        }

    def item_error(
        self,
        item: Any,
        exception: BaseException,
        response: Response | Failure | None,
        spider: Spider,
    ) -> LogFormatterResult:
        return {
            "level": logging.ERROR,
            "msg": "Error processing %(item)s",
            "args": {"item": name_of(item)},
        }


def name_of(item: Any) -> str:
    """What to call an item in one line."""
    if isinstance(item, Article):
        outcome = item.crawl["outcome"] if item.crawl else "read"
        return f"article {item.id or item.url} ({outcome})"
    if isinstance(item, Reject):
        return f"reject {item.url} ({item.reason})"
    return type(item).__name__
