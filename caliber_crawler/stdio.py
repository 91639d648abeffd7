"""Standard input, output and error, which others hand to this process: closed, full, left, or of an
encoding that lacks letters."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TextIO

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def ensure_open() -> None:
    """Have the null device stand in for what is closed, and no letter be too much for a stream.

    Otherwise the next file or connection gets its number, and whatever is written for people goes
    there; and a headline in letters that the locale's encoding lacks would end the command.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, nothing)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(text: str, stream: TextIO | None = None) -> None:
    """Write a line at once, to standard output where nothing else is given.

    Raises OSError when it cannot be taken: the disk is full, or nobody reads it any more.
    """
    stream = sys.stdout if stream is None else stream
    try:
        print(text, file=stream, flush=True)
    except OSError:
        _leave(stream)
        raise


def _leave(stream: TextIO) -> None:
    """Have the rest go nowhere. Otherwise Python tries to write it at its end, and when that fails
    takes an exit code of its own."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
