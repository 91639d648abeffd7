"""A terminal in memory, in which a command runs as it would before a person."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from select import select
from typing import Any

import pyte


class Terminal:
    """Runs a command with a pseudo-terminal as its standard error and input, and controlling it.

    `screen` is what a person would see, `raw` all that was written. Standard output goes to the
    terminal, too, unless `stdout` is given.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        columns: int = 100,
        lines: int = 30,
        stdout: Any = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=5_000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=slave, stdout=stdout or slave,
            stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)

    @property
    def shown(self) -> str:
        """The visible lines, without blanks at their ends."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def everything(self) -> str:
        """The lines that were scrolled out of sight, and the visible ones."""
        columns = range(self.screen.columns)
        above = ["".join(row[x].data for x in columns).rstrip() for row in self.screen.history.top]
        return "\n".join([*above, self.shown])

    def read(self, seconds: float) -> bool:
        """Take what the command writes within some seconds; False once it has closed its end."""
        if not select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # how Linux says that nobody has the other end any more
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def read_until(self, condition: Callable[[], object], *, seconds: float = 90.0) -> bool:
        """Read until a condition holds. False when the command ends or the time is up before."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or not self.read(0.2):
                return bool(condition())
        return True

    def finish(self, *, seconds: float = 90.0) -> int:
        """Read to the command's end; its exit code."""
        self.read_until(lambda: False, seconds=seconds)
        return self.process.wait(seconds)

    def press(self, keys: bytes) -> None:
        """What a person types; ``\\x03`` is Ctrl-C."""
        os.write(self.master, keys)

    def close(self) -> None:
        """Leave nothing behind; idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
