"""The long part of tests/test_export.py: exports that are stopped, killed, or out of room."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.articles import export_peak, fill
from tests.cluster import mongod
from tests.conftest import Scrapy
from tests.exports import MANY, OLD, begun, earlier, with_archive

Documents = Database[dict[str, Any]]


@pytest.fixture(scope="module")
def archive(mongo_uri: str) -> Iterator[str]:
    yield from with_archive(mongo_uri)


@pytest.fixture
def target(scrapy: Scrapy) -> Path:
    """A file of an earlier export that is to stay."""
    return earlier(scrapy)


class TestTrouble:
    """The old file stays, until the new one is whole."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_stopped_export_leaves_nothing(
        self, scrapy: Scrapy, archive: str, target: Path, number: signal.Signals
    ) -> None:
        process = begun(scrapy, archive)
        process.send_signal(number)
        run = scrapy.finish(process)
        assert run.code == 128 + number
        assert f"stopped by signal {number:d}; out.jsonl is as it was" in run.err
        assert "Traceback" not in run.err
        assert target.read_bytes() == OLD
        assert list(scrapy.folder.iterdir()) == [target]

    def test_an_export_that_is_not_stopped_is_complete(
        self, scrapy: Scrapy, archive: str, target: Path
    ) -> None:
        run = scrapy.finish(begun(scrapy, archive))
        assert run.code == 0, run.err
        assert len({json.loads(line)["id"] for line in target.read_bytes().splitlines()}) == MANY
        assert len(run.lines) == MANY

    @pytest.mark.parametrize("ending", ["jsonl", "jsonl.zst", "csv.gz", "parquet"])
    def test_a_full_disk_is_told(self, scrapy: Scrapy, archive: str, ending: str) -> None:
        path = scrapy.folder / f"out.{ending}"
        path.write_bytes(OLD)
        process = scrapy.start("export", "-o", path.name, MONGODB_DATABASE=archive)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (200_000, 200_000))
        run = scrapy.finish(process)
        assert run.code == 1
        assert run.err.splitlines() == [
            f"caliber-crawler: File too large; {path.name} is as it was"
        ]
        assert path.read_bytes() == OLD
        assert list(scrapy.folder.iterdir()) == [path]

    def test_a_lost_database_is_told(self, scrapy: Scrapy, target: Path, tmp_path: Path) -> None:
        with mongod(tmp_path / "db") as server:
            fill(server.database, MANY)
            process = begun(scrapy, "caliber", MONGODB_URI=server.uri)
            server.kill()
            run = scrapy.finish(process)
        assert run.code == 1
        assert "MongoDB was lost while reading articles" in run.err
        assert "out.jsonl is as it was" in run.err
        assert target.read_bytes() == OLD
        assert {path.name for path in scrapy.folder.iterdir()} == {"out.jsonl", "db"}

    def test_a_reader_that_goes_away_is_no_crash(self, scrapy: Scrapy, archive: str) -> None:
        process = scrapy.start("export", "-o", "-", MONGODB_DATABASE=archive)
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"id": ')
        process.stdout.close()
        process.stdout = None
        run = scrapy.finish(process)
        assert run.code == 1
        assert run.err == "caliber-crawler: Broken pipe; nothing more is written\n"

    @pytest.mark.parametrize("ending", ["jsonl.zst", "csv", "parquet"])
    def test_memory_is_level(self, scrapy: Scrapy, archive: str, ending: str) -> None:
        scrapy = replace(scrapy, settings=scrapy.settings | {"MONGODB_DATABASE": archive})
        with MongoClient[dict[str, Any]](scrapy.settings["MONGODB_URI"]) as client:
            few = f"{archive}_few"
            fill(client[few], MANY // 4)
            smaller = replace(scrapy, settings=scrapy.settings | {"MONGODB_DATABASE": few})
            try:
                base = export_peak(smaller, f"few.{ending}", MANY // 4)
            finally:
                client.drop_database(few)
        assert export_peak(scrapy, f"many.{ending}", MANY) < 1.3 * base


def test_row_groups_are_bounded(scrapy: Scrapy, archive: str) -> None:
    run = scrapy("export", "-o", "out.parquet", MONGODB_DATABASE=archive)
    assert run.code == 0, run.err
    with pq.ParquetFile(scrapy.folder / "out.parquet") as file:
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        assert sum(group.num_rows for group in groups) == MANY
    assert all(group.num_rows <= 20_500 for group in groups)
    assert all(group.total_byte_size < 40 * 2**20 for group in groups)
