"""Looking at crawls, running and past, without being part of one. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.leases import LEASED, QUEUED

Document = dict[str, Any]

MOST_COUNTED = 10_000
_OPEN = [LEASED, QUEUED]
# What somebody else put there is no crawl, and has nothing of what is shown of one.
_ENTERED: Document = {"started_at": {"$type": "date"}, "workers": {"$type": "array"}}


@dataclass(frozen=True)
class FrontierSize:
    """Requests of one crawl that are to be made: `queued`, and `leased` by any worker.

    With `is_exact` false there are more than `MOST_COUNTED`, and this many were counted. `lists`
    says whether a list is among them, from which more may come.
    """

    queued: int
    leased: int
    lists: bool
    is_exact: bool

    @property
    def open(self) -> int:
        return self.queued + self.leased


class CrawlReader:
    """Reads `crawls`, `frontier` and `rejects`. Raises `StoreError` and its kin."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._crawls = database["crawls"]
        self._frontier = database["frontier"]
        self._rejects = database["rejects"]

    async def frontier(self, crawl_id: str) -> FrontierSize:
        """One query that its index answers, and that stops at a number."""
        pipeline: list[Document] = [
            {"$match": {"crawl_id": crawl_id, "state": {"$in": _OPEN}}},
            {"$limit": MOST_COUNTED + 1},
            {"$group": {"_id": "$state", "n": {"$sum": 1}, "top": {"$max": "$priority"}}},
        ]
        with driver_errors("looking at the frontier"):
            cursor = await self._frontier.aggregate(pipeline)
            found = {document["_id"]: document async for document in cursor}
        numbers = {state: document["n"] for state, document in found.items()}
        return FrontierSize(
            queued=numbers.get(QUEUED, 0),
            leased=numbers.get(LEASED, 0),
            lists=any(document["top"] > 0 for document in found.values()),
            is_exact=sum(numbers.values()) <= MOST_COUNTED,
        )

    async def workers(self, crawl_id: str) -> list[Document]:
        """What the crawl's workers last said of themselves; none when nobody entered it."""
        with driver_errors("looking at the crawl's workers"):
            found = await self._crawls.find_one({"_id": crawl_id, **_ENTERED}, {"workers": 1})
        workers: list[Document] = found["workers"] if found else []
        return workers

    async def crawls(
        self,
        *,
        spider: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        most: int = 0,
    ) -> list[Document]:
        """Documents of crawls, the latest start first; up to `most`, all of them when it is 0.

        `since` is the first instant of a start that is in.
        """
        asked = {"spider": spider, "status": status}
        query: Document = {name: value for name, value in asked.items() if value is not None}
        if since is not None:
            query["started_at"] = {"$gte": since}
        query = {"$and": [query, _ENTERED]}
        with driver_errors("reading crawls"):
            found = self._crawls.find(query).sort([("started_at", DESCENDING), ("_id", DESCENDING)])
            return [document async for document in found.limit(most)]

    async def crawl(self, crawl_id: str) -> Document | None:
        """One crawl's document; None when there is none."""
        with driver_errors("looking for the crawl"):
            return await self._crawls.find_one({"_id": crawl_id, **_ENTERED})

    async def rejects(self, crawl_id: str) -> list[Document]:
        """What a crawl did not store, most frequent first: ``{reason, number, example}``.

        The example is an address.
        """
        pipeline: list[Document] = [
            {"$match": {"crawl_id": crawl_id}},
            {"$group": {"_id": "$reason", "number": {"$sum": 1}, "example": {"$min": "$url"}}},
            {"$sort": {"number": -1, "_id": 1}},
        ]
        with driver_errors("counting rejects"):
            cursor = await self._rejects.aggregate(pipeline)
            return [
                {"reason": d["_id"], "number": d["number"], "example": d["example"]}
                async for d in cursor
            ]
