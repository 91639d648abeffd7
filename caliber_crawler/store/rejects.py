"""The collection `rejects`: what was fetched or asked for and not stored, and why.

    {_id, url, reason, detail, at, crawl_id, crawl: {as in the record}, http_status, excerpt}

`reason` is a short stable word (docs/counters.md lists them). `_id` is made of what happened to
which address when, so that a batch saved again makes no second document.

A reject is the last place for what cannot be stored elsewhere, so here every value is made fit for
MongoDB instead of refused: what it has no form for is kept as text, and long text is cut.

MongoDB removes rejects after 180 days. How many there were stays in the counts of their crawl.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from pymongo import InsertOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import Reject
from caliber_crawler.secrecy import hide
from caliber_crawler.store.bulk import bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.refusals import Refusals

MAX_CHARACTERS = 10_000
_CUT = " […]"
_LARGEST_INT = 2**63


class RejectStore:
    """Writes rejects in batches."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        crawl_id: str,
        refusals: Refusals | None = None,
    ) -> None:
        self._rejects = database["rejects"]
        self._crawl_id = crawl_id
        self._refusals = refusals or Refusals()

    async def save(self, rejects: Sequence[Reject]) -> list[None]:
        """Store each reject. Raises `StoreError` as all of `store` does."""
        operations = [InsertOne(self._document(reject)) for reject in rejects]
        with driver_errors("storing rejects"):
            # What it finds there is the same reject.
            written = await bulk_write(self._rejects, operations)
        self._refusals.of(self._rejects.name, [reject.url for reject in rejects], written.refused)
        return [None] * len(rejects)

    def _document(self, reject: Reject) -> dict[str, Any]:
        said = {item.name: _fit(getattr(reject, item.name)) for item in fields(Reject)}
        key = "\n".join((self._crawl_id, said["url"], said["reason"], str(said["at"])))
        return {
            "_id": hashlib.sha256(key.encode()).hexdigest()[:32],
            "crawl_id": self._crawl_id,
        } | said


def _fit(value: object) -> Any:
    """The value, or the nearest that MongoDB can hold."""
    if isinstance(value, dict):
        return {str(_fit(str(key))).replace("\0", "\\x00"): _fit(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_fit(entry) for entry in value]
    if value is None or isinstance(value, bool | float | datetime):
        return value
    if isinstance(value, int) and -_LARGEST_INT <= value < _LARGEST_INT:
        return value
    # Half of a surrogate pair, which no encoding can hold, becomes its code in letters.
    text = hide(str(value)).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + _CUT
