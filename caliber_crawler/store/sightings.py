"""Sightings: what lists say of stored articles whose pages nobody fetches for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from caliber_crawler.errors import StoreError
from caliber_crawler.items import Article, Sighting
from caliber_crawler.limits import MOST_ALIASES
from caliber_crawler.records import add_sections
from caliber_crawler.store.bulk import bulk_write
from caliber_crawler.store.documents import Document, in_bson
from caliber_crawler.store.known import Known
from caliber_crawler.store.races import ATTEMPTS, never_still
from caliber_crawler.store.refusals import Refusals


async def note_sightings(
    articles: AsyncCollection[Document], sightings: Sequence[Sighting], refusals: Refusals
) -> list[bool]:
    """Add what was seen to the records; tells for each whether it is there.

    Raises the driver's errors, and `StoreError` when other workers change the same articles
    without end.
    """
    sound = {
        i: sighting
        for i, sighting in enumerate(sightings)
        if not isinstance(in_bson({"": [sighting.url, sighting.sections, sighting.aliases]}), str)
    }
    for _ in range(ATTEMPTS):
        found = await _round(articles, sound, refusals)
        if found is not None:
            return [i in found for i in range(len(sightings))]
    raise StoreError(never_still(sighting.url for sighting in sound.values()))


async def _round(
    articles: AsyncCollection[Document], sightings: Mapping[int, Sighting], refusals: Refusals
) -> set[int] | None:
    """One attempt. Returns the keys of what is stored, or None when a race was lost."""
    known = await Known.read(articles, {sighting.url for sighting in sightings.values()})
    found: dict[int, str | None] = {}
    guards: dict[str | None, Document] = {}
    records: dict[str | None, Article] = {}
    for i, sighting in sightings.items():
        stored = known.at(sighting.url)
        if stored is None:
            continue
        record = stored.article
        found[i] = record.id
        records[record.id] = record
        guards.setdefault(
            record.id,
            {"_id": record.id, "sections": record.sections, "aliases": record.aliases},
        )
        record.sections = add_sections(record.sections, sighting.sections)
        aliases = dict.fromkeys((*record.aliases, *sighting.aliases))
        others = [alias for alias in aliases if alias and alias != record.url]
        record.aliases = others[:MOST_ALIASES]
    updates = {
        id_: UpdateOne(guard, {"$set": said})
        for id_, guard in guards.items()
        if (said := {"sections": records[id_].sections, "aliases": records[id_].aliases})
        != {"sections": guard["sections"], "aliases": guard["aliases"]}
    }
    written = await bulk_write(articles, list(updates.values()))
    refused = refusals.of(articles.name, list(updates), written.refused)
    if written.matched < len(updates) - len(refused):
        return None
    return {i for i, id_ in found.items() if id_ not in refused}
