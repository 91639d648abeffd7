"""A `mongod` of a test's own, besides the embedded server: how it is started, and on which port."""

from __future__ import annotations

import random
import socket
import subprocess
from pathlib import Path

import pytest

from caliber_crawler.store.server import find_mongod
from caliber_crawler.store.watchdog import SMALL_JOURNAL


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
        SMALL_JOURNAL,
        *options,
    ]
    with (folder / "mongod.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
