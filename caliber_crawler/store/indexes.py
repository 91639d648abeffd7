"""Indexes of all collections, made at start. Making them again is cheap and changes nothing."""

from __future__ import annotations

from typing import Any

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from caliber_crawler.store.client import driver_errors

READING_INDEX = "published_id"

INDEXES: dict[str, list[IndexModel]] = {
    "articles": [
        IndexModel([("url", ASCENDING)], name="url", unique=True),
        # Not unique: that would hold two empty lists for equal, and a partial index that leaves
        # empty ones out is not used by look-ups of an alias.
        IndexModel([("aliases", ASCENDING)], name="aliases"),
        # Finds the record that a new one repeats, without all those that repeat it already.
        IndexModel([("content_hash", ASCENDING), ("duplicate_of", ASCENDING)], name="originals"),
        # Finds the records that repeat one. Without the originals, of which all have None there.
        IndexModel(
            [("duplicate_of", ASCENDING)],
            name="duplicates",
            partialFilterExpression={"duplicate_of": {"$gt": ""}},
        ),
        IndexModel(
            [("near_duplicate_of", ASCENDING)],
            name="near_duplicates",
            partialFilterExpression={"near_duplicate_of": {"$gt": ""}},
        ),
        IndexModel([("internal.bands", ASCENDING)], name="bands"),
        IndexModel(
            [("internal.traces", ASCENDING), ("internal.dated_at", ASCENDING)], name="traces"
        ),
        IndexModel([("internal.visit.due_at", ASCENDING)], name="due"),
        # Articles since a date, in the order in which they are due, without reading any in vain.
        IndexModel(
            [("internal.dated_at", ASCENDING), ("internal.visit.due_at", ASCENDING)], name="dated"
        ),
        # Either way through all articles by time, with an order among those of one minute.
        IndexModel([("published_at", ASCENDING), ("_id", ASCENDING)], name=READING_INDEX),
        IndexModel(
            [("language", ASCENDING), ("sections.slug", ASCENDING), ("published_at", DESCENDING)],
            name="language_section_published",
        ),
    ],
    "revisions": [
        IndexModel(
            [("article_id", ASCENDING), ("revision", ASCENDING)], name="article", unique=True
        ),
        # Edits over time, for reports.
        IndexModel([("replaced_at", ASCENDING)], name="replaced_at"),
    ],
    "views": [IndexModel([("article", ASCENDING), ("at", ASCENDING)], name="article_at")],
    "frontier": [
        # Which request comes next (`frontier.ORDER`), of each state apart.
        IndexModel(
            [
                ("crawl_id", ASCENDING),
                ("state", ASCENDING),
                ("priority", DESCENDING),
                ("newest", DESCENDING),
                ("_id", ASCENDING),
            ],
            name="order",
        ),
    ],
    "crawls": [
        IndexModel([("started_at", DESCENDING), ("_id", DESCENDING)], name="latest"),
        # What a crawl is compared with.
        IndexModel([("spider", ASCENDING), ("started_at", DESCENDING)], name="of_spider"),
        # All crawls are kept, and few of them run.
        IndexModel(
            [("status", ASCENDING), ("started_at", DESCENDING)],
            name="running",
            partialFilterExpression={"status": "running"},
        ),
    ],
    "rejects": [
        IndexModel([("crawl_id", ASCENDING), ("reason", ASCENDING)], name="crawl_reason"),
        IndexModel([("url", ASCENDING), ("at", DESCENDING)], name="url"),
        # A page that cannot be stored is met again by every crawl, and rejected each time.
        IndexModel([("at", ASCENDING)], name="forgotten", expireAfterSeconds=180 * 24 * 3600),
    ],
}

RETIRED = {
    # By it MongoDB removed requests thirty days old, also those that a crawl at work had queued.
    "frontier": "forgotten",
    "crawls": "started_at",  # `latest` does what it did
}
"""Collection → an index of earlier versions that must not be there any more."""

_NO_SUCH_INDEX = 27
# To make one of a large archive takes longer than any other answer may.
_MAKING_SECONDS = 24 * 3600


async def ensure_indexes(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Make every index that is not there, and remove the retired ones.

    Raises `StoreError` when stored data contradict one.
    """
    with driver_errors("making indexes"), pymongo.timeout(_MAKING_SECONDS):
        for collection, name in RETIRED.items():
            await _remove(database[collection], name)
        for collection, models in INDEXES.items():
            await database[collection].create_indexes(models)


async def _remove(collection: AsyncCollection[dict[str, Any]], name: str) -> None:
    if name not in await collection.index_information():
        return
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code != _NO_SUCH_INDEX:  # another worker was first
            raise
