"""The live display at the bottom of a terminal, and the summary table; all that is drawn."""

from __future__ import annotations

import atexit
import io
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from caliber_crawler.tally import Figures, grouped
from caliber_crawler.text import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from caliber_crawler.watch import SectionRow, Snapshot

# What is logged is drawn at once, but no more often than this: each time the display is redrawn.
_LOG_SECONDS = 0.25
_WIDE = 64
_LEAST_SECTIONS = 3


class Screen:
    """A display that stays at the bottom of a terminal while lines are logged above it.

    Whatever writes to standard error, and each handler of the root logger that does, is led above
    the display, whole lines at a time. `close` takes the display away, restores them, and the
    cursor; it runs at the end of the process at the latest. A display of a process that was put
    into the background is taken away until it is in the foreground again.
    """

    _open: Screen | None = None

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self._stream = stream
        self._live: Live | None = None
        self._handlers: list[logging.StreamHandler[TextIO]] = []
        self._lock = threading.RLock()
        self._above = _Above(self, stream, self._lock)

    @classmethod
    def open(cls, stream: TextIO | None = None) -> Screen | None:
        """Begin; None where there is no terminal that can show it, or another one is open."""
        stream = stream or sys.stderr
        console = Console(file=stream, highlight=False)
        if cls._open is not None or not stream.isatty() or not console.is_interactive:
            return None
        if not _in_foreground(stream):
            return None
        screen = cls._open = cls(console, stream)
        screen._lead_above()
        atexit.register(screen.close)
        return screen

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal now."""
        return self._console.width, self._console.height

    @property
    def logs_here(self) -> bool:
        """Whether the log goes to this terminal, too."""
        return bool(self._handlers)

    def show(self, picture: RenderableType) -> None:
        """Draw the display anew, below what was logged meanwhile. Errors of the terminal raise
        OSError."""
        with self._lock:
            if not _in_foreground(self._stream):
                self._hide()
                self._above.raw_flush()
                return
            if self._live is None:
                self._live = Live(
                    console=self._console, auto_refresh=False, transient=True,
                    redirect_stdout=False, redirect_stderr=False,
                )  # fmt: skip
                self._live.start()
            self._above.draw()
            self._live.update(picture, refresh=True)

    def print(self, lines: str) -> None:
        """Write whole lines above the display."""
        with self._lock:
            if self._live is None:
                self._stream.write(lines)
                self._stream.flush()
            else:
                self._console.out(lines, end="", highlight=False)

    def write(self, picture: RenderableType) -> None:
        """Write something that stays; after `close`, too."""
        with suppress(OSError, ValueError):
            self._console.print(picture)

    def close(self) -> None:
        """Take the display away. Idempotent."""
        if Screen._open is not self:
            return
        Screen._open = None
        atexit.unregister(self.close)
        # Not under our lock: a thread that logs has the handler's, and waits for ours.
        for handler in self._handlers:
            handler.setStream(self._stream)
        if sys.stderr is self._above:
            sys.stderr = self._stream
        with self._lock, suppress(OSError, ValueError):  # the terminal is gone
            self._above.draw()
            self._hide()
            self._above.raw_flush()

    def _hide(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _lead_above(self) -> None:
        for handler in logging.root.handlers:
            # A file's handler is a kind of stream's.
            if type(handler) is logging.StreamHandler and handler.stream is self._stream:
                handler.setStream(self._above)
                self._handlers.append(handler)
        if sys.stderr is self._stream:
            sys.stderr = self._above


class _Above(io.TextIOBase):
    """Stands in for the terminal's stream: keeps what is written until it is drawn above the
    display."""

    def __init__(self, screen: Screen, stream: TextIO, lock: threading.RLock) -> None:
        self._screen = screen
        self._stream = stream
        self._kept = ""
        self._drawn_at = 0.0
        self._lock = lock  # the screen's: it calls us, and we call it

    def write(self, text: str) -> int:
        with self._lock:
            self._kept += text
            if time.monotonic() - self._drawn_at >= _LOG_SECONDS:
                self.draw()
        return len(text)

    def draw(self) -> None:
        """Draw the whole lines that were kept."""
        with self._lock:
            lines, end, self._kept = self._kept.rpartition("\n")
            if end:
                self._drawn_at = time.monotonic()
                self._screen.print(lines + end)

    def raw_flush(self) -> None:
        """Write what is kept, whole line or not, as it is."""
        with self._lock:
            kept, self._kept = self._kept, ""
            if kept:
                self._stream.write(kept)
                self._stream.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def _in_foreground(stream: TextIO) -> bool:
    """Whether this process may draw on its terminal; one that is not its own does not matter."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True


# --- pictures


def picture(now: Snapshot, width: int, height: int) -> RenderableType:
    """The display for a terminal of this many columns and lines."""
    head = [(now.spider, "bold"), (f"crawl {now.crawl_id}", ""), (clock(now.seconds), "")]
    if now.is_shared:
        head.append((f"{now.alive} of {now.workers} workers at work", ""))
    lines = _wrapped(head, width)
    if now.is_shared:
        lines.append(Text("all workers", style="dim"))
    lines += _wrapped(_figures(now.whole, now.whole_rate), width)
    if now.is_shared:
        lines.append(Text("this worker", style="dim"))
        lines += _wrapped(_figures(now.own, now.own_rate), width)
    lines += _wrapped([(part, "") for part in _rest(now)], width)
    # The head of the table, and a line of the log above all, stay in sight.
    room = height - len(lines) - 2
    if now.sections and room >= _LEAST_SECTIONS:
        return Group(*lines, _sections(now.sections, width, room))
    return Group(*lines)


def line(now: Snapshot) -> str:
    """The same in one line, for a log."""
    parts = [f"{clock(now.seconds)}", _plain(now.whole, now.whole_rate), *_rest(now)]
    if now.is_shared:
        parts += [
            f"{now.alive} of {now.workers} workers at work",
            f"this worker: {_plain(now.own, now.own_rate)}",
        ]
    return "; ".join(parts)


def summary(counts: Mapping[str, int], of: str) -> RenderableType:
    """The table of all counters with their meanings; `of` says whose."""
    table = Table(
        title=f"Summary of {of}", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    table.add_column("counter", no_wrap=True)
    table.add_column("number", justify="right")
    table.add_column("counts", style="dim")
    for group in grouped(counts):
        table.add_row(Text(group.title, style="bold cyan"), "", "")
        before = ""
        for row in group.rows:
            style = "yellow" if row.name.startswith(_TROUBLES) else ""
            said = "" if row.meaning == before else row.meaning  # once for a counter with details
            table.add_row(Text(f"  {harmless(row.name)}", style=style), f"{row.number}", said)
            before = row.meaning
        if group.zero:
            # One cell of the last column, so that many names wrap there.
            table.add_row(Text("  none of", style="dim"), "0", ", ".join(group.zero))
    return table


_TROUBLES = (
    "rejected/", "requests/failed", "store/lost", "items/errors", "feeds/lost", "frontier/failed",
    "frontier/set_aside", "lists/without_cards", "articles/partial", "articles/garbled",
    "articles/fallback",
)  # fmt: skip


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> clock(3725.9)
    '1:02:05'
    """
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _figures(figures: Figures, rate: float | None) -> list[tuple[str, str]]:
    numbers = {
        "stored": (figures.stored, "bold green"),
        "new": (figures.new, "green"),
        "changed": (figures.changed, "green"),
        "unchanged": (figures.unchanged, ""),
        "duplicates": (figures.duplicates, ""),
        "rejected": (figures.rejected, "bold red"),
        "failed": (figures.failed, "bold red"),
        "requests": (figures.requests, ""),
    }
    words = [
        (f"{name} {number}", style if number else "dim")
        for name, (number, style) in numbers.items()
    ]
    return [*words, (_speed(rate), "")]


def _plain(figures: Figures, rate: float | None) -> str:
    return (
        f"stored {figures.stored}, new {figures.new}, changed {figures.changed}, "
        f"unchanged {figures.unchanged}, duplicates {figures.duplicates}, "
        f"rejected {figures.rejected}, failed {figures.failed}, requests {figures.requests}, "
        f"{_speed(rate)}"
    )


def _rest(now: Snapshot) -> list[str]:
    """Lists, frontier, time left: what is known of them."""
    told = []
    if now.whole.lists:
        told.append(f"lists {now.whole.walked} of {now.whole.lists} walked")
    if now.frontier is not None:
        more = "" if now.frontier.is_exact else "more than "
        told.append(f"frontier {more}{now.frontier.queued} queued, {now.frontier.leased} on lease")
    told.append(f"left {clock(now.left)}" if now.left is not None else "time left unknown")
    return told


def _speed(rate: float | None) -> str:
    return "rate unknown" if rate is None else f"{rate:.0f} a minute"


def _wrapped(parts: list[tuple[str, str]], width: int) -> list[Text]:
    """Parts with their styles on as few lines as they fit, none of them broken."""
    lines: list[Text] = []
    for part, style in parts:
        if lines and lines[-1].cell_len + 2 + len(part) <= width:
            lines[-1].append("  ")
        else:
            lines.append(Text(no_wrap=True, overflow="ellipsis"))
        lines[-1].append(part, style=style)
    return lines


def _sections(rows: list[SectionRow], width: int, room: int) -> RenderableType:
    wide = width >= _WIDE
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("section", overflow="ellipsis", no_wrap=True)
    for name in ("named", "new", "changed", "unchanged") if wide else ("new",):
        table.add_column(name, justify="right")
    table.add_column("list", no_wrap=True)
    # Those at work first, or what happens would be below the terminal's edge.
    ordered = sorted(rows, key=lambda row: not (row.state or "").startswith(("batch", "waiting")))
    shown = rows if len(rows) <= room else ordered[: room - 1]
    for row in shown:
        numbers = (row.new, row.changed, row.unchanged) if wide else (row.new,)
        named = ["" if row.named is None else str(row.named)] if wide else []
        # As Text: a name in brackets is no markup.
        table.add_row(Text(harmless(row.name)), *named, *map(str, numbers), row.state or "")
    if len(shown) < len(rows):
        table.add_row(Text(f"and {len(rows) - len(shown)} more", style="dim"))
    return table
