"""Which Chromium to start, and with which options."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from caliber_crawler.errors import ConfigError

NAMES_ON_PATH = ("chromium", "chromium-browser", "google-chrome")

# The browser shall talk to the crawled site and to no one else.
ARGUMENTS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Calls between browsers (WebRTC) send packets to any address that a page names.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)


def launch_options(setting: str, patience: float) -> dict[str, Any]:
    """Playwright's launch options; `patience` is how many seconds the start may take.

    Without an executable in them Playwright takes its own browser. Raises `ConfigError` as
    `find_executable` does.
    """
    options: dict[str, Any] = {
        "args": list(ARGUMENTS),
        "timeout": patience * 1000,
        # Ctrl-C reaches the driver as well; the browser is closed by the crawler all the same.
        "handle_sigint": False,
    }
    if os.geteuid() == 0:
        options["args"].append("--no-sandbox")  # Chromium refuses its sandbox to root
    executable = find_executable(setting)
    if executable:
        options["executable_path"] = executable
    return options


def find_executable(setting: str) -> str | None:
    """The Chromium in `setting` (CHROMIUM_EXECUTABLE), or the first of `NAMES_ON_PATH`.

    None when there is neither. Raises `ConfigError` when the setting names no executable file.
    """
    if not setting:
        return next(filter(None, map(shutil.which, NAMES_ON_PATH)), None)
    try:
        path = Path(setting).expanduser()
        if os.access(path, os.X_OK):
            return str(path)
    except (RuntimeError, ValueError):  # the home of nobody; a character that no path has
        pass
    raise ConfigError(f"CHROMIUM_EXECUTABLE={setting!r} is no executable file")
