"""``python -m scripts.has_chromium``: exit code 0 when a crawl would find a Chromium to start."""

from __future__ import annotations

import os
import subprocess
import sys

from caliber_crawler.browser.chromium import find_executable
from caliber_crawler.errors import ConfigError


def has_chromium() -> bool:
    """Whether the browser that a crawl would start is there, and Playwright's driver with it.

    Both are asked for their version: on Ubuntu `chromium-browser` may be a mere pointer to a
    package that is not installed, and the driver may lack a library of the system.
    """
    if not _answers(sys.executable, "-m", "playwright"):
        return False
    try:
        found = find_executable(os.environ.get("CHROMIUM_EXECUTABLE", ""))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return False
    return _answers(found or _playwrights_own())


def _answers(*command: str) -> bool:
    try:
        asked = subprocess.run([*command, "--version"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


if __name__ == "__main__":
    sys.exit(not has_chromium())
