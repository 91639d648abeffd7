"""Near-duplicates: how many are found, how many are linked by mistake, and what it costs.

Everything goes through a real store: texts are saved in batches, and what is counted is what their
records say in the end.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from benchmarks.duplicates_texts import Text, changed, recurring_texts, varied_texts
from benchmarks.outcome import Outcome, markdown
from caliber_crawler.items import Article, CrawlInfo
from caliber_crawler.records import clean
from caliber_crawler.similarity import Words, fingerprint
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.documents import Stored
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.near import settle_near
from caliber_crawler.store.server import EmbeddedServer

SHARES = (0.01, 0.02, 0.05)
_START = datetime(2026, 1, 1, 8, tzinfo=UTC)
_BATCH = 100


@dataclass(frozen=True)
class DuplicatesRun:
    """Found: share of changed texts that name their original, by share of words changed; `later`
    the same where they are published a month later. `pairs` of unrelated texts were stored, of
    which `linked` are linked and `merged` are one record. Times in milliseconds an article.
    """

    texts: int
    found: dict[str, float]
    later: dict[str, float]
    pairs: int
    linked: int
    merged: int
    fingerprint: float
    settle: float


def compare(texts: int, days: int) -> DuplicatesRun:
    """With so many varied texts, and texts that recur on so many days."""
    with tempfile.TemporaryDirectory() as name, EmbeddedServer(Path(name) / "mongodb") as uri:
        return asyncio.run(_compare(uri, texts, days))


async def _compare(uri: str, number: int, days: int) -> DuplicatesRun:
    varied = varied_texts(number)
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        found, later = {}, {}
        for share in SHARES:
            for apart, shares in ((timedelta(minutes=10), found), (timedelta(days=30), later)):
                database = client[f"share_{round(share * 100)}_{apart.days}"]
                shares[f"{share:.0%}"] = await _found(database, varied, share, apart)
        recurring = recurring_texts(days)
        unrelated = [_article(text, i) for i, text in enumerate(varied)]
        for kind, texts in recurring.items():
            unrelated += [
                _article(text, f"{kind}-{day}", timedelta(days=day))
                for day, text in enumerate(texts)
            ]
        database = client["unrelated"]
        await _save(database, unrelated)
        linked = await database["articles"].count_documents({"near_duplicate_of": {"$ne": None}})
        kept = await database["articles"].count_documents({})
        return DuplicatesRun(
            number,
            found,
            later,
            len(unrelated) * (len(unrelated) - 1) // 2,
            linked,
            len(unrelated) - kept,
            _fingerprint_time(unrelated),
            await _settle_time(database),
        )


async def _found(database: Any, varied: Sequence[Text], share: float, apart: timedelta) -> float:
    """Store each text and a changed copy; the share of copies that name their original."""
    rng = random.Random(share)
    originals = [_article(text, i) for i, text in enumerate(varied)]
    copies = []
    for i, text in enumerate(varied):
        title, _, body = changed(f"{text.title}\n\n{text.body}", share, rng).partition("\n\n")
        copies.append(_article(replace(text, title=title, body=body), f"{i}-copy", apart))
    await _save(database, originals)
    await _save(database, copies)
    named = database["articles"].find({"near_duplicate_of": {"$ne": None}})
    right = [d async for d in named if f"{d['near_duplicate_of']}-copy" == d["_id"]]
    return len(right) / len(copies)


async def _save(database: Any, articles: Sequence[Article]) -> None:
    await prepare(database)
    store = ArticleStore(database)
    for batch in _batches(articles):
        for saved in await store.save(batch):
            if not saved.is_stored:
                raise RuntimeError(f"{saved.article.id}: {saved.refused or saved.asks}")


def _fingerprint_time(articles: Sequence[Article]) -> float:
    times = []
    for article in articles:
        began = time.perf_counter()
        fingerprint(Words.of(article), article.language)
        times.append(time.perf_counter() - began)
    return statistics.fmean(times) * 1000


async def _settle_time(database: Any) -> float:
    """What finding the near ones of each costs when they are settled once more, in batches."""
    stored = [Stored.of(document) async for document in database["articles"].find()]
    began = time.perf_counter()
    for batch in _batches(stored):
        await settle_near(database["articles"], batch)
    return (time.perf_counter() - began) / len(stored) * 1000


def _batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[i : i + _BATCH] for i in range(0, len(values), _BATCH))


def _article(text: Text, name: object, after: timedelta = timedelta()) -> Article:
    """As one crawl took it, all within an hour, which is how it knows that each has its page."""
    at = _START + after
    crawl: CrawlInfo = {
        "id": "bench",
        "spider": "sections",
        "worker": "w",
        "section": None,
        "requested_url": "",
        "http_status": 200,
        "fetched_at": _START,
        "rendered": False,
        "outcome": "new",
    }
    slug = f"story-{name}"
    return clean(
        Article(
            id=f"{text.language}/{slug}",
            url=f"https://caliber.az/{text.language}/post/{slug}",
            language=text.language,
            slug=slug,
            title=text.title,
            body=text.body,
            published_at=at,
            crawl=crawl,
        )
    )


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    run = compare(*((300, 20) if quick else (2_000, 150)))
    rows = [(share, f"{run.found[share]:.4f}", f"{run.later[share]:.4f}") for share in run.found]
    text = markdown(("words changed", "copies found", "when dated a month later"), rows)
    text += (
        f"\n\nOf {run.pairs:,} pairs of unrelated texts, recurring ones among them, "
        f"{run.linked} were linked ({run.linked / run.pairs * 100_000:.3f} in 100,000) and {run.merged} merged. An "
        f"article costs {run.fingerprint:.3f} ms for its fingerprint and {run.settle:.3f} ms to "
        "find what it repeats (two indexed queries for a batch of a hundred)."
    )
    return Outcome("Near-duplicates", text, asdict(run))
