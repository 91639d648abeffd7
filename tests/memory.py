"""Peak memory of processes, as the system counts it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.background import repeated

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_EVERY_SECONDS = 0.02
_CHILDREN_EVERY = 10


@dataclass
class Memory:
    """Peaks in MiB: of a process (`own`), of each of its descendants (`children`, by number), and
    of all these together (`together`, where what several share counts once)."""

    own: float = 0.0
    children: dict[int, float] = field(default_factory=dict)
    together: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """The peaks of a running process, until it has ended or the block is left.

    Not `ru_maxrss`: that of a child begins with the memory of the process that forked it.
    """
    memory = Memory()
    rounds = itertools.count(1)

    def look() -> None:
        memory.own = max(memory.own, _found(pid, "status", _PEAK))
        if next(rounds) % _CHILDREN_EVERY == 0:
            descendants = _descendants(pid)
            for child in descendants:
                peak = _found(child, "status", _PEAK)
                memory.children[child] = max(memory.children.get(child, 0.0), peak)
            shares = sum(_found(child, "smaps_rollup", _SHARE) for child in descendants)
            memory.together = max(memory.together, shares)

    with repeated(_EVERY_SECONDS, look):
        yield memory


def _found(pid: int, name: str, pattern: re.Pattern[str]) -> float:
    """A number of `/proc` in MiB; 0 when the process has ended."""
    try:
        said = Path(f"/proc/{pid}/{name}").read_text("utf-8")
    except OSError:
        return 0.0
    found = pattern.search(said)
    return int(found[1]) / 1024 if found else 0.0


def _descendants(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        parents[int(folder.name)] = int(fields[1])
    tree = {root}
    while grown := {p for p, parent in parents.items() if parent in tree and p not in tree}:
        tree |= grown
    return tree - {root}
