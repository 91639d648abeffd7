"""The collection `frontier`: the requests of unfinished crawls, one document each.

    {_id: "<crawl id>/<fingerprint>", crawl_id, state: queued | leased | done | failed,
     priority, newest: instant or None, browser: whether it wants one, url, request: {plain data},
     merged: {argument: [values]}, late: whether values came when it was leased already,
     attempts: leases given so far, worker, lease: token, until: end of the lease,
     error, added_at, at: last change}

The rule behind it is *at least once*: a request is leased, never popped. What was leased and is not
renewed goes to another worker; what was leased too often is set aside as ``failed``. A request that
is ``done`` stays until the crawl is finished, so that whoever names it again changes nothing.
Requests of crawls that nobody touched for thirty days are removed by the next crawl that starts
(`store.forgetting`); those of a crawl at work stay, however long they wait.

**Who decides.** `_id` decides who adds a request, an update that matches only ``queued`` decides
who leases it, the lease's token decides whether its end counts. Instants are meant by the server's
clock, so that those of the workers need not agree.

**Durability.** Additions and endings are answered when they are safe on disk, leases by memory: a
server that dies may forget a lease, and somebody asks once more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import UpdateMany, UpdateOne, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.bulk import Operation, bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.leases import (
    DONE,
    FAILED,
    LEASED,
    ORDER,
    QUEUED,
    Added,
    Entry,
    Late,
    Leased,
    new_lease,
)

Document = dict[str, Any]

# A request that had so many leases may be what kills its workers: it gets company of no other such.
_SUSPICIOUS = 2
_LONGEST_LEASE = timedelta(hours=1)
_CLEARED = 10_000  # at once
_BEHIND = chr(ord("/") + 1)  # the slash between a crawl's id and a request's key


class FrontierStore:
    """The frontier of one crawl as one worker sees it. Raises `StoreError` and its kin.

    `lease_time` is how long a lease holds without renewal, `attempts` how many leases a request may
    have (twice as many when it wants a browser).
    """

    def __init__(
        self,
        database: AsyncDatabase[Document],
        crawl_id: str,
        worker: str = "",
        *,
        lease_time: timedelta = timedelta(seconds=30),
        attempts: int = 5,
    ) -> None:
        self._database = database
        self._crawl = crawl_id
        self._worker = worker
        self._safe = database["frontier"]
        self._fast = self._safe.with_options(write_concern=WriteConcern(w=1, j=False))
        self.lease_time = lease_time
        self.attempts = attempts

    async def clock(self) -> datetime:
        """The server's present instant in UTC. All instants below are meant by this clock."""
        with driver_errors("asking for the server's clock"):
            # Answers to commands are read without zones.
            told: datetime = (await self._database.command("hello"))["localTime"]
            return told.replace(tzinfo=UTC)

    # --- adding

    async def add(self, entries: Sequence[Entry], at: datetime, *, again: bool = False) -> Added:
        """Add requests; what is there already only gets the merged lists.

        Adding again is harmless, so a batch that was cut off can be added as a whole; with `again`
        the leases are looked for that an earlier attempt gave, whose answer never came.
        """
        if not entries:
            return Added(frozenset(), frozenset(), [])
        with driver_errors("adding to the frontier"):
            operations = [self._upsert(entry, at) for entry in entries]
            written = await bulk_write(self._safe, operations)
            # Two workers that add the same at the same moment: the later one finds it there now.
            rest = await self.add([entries[i] for i in sorted(written.lost)], at, again=again)
            first = [entries[i] for i in written.upserted]
            new = {entry.key for entry in first}
            leases = {entry.lease for entry in first if entry.lease is not None} | rest.leases
            if again:
                leases |= await self._given([entry for entry in entries if entry.key not in new])
            told = [self._id(e.key) for e in entries if e.merged and e.key not in new]
            late = list(rest.late)
            if told:
                # Whoever has it on lease looks for the mark at the end of it; what is done by now
                # is told here. Between the two nothing gets lost, at worst it is told twice.
                on_its_way = {"_id": {"$in": told}, "state": LEASED}
                await self._fast.update_many(on_its_way, {"$set": {"late": True}})
                late += await self._late({"_id": {"$in": told}, "state": DONE})
        return Added(frozenset(new), frozenset(leases), late)

    async def _given(self, entries: Sequence[Entry]) -> set[str]:
        """Those of the entries' leases under which their requests are now."""
        leases = {self._id(e.key): e.lease for e in entries if e.lease is not None}
        query = {"_id": {"$in": list(leases)}, "lease": {"$in": list(leases.values())}}
        return {document["lease"] async for document in self._safe.find(query, {"lease": 1})}

    def _upsert(self, entry: Entry, at: datetime) -> UpdateOne:
        first: Document = {
            "crawl_id": self._crawl, "state": QUEUED, "priority": entry.priority,
            "newest": entry.newest, "browser": entry.browser, "url": entry.url,
            "request": dict(entry.request), "late": False, "attempts": 0, "worker": None,
            "lease": None, "until": None, "error": None, "added_at": at, "at": at,
        }  # fmt: skip
        if entry.lease is not None:
            first |= {
                "state": LEASED, "attempts": 1, "worker": self._worker,
                "lease": entry.lease, "until": at + self.lease_time,
            }  # fmt: skip
        update: Document = {"$setOnInsert": first}
        if entry.merged:
            update["$addToSet"] = {
                f"merged.{name}": {"$each": list(values)} for name, values in entry.merged.items()
            }
        return UpdateOne({"_id": self._id(entry.key)}, update, upsert=True)

    # --- leasing

    async def lease(
        self,
        most: int,
        at: datetime,
        *,
        browsers: int,
        held: int = 0,
        token: str = "",
        again: bool = False,
    ) -> list[Leased]:
        """Lease up to `most` requests, the first in order first; of those at most `browsers`.

        While a request of a higher priority is leased to anyone, those of the lowest wait, unless
        more than `held` of them do: what is on its way may say more of them. With `again` the
        answer is what an earlier attempt leased under the same `token`, if it leased anything.
        """
        if most <= 0:
            return []
        token = token or new_lease()
        with driver_errors("leasing from the frontier"):
            here = {"crawl_id": self._crawl, "state": LEASED}
            if again and (found := await self._under(token, here)):
                return found
            spread = 1
            while True:
                ids = await self._candidates(most, browsers, held, spread)
                if not ids:
                    return []
                change = {
                    "state": LEASED, "lease": token, "worker": self._worker,
                    "until": at + self.lease_time, "at": at, "late": False,
                }  # fmt: skip
                result = await self._fast.update_many(
                    {"_id": {"$in": ids}, "state": QUEUED},
                    {"$set": change, "$inc": {"attempts": 1}},
                )
                if result.matched_count:
                    break
                spread = min(spread * 4, 64)  # others were quicker: look further down
            return await self._under(token, {"_id": {"$in": ids}})

    async def _under(self, token: str, which: Document) -> list[Leased]:
        """Those of some requests that are leased under a token."""
        found = self._safe.find({**which, "lease": token}).sort(ORDER)
        return [self._leased(document) async for document in found]

    async def _candidates(self, most: int, browsers: int, held: int, spread: int) -> list[str]:
        """What may be leased now, however many that may not stand before it."""
        query: Document = {"crawl_id": self._crawl, "state": QUEUED}
        taken: list[str] = []
        suspects: bool | None = None  # whether one is on lease, once that is asked
        passed = True
        while passed:
            if browsers <= 0:
                query["browser"] = False
            if suspects:
                query["attempts"] = {"$lt": _SUSPICIOUS}
            limit = (len(taken) + most + 4) * spread
            found = await self._queued(query, limit)
            if suspects is None and any(map(_is_suspect, found)):
                suspects = await self._has_suspect()
            passed = False
            for document in _somewhere(found, most, spread):
                if (document["browser"] and browsers <= 0) or (suspects and _is_suspect(document)):
                    passed = len(found) == limit  # then there may be others below
                    continue
                # Only one priority at a time: what the first ones bring may come before the others.
                if document["priority"] != query.setdefault("priority", document["priority"]):
                    return taken
                if not taken and held and document["priority"] <= 0 and await self._must_wait(held):
                    return []
                if document["_id"] not in taken:
                    taken.append(document["_id"])
                    browsers -= document["browser"]
                    suspects = suspects or _is_suspect(document)
                if len(taken) == most:
                    return taken
        return taken

    async def _queued(self, query: Document, limit: int) -> list[Document]:
        fields = {"priority": 1, "browser": 1, "attempts": 1}
        return [row async for row in self._safe.find(query, fields).sort(ORDER).limit(limit)]

    async def _must_wait(self, held: int) -> bool:
        before = {"state": {"$in": [QUEUED, LEASED]}, "priority": {"$gt": 0}}
        if await self._safe.find_one({"crawl_id": self._crawl, **before}, {"_id": 1}) is None:
            return False
        queued = {"crawl_id": self._crawl, "state": QUEUED}
        return await self._safe.count_documents(queued, limit=held + 1) <= held

    async def _has_suspect(self) -> bool:
        query = {
            "crawl_id": self._crawl, "state": LEASED, "worker": self._worker,
            "attempts": {"$gt": _SUSPICIOUS},
        }  # fmt: skip
        return await self._safe.find_one(query, {"_id": 1}) is not None

    async def renew(self, leases: Mapping[str, str], at: datetime) -> list[str]:
        """Renew leases (key → token); returns the keys of those that were lost to others."""
        if not leases:
            return []
        ids = {self._id(key): lease for key, lease in leases.items()}
        with driver_errors("renewing leases"):
            await self._fast.update_many(
                {"_id": {"$in": list(ids)}, "lease": {"$in": list(set(ids.values()))}},
                {"$set": {"until": at + self.lease_time, "at": at}},
            )
            held = self._safe.find({"_id": {"$in": list(ids)}}, {"lease": 1})
            now_held = {document["_id"]: document["lease"] async for document in held}
        return [key for key, lease in leases.items() if now_held.get(self._id(key)) != lease]

    async def reclaim(self, at: datetime, dead: Iterable[str] = ()) -> tuple[int, list[str]]:
        """Take back what workers did not renew, and at once what the `dead` ones have.

        Returns how many requests are queued again, and the addresses of those that were set aside
        because they had all their attempts.
        """
        # The server's own clock agrees, so that one worker whose clock is set, and does not know
        # it yet, does not take back what all have.
        is_over = {"until": {"$lt": at}, "$expr": {"$lt": ["$until", "$$NOW"]}}
        # Nobody leases for so long: the clock by which it was meant was ahead.
        never = {"until": {"$gt": at + max(10 * self.lease_time, _LONGEST_LEASE)}}
        lost = {
            "crawl_id": self._crawl,
            "state": LEASED,
            "$or": [is_over, never, {"worker": {"$in": list(dead)}}],
        }
        with driver_errors("taking back leases"):
            ids = [document["_id"] async for document in self._safe.find(lost, {"_id": 1})]
            if not ids:
                return 0, []
            died = {"$concat": ["worker ", {"$ifNull": ["$worker", "?"]}, " died or lost it"]}
            # A page of a browser takes so long that a kill for other reasons often meets it.
            most = {"$cond": ["$browser", 2 * self.attempts, self.attempts]}
            hopeless = {"$gte": ["$attempts", most]}
            token = new_lease()
            await self._safe.update_many(
                {**lost, "_id": {"$in": ids}},
                [
                    {
                        "$set": {
                            "state": {"$cond": [hopeless, FAILED, QUEUED]},
                            "error": died, "worker": None, "until": None, "at": at,
                            "lease": token,
                        }
                    }
                ],
            )  # fmt: skip
            # By name: all that the crawl did is there, too.
            found = self._safe.find({"_id": {"$in": ids}, "lease": token}, {"state": 1, "url": 1})
            taken = [document async for document in found]
        failed = [document["url"] for document in taken if document["state"] == FAILED]
        return len(taken) - len(failed), failed

    # --- ending

    async def end(
        self,
        at: datetime,
        done: Mapping[str, str],
        failed: Mapping[str, tuple[str, str]],
        released: Mapping[str, str],
    ) -> tuple[int, list[Late]]:
        """End leases: key → token of what is done and what goes back, token and error of failures.

        Returns how many of them counted no more, because another worker had them meanwhile, and
        what was said of the requests that are done while they were on their way.
        """
        over: Document = {"lease": None, "until": None, "worker": None, "at": at}
        operations: list[Operation] = []
        by_token: dict[str, list[str]] = {}
        for key, lease in done.items():
            by_token.setdefault(lease, []).append(self._id(key))
        # A request that is done is asked only whether it is there.
        finished = {"$set": {**over, "state": DONE, "request": {}, "error": None}}
        for lease, ids in by_token.items():
            which = {"_id": {"$in": ids}, "lease": lease, "state": LEASED}
            operations.append(UpdateMany(which | {"late": False}, finished))
        for key, (lease, error) in failed.items():
            which = {"_id": self._id(key), "lease": lease, "state": LEASED}
            change = {**over, "state": FAILED, "error": error[:1000]}
            operations.append(UpdateOne(which, {"$set": change}))
        for key, lease in released.items():
            which = {"_id": self._id(key), "lease": lease, "state": LEASED}
            change = {**over, "state": QUEUED}
            operations.append(UpdateOne(which, {"$set": change, "$inc": {"attempts": -1}}))
        with driver_errors("ending leases"):
            ended = (await bulk_write(self._safe, operations)).matched
            late: list[Late] = []
            missing = len(done) + len(failed) + len(released) - ended
            if missing and done:
                # Of some of them more was said meanwhile. What is said from now on is told to
                # whoever says it, since they are done.
                rest = [
                    UpdateMany({"_id": {"$in": ids}, "lease": lease, "state": LEASED}, finished)
                    for lease, ids in by_token.items()
                ]
                missing -= (await bulk_write(self._safe, rest)).matched
                ids = [self._id(key) for key in done]
                late = await self._late({"_id": {"$in": ids}, "late": True})
        return missing, late

    async def _late(self, query: Document) -> list[Late]:
        found = self._safe.find(query, {"url": 1, "merged": 1})
        return [Late(d["url"], d.get("merged", {})) async for d in found]

    # --- looking

    async def anything_left(self) -> bool:
        """Whether anything is queued or on lease; False is the end of the crawl.

        What changes hands meanwhile moves within the index of states, and a busy server reads an
        index in several steps: there it can be missed. So that nothing is there is believed only
        after a walk by the ids, which stay in their places, during which none was added: that one
        could be behind by then.
        """
        left = {"crawl_id": self._crawl, "state": {"$in": [QUEUED, LEASED]}}
        # All ids of this crawl, and not those of others: these may be at work for days.
        own: Document = {"_id": {"$gte": self._id(""), "$lt": f"{self._crawl}{_BEHIND}"}}
        in_place = [("_id", 1)]
        with driver_errors("looking at the frontier"):
            if await self._safe.find_one(left, {"_id": 1}) is not None:
                return True
            before = await self._safe.count_documents(own, hint=in_place)
            if await self._safe.find_one({**own, **left}, {"_id": 1}, hint=in_place) is not None:
                return True
            return await self._safe.count_documents(own, hint=in_place) != before

    async def missing(self, least: int) -> int:
        """How many of so many requests, which were added to a crawl that still runs, are not here.

        Nothing is removed before a crawl is closed, so somebody else did.
        """
        with driver_errors("looking at the frontier"):
            there = await self._safe.count_documents({"crawl_id": self._crawl}, limit=max(1, least))
        return max(0, least - there)

    async def failures(self, most: int = 20) -> list[tuple[str, str]]:
        """Address and last error of requests that failed, up to `most`."""
        query = {"crawl_id": self._crawl, "state": FAILED}
        with driver_errors("looking at the frontier"):
            found = self._safe.find(query, {"url": 1, "error": 1}).limit(most)
            return [(d["url"], d["error"] or "?") async for d in found]

    async def clear(self) -> None:
        """Forget the requests of a finished crawl, but for its failures."""
        done = {"crawl_id": self._crawl, "state": DONE}
        with driver_errors("clearing the frontier"):
            # One removal of millions could take longer than an answer may.
            while ids := [
                d["_id"] async for d in self._safe.find(done, {"_id": 1}).limit(_CLEARED)
            ]:
                await self._safe.delete_many({"_id": {"$in": ids}})

    # --- shorthands

    def _id(self, key: str) -> str:
        return f"{self._crawl}/{key}"

    def _leased(self, document: Document) -> Leased:
        return Leased(
            key=document["_id"].removeprefix(f"{self._crawl}/"),
            lease=document["lease"],
            priority=document["priority"],
            newest=document["newest"],
            browser=document["browser"],
            attempts=document["attempts"],
            request=document["request"],
            merged=document.get("merged", {}),
        )


def _is_suspect(document: Document) -> bool:
    return bool(document["attempts"] >= _SUSPICIOUS)


def _somewhere(queued: Sequence[Document], most: int, spread: int) -> Sequence[Document]:
    """All of them, or those from a random place on, when others take the first ones."""
    if spread == 1 or len(queued) <= most:
        return queued
    return queued[secrets.randbelow(len(queued) - most + 1) :]
