"""Which check comes when, and which cannot be made because of another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.crawler import AsyncCrawlerProcess

from caliber_crawler.doctor import machine, options
from caliber_crawler.doctor.chromium import chromium
from caliber_crawler.doctor.database import Database
from caliber_crawler.doctor.findings import (
    BROKEN,
    REPORT_IT,
    Finding,
    attention,
    broken,
    examined,
    in_thread,
    ok,
)
from caliber_crawler.doctor.network import network
from caliber_crawler.doctor.site import Look, settings_for
from caliber_crawler.errors import ConfigError
from caliber_crawler.text import line

if TYPE_CHECKING:
    from scrapy.settings import Settings

    from caliber_crawler.doctor.options import Options

_QUICK = 15.0
_DATABASE_SECONDS = 180.0
_AFTER_SETTINGS = "correct that setting first"


class Examination:
    """All checks, one after the other; `tell` hears of each finding at once."""

    def __init__(self, settings: Settings, tell: Callable[[Finding], None]) -> None:
        self._settings = settings
        self._tell = tell

    def run(self, *, offline: bool) -> None:
        """With `offline` nothing is asked of the site."""
        asyncio.run(self._of_machine())
        try:
            usable, wrong = options.usable(self._settings)
        except ConfigError as error:  # the defaults cannot be used either
            self._say([broken("settings", line(str(error)), REPORT_IT)])
            return
        self._say(wrong)
        self._say(options.differing(self._settings))
        database = Database(usable.config)
        try:
            is_to_ask = asyncio.run(self._of_services(usable, database, offline))
            if is_to_ask:
                self._of_site(usable, database)
        finally:
            database.release()

    async def _of_machine(self) -> None:
        async def blocking(check: str, examine: Callable[[], list[Finding]]) -> None:
            self._say(await examined(check, lambda: in_thread(examine), _QUICK))

        await blocking("python", machine.python)
        await blocking("packages", lambda: machine.packages(machine.wanted()))
        await blocking("terminal", lambda: machine.terminal((sys.stdout, sys.stderr)))
        await blocking("disk", lambda: machine.disk("disk", Path.cwd(), "feeds"))

    async def _of_services(self, usable: Options, database: Database, offline: bool) -> bool:
        """Returns whether the site can be asked."""
        config = usable.config
        spoilt = usable.spoilt("SITE_TIMEZONE")
        self._say(machine.zone(None if spoilt else config.site.zone))
        self._say(options.contact(config, str(usable.settings["USER_AGENT"])))
        seconds = 4 * config.browser_patience + _QUICK
        self._say(await examined("chromium", lambda: chromium(config), seconds))
        if spoilt := usable.spoilt("MONGODB_"):
            self._say([_not_looked_at("mongodb", spoilt)])
        else:
            self._say(await examined("mongodb", database.examine, _DATABASE_SECONDS))
        if offline:
            self._say(
                [ok("site", "--offline: nothing was asked of it, so this says nothing of it")]
            )
            return False
        if spoilt := usable.spoilt("CALIBER_BASE_URL", "SITE_HOSTS", "SITE_NETWORKS", "TLS_CA"):
            self._say([_not_looked_at("site", spoilt)])
            return False
        is_checked = usable.settings.getbool("DOWNLOAD_VERIFY_CERTIFICATES")
        found = await examined("address", lambda: network(config, is_checked), 2 * _QUICK + 5)
        self._say(found)
        if any(finding.state == BROKEN for finding in found):
            advice = f"mend {found[-1].check} first"
            self._say([attention("site", "nothing was asked of it", advice)])
            return False
        return True

    def _of_site(self, usable: Options, database: Database) -> None:
        found: list[Finding] = []
        settings = settings_for(usable.settings)
        try:
            process = AsyncCrawlerProcess(settings)
            crawl = process.crawl(
                Look, findings=found, shared=usable.config if database.is_shared else None
            )
            process.start()
            error = crawl.exception() if crawl.done() and not crawl.cancelled() else None
        except Exception as raised:  # whatever Scrapy, or a component that a setting names, raises
            error = raised
        if error is not None:
            said = f"the crawler does not start: {type(error).__name__}: {line(str(error))}"
            found.append(broken("site", said, REPORT_IT))
        elif not found:
            found.append(broken("site", "it was not looked at to the end", REPORT_IT))
        self._say(found)

    def _say(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._tell(finding)


def _not_looked_at(check: str, spoilt: str) -> Finding:
    return attention(check, f"not looked at, because {spoilt} cannot be used", _AFTER_SETTINGS)
