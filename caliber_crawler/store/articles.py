"""The collection `articles`: one document for each article of each edition.

A document is the record (`items.Article`) with all its fields, and `_id` equal to `id`. What a
record said before a change goes to the collection `revisions`:

    {_id: "<article id>@<revision>", article_id, revision, url, title, description, authors,
     sections, published_at, body, content_hash, first_seen_at, last_seen_at, replaced_at,
     replaced_by: <crawl id>}

Saving is idempotent: a batch that was cut off half way can be saved again. Unique keys decide
races: of two workers that store the same new article one inserts, the other finds it there and
meets it; an update holds only for the revision, sections and aliases that it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import encode
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON, InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from caliber_crawler.dedupe import Story, repeats
from caliber_crawler.errors import StoreError
from caliber_crawler.items import Article, SectionRef, Sighting
from caliber_crawler.records import add_sections, first_seen, meet
from caliber_crawler.store.client import driver_errors

Document = dict[str, Any]
Operation = InsertOne[Any] | UpdateOne

# MongoDB takes 16 MiB a document; the rest is room for what an update puts round it.
MAX_BYTES = 16 * 1024 * 1024 - 64 * 1024
_DUPLICATE_KEY = 11000
_ATTEMPTS = 5
_UTC: CodecOptions[Document] = CodecOptions(tz_aware=True)
_REVISION_FIELDS = (
    "url", "title", "description", "authors", "sections", "published_at", "body", "content_hash",
    "first_seen_at", "last_seen_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one article: the record as it is stored now, or why it was refused."""

    article: Article
    refused: str | None = None


class ArticleStore:
    """Reads and writes articles in batches."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._articles = database["articles"]
        self._revisions = database["revisions"]

    async def save(self, articles: Sequence[Article]) -> list[Saved]:
        """Store each article; the results are in the order of the arguments.

        Every article needs `id`, `url`, `language` and `crawl`. A record that MongoDB cannot hold
        is refused by itself; the others of the batch are stored. Raises `StoreUnavailable` when the
        database cannot be reached and `StoreError` when it refuses the whole write.
        """
        results: dict[int, Saved] = {}
        waiting = dict(enumerate(articles))
        for _ in range(_ATTEMPTS):
            with driver_errors("storing articles"):
                waiting = await self._save_round(waiting, results)
            if not waiting:
                return [results[i] for i in range(len(articles))]
        ids = ", ".join(str(article.id) for article in waiting.values())
        raise StoreError(f"articles changed at each of {_ATTEMPTS} attempts to store them: {ids}")

    async def _save_round(
        self, waiting: Mapping[int, Article], results: dict[int, Saved]
    ) -> dict[int, Article]:
        """One attempt. Fills `results`; returns what lost a race and must be tried again."""
        stored = await self._find(waiting.values())
        again: dict[int, Article] = {}
        records: dict[int, tuple[Article, Article | None]] = {}
        taken: set[str] = set()
        for i, article in waiting.items():
            old = next((stored[a] for a in _addresses(article) if a in stored), None)
            old = stored.get(f"id:{article.id}") if old is None else old
            key = (old.id if old else article.id) or ""
            if key in taken:  # the same article twice in one batch: the second meets the first
                again[i] = article
                continue
            taken.add(key)
            records[i] = (_record(article, old), old)
        await self._mark_duplicates([record for record, _ in records.values()])
        again |= await self._write(waiting, records, results)
        return again

    async def _find(self, articles: Iterable[Article]) -> dict[str, Article]:
        """Stored records by each of their addresses, and by id under the key ``id:<id>``."""
        ids = [article.id for article in articles]
        addresses = [address for article in articles for address in _addresses(article)]
        query = {
            "$or": [
                {"_id": {"$in": ids}},
                {"url": {"$in": addresses}},
                {"aliases": {"$in": addresses}},
            ]
        }
        found: dict[str, Article] = {}
        async for document in self._articles.find(query):
            record = Article.from_document(document)
            found[f"id:{record.id}"] = record
            for address in _addresses(record):
                found[address] = record
        return found

    async def _mark_duplicates(self, records: Sequence[Article]) -> None:
        """Set `duplicate_of` of each new or changed record that repeats another of its edition.

        The one stored first is the original; within a batch the one published first is.
        """
        fresh = [r for r in records if r.crawl is None or r.crawl["outcome"] != "unchanged"]
        if not fresh:
            return
        for record in fresh:
            record.duplicate_of = None
        originals: dict[str, list[Story]] = {}
        query = {
            "content_hash": {"$in": [record.content_hash for record in fresh]},
            "duplicate_of": None,
            "_id": {"$nin": [record.id for record in fresh]},
        }
        async for document in self._articles.find(query):
            other = Story.of(Article.from_document(document))
            originals.setdefault(other.content_hash, []).append(other)
        for record in sorted(fresh, key=lambda r: (str(r.published_at or "~"), r.id or "")):
            story = Story.of(record)
            others = originals.setdefault(story.content_hash, [])
            record.duplicate_of = next((o.id for o in others if repeats(story, o)), None)
            if record.duplicate_of is None:
                others.append(story)

    async def _write(
        self,
        waiting: Mapping[int, Article],
        records: Mapping[int, tuple[Article, Article | None]],
        results: dict[int, Saved],
    ) -> dict[int, Article]:
        history: list[UpdateOne] = []
        operations: list[Operation] = []
        positions: list[int] = []
        for i, (record, old) in records.items():
            document = record.document()
            document["_id"] = record.id
            encoded, refused = _encode(document)
            if refused or encoded is None:
                results[i] = Saved(waiting[i], refused)
                continue
            results[i] = Saved(record)
            positions.append(i)
            if old is None:
                operations.append(InsertOne(encoded))
                continue
            if record.revision != old.revision:
                history.append(_revision(old, record))
            # Without a document of this revision the upsert runs into the unique `_id`: that is
            # how the bulk result tells which updates came too late.
            guard: Document = {"_id": old.id, "revision": old.revision}
            guard |= {"sections": old.sections, "aliases": old.aliases}
            operations.append(UpdateOne(guard, {"$set": encoded}, upsert=True))
        # History first: a kill in between leaves a revision that the next attempt writes again.
        if history:
            await self._revisions.bulk_write(history, ordered=False)
        lost = await self._bulk(operations)
        for position in lost:
            del results[positions[position]]
        return {positions[position]: waiting[positions[position]] for position in lost}

    async def _bulk(self, operations: Sequence[Operation]) -> list[int]:
        """Write; returns positions of the operations that met a unique key."""
        if not operations:
            return []
        try:
            await self._articles.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            failures = details.get("writeErrors", [])
            if details.get("writeConcernErrors") or any(
                failure["code"] != _DUPLICATE_KEY for failure in failures
            ):
                raise
            return [failure["index"] for failure in failures]
        return []

    async def sight(self, sightings: Sequence[Sighting]) -> list[bool]:
        """Add sections and aliases to stored articles; tells for each whether it was stored."""
        found: list[bool] = []
        with driver_errors("storing sightings"):
            for sighting in sightings:
                query = {"$or": [{"url": sighting.url}, {"aliases": sighting.url}]}
                document = await self._articles.find_one(query)
                found.append(document is not None)
                if document is not None:
                    await self._add(Article.from_document(document), sighting)
        return found

    async def _add(self, stored: Article, sighting: Sighting) -> None:
        sections: list[SectionRef] = add_sections(stored.sections, sighting.sections)
        known = {stored.url, *stored.aliases}
        aliases = [alias for alias in sighting.aliases if alias not in known]
        update: Document = {}
        if sections != stored.sections:
            update["$set"] = {"sections": sections}
        if aliases:
            update["$addToSet"] = {"aliases": {"$each": aliases}}
        if update:
            await self._articles.update_one({"_id": stored.id}, update)


def _addresses(article: Article) -> list[str]:
    return [address for address in (article.url, *article.aliases) if address]


def _record(article: Article, stored: Article | None) -> Article:
    if article.crawl is None:
        raise ValueError(f"article {article.id} has no crawl data")
    at = article.crawl["fetched_at"]
    return first_seen(article, at) if stored is None else meet(stored, article, at)


def _revision(old: Article, new: Article) -> UpdateOne:
    """What the record said before, under a key that makes writing it twice harmless."""
    said = {name: getattr(old, name) for name in _REVISION_FIELDS}
    said |= {
        "article_id": old.id,
        "revision": old.revision,
        "replaced_at": new.changed_at,
        "replaced_by": new.crawl["id"] if new.crawl else None,
    }
    return UpdateOne({"_id": f"{old.id}@{old.revision}"}, {"$setOnInsert": said}, upsert=True)


def _encode(document: Document) -> tuple[RawBSONDocument | None, str | None]:
    """The document in MongoDB's form, once for checking and sending; or why it has none."""
    try:
        raw = encode(document, codec_options=_UTC)
    except (InvalidDocument, InvalidBSON, OverflowError, UnicodeEncodeError) as error:
        return None, f"a value that MongoDB cannot hold: {error}"[:500]
    if len(raw) > MAX_BYTES:
        return None, f"too large: {len(raw)} bytes, MongoDB takes {MAX_BYTES}"
    return RawBSONDocument(raw), None
