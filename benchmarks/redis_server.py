"""A Redis server of one's own, for the peers that need one.

It listens on loopback, has its files in a temporary folder and writes nothing to disk: `--save ''`
and `--appendonly no`, which is its fastest way. Only crawlers are killed in what is measured here,
never the server, so nothing is lost by that.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SERVER, CLIENT = "redis-server", "redis-cli"
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Redis:
    """`url` is what clients are given. Commands go through `redis-cli`, so that no client library
    is needed here."""

    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def ask(self, *arguments: str) -> str:
        """One command; what it answers, without the line break. `RuntimeError` when it fails."""
        return self._run(list(arguments)).rstrip("\n")

    def push(self, key: str, values: Iterable[str]) -> None:
        """Put texts at the end of a list."""
        commands = b"".join(_command("RPUSH", key, value) for value in values)
        self._run(["--pipe"], commands)

    def values(self, key: str) -> list[str]:
        """All texts of a list; none may hold a line break."""
        return self._run(["LRANGE", key, "0", "-1"]).splitlines()

    def _run(self, arguments: list[str], given: bytes = b"") -> str:
        command = [CLIENT, "-h", "127.0.0.1", "-p", str(self.port), "--raw", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        said = done.stdout.decode()
        # With --raw an error looks like any other answer.
        if done.returncode or said.startswith(("ERR ", "WRONGTYPE ", "OOM ")):
            raise RuntimeError(f"redis-cli {arguments[0]}: {said} {done.stderr.decode()}")
        return said


@contextmanager
def redis() -> Iterator[Redis]:
    """A server as long as the block runs. `RuntimeError` when none can be had."""
    if not shutil.which(SERVER) or not shutil.which(CLIENT):
        raise RuntimeError(
            "no redis-server on PATH: scripts/setup_bench.sh installs it as root on Debian; "
            "elsewhere install Redis (redis-server and redis-cli)"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = Redis(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [
            SERVER, "--port", str(server.port), "--bind", "127.0.0.1", "--dir", folder,
            "--save", "", "--appendonly", "no", "--daemonize", "no",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            _wait(server, process)
            yield server
        finally:
            process.kill()  # it has nothing to save
            process.communicate()


def _wait(server: Redis, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            said = process.stdout.read().decode() if process.stdout else ""
            raise RuntimeError(f"redis-server ended with exit code {process.returncode}:\n{said}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("redis-server does not answer")


def _command(*words: str) -> bytes:
    """A command as Redis reads it from a socket."""
    parts = [word.encode() for word in words]
    sized = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%s" % (len(parts), sized)
