"""Forgetting crawls that nobody goes on with: their requests, and that they run.

A queued request may wait for months in a crawl that is at work, so its own age says nothing. What
tells is the crawl: its workers note every few seconds that they live. One that a scheduler means to
go on with is no such crawl, however long that takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.crawls import LOST

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
        wanted = {own, *await _wanted(database)}
        for crawl_id in await frontier.distinct("crawl_id"):
            touched = {"_id": crawl_id, "updated_at": {"$gte": before}}
            # What was added or queued again since is of a crawl that is about to begin.
            old = {"crawl_id": crawl_id, "at": {"$lt": before}}
            # Asked before each chunk: somebody may go on with the crawl at any moment.
            while crawl_id not in wanted and await crawls.find_one(touched, {"_id": 1}) is None:
                ids = [row["_id"] async for row in frontier.find(old, {"_id": 1}).limit(_CHUNK)]
                if not ids:
                    break
                yield (await frontier.delete_many({"_id": {"$in": ids}, **old})).deleted_count


async def close_lost(database: AsyncDatabase[dict[str, Any]], at: datetime, own: str) -> int:
    """Close crawls that run by their document, and that nobody touched for `KEPT_FOR`.

    All their workers were killed. Returns how many; the crawl `own` is none of them. Whoever goes
    on with one has it run again. Raises `StoreError` and its kin.
    """
    with driver_errors("closing lost crawls"):
        which = {
            "_id": {"$nin": [own, *await _wanted(database)]},
            "status": "running",
            "updated_at": {"$lt": at - KEPT_FOR},
            "workers": {"$type": "array"},
        }
        is_open = {"$eq": ["$$this.ended_at", None]}
        ended = {"ended_at": "$updated_at", "reason": LOST}
        workers = {"$mergeObjects": ["$$this", {"$cond": [is_open, ended, {}]}]}
        said = {
            "status": "failed",
            "reason": LOST,
            "verdict": "its workers were killed, and nobody went on with it",
            "finished_at": "$updated_at",
            "workers": {"$map": {"input": "$workers", "in": workers}},
        }
        return (await database["crawls"].update_many(which, [{"$set": said}])).modified_count


async def _wanted(database: AsyncDatabase[dict[str, Any]]) -> set[str]:
    """Crawls that schedulers mean to go on with."""
    found: set[str] = set()
    async for schedule in database["schedule"].find({}, {"entries": 1}):
        entries = schedule.get("entries")
        for entry in entries.values() if isinstance(entries, dict) else ():
            for name in ("unfinished", "running"):
                crawl = entry.get(name) if isinstance(entry, dict) else None
                if isinstance(crawl, dict):
                    found.add(crawl.get("crawl_id", ""))
    return found
