"""The collection `schedule`: one document for each schedule.

    {_id: <name of the schedule>,
     holder: {id, host, pid, pid_namespace,
              until: instant at which it holds no more unless renewed} or null,
     entries: {name: <as schedule.state has it>}}

Only the scheduler that holds a schedule can write its entries: each write is made under the
condition that it still does, so one that stood still and was replaced can start nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from caliber_crawler.errors import ScheduleTaken
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.locks import LONGEST

Document = dict[str, Any]


@dataclass(frozen=True)
class Scheduler:
    """A scheduler that holds a schedule, and until when by the server's clock."""

    id: str
    host: str
    pid: int
    until: datetime
    pid_namespace: str | None = None  # of older versions


class ScheduleStore:
    """State of one schedule, for one scheduler. Raises `StoreError` and kin."""

    def __init__(self, database: AsyncDatabase[Document], name: str, own_id: str) -> None:
        self._schedules = database["schedule"]
        self._name = name
        self._id = own_id

    async def take(
        self,
        host: str,
        pid: int,
        at: datetime,
        lasting: timedelta,
        *,
        pid_namespace: str | None = None,
        over: str | None = None,
    ) -> Scheduler | None:
        """Take the schedule or hold it for longer. Returns who has it when that is another one.

        `pid` is meant within `host` and `pid_namespace`; `over` is a scheduler that is known to be
        dead.
        """
        free: list[Document] = [
            {"holder": None},
            {"holder.id": self._id},
            {"holder.until": {"$lt": at}},
            {"holder.until": {"$gt": at + max(10 * lasting, LONGEST)}},  # by a clock that was ahead
        ]
        if over is not None:
            free.append({"holder.id": over})
        holder = {
            "id": self._id, "host": host, "pid": pid, "pid_namespace": pid_namespace,
            "until": at + lasting,
        }  # fmt: skip
        with driver_errors("taking the schedule"):
            try:
                await self._schedules.update_one(
                    {"_id": self._name, "$or": free},
                    {"$set": {"holder": holder}, "$setOnInsert": {"entries": {}}},
                    upsert=True,
                )
            except DuplicateKeyError:
                found = await self._schedules.find_one({"_id": self._name}, {"holder": 1})
                if not found or not found["holder"]:  # it was given back meanwhile
                    return await self.take(host, pid, at, lasting, pid_namespace=pid_namespace)
                return Scheduler(**found["holder"])
        return None

    async def load(self) -> dict[str, Document]:
        """What is remembered of each entry."""
        with driver_errors("reading the schedule's state"):
            found = await self._schedules.find_one({"_id": self._name})
        return dict(found["entries"]) if found else {}

    async def save(self, entry: str, state: Mapping[str, Any]) -> None:
        """Remember an entry's state. Raises `ScheduleTaken` when this one does not hold it."""
        with driver_errors("writing the schedule's state"):
            result = await self._schedules.update_one(
                {"_id": self._name, "holder.id": self._id},
                {"$set": {f"entries.{entry}": dict(state)}},
            )
        if not result.matched_count:
            raise ScheduleTaken(f"another scheduler took over the schedule {self._name!r}")

    async def give_back(self) -> None:
        """Hold the schedule no more, if this one does."""
        with driver_errors("giving back the schedule"):
            await self._schedules.update_one(
                {"_id": self._name, "holder.id": self._id}, {"$set": {"holder": None}}
            )
