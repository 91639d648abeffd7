"""Running a command and reading what the operating system says it took."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """One finished process: wall and processor time in seconds, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def run(command: Sequence[str], environment: dict[str, str], folder: Path) -> Usage:
    """Run to the end. Raises `RuntimeError` with the command's errors when it fails."""
    log = folder / "stderr.txt"
    began = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, env=os.environ | environment, cwd=folder, stdout=errors, stderr=errors
        )
        _, status, resources = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return Usage(wall, resources.ru_utime + resources.ru_stime, resources.ru_maxrss / 1024)


def spread(values: Sequence[float]) -> str:
    """Median, with minimum and maximum."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
