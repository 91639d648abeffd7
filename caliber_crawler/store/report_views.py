"""The most viewed and the fastest rising articles, by the counters in `articles` and `views`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.report.figures import Viewed, Views
from caliber_crawler.store.clocks import MARGIN
from caliber_crawler.store.reading import Selection

Document = dict[str, Any]

LATELY = timedelta(days=3)
"""How long before the newest point of all an article must have risen."""

LEAST_APART = timedelta(hours=1)
"""Points that are closer to one another tell no speed."""

POINTS = 48
"""At most so many points of an article are kept, evenly from first to last."""

_BATCH = 200
_FIELDS = {
    "url": 1, "title": 1, "language": 1, "published_at": 1, "views": 1,
    "section": {"$first": "$sections.name"},
}  # fmt: skip


class ViewReader:
    """Reads views. Its methods raise the driver's errors."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._articles = database["articles"]
        self._views = database["views"]

    async def read(
        self, selection: Selection, most: Sequence[str], top: int, at: datetime
    ) -> Views:
        """Those with the ids `most`, in that order, and the `top` fastest rising of a selection.

        `at` is the present: points from beyond it were told by a clock that was ahead.
        """
        until = await self._newest(selection, at + MARGIN)
        since = until - LATELY if until else None
        rising: dict[str, tuple[Document, float]] = {}
        if since and until:
            rising = await self._rising(selection, since, until, top)
        found = await self._records(most, {})
        points = await self._points({*most, *rising}, selection)
        return Views(
            tuple(_viewed(found[id_], None, points.get(id_, ())) for id_ in most if id_ in found),
            tuple(_viewed(one, rate, points.get(i, ())) for i, (one, rate) in rising.items()),
            since,
            until,
        )

    async def _newest(self, selection: Selection, before: datetime) -> datetime | None:
        if selection.before is not None:
            before = min(before, selection.before)
        query = {"at": {"$lt": before}}
        point = await self._views.find_one(query, {"at": 1}, sort=[("at", -1)])
        return point["at"] if point else None

    async def _rising(
        self, selection: Selection, since: datetime, until: datetime, top: int
    ) -> dict[str, tuple[Document, float]]:
        """Records with their views an hour, the fastest first.

        Speeds are of all articles; records are asked for in batches until enough are selected.
        """
        query: Document = {"at": {"$gte": since, "$lte": until}}
        if selection.languages:
            query["article"] = {"$regex": rf"^({'|'.join(selection.languages)})/"}
        point = {"at": "$at", "views": "$views"}
        hours = {"$divide": [{"$subtract": ["$last.at", "$first.at"]}, 3_600_000]}
        pipeline: list[Document] = [
            {"$match": query},
            # Documents are ordered by their first field, so these are the earliest and the latest.
            {"$group": {"_id": "$article", "first": {"$min": point}, "last": {"$max": point}}},
            {
                "$project": {
                    "hours": hours,
                    "grown": {"$subtract": ["$last.views", "$first.views"]},
                }
            },
            {
                "$match": {
                    "hours": {"$gte": LEAST_APART / timedelta(hours=1)},
                    "grown": {"$gt": 0},
                }
            },
            {"$project": {"rate": {"$divide": ["$grown", "$hours"]}}},
            {"$sort": {"rate": -1, "_id": 1}},
        ]
        found: dict[str, tuple[Document, float]] = {}
        batch: dict[str, float] = {}
        async with await self._views.aggregate(pipeline, allowDiskUse=True) as cursor:
            async for row in cursor:
                batch[row["_id"]] = row["rate"]
                if len(batch) == _BATCH:
                    await self._take(batch, selection, found)
                    batch = {}
                    if len(found) >= top:
                        break
        await self._take(batch, selection, found)
        return dict(list(found.items())[:top])

    async def _take(
        self,
        batch: dict[str, float],
        selection: Selection,
        found: dict[str, tuple[Document, float]],
    ) -> None:
        records = await self._records(batch, selection.query())
        found |= {id_: (records[id_], rate) for id_, rate in batch.items() if id_ in records}

    async def _records(self, ids: Collection[str], query: Document) -> dict[str, Document]:
        if not ids:
            return {}
        wanted = {"$and": [{"_id": {"$in": list(ids)}}, query]}
        return {
            document["_id"]: document async for document in self._articles.find(wanted, _FIELDS)
        }

    async def _points(
        self, ids: Collection[str], selection: Selection
    ) -> dict[str, list[tuple[datetime, int]]]:
        query: Document = {"article": {"$in": sorted(ids)}}
        if selection.before is not None:
            query["at"] = {"$lt": selection.before}
        kept: dict[str, list[tuple[datetime, int]]] = {}
        found = self._views.find(query, {"_id": 0}, sort=[("article", 1), ("at", 1)])
        async for point in found:
            points = kept.setdefault(point["article"], [])
            points.append((point["at"], point["views"]))
            if len(points) >= 20 * POINTS:
                del points[1:-1:2]
        return {id_: _thinned(points) for id_, points in kept.items()}


def _thinned(points: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    if len(points) <= POINTS:
        return points
    last = len(points) - 1
    return [points[round(i * last / (POINTS - 1))] for i in range(POINTS)]


def _viewed(
    document: Document, rate: float | None, points: Sequence[tuple[datetime, int]]
) -> Viewed:
    return Viewed(
        id=document["_id"],
        url=document["url"],
        title=document["title"] or document["_id"],
        language=document["language"],
        section=document.get("section") or "",
        published_at=document["published_at"],
        views=document["views"] or 0,
        rate=rate,
        points=tuple(points),
    )
