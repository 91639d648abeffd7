"""The collection `cards`: what lists last showed of an article, to tell whether it changed since.

    {_id: <canonical article address>, digest, untimed, changed_at, lists: {<list>: instant}}
    {_id: "feed <canonical article address>", digest, untimed, changed_at}

The first is of lists, the second of the feed.

A card that says the same as before, of an article that was fetched since the card last changed, is
no reason to fetch the article again. Cards are compared with cards and not with records, because a
list may shorten headlines; and those of lists and of the feed are remembered apart, because the two
may word them differently. `untimed` is the digest without the time: where either card has none that
is understood, times are not compared, as when "2 hours ago" becomes a date.

`lists` tells when a walk along each list first took the article there; a list goes by a digest of
its address. An update of a list may leave it only where it shows what a walk of that list took: an
article may as well be stored because the feed or another list named it, and then nobody has asked
for what lies behind it here. Nor has anybody where a walk passed it over, as one with ``until``
does. Documents of older versions have no `lists`: they count for every list, as they did, from the
time on at which their article was stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.items import Card, SectionRef
from caliber_crawler.store.bulk import Operation, bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.clocks import MARGIN, is_ahead

Document = dict[str, Any]
_FIELDS = dict.fromkeys(
    (
        "url", "aliases", "sections", "first_seen_at", "last_seen_at", "internal.moves.at",
        "internal.looked",
    ),
    1,
)  # fmt: skip
Source = Literal["list", "feed"]
"""Who shows cards. All lists are one: an article's card looks the same in each."""


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """What a list needs of the record that its card leads to, and `lists` as noted of the card."""

    sections: list[SectionRef]
    first_seen_at: datetime
    lists: Mapping[str, datetime] | None

    def taken_from(self, key: str) -> datetime | None:
        """When a walk along a list first took it there, None: none did. `key` is as in `walks`."""
        return self.first_seen_at if self.lists is None else self.lists.get(_mark(key))


@dataclass(frozen=True, slots=True)
class Compared:
    """Cards that a source shows at an instant, compared with what was noted before.

    `known` has what is stored of those that say nothing new, by address. The rest is for
    `CardStore.note`: what is to be noted anew, and `lists` as noted for each address.
    """

    at: datetime
    source: Source = "list"
    known: dict[str, KnownArticle] = field(default_factory=dict)
    news: dict[str, Document] = field(default_factory=dict)
    lists: dict[str, Mapping[str, datetime] | None] = field(default_factory=dict)

    def taken_from(self, url: str, key: str) -> datetime | None:
        """When a walk along a list first took a card there, changed since or not; None: none did.

        Of documents of older versions it is known for articles alone.
        """
        if (stored := self.known.get(url)) is not None:
            return stored.taken_from(key)
        return (self.lists.get(url) or {}).get(_mark(key))


class CardStore:
    """Remembers cards."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._cards = database["cards"]
        self._articles = database["articles"]

    async def compare(
        self, cards: Sequence[Card], at: datetime, source: Source = "list"
    ) -> Compared:
        """Compare cards that a source shows at an instant in UTC; writes nothing.

        Known is what is stored under the canonical address of every card whose article is
        stored and was fetched after its card last changed. Where that is an old address of an
        article that moved, it must have been asked for there, and since the move: the article may
        be back. A change that the other source showed before, and later than this one its former
        card, is not new. What was noted or fetched beyond `at` was so by a clock that was ahead,
        and counts for nothing (`clocks`).
        """
        compared = Compared(at, source)
        if not cards:
            return compared
        with driver_errors("comparing cards"):
            by_url = {card.url: card for card in cards}
            other: Source = "list" if source == "feed" else "feed"
            ids = [_id(from_, url) for from_ in (source, other) for url in by_url]
            noted = self._cards.find({"_id": {"$in": ids}})
            before = {d["_id"]: d async for d in noted if not is_ahead(d["changed_at"], at)}
            since: dict[str, datetime] = {}  # address → when that was shown first
            for url, card in by_url.items():
                own, others = before.get(_id(source, url)), before.get(_id(other, url))
                compared.lists[url] = own.get("lists") if own else {}
                if own and _says(own, card):
                    since[url] = own["changed_at"]
                    if (more := _added(own, card)) is not None:
                        compared.news[url] = {**more, "changed_at": own["changed_at"]}
                    continue
                # What the other source shows from longer ago may be undone by now.
                later = others and (own is None or own["changed_at"] < others["changed_at"])
                if others and later and _says(others, card):
                    since[url] = others["changed_at"]
                compared.news[url] = {**_digests(card), "changed_at": since.get(url, at)}
            stored = await self._stored(list(since))
        for url, document in stored.items():
            seen_at = _seen_at(document, url, at)
            if seen_at and since[url] <= seen_at <= at + MARGIN:
                compared.known[url] = KnownArticle(
                    document["sections"], document["first_seen_at"], compared.lists[url]
                )
        return compared

    async def any_taken(self, key: str, before: datetime) -> bool:
        """Whether walks of a list took any article there before an instant.

        Reads cards until it finds one; for lists that look odd, not for each.
        """
        with driver_errors("looking for cards of a list"):
            taken = {f"lists.{_mark(key)}": {"$lt": before}}
            return await self._cards.find_one(taken, {"_id": 1}) is not None

    async def note(self, compared: Compared, taken: Iterable[tuple[str, str]] = ()) -> None:
        """Note cards that were compared; nothing is written when there is nothing new in them.

        `taken` are addresses of theirs, each with the key of the list where a walk takes it. The
        list has to be noted as open by then if that walk goes on (`walks`): should it be cut short
        here, what it took would tell a later one that all behind it is known.
        """
        changes: dict[str, Document] = {url: {"$set": said} for url, said in compared.news.items()}
        for url, key in taken:
            lists, mark = compared.lists[url], _mark(key)
            if lists is None:
                continue
            if mark not in lists or is_ahead(lists[mark], compared.at):
                change = changes.setdefault(url, {})
                change.setdefault("$min", {})[f"lists.{mark}"] = compared.at
        for change in changes.values():
            if compared.source == "list" and "$min" not in change:
                change["$setOnInsert"] = {"lists": {}}  # it is none of an older version
        updates: list[Operation] = [
            UpdateOne({"_id": _id(compared.source, url)}, change, upsert=True)
            for url, change in changes.items()
        ]
        with driver_errors("noting cards"):
            while updates:
                written = await bulk_write(self._cards, updates)
                # Of two workers that make one document the later finds it there now.
                updates = [updates[i] for i in sorted(written.lost)]

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
        found: dict[str, Document] = {}
        async for document in self._articles.find(query, _FIELDS):
            for address in (document["url"], *document["aliases"]):
                # An address belongs first to the record that has it for its canonical one.
                if address in wanted and (address == document["url"] or address not in found):
                    found[address] = document
        return found


def _seen_at(document: Document, url: str, at: datetime) -> datetime | None:
    """When an article was last seen at an address; None where that must be looked at."""
    internal = document["internal"]
    moves = [move["at"] for move in internal["moves"] if not is_ahead(move["at"], at)]
    if url == document["url"] or not moves:  # it may be another form of its address, or lead there
        last_seen: datetime = document["last_seen_at"]
        return last_seen
    looks = (look["at"] for look in internal.get("looked", ()) if look["url"] == url)
    return max((look for look in looks if look >= moves[-1]), default=None)


def _id(source: Source, url: str) -> str:
    return url if source == "list" else f"{source} {url}"


def _mark(key: str) -> str:
    """A list's name in `lists`: addresses may have dots, which names of fields cannot."""
    return hashlib.sha1(key.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:16]


def _says(noted: Document, card: Card) -> bool:
    """Whether a card says what was noted, by this version or by one that compared printed times."""
    said = _digests(card)
    if noted["digest"] in (said["digest"], said["untimed"], _hashed(card, card.time_text)):
        return True  # the second is that of a card without a time that was understood
    return card.published_at is None and noted.get("untimed") == said["untimed"]


def _added(noted: Document, card: Card) -> Document | None:
    """What a card adds to what was noted, when it says the same; None for nothing."""
    said = _digests(card)
    if noted["digest"] == said["untimed"] != said["digest"]:
        return said  # its time is told at last
    # Documents of older versions have no such digest.
    return None if "untimed" in noted else {**said, "digest": noted["digest"]}


def _digests(card: Card) -> Document:
    """What a reader sees of the card's article; pictures and sections do not count.

    A time that is understood counts to the minute, however it is written: lists print no seconds.
    One that is not counts for nothing: "2 hours ago" is "3 hours ago" soon, and nothing changed.
    """
    at = card.published_at
    time = at.astimezone(UTC).isoformat(timespec="minutes") if at else None
    return {"digest": _hashed(card, time), "untimed": _hashed(card, None)}


def _hashed(card: Card, time: str | None) -> str:
    shown = f"{card.title or ''}\n{time or ''}"
    return hashlib.sha1(shown.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
