"""The process that owns the embedded `mongod`: starts, restarts and stops it.

Run as a script by `caliber_crawler.store.server`, detached from terminal and caller. It and
`access` are files of their own, standard library and `bson` only: it must start in a blink and have
no other threads, because `mongod` is forked from it.

Files in the data folder, beside those of `mongod`:

- ``users.lock``: every user holds a shared `flock` on it. The watchdog keeps trying for the
  exclusive one. Getting it means that nobody is left; holding it until `mongod` has ended makes
  newcomers wait for a clean stop.
- ``server.lock``: exclusive `flock` of whoever starts or runs the server, inherited from the
  starter, freed by the kernel however this process ends. While it is free, ``server.json`` is a
  leftover that nobody trusts.
- ``server.json``: ``{"pid": of mongod, "port": …}``, there while `mongod` answers.
- ``access.key``: the password, see `access`.
- ``mongod.log``, ``mongod.log.1``, ``watchdog.log``.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

if TYPE_CHECKING or __package__:
    from caliber_crawler.store import access
else:  # as a script: the package would import all of the store
    sys.path.append(str(Path(__file__).parent))  # last, so that no other module is hidden
    import access

USERS_LOCK = "users.lock"
SERVER_LOCK = "server.lock"
STATE_FILE = "server.json"
FOLDER_LOCK = "mongod.lock"  # mongod's own; it holds an exclusive flock on it
MONGOD_LOG = "mongod.log"
WATCHDOG_LOG = "watchdog.log"

LOG_LIMIT_BYTES = 16 * 1024 * 1024  # of mongod.log; one older file of this size is kept
TICK_S = 0.1  # how soon a user's leaving or the end of mongod is noticed
READY_POLL_S = 0.02
START_LIMIT_S = 600.0  # after a power loss large data take minutes to recover: do not cut it short
STOP_LIMIT_S = 60.0  # then SIGKILL: safe with the journal, only the next start takes longer
FOLDER_BUSY_LIMIT_S = 15.0  # an orphan of a killed watchdog needs a moment to stop
RESTART_PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0)
STEADY_AFTER_S = 60.0  # a mongod that lived this long starts the count of restarts anew

# How mongod's storage engine is set.
#
# It keeps three files of the journal ahead, of 100 MB each if not told otherwise: 300 MB for an
# empty database. At no pace that a site is crawled with do they need to be as large as that.
#
# An article changes some sixty places all over the indexes (`indexes`). Of a small cache the engine
# would write a page out as soon as a twentieth of all is changed, and read it again for the next
# change: 300 KB an article in an archive of 30,000. Changed pages may take more of it; that they
# are safe is the journal's affair, and they are written once a minute anyway.
ENGINE = (
    "--wiredTigerEngineConfigString=log=(file_max=16MB),"
    "eviction_dirty_target=40,eviction_dirty_trigger=60"
)

EXIT_PORT_TAKEN = 48  # documented exit codes of mongod

PR_SET_PDEATHSIG = 1

log = logging.getLogger("watchdog")


def ports(data_dir: Path) -> Iterator[int]:
    """Ports to try, best first.

    The same for a folder each time, so that clients find a server that replaces another. Below
    the range that Linux uses for outgoing connections (from 32768): there a client that retries a
    closed port can end up connected to itself, and then holds the very port the server needs.
    """
    first = zlib.crc32(os.fsencode(data_dir)) % 10_000
    return (20_000 + (first + step) % 10_000 for step in range(100))


def die_with_parent() -> Callable[[], None] | None:
    """What a child runs before `exec` to get SIGTERM whenever its parent ends.

    None where the system cannot do that (it is Linux' own): there a killed watchdog leaves its
    `mongod` behind, and the next start says that the folder is in use.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # ended before the line above
            os._exit(1)

    return ask_kernel


class StartError(Exception):
    """`mongod` did not come to answer. `code` as in `Popen.returncode`; `output`: what it wrote."""

    def __init__(self, code: int | None, output: str) -> None:
        super().__init__(f"exit code {code}")
        self.code = code
        self.output = output


class Watchdog:
    """Owner of one `mongod`."""

    def __init__(self, mongod: Path, data_dir: Path) -> None:
        self.mongod = mongod
        self.data_dir = data_dir
        self.log_path = data_dir / MONGOD_LOG
        self.state_path = data_dir / STATE_FILE
        self.users = os.open(data_dir / USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        self.key = access.make_key(data_dir)
        self.child: subprocess.Popen[bytes] | None = None
        self.told_to_stop = False

    def run(self, on_ready: Callable[[int], None]) -> None:
        """Start `mongod`, call `on_ready(port)` once, stay until the last user has left, stop it.

        SIGTERM ends it too. Raises `StartError`, also after too many restarts, or `OSError`.
        """
        signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            self.state_path.unlink(missing_ok=True)
            port = self._start_on_some_port()
            on_ready(port)
            self._stay(port)
        finally:
            self._stop()

    def _on_sigterm(self, _signal: int, _frame: FrameType | None) -> None:
        self.told_to_stop = True

    def _start_on_some_port(self) -> int:
        self._wait_for_the_folder()
        candidates = ports(self.data_dir)
        port = next(candidates)
        while True:
            try:
                self._start(port)
            except StartError as failure:
                if failure.code != EXIT_PORT_TAKEN or not (following := next(candidates, None)):
                    raise
                port = following
            else:
                return port

    def _wait_for_the_folder(self) -> None:
        """Until no `mongod` has it, for one that still stops has our port, too.

        That another one stays is for `mongod` to say, in words that `advice` knows.
        """
        give_up = time.monotonic() + FOLDER_BUSY_LIMIT_S
        with suppress(FileNotFoundError), (self.data_dir / FOLDER_LOCK).open("r+b") as file:
            while time.monotonic() < give_up:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                time.sleep(TICK_S)

    def _start(self, port: int) -> None:
        """Start `mongod`, wait until it answers, publish where. Raises `StartError`."""
        self._rotate_log()
        command = [
            str(self.mongod),
            f"--dbpath={self.data_dir}",
            f"--port={port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            f"--keyFile={self.data_dir / access.KEY_FILE}",  # means access control, too
            "--setParameter=enableLocalhostAuthBypass=false",
            "--wiredTigerCacheSizeGB=0.25",
            ENGINE,
            f"--logpath={self.log_path}",
            "--logappend",
            "--logRotate=reopen",
            "--quiet",  # no lines about every connection
            "--setParameter=diagnosticDataCollectionEnabled=false",
        ]
        with self.log_path.open("ab") as output:  # also for what comes before any log: the loader
            begin = output.tell()
            try:
                child = subprocess.Popen(  # noqa: S603 - the binary that find_mongod chose
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    preexec_fn=die_with_parent(),
                )
            except OSError as error:
                raise StartError(None, f"cannot execute {self.mongod}: {error.strerror}") from error
        self.child = child
        deadline = time.monotonic() + START_LIMIT_S
        while access.server_pid(port, self.key, make_user=True) != child.pid:
            if child.poll() is not None:
                raise StartError(child.returncode, self._output_since(begin))
            if self.told_to_stop or time.monotonic() > deadline:
                raise StartError(None, self._output_since(begin))
            time.sleep(READY_POLL_S)
        draft = self.state_path.with_suffix(".tmp")
        draft.write_text(json.dumps({"pid": child.pid, "port": port}))
        draft.replace(self.state_path)
        log.info("mongod %d answers on port %d", child.pid, port)

    def _output_since(self, offset: int) -> str:
        with self.log_path.open("rb") as file:
            file.seek(offset)
            return file.read(200_000).decode("utf-8", "replace")

    def _stay(self, port: int) -> None:
        restarts = 0
        started = time.monotonic()
        while not self._is_unused():
            if self.child is not None and self.child.poll() is not None:
                self.state_path.unlink(missing_ok=True)
                restarts = 1 if time.monotonic() - started > STEADY_AFTER_S else restarts + 1
                log.error(
                    "mongod ended with exit code %s, restart %d", self.child.returncode, restarts
                )
                if restarts > len(RESTART_PAUSES_S):
                    raise StartError(self.child.returncode, "gave up restarting")
                time.sleep(RESTART_PAUSES_S[restarts - 1])
                try:
                    self._start(port)
                except StartError as failure:
                    log.error("restart failed: %s", failure)
                started = time.monotonic()
            else:
                self._rotate_log()
                time.sleep(TICK_S)

    def _is_unused(self) -> bool:
        if self.told_to_stop:
            return True
        try:
            fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _rotate_log(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
            if self.child is not None and self.child.poll() is None:
                self.child.send_signal(signal.SIGUSR1)  # "open your log anew"

    def _stop(self) -> None:
        self.state_path.unlink(missing_ok=True)
        if self.child is None or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            log.error("mongod did not stop in %.0f s, killing it", STOP_LIMIT_S)
            self.child.kill()
            self.child.wait()
        log.info("mongod stopped with exit code %s", self.child.returncode)


def main() -> int:
    """Detach, run, and report how the start went: one JSON object through the given descriptor.

    That is ``{"port": …}`` or, with the meaning of `StartError`, ``{"code": …, "output": …}``.
    """
    parser = argparse.ArgumentParser(description="Owns the embedded mongod of one data folder.")
    parser.add_argument("--mongod", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--report-fd", type=int, required=True)
    parser.add_argument("--lock-fd", type=int, required=True, help="server.lock; kept to the end")
    arguments = parser.parse_args()
    if os.fork():  # the starter waits for this end, and has no child to look after later
        os._exit(0)
    # Standard error is watchdog.log.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    reports = os.fdopen(arguments.report_fd, "w")

    def report(**what: object) -> None:
        if not reports.closed:  # what happens after the start stands in the log only
            with suppress(BrokenPipeError), reports:  # the starter may be gone
                json.dump(what, reports)

    try:
        Watchdog(arguments.mongod, arguments.data_dir).run(lambda port: report(port=port))
    except StartError as failure:
        log.error("%s: %s", failure, failure.output[-2000:])
        report(code=failure.code, output=failure.output[-50_000:])
    except OSError as error:
        log.exception("giving up")
        report(code=None, output=str(error))
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
