"""The collection `politeness`: when the next request to a site may be made, over all workers.

    {_id: <origin of the site>, next: instant, slot: instant, told_at: instant,
     level: failures in a row that asked for no certain pause, paused_until: instant or None,
     mended: whether `next` lay so far ahead that the server's clock must have been set since}

A worker takes one slot before each request, with one small write, and waits for it on its event
loop. Waits are told as durations by the server's clock, so those of the workers need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors

Document = dict[str, Any]


@dataclass(frozen=True)
class Slot:
    """Seconds until a worker may ask the site, and how far the gaps have grown (0: not at all).

    `mended`: the row had been told by a clock that was ahead, and begins anew.
    """

    wait: float
    level: int
    mended: bool = False


class LimiterStore:
    """The common row of requests to one site. Raises `StoreError` and its kin."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        # A slot that a dying server forgets does no harm.
        self._sites = database["politeness"].with_options(write_concern=WriteConcern(w=1, j=False))

    async def take(self, origin: str, delay: float, *, furthest: float | None = None) -> Slot:
        """Take the next free slot; the one after it is `delay` seconds later at the earliest.

        No row is longer than `furthest` seconds: one that is was told by a clock that was ahead.
        """
        later = round(delay * 1000)
        end = None if furthest is None else {"$add": ["$$NOW", round(furthest * 1000)]}
        free: Document = {"$ifNull": ["$next", "$$NOW"]}
        document = await self._change(
            origin,
            "taking a turn",
            [
                {"$set": {"mended": False if end is None else {"$gt": [free, end]}}},
                {
                    "$set": {
                        "slot": {"$cond": ["$mended", "$$NOW", {"$max": ["$$NOW", free]}]},
                        # Told by that clock, too.
                        "paused_until": {
                            "$cond": ["$mended", None, {"$ifNull": ["$paused_until", None]}]
                        },
                    }
                },
                {"$set": {"next": {"$add": ["$slot", later]}, "told_at": "$$NOW"}},
            ],
        )
        wait = (document["slot"] - document["told_at"]).total_seconds()
        return Slot(max(0.0, wait), document.get("level", 0), document["mended"])

    async def pause(self, origin: str, seconds: float | None, *, first: float, most: float) -> Slot:
        """Let nobody ask for so many seconds, at most `most`; without a number, in growing gaps.

        Gaps begin with `first` seconds and double with each failure that comes after the pause of
        the one before; failures of requests that were on their way together count once.
        """
        level = {"$ifNull": ["$level", 0]}
        resting = {"$gt": [{"$ifNull": ["$paused_until", "$$NOW"]}, "$$NOW"]}
        gap: Any
        if seconds is None:
            gap = {
                "$min": [
                    most,
                    {"$multiply": [first, {"$pow": [2, {"$max": [0, {"$subtract": [level, 1]}]}]}]},
                ]
            }
        else:
            gap = min(seconds, most)
        grown = {"$min": [30, {"$cond": [resting, level, {"$add": [level, 1]}]}]}
        end = {"$add": ["$$NOW", {"$toLong": {"$multiply": [1000, gap]}}]}
        document = await self._change(
            origin,
            "slowing down",
            [
                {"$set": {"level": grown if seconds is None else level}},
                {
                    "$set": {
                        "paused_until": {"$max": [{"$ifNull": ["$paused_until", "$$NOW"]}, end]}
                    }
                },
                {
                    "$set": {
                        "next": {"$max": [{"$ifNull": ["$next", "$$NOW"]}, "$paused_until"]},
                        "told_at": "$$NOW",
                    }
                },
            ],
        )
        wait = (document["paused_until"] - document["told_at"]).total_seconds()
        return Slot(max(0.0, wait), document["level"])

    async def relax(self, origin: str) -> None:
        """The site answers again: gaps begin anew."""
        with driver_errors("ending a pause"):
            await self._sites.update_one({"_id": origin}, {"$set": {"level": 0}})

    async def _change(self, origin: str, what: str, change: list[Document]) -> Document:
        with driver_errors(what):
            document: Document | None = await self._sites.find_one_and_update(
                {"_id": origin}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        assert document is not None  # noqa: S101 - an upsert always gives one
        return document
