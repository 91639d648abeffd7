"""Servers in tests: a `mongod` of a test's own, and the processes of an embedded server."""

from __future__ import annotations

import os
import random
import re
import select
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from caliber_crawler.store.server import find_mongod
from caliber_crawler.store.watchdog import ENGINE


def free_port() -> int:
    """A port that the kernel gives to no outgoing connection while no server is on it.

    A client that tries such a port again and again can even end up connected to itself.
    """
    for port in random.Random().sample(range(20_000, 30_000), 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    pytest.fail("no free port")


def start_mongod(folder: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    """Start one without waiting until it answers. Its files, and its log, are in `folder`."""
    command = [
        str(find_mongod()),
        f"--dbpath={folder}",
        f"--port={port}",
        "--bind_ip=127.0.0.1",
        "--nounixsocket",
        "--wiredTigerCacheSizeGB=0.25",
        ENGINE,
        *options,
    ]
    with (folder / "mongod.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def command_lines(data_dir: Path) -> dict[int, list[str]]:
    """Words by process id of the live servers (watchdogs and mongods) of this folder."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = os.fsdecode((entry / "cmdline").read_bytes()).split("\0")
            except OSError:
                continue  # ended meanwhile
            if f"--dbpath={data_dir}" in words or f"--data-dir={data_dir}" in words:
                found[int(entry.name)] = words
    return found


def processes(data_dir: Path) -> list[int]:
    return list(command_lines(data_dir))


def mongods(data_dir: Path) -> list[int]:
    servers = command_lines(data_dir)
    return [pid for pid, words in servers.items() if f"--dbpath={data_dir}" in words]


def watchdogs(data_dir: Path) -> list[int]:
    servers = command_lines(data_dir)
    return [pid for pid, words in servers.items() if f"--data-dir={data_dir}" in words]


def kill_watchdog(data_dir: Path) -> None:
    """SIGKILL it, and return as soon as it has ended (its `mongod` may not have)."""
    (pid,) = watchdogs(data_dir)
    process = os.pidfd_open(pid)  # /proc forgets a process before its locks are freed
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        assert select.select([process], [], [], 30)[0]
    finally:
        os.close(process)


def port_of(uri: str) -> int:
    port: int = parse_uri(uri)["nodelist"][0][1]
    return port


def files_of_another_version(data_dir: Path) -> None:
    """Have `mongod` refuse the folder, as it would that of a later version."""
    turtle = data_dir / "WiredTiger.turtle"
    turtle.write_text(re.sub(r"major=\d+", "major=99", turtle.read_text()))
