"""Near-duplicates: how many are found, how many are linked by mistake, and what it costs.

Ours goes through a real store: texts are saved in batches, and what is counted is what their
records say in the end. Others get the same cleaned texts and keep what they know in memory
(`duplicates_peers`).
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from benchmarks import peers
from benchmarks.duplicates_texts import Text, changed, recurring_texts, varied_texts
from benchmarks.mongodb import mongodb
from benchmarks.outcome import Bar, Outcome, markdown
from caliber_crawler.commands.crawl import COLLECTED_AFTER
from caliber_crawler.items import Article, CrawlInfo
from caliber_crawler.pipelines import AT_ONCE
from caliber_crawler.records import clean
from caliber_crawler.similarity import Words, bands, traces
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.documents import Stored
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.near import settle_near

SHARES = (0.01, 0.02, 0.05)
MEASURED_AGAINST = ("datasketch, 0.7", "trafilatura Simhash, 0.85")
"""Of `duplicates_peers.PEERS`, those that the picture shows."""

_START = datetime(2026, 1, 1, 8, tzinfo=UTC)
_BATCH = 100


@dataclass(frozen=True)
class DuplicatesRun:
    """Found: share of changed texts that name their original, by share of words changed; `later`
    the same where they are published a month later. `pairs` of unrelated texts were stored, of
    which `linked` are linked and `merged` are one record. Times in milliseconds an article: `sign`
    for its bands, `find` for looking for what it is like, `traces` for the numbers by which it is
    found when it comes back grown or under another address.
    """

    texts: int
    found: dict[str, float]
    later: dict[str, float]
    pairs: int
    linked: int
    merged: int
    sign: float
    find: float
    traces: float


def compare(texts: int, days: int) -> DuplicatesRun:
    """With so many varied texts, and texts that recur on so many days."""
    with tempfile.TemporaryDirectory() as name, mongodb(Path(name) / "mongodb") as uri:
        return asyncio.run(_compare(uri, texts, days))


async def _compare(uri: str, number: int, days: int) -> DuplicatesRun:
    varied = varied_texts(number)
    recurring = recurring_texts(days)
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        found: dict[str, float] = {}
        later: dict[str, float] = {}
        for share in SHARES:
            for apart, shares in ((timedelta(minutes=10), found), (timedelta(days=30), later)):
                database = client[f"share_{round(share * 100)}_{apart.days}"]
                shares[f"{share:.0%}"] = await _found(database, varied, share, apart)
        unrelated = _unrelated(varied, recurring)
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
            *await _times(database),
        )


def compare_peers(number: int, days: int) -> dict[str, dict[str, Any]]:
    """What `duplicates_peers` says of the same texts, cleaned as ours are."""
    varied = varied_texts(number)
    given = {
        "collected_after": COLLECTED_AFTER,
        "originals": [_text(article) for article in _originals(varied)],
        "copies": {
            f"{share:.0%}": [_text(article) for article in _copies(varied, share)]
            for share in SHARES
        },
        "unrelated": [_text(article) for article in _unrelated(varied, recurring_texts(days))],
    }
    found: dict[str, dict[str, Any]] = peers.ask("duplicates_peers.py", given)
    return found


def _originals(varied: Sequence[Text]) -> list[Article]:
    return [_article(text, i) for i, text in enumerate(varied)]


def _copies(varied: Sequence[Text], share: float, apart: timedelta = timedelta()) -> list[Article]:
    """Each text with this share of its words changed, dated so much later."""
    rng = random.Random(share)
    copies = []
    for i, text in enumerate(varied):
        title, _, body = changed(f"{text.title}\n\n{text.body}", share, rng).partition("\n\n")
        copies.append(_article(replace(text, title=title, body=body), f"{i}-copy", apart))
    return copies


def _unrelated(varied: Sequence[Text], recurring: Mapping[str, Sequence[Text]]) -> list[Article]:
    """The texts, and those that recur, a day after one another."""
    return _originals(varied) + [
        _article(text, f"{kind}-{day}", timedelta(days=day))
        for kind, texts in recurring.items()
        for day, text in enumerate(texts)
    ]


def _text(article: Article) -> str:
    return f"{article.title}\n\n{article.body}"


async def _found(database: Any, varied: Sequence[Text], share: float, apart: timedelta) -> float:
    """Store each text and a changed copy; the share of copies that name their original."""
    copies = _copies(varied, share, apart)
    await _save(database, _originals(varied))
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


async def _times(database: Any) -> tuple[float, float, float]:
    """What bands, looking for the near ones, and traces cost, for all texts once more.

    They are looked for in batches, several at once, and with Python's collector set, as in a crawl.
    """
    stored = [Stored.of(document) async for document in database["articles"].find()]
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTED_AFTER)
    times = [time.perf_counter()]
    words = [Words.of(one.article) for one in stored]
    for one, said in zip(stored, words, strict=True):
        bands(said, one.article.language)
    times.append(time.perf_counter())
    known = [replace(one, words=said) for one, said in zip(stored, words, strict=True)]
    batches = iter(list(_batches(known)))

    async def settle() -> None:
        for batch in batches:
            await settle_near(database["articles"], batch)

    await asyncio.gather(*(settle() for _ in range(AT_ONCE)))
    times.append(time.perf_counter())
    for one, said in zip(stored, words, strict=True):
        traces(said, one.article.language)
    times.append(time.perf_counter())
    gc.set_threshold(*before)
    gc.unfreeze()
    sign, find, traced = ((ended - began) / len(stored) * 1000 for began, ended in pairwise(times))
    return sign, find, traced


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
    sizes = (150, 10) if quick else (2_000, 150)
    run = compare(*sizes)
    others = compare_peers(*sizes)
    heads = ("", *(f"{share} changed" for share in run.found), "linked by mistake", "ms a text")
    rows: list[tuple[object, ...]] = [
        (
            "ours, in MongoDB",
            *(f"{found:.4f}" for found in run.found.values()),
            run.linked,
            f"{run.sign + run.find:.3f}",
        ),
        (
            "ours, dated a month later",
            *(f"{found:.4f}" for found in run.later.values()),
            "",
            "",
        ),
    ]
    rows += [
        (
            name,
            *(f"{found:.4f}" for found in other["found"].values()),
            other["linked"],
            f"{_cost(other):.3f}",
        )
        for name, other in others.items()
    ]
    text = markdown(heads, rows)
    text += (
        f"\n\nShare of {run.texts:,} copies that are linked to their original, by share of words "
        f"changed; and how many of other texts ({run.texts:,} stories and "
        f"{len(recurring_texts(1))} notes that recur on each of {sizes[1]} days, such as "
        f"rates and weather; {run.pairs:,} pairs) are "
        "linked to an earlier one by mistake. Of those, ours merged "
        f"{run.merged} records. Ours names one original for each, minds dates and figures, and is "
        f"measured through the real store: {run.sign:.3f} ms for the sketch and {run.find:.3f} ms "
        "to find what a text repeats (two indexed queries for a batch of a hundred, four batches "
        "at once as in a crawl). Not in it are the traces, by which an article is found that comes "
        f"back grown or under another address: {run.traces:.3f} ms. The others get the same "
        "cleaned headline and text, know no dates, and keep all in memory: datasketch `MinHashLSH` "
        "with 128 permutations over runs of three words, at its threshold; trafilatura `Simhash`, "
        "64 bits compared with those of each earlier text, at a similarity (it names none: 0.95 is "
        "three bits, as usual for such hashes). Times are for "
        f"the unrelated texts. {peers.versions('datasketch', 'trafilatura')}."
    )
    cost = run.sign + run.find
    bars = [
        bar
        for name in MEASURED_AGAINST
        for bar in (
            Bar.of("Near-duplicates: time a text", name, [_cost(others[name]) / cost]),
            Bar.of(
                "Near-duplicates: share found, 5% of words changed",
                name,
                [run.found["5%"] / max(others[name]["found"]["5%"], 1 / run.texts)],
            ),
            Bar.of(
                "Near-duplicates: linked by mistake, one added to both",
                name,
                [(others[name]["linked"] + 1) / (run.linked + 1)],
            ),
        )
    ]
    return Outcome("Near-duplicates", text, {"ours": asdict(run), "others": others}, tuple(bars))


def _cost(other: Mapping[str, float]) -> float:
    return other["sign"] + other["find"]
