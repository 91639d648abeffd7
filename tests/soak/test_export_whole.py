"""The long part of tests/test_export.py: exports that are stopped, killed, or out of room."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import resource
import signal
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from backports import zstd
from pymongo import MongoClient
from pymongo.database import Database

from caliber_crawler.files import Claim
from caliber_crawler.items import ARTICLE_FIELDS, Article, json_line
from tests.articles import export_peak, fill
from tests.cluster import mongod
from tests.conftest import Run, Scrapy, wait_until

Documents = Database[dict[str, Any]]

MANY = 20_000
OLD = b"yesterday's good file\n"
ENDINGS = ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "csv.zst", "parquet")


@pytest.fixture(scope="module")
def archive(mongo_uri: str) -> Iterator[str]:
    """Name of a database with many articles, which nobody changes."""
    name = f"archive_{uuid.uuid4().hex[:12]}"
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        fill(client[name], MANY)
        yield name
        client.drop_database(name)


@pytest.fixture
def target(scrapy: Scrapy) -> Path:
    """A file of an earlier export that is to stay."""
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


class TestWhole:
    """The old file stays, until the new one is whole."""

    def start(self, scrapy: Scrapy, archive: str, *, size: int = 4 * 2**20, **settings: str) -> Any:
        """An export that has written so many bytes of its 60 million and goes on."""
        settings.setdefault("MONGODB_DATABASE", archive)
        process = scrapy.start("export", "-o", "out.jsonl", **settings)
        part = scrapy.folder / ".out.jsonl.part"
        wait_until(
            lambda: process.poll() is not None or (part.exists() and part.stat().st_size > size),
            what="a part of the export",
        )
        return process

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_stopped_export_leaves_nothing(
        self, scrapy: Scrapy, archive: str, target: Path, number: signal.Signals
    ) -> None:
        process = self.start(scrapy, archive)
        process.send_signal(number)
        run = scrapy.finish(process)
        assert run.code == 128 + number
        assert f"stopped by signal {number:d}; out.jsonl is as it was" in run.err
        assert "Traceback" not in run.err
        assert target.read_bytes() == OLD
        assert list(scrapy.folder.iterdir()) == [target]

    def test_a_killed_export_leaves_the_old_file_and_the_next_cleans_up(
        self, scrapy: Scrapy, archive: str, target: Path
    ) -> None:
        process = self.start(scrapy, archive)
        process.kill()
        assert scrapy.finish(process).code == -signal.SIGKILL
        assert target.read_bytes() == OLD
        part = scrapy.folder / ".out.jsonl.part"
        assert part.stat().st_size > 0
        run = scrapy("export", "-o", "out.jsonl", "--until", "2024-01-02", MONGODB_DATABASE=archive)
        assert run.code == 0, run.err
        lines = target.read_bytes().splitlines()
        assert 0 < len(lines) < 300
        assert all(map(json.loads, lines))
        assert list(scrapy.folder.iterdir()) == [target]

    def test_an_export_that_is_not_stopped_is_complete(
        self, scrapy: Scrapy, archive: str, target: Path
    ) -> None:
        run = scrapy.finish(self.start(scrapy, archive))
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
            process = self.start(scrapy, "caliber", MONGODB_URI=server.uri)
            server.kill()
            run = scrapy.finish(process)
        assert run.code == 1
        assert "MongoDB was lost while reading articles" in run.err
        assert "out.jsonl is as it was" in run.err
        assert target.read_bytes() == OLD
        assert {path.name for path in scrapy.folder.iterdir()} == {"out.jsonl", "db"}

    def test_one_writer_at_a_time(self, scrapy: Scrapy, database: Documents, target: Path) -> None:
        fill(database, 10)
        with Claim.take(target):
            run = scrapy("export", "-o", "out.jsonl")
        assert run.code == 1
        assert "another process is writing out.jsonl; out.jsonl is as it was" in run.err
        assert target.read_bytes() == OLD
        assert scrapy("export", "-o", "out.jsonl").code == 0

    def test_an_empty_export_keeps_the_old_file(
        self, scrapy: Scrapy, database: Documents, target: Path
    ) -> None:
        fill(database, 10)
        options = ("export", "-o", "out.jsonl", "--section", "nowhere")
        run = scrapy(*options)
        assert run.code == 3
        assert "0 records fit; out.jsonl is as it was" in run.err
        assert run.out == ""
        assert target.read_bytes() == OLD
        assert list(scrapy.folder.iterdir()) == [target]

        run = scrapy(*options, "--allow-empty")
        assert run.code == 0
        assert "0 records" in run.err
        assert target.read_bytes() == b""

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_an_empty_file_is_a_valid_one(self, scrapy: Scrapy, ending: str) -> None:
        path = scrapy.folder / f"out.{ending}"
        run = scrapy("export", "-o", path.name, "--allow-empty")
        assert run.code == 0, run.err
        if ending == "parquet":
            table = pq.read_table(path)
            assert (table.num_rows, table.column_names) == (0, list(ARTICLE_FIELDS))
        else:
            header = ",".join(ARTICLE_FIELDS).encode() + b"\r\n" if "csv" in ending else b""
            assert unpacked(path) == header

    def test_links_modes_and_pipes_stay_what_they_are(
        self, scrapy: Scrapy, database: Documents, target: Path
    ) -> None:
        fill(database, 10)
        target.chmod(0o640)
        link = scrapy.folder / "link.jsonl"
        link.symlink_to(target)
        assert scrapy("export", "-o", "link.jsonl").code == 0
        assert link.is_symlink()
        assert len(target.read_bytes().splitlines()) == 10
        assert target.stat().st_mode & 0o777 == 0o640

        pipe = scrapy.folder / "pipe.jsonl"
        os.mkfifo(pipe)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
        reader.start()
        run = scrapy("export", "-o", "pipe.jsonl")
        reader.join()
        assert run.code == 0, run.err
        assert read == [target.read_bytes()]
        assert pipe.is_fifo()

    def test_standard_output(self, scrapy: Scrapy, database: Documents) -> None:
        fill(database, 10)
        run = scrapy("export", "-o", "-", "--format", "csv")
        assert run.code == 0
        assert len(list(csv.reader(io.StringIO(run.out, newline="")))) == 11
        assert run.err.startswith("-: 10 records, ")
        assert run.err.rstrip().endswith("  -")

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
