"""Shared fixtures: a real mongod, a real stand-in site, real `scrapy` processes."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.store import watchdog
from caliber_crawler.store.server import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent
SCRAPY = (sys.executable, "-m", "scrapy")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long tests, too")


def pytest_configure() -> None:
    """Processes inherit which signals are ignored, as by `nohup` or `make test &` in a script."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The long tests are `make soak`'s; each has a short form in the suite proper."""
    soak = collection_path.name == "soak" and collection_path.is_dir()
    return True if soak and not config.getoption("--soak") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes a while and differs little from what stays is `make soak`'s as well."""
    long = [item for item in items if item.get_closest_marker("soak")]
    if long and not config.getoption("--soak"):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def wait_until(condition: Callable[[], Any], *, seconds: float = 20.0, what: str = "") -> Any:
    """Poll until a condition holds and return its value; fail with `what` when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain: {what or condition}")
        time.sleep(0.02)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """The test's own folder. Embedded servers in it have ended before it is removed."""
    yield tmp_path
    for lock in filter(Path.is_file, tmp_path.rglob(watchdog.SERVER_LOCK)):
        with lock.open() as file:
            wait_until(lambda file=file: _free(file), what=f"an end of the server of {lock}")


def _free(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real mongod that this test process has for itself."""
    with EmbeddedServer(tmp_path_factory.mktemp("mongo")) as uri:
        yield uri


@pytest.fixture
def database_name(mongo_uri: str) -> Iterator[str]:
    """Name of an empty database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    with MongoClient(mongo_uri) as client:
        client.drop_database(name)


@pytest.fixture
def database(mongo_uri: str, database_name: str) -> Iterator[Database[dict[str, Any]]]:
    """The database for looking into with the blocking driver."""
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client[database_name]


@pytest.fixture
async def async_database(
    mongo_uri: str, database_name: str
) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """The same database as the store sees it."""
    async with AsyncMongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client[database_name]


@dataclass
class Run:
    """A finished `scrapy` process. `lines` are those of its feed, if it had one."""

    code: int
    out: str
    err: str
    feed: Path
    lines: list[str]

    @property
    def verdict(self) -> str:
        """The last line on standard error."""
        return self.err.rstrip().rpartition("\n")[2]

    @property
    def counts(self) -> Counter[str]:
        """The counters of the summary."""
        lines = re.findall(r"^  ([a-z_]+/[a-z_0-9/]+) +(\d+)  ", self.err, re.MULTILINE)
        return Counter({name: int(number) for name, number in lines})

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@dataclass
class Scrapy:
    """Runs `scrapy` as a user would, in a folder of its own, against given settings.

    With `own_group` each process leads a process group, to which signals can be sent.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    own_group: bool = False
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def feed(self) -> Path:
        return self.folder / "out.jsonl"

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a process. Settings go through it, as in production."""
        names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
        return {name: os.environ[name] for name in names if name in os.environ} | {
            "PYTHONPATH": str(ROOT),
            "SCRAPY_SETTINGS_MODULE": "caliber_crawler.settings",
            "PYTHONUNBUFFERED": "1",
            "CALIBER_TEST_MARK": self.mark,
            **self.settings,
            **settings,
        }

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start without waiting."""
        environment = self.environment(**settings)
        process = subprocess.Popen(
            [*SCRAPY, *arguments],
            cwd=self.folder,
            env=environment,
            text=True,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=self.own_group,
        )
        self.running.append(process)
        return process

    def alive(self) -> list[str]:
        """Command lines of all living processes that stem from this runner's."""
        return list(self.processes().values())

    def processes(self) -> dict[int, str]:
        """The same by number. They carry a mark, or, Chromium's children, live in the folder."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = self.mark.encode() in (folder / "environ").read_bytes()
                if marked or (folder / "cwd").readlink() == self.folder:
                    command = os.fsdecode((folder / "cmdline").read_bytes()).replace("\0", " ")
                    found[int(folder.name)] = command
            except OSError:  # gone meanwhile
                continue
        return {n: command for n, command in found.items() if command}  # a dead one has none

    def finish(
        self, process: subprocess.Popen[str], *, typed: str = "", seconds: float = 90.0
    ) -> Run:
        """Wait for the end of a started process; `typed` goes to its standard input."""
        out, err = process.communicate(typed, timeout=seconds)
        lines = self.feed.read_text("utf-8").splitlines() if self.feed.exists() else []
        return Run(process.returncode, out, err, self.feed, lines)

    def __call__(self, *arguments: str, **settings: str) -> Run:
        """Run to the end."""
        return self.finish(self.start(*arguments, **settings))

    def crawl(self, spider: str, *arguments: str, **settings: str) -> Run:
        """`scrapy crawl SPIDER -O out.jsonl`, each argument as ``name=value``."""
        options = [part for argument in arguments for part in ("-a", argument)]
        self.feed.unlink(missing_ok=True)  # a crawl that finds nothing would leave it
        return self("crawl", spider, "-O", str(self.feed), *options, **settings)


@pytest.fixture
def scrapy_without_store(tmp_path: Path) -> Iterator[Scrapy]:
    """`scrapy` with MONGODB_URI=off and no delay."""
    runner = Scrapy(tmp_path, {"MONGODB_URI": "off", "CLUSTER_DOWNLOAD_DELAY": "0"})
    yield runner
    _end(runner)


@pytest.fixture
def scrapy(tmp_path: Path, mongo_uri: str, database_name: str) -> Iterator[Scrapy]:
    """`scrapy` with a real database of the test's own and no delay."""
    settings = {
        "MONGODB_URI": mongo_uri,
        "MONGODB_DATABASE": database_name,
        "CLUSTER_DOWNLOAD_DELAY": "0",
    }
    runner = Scrapy(tmp_path, settings)
    yield runner
    _end(runner)


def _end(runner: Scrapy) -> None:
    """Leave no process behind, whatever the test did."""
    for process in runner.running:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
