"""What a MongoDB server and a database in it are like; no collection of ours is written to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.documents import VERSION

Document = dict[str, Any]

__all__ = ["VERSION", "Condition", "condition", "try_to_write"]

_TRIAL = "doctor"
_TRIAL_MS = 5000


@dataclass(frozen=True)
class Condition:
    """`version` as the server tells it; `replica_set` is the name of its set, None without one;
    `is_primary` whether it takes writes; `concern` what writes wait for; `form` that of the
    database, None when there is nothing in it; `ahead` how far the server's clock is before this
    machine's, give or take half of the time that its answer took."""

    version: str
    replica_set: str | None
    is_primary: bool
    concern: Mapping[str, Any]
    form: int | None
    ahead: timedelta


async def condition(database: AsyncDatabase[Document]) -> Condition:
    """Raises `StoreError` and its kin."""
    with driver_errors("looking at the server"):
        before = datetime.now(UTC)
        hello = await database.command("hello")
        between = before + (datetime.now(UTC) - before) / 2
        info = await database.command("buildInfo")
        form = await database["meta"].find_one({"_id": "form"})
        # The first version wrote no form.
        articles = None if form else await database["articles"].find_one({}, {"_id": 1})
    return Condition(
        version=str(info["version"]),
        replica_set=hello.get("setName"),
        is_primary=bool(hello.get("isWritablePrimary")),
        concern=database.write_concern.document,
        form=form["version"] if form else 1 if articles else None,
        # Answers to commands are read without zones.
        ahead=hello["localTime"].replace(tzinfo=UTC) - between,
    )


async def try_to_write(database: AsyncDatabase[Document]) -> None:
    """Write a document into a collection of its own and remove both, waiting for what writes of
    this program wait for. Raises `StoreError` and its kin."""
    concern = WriteConcern(**{**database.write_concern.document, "wtimeout": _TRIAL_MS})
    trial = database.get_collection(_TRIAL, write_concern=concern)
    with driver_errors("trying to write"):
        try:
            await trial.insert_one({})
        finally:
            with suppress(PyMongoError):  # what keeps it from being removed is told by the write
                await trial.drop()
