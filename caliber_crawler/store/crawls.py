"""The collection `crawls`: one document for each crawl, from its start on.

    {_id: <crawl id>, spider, arguments: {name: text},
     status: running | finished | stopped | failed, reason, exit_code,
     started_at, updated_at, finished_at, counts: {counter: number},
     coverage: {field: share of the articles that had it, 0 to 1},
     workers: [{id, host, pid, started_at, seen_at, ended_at, reason, counts}],
     versions: {package: text}}

Counters are named as in docs/counters.md; a ``/`` in their names stays.

A crawl is ``running`` until the last of its workers leaves: whoever that is closes it, with the
sums over all workers. Workers that were killed are told by a `seen_at` that stands still; their
reason is ``lost`` once the crawl is closed. A crawl that is resumed is running again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors

Document = dict[str, Any]

LOST = "lost"


@dataclass(frozen=True)
class Worker:
    """One process of a crawl."""

    id: str
    host: str
    pid: int


class CrawlStore:
    """Writes the life of a crawl. One instance for each worker."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], crawl_id: str) -> None:
        self._crawls = database["crawls"]
        self._id = crawl_id

    async def find(self, crawl_id: str | None = None) -> Document | None:
        """The document of this crawl or another one; None when nobody entered it."""
        with driver_errors("looking for the crawl"):
            return await self._crawls.find_one({"_id": crawl_id or self._id})

    async def start(
        self,
        worker: Worker,
        *,
        spider: str,
        arguments: Mapping[str, str],
        versions: Mapping[str, str],
        at: datetime,
    ) -> None:
        """Enter the crawl, or join it when another worker entered it already.

        A worker that is in it already stays as it is.
        """
        entry = {
            "id": worker.id, "host": worker.host, "pid": worker.pid, "started_at": at,
            "seen_at": at, "ended_at": None, "reason": None, "counts": {},
        }  # fmt: skip
        with driver_errors("entering the crawl"):
            await self._crawls.update_one(
                {"_id": self._id},
                {
                    "$setOnInsert": {
                        "spider": spider,
                        "arguments": dict(arguments),
                        "started_at": at,
                        "counts": {},
                        "coverage": {},
                        "versions": dict(versions),
                        "workers": [],
                    },
                    "$set": {
                        "status": "running", "reason": None, "exit_code": None,
                        "updated_at": at, "finished_at": None,
                    },
                },
                upsert=True,
            )  # fmt: skip
            await self._crawls.update_one(
                {"_id": self._id, "workers.id": {"$ne": worker.id}}, {"$push": {"workers": entry}}
            )

    async def progress(self, worker: Worker, counts: Mapping[str, int], at: datetime) -> None:
        """Note how far this worker is, and that it lives."""
        with driver_errors("noting progress"):
            await self._crawls.update_one(
                {"_id": self._id, "workers.id": worker.id},
                {
                    "$set": {
                        "workers.$.counts": dict(counts),
                        "workers.$.seen_at": at,
                        "updated_at": at,
                    }
                },
            )

    async def leave(
        self,
        worker: Worker,
        counts: Mapping[str, int],
        *,
        reason: str,
        at: datetime,
    ) -> None:
        """Close this worker's entry. Does nothing for one that never entered."""
        with driver_errors("leaving the crawl"):
            await self._crawls.update_one(
                {"_id": self._id, "workers.id": worker.id},
                {
                    "$set": {
                        "workers.$.counts": dict(counts),
                        "workers.$.seen_at": at,
                        "workers.$.ended_at": at,
                        "workers.$.reason": reason,
                        "updated_at": at,
                    }
                },
            )

    async def close(
        self,
        counts: Mapping[str, int],
        coverage: Mapping[str, float],
        *,
        status: str,
        reason: str,
        exit_code: int,
        silent_since: datetime,
        dead: Collection[str] = (),
        at: datetime,
    ) -> bool:
        """Close a running crawl that all workers have left.

        Those that were not seen since `silent_since`, and the `dead` ones, are lost. False when
        another worker closed it, or joined it meanwhile and is to close it.
        """
        alive = {"ended_at": None, "seen_at": {"$gte": silent_since}, "id": {"$nin": list(dead)}}
        which = {"_id": self._id, "status": "running", "workers": {"$not": {"$elemMatch": alive}}}
        with driver_errors("closing the crawl"):
            result = await self._crawls.update_one(
                which,
                {
                    "$set": {
                        "status": status,
                        "reason": reason,
                        "exit_code": exit_code,
                        "updated_at": at,
                        "finished_at": at,
                        "counts": dict(counts),
                        "coverage": dict(coverage),
                        "workers.$[silent].ended_at": at,
                        "workers.$[silent].reason": LOST,
                    }
                },
                array_filters=[{"silent.ended_at": None}],
            )
        return bool(result.matched_count)


def sums(workers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Each counter over all workers, in alphabetical order."""
    total: Counter[str] = Counter()
    for worker in workers:
        total.update(worker["counts"])
    return dict(sorted(total.items()))
