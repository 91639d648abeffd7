"""The processes of a browser: which they are, and how all of them end, even stopped ones.

Read from /proc; where there is none, nothing is found, and Playwright's own clean-up has to do.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_DRIVER = b"run-driver"
_PROFILE = b"--user-data-dir="
_ENDING_SECONDS = 3.0


@dataclass(frozen=True)
class Process:
    """A living process. `started` tells it from a later one with the same number."""

    pid: int
    started: str


@dataclass(frozen=True)
class _Entry:
    process: Process
    parent: int
    session: int


def drivers() -> set[Process]:
    """Playwright's drivers that this process started."""
    own = os.getpid()
    return {
        entry.process for entry in _table().values() if entry.parent == own and _is_driver(entry)
    }


def browsers(drivers: Collection[Process]) -> set[Process]:
    """What these drivers started: each browser's first process, which leads a session."""
    numbers = {driver.pid for driver in drivers}
    return {entry.process for entry in _table().values() if entry.parent in numbers}


def family(roots: Collection[Process]) -> set[Process]:
    """The given processes as far as they live, all that stem from them, and their sessions.

    A session outlives its leader: that is how the rest of a browser is found whose first process
    was killed.
    """
    table = _table()
    found = {entry.process for entry in table.values() if entry.process in roots}
    for root in roots:
        leader = table.get(root.pid)
        if leader is None or leader.process == root:
            found |= {entry.process for entry in table.values() if entry.session == root.pid}
    numbers = {process.pid for process in found}
    while more := {e.process for e in table.values() if e.parent in numbers} - found:
        found |= more
        numbers = {process.pid for process in more}
    return found


def profile(process: Process) -> Path | None:
    """The folder of temporary files that a browser was started with."""
    with suppress(OSError):
        for argument in Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0"):
            if argument.startswith(_PROFILE):
                return Path(os.fsdecode(argument.removeprefix(_PROFILE)))
    return None


def kill(processes: Collection[Process]) -> None:
    """SIGKILL, which ends stopped processes too."""
    table = _table()
    for process in processes:
        entry = table.get(process.pid)
        if entry is not None and entry.process == process:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)


async def end(roots: Collection[Process]) -> None:
    """Kill a family and wait until it is gone."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _ENDING_SECONDS
    while (living := family(roots)) and loop.time() < deadline:
        kill(living)
        await asyncio.sleep(0.05)


def _is_driver(entry: _Entry) -> bool:
    with suppress(OSError):
        return _DRIVER in Path(f"/proc/{entry.process.pid}/cmdline").read_bytes().split(b"\0")
    return False


def _table() -> dict[int, _Entry]:
    """All living processes by their number; the dead that wait for their parent are left out."""
    table = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in brackets may hold blanks and brackets itself.
            rest = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            if rest[0] not in "ZX":
                pid = int(path.parent.name)
                table[pid] = _Entry(Process(pid, rest[19]), int(rest[1]), int(rest[3]))
    return table
