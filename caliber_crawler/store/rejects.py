"""The collection `rejects`: what was fetched or asked for and not stored, and why.

    {url, reason, detail, at, crawl_id, crawl: {as in the record}, http_status, excerpt}

`reason` is a short stable word (docs/counters.md lists them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import Reject
from caliber_crawler.store.client import driver_errors


class RejectStore:
    """Writes rejects in batches."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], crawl_id: str) -> None:
        self._rejects = database["rejects"]
        self._crawl_id = crawl_id

    async def save(self, rejects: Sequence[Reject]) -> list[None]:
        """Store each reject. Raises `StoreError` as all of `store` does."""
        documents = [
            {item.name: getattr(reject, item.name) for item in fields(Reject)}
            | {"crawl_id": self._crawl_id}
            for reject in rejects
        ]
        with driver_errors("storing rejects"):
            await self._rejects.insert_many(documents, ordered=False)
        return [None] * len(rejects)
