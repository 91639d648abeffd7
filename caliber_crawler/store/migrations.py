"""From older forms of the database to the present one, at the start of whoever opens it.

The collection `meta` holds `{_id: "form", version}`. A database without it was written by the first
version or is new. Each step may be cut off and done again, by several workers at once, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.errors import StoreError
from caliber_crawler.items import Article
from caliber_crawler.revisit import Pace
from caliber_crawler.similarity import Words, fingerprint
from caliber_crawler.store import spans
from caliber_crawler.store.bulk import bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.documents import VERSION, new_internal
from caliber_crawler.store.indexes import ensure_indexes
from caliber_crawler.store.refusals import Refusals
from caliber_crawler.store.schema import ensure_collections, ensure_validators

logger = logging.getLogger(__name__)

_BATCH = 500
_FINGERPRINTED = dict.fromkeys(
    (
        "language", "title", "body", "images.url", "embeds.url", "content_hash",
        "internal.version", "internal.dated_at",
    ),
    1,
)  # fmt: skip


async def prepare(
    database: AsyncDatabase[dict[str, Any]],
    pace: Pace | None = None,
    refusals: Refusals | None = None,
) -> None:
    """Bring a database up to date: collections, older records, indexes, checks of writes.

    Records that MongoDB lets nobody change stay as they are, and are told to `refusals`. Cheap when
    all is there. Raises `StoreError` for a database that a newer version wrote, and when stored
    data contradict an index; `StoreUnavailable` when it cannot be reached.
    """
    with driver_errors("looking at the form of the database"):
        form = await database["meta"].find_one({"_id": "form"})
        version = form.get("version") if form else 1
        # MongoDB has several kinds of numbers, and shells write those with a fraction.
        if not isinstance(version, int | float) or isinstance(version, bool):
            raise StoreError(
                f"the form of the database {database.name!r} is not known: the document 'form' in "
                f"its collection 'meta' has the version {version!r}, which is no number; put it "
                "right from a backup, or set MONGODB_DATABASE to another name"
            )
        if version > VERSION:
            raise StoreError(
                f"the database {database.name!r} was written by a newer version of this program "
                f"(form {version}; this one knows {VERSION}); upgrade this one, or set "
                "MONGODB_DATABASE to another name"
            )
    with driver_errors("bringing the database up to date"):
        await ensure_collections(database)
        if version < VERSION:
            refusals = refusals or Refusals()
            await _to_2(database, pace or Pace(), refusals)
            await _to_5(database, refusals)
    await ensure_indexes(database)
    with driver_errors("setting what documents must look like"):
        refused = await ensure_validators(database)
        if refused:
            logger.warning(
                "MongoDB does not check what is written to %s: that needs the role dbAdmin on the "
                "database %s once",
                ", ".join(refused),
                database.name,
            )
        if version < VERSION:
            await database["meta"].update_one(
                {"_id": "form"}, {"$max": {"version": VERSION}}, upsert=True
            )


async def _to_2(database: AsyncDatabase[dict[str, Any]], pace: Pace, refusals: Refusals) -> None:
    """Give records what similar ones are found by, and revisions what changed."""
    articles = database["articles"]
    older = articles.find({"internal": {"$exists": False}})
    await _each(articles, older, lambda document: _with_internal(document, pace), refusals)
    if "published_at" in await articles.index_information():
        await articles.drop_index("published_at")  # `published_id` does what it did
    for name, value in (("changes", []), ("moved_to", None)):
        await database["revisions"].update_many({name: {"$exists": False}}, {"$set": {name: value}})


async def _to_5(database: AsyncDatabase[dict[str, Any]], refusals: Refusals) -> None:
    """Give records the bands and traces that similar ones are found by now."""
    articles = database["articles"]
    older = articles.find({"internal.version": {"$lt": VERSION}}, _FINGERPRINTED)
    await _each(articles, older, _with_marks, refusals)


async def _each(
    articles: AsyncCollection[dict[str, Any]],
    older: AsyncCursor[dict[str, Any]],
    mend: Callable[[dict[str, Any]], UpdateOne],
    refusals: Refusals,
) -> None:
    """Write what `mend` makes of each document, in batches, and say how far it is."""
    operations: dict[str, UpdateOne] = {}
    done = 0

    async def write() -> None:
        written = await bulk_write(articles, list(operations.values()))
        refusals.of(articles.name, list(operations), written.refused)
        operations.clear()

    async for document in older:
        operations[document["_id"]] = mend(document)
        if len(operations) == _BATCH:
            await write()
            done += _BATCH
            logger.info("Bringing records up to date: %s so far", done)
    await write()


def _with_marks(document: Mapping[str, Any]) -> UpdateOne:
    """The present fingerprint, unless another worker was first or the text changed."""
    record = Article.from_document(document)
    marks = fingerprint(Words.of(record), record.language)
    guard = {
        "_id": document["_id"],
        "content_hash": document["content_hash"],
        "internal.version": document["internal"]["version"],
    }
    numbers = spans.kept(marks.traces, document["internal"]["dated_at"])
    now = {"bands": marks.bands, "traces": numbers, "version": VERSION}
    return UpdateOne(guard, {"$set": {f"internal.{name}": value for name, value in now.items()}})


def _with_internal(document: Mapping[str, Any], pace: Pace) -> UpdateOne:
    """All fields of the present form, unless another worker was first or the text changed."""
    record = Article.from_document(document)
    seen = record.last_seen_at or record.first_seen_at
    if seen is None:  # only a document that no version wrote lacks both
        raise StoreError(
            f"article {document['_id']} has no time when it was seen; repair or remove it"
        )
    guard = {"_id": document["_id"], "internal": {"$exists": False}}
    if "content_hash" in document:
        guard["content_hash"] = document["content_hash"]
    fields = {name: value for name, value in record.document().items() if name not in document}
    return UpdateOne(guard, {"$set": fields | {"internal": new_internal(record, seen, pace)}})
