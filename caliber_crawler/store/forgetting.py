"""Forgetting the requests of crawls that nobody goes on with.

A queued request may wait for months in a crawl that is at work, so its own age says nothing. What
tells is the crawl: its workers note every few seconds that they live.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors

KEPT_FOR = timedelta(days=30)
"""How long the requests of a crawl are kept after somebody was at it."""

_CHUNK = 1_000


async def forget(
    database: AsyncDatabase[dict[str, Any]], at: datetime, own: str
) -> AsyncIterator[int]:
    """Remove requests of crawls that nobody touched for `KEPT_FOR`, but those of the crawl `own`.

    Tells after each chunk how many went. Raises `StoreError` and its kin.
    """
    frontier, crawls = database["frontier"], database["crawls"]
    before = at - KEPT_FOR
    with driver_errors("forgetting old requests"):
        for crawl_id in await frontier.distinct("crawl_id"):
            touched = {"_id": crawl_id, "updated_at": {"$gte": before}}
            # What was added or queued again since is of a crawl that is about to begin.
            old = {"crawl_id": crawl_id, "at": {"$lt": before}}
            # Asked before each chunk: somebody may go on with the crawl at any moment.
            while crawl_id != own and await crawls.find_one(touched, {"_id": 1}) is None:
                ids = [row["_id"] async for row in frontier.find(old, {"_id": 1}).limit(_CHUNK)]
                if not ids:
                    break
                yield (await frontier.delete_many({"_id": {"$in": ids}, **old})).deleted_count
