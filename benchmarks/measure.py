"""Running a command and reading what the operating system says it took."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
_EVERY_SECONDS, _TREE_EVERY = 0.1, 10


@dataclass(frozen=True)
class Usage:
    """One finished process: wall and processor time in seconds, peak memory in MiB.

    `peak` is the system's own high mark, read ten times a second. Not `ru_maxrss`: that of a child
    begins with the memory of the process that started it. `tree` is the peak of the process and all
    that stem from it together, by samples; pages that they share count once for each.
    """

    wall: float
    cpu: float
    peak: float
    tree: float


ROOT = Path(__file__).resolve().parent.parent


def environment(url: str, uri: str) -> dict[str, str]:
    """Of a crawl of ours against a stand-in at `url`, as fast as it can, into MongoDB at `uri`."""
    return {
        "PYTHONPATH": str(ROOT),
        "SCRAPY_SETTINGS_MODULE": "caliber_crawler.settings",
        "CALIBER_BASE_URL": url,
        "CLUSTER_DOWNLOAD_DELAY": "0",
        "MONGODB_URI": uri,
        "LOG_LEVEL": "WARNING",
    }


def run(command: Sequence[str], environment: dict[str, str], folder: Path) -> Usage:
    """Run to the end. Raises `RuntimeError` with the command's errors when it fails."""
    log = folder / "stderr.txt"
    began = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, env=os.environ | environment, cwd=folder, stdout=errors, stderr=errors
        )
        ended = threading.Event()
        peaks = [0.0, 0.0]
        watch = threading.Thread(target=_watch, args=(process.pid, ended, peaks))
        watch.start()
        _, status, resources = os.wait4(process.pid, 0)
        ended.set()
        watch.join()
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    cpu = resources.ru_utime + resources.ru_stime
    own, tree = peaks
    return Usage(wall, cpu, own, max(own, tree))


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, name: str = "worker"
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the background, killed when the block ends; it writes to `NAME.log`."""
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen(
            command, env=os.environ | dict(environment), cwd=folder, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll. `RuntimeError` with `what` was waited for when time is up."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.005)


def _watch(root: int, ended: threading.Event, peaks: list[float]) -> None:
    """Sample the memory of a process, and of its tree, until it has ended."""
    for turn in itertools.count(1):
        peaks[0] = max(peaks[0], _high_mark(root))
        if turn % _TREE_EVERY == 0:
            peaks[1] = max(peaks[1], _of_tree(root))
        if ended.wait(_EVERY_SECONDS):
            return


def _high_mark(pid: int) -> float:
    """The most memory that a process had so far; 0 when it has ended."""
    try:
        found = _PEAK.search((Path("/proc") / str(pid) / "status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def _of_tree(root: int) -> float:
    """What a process and all that stem from it have now."""
    parents: dict[int, int] = {}
    memory: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        memory[pid] = int(fields[21]) * _PAGE / 1024 / 1024
    tree = {root}
    while grown := {p for p, parent in parents.items() if parent in tree and p not in tree}:
        tree |= grown
    return sum(memory.get(pid, 0.0) for pid in tree)
