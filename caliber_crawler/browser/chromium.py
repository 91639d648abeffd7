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
)


def launch_options(setting: str) -> dict[str, Any]:
    """Playwright's launch options.

    The executable is the one in `setting` (CHROMIUM_EXECUTABLE); when that is empty the first of
    `NAMES_ON_PATH`; when there is none, Playwright's own browser, which it looks for itself. Raises
    `ConfigError` when the setting names no executable file.
    """
    options: dict[str, Any] = {"args": list(ARGUMENTS)}
    if os.geteuid() == 0:
        options["args"].append("--no-sandbox")  # Chromium refuses its sandbox to root
    executable = setting or next(filter(None, map(shutil.which, NAMES_ON_PATH)), None)
    if setting and not os.access(Path(setting).expanduser(), os.X_OK):
        raise ConfigError(f"CHROMIUM_EXECUTABLE={setting!r} is no executable file")
    if executable:
        options["executable_path"] = str(Path(executable).expanduser())
    return options
