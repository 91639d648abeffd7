"""robots.txt, one page and the site's clock, asked for as a crawl asks: two requests.

Scrapy's engine makes them with the crawl's own middlewares, connections, rules and user agent, and
in the common row where there is a database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.http.request import NO_CALLBACK

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.config import OFF
from caliber_crawler.dates import parse_http_date
from caliber_crawler.doctor.database import clock
from caliber_crawler.doctor.findings import Finding, attention, broken, examined, ok
from caliber_crawler.errors import CaliberError
from caliber_crawler.pages.kinds import what_it_is
from caliber_crawler.pages.section import parse_list
from caliber_crawler.responses import page_of
from caliber_crawler.store import Store
from caliber_crawler.text import line

if TYPE_CHECKING:
    from scrapy.http import Response
    from scrapy.robotstxt import RobotParser
    from scrapy.settings import Settings

    from caliber_crawler.config import Config

_ANSWER_SECONDS = 20.0
_DATABASE_SECONDS = 5
# For two answers, the delay between them (robots.txt may ask for more), and pauses of other crawls.
_ALL_SECONDS = 90.0
_SETTINGS: dict[str, Any] = {
    "MONGODB_URI": OFF,  # the store is opened here, as it is
    "MONGODB_RETRY_SECONDS": _DATABASE_SECONDS,
    "CALIBER_DEBUGGING": True,
    "CHROMIUM_EXECUTABLE": "",  # none is started; one that is wrong would keep this from starting
    "ROBOTSTXT_OBEY": True,
    "RETRY_TIMES": 0,
    "HTTPCACHE_ENABLED": False,
    "LOG_ENABLED": False,
    "EXTENSIONS": {},
    "ITEM_PIPELINES": {},
    "FEEDS": {},
}


def settings_for(given: Settings) -> Settings:
    """The settings with which the site is looked at."""
    settings = given.copy()
    for name, value in _SETTINGS.items():
        settings.set(name, value, priority="cmdline")
    seconds = min(settings.getfloat("DOWNLOAD_TIMEOUT"), _ANSWER_SECONDS)
    settings.set("DOWNLOAD_TIMEOUT", seconds, priority="cmdline")
    return settings


class Look(Spider):
    """Looks at the site instead of crawling it.

    `findings` get what is found; `shared` is the configuration of the database in which other
    crawls may be met, None without one.
    """

    name = "doctor"

    def __init__(self, findings: list[Finding], shared: Config | None) -> None:
        super().__init__()
        self._findings = findings
        self._shared = shared

    async def start(self) -> AsyncIterator[Any]:
        advice = (
            "the site is slow, or other crawls wait because it asked for that (429, 503): see "
            "their logs, and try again in some minutes"
        )
        self._findings += await examined("site", self._look, _ALL_SECONDS, advice)
        return
        yield  # it asks by itself, so that it gets each answer

    async def _look(self) -> list[Finding]:
        addon = CaliberAddon.of(self.crawler)
        if self._shared is not None:
            addon.store = await _store(self._shared)
        try:
            return await look(self.crawler)
        finally:
            await addon.close_store()


async def _store(config: Config) -> Store | None:
    """For the common row of requests. What is wrong with the database was told already."""
    with suppress(CaliberError):
        return await Store.open(
            config.mongodb_uri, config.mongodb_database, config.mongodb_data_dir, "", as_it_is=True
        )
    return None


class _Heard:
    """What went by while the page was asked for."""

    def __init__(self) -> None:
        self.rules: RobotParser | None = None
        self.robots: Response | None = None
        self.ahead: timedelta | None = None  # the site's clock before this machine's

    def parsed(self, robotparser: RobotParser) -> None:
        self.rules = robotparser

    def answer(self, response: Response) -> None:
        if urlsplit(response.url).path == "/robots.txt":
            self.robots = response
        told = _instant(response)
        if told is not None:
            self.ahead = told - datetime.now(UTC)


async def look(crawler: Any) -> list[Finding]:
    """Ask for a page; robots.txt is asked for before it, by the crawl's own middleware."""
    addon, heard = CaliberAddon.of(crawler), _Heard()
    crawler.signals.connect(heard.parsed, signals.robots_parsed)
    crawler.signals.connect(heard.answer, signals.response_received)
    languages, site = addon.config.languages, addon.config.site
    url = site.home("en" if "en" in languages else languages[0])
    page: Response | None = None
    why = ""
    try:
        page = await crawler.engine.download_async(Request(url, callback=NO_CALLBACK))
    except asyncio.CancelledError:
        raise
    except Exception as error:  # of all sorts: refused, forbidden, not reached, cut off
        why = line(str(error)) or type(error).__name__
    findings = [_robots(crawler, heard, why)]
    if page is None and heard.rules is not None and not heard.rules.allowed(url, _agent(crawler)):
        said = f"{url} was not asked for, because robots.txt forbids it"
        findings.append(attention("page", said, "see robots.txt above"))
    elif heard.rules is not None:
        findings.append(_page(addon, url, page, why))
    if heard.ahead is None:
        said = "the site tells no time (Date header), so this machine's is not compared with it"
        return [*findings, ok("site clock", said)]
    return [*findings, clock("site clock", "the site's", heard.ahead, "within a minute")]


def _agent(crawler: Any) -> str:
    """The name by which robots.txt may call us."""
    return str(crawler.settings["ROBOTSTXT_USER_AGENT"] or crawler.settings["USER_AGENT"])


def _robots(crawler: Any, heard: _Heard, why: str) -> Finding:
    addon = CaliberAddon.of(crawler)
    site = addon.config.site
    if heard.rules is None:
        advice = (
            f"see what `scrapy fetch --headers {site.base}/robots.txt` says; crawls wait "
            "ROBOTS_PATIENCE_SECONDS for it and then end with exit code 1"
        )
        return broken("robots.txt", why, advice)
    agent = _agent(crawler)
    paths = {
        "the home page": site.home("en"),
        "sections": site.section_url("en", "world"),
        "articles": f"{site.home('en')}post/some-slug",
    }
    forbidden = [what for what, url in paths.items() if not heard.rules.allowed(url, agent)]
    if forbidden:
        advice = (
            "crawls obey it: ask the site's operators to allow this user agent, and set "
            "CRAWLER_CONTACT so that they know whom they allow"
        )
        found = f"it forbids {' and '.join(forbidden)} to {agent}"
        return broken("robots.txt", found, advice)
    if crawler.stats.get_value(counters.stat(counters.ROBOTS_NOT_RULES)):
        advice = "open it in a browser: a page of an intermediary (consent, login) may stand there"
        return attention("robots.txt", "it is a page of HTML and holds no rules", advice)
    status = heard.robots.status if heard.robots is not None else 0
    said = "allows sections and articles" if status < 300 else f"status {status}, so no rules"
    return ok("robots.txt", f"{said}; the delay between requests is {addon.delay:g} s")


def _page(addon: CaliberAddon, url: str, response: Response | None, why: str) -> Finding:
    by_hand = f"`scrapy shell {url}`"
    if response is None:
        return broken("page", f"{url} cannot be had: {why}", f"see what {by_hand} shows")
    if response.status != 200:
        advice = (
            f"look at it in a browser, and at what {by_hand} shows; 403 and 429: ask less often"
        )
        return broken("page", f"{url} answers with status {response.status}", advice)
    site = addon.config.site
    try:
        page = page_of(response)
        seen = parse_list(page, site)
        # Judged by what it shows, not by its address.
        other = what_it_is(page, site, by_address=False)
    except (CaliberError, AttributeError) as error:
        return broken("page", f"{url} cannot be read: {line(str(error))}", f"see {by_hand}")
    labels = ", ".join(edition.label for edition in seen.editions) or "none"
    found = (
        f"{response.url}: {len(seen.cards)} cards, {len(seen.sections)} sections, "
        f"other editions: {labels}"
    )
    if not seen.cards and not seen.sections:
        advice = f"see that CALIBER_BASE_URL is the site, and {by_hand}; docs/site-changes.md"
        return broken("page", f"{found}: not as the site looks ({line(other.detail)})", advice)
    if not seen.cards or not seen.sections or seen.broken_cards:
        advice = f"the layout may have changed: {by_hand}, `scrapy check`, docs/site-changes.md"
        return attention("page", f"{found}, {seen.broken_cards} broken cards", advice)
    return ok("page", found)


def _instant(response: Response) -> datetime | None:
    """When an answer was made, by the clock of who made it."""
    told = parse_http_date((response.headers.get("Date") or b"").decode("latin-1"))
    if told is None:
        return None
    try:
        age = float((response.headers.get("Age") or b"0").decode("latin-1"))  # kept by a cache
        return told + timedelta(seconds=age)
    except (ValueError, OverflowError):
        return None
