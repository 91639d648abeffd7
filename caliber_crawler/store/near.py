"""Which stored articles nearly repeat another one: the field `near_duplicate_of`.

Candidates are found by one query over the bands that records carry (`similarity`), so any worker
finds what any other stored; a second one reads the texts of those that come nearest. Of two that
nearly repeat each other the one that was first seen later names the other; one that names another
is not named itself if that can be. Records are linked, and nothing else becomes of them.

Nothing is locked, as in `duplicates`: whoever stores articles settles them afterwards in both
directions, so of two workers the one that finishes last sees what the other left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from caliber_crawler.errors import StoreError
from caliber_crawler.identity import near_duplicates
from caliber_crawler.items import Article
from caliber_crawler.similarity import Words
from caliber_crawler.store.bulk import bulk_write
from caliber_crawler.store.documents import Stored
from caliber_crawler.store.races import ATTEMPTS
from caliber_crawler.store.refusals import Refusals

# Texts that recur every day agree with hundreds of others in some bands; what nearly repeats one of
# them agrees with it in most.
_COMPARED = 20
_MANY = 1_000
_NEVER = datetime.max.replace(tzinfo=UTC)
_FIELDS = dict.fromkeys(
    (
        "id", "language", "title", "body", "images.url", "embeds.url", "content_hash", "word_count",
        "published_at", "first_seen_at", "duplicate_of", "near_duplicate_of", "internal.bands",
    ),
    1,
)  # fmt: skip


class _Link(NamedTuple):
    """Whom a record names, None for nobody, and how near the two are."""

    original: str | None
    score: float | None


async def settle_near(
    articles: AsyncCollection[dict[str, Any]],
    fresh: Collection[Stored],
    others: Collection[str | None] = (),
    refusals: Refusals | None = None,
) -> dict[str | None, str | None]:
    """Set `near_duplicate_of` of records that are new or changed, and of all that this concerns.

    `fresh` are the records as they were just stored; `others` are ids of records that ceased to be
    exact duplicates, or became such. Returns it for each of both. May be repeated. Records that
    MongoDB lets nobody change stay as they are, and are told to `refusals`. Raises the driver's
    errors, and `StoreError` when other workers change the same articles without end.
    """
    ids = {stored.article.id for stored in fresh} | set(others)
    if not ids:
        return {}
    # What is new has nobody that names it, so all that is to be read is what it is like.
    is_all_new = not others and all(stored.article.revision == 1 for stored in fresh)
    first = {s.article.id: _Member.of(s) for s in fresh} if is_all_new else None
    touched = set(ids)
    refusals = refusals or Refusals()
    fixed: set[str | None] = set()
    for _ in range(ATTEMPTS):
        members = await _read(articles, touched, first)
        first = None
        links = members.links(touched)
        wrong = {
            id_: link
            for id_, link in links.items()
            if link.original != members.records[id_].near_duplicate_of and id_ not in fixed
        }
        if not wrong:
            return {id_: links[id_].original for id_ in ids if id_ in links}
        touched |= wrong.keys()
        changes = [_change(members.records[id_], link) for id_, link in wrong.items()]
        written = await bulk_write(articles, changes)
        fixed |= refusals.of(articles.name, list(wrong), written.refused)
    raise StoreError(f"near-duplicates changed at each of {ATTEMPTS} attempts to mark them")


class _Member(NamedTuple):
    """A record, the bands that it is found by, and its words, if somebody has them already."""

    article: Article
    bands: frozenset[int]
    words: Words | None = None

    @classmethod
    def of(cls, stored: Stored) -> _Member:
        return cls(stored.article, frozenset(stored.internal["bands"]), stored.words)

    @classmethod
    def read(cls, document: Mapping[str, Any], wanted: Collection[int] | None = None) -> _Member:
        """With `wanted` no other bands are kept."""
        bands = document["internal"]["bands"]
        kept = bands if wanted is None else filter(wanted.__contains__, bands)
        return cls(Article.from_document(document), frozenset(kept))


class _Members:
    """Records that may be near one another."""

    def __init__(self, members: Iterable[_Member]) -> None:
        self.records: dict[str | None, Article] = {}
        self._bands: dict[str | None, frozenset[int]] = {}
        self._words: dict[str | None, Words] = {}
        seen: set[int] = set()
        shared: set[int] = set()
        for article, bands, words in members:
            self.records[article.id] = article
            self._bands[article.id] = bands
            if words is not None:
                self._words[article.id] = words
            shared |= bands & seen
            seen |= bands
        self._by_band: dict[int, list[str | None]] = defaultdict(list)
        for id_, bands in self._bands.items():
            for band in bands & shared:
                self._by_band[band].append(id_)
        self._scores: dict[frozenset[str | None], float | None] = {}

    def links(self, touched: Collection[str | None]) -> dict[str | None, _Link]:
        """What is right for each touched record, each that names one, and each that ought to."""
        found: dict[str | None, _Link] = {}
        ought: dict[str | None, _Link] = {}
        for one in self.records.values():
            if one.id not in touched and one.near_duplicate_of not in touched:
                continue
            earlier: list[tuple[Article, float]] = []
            for other, score in self._near(one):
                if _order(other) < _order(one):
                    earlier.append((other, score))
                elif other.near_duplicate_of is None:
                    ought.setdefault(other.id, _Link(one.id, score))
            found[one.id] = _best(one, earlier)
        return ought | found

    def _near(self, one: Article) -> Iterator[tuple[Article, float]]:
        """The records that nearly repeat one, or that it nearly repeats, with the score."""
        common = Counter(
            other
            for band in self._bands[one.id] & self._by_band.keys()
            for other in self._by_band[band]
            if other != one.id
        )
        for id_, _ in common.most_common(_COMPARED):
            other = self.records[id_]
            if one.duplicate_of or other.duplicate_of:
                continue
            pair = frozenset((one.id, id_))
            if pair not in self._scores:
                self._scores[pair] = near_duplicates(one, other, self._words_of)
            score = self._scores[pair]
            if score is not None:
                yield other, score

    def _words_of(self, article: Article) -> Words:
        """Taken apart once, however many it is compared with."""
        if article.id not in self._words:
            self._words[article.id] = Words.of(article)
        return self._words[article.id]


async def _read(
    articles: AsyncCollection[dict[str, Any]],
    ids: Collection[str | None],
    known: dict[str | None, _Member] | None,
) -> _Members:
    """The records with these ids, those that name them, and all that share a band with one.

    With `known` the former need not be read.
    """
    if known is None:
        listed = list(ids)
        about = {"$or": [{"_id": {"$in": listed}}, {"near_duplicate_of": {"$in": listed}}]}
        known = {d["id"]: _Member.read(d) async for d in articles.find(about, _FIELDS)}
    bands = {band for member in known.values() for band in member.bands}
    alike = {"internal.bands": {"$in": list(bands)}, "_id": {"$nin": list(known)}}
    # The planner would try its ways anew for each batch, which takes longer than to go one.
    found = articles.find(alike, {"internal.bands": 1}, hint="bands", batch_size=_MANY)
    shared = {d["_id"]: bands.intersection(d["internal"]["bands"]) async for d in found}
    if not shared:
        return _Members(known.values())
    read = articles.find({"_id": {"$in": _nearest(known.values(), shared)}}, _FIELDS)
    return _Members([*known.values(), *[_Member.read(d, bands) async for d in read]])


def _nearest(known: Iterable[_Member], shared: Mapping[str, Collection[int]]) -> list[str]:
    """Of the records that share bands those that will be compared, so that no other's text is read.

    Those that recur grow in number as long as the archive does.
    """
    by_band: dict[int, list[str]] = defaultdict(list)
    for id_, bands in shared.items():
        for band in bands:
            by_band[band].append(id_)
    wanted: set[str] = set()
    for member in known:
        common = Counter(id_ for band in member.bands for id_ in by_band.get(band, ()))
        wanted.update(id_ for id_, _ in common.most_common(_COMPARED))
    return sorted(wanted)


def _best(one: Article, earlier: Iterable[tuple[Article, float]]) -> _Link:
    """Whom a record names: one that names none itself; the same as before if it can, else the
    nearest."""

    def rank(entry: tuple[Article, float]) -> tuple[Any, ...]:
        other, score = entry
        named = other.id == one.near_duplicate_of
        return (other.near_duplicate_of is not None, not named, -score, _order(other))

    best = min(earlier, key=rank, default=None)
    return _Link(best[0].id, best[1]) if best else _Link(None, None)


def _order(article: Article) -> tuple[datetime, str]:
    return article.first_seen_at or _NEVER, article.id or ""


def _change(member: Article, link: _Link) -> UpdateOne:
    """An update that holds only while the article is as it was read."""
    guard = {
        "_id": member.id,
        "content_hash": member.content_hash,
        "near_duplicate_of": member.near_duplicate_of,
        "duplicate_of": member.duplicate_of,
    }
    change: dict[str, Any] = {"near_duplicate_of": link.original}
    if member.duplicate_of is None:
        why = {"reason": "nearly the same words", "score": link.score}
        change["internal.repeats"] = why if link.original else None
    return UpdateOne(guard, {"$set": change})
