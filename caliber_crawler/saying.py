"""Whatever is logged or printed: it shows no secret, and nothing that a page wrote for a terminal.

The last line of defence, for all loggers of the process, those of packages too, at every level.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from caliber_crawler import stdio
from caliber_crawler.secrecy import hide
from caliber_crawler.text import harmless

if TYPE_CHECKING:
    from types import TracebackType

# A line within a message that could pass for a record of the log, or for the verdict, which
# `scrapy schedule` takes from its crawls' output.
_FORGED = re.compile(r"\n(?=\d{4}-\d\d-\d\d[ T]|caliber-crawler:)")


def told(text: str) -> str:
    """A text for a log or a terminal: without secrets, control characters written out, and no line
    after the first that looks like a line of the log."""
    return _FORGED.sub("\n  ", harmless(hide(text)))


def complain(text: str) -> None:
    """Say on standard error why a command ends. Nobody may be there to read it any more, or the
    disk under it full: what was done and the exit code stay as they are."""
    with suppress(OSError):
        stdio.write(f"caliber-crawler: {told(text)}", sys.stderr)


def show(text: str) -> bool:
    """Print what a command found; whether it could be. If not, it is said why."""
    try:
        stdio.write(text)
    except OSError as error:
        complain(f"standard output: {error.strerror}")
        return False
    return True


class Record(logging.LogRecord):
    """A record of the log of which message, traceback and stack are as `told`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[1] is not None:
            # Formatters take it as it is.
            self.exc_text = told("".join(traceback.format_exception(self.exc_info[1])).rstrip("\n"))
        if self.stack_info:
            self.stack_info = told(self.stack_info)

    def getMessage(self) -> str:  # noqa: N802 - the name is the standard library's
        try:
            said = super().getMessage()
        except Exception:  # a slip of the caller's; the handler would print all arguments
            said = f"{self.msg} {self.args}"
        return told(said)


def install() -> None:
    """Make log and uncaught exceptions of this process so. Idempotent; what others put into these
    places before stays."""
    if logging.getLogRecordFactory() is logging.LogRecord:
        logging.setLogRecordFactory(Record)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _uncaught_in_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, tb)
        return
    _write("".join(traceback.format_exception(kind, error, tb)))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "?"
        said = "".join(traceback.format_exception(args.exc_value))
        _write(f"Exception in thread {name}:\n{said}")


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    if args.exc_value is not None:
        said = "".join(traceback.format_exception(args.exc_value))
        _write(f"{args.err_msg or 'Exception ignored in'}: {args.object!r}\n{said}")


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(told(text))
