"""Crawls as processes: started, listened to, told to stop, killed; and those found alive."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from caliber_crawler.saying import told

VERDICT = "caliber-crawler: "
_LONGEST_LINE = 1024 * 1024
_POLL_SECONDS = 0.5

Listener = Callable[[str], None]


class Process(Protocol):
    """A crawl's process. `done` is set when it has ended; then `code` is its exit code, negative
    for the signal that killed it, None when nobody can know; `line` is its verdict or last line."""

    pid: int
    done: asyncio.Event
    code: int | None
    line: str

    def send(self, number: int) -> None:
        """Send a signal to it; SIGKILL goes to all that it started, too."""


class Child:
    """A process that this one started. It leads a process group, so signals from a terminal reach
    it only by way of the scheduler."""

    def __init__(self, process: asyncio.subprocess.Process, listener: Listener) -> None:
        self._process = process
        self._listener = listener
        self.pid = process.pid
        self.done = asyncio.Event()
        self.code: int | None = None
        self.line = ""
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        listener: Listener,
    ) -> Child:
        """Start ``scrapy …`` in the present folder. `listener` gets each line that it writes.

        Raises OSError.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "scrapy",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(variables),
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        return cls(process, listener)

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            elif self._process.returncode is None:
                # The process object's own way would look first whether it has ended, and so take
                # the exit code that the loop waits for.
                os.kill(self.pid, number)

    async def _listen(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - it is a pipe
        reading = asyncio.create_task(self._read(output))
        self.code = await self._process.wait()
        # A grandchild that lives on may hold the pipe open for good; what is written is here.
        await asyncio.wait([reading], timeout=2.0)
        reading.cancel()
        self.done.set()

    async def _read(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                raw = await output.readline()
            except ValueError:  # a line longer than any log should have
                continue
            if not raw:
                return
            line = told(raw.decode("utf-8", "replace").rstrip())
            if line.startswith(VERDICT) or (line and not self.line.startswith(VERDICT)):
                self.line = line
            self._listener(line)


class Found:
    """A process that an earlier scheduler started and that lives on. Nobody gets its exit code."""

    def __init__(self, pid: int, ticks: int | None) -> None:
        self.pid = pid
        self._ticks = ticks
        self.done = asyncio.Event()
        self.code: int | None = None
        self.line = ""
        self._watching = asyncio.create_task(self._watch())

    def send(self, number: int) -> None:
        if not is_alive(self.pid, self._ticks):
            return
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    async def _watch(self) -> None:
        while is_alive(self.pid, self._ticks):  # noqa: ASYNC110 - it tells nobody when it ends
            await asyncio.sleep(_POLL_SECONDS)
        self.done.set()


def ticks_of(pid: int) -> int | None:
    """When a process began, in the kernel's ticks; None when there is none or nobody can tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # a program's name may hold anything, ")" too
    return None if fields[0] == "Z" else int(fields[19])


def is_alive(pid: int, ticks: int | None) -> bool:
    """Whether the very process that began at these ticks lives; not known without them: no."""
    return ticks is not None and ticks_of(pid) == ticks
