"""A crawl is compared with those before it: fetches their figures, asks the rules of `health`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from caliber_crawler.alerts import wanted
from caliber_crawler.health import Expecting, Figures, Finding, compare, split
from caliber_crawler.verdict import HEALTHY, LOOKS_WRONG, PARTLY_FAILED

if TYPE_CHECKING:
    from scrapy import Spider

    from caliber_crawler.addon import CaliberAddon

logger = logging.getLogger(__name__)

# So far back new articles are looked for: four weeks with their nights and weekends.
_NEWS = timedelta(days=28)
_RECENT = 20
_SILENT = timedelta(minutes=5)
_TO_THE_END = (HEALTHY, LOOKS_WRONG, PARTLY_FAILED)
_SOUND = (HEALTHY, PARTLY_FAILED)


async def examine(
    addon: CaliberAddon, spider: Spider, reason: str, counts: Mapping[str, int]
) -> list[Finding]:
    """What in a crawl differs from those before it; `counts` are those of all its workers.

    A crawl that was closed early is not compared. Raises `StoreError`.
    """
    store, learning = addon.store, addon.config.health
    if store is None or reason != "finished" or not learning.crawls:
        return []
    document = await store.crawls.find()
    if document is None:
        return []
    arguments, at = document["arguments"], document["started_at"]
    past = await store.crawls.past(
        spider.name, arguments, since=learning.since, before=at, limit=learning.crawls
    )
    since = max(filter(None, (learning.since, at - _NEWS)))
    news = await store.crawls.news(spider.name, arguments, since=since)
    crawl = Figures(at, *split(counts))
    figures = [_figures(d) for d in past if d["exit_code"] in _TO_THE_END]
    findings = compare(crawl, figures, news, Expecting(pauses=learning.pauses))
    for finding in findings:
        logger.warning("Not as before: %s", finding.line)
    return findings


async def unhealthy_before(addon: CaliberAddon, spider: Spider) -> Mapping[str, Any] | None:
    """The document of the crawl before this one, if it was one to tell of, or never ended.

    Crawls that a signal stopped are passed over. Raises `StoreError`.
    """
    store = addon.store
    document = await store.crawls.find() if store is not None else None
    if store is None or document is None:
        return None
    past = await store.crawls.past(
        spider.name,
        document["arguments"],
        since=None,
        before=document["started_at"],
        limit=_RECENT,
    )
    for crawl in past:
        if crawl["status"] == "stopped":
            continue
        code = crawl["exit_code"]
        silent = document["started_at"] - crawl["updated_at"] > _SILENT
        told = wanted(code, spider.settings) if code is not None else silent
        return crawl if told else None
    return None


def _figures(document: Mapping[str, Any]) -> Figures:
    """A past crawl's; one that an older version wrote knows nothing of its sections."""
    at: datetime = document["started_at"]
    sections = document.get("sections", {})
    return Figures(at, document["counts"], sections, document["exit_code"] in _SOUND)
