"""The collection `navigation`: the sections that home pages named when they were last read.

{_id: <address of the home page without origin>, edition: its prefix, label: what the switch calls
 it, for an edition that was found by that, sections: [{path, slug, name}], read_at,
 read_by: <crawl id>, gone: [<address of a list without origin>], gone_before: [the same],
 lost: [the same]}

`gone` are lists that were not there although the home page had just named them: they are left out
until it is read again; `gone_before` are those of the reading before. `lost` are those that were
not there for a crawl that trusted this document, while it waits for the home page to be read again;
there is no `read_at` then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict

from pymongo import DESCENDING, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.clocks import MARGIN


class Entry(TypedDict):
    """A section as the navigation links it; `path` is its address without origin."""

    path: str
    slug: str
    name: str


_FIELDS = Entry.__required_keys__


@dataclass(frozen=True)
class Named:
    """What a home page named: its edition's prefix (None when not noted), sections, and which lists
    were not there, as keys; `is_certain` when those were not there at the reading before either."""

    edition: str | None
    sections: Sequence[Entry]
    gone: frozenset[str]
    is_certain: bool


class NavigationStore:
    """Keeps what home pages named for later crawls. `key` is a home page's address without origin,
    `path` that of a list."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], crawl_id: str) -> None:
        self._pages = database["navigation"]
        self._crawl_id = crawl_id

    async def get(self, key: str, label: str, at: datetime, span: timedelta) -> Named | None:
        """What an edition's home page named, found by its address or by the edition's label.

        None when it was not read within a span of time before an instant, or was read after it, by
        a clock that was ahead.
        """
        read_at = {"$gte": at - span, "$lte": at + MARGIN}
        of_edition = {"$or": [{"_id": key}, {"label": label}], "read_at": read_at}
        with driver_errors("reading what a home page named"):
            found = await self._pages.find_one(of_edition, sort=[("read_at", DESCENDING)])
        sections: list[Entry] = found.get("sections", []) if found else []
        # An earlier version kept whole addresses; then the home page is read once more.
        if not found or not sections or not all(one.keys() >= _FIELDS for one in sections):
            return None
        gone, before = (frozenset(found.get(name, ())) for name in ("gone", "gone_before"))
        return Named(found.get("edition"), sections, gone, gone <= before)

    async def put(
        self, key: str, edition: str, label: str | None, sections: Sequence[Entry], at: datetime
    ) -> frozenset[str]:
        """Keep what a home page names now, read at an instant in UTC. Returns the lists that were
        lost before."""
        said: dict[str, Any] = {
            "edition": edition, "sections": list(sections), "read_at": at,
            "read_by": self._crawl_id, "gone": [], "lost": [],
        }  # fmt: skip
        if label is not None:  # who reads it for its prefix does not know
            said["label"] = label
        told = {name: {"$literal": value} for name, value in said.items()}
        told["gone_before"] = {"$ifNull": ["$gone", []]}  # of the document as it was
        with driver_errors("keeping what a home page names"):
            before = await self._pages.find_one_and_update(
                {"_id": key}, [{"$set": told}], upsert=True, return_document=ReturnDocument.BEFORE
            )
        return frozenset(before.get("lost", ())) if before else frozenset()

    async def lose(self, key: str, path: str) -> Sequence[Entry] | None:
        """Note that a list is not there that was named before. Returns what the home page names
        where this crawl has read it since; None: it is to be read, and `put` will tell of the list.
        """
        lost = {"$addToSet": {"lost": path}, "$unset": {"read_at": ""}}
        with driver_errors("noting that a section is not there"):
            noted = await self._pages.update_one(
                {"_id": key, "read_by": {"$ne": self._crawl_id}}, lost
            )
            if noted.matched_count:
                return None
            found = await self._pages.find_one({"_id": key, "read_by": self._crawl_id})
            if found is None:  # somebody forgot it meanwhile
                await self._pages.update_one({"_id": key}, lost, upsert=True)
                return None
        sections: list[Entry] = found["sections"]
        return sections

    async def miss(self, key: str, path: str) -> None:
        """Note that a list is not there that the home page names."""
        with driver_errors("noting that a section is not there"):
            await self._pages.update_one({"_id": key}, {"$addToSet": {"gone": path}})

    async def forget(self, key: str) -> None:
        """Remove what does not hold any more."""
        with driver_errors("forgetting what a home page named"):
            await self._pages.delete_one({"_id": key})
