"""Finding the stored record of an article: by what it is known by, or by what it says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from caliber_crawler.identity import NEAR_IN_TIME, Fate, Suspicion, dated_at, suspect
from caliber_crawler.items import Article
from caliber_crawler.similarity import Words, traces
from caliber_crawler.store import spans
from caliber_crawler.store.documents import Document, Stored, crawl_of

# What this crawl itself saw of an address so short a time ago need not be asked for again.
_FRESH = timedelta(hours=1)
# Of a text that is for the most part in another one, far more of its traces are there, too.
_COMMON = 0.2
_MANY = 1_000


class Known:
    """Stored records by what they are known by."""

    def __init__(self, records: Sequence[Stored]) -> None:
        self.by_id = {stored.article.id: stored for stored in records}
        # An address belongs first to the record that has it for its canonical one.
        self._by_alias = {a: stored for stored in records for a in stored.article.aliases}
        self._by_url = {s.article.url: s for s in records if s.article.url}

    @classmethod
    async def read(
        cls,
        articles: AsyncCollection[Document],
        addresses: Collection[str],
        ids: Collection[str | None] = (),
    ) -> Known:
        """All records with any of these addresses or ids."""
        found = articles.find(by_address(addresses, ids))
        return cls([Stored.of(document) async for document in found])

    def at(self, address: str | None) -> Stored | None:
        """The record that an address leads to."""
        return self._by_url.get(address or "") or self._by_alias.get(address or "")

    def match(self, article: Article) -> Stored | None:
        """The stored record of an article: canonical address first, then id, then aliases."""
        found = self.at(article.url) or self.by_id.get(article.id)
        aliases = (self.at(alias) for alias in article.aliases)
        return found or next((stored for stored in aliases if stored), None)

    def own(self, article: Article) -> Stored | None:
        """The record that has the article's address for its canonical one, or its id."""
        return self._by_url.get(article.url or "") or self.by_id.get(article.id)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A stored record of which an article may be another version, and how likely that is."""

    stored: Stored
    suspicion: Suspicion


async def suspects(
    articles: AsyncCollection[Document],
    unknown: Mapping[int, tuple[Article, Words]],
    fates: Mapping[str, Fate],
) -> dict[int, list[Suspect]]:
    """For each article the records that it may be a version of, the likeliest first.

    One query finds records near in time with runs of words in common; set phrases give many, of
    which only those are read whole that share more than a phrase. Left out are those that are
    present at their own addresses (`fate_of`), so that nothing can be a version of them.
    """
    left = {i: frozenset(traces(said, article.language)) for i, (article, said) in unknown.items()}
    dates = {i: when for i, (article, _) in unknown.items() if (when := dated_at(article))}
    present = _present([article for article, _ in unknown.values()], fates)
    pairs = await _alike(articles, dates, left, present)
    ids = sorted({id_ for _, id_ in pairs})
    if not ids:
        return {}
    records = {d["_id"]: Stored.of(d) async for d in articles.find({"_id": {"$in": ids}})}
    found: dict[int, list[Suspect]] = defaultdict(list)
    for i, id_ in pairs:
        stored = records.get(id_)
        suspicion = suspect(unknown[i][0], stored.article) if stored else None
        if stored and suspicion:
            found[i].append(Suspect(stored, suspicion))
    return {i: sorted(likely, key=lambda s: -s.suspicion.score) for i, likely in found.items()}


async def _alike(
    articles: AsyncCollection[Document],
    dates: Mapping[int, datetime],
    left: Mapping[int, frozenset[int]],
    present: Document,
) -> list[tuple[int, str]]:
    """Pairs of an article and the id of a record that has enough traces in common with it."""
    wanted: dict[int, list[int]] = defaultdict(list)  # number of a trace → articles
    near: list[Document] = []
    for some in _together(dates):
        numbers: set[int] = set()
        for i in some:
            own = spans.wanted(left[i], dates[i] - NEAR_IN_TIME, dates[i] + NEAR_IN_TIME)
            for number in own:
                wanted[number].append(i)
            numbers.update(own)
        first, last = dates[some[0]] - NEAR_IN_TIME, dates[some[-1]] + NEAR_IN_TIME
        if numbers:
            dated = {"$gte": first, "$lte": last}
            near.append({"internal.traces": {"$in": sorted(numbers)}, "internal.dated_at": dated})
    if not near:
        return []
    query = {"$or": near, "$nor": [present]}
    fewest = min(len(left[i]) for i in dates)
    pairs: list[tuple[int, str]] = []
    # The planner would try its ways anew for each batch, which takes longer than to go one.
    found = articles.find(query, {"internal.traces": 1}, hint="traces", batch_size=_MANY)
    async for document in found:
        its = document["internal"]["traces"]
        shared = wanted.keys() & its
        if len(shared) < _COMMON * min(len(its), fewest):
            continue
        common = Counter(i for number in shared for i in wanted[number])
        for i, number in common.items():
            if number >= _COMMON * min(len(its), len(left[i])):
                pairs.append((i, document["_id"]))
    return pairs


def _together(dates: Mapping[int, datetime]) -> list[list[int]]:
    """Articles by date, in groups that are so far apart that no record is near two of them.

    Of articles of many years each has its own few days to be looked through.
    """
    groups: list[list[int]] = []
    for i in sorted(dates, key=lambda i: dates[i]):
        if groups and dates[i] - dates[groups[-1][-1]] <= 2 * NEAR_IN_TIME:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def fate_of(stored: Stored, article: Article, fates: Mapping[str, Fate]) -> Fate | None:
    """What became of a record's address, as far as it is known here; None when it must be asked."""
    record, crawl, missing = stored.article, article.crawl, stored.internal["missing"]
    if record.status == "gone":
        return "gone"
    if (asked := fates.get(record.url or "")) is not None:
        return asked
    if crawl is None or record.crawl is None:
        return None
    if missing is not None and missing["crawl_id"] == crawl["id"]:
        return "gone"
    fresh = abs(crawl["fetched_at"] - record.crawl["fetched_at"]) <= _FRESH
    return "present" if record.crawl["id"] == crawl["id"] and fresh else None


def _present(articles: Sequence[Article], fates: Mapping[str, Fate]) -> Document:
    """The query for records of which `fate_of` says to all these articles that they are present."""
    crawls = {crawl_of(article)["id"] for article in articles}
    times = [crawl_of(article)["fetched_at"] for article in articles]
    return {
        # A batch is of one crawl; of several none would be the crawl of all its articles.
        "crawl.id": {"$in": list(crawls) if len(crawls) == 1 else []},
        "crawl.fetched_at": {"$gte": max(times) - _FRESH, "$lte": min(times) + _FRESH},
        "status": {"$ne": "gone"},
        "internal.missing": None,
        "url": {"$nin": list(fates)},
    }


def by_address(addresses: Collection[str], ids: Collection[str | None] = ()) -> dict[str, Any]:
    """The query for all records with any of these addresses or ids."""
    listed = list(addresses)
    either: list[dict[str, Any]] = [{"url": {"$in": listed}}, {"aliases": {"$in": listed}}]
    return {"$or": [{"_id": {"$in": list(ids)}}, *either] if ids else either}
