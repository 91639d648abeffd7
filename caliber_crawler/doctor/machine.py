"""Python, packages, zone, terminal and disk."""

from __future__ import annotations

import codecs
import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path

from packaging.requirements import Requirement

from caliber_crawler import __version__
from caliber_crawler.doctor.findings import Finding, attention, broken, ok

_LEAST_PYTHON = (3, 11)
_LISTED = Path(__file__).resolve().parents[2] / "requirements.txt"
_NAME = "caliber-crawler"
# Below the first a crawl of a few days may fill it, below the second nothing is to be begun.
_LITTLE_BYTES, _LEAST_BYTES = 1024**3, 64 * 1024**2


def python() -> list[Finding]:
    """The interpreter and this program's version."""
    found = f"Python {platform.python_version()} at {sys.executable}; caliber-crawler {__version__}"
    if sys.version_info >= _LEAST_PYTHON:
        return [ok("python", found)]
    return [broken("python", found, "install Python 3.11 or newer, remove .venv, run `make setup`")]


def wanted() -> list[str]:
    """What this program needs, each as in requirements.txt: from there, or as it was installed."""
    if _LISTED.exists():
        lines = _LISTED.read_text("utf-8").splitlines()
        return [text for text in lines if text.strip() and not text.startswith("#")]
    return importlib.metadata.requires(_NAME) or []


def packages(listed: Iterable[str]) -> list[Finding]:
    """Whether the installed packages are within the bounds that are `listed`."""
    wrong, number = [], 0
    for text in listed:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        number += 1
        version = _version(requirement.name)
        if version is None:
            wrong.append(f"{requirement.name} is missing (wanted {requirement.specifier})")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} (wanted {requirement.specifier})")
    scrapy = f"Scrapy {version}; " if (version := _version("scrapy")) else ""
    if not wrong:
        return [ok("packages", f"{scrapy}all {number} packages are as requirements.txt wants")]
    advice = "run `make setup`, or `pip install -r requirements.txt` in this Python"
    return [broken("packages", f"{scrapy}not as wanted: {', '.join(wrong)}", advice)]


def zone(site: tzinfo | None) -> list[Finding]:
    """The zone of the site's printed times; `site` is None when the setting names none."""
    own = f"this system's own ({time.tzname[0]}) does not matter"
    if site is None:
        advice = "set SITE_TIMEZONE=Asia/Baku; if that is not known, `apt-get install tzdata`"
        return [broken("zone", f"SITE_TIMEZONE names no zone that is known here; {own}", advice)]
    return [ok("zone", f"{site}, now {datetime.now(site):%H:%M} there; {own}")]


def terminal(streams: Sequence[object]) -> list[Finding]:
    """Whether the texts of the site can be written to these: Cyrillic and Armenian letters."""
    names = {getattr(stream, "encoding", None) or "none" for stream in streams}
    if all(_is_utf8(name) for name in names):
        return [ok("terminal", "UTF-8")]
    found = f"output is written as {', '.join(sorted(names))}, which lacks letters of the site"
    return [attention("terminal", found, "set LC_ALL=C.UTF-8 (or PYTHONUTF8=1) before the command")]


def disk(check: str, folder: Path, what: str) -> list[Finding]:
    """Room for `what` in a folder, or where it is going to be made, and whether it may be."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    is_new = "" if there == folder.absolute() else ", to be made"
    found = f"{folder}{is_new}: {free / 1024**3:.1f} GiB free for {what}"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        found = f"{folder}: this user ({os.geteuid()}) cannot write to {there}"
        return [broken(check, found, f"name another folder, or give this user {there} (chown)")]
    if free < _LITTLE_BYTES:
        state = broken if free < _LEAST_BYTES else attention
        return [state(check, found, f"make room on the disk of {there}, or use another one")]
    return [ok(check, found)]


def _version(package: str) -> str | None:
    """That of an installed package; None when it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_utf8(name: str) -> bool:
    try:
        return codecs.lookup(name).name == "utf-8"
    except LookupError:
        return False
