"""Who can use the embedded server: its owner, by a password that shows nowhere else."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from caliber_crawler import secrecy
from caliber_crawler.store import access, watchdog
from caliber_crawler.store.__main__ import LOOK_AGAIN_S
from caliber_crawler.store.server import EmbeddedServer
from tests.conftest import ROOT, wait_until
from tests.mongods import (
    command_lines,
    files_of_another_version,
    free_port,
    kill_watchdog,
    mongods,
    port_of,
    processes,
    start_mongod,
)

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "mongodb"
    yield folder
    wait_until(lambda: not processes(folder), what="the server stops after its last user")


def password_of(uri: str) -> str:
    found = re.match(r"mongodb://caliber:([0-9a-f]{64})@", uri)
    assert found
    return found[1]


def connect(port: int, login: str = "") -> Client:
    return MongoClient(f"mongodb://{login}127.0.0.1:{port}/?directConnection=true")


def files_with(folder: Path, text: str) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()}


def test_nobody_gets_in_without_the_password(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri:
        port = port_of(uri)
        with connect(port) as stranger:
            for command in (
                {"find": "articles"},
                {"createUser": "x", "pwd": "y", "roles": ["root"]},
                {"serverStatus": 1},
                {"shutdown": 1},
            ):
                with pytest.raises(OperationFailure, match="requires authentication"):
                    stranger.admin.command(command)
        with connect(port, f"caliber:{'0' * 64}@") as guesser, pytest.raises(OperationFailure):
            guesser.admin.command("serverStatus")
        with MongoClient[dict[str, Any]](uri) as owner:
            assert owner.admin.command("serverStatus")["ok"]


def test_the_password_is_in_one_file_that_only_the_owner_reads(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    with EmbeddedServer(data_dir) as uri:
        password = password_of(uri)
        assert data_dir.stat().st_mode & 0o777 == 0o700
        assert (data_dir / access.KEY_FILE).stat().st_mode & 0o777 == 0o600
        assert files_with(data_dir, password) == {access.KEY_FILE}
        assert len(command_lines(data_dir)) == 2
        for pid in command_lines(data_dir):
            for secret_place in ("cmdline", "environ"):
                said = Path(f"/proc/{pid}/{secret_place}").read_bytes()
                assert password.encode() not in said
    with EmbeddedServer(data_dir) as again:
        assert again == uri


def test_a_folder_from_before_there_were_passwords(data_dir: Path) -> None:
    data_dir.mkdir()
    port = free_port()
    with start_mongod(data_dir, port) as mongod:
        with connect(port) as client:
            client.caliber.articles.insert_one({"_id": "en/old"})
        mongod.send_signal(signal.SIGTERM)
    with EmbeddedServer(data_dir) as uri, MongoClient[dict[str, Any]](uri) as client:
        assert client.caliber.articles.find_one() == {"_id": "en/old"}


@pytest.mark.parametrize("trouble", ["lost", "readable", "empty"])
def test_a_password_that_others_may_know_is_replaced(data_dir: Path, trouble: str) -> None:
    with EmbeddedServer(data_dir) as uri, MongoClient[dict[str, Any]](uri) as client:
        client.caliber.articles.insert_one({"_id": "en/one"})
    wait_until(lambda: not processes(data_dir), what="an end of the server")
    file = data_dir / access.KEY_FILE
    match trouble:
        case "lost":
            file.unlink()
        case "readable":
            file.chmod(0o640)
        case "empty":
            file.write_text("")
    with EmbeddedServer(data_dir) as after:
        assert password_of(after) != password_of(uri)
        assert file.stat().st_mode & 0o777 == 0o600
        with MongoClient[dict[str, Any]](after) as client:
            assert client.caliber.articles.find_one() == {"_id": "en/one"}
        with (
            connect(port_of(after), f"caliber:{password_of(uri)}@") as old,
            pytest.raises(OperationFailure, match="Authentication failed"),
        ):
            old.admin.command("serverStatus")


def test_a_server_that_does_not_know_the_password_is_none_of_ours(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri:
        port = port_of(uri)
        assert access.server_pid(port, password_of(uri)) in command_lines(data_dir)
        assert access.server_pid(port, "0" * 64) is None
        assert access.server_pid(port, "0" * 64, make_user=True) is None


@pytest.mark.parametrize("whole", [False, True])
def test_the_command_shows_the_password_only_when_asked(data_dir: Path, whole: bool) -> None:
    """Which server, it takes from the same setting as crawls when it is not told."""
    command = [sys.executable, "-m", "caliber_crawler.store"]
    with subprocess.Popen(
        command + ["--with-password"] * whole,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"MONGODB_DATA_DIR": str(data_dir)},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            password = access.read_key(data_dir)
            if not whole:
                address = address.replace("caliber@", f"caliber:{password}@")
            with MongoClient[dict[str, Any]](address) as client:
                assert client.admin.command("serverStatus")["ok"]
        finally:
            process.send_signal(signal.SIGINT)
            rest, told = process.communicate()
    assert rest == ""
    assert password not in told
    assert (str(data_dir / access.KEY_FILE) in told) is not whole


def test_the_command_keeps_the_server_up_and_says_why_it_cannot(data_dir: Path) -> None:
    # In two words, so that it is not taken for the watchdog, who has it in one.
    command = [sys.executable, "-m", "caliber_crawler.store", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            port = port_of(process.stdout.readline())
            (first,) = mongods(data_dir)
            kill_watchdog(data_dir)
            wait_until(lambda: mongods(data_dir) not in ([], [first]), what="another mongod")
            wait_until(lambda: access.server_pid(port, access.read_key(data_dir)), what="an answer")
            process.send_signal(signal.SIGSTOP)
            kill_watchdog(data_dir)
            wait_until(lambda: not processes(data_dir), what="an end of mongod")
            files_of_another_version(data_dir)
            process.send_signal(signal.SIGCONT)
            time.sleep(2 * LOOK_AGAIN_S + 1)
        finally:
            process.send_signal(signal.SIGINT)
            _, told = process.communicate()
    assert told.count("the files are of another MongoDB version") == 1
    assert process.returncode == 0


def test_as_a_service_it_outlives_crawls_and_stops_cleanly(data_dir: Path, tmp_path: Path) -> None:
    """systemd hears when the server answers; who comes then starts none of its own."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(60)
        with subprocess.Popen(
            [sys.executable, "-m", "caliber_crawler.store"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"MONGODB_DATA_DIR": str(data_dir), "NOTIFY_SOCKET": str(address)},
        ) as process:  # fmt: skip
            try:
                assert systemd.recv(100) == b"READY=1"
                before = processes(data_dir)
                for _ in range(2):
                    with EmbeddedServer(data_dir) as uri:
                        assert access.server_pid(port_of(uri), password_of(uri)) in before
                    time.sleep(1)  # many times as long as a server without users goes on
                    assert processes(data_dir) == before
            finally:
                process.terminate()
                _, told = process.communicate()
    assert process.returncode == 0, told
    wait_until(lambda: not processes(data_dir), what="an end of the server")
    assert "mongod stopped with exit code 0" in (data_dir / watchdog.WATCHDOG_LOG).read_text()


def test_the_password_is_hidden_in_all_that_is_said(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as uri:
        assert secrecy.hide(f"lost {uri}, {password_of(uri)}") == (
            f"lost {uri.replace(password_of(uri), '***')}, ***"
        )
