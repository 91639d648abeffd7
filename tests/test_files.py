"""Claims on files between real processes, and mending of JSON lines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.errors import FileTaken
from caliber_crawler.files import Claim, Mended, beside, is_special, mend_lines
from caliber_crawler.items import json_line
from tests.conftest import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from caliber_crawler.files import Claim
claim = Claim.take(Path(sys.argv[1]))
claim.file.write(b"half")
print("has it", flush=True)
time.sleep(600)
"""
# Takes the right to write again and again; whoever has it must be the only one.
RIVAL = """
import os, sys
from pathlib import Path
from caliber_crawler.errors import FileTaken
from caliber_crawler.files import Claim
path, name, done = Path(sys.argv[1]), sys.argv[2], 0
while done < 150:
    try:
        claim = Claim.take(path)
    except FileTaken:
        continue
    busy = os.open(path.with_name("busy"), os.O_CREAT | os.O_EXCL)
    assert not claim.leftover, claim.leftover
    claim.file.write(name.encode() * 1000)
    os.close(busy)
    path.with_name("busy").unlink()
    claim.commit() if done % 3 else claim.discard()
    done += 1
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"old")
    return path


class TestClaim:
    def test_the_old_file_stays_until_the_new_one_takes_its_place(self, target: Path) -> None:
        with Claim.take(target) as claim:
            claim.file.write(b"new")
            assert target.read_bytes() == b"old"
            claim.commit()
            assert target.read_bytes() == b"new"
        assert list(target.parent.iterdir()) == [target]

    def test_without_an_end_it_is_undone(self, target: Path) -> None:
        with Claim.take(target) as claim:
            claim.file.write(b"new")
        assert target.read_bytes() == b"old"
        assert list(target.parent.iterdir()) == [target]

    def test_it_is_one_writers_at_a_time_by_whatever_name(self, target: Path) -> None:
        link = target.with_name("link")
        link.symlink_to(target)
        with Claim.take(target):
            for name in (target, link, target.parent / "." / "x" / ".." / "out.jsonl"):
                with pytest.raises(FileTaken, match="another process is writing"):
                    Claim.take(name)
        with Claim.take(link) as claim:
            claim.commit()
        assert link.is_symlink()

    def test_a_killed_writer_holds_nothing_and_leaves_what_it_wrote(self, target: Path) -> None:
        holder = python(HOLDER, str(target))
        assert holder.stdout is not None
        assert holder.stdout.readline() == "has it\n"
        with pytest.raises(FileTaken):
            Claim.take(target)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        with Claim.take(target) as claim:
            assert claim.leftover == 4
            claim.empty()
            claim.file.write(b"new")
            claim.commit()
        assert target.read_bytes() == b"new"

    def test_rivals_never_write_at_the_same_time(self, target: Path) -> None:
        rivals = [python(RIVAL, str(target), name) for name in "abcd"]
        ended = [(rival.communicate()[1], rival.returncode) for rival in rivals]
        assert ended == [("", 0)] * 4
        content = target.read_bytes().decode()
        assert content in {name * 1000 for name in "abcd"}
        assert list(target.parent.iterdir()) == [target]

    def test_folders_and_pipes(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError):
            Claim.take(tmp_path)
        assert is_special(Path("/dev/null"))
        assert not is_special(tmp_path)
        assert not is_special(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("out.jsonl", "out.w.jsonl"),
        ("out.2026.jsonl.gz", "out.2026.w.jsonl.gz"),
        ("out", "out.w"),
        ("out.gz", "out.w.gz"),
        (".jsonl", ".jsonl.w"),
    ],
)
def test_other_names_keep_their_endings(name: str, other: str) -> None:
    assert beside(Path("folder") / name, "w") == Path("folder") / other


RECORD = b'{"a": 1}'


@pytest.mark.parametrize(
    ("before", "after", "mended"),
    [
        (b"", b"", Mended()),
        (RECORD + b"\n", RECORD + b"\n", Mended()),
        (RECORD, RECORD + b"\n", Mended(at=8, ended=True)),
        (RECORD + b"\n" + RECORD, (RECORD + b"\n") * 2, Mended(at=17, ended=True)),
        (RECORD + b'\n{"a": ', RECORD + b"\n", Mended(cut=6, at=9)),
        (b'{"a": "\xd1', b"", Mended(cut=8, at=0)),
        (RECORD + b"\n\0\0\0", RECORD + b"\n", Mended(cut=3, at=9)),
        (b'{"a": \0\0', b"", Mended(cut=8, at=0)),
        (b'{"a": "' + b"x" * 200_000, b"", Mended(cut=200_007, at=0)),
    ],
)
def test_mending(tmp_path: Path, before: bytes, after: bytes, mended: Mended) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(before)
    with FileIO(path, "r+") as file:
        assert mend_lines(file) == mended
    assert path.read_bytes() == after


@pytest.mark.parametrize("content", [b"id,title\n1,x", b"\x1f\x8b\x08\0", b"[1, 2]", b"7"])
def test_what_is_no_feed_of_ours_is_not_cut(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with FileIO(path, "r+") as file, pytest.raises(ValueError, match="is no record"):
        mend_lines(file)
    assert path.read_bytes() == content


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers()), max_size=4),
    st.integers(0, 200),
)
@settings(max_examples=150, deadline=None)
def test_cut_anywhere_the_whole_records_stay(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str | int]], at: int
) -> None:
    whole = "".join(f"{json_line(record)}\n" for record in records).encode()
    path = tmp_path_factory.mktemp("cut") / "out.jsonl"
    path.write_bytes(whole[:at])
    with FileIO(path, "r+") as file:
        mend_lines(file)
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    expected = [json.loads(line) for line in whole.splitlines()]
    assert found == expected[: len(found)]
    assert len(found) >= whole[:at].count(b"\n")
