"""The collection `crawls`: one document for each crawl, from its start on.

    {_id: <crawl id>, spider, arguments: {name: text},
     status: running | finished | stopped | failed, reason, exit_code,
     started_at, updated_at, finished_at, counts: {counter: number},
     coverage: {field: share of the articles that had it, 0 to 1},
     workers: [{id, host, pid, started_at, ended_at, reason, counts}], versions: {package: text}}

Counters are named as in docs/counters.md; a ``/`` in their names stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
        """Enter the crawl, or join it when another worker entered it already."""
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
                    },
                    "$set": {
                        "status": "running", "reason": None, "exit_code": None,
                        "updated_at": at, "finished_at": None,
                    },
                    "$push": {"workers": entry},
                },
                upsert=True,
            )  # fmt: skip

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
        """Close this worker's entry, and the crawl with the sums over all workers."""
        with driver_errors("closing the crawl"):
            document = await self._crawls.find_one_and_update(
                {"_id": self._id, "workers.id": worker.id},
                {
                    "$set": {
                        "workers.$.counts": dict(counts),
                        "workers.$.ended_at": at,
                        "workers.$.reason": reason,
                        "updated_at": at,
                    }
                },
                return_document=True,
            )
            sums: dict[str, int] = {}
            for entry in document["workers"] if document else ():
                for name, number in entry["counts"].items():
                    sums[name] = sums.get(name, 0) + number
            await self._crawls.update_one(
                {"_id": self._id},
                {
                    "$set": {
                        "status": status,
                        "reason": reason,
                        "exit_code": exit_code,
                        "finished_at": at,
                        "counts": sums,
                        "coverage": dict(coverage),
                    }
                },
            )
