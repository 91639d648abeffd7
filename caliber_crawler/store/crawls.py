"""The collection `crawls`: one document for each crawl, from its start on.

    {_id: <crawl id>, spider, arguments: {name: text},
     status: running | finished | stopped | failed, reason, exit_code,
     started_at, updated_at, finished_at, counts: {counter: number},
     coverage: {field: share of the articles that had it, 0 to 1},
     sections: {"edition/slug": {what: number}}, as in `health.figures`,
     verdict: one line, findings: [{rule, line, expected, seen, sections, field}],
     lists_doubted: whether the verdict doubts how lists ended; there once it is closed,
     workers: [{id, host, pid, pid_namespace, started_at, seen_at, ended_at, reason, counts}],
     versions: {package: text}}

Counters are named as in docs/counters.md; a ``/`` in their names stays.

A crawl is ``running`` until the last of its workers leaves: whoever that is closes it, with the
sums over all workers. Workers that were killed are told by a `seen_at` that stands still; their
reason is ``lost`` once the crawl is closed. A crawl that is resumed is running again. Of more than
fifty workers the oldest that have ended become one entry with the id ``earlier`` and their sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors

Document = dict[str, Any]

LOST = "lost"
EARLIER = "earlier"
_MOST_WORKERS, _WORKERS_KEPT = 50, 20
# Crawls of a spider that are looked through for those with the same arguments.
_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Worker:
    """One process of a crawl. `pid` is meant within `host` and, if known, `pid_namespace`."""

    id: str
    host: str
    pid: int
    pid_namespace: str | None = None


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
            "id": worker.id, "host": worker.host, "pid": worker.pid,
            "pid_namespace": worker.pid_namespace, "started_at": at, "seen_at": at,
            "ended_at": None, "reason": None, "counts": {},
        }  # fmt: skip
        running = {
            "status": "running", "reason": None, "exit_code": None, "verdict": None,
            "updated_at": at, "finished_at": None,
        }  # fmt: skip
        new = {
            "spider": spider, "arguments": dict(arguments), "started_at": at, "counts": {},
            "coverage": {}, "sections": {}, "findings": [], "versions": dict(versions),
            "workers": [entry], **running,
        }  # fmt: skip
        absent = {"_id": self._id, "workers.id": {"$ne": worker.id}}
        # After each of these a crawl that runs has a worker, also when this one is killed there.
        with driver_errors("entering the crawl"):
            entered = await self._crawls.update_one(
                {"_id": self._id}, {"$setOnInsert": new}, upsert=True
            )
            if entered.upserted_id is not None:
                return
            await self._fold()
            joined = await self._crawls.update_one(
                absent, {"$set": running, "$push": {"workers": entry}}
            )
            if not joined.matched_count:
                await self._crawls.update_one({"_id": self._id}, {"$set": running})

    async def _fold(self) -> None:
        """Make one entry of the oldest workers that have ended, where there are many.

        A crawl that is stopped and resumed for years has more than a document can hold.
        """
        many = {"_id": self._id, f"workers.{_MOST_WORKERS}": {"$exists": True}}
        found = await self._crawls.find_one(many, {"workers": 1})
        if found is None:
            return
        workers: list[Document] = found["workers"]
        old = [worker for worker in workers if worker["ended_at"] is not None][:-_WORKERS_KEPT]
        if not old:
            return
        folded = {
            "id": EARLIER, "host": "", "pid": 0, "pid_namespace": None,
            "started_at": min(worker["started_at"] for worker in old),
            "seen_at": max(worker["seen_at"] for worker in old),
            "ended_at": max(worker["ended_at"] for worker in old),
            "reason": EARLIER, "counts": sums(old),
        }  # fmt: skip
        gone = {worker["id"] for worker in old}
        kept = [worker for worker in workers if worker["id"] not in gone]
        # Not when another worker has changed it meanwhile: it can wait for the next one.
        await self._crawls.update_one(
            {"_id": self._id, "workers": workers}, {"$set": {"workers": [folded, *kept]}}
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
        verdict: str,
        lists_doubted: bool,
        sections: Mapping[str, Mapping[str, int]],
        findings: Sequence[Mapping[str, Any]],
        silent_since: datetime,
        dead: Collection[str] = (),
        at: datetime,
    ) -> bool:
        """Close a running crawl that all workers have left.

        Those that were not seen since `silent_since`, and the `dead` ones, are lost. False when
        another worker closed it, or joined it meanwhile and is to close it. It may be tried again
        when the answer to an earlier attempt was lost.
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
                        "verdict": verdict,
                        "lists_doubted": lists_doubted,
                        "sections": {name: dict(seen) for name, seen in sections.items()},
                        "findings": [dict(finding) for finding in findings],
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
            if result.matched_count:
                return True
            same = {"_id": self._id, "finished_at": at, "status": status, "verdict": verdict}
            return await self._crawls.find_one(same, {"_id": 1}) is not None

    async def past(
        self,
        spider: str,
        arguments: Mapping[str, str],
        *,
        since: datetime | None,
        before: datetime,
        limit: int,
    ) -> list[Document]:
        """The last crawls of a spider with these arguments that began before an instant, newest
        first, but this one.

        Those that began before `since` are left out. Of each: status, exit code, verdict,
        `started_at`, `updated_at`, counts and sections; older documents lack some of them.
        """
        shown = dict.fromkeys(("status", "exit_code", "verdict", "arguments", "started_at",
                               "updated_at", "counts", "sections"), 1)  # fmt: skip
        which: Document = {"spider": spider, "_id": {"$ne": self._id}}
        which["started_at"] = {"$lt": before}
        return await self._alike(which, arguments, since=since, shown=shown, limit=limit)

    async def news(
        self, spider: str, arguments: Mapping[str, str], *, since: datetime, limit: int = 2_000
    ) -> list[datetime]:
        """When crawls of a spider with these arguments began that found new articles, oldest
        first: the last ones since an instant."""
        which = {"spider": spider, "counts.articles/new": {"$gt": 0}}
        shown = {"arguments": 1, "started_at": 1}
        found = await self._alike(which, arguments, since=since, shown=shown, limit=limit)
        return [crawl["started_at"] for crawl in reversed(found)]

    async def _alike(
        self,
        which: Document,
        arguments: Mapping[str, str],
        *,
        since: datetime | None,
        shown: Mapping[str, int],
        limit: int,
    ) -> list[Document]:
        if since is not None:
            which["started_at"] = {**which.get("started_at", {}), "$gte": since}
        found: list[Document] = []
        with driver_errors("looking at past crawls"):
            cursor = self._crawls.find(which, shown).sort("started_at", DESCENDING)
            async for crawl in cursor.limit(_LOOKED_AT):
                if not isinstance(crawl.get("arguments"), dict):
                    continue  # somebody else's: no crawl has none
                if _meant(crawl["arguments"]) == _meant(arguments):
                    found.append(crawl)
                if len(found) >= limit:
                    break
        return found


def _meant(arguments: Mapping[str, str]) -> dict[str, str]:
    """The arguments without those that are a scheduler's own."""
    return {name: value for name, value in arguments.items() if not name.startswith("_")}


def sums(workers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Each counter over all workers, in alphabetical order."""
    total: Counter[str] = Counter()
    for worker in workers:
        total.update(worker["counts"])
    return dict(sorted(total.items()))
