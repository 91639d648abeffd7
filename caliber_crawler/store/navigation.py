"""The collection `navigation`: the sections that home pages named when they were last read.

{_id: <address of the home page without origin>, sections: [{path, slug, name}], read_at,
 read_by: <crawl id>}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.clocks import MARGIN


class Entry(TypedDict):
    """A section as the navigation links it; `path` is its address without origin."""

    path: str
    slug: str
    name: str


_FIELDS = Entry.__required_keys__


class NavigationStore:
    """Keeps what home pages named for later crawls."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], crawl_id: str) -> None:
        self._pages = database["navigation"]
        self._crawl_id = crawl_id

    async def get(self, key: str, at: datetime, span: timedelta) -> list[Entry]:
        """The sections of an edition; empty when its home page was not read within a span of time
        before an instant, or was read after it, by a clock that was ahead."""
        read_at = {"$gte": at - span, "$lte": at + MARGIN}
        with driver_errors("reading what a home page named"):
            document = await self._pages.find_one({"_id": key, "read_at": read_at})
        sections: list[Entry] = document.get("sections", []) if document else []
        # An earlier version kept whole addresses; then the home page is read once more.
        return sections if all(section.keys() >= _FIELDS for section in sections) else []

    async def put(self, key: str, sections: Sequence[Entry], at: datetime) -> None:
        """Keep what a home page names now, read at an instant in UTC."""
        said = {"sections": list(sections), "read_at": at, "read_by": self._crawl_id}
        with driver_errors("keeping what a home page names"):
            await self._pages.replace_one({"_id": key}, said, upsert=True)

    async def forget(self, key: str) -> None:
        """Remove what does not hold any more."""
        with driver_errors("forgetting what a home page named"):
            await self._pages.delete_one({"_id": key})
