"""On which line of a TOML file something is said."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

_AT = re.compile(r" \(at line (\d+), column \d+\)$|\(at end of document\)$")


def line_of(text: str, path: Sequence[str]) -> int:
    """The line where the value under these keys begins to be said, from 1; 1 when it nowhere is.

    The parser does not tell, so it is asked of ever more lines until they say it.
    """
    lines, begun = text.split("\n"), 1
    for number in range(1, len(lines) + 1):
        try:
            said = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:  # in the middle of a value of several lines
            continue
        if _has(said, path):
            return next((n for n in range(begun, number + 1) if _says(lines[n - 1])), number)
        begun = number + 1
    return line_of(text, path[:-1]) if path else 1


def syntax_error(text: str, error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """Line and reason of what the parser says."""
    match = _AT.search(str(error))
    line = int(match[1]) if match and match[1] else len(text.rstrip().split("\n"))
    return line, _AT.sub("", str(error)).strip()


def _has(value: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
