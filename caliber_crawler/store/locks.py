"""The collection `locks`: which crawl of a spider runs.

    {_id: <spider>, crawl_id, until: instant at which the lock holds no more unless renewed}

All workers of a crawl hold its lock together and renew it; it ends with the last of them, or by
itself a little after the last of them was killed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from caliber_crawler.store.client import driver_errors

Document = dict[str, Any]

LONGEST = timedelta(hours=1)
"""No lock is taken for longer, unless settings ask for a tenth of it themselves."""


@dataclass(frozen=True)
class Holder:
    """The crawl that holds a lock, and until when."""

    crawl_id: str
    until: datetime


class LockStore:
    """Locks of one crawl. Instants are meant by the server's clock. Raises `StoreError` and kin."""

    def __init__(self, database: AsyncDatabase[Document], crawl_id: str) -> None:
        self._locks = database["locks"]
        self._crawl = crawl_id

    async def take(
        self, spider: str, at: datetime, lasting: timedelta, *, over: str | None = None
    ) -> Holder | None:
        """Take or renew the lock of a spider. Returns who holds it when that is another crawl.

        `over` is a crawl that is known to be dead; its lock counts no more. Nor does one that was
        told by a clock that was far ahead: nobody takes one for as long as that.
        """
        free: list[Document] = [
            {"crawl_id": self._crawl},
            {"until": {"$lt": at}},
            {"until": {"$gt": at + max(10 * lasting, LONGEST)}},
            {"until": {"$not": {"$type": "date"}}},  # somebody else's: no lock of a crawl
        ]
        if over is not None:
            free.append({"crawl_id": over})
        with driver_errors("taking the spider's lock"):
            try:
                await self._locks.update_one(
                    {"_id": spider, "$or": free},
                    {"$set": {"crawl_id": self._crawl, "until": at + lasting}},
                    upsert=True,
                )
            except DuplicateKeyError:
                held = await self._locks.find_one({"_id": spider})
                if held is None:  # it was given back meanwhile
                    return await self.take(spider, at, lasting)
                return Holder(held["crawl_id"], held["until"])
        return None

    async def give_back(self, spider: str) -> None:
        """End the lock, if it is this crawl's."""
        with driver_errors("giving back the spider's lock"):
            await self._locks.delete_one({"_id": spider, "crawl_id": self._crawl})


async def holders(database: AsyncDatabase[Document]) -> dict[str, Holder]:
    """Who holds the lock of each spider, or held it last. Raises `StoreError` and its kin."""
    with driver_errors("reading the spiders' locks"):
        return {
            lock["_id"]: Holder(lock["crawl_id"], lock["until"])
            async for lock in database["locks"].find().sort("_id")
        }
