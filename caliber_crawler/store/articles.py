"""The collection `articles`: one document for each article of each edition.

A document is the record (`items.Article`) with all its fields, and `_id` equal to `id`. What a
record said before a change goes to the collection `revisions`:

    {_id: "<article id>@<revision>", article_id, revision, url, title, description, authors,
     sections, published_at, body, content_hash, first_seen_at, last_seen_at, replaced_at,
     replaced_by: <crawl id>}

Saving is idempotent: a batch that was cut off half way can be saved again. Unique keys decide
races: of two workers that store the same new article one inserts, the other finds it there and
meets it; an update holds only while the record is as it was read, else it is made anew.

One race stays open: two workers that meet one article for the first time at the same moment, and
under addresses that share neither canonical address nor id, make two records of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import decode, encode
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON, InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.errors import StoreError
from caliber_crawler.items import Article, CrawlInfo, Sighting
from caliber_crawler.records import add_sections, first_seen, meet
from caliber_crawler.store.bulk import Operation, bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.duplicates import settle

Document = dict[str, Any]

# MongoDB takes 16 MiB a document; the rest is room for what an update puts round it.
MAX_BYTES = 16 * 1024 * 1024 - 64 * 1024
# Of the workers that update one record at once, one wins each round: more than will ever be at it.
_ATTEMPTS = 50
_UTC: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=True)
_NEEDED = ("id", "url", "language", "crawl")
# An update holds only while these are as they were read. `crawl` changes with every save.
_GUARDS = ("revision", "crawl", "sections", "aliases", "duplicate_of")
_REVISION_FIELDS = (
    "url", "title", "description", "authors", "sections", "published_at", "body", "content_hash",
    "first_seen_at", "last_seen_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one article: the record as it is stored now, or why it was refused.

    A refused article is the one that was given.
    """

    article: Article
    refused: str | None = None


class ArticleStore:
    """Reads and writes articles in batches."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._articles = database["articles"]
        self._revisions = database["revisions"]

    async def save(self, articles: Sequence[Article]) -> list[Saved]:
        """Store each article; results are in the order of the arguments, which stay as they are.

        An article that MongoDB cannot hold, that has a time without zone, or lacks `id`, `url`,
        `language` or `crawl`, is refused by itself; the others of the batch are stored. The same
        fetch saved again, as after an error, changes nothing and has the same outcome. Raises
        `StoreUnavailable` when the database cannot be reached and `StoreError` when it refuses the
        whole write; some of the batch may be stored then.
        """
        results: dict[int, Article | str] = {}
        waiting: dict[int, Article] = {}
        for i, article in enumerate(articles):
            seen = _as_stored(article)
            if isinstance(seen, str):
                results[i] = seen
            else:
                waiting[i] = seen
        with driver_errors("storing articles"):
            attempts = _ATTEMPTS
            while waiting:
                later, lost = await self._save_round(waiting, results)
                waiting = dict(sorted((later | lost).items()))
                attempts -= bool(lost)
                if not attempts:
                    raise StoreError(_never_still(article.id for article in lost.values()))
            await self._mark_duplicates([r for r in results.values() if isinstance(r, Article)])
        return [
            Saved(article, result) if isinstance(result := results[i], str) else Saved(result)
            for i, article in enumerate(articles)
        ]

    async def _save_round(
        self, waiting: Mapping[int, Article], results: dict[int, Article | str]
    ) -> tuple[dict[int, Article], dict[int, Article]]:
        """One attempt. Fills `results` with records, or why they are refused.

        Returns what is to wait, and what lost a race. A further copy of an article in the same
        batch is to wait: it meets the first one.
        """
        known = await self._find(waiting.values())
        later: dict[int, Article] = {}
        records: dict[int, tuple[Article, Article | None]] = {}
        taken: set[str | None] = set()
        for i, article in waiting.items():
            old = known.match(article)
            names = {name for one in (article, old) if one for name in (one.id, *_addresses(one))}
            if taken.isdisjoint(names):
                records[i] = (_record(article, old), old)
            else:
                later[i] = article
            taken |= names
        lost = await self._write(records, results)
        return later, {i: waiting[i] for i in lost}

    async def _find(self, articles: Collection[Article]) -> _Known:
        ids = [article.id for article in articles]
        addresses = [address for article in articles for address in _addresses(article)]
        query = {
            "$or": [
                {"_id": {"$in": ids}},
                {"url": {"$in": addresses}},
                {"aliases": {"$in": addresses}},
            ]
        }
        return _Known([Article.from_document(d) async for d in self._articles.find(query)])

    async def _write(
        self,
        records: Mapping[int, tuple[Article, Article | None]],
        results: dict[int, Article | str],
    ) -> list[int]:
        """Write each record over the one that it was made from; returns what came too late."""
        history: dict[int, Document] = {}
        operations: dict[int, Operation] = {}
        for i, (record, old) in records.items():
            encoded = _encode(record.document() | {"_id": record.id})
            results[i] = encoded if isinstance(encoded, str) else record
            if isinstance(encoded, str):
                continue
            if old is None:
                operations[i] = InsertOne(encoded)
                continue
            if record.revision != old.revision:
                history[i] = _revision(old, record)
            # Without a document as it was read the upsert runs into the unique `_id`: that is how
            # the bulk result tells which updates came too late.
            guard = {"_id": old.id} | {name: getattr(old, name) for name in _GUARDS}
            operations[i] = UpdateOne(guard, {"$set": encoded}, upsert=True)
        # History first: a kill in between leaves a revision that the next attempt writes again.
        noted = await self._note(history)
        written = await bulk_write(self._articles, list(operations.values()))
        lost = [i for position, i in enumerate(operations) if position in written.lost]
        for i in lost:
            del results[i]
        await self._correct([history[i] for i in history if i not in noted | set(lost)])
        return lost

    async def _note(self, history: Mapping[int, Document]) -> set[int]:
        """Keep what records said; returns those that nobody had noted before."""
        operations = [
            UpdateOne({"_id": said["_id"]}, {"$setOnInsert": said}, upsert=True)
            for said in history.values()
        ]
        written = await bulk_write(self._revisions, operations)
        return {i for position, i in enumerate(history) if position in written.upserted}

    async def _correct(self, history: Sequence[Document]) -> None:
        """Write over notes of others, who were then too late with their change or cut off."""
        operations = [UpdateOne({"_id": said["_id"]}, {"$set": said}) for said in history]
        await bulk_write(self._revisions, operations)

    async def _mark_duplicates(self, records: Sequence[Article]) -> None:
        if records:
            originals = await settle(self._articles, records)
            for record in records:
                record.duplicate_of = originals.get(record.id)

    async def stored_in(self, crawl_id: str, addresses: Sequence[str]) -> set[str]:
        """Those of some addresses whose articles a crawl has stored."""
        which = {"$or": [{"url": {"$in": addresses}}, {"aliases": {"$in": addresses}}]}
        with driver_errors("looking for articles"):
            found = self._articles.find({**which, "crawl.id": crawl_id}, {"url": 1, "aliases": 1})
            stored = {a async for d in found for a in (d["url"], *d["aliases"])}
        return stored.intersection(addresses)

    async def sight(self, sightings: Sequence[Sighting]) -> list[bool]:
        """Add sections and aliases to stored articles; tells for each whether it is stored there.

        It is not when no such article is stored, or when MongoDB cannot hold what it says. Raises
        as `save` does.
        """
        sound = {
            i: sighting
            for i, sighting in enumerate(sightings)
            if not isinstance(
                _encode({"": [sighting.url, sighting.sections, sighting.aliases]}), str
            )
        }
        with driver_errors("storing sightings"):
            for _ in range(_ATTEMPTS):
                found = await self._sight_round(sound)
                if found is not None:
                    return [i in found for i in range(len(sightings))]
        raise StoreError(_never_still(sighting.url for sighting in sound.values()))

    async def _sight_round(self, sightings: Mapping[int, Sighting]) -> set[int] | None:
        """One attempt. Returns the keys of what is stored, or None when a race was lost."""
        addresses = list({sighting.url for sighting in sightings.values()})
        query = {"$or": [{"url": {"$in": addresses}}, {"aliases": {"$in": addresses}}]}
        fields = dict.fromkeys(("id", "url", "aliases", "sections"), 1)
        known = _Known([Article.from_document(d) async for d in self._articles.find(query, fields)])
        found: set[int] = set()
        guards: dict[str | None, Document] = {}
        records: dict[str | None, Article] = {}
        for i, sighting in sightings.items():
            record = known.by_address.get(sighting.url)
            if record is None:
                continue
            found.add(i)
            records[record.id] = record
            guards.setdefault(
                record.id,
                {"_id": record.id, "sections": record.sections, "aliases": record.aliases},
            )
            record.sections = add_sections(record.sections, sighting.sections)
            aliases = dict.fromkeys((*record.aliases, *sighting.aliases))
            record.aliases = [alias for alias in aliases if alias and alias != record.url]
        updates = [
            UpdateOne(guard, {"$set": said})
            for id_, guard in guards.items()
            if (said := {"sections": records[id_].sections, "aliases": records[id_].aliases})
            != {"sections": guard["sections"], "aliases": guard["aliases"]}
        ]
        written = await bulk_write(self._articles, updates)
        return found if written.matched == len(updates) else None


class _Known:
    """Stored records by what they are known by."""

    def __init__(self, records: Sequence[Article]) -> None:
        self.by_id = {record.id: record for record in records}
        self.by_address = {alias: record for record in records for alias in record.aliases}
        # An address belongs first to the record that has it for its canonical one.
        self.by_address |= {record.url: record for record in records if record.url}

    def match(self, article: Article) -> Article | None:
        """The stored record of an article: canonical address first, then id, then aliases."""
        found = self.by_address.get(article.url or "") or self.by_id.get(article.id)
        aliases = (self.by_address.get(alias) for alias in article.aliases)
        return found or next((record for record in aliases if record), None)


def _addresses(article: Article) -> list[str]:
    return [address for address in (article.url, *article.aliases) if address]


def _never_still(names: Iterable[str | None]) -> str:
    return f"changed by others at each of {_ATTEMPTS} attempts: {', '.join(map(str, names))}"


def _record(article: Article, stored: Article | None) -> Article:
    """The record to store; whether it repeats another one is found out once it is there."""
    crawl = article.crawl
    if crawl is None:
        raise ValueError(f"article {article.id} has no crawl data")
    if stored is None:
        record = first_seen(article, crawl["fetched_at"])
        record.duplicate_of = None
        return record
    record = meet(stored, article, crawl["fetched_at"])
    if record.revision != stored.revision:
        record.duplicate_of = None
    elif _is_same_fetch(crawl, stored.crawl):
        record.crawl = stored.crawl
    return record


def _is_same_fetch(crawl: CrawlInfo, other: CrawlInfo | None) -> bool:
    """Whether a save met what an earlier save of the same page left, before it was cut off."""
    if other is None:
        return False
    return {**crawl, "outcome": ""} == {**other, "outcome": ""}


def _revision(old: Article, new: Article) -> Document:
    """What the record said before, under a key that makes writing it twice harmless."""
    said = {name: getattr(old, name) for name in _REVISION_FIELDS}
    return said | {
        "_id": f"{old.id}@{old.revision}",
        "article_id": old.id,
        "revision": old.revision,
        "replaced_at": new.changed_at,
        "replaced_by": new.crawl["id"] if new.crawl else None,
    }


def _as_stored(article: Article) -> Article | str:
    """A copy that has been through MongoDB's form, or why it cannot be stored.

    Its times are in UTC with whole milliseconds, so they compare equal to those stored before.
    """
    lacking = [name for name in _NEEDED if not getattr(article, name)]
    if lacking or article.crawl is None:
        return f"it has no {', '.join(lacking)}"
    times = {
        "published_at": article.published_at,
        "views_at": article.views_at,
        "fetched_at": article.crawl["fetched_at"],
    }
    for name, value in times.items():
        if value is None and name != "fetched_at":
            continue
        # The driver would take a time without zone for UTC.
        if not isinstance(value, datetime) or value.tzinfo is None:
            return f"{name} is no time with a zone: {value!r}"
    encoded = _encode(article.document())
    return encoded if isinstance(encoded, str) else Article.from_document(decode(encoded.raw, _UTC))


def _encode(document: Document) -> RawBSONDocument | str:
    """The document in MongoDB's form, once for checking and sending; or why it has none."""
    try:
        raw = encode(document, codec_options=_UTC)
    except (InvalidDocument, InvalidBSON, OverflowError, UnicodeEncodeError) as error:
        return f"a value that MongoDB cannot hold: {error}"[:500]
    if len(raw) > MAX_BYTES:
        return f"too large: {len(raw)} bytes, MongoDB takes {MAX_BYTES}"
    return RawBSONDocument(raw)
