"""Which Chromium to start, with which options, and starting it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caliber_crawler.errors import ConfigError

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserType

NAMES_ON_PATH = ("chromium", "chromium-browser", "google-chrome")

_TRIAL = 0.5  # of the patience with a start, for its first page

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
        # Playwright would leave it out for everybody; Chromium refuses it to root.
        "chromium_sandbox": os.geteuid() != 0,
    }
    executable = find_executable(setting)
    if executable:
        options["executable_path"] = executable
    return options


async def launch(
    kind: BrowserType, options: dict[str, Any], complain: Callable[[str], None]
) -> Browser:
    """Start it; without its sandbox where the system lets it have none, which `complain` is told.

    The sandbox is made of name spaces, which containers and some systems do not let users have. By
    what is said then it is told from other troubles, which are raised as Playwright's errors.
    """
    if not options.get("chromium_sandbox"):
        return await kind.launch(**options)
    from playwright.async_api import Error

    why = "its pages die in it"
    browser = None
    try:
        browser = await kind.launch(**options)
        async with asyncio.timeout(options["timeout"] / 1000 * _TRIAL):
            page = await browser.new_page()
            await page.evaluate("1")
            await page.close()
        return browser
    except (Error, TimeoutError) as error:
        if browser is not None:
            with suppress(Error):
                await browser.close()
        elif _is_about_the_sandbox(str(error)):
            why = "the system does not let it have one"
        else:
            raise
    browser = await kind.launch(**options | {"chromium_sandbox": False})
    complain(why)
    return browser


def _is_about_the_sandbox(error: str) -> bool:
    """Whether Chromium, whose last words Playwright reports, ended for want of its sandbox."""
    said = error.lower()
    return any(word in said for word in ("sandbox", "namespace", "name space"))


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
