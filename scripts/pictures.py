"""``python -m scripts.pictures [demo] [crawl]``: pictures of a terminal, for the README.

`crawl`: a stand-in of the site is crawled into an embedded MongoDB, before a terminal in memory;
`demo`: so is what ``make demo`` runs. What it shows becomes docs/images/*.svg. They differ a little
each time, as crawls do.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from caliber_crawler.store.server import EmbeddedServer
from demo_site import SiteConfig, serve
from scripts.terminal import Terminal

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
COLUMNS, LINES = 104, 24


def demo() -> None:
    """The end of ``make demo``: all that it prints, but for the summary of counters."""
    settings = {"TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scripts.demo"]
        terminal = Terminal(
            command, os.environ | settings, Path(folder), columns=COLUMNS, lines=LINES
        )
        try:
            code = terminal.finish()
        finally:
            terminal.close()
    if code:
        raise SystemExit(f"the demo ended with {code}:\n{terminal.everything}")
    lines = _all(terminal)
    verdict = next(n for n, line in enumerate(lines) if line.plain.startswith("caliber-crawler: "))
    summary = next((n for n, line in enumerate(lines) if line.plain.startswith("Summary")), verdict)
    _save([*lines[:summary], *lines[verdict:]], "demo", "make demo")


def crawl() -> None:
    """The live display of a crawl, and its summary."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder) / "mongodb") as uri,
        serve(SiteConfig(articles=150, seed=2026)) as site,
    ):
        settings = {
            "CALIBER_BASE_URL": site.url,
            "MONGODB_URI": uri,
            "CLUSTER_DOWNLOAD_DELAY": "0.15",
            "SCRAPY_SETTINGS_MODULE": "caliber_crawler.settings",
            "PYTHONPATH": str(Path.cwd()),
            "TERM": "xterm-256color",
            "CRAWL_ID": "20261125T023304Z-1a2b3c",
        }
        gone = site.world.article("en", 20).path
        site.knobs.status[gone] = 404
        command = [sys.executable, "-m", "scrapy", "crawl", "sections", "-a", "render=http"]
        command += ["-L", "WARNING"]
        terminal = Terminal(
            command, os.environ | settings, Path(folder), columns=COLUMNS, lines=LINES
        )
        try:
            terminal.read_until(
                lambda: "left 0:" in terminal.shown and "failed 1" in terminal.shown
            )
            _save(_coloured(terminal), "progress", "scrapy crawl sections")
            terminal.finish()
        finally:
            terminal.close()
        _save(_everything(terminal), "summary", "scrapy crawl sections")


def main(names: Sequence[str]) -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, record in (("demo", demo), ("crawl", crawl)):
        if name in names or not names:
            record()
    return 0


def _coloured(terminal: Terminal) -> list[Text]:
    """The visible lines of a terminal with their colours, without empty ones at the end."""
    rows = [terminal.screen.buffer[y] for y in range(terminal.screen.lines)]
    lines = [_line(row, terminal.screen.columns) for row in rows]
    while lines and not lines[-1].plain:
        lines.pop()
    return lines


def _all(terminal: Terminal) -> list[Text]:
    """All lines of a terminal: those that were scrolled out of sight, and the visible ones."""
    above = [_line(row, terminal.screen.columns) for row in terminal.screen.history.top]
    return [*above, *_coloured(terminal)]


def _everything(terminal: Terminal) -> list[Text]:
    """The summary and the verdict: what was scrolled out of sight, too."""
    lines = _all(terminal)
    first = next((n for n, line in enumerate(lines) if line.plain.startswith("Summary")), 0)
    return lines[first:]


def _line(row: object, columns: int) -> Text:
    """One line, with as few changes of style as it has."""
    text = Text()
    cells = (row[x] for x in range(columns))  # type: ignore[index]
    for (colour, bold), run in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
        style = Style(color=None if colour == "default" else _RICH.get(colour, f"#{colour}"),
                      bold=bold)  # fmt: skip
        text.append("".join(cell.data for cell in run), style)
    text.rstrip()
    return text


_RICH = {name: name for name in ("red", "green", "blue", "cyan", "magenta", "black", "white")}
_RICH |= {"brown": "yellow"}  # the terminal's name for it


def _save(lines: list[Text], name: str, title: str) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in [*lines, Text(" ")]:  # the edge of the picture cuts the last one
        console.print(line, no_wrap=True, crop=True)
    path = IMAGES / f"{name}.svg"
    # An id of its own, not of the content, so that a new picture changes little of the file.
    svg = console.export_svg(title=title, unique_id=name, font_aspect_ratio=0.61)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # of a server elsewhere
    path.write_text(svg + "\n", "utf-8")
    print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
