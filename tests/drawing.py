"""What rich draws, as plain lines."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def drawn(picture: RenderableType, width: int, height: int) -> str:
    """The text of a picture on a terminal of this many columns and lines."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(picture)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())
