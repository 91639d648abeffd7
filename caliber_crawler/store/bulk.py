"""Writing many documents with one request, and telling the failures apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import InsertOne, UpdateMany, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store.client import UNAVAILABLE_CODES

Operation = InsertOne[Any] | UpdateOne | UpdateMany

_DUPLICATE_KEY = 11000
_INVALID = 121


@dataclass(frozen=True, slots=True)
class Written:
    """What a bulk write did, by positions of its operations.

    `lost` met a unique key, `upserted` made a new document; `matched` is the number of documents
    that updates found. `refused` tells what of a document the collection's schema does not admit.
    """

    lost: frozenset[int] = frozenset()
    upserted: frozenset[int] = frozenset()
    matched: int = 0
    refused: dict[int, str] = field(default_factory=dict)


async def bulk_write(
    collection: AsyncCollection[dict[str, Any]], operations: Sequence[Operation]
) -> Written:
    """Do all operations, in any order; none of them keeps another from being done.

    Raises `StoreUnavailable` when the server ended before all was safe on disk, although it had
    taken the writes, and the driver's errors.
    """
    if not operations:
        return Written()
    try:
        result = await collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        details = error.details or {}
        failures = details.get("writeErrors", [])
        unsure = details.get("writeConcernErrors", [])
        codes = {failure["code"] for failure in failures}
        if unsure or codes & UNAVAILABLE_CODES:
            reason = (unsure or failures)[0].get("errmsg", "?")
            raise StoreUnavailable(
                f"MongoDB was lost while writing to {collection.name}: {reason}; see that it runs"
            ) from error
        if codes - {_DUPLICATE_KEY, _INVALID}:
            raise
        return Written(
            lost=frozenset(f["index"] for f in failures if f["code"] == _DUPLICATE_KEY),
            refused={f["index"]: _why(f) for f in failures if f["code"] == _INVALID},
            upserted=frozenset(entry["index"] for entry in details.get("upserted", [])),
            matched=details.get("nMatched", 0),
        )
    return Written(upserted=frozenset(result.upserted_ids or ()), matched=result.matched_count)


def _why(failure: dict[str, Any]) -> str:
    """What MongoDB says of a document that its collection's schema refuses, in short."""
    details = failure.get("errInfo", {}).get("details", {})
    return f"the schema of the collection does not admit it: {details}"[:500]
