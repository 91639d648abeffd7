"""Reading many stored articles, one batch after another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import ARTICLE_FIELDS, Article
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.indexes import READING_INDEX

Document = dict[str, Any]

_BATCH = 500
_ORDER = [("published_at", ASCENDING), ("_id", ASCENDING)]
_FIELDS = {"_id": 0} | dict.fromkeys(ARTICLE_FIELDS, 1)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which articles: empty and None mean no restriction.

    `since` is the first instant of publication that is in, `before` the first one that is not; an
    article without such a time is in when there is neither. `sections` are slugs, one of which the
    article must be in. `originals` leaves out what repeats another record.
    """

    languages: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    status: str | None = None
    originals: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether the time of publication matters."""
        return self.since is not None or self.before is not None

    def query(self) -> Document:
        """The selection as MongoDB has it."""
        query = self._apart_from_times()
        bounds = {"$gte": self.since, "$lt": self.before}
        if self.is_bounded:
            query["published_at"] = {k: v for k, v in bounds.items() if v is not None}
        return query

    def undated(self) -> Document:
        """What would be in, had it a time of publication."""
        return self._apart_from_times() | {"published_at": None}

    def _apart_from_times(self) -> Document:
        query: Document = {}
        if self.languages:
            query["language"] = {"$in": list(self.languages)}
        if self.sections:
            query["sections.slug"] = {"$in": list(self.sections)}
        if self.status is not None:
            query["status"] = self.status
        if self.originals:
            query["duplicate_of"] = None
        return query


class ArticleReader:
    """Reads records, and nothing but the fields of the record."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._articles = database["articles"]

    async def read(self, selection: Selection) -> AsyncIterator[list[Document]]:
        """Batches of records in field order, oldest publication first, then by id.

        Records without a time come first. What is stored while it reads may be in or not; no
        record comes twice, for a time that a layout read stays and the others are remembered, but
        where an address comes to tell another story meanwhile. Raises `StoreUnavailable` and
        `StoreError`.
        """
        batch: list[Document] = []
        may_move: set[str] = set()
        with driver_errors("reading articles"):
            # The index gives this order, so nothing is sorted in memory, whatever the selection.
            found = self._articles.find(
                selection.query(), _FIELDS, sort=_ORDER, hint=READING_INDEX, batch_size=_BATCH
            )
            async with found:
                async for document in found:
                    if document["id"] in may_move:
                        continue
                    if _may_move(document):
                        may_move.add(document["id"])
                    batch.append(Article.from_document(document).document())
                    if len(batch) == _BATCH:
                        yield batch
                        batch = []
        if batch:
            yield batch

    async def undated(self, selection: Selection) -> int:
        """How many records a bounded selection leaves out because their time is unknown."""
        if not selection.is_bounded:
            return 0
        with driver_errors("counting articles"):
            return await self._articles.count_documents(selection.undated(), hint=READING_INDEX)

    async def editions(self) -> list[str]:
        """The languages of all records, in order. Raises `StoreUnavailable` and `StoreError`."""
        with driver_errors("reading articles"):
            return sorted(await self._articles.distinct("language"))


def _may_move(document: Document) -> bool:
    """Whether a record's time of publication may become another one while others are read."""
    how = document.get("extraction") or {}
    return document.get("published_at") is None or how.get("method") != "template"
