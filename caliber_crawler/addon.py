"""The add-on: what the components of one crawl share.

It checks the settings once, derives Scrapy's own settings from them, and holds the crawl's
identity, its store and its verdict. Components reach it with `CaliberAddon.of(crawler)`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from caliber_crawler import counters
from caliber_crawler.browser.blocking import Blocker
from caliber_crawler.browser.chromium import launch_options
from caliber_crawler.config import Config
from caliber_crawler.errors import CaliberError, StoreUnavailable
from caliber_crawler.items import whole_milliseconds
from caliber_crawler.outcomes import Outcomes
from caliber_crawler.politeness import Turns
from caliber_crawler.secret_settings import guard
from caliber_crawler.store import Store, Worker
from caliber_crawler.verdict import BROKEN_OFF, STORE_LOST
from caliber_crawler.workers import arrive, pid_namespace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from caliber_crawler.alerts import Alert
    from caliber_crawler.verdict import Verdict


logger = logging.getLogger(__name__)

R = TypeVar("R")

_RETRY_PAUSE = 1.0
_MOST_SECTIONS = 500  # of all editions
FRONTIER_SCHEDULER = "caliber_crawler.scheduler.FrontierScheduler"


class CaliberAddon:
    """Shared state of one crawl in one process.

    `delay` is the least number of seconds between two requests, `failure` the message of what kept
    the crawl from starting or ended it early, `signal` the number of the signal that stopped it,
    `lost` whether the database is gone for good, `ending` whether `stop` was called,
    `only_the_rest` that the crawl was finished once and only what was queued again since is to be
    done, `verdict` what `scrapy crawl` exits with, `alert` what is to be told of the crawl as a
    whole, if it is for this process to tell, `last_words` writes the summary, which stands right
    above the verdict on a terminal. `stopped` is set by a signal; `reach` says where requests may
    go, `turns` keeps all requests to the site apart, `robots` tells whether robots.txt forbids an
    address (None where it is not obeyed), `blocker` says which requests a browser may make,
    `outcomes` are notes on the requests on lease.
    """

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self._crawler = crawler
        self.config = config
        self.crawl_id = config.crawl_id or _new_crawl_id()
        self.worker = Worker(
            arrive(f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"),
            socket.gethostname(),
            os.getpid(),
            pid_namespace(),
        )
        self.delay = config.download_delay
        self.store: Store | None = None
        self.failure: str | None = None
        self.signal: int | None = None
        self.lost = False
        self.ending = False
        self.only_the_rest = False
        self.verdict: Verdict | None = None
        self.alert: Alert | None = None
        self.last_words: Callable[[], None] | None = None
        self.stopped = asyncio.Event()
        self.turns = Turns(self, config.site.base)
        self.reach = config.reach()
        self.robots: Callable[[str], Awaitable[bool]] | None = None
        self.blocker = Blocker(self.reach, self.forbids, self.turns.take_in_browser, self.blocked)
        self.outcomes = Outcomes()
        self._sections: set[str] = set()
        self._opening = asyncio.Lock()
        self._opening_error: CaliberError | None = None
        self._ahead = timedelta()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Raises `ConfigError` for an impossible setting."""
        return cls(crawler, Config.from_settings(crawler.settings))

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """Hide the secrets of the settings before anything is logged."""
        guard(settings)

    @classmethod
    def of(cls, crawler: Crawler) -> CaliberAddon:
        """The add-on of a crawler; an error tells how to enable it when it is not."""
        addon = crawler.get_addon(cls)
        if addon is None:
            raise RuntimeError(
                "the add-on is not enabled: add "
                "'caliber_crawler.addon.CaliberAddon': 0 to the setting ADDONS"
            )
        return addon

    def update_settings(self, settings: BaseSettings) -> None:
        """Derive Scrapy's settings; a value given on the command line still wins."""
        if not self.config.store_is_off:
            settings.set("SCHEDULER", FRONTIER_SCHEDULER, priority="addon")
        settings.set("USER_AGENT", self._user_agent(settings), priority="project")
        options = launch_options(self.config.chromium, self.config.browser_patience)
        settings.set("PLAYWRIGHT_LAUNCH_OPTIONS", options, priority="addon")
        settings.set("PLAYWRIGHT_ABORT_REQUEST", self.blocker, priority="addon")

    def _user_agent(self, settings: BaseSettings) -> str:
        # A host's postmaster is who the standards name for complaints when no one else is known.
        contact = self.config.contact or f"postmaster@{socket.gethostname()}"
        return f"{settings['USER_AGENT']} (news archive; contact: {contact})"

    def blocked(self, kind: str) -> None:
        """Count what a browser was not allowed to do."""
        self.count(counters.BROWSER_BLOCKED, kind)

    async def forbids(self, url: str) -> bool:
        """Whether robots.txt forbids an address; never where it is not obeyed.

        Raises `IgnoreRequest` when there are no rules to be had.
        """
        return self.robots is not None and await self.robots(url)

    @property
    def stopping(self) -> bool:
        """Whether the crawl ends early, by no fault of the pages that are on their way."""
        return self.signal is not None or self.lost or self.ending

    @property
    def durable(self) -> bool:
        """Whether requests go through the frontier: there is a store, and its scheduler is set."""
        return self.store is not None and self._crawler.settings["SCHEDULER"] == FRONTIER_SCHEDULER

    async def open_store(self) -> Store | None:
        """The store, opened at the first call; None when MONGODB_URI is ``off``.

        Raises `StoreUnavailable` and `ConfigError`.
        """
        config = self.config
        async with self._opening:
            if self._opening_error is not None:
                raise self._opening_error
            if self.store is None and not config.store_is_off:
                try:
                    self.store = await Store.open(
                        config.mongodb_uri,
                        config.mongodb_database,
                        config.mongodb_data_dir,
                        self.crawl_id,
                        worker=self.worker.id,
                        lease_time=timedelta(seconds=config.lease_seconds),
                        attempts=config.attempts,
                        pace=config.pace,
                        refused=lambda: self.count(counters.STORE_REFUSED),
                    )
                    await self.set_clock(self.store)
                except CaliberError as error:
                    self._opening_error = error
                    raise
        return self.store

    async def set_clock(self, store: Store) -> None:
        """Compare this machine's clock with the server's, by which leases are meant."""
        self._ahead = await store.frontier.clock() - datetime.now(UTC)

    def server_now(self) -> datetime:
        """The present instant by the clock of the database, as far as it is known."""
        return whole_milliseconds(datetime.now(UTC) + self._ahead)

    def taken_back(self, again: int, aside: Sequence[str]) -> None:
        """Count what was taken back from workers; name what had all its attempts, a worker each."""
        self.count(counters.FRONTIER_RECLAIMED, number=again)
        for url in aside:
            self.count(counters.FRONTIER_SET_ASIDE)
            logger.error(
                "%s is set aside: every worker that had it died; see `scrapy frontier %s`, and "
                "--retry there once the cause is mended", url, self.crawl_id,
            )  # fmt: skip

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """What a call of the store gives, tried again while the database does not answer.

        After MONGODB_RETRY_SECONDS the crawl is closed with its own reason, and `StoreUnavailable`
        reaches the caller.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.config.mongodb_retry_seconds
        while True:
            if self.lost:  # nobody waits for it once more
                raise StoreUnavailable(self.failure or "the database was lost")
            try:
                return await call()
            except StoreUnavailable as error:
                trouble = await self._revive() or str(error)
                if self.lost or loop.time() >= deadline:
                    self.give_up(trouble)
                    raise
                self.count(counters.STORE_RETRIES)
                logger.warning("%s; trying again", trouble)
                await asyncio.sleep(_RETRY_PAUSE)

    async def _revive(self) -> str:
        """Start the embedded server again if it is gone; why it cannot be, if so."""
        try:
            if self.store is not None and await self.store.revive():
                self.count(counters.STORE_REVIVED)
                logger.warning("the embedded MongoDB was gone, and is started again")
        except StoreUnavailable as error:
            return str(error)
        return ""

    def nudge(self) -> None:
        """Have the engine look for requests, or find that there are none."""
        slot = self._crawler.engine._slot
        if slot is not None:
            slot.nextcall.schedule()

    def give_up(self, message: str) -> None:
        """Close the crawl as one that lost its database; `message` is the cause."""
        if not self.lost:
            self.lost = True
            self._close(message, STORE_LOST)

    def break_off(self, message: str) -> None:
        """Close the crawl because of a fault of its own; what is on lease is given back."""
        self._close(message, BROKEN_OFF)

    def stop(self, message: str, reason: str) -> None:
        """Close the crawl early for a reason that is no fault of its pages; they are kept."""
        if not self.stopping:
            self.ending = True
            self._close(message, reason)

    def _close(self, message: str, reason: str) -> None:
        self.failure = message
        logger.error("%s; closing the crawl", message)
        closing = self._crawler.engine.close_spider_async(reason=reason)
        self._closing = asyncio.ensure_future(closing)  # keeps the task from being collected

    async def close_store(self) -> None:
        """Close the store if it is open; idempotent."""
        store, self.store = self.store, None
        if store is not None:
            await store.close()

    def count(self, name: str, detail: str = "", number: int = 1) -> None:
        """Add to a counter of `counters`."""
        if name == counters.SECTIONS:
            detail = self._bounded(detail)
        if number:
            self._crawler.stats.inc_value(counters.stat(name, detail), number)

    def note(self, key: str, text: str) -> None:
        """Keep a text among Scrapy's stats; only the first one of a key."""
        self._crawler.stats.set_value(key, self._crawler.stats.get_value(key, text))

    def _bounded(self, detail: str) -> str:
        """A count of a section; of a site that names ever new ones, so many apart."""
        what, _, section = detail.partition("/")
        if len(self._sections) >= _MOST_SECTIONS and section not in self._sections:
            return f"{what}/other/other"
        self._sections.add(section)
        return detail


def now() -> datetime:
    """The present instant in UTC with whole milliseconds."""
    return whole_milliseconds(datetime.now(UTC))


def _new_crawl_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
