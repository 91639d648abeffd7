"""The frontier of all crawls as its keeper sees it, for `scrapy frontier`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.leases import FAILED, LEASED, ORDER, QUEUED

Document = dict[str, Any]


class FrontierAdmin:
    """The frontier of all crawls as its keeper sees it. Raises `StoreError` and its kin."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._frontier = database["frontier"]

    async def numbers(self, crawl_id: str | None = None) -> dict[str, dict[str, int]]:
        """Crawl id → state → number of requests, for one crawl or all that have any."""
        # Requests have both; what somebody else put there is none.
        texts: Document = {"crawl_id": {"$type": "string"}, "state": {"$type": "string"}}
        which = texts if crawl_id is None else {**texts, "crawl_id": crawl_id}
        group = {"_id": {"crawl": "$crawl_id", "state": "$state"}, "n": {"$sum": 1}}
        told: dict[str, dict[str, int]] = {}
        with driver_errors("counting requests"):
            cursor = await self._frontier.aggregate([{"$match": which}, {"$group": group}])
            async for document in cursor:
                crawl = told.setdefault(document["_id"]["crawl"], {})
                crawl[document["_id"]["state"]] = document["n"]
        return dict(sorted(told.items()))

    async def requests(
        self, crawl_id: str, state: str, url: str | None, most: int
    ) -> list[Document]:
        """Up to `most` requests of a state, first in order first; all of them when it is 0."""
        fields = ("url", "priority", "attempts", "worker", "until", "error", "added_at", "at")
        with driver_errors("reading requests"):
            found = self._frontier.find(
                _which(crawl_id, state, url), {"_id": 0, **dict.fromkeys(fields, 1)}
            )
            return [document async for document in found.sort(ORDER).limit(most)]

    async def retry(self, crawl_id: str, url: str | None, at: datetime) -> int:
        """Queue failures again, with all their attempts before them."""
        change = {"state": QUEUED, "attempts": 0, "error": None, "lease": None, "at": at}
        return await self._change(_which(crawl_id, FAILED, url), change)

    async def release(self, crawl_id: str, url: str | None, at: datetime) -> int:
        """Take back what is on lease, whoever has it."""
        change = {"state": QUEUED, "lease": None, "worker": None, "until": None, "at": at}
        return await self._change(_which(crawl_id, LEASED, url), change)

    async def drop(self, crawl_id: str, url: str | None, at: datetime) -> int:
        """Forget failures."""
        with driver_errors("dropping failures"):
            result = await self._frontier.delete_many(_which(crawl_id, FAILED, url))
            return result.deleted_count

    async def _change(self, which: Document, change: Document) -> int:
        with driver_errors("changing requests"):
            return (await self._frontier.update_many(which, {"$set": change})).modified_count


def _which(crawl_id: str, state: str, url: str | None) -> Document:
    return {"crawl_id": crawl_id, "state": state} | ({} if url is None else {"url": url})
