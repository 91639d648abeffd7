"""The collection `crawls`: one document for each crawl, from its start on.

    {_id: <crawl id>, spider, arguments: {name: text},
     status: running | finished | stopped | failed, reason, exit_code,
     started_at, updated_at, finished_at, counts: {counter: number},
     coverage: {field: share of the articles that had it, 0 to 1},
     workers: [{id, host, pid, started_at, ended_at, reason, counts}], versions: {package: text}}

Counters are named as in docs/counters.md; a ``/`` in their names stays.

The crawl's own `counts` are the sums over all workers, `coverage` and the rest of the end are those
of the worker that finished last. While others still run, their `ended_at` is None although the
crawl's status is no longer ``running``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors


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
            "ended_at": None, "reason": None, "counts": {},
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
        """Note how far this worker is."""
        with driver_errors("noting progress"):
            await self._crawls.update_one(
                {"_id": self._id, "workers.id": worker.id},
                {"$set": {"workers.$.counts": dict(counts), "updated_at": at}},
            )

    async def finish(
        self,
        worker: Worker,
        counts: Mapping[str, int],
        coverage: Mapping[str, float],
        *,
        status: str,
        reason: str,
        exit_code: int,
        at: datetime,
    ) -> None:
        """Close this worker's entry, and the crawl with the sums over all workers.

        Does nothing for a worker that never entered.
        """
        with driver_errors("closing the crawl"):
            document = await self._crawls.find_one_and_update(
                {"_id": self._id, "workers.id": worker.id},
                {
                    "$set": {
                        "workers.$.counts": dict(counts),
                        "workers.$.ended_at": at,
                        "workers.$.reason": reason,
                        "updated_at": at,
                        "status": status,
                        "reason": reason,
                        "exit_code": exit_code,
                        "finished_at": at,
                        "coverage": dict(coverage),
                    }
                },
                return_document=ReturnDocument.AFTER,
            )
            # The sums hold for the workers that they were made from; another one that finishes or
            # reports meanwhile makes them anew.
            while document is not None:
                workers = document["workers"]
                result = await self._crawls.update_one(
                    {"_id": self._id, "workers": workers}, {"$set": {"counts": _sums(workers)}}
                )
                if result.matched_count:
                    return
                document = await self._crawls.find_one({"_id": self._id}, {"workers": 1})


def _sums(workers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Each counter over all workers, in alphabetical order."""
    sums: Counter[str] = Counter()
    for worker in workers:
        sums.update(worker["counts"])
    return dict(sorted(sums.items()))
