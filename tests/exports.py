"""What tests and soak tests of `scrapy export` share."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backports import zstd
from pymongo import MongoClient

from caliber_crawler.items import Article, json_line
from tests.articles import fill
from tests.conftest import Run, Scrapy, wait_until

MANY = 20_000
OLD = b"yesterday's good file\n"
ENDINGS = ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "csv.zst", "parquet")


def earlier(scrapy: Scrapy) -> Path:
    """A file of an earlier export, `out.jsonl`, holding `OLD`."""
    path = scrapy.folder / "out.jsonl"
    path.write_bytes(OLD)
    return path


def unpacked(path: Path) -> bytes:
    """The content of an export, whatever compresses it as a whole."""
    openers: dict[str, Any] = {".gz": gzip.open, ".zst": zstd.open}
    with openers.get(path.suffix, open)(path, "rb") as file:
        content: bytes = file.read()
    return content


def ids(run: Run) -> list[str]:
    """Ids of the records that were exported to standard output, in their order."""
    return [json.loads(line)["id"] for line in run.out.splitlines()]


def line_of(stored: dict[str, Any]) -> str:
    return json_line(Article.from_document(stored).document())


def begun(scrapy: Scrapy, archive: str, *, size: int = 4 * 2**20, **settings: str) -> Any:
    """An export of an archive that has written so many bytes of its 60 million and goes on."""
    settings.setdefault("MONGODB_DATABASE", archive)
    process = scrapy.start("export", "-o", "out.jsonl", **settings)
    part = scrapy.folder / ".out.jsonl.part"
    wait_until(
        lambda: process.poll() is not None or (part.exists() and part.stat().st_size > size),
        what="a part of the export",
    )
    return process


def with_archive(uri: str) -> Iterator[str]:
    """Name of a database with `MANY` articles, which is dropped in the end."""
    name = f"archive_{uuid.uuid4().hex[:12]}"
    with MongoClient[dict[str, Any]](uri) as client:
        fill(client[name], MANY)
        yield name
        client.drop_database(name)
