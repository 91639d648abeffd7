"""The browser: where it is, and whether it starts as a crawl starts it and shows a page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from caliber_crawler.browser import authorities, processes, ways
from caliber_crawler.browser.chromium import launch, launch_options
from caliber_crawler.config import Config
from caliber_crawler.doctor.findings import Finding, attention, broken, in_thread, ok
from caliber_crawler.errors import BrowserUnavailable, ConfigError
from caliber_crawler.settings import variables_with
from caliber_crawler.text import line

_PAGE = "data:text/html,<p id=a>before</p><script>a.textContent='scripts run'</script>"
_LIBRARY = re.compile(r"error while loading shared libraries: (\S+?):")
_INSTALL = (
    "`apt-get install chromium` (Debian), or `python -m playwright install --with-deps chromium`, "
    "or set CHROMIUM_EXECUTABLE to one that runs"
)
_SANDBOX = (
    "let this user make name spaces (`sysctl kernel.unprivileged_userns_clone`, on Ubuntu "
    "`kernel.apparmor_restrict_unprivileged_userns`; containers: SECURITY.md), or leave it so"
)
_CLOSING_SECONDS = 5.0
_DRIVER = "Playwright's driver"


async def chromium(config: Config) -> list[Finding]:
    """Start it, with nothing in reach, show it a page of ours, and end it."""
    try:
        options = launch_options(config.chromium, config.browser_patience)
    except ConfigError as error:
        return [
            broken(
                "chromium", str(error), f"correct it or leave it out; if there is none: {_INSTALL}"
            )
        ]
    options["args"] = [*options["args"], *ways.options((), {}, {})]
    home: Path | None = None
    complaints: list[str] = []
    try:
        if config.ca_file is not None:
            trusted = config.ca_file
            home = await in_thread(lambda: authorities.home_with(trusted))
            changes = {"HOME": str(home), "XDG_DATA_HOME": str(home / "share")}
            options["env"] = variables_with(changes)
        shown = await _shown(options, config.browser_patience, complaints.append)
        if complaints:
            found = f"{shown}, but without its sandbox: {complaints[0]}"
            return [attention("chromium", found, _SANDBOX)]
        return [ok("chromium", shown)]
    except authorities.NoAuthorities as error:
        found = f"it cannot be made to trust the authorities in TLS_CA_FILE: {line(str(error))}"
        return [broken("chromium", found, "`apt-get install libnss3`, or see that file")]
    except BrowserUnavailable as error:
        return [broken("chromium", str(error), _advice(str(error)))]
    finally:
        if home is not None:
            rmtree(home, ignore_errors=True)


async def _shown(options: dict[str, Any], patience: float, complain: Callable[[str], None]) -> str:
    """What was started and what it showed; `complain` as `launch` wants it.

    Raises `BrowserUnavailable`.
    """
    from playwright.async_api import async_playwright

    others = processes.drivers()
    manager = async_playwright()
    path = _DRIVER
    started: set[processes.Process] = set()
    try:
        async with asyncio.timeout(2 * patience):
            playwright = await manager.start()
            path = options.get("executable_path", playwright.chromium.executable_path)
            browser = await launch(playwright.chromium, options, complain)
            drivers = processes.drivers() - others
            started = drivers | processes.browsers(drivers)
            page = await browser.new_page()
            await page.goto(_PAGE)
            text = await page.inner_text("#a")
            version = browser.version
            await browser.close()
    except TimeoutError:
        raise BrowserUnavailable(f"{path} does not start and show a page in time") from None
    except Exception as error:  # of Playwright, the system, or of a driver that ended
        said = re.findall(r"\[err\] (.*\S)", str(error))
        reason = " - ".join([str(error).partition("\n")[0], *said[-1:]])
        raise BrowserUnavailable(f"{path} cannot be started: {line(reason)}") from None
    finally:
        drivers = processes.drivers() - others
        started |= drivers | processes.browsers(drivers)
        with suppress(Exception):  # below it is made sure of
            await asyncio.wait_for(manager.__aexit__(), _CLOSING_SECONDS)
        await processes.end(started)
    if text != "scripts run":
        raise BrowserUnavailable(f"{path} ({version}) starts, but runs no scripts in a page")
    return f"{path} ({version}) starts and shows a page"


def _advice(error: str) -> str:
    if _DRIVER in error or "reading from the driver" in error:
        return (
            "Playwright's own Node.js does not run: see `python -m playwright --version`; on "
            "Debian `apt-get install libatomic1 libstdc++6`"
        )
    missing = _LIBRARY.search(error)
    if missing:
        return (
            f"install the package that has {missing[1]} (apt-file search {missing[1]}): {_INSTALL}"
        )
    if "Executable doesn't exist" in error:
        return f"install it: {_INSTALL}"
    return f"start that file by hand with --version to see what it says; else {_INSTALL}"
