"""The history of one article: its record, what it said before, its counters, its repetitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.known import by_address


@dataclass(frozen=True, slots=True)
class History:
    """`record` is the document in `articles`, `revisions` what it said before, the oldest first;
    `repeated_by` the ids of records that name it, `views` [{at, views}] in order of time."""

    record: dict[str, Any]
    revisions: list[dict[str, Any]]
    repeated_by: list[str]
    views: list[dict[str, Any]]


async def history_of(database: AsyncDatabase[dict[str, Any]], name: str) -> History | None:
    """The history of the article with an id or (canonical) address; None when none is stored.

    Raises `StoreUnavailable` when the database cannot be reached.
    """
    with driver_errors("reading the history of an article"):
        articles = database["articles"]
        record = await articles.find_one(by_address([name], [name]))
        if record is None:
            return None
        id_ = record["_id"]
        revisions = database["revisions"].find({"article_id": id_}).sort("revision", ASCENDING)
        repeats = {"$or": [{"duplicate_of": id_}, {"near_duplicate_of": id_}]}
        points = database["views"].find({"article": id_}, {"_id": 0, "at": 1, "views": 1})
        return History(
            record,
            [document async for document in revisions],
            sorted([d["_id"] async for d in articles.find(repeats, {"_id": 1})]),
            [point async for point in points.sort("at", ASCENDING)],
        )
