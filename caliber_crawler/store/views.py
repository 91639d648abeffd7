"""The time series `views`: what the counter on an article's page showed at each visit.

    {at: <instant of the fetch>, article: <id>, views: <number>}

MongoDB packs the points of an article together, so a point takes a few bytes. A time series knows
no unique keys; so whoever adds points looks first for those that an earlier attempt left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import InsertOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import Article
from caliber_crawler.store.bulk import bulk_write

OPTIONS: dict[str, Any] = {
    "timeseries": {"timeField": "at", "metaField": "article", "granularity": "hours"}
}
"""How the collection is made."""


class ViewStore:
    """Adds points."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._views = database["views"]

    async def add(
        self, seen: Iterable[tuple[str | None, Article]], new: Collection[str | None] = ()
    ) -> int:
        """Add a point for each article (id of its record, the page's reading) that shows a counter.

        May be repeated: the same fetch gives one point. `new` are ids of records that were not
        there a moment ago, so that no earlier attempt can have left their points. Returns how many
        were added. Raises the driver's errors.
        """
        points: dict[tuple[str, datetime], int] = {
            (id_, article.crawl["fetched_at"]): article.views
            for id_, article in seen
            if id_ and article.crawl and article.views is not None
        }
        if not points:
            return 0
        known = await self._known([point for point in points if point[0] not in new])
        fresh = [
            {"at": at, "article": id_, "views": views}
            for (id_, at), views in points.items()
            if (id_, at) not in known
        ]
        await bulk_write(self._views, [InsertOne(point) for point in fresh])
        return len(fresh)

    async def _known(self, points: Sequence[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
        """Those of the points, and perhaps others, that are there."""
        if not points:
            return set()
        times = [at for _, at in points]
        query = {
            "article": {"$in": sorted({id_ for id_, _ in points})},
            "at": {"$gte": min(times), "$lte": max(times)},
        }
        there = self._views.find(query, {"_id": 0, "article": 1, "at": 1})
        return {(point["article"], point["at"]) async for point in there}
