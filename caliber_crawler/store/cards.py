"""The collection `cards`: what lists last showed of an article, to tell whether it changed since.

    {_id: <canonical article address>, digest, changed_at}

A card that says the same as before, of an article that was fetched since the card last changed, is
no reason to fetch the article again. Cards are compared with cards and not with records, because a
list may shorten headlines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import Card, SectionRef
from caliber_crawler.store.client import driver_errors

Document = dict[str, Any]


class CardStore:
    """Remembers cards."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._cards = database["cards"]
        self._articles = database["articles"]

    async def known(self, cards: Sequence[Card], at: datetime) -> dict[str, list[SectionRef]]:
        """Note cards seen at an instant in UTC, and tell which say nothing new.

        Returns canonical address → sections of the stored record, for every card whose article is
        stored and was fetched after its card last changed.
        """
        if not cards:
            return {}
        with driver_errors("comparing cards"):
            urls = [card.url for card in cards]
            before = {d["_id"]: d async for d in self._cards.find({"_id": {"$in": urls}})}
            digests = {card.url: _digest(card) for card in cards}
            same = [u for u in urls if u in before and before[u]["digest"] == digests[u]]
            changed = set(urls).difference(same)
            if changed:
                await self._cards.bulk_write(
                    [
                        UpdateOne(
                            {"_id": url},
                            {"$set": {"digest": digests[url], "changed_at": at}},
                            upsert=True,
                        )
                        for url in changed
                    ],
                    ordered=False,
                )
            stored = await self._stored(same)
        return {
            url: document["sections"]
            for url, document in stored.items()
            if document["last_seen_at"] >= before[url]["changed_at"]
        }

    async def _stored(self, urls: Sequence[str]) -> dict[str, Document]:
        """Address → the little that is needed of the record that has it, as address or alias."""
        if not urls:
            return {}
        wanted = set(urls)
        query = {
            "$or": [{"url": {"$in": urls}}, {"aliases": {"$in": urls}}],
            "extraction.partial": {"$ne": True},  # a page that was cut off is to be had again
            "internal.missing": None,  # a list shows what was not found: it may be back
        }
        fields = {"url": 1, "aliases": 1, "sections": 1, "last_seen_at": 1}
        found: dict[str, Document] = {}
        async for document in self._articles.find(query, fields):
            for address in (document["url"], *document["aliases"]):
                if address in wanted:
                    found[address] = document
        return found


def _digest(card: Card) -> str:
    """What a reader sees of the card's article; pictures and sections do not count."""
    shown = f"{card.title or ''}\n{card.time_text or ''}"
    return hashlib.sha1(shown.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
