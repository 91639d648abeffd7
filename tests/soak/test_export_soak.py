"""Exports of 200,000 records: memory stays level, and a kill at any moment leaves the old file."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from tests.articles import export_peak, fill
from tests.conftest import Scrapy, wait_until

FEW, MANY = 20_000, 200_000
OLD = b"yesterday's good file\n"


@pytest.fixture(scope="module")
def archives(mongo_uri: str) -> Iterator[tuple[str, str]]:
    """Names of two databases, one with few and one with many articles."""
    names = (f"few_{uuid.uuid4().hex[:12]}", f"many_{uuid.uuid4().hex[:12]}")
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        for name, number in zip(names, (FEW, MANY), strict=True):
            fill(client[name], number)
        yield names
        for name in names:
            client.drop_database(name)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet"])
def test_memory_is_level(scrapy: Scrapy, archives: tuple[str, str], ending: str) -> None:
    peaks = []
    for name, number in zip(archives, (FEW, MANY), strict=True):
        runner = replace(scrapy, settings=scrapy.settings | {"MONGODB_DATABASE": name})
        began = time.monotonic()
        peaks.append(export_peak(runner, f"{number}.{ending}", number))
        path = scrapy.folder / f"{number}.{ending}"
        print(
            f"\n{ending}: {number} records, {path.stat().st_size} bytes, {peaks[-1]:.0f} MiB, "
            f"{time.monotonic() - began:.1f} s"
        )
        path.unlink()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize("ending", ["jsonl.gz", "parquet"])
def test_kills_at_many_moments(scrapy: Scrapy, archives: tuple[str, str], ending: str) -> None:
    chance = random.Random(1)
    path = scrapy.folder / f"out.{ending}"
    part = scrapy.folder / f".out.{ending}.part"
    path.write_bytes(OLD)
    killed = 0
    for _ in range(12):
        process = scrapy.start("export", "-o", path.name, MONGODB_DATABASE=archives[0])
        wait_until(lambda process=process: part.exists() or process.poll() is not None)
        time.sleep(chance.random() * 2)
        process.kill()
        killed += scrapy.finish(process).code < 0
        if path.read_bytes() != OLD:  # it was done before the kill
            os.truncate(path, 0)
            path.write_bytes(OLD)
    assert killed > 3
    run = scrapy("export", "-o", path.name, MONGODB_DATABASE=archives[0])
    assert run.code == 0, run.err
    assert run.out.startswith(f"{path.name}: {FEW} records, ")
    assert {each.name for each in scrapy.folder.iterdir()} == {path.name}
