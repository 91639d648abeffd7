"""Feeds of real crawls that are killed, stopped, fail, find nothing, or have company."""

from __future__ import annotations

import gzip
import json
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from caliber_crawler.files import Claim
from demo_site import SiteConfig, serve
from demo_site.server import ServedSite
from tests.cluster import Cluster
from tests.conftest import SCRAPY, Run, Scrapy, wait_until

Documents = Database[dict[str, Any]]

OLD = b'{"id": "en/yesterday"}\n'
GZIP = ["scrapy.extensions.postprocessing.GzipPlugin"]


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=120, seed=6)) as served:
        yield served


def urls(site: ServedSite, numbers: range) -> str:
    return "url=" + ",".join(site.url + site.world.article("en", i).path for i in numbers)


def start(scrapy: Scrapy, site: ServedSite, numbers: range, *options: str) -> subprocess.Popen[str]:
    """A crawl of some articles, its feed as in `options`."""
    given = ("crawl", "articles", "-a", urls(site, numbers), *options)
    return scrapy.start(*given, CALIBER_BASE_URL=site.url)


def crawl(scrapy: Scrapy, site: ServedSite, numbers: range, *options: str) -> Run:
    return scrapy.finish(start(scrapy, site, numbers, *options))


def slugs(site: ServedSite, numbers: range) -> list[str]:
    return sorted(site.world.article("en", i).slug for i in numbers)


def found(*paths: Path, opened: Callable[..., Any] = open) -> list[str]:
    """Slugs of the records in feeds, every line of which must be one."""
    records = []
    for path in paths:
        with opened(path, "rb") as lines:
            records += [json.loads(line) for line in lines]
    return sorted(record["slug"] for record in records if "slug" in record)


def until_size(path: Path, size: int, process: subprocess.Popen[str]) -> None:
    wait_until(
        lambda: process.poll() is not None or (path.exists() and path.stat().st_size > size),
        what=f"{size} bytes in {path.name}",
    )


class TestOverwriting:
    def test_a_killed_crawl_leaves_the_old_file_and_its_own_records_aside(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        feed, part = scrapy.feed, scrapy.folder / ".out.jsonl.part"
        feed.write_bytes(OLD)
        site.knobs.delay = 0.05
        process = start(scrapy, site, range(100), "-O", str(feed))
        until_size(part, 10_000, process)
        process.kill()
        assert scrapy.finish(process).code == -signal.SIGKILL
        assert feed.read_bytes() == OLD
        with part.open("ab") as torn:
            torn.write(b'{"id": "en/half')
        got = part.read_bytes().count(b"\n")
        site.knobs.delay = 0

        run = crawl(scrapy, site, range(3), "-O", str(feed))
        assert run.code == 0, run.err
        assert found(feed) == slugs(site, range(3))
        unfinished = scrapy.folder / "out.unfinished.jsonl"
        assert len(found(unfinished)) == got > 0
        assert run.counts["feeds/unfinished"] == 1
        assert "out.jsonl is unfinished; what there is of it is in" in run.err
        assert {path.name for path in scrapy.folder.iterdir()} == {feed.name, unfinished.name}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_stopped_crawl_hands_over_what_it_has(
        self, scrapy_without_store: Scrapy, site: ServedSite, number: signal.Signals
    ) -> None:
        scrapy = scrapy_without_store
        scrapy.feed.write_bytes(OLD)
        site.knobs.delay = 0.05
        process = start(scrapy, site, range(100), "-O", str(scrapy.feed))
        until_size(scrapy.folder / ".out.jsonl.part", 10_000, process)
        process.send_signal(number)
        run = scrapy.finish(process)
        assert run.code == 128 + number
        assert 0 < len(found(scrapy.feed)) < 100
        assert len(run.records) == run.counts["articles/exported"]
        assert list(scrapy.folder.iterdir()) == [scrapy.feed]

    def test_a_crawl_that_fails_leaves_the_old_file(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        scrapy.feed.write_bytes(OLD)
        for i in range(3):
            site.knobs.status[site.world.article("en", i).path] = 404
        site.knobs.status["/en/"] = 404
        for command in (("articles", "-a", urls(site, range(3))), ("sections",)):
            run = scrapy("crawl", *command, "-O", str(scrapy.feed), CALIBER_BASE_URL=site.url)
            assert run.code == 3
            assert scrapy.feed.read_bytes() == OLD
        assert list(scrapy.folder.iterdir()) == [scrapy.feed]

    def test_a_crawl_that_finds_nothing_new_leaves_the_old_file(
        self, scrapy: Scrapy, site: ServedSite
    ) -> None:
        arguments = ("crawl", "sections", "-a", "section=world", "-a", "render=http")
        first = scrapy(*arguments, "-O", str(scrapy.feed), CALIBER_BASE_URL=site.url)
        assert first.code == 0, first.err
        assert first.records
        second = scrapy(*arguments, "-O", str(scrapy.feed), CALIBER_BASE_URL=site.url)
        assert second.code == 0, second.err
        assert "0 articles taken" in second.verdict
        assert second.lines == first.lines
        empty = ("-O", str(scrapy.feed), "-s", "FEED_STORE_EMPTY=True")
        assert scrapy(*arguments, *empty, CALIBER_BASE_URL=site.url).lines == []
        assert list(scrapy.folder.iterdir()) == [scrapy.feed]

    def test_a_full_disk_leaves_the_old_file_and_is_told(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        scrapy.feed.write_bytes(OLD)
        process = start(scrapy, site, range(60), "-O", str(scrapy.feed))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (40_000, 40_000))
        run = scrapy.finish(process)
        assert run.code == 4
        assert "1 feeds not written (out.jsonl: File too large)" in run.verdict
        assert run.err.count("cannot be written: [Errno 27] File too large") == 1
        assert "60 items) in: " in run.err
        assert "Traceback" not in run.err
        assert scrapy.feed.read_bytes() == OLD
        kept = found(scrapy.folder / "out.unfinished.jsonl")
        assert len(kept) + run.counts["feeds/lost"] == 60
        assert 0 < len(kept) < 60

    def test_a_place_where_no_file_can_be_is_told(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        (scrapy.folder / "plain").write_bytes(b"")
        for mode in ("-O", "-o"):
            run = crawl(scrapy, site, range(3), mode, "plain/out.jsonl")
            assert run.code == 4
            assert "1 feeds not written" in run.verdict
            assert run.counts["feeds/lost"] == 3

    @pytest.mark.parametrize(
        ("option", "value", "named"),
        [
            ("-O", "out-%(nobody)s.jsonl", "out-%(nobody)s.jsonl"),
            (
                "-s",
                'FEEDS={"a.jsonl": {"format": "jsonlines"}, "b": {"format": "verse"}}',
                "a.jsonl",
            ),
        ],
    )
    def test_a_feed_that_cannot_be_opened_is_wrong_usage(
        self, scrapy_without_store: Scrapy, site: ServedSite, option: str, value: str, named: str
    ) -> None:
        run = crawl(scrapy_without_store, site, range(3), option, value)
        assert run.code == 2, run.err
        assert f"wrong usage: a feed cannot be opened ({named}" in run.verdict
        assert not [hit for hit in site.log if "/post/" in hit.path]

    def test_batches_are_whole_files_each(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        options = ("-O", "out-%(batch_id)d.jsonl", "-s", "FEED_EXPORT_BATCH_ITEM_COUNT=2")
        run = crawl(scrapy_without_store, site, range(5), *options)
        assert run.code == 0, run.err
        files = sorted(scrapy_without_store.folder.iterdir())
        assert [path.name for path in files] == [f"out-{i}.jsonl" for i in (1, 2, 3)]
        assert [len(found(path)) for path in files] == [2, 2, 1]
        assert found(*files) == slugs(site, range(5))

    def test_an_address_of_a_file_is_a_path(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        path = scrapy_without_store.folder / "new folder/out.jsonl"
        run = crawl(scrapy_without_store, site, range(3), "-O", path.as_uri())
        assert run.code == 0, run.err
        assert found(path) == slugs(site, range(3))


class TestAppending:
    def test_a_killed_crawl_leaves_whole_lines_and_the_next_goes_on(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy, feed = scrapy_without_store, scrapy_without_store.feed
        feed.write_bytes(OLD)
        site.knobs.delay = 0.05
        process = start(scrapy, site, range(100), "-o", str(feed))
        until_size(feed, 10_000, process)
        process.kill()
        scrapy.finish(process)
        # A kill leaves one record cut in two at most; here it does for sure.
        whole = feed.read_bytes()[: feed.read_bytes().rfind(b"\n") + 1]
        assert whole.startswith(OLD)
        torn = '{"id": "en/half", "title": "Şə'.encode()[:-1]
        feed.write_bytes(whole + torn)
        got = len(found_in(whole))
        site.knobs.delay = 0

        run = crawl(scrapy, site, range(100, 103), "-o", str(feed))
        assert run.code == 0, run.err
        assert feed.read_bytes().startswith(whole)
        assert len(found(feed)) == got + 3
        assert run.counts["feeds/torn"] == 1
        assert f"its {len(torn)} bytes from byte {len(whole)} on are gone" in run.err
        assert list(scrapy.folder.iterdir()) == [feed]

    def test_a_last_line_without_its_end_gets_it(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy, feed = scrapy_without_store, scrapy_without_store.feed
        feed.write_bytes(OLD.rstrip())
        run = crawl(scrapy, site, range(3), "-o", str(feed))
        assert run.code == 0, run.err
        assert feed.read_bytes().startswith(OLD)
        assert found(feed) == slugs(site, range(3))
        assert (run.counts["feeds/ended"], run.counts["feeds/torn"]) == (1, 0)

    def test_what_is_no_feed_stays_and_is_told(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy, feed = scrapy_without_store, scrapy_without_store.feed
        feed.write_bytes(b"notes of a reader")
        run = crawl(scrapy, site, range(3), "-o", str(feed))
        assert run.code == 4
        assert "is no file of JSON lines" in run.err
        assert feed.read_bytes() == b"notes of a reader"

    def test_a_full_disk_leaves_whole_lines(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        process = start(scrapy, site, range(60), "-o", str(scrapy.feed))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (40_000, 40_000))
        run = scrapy.finish(process)
        assert run.code == 4
        assert "1 feeds not written" in run.verdict
        assert scrapy.feed.read_bytes().endswith(b"}\n")
        assert len(found(scrapy.feed)) + run.counts["feeds/lost"] == 60
        assert 0 < len(run.records) < 60


def found_in(lines: bytes) -> list[str]:
    return [record["slug"] for line in lines.splitlines() if "slug" in (record := json.loads(line))]


class TestOtherFormats:
    def gzipped(self, *, overwrite: bool) -> tuple[str, str]:
        feed = {"format": "jsonlines", "postprocessing": GZIP, "overwrite": overwrite}
        return "-s", f"FEEDS={json.dumps({'out.jsonl.gz': feed})}"

    @pytest.mark.parametrize("overwrite", [True, False])
    def test_a_killed_crawl_leaves_the_old_gzip_file(
        self, scrapy_without_store: Scrapy, site: ServedSite, *, overwrite: bool
    ) -> None:
        scrapy, path = scrapy_without_store, scrapy_without_store.folder / "out.jsonl.gz"
        assert crawl(scrapy, site, range(4), *self.gzipped(overwrite=overwrite)).code == 0
        assert found(path, opened=gzip.open) == slugs(site, range(4))
        old = path.read_bytes()

        site.knobs.delay = 0.05
        process = start(scrapy, site, range(4, 104), *self.gzipped(overwrite=overwrite))
        before = len(site.log)
        wait_until(lambda: len(site.log) > before + 50, what="half of the pages")
        wait_until((scrapy.folder / ".out.jsonl.gz.part").exists, what="the feed's beginning")
        process.kill()
        scrapy.finish(process)
        assert path.read_bytes() == old
        site.knobs.delay = 0

        run = crawl(scrapy, site, range(4, 7), *self.gzipped(overwrite=overwrite))
        assert run.code == 0, run.err
        expected = range(4, 7) if overwrite else range(7)
        assert found(path, opened=gzip.open) == slugs(site, expected)

    @pytest.mark.parametrize("ending", ["csv", "json", pytest.param("xml", marks=pytest.mark.soak)])
    def test_they_are_as_scrapy_writes_them(
        self, scrapy_without_store: Scrapy, site: ServedSite, ending: str
    ) -> None:
        scrapy = scrapy_without_store
        theirs = json.dumps(dict.fromkeys(("", "file"), STORAGE_OF_SCRAPY))
        common = ("-s", "FEED_EXPORT_FIELDS=id,title,body", "-s", "CONCURRENT_REQUESTS=1")
        for name, storage in (("ours", ()), ("theirs", ("-s", f"FEED_STORAGES={theirs}"))):
            path = f"{name}.{ending}"
            for mode, numbers in (("-O", range(2)), ("-O", range(3)), ("-o", range(3, 5))):
                run = crawl(scrapy, site, numbers, mode, path, *common, *storage)
                assert run.code == 0, run.err
        ours = (scrapy.folder / f"ours.{ending}").read_bytes()
        assert ours == (scrapy.folder / f"theirs.{ending}").read_bytes()
        assert all(slug.encode() in ours for slug in slugs(site, range(5)))
        assert {path.name for path in scrapy.folder.iterdir()} == {
            f"ours.{ending}",
            f"theirs.{ending}",
        }


STORAGE_OF_SCRAPY = "scrapy.extensions.feedexport.FileFeedStorage"


class TestStandardOutput:
    @pytest.mark.parametrize("form", ["jsonl", "csv"])
    def test_a_reader_that_leaves_is_told_once_and_the_records_are_counted(
        self, scrapy_without_store: Scrapy, site: ServedSite, form: str
    ) -> None:
        site.knobs.delay = 0.05
        process = start(scrapy_without_store, site, range(60), "-o", f"-:{form}")
        assert process.stdout is not None
        if form == "jsonl":
            assert json.loads(process.stdout.readline())["slug"]
        process.stdout.close()
        process.stdout = None
        run = scrapy_without_store.finish(process)
        assert run.code == 4, run.err
        assert "1 feeds not written (standard output: Broken pipe)" in run.verdict
        assert run.err.count("The feed standard output cannot be written") == 1
        assert "Traceback" not in run.err
        assert run.counts["articles/exported"] == 60
        assert 0 < run.counts["feeds/lost"] < 60

    @pytest.mark.parametrize("form", ["jsonl", "csv", "json"])
    def test_what_is_read_is_what_a_file_gets(
        self, scrapy_without_store: Scrapy, site: ServedSite, form: str
    ) -> None:
        ordered = ("-s", "CONCURRENT_REQUESTS=1", "-s", "FEED_EXPORT_FIELDS=id,title,body")
        run = crawl(scrapy_without_store, site, range(5), "-o", f"-:{form}", *ordered)
        assert run.code == 0, run.err
        crawl(scrapy_without_store, site, range(5), "-o", f"out.{form}", *ordered)
        assert run.out == (scrapy_without_store.folder / f"out.{form}").read_text("utf-8")

    def test_a_full_disk_below_it_is_told(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        command = [*SCRAPY, "crawl", "articles", "-a", urls(site, range(4)), "-o", "-:jsonl"]
        with Path("/dev/full").open("wb") as full:
            ended = subprocess.run(
                command, cwd=scrapy.folder, env=scrapy.environment(CALIBER_BASE_URL=site.url),
                stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=90,
            )  # fmt: skip
        assert ended.returncode == 4, ended.stderr
        assert "standard output: No space left on device" in ended.stderr.splitlines()[-1]
        assert "Traceback" not in ended.stderr


class TestCompany:
    @pytest.mark.parametrize("mode", ["-O", pytest.param("-o", marks=pytest.mark.soak)])
    def test_two_workers_with_one_path_write_two_files(
        self, scrapy: Scrapy, database: Documents, mode: str
    ) -> None:
        cluster = Cluster(scrapy, database, "crawl-1")
        with serve(SiteConfig(articles=300, seed=8)) as site:
            truths = [site.world.article("en", i) for i in range(300)]
            for number, truth in enumerate(truths):
                words = " ".join(f"word{number}-{i}" for i in range(1_500))  # 20 kB
                site.knobs.body_html[truth.slug] = f"<p>{words}</p>"
            addresses = scrapy.folder / "urls.txt"
            addresses.write_text("".join(f"{site.url}{truth.path}\n" for truth in truths))
            site.knobs.delay = 0.05
            given = ("crawl", "articles", "-a", f"file={addresses}", mode, "out.jsonl")
            workers = [
                scrapy.start(*given, CALIBER_BASE_URL=site.url, CRAWL_ID=cluster.crawl_id)
                for _ in range(2)
            ]
            runs = [scrapy.finish(worker) for worker in workers]
        assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
        feeds = sorted(scrapy.folder.glob("*.jsonl"))
        assert len(feeds) == 2
        assert scrapy.feed in feeds
        assert found(*feeds) == sorted(truth.slug for truth in truths)
        lines = {feed: feed.read_bytes().splitlines() for feed in feeds}
        assert all(len(line) > 12_000 for feed in feeds for line in lines[feed])
        # The one beside is named by its worker, as its records name it.
        (other,) = set(feeds) - {scrapy.feed}
        worker = json.loads(lines[other][0])["crawl"]["worker"]
        assert other.name == f"out.{worker.replace(':', '-')}.jsonl"
        assert sum("another process is writing" in run.err for run in runs) == 1
        assert cluster.crawl()["counts"]["feeds/beside"] == 1

    def test_a_file_that_somebody_else_writes_is_let_alone(
        self, scrapy_without_store: Scrapy, site: ServedSite
    ) -> None:
        scrapy = scrapy_without_store
        scrapy.feed.write_bytes(OLD)
        with Claim.take(scrapy.feed) as claim:
            claim.file.write(b"in the making")
            for mode in ("-O", "-o"):
                run = crawl(scrapy, site, range(3), mode, str(scrapy.feed))
                assert run.code == 0, run.err
                assert run.counts["feeds/beside"] == 1
            assert scrapy.feed.read_bytes() == OLD
            assert claim.part.read_bytes() == b"in the making"
        beside = set(scrapy.folder.glob("out.*-*.jsonl"))
        assert len(beside) == 2
        assert all(found(path) == slugs(site, range(3)) for path in beside)
