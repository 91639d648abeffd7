"""The store and the export, and how both grow with the archive; one archive serves both.

With a million articles it takes about 10 GB in the folder for temporary files.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.archive import BLOCK, articles, fill
from benchmarks.export import ENDINGS, Exported, exports, table
from benchmarks.outcome import Outcome, markdown, spread
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.client import connect
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.server import EmbeddedServer

_NAME = "caliber"
_BATCH = 100  # as the crawl's pipeline has it
# From here on indexes outgrow the embedded server's cache, so that filling would take hours.
_LARGE = 100_000
# As far as the machine has the memory.
_ROOMY_GIB = max(1, min(4, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**31))

_METHOD = (
    f"Stored are the next {BLOCK:,} articles, run by run, in batches of {_BATCH}: "
    "known ones looked for, fingerprints, repetitions and near ones, view counts, all indexes, "
    "journalled. Up to each size the archive is filled with documents that are made by the same "
    "functions and written straight into the collections with their indexes; through the store it "
    "would take too long. The texts are invented, English and Russian, 10 to 600 words (median "
    "100), published 200 a day; seven of these recur day by day (weather, exchange rates). The "
    "server is the embedded one, started afresh for each size, with its cache of 0.25 GiB; from "
    f"{_LARGE:,} articles on also with {_ROOMY_GIB} GiB, which a server of one's own would have. "
    "Bytes are those on disk, compressed by MongoDB."
)
_EXPORT_METHOD = (
    "Records a second are those of the records beyond the next smaller archive, so that the start "
    "of the command (a second) is left out. Memory is that of the exporting process."
)


@dataclass(frozen=True)
class Stored:
    """The store with so many articles in it.

    `rates`: articles stored a second, run by run; `roomy`: the same with a cache of `_ROOMY_GIB`,
    empty where that was not tried. `data`, `indexes`, `views`: bytes a record on disk. `resident`:
    MiB of the server's memory after all that.
    """

    articles: int
    rates: list[float]
    roomy: list[float]
    data: float
    indexes: float
    views: float
    resident: int


def grow(
    sizes: tuple[int, ...], runs: int, endings: tuple[str, ...] = ENDINGS
) -> tuple[list[Stored], list[Exported]]:
    """Let an archive grow to each size, measure storing `runs` blocks there, and exporting."""
    stored, files = [], []
    block = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "mongodb"
        for size in sizes:
            is_large, roomy = size >= _LARGE, list[float]()
            if is_large:
                with _fresh_server(data) as uri:
                    _set_cache(uri)
                    block = _fill(uri, block, size)
                    roomy = [_rate(uri, block + i) for i in range(runs)]
                    block += runs
            # With another server, so that its memory is not that of the one which filled.
            with _fresh_server(data) as uri:
                block = _fill(uri, block, size)
                if is_large:
                    _rate(uri, block)  # fills the cache with what is used
                    block += 1
                rates = [_rate(uri, block + i) for i in range(runs)]
                block += runs
                files += exports(uri, block * BLOCK, 1 if is_large else runs, folder, endings)
                stored.append(_look(uri, size, rates, roomy, block * BLOCK))
    return stored, files


@contextmanager
def _fresh_server(data: Path) -> Iterator[str]:
    """An embedded server that has ended when the block is left, so that the next one is another."""
    with EmbeddedServer(data) as uri:
        with MongoClient[dict[str, Any]](uri) as client:
            pid = client.admin.command("serverStatus")["pid"]
        yield uri
        with MongoClient[dict[str, Any]](uri) as client:
            client.admin.command("fsync")  # or ending takes long
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)


def _fill(uri: str, block: int, size: int) -> int:
    """Bring an archive of so many blocks to a size; returns the number of its blocks then."""
    asyncio.run(_prepare(uri))
    wanted = size // BLOCK
    if block < wanted:
        fill(uri, _NAME, range(block, wanted))
        with MongoClient[dict[str, Any]](uri) as client:
            client.admin.command("fsync")  # or its writing goes on meanwhile
    return max(block, wanted)


async def _prepare(uri: str) -> None:
    async with await connect(uri) as client:
        await prepare(client[_NAME])


def _rate(uri: str, block: int) -> float:
    """Store a block; articles a second."""
    return asyncio.run(_store(uri, block))


async def _store(uri: str, block: int) -> float:
    made = articles(block)
    async with await connect(uri) as client:
        store = ArticleStore(client[_NAME])
        await client.admin.command("ping")
        began = time.perf_counter()
        for start in range(0, len(made), _BATCH):
            for saved in await store.save(made[start : start + _BATCH]):
                if not saved.is_stored:
                    raise RuntimeError(f"{saved.article.id}: {saved.refused or saved.asks}")
        return len(made) / (time.perf_counter() - began)


def _set_cache(uri: str) -> None:
    """Give the server a large cache."""
    size = f"cache_size={_ROOMY_GIB}G"
    with MongoClient[dict[str, Any]](uri) as client:
        client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=size)


def _look(uri: str, size: int, rates: list[float], roomy: list[float], expected: int) -> Stored:
    with MongoClient[dict[str, Any]](uri) as client:
        client.admin.command("fsync")
        stats = {name: client[_NAME].command("collStats", name) for name in ("articles", "views")}
        count = stats["articles"]["count"]
        if count != expected:
            raise RuntimeError(f"{count} articles are stored, not {expected}")
        return Stored(
            size,
            rates,
            roomy,
            stats["articles"]["storageSize"] / count,
            stats["articles"]["totalIndexSize"] / count,
            (stats["views"]["storageSize"] + stats["views"]["totalIndexSize"]) / count,
            client.admin.command("serverStatus")["mem"]["resident"],
        )


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    sizes = (1_000, 5_000) if quick else (1_000, 10_000, 100_000, 1_000_000)
    stored, files = grow(sizes, 1, ("jsonl", "parquet")) if quick else grow(sizes, 3)
    rows = [
        (
            f"{one.articles:,}",
            spread(one.rates, 0),
            spread(one.roomy, 0) if one.roomy else "",
            f"{one.data:,.0f}",
            f"{one.indexes:,.0f}",
            f"{one.views:,.0f}",
            one.resident,
        )
        for one in stored
    ]
    heads = (
        "articles there",
        "stored a second",
        f"with {_ROOMY_GIB} GiB of cache",
        "bytes a record",
        "its indexes",
        "its views",
        "mongod, MiB",
    )
    first, last = stored[0], stored[-1]
    slower = statistics.median(first.rates) / statistics.median(last.rates)
    growth = (
        f"{last.articles / first.articles:,.0f} times the articles: storing one takes "
        f"{slower:.2f} times as long."
    )
    text = "\n\n".join(
        (
            markdown(heads, rows),
            growth,
            _METHOD,
            "`scrapy export` of the same archives:",
            table(files),
            _EXPORT_METHOD,
        )
    )
    kept = {"store": [asdict(one) for one in stored], "export": [asdict(one) for one in files]}
    return Outcome("Store and export", text, kept)
