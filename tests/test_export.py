"""`scrapy export`, by real processes on a real database."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.export.table import text_of
from caliber_crawler.files import Claim
from caliber_crawler.items import ARTICLE_FIELDS
from caliber_crawler.store.indexes import READING_INDEX
from caliber_crawler.store.reading import ArticleReader, Selection
from demo_site import SiteConfig, serve
from tests.articles import START, document, fill
from tests.conftest import Scrapy
from tests.exports import ENDINGS, OLD, begun, earlier, ids, line_of, unpacked, with_archive

Documents = Database[dict[str, Any]]


@pytest.fixture(scope="module")
def archive(mongo_uri: str) -> Iterator[str]:
    yield from with_archive(mongo_uri)


@pytest.fixture
def target(scrapy: Scrapy) -> Path:
    """A file of an earlier export that is to stay."""
    return earlier(scrapy)


class TestFormats:
    def test_json_lines_are_those_of_a_feed(self, scrapy: Scrapy) -> None:
        with serve(SiteConfig(articles=20, seed=4)) as site:
            urls = ",".join(site.url + site.world.article("en", i).path for i in range(12))
            feed = scrapy.crawl("articles", f"url={urls}", CALIBER_BASE_URL=site.url)
        run = scrapy("export", "-o", "export.jsonl", "--duplicates", "drop")
        assert run.code == 0, run.err
        lines = (scrapy.folder / "export.jsonl").read_bytes().splitlines(keepends=True)
        assert len(lines) == 12
        assert sorted(lines) == sorted(feed.feed.read_bytes().splitlines(keepends=True))
        times = [json.loads(line)["published_at"] for line in lines]
        assert times == sorted(times)

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_every_record_and_nothing_but_the_record(
        self, scrapy: Scrapy, database: Documents, ending: str
    ) -> None:
        fill(database, 1_203)
        path = scrapy.folder / f"new/out.{ending}"
        run = scrapy("export", "-o", str(path))
        assert run.code == 0, run.err
        assert list(path.parent.iterdir()) == [path]
        expected = [document(i) for i in range(1_203)]
        for each in expected:
            del each["_id"], each["internal"]
        content = unpacked(path)
        if "jsonl" in ending:
            assert content.decode().splitlines() == [line_of(each) for each in expected]
        elif "csv" in ending:
            rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
            assert [row["id"] for row in rows] == [each["id"] for each in expected]
            assert list(rows[0]) == list(ARTICLE_FIELDS)
            assert [row["body"] for row in rows] == [each["body"] for each in expected]
            assert json.loads(rows[3]["sections"]) == expected[3]["sections"]
            assert rows[3]["published_at"] == "2024-01-01T06:45:00+00:00"
            assert rows[3]["views"] == "3"
            assert rows[3]["description"] == ""
        else:
            table = pq.read_table(path)
            found = table.to_pylist(maps_as_pydicts="strict")
            # A struct has all of its fields.
            keep = {"conflicts", "cut", "garbled", "head_authors", "partial"}
            for each in found:
                each["extraction"] = {
                    k: v for k, v in each["extraction"].items() if v is not None or k not in keep
                }
            assert found == expected
            assert table.column_names == list(ARTICLE_FIELDS)

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_what_is_printed_is_true_and_the_same_each_time(
        self, scrapy: Scrapy, database: Documents, ending: str
    ) -> None:
        fill(database, 300)
        sums = set()
        for folder in ("one", "two"):
            name = f"{folder}/out.{ending}"
            run = scrapy("export", "-o", name)
            content = (scrapy.folder / name).read_bytes()
            first, second = run.out.splitlines()
            assert first.startswith(f"{name}: 300 records, {len(content)} bytes, ")
            assert second == f"{hashlib.sha256(content).hexdigest()}  {name}"
            sums.add(second.split()[0])
        assert len(sums) == 1

    def test_odd_characters_and_times_come_back(self, scrapy: Scrapy, database: Documents) -> None:
        body = 'ə Ё 👩\u200d🚀 a\u2028b\u2029c\x85d\r\ntab\t"quoted", and, commas\n\nend'
        stored = document(0) | {
            "body": body,
            "title": "=HYPERLINK(1)",
            "description": "'=1",
            "authors": ["-x"],
            "published_at": datetime(2024, 5, 3, 12, tzinfo=timezone(timedelta(hours=4))),
            "views_at": datetime(2024, 5, 3, 8, 0, 0, 123000),  # noqa: DTZ001 - UTC in MongoDB
            "changed_at": None,
        }
        database.articles.insert_one(stored)
        for name in ("out.jsonl", "out.csv", "out.parquet"):
            assert scrapy("export", "-o", name).code == 0

        raw = (scrapy.folder / "out.jsonl").read_bytes()
        assert "ə Ё 👩\u200d🚀".encode() in raw
        assert not raw.startswith(b"\xef\xbb\xbf")
        assert raw.decode().splitlines() == raw.decode().split("\n")[:-1]
        with (scrapy.folder / "out.jsonl").open(encoding="utf-8") as lines:
            [record] = [json.loads(line) for line in lines]
        assert record["body"] == body
        times = ("2024-05-03T08:00:00+00:00", "2024-05-03T08:00:00.123000+00:00", None)
        names = ("published_at", "views_at", "changed_at")
        assert tuple(record[name] for name in names) == times

        text = (scrapy.folder / "out.csv").read_bytes().decode()
        [row] = csv.DictReader(io.StringIO(text, newline=""))
        assert row["body"] == body
        assert row["title"] == "'=HYPERLINK(1)"
        assert row["description"] == "''=1"
        assert text_of(row["title"]) == "=HYPERLINK(1)"
        assert text_of(row["description"]) == "'=1"
        assert row["authors"] == '["-x"]'
        assert tuple(row[name] or None for name in names) == times

        [typed] = pq.read_table(scrapy.folder / "out.parquet").to_pylist()
        assert typed["body"] == body
        assert typed["published_at"] == datetime(2024, 5, 3, 8, tzinfo=UTC)
        assert typed["views_at"] == datetime(2024, 5, 3, 8, 0, 0, 123000, UTC)

    def test_a_field_that_a_stored_record_lacks_has_its_default(
        self, scrapy: Scrapy, database: Documents
    ) -> None:
        stored = document(0)
        for name in ("near_duplicate_of", "links", "revision"):
            del stored[name]
        database.articles.insert_one(stored)
        run = scrapy("export", "-o", "-")
        record = json.loads(run.out)
        assert list(record) == list(ARTICLE_FIELDS)
        assert (record["near_duplicate_of"], record["links"], record["revision"]) == (None, [], 1)


class TestSelection:
    @pytest.fixture
    def few(self, scrapy: Scrapy, database: Documents) -> Scrapy:
        """Six articles: at the edges of a day in Baku, of two editions, one gone, one repeated."""
        edge = datetime(2024, 5, 2, 20, tzinfo=UTC)  # the first minute of 3 May in Baku
        changes: list[dict[str, Any]] = [
            {"published_at": edge - timedelta(minutes=1)},
            {"published_at": edge, "status": "gone"},
            {"published_at": edge + timedelta(hours=23, minutes=59)},
            {"published_at": edge + timedelta(hours=24), "duplicate_of": "en/council-2"},
            {"published_at": None},
            {"published_at": edge + timedelta(days=9)},
        ]
        database.articles.insert_many(document(i, **each) for i, each in enumerate(changes))
        return scrapy

    @pytest.mark.parametrize(
        ("options", "numbers"),
        [
            ((), [4, 0, 1, 2, 3, 5]),
            (("--since", "2024-05-03"), [1, 2, 3, 5]),
            (("--until", "2024-05-03"), [0, 1, 2]),
            (("--since", "2024-05-03", "--until", "2024-05-03"), [1, 2]),
            (("--since", "0001-01-01", "--until", "9999-12-31"), [4, 0, 1, 2, 3, 5]),
            (("--language", "ru"), [1, 3, 5]),
            (("--language", "ru,en"), [4, 0, 1, 2, 3, 5]),
            (("--section", "world"), [4, 1]),
            (("--section", "world,Sport"), [4, 1, 2, 5]),
            (("--status", "live"), [4, 0, 2, 3, 5]),
            (("--status", "gone"), [1]),
            (("--duplicates", "drop"), [4, 0, 1, 2, 5]),
            (("--language", "en", "--section", "sport", "--since", "2024-05-01"), [2]),
        ],
    )
    def test_filters(self, few: Scrapy, options: tuple[str, ...], numbers: list[int]) -> None:
        run = few("export", "-o", "-", *options)
        assert run.code == 0, run.err
        assert ids(run) == [document(number)["id"] for number in numbers]

    def test_records_without_a_time_are_told_where_they_are_left_out(self, few: Scrapy) -> None:
        bounded = ("export", "-o", "-", "--since", "2024-01-01")
        assert "1 records without a time are left out" in few(*bounded).err
        assert "without a time" not in few(*bounded, "--language", "ru").err
        assert "without a time" not in few("export", "-o", "-").err

    def test_those_of_one_minute_come_in_order_of_their_ids(
        self, scrapy: Scrapy, database: Documents
    ) -> None:
        numbers = [7, 3, 9, 1]
        database.articles.insert_many(document(i, published_at=START) for i in numbers)
        assert ids(scrapy("export", "-o", "-")) == [f"ru/council-{i}" for i in sorted(numbers)]

    async def test_a_record_that_is_dated_meanwhile_comes_once(
        self, async_database: AsyncDatabase[dict[str, Any]]
    ) -> None:
        articles = async_database["articles"]
        await articles.insert_many([document(n) for n in range(1, 1_203)])
        await articles.insert_one(document(0, published_at=None))
        await articles.create_index([("published_at", 1), ("_id", 1)], name=READING_INDEX)
        found: list[str] = []
        async for batch in ArticleReader(async_database).read(Selection()):
            if not found:
                last = {"$set": {"published_at": START + timedelta(days=999)}}
                await articles.update_one({"_id": batch[0]["id"]}, last)
            found += (record["id"] for record in batch)
        assert len(found) == len(set(found)) == 1_203

    @pytest.mark.parametrize("options", [(), ("--section", "world", "--language", "en")])
    def test_nothing_is_sorted_in_memory(
        self, scrapy: Scrapy, database: Documents, options: tuple[str, ...]
    ) -> None:
        fill(database, 50)
        database.command("profile", 2)
        assert scrapy("export", "-o", "out.jsonl", *options).code == 0
        database.command("profile", 0)
        [found] = database["system.profile"].find(
            # Not the looks for records of an older form.
            {"op": "query", "command.find": "articles", "command.sort": {"$exists": True}}
        )
        assert "IXSCAN { published_at: 1, _id: 1 }" in found["planSummary"]
        assert not found.get("hasSortStage", False)


class TestWhole:
    """The old file stays, until the new one is whole."""

    def test_a_killed_export_leaves_the_old_file_and_the_next_cleans_up(
        self, scrapy: Scrapy, archive: str, target: Path
    ) -> None:
        process = begun(scrapy, archive)
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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say where to"),
        (("-o", "out.jsonl", "more"), "unknown argument 'more'"),
        (("-o", "out.txt"), "allowed are .jsonl and .csv, each also with .gz or .zst"),
        (("-o", "out.json"), "or say --format jsonl|csv|parquet"),
        (("-o", "out"), "no format has this ending"),
        (("-o", "out.gz"), "no format has this ending"),
        (("-o", "out.csv", "--format", "jsonl"), "the ending says csv, --format says jsonl"),
        (("-o", "out.parquet.gz"), "Parquet is compressed inside"),
        (("-o", "out.zst", "--format", "parquet"), "Parquet is compressed inside"),
        (("-o", "out.jsonl", "--format", "xml"), "invalid choice: 'xml'"),
        (("-o", "out.jsonl", "--since", "yesterday"), "since='yesterday' is no date"),
        (("-o", "out.jsonl", "--until", "2024-02-30"), "until='2024-02-30' is no date"),
        (("-o", "out.jsonl", "--since", "2024-02-02", "--until", "2024-02-01"), "is after until"),
        (("-o", "out.jsonl", "--language", "xx"), "language=xx: allowed are en, ru, arm"),
        (("-o", "out.jsonl", "--section", ","), "names nothing"),
        (("-o", "out.jsonl", "--section", "a?b"), "as they are in addresses"),
        (("-o", "out.jsonl", "--status", "dead"), "allowed are all, live, gone"),
        (("-o", "out.jsonl", "--duplicates", "no"), "allowed are keep, drop"),
        (("-o", "out.jsonl", "-s", "MONGODB_URI=off"), "nothing is stored"),
    ],
)
def test_wrong_usage(scrapy: Scrapy, options: tuple[str, ...], said: str) -> None:
    run = scrapy("export", *options)
    assert run.code == 2
    assert said in run.out + run.err
    assert list(scrapy.folder.iterdir()) == []


def test_editions_are_named_as_they_are_stored(scrapy: Scrapy, database: Documents) -> None:
    fill(database, 3)
    path = "hy/the-armenian-one"
    database.articles.insert_one(document(9, id=path, language="hy") | {"_id": path})
    run = scrapy("export", "-o", "a.jsonl", "--language", "hy")
    assert run.code == 0, run.err
    [line] = (scrapy.folder / "a.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == path
    run = scrapy("export", "-o", "b.jsonl", "--language", "xx,hy")
    assert run.code == 2
    assert "language=xx: allowed are en, ru, arm, hy; SITE_LANGUAGES names them" in run.err
    assert scrapy("report", "-o", "r.html", "--language", "hy").out.startswith("r.html: 1 articles")


def test_a_format_may_be_given_for_any_other_name(scrapy: Scrapy, database: Documents) -> None:
    fill(database, 3)
    for name in ("news.txt", "news", "news.backup.gz"):
        run = scrapy("export", "-o", name, "--format", "jsonl")
        assert run.code == 0, run.err
        assert len(unpacked(scrapy.folder / name).splitlines()) == 3


def test_places_where_no_file_can_be(scrapy: Scrapy, database: Documents) -> None:
    fill(database, 3)
    (scrapy.folder / "folder.jsonl").mkdir()
    run = scrapy("export", "-o", "folder.jsonl")
    assert run.code == 1
    assert "folder.jsonl is a folder" in run.err
    (scrapy.folder / "plain").write_bytes(b"")
    run = scrapy("export", "-o", "plain/out.jsonl")
    assert run.code == 1
    assert "Traceback" not in run.err


def test_without_a_database(scrapy: Scrapy, target: Path) -> None:
    run = scrapy("export", "-o", "out.jsonl", MONGODB_URI="mongodb://ann:s3cr3t@127.0.0.1:9")
    assert run.code == 1
    assert "127.0.0.1:9 does not answer" in run.err
    assert "s3cr3t" not in run.out + run.err
    assert target.read_bytes() == OLD


def test_help(scrapy_without_store: Scrapy) -> None:
    run = scrapy_without_store("export", "--help")
    assert run.code == 0
    words = ("--output", "--format", "--since", "--until", "--language", "--section", "--status",
             "--duplicates", "--allow-empty", "whole archive", "sha256sum")  # fmt: skip
    for word in words:
        assert word in " ".join(run.out.split())


def test_days_are_those_of_the_sites_zone(scrapy: Scrapy, database: Documents) -> None:
    at = datetime(2024, 5, 2, 20, tzinfo=UTC)
    database.articles.insert_one(document(0, published_at=at))
    days = {}
    for zone in ("Asia/Baku", "UTC"):
        for day in (date(2024, 5, 2), date(2024, 5, 3)):
            options = ("--since", f"{day}", "--until", f"{day}")
            run = scrapy("export", "-o", "-", *options, SITE_TIMEZONE=zone)
            days[zone, day.day] = run.code
    assert days == {("Asia/Baku", 2): 3, ("Asia/Baku", 3): 0, ("UTC", 2): 0, ("UTC", 3): 3}
