"""robots.txt: the rules hold for every request, and the delay that it asks for for all of them.

As RFC 9309 says: a site that answers with 4xx has no rules. One that does not answer, or with 429
or 5xx, may have some, so nothing is asked for until it tells; when it does not within
ROBOTS_PATIENCE_SECONDS, the crawl ends. Rules are read again after ROBOTS_HOURS, and those read
before hold on while that fails. A page of HTML holds no rules, which is told.

What is out of reach (`reach`) is not waited for: a robots.txt that redirects to another host is
none, and on a host whose name leads to no public address nothing is asked for.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.misc import build_from_crawler

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.outcomes import Refused, is_forbidden
from caliber_crawler.reach import OFF_SITE
from caliber_crawler.verdict import ROBOTS_UNREACHABLE

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.robotstxt import RobotParser

logger = logging.getLogger(__name__)

# So much of it counts at least (RFC 9309, 2.5), and no more here.
_MOST_BYTES = 500 * 1024
# After a reading that failed, the rules from before hold for so long.
_AGAIN_SECONDS = 600.0
# Statuses that are no word of the site's on its rules: later, and a proxy's own refusal.
_NO_WORD = frozenset({407, 429})
_LONG_DELAY_SECONDS = 30.0
# Where the settings name no pause: a site in trouble must not be asked without end.
_FIRST_PAUSE_SECONDS = 1.0


class _Rules:
    """What a host's robots.txt says, when that is to be read again, and who is reading it."""

    def __init__(self) -> None:
        self.parser: RobotParser | None = None
        self.due = -math.inf
        self.reading: asyncio.Task[None] | None = None


class RobotsMiddleware(RobotsTxtMiddleware):
    """Scrapy's check of each request, with a reading of its own.

    Scrapy's takes a site that does not answer for one without rules, never reads them again, and
    in 2.19 lets requests pass unchecked that come third and later while they are on their way.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._addon = CaliberAddon.of(crawler)
        self._hosts: dict[str, _Rules] = {}
        config = self._addon.config
        self._debugging = crawler.settings.getbool("CALIBER_DEBUGGING")
        # When debugging, somebody sits and waits.
        self._patience = 0.0 if self._debugging else config.robots_patience
        self._lasting = config.robots_lasting.total_seconds()
        self._addon.robots = self.forbids

    async def forbids(self, url: str) -> bool:
        """Whether a page in the browser must not ask for an address, as a request must not.

        Raises `IgnoreRequest` when there are no rules to be had.
        """
        try:
            await self.process_request(Request(url))
        except IgnoreRequest as error:
            if not is_forbidden(error):
                raise
            return True
        return False

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """The rules for a request. Raises `IgnoreRequest` when there are none to be had."""
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        rules = self._hosts.setdefault(origin, _Rules())
        if _now() >= rules.due:
            if rules.reading is None or rules.reading.done():
                rules.reading = asyncio.create_task(self._read(origin, rules, request))
            await asyncio.shield(rules.reading)
        return rules.parser

    async def _read(self, origin: str, rules: _Rules, request: Request) -> None:
        first = self._addon.config.backoff_first or _FIRST_PAUSE_SECONDS
        most = self._addon.config.backoff_most or first
        deadline = _now() + self._patience
        for attempt in itertools.count():
            found = await self._ask(origin)
            refused = found if isinstance(found, Refused) else None
            if refused is not None and refused.reason == OFF_SITE and rules.parser is None:
                logger.warning("%s/robots.txt leads away (%s), so it is none", origin, refused)
                found = Response(f"{origin}/robots.txt", status=404)
            if isinstance(found, Response):
                rules.parser = await self._rules_of(found, request)
                rules.due = _now() + self._lasting
                self._take_delay(origin, rules.parser)
                return
            if refused is not None:
                found = f"{origin}/robots.txt cannot be had ({refused})"
            if rules.parser is not None:
                self._addon.count(counters.ROBOTS_KEPT)
                logger.warning("%s; the rules read before hold on", found)
                rules.due = _now() + _AGAIN_SECONDS
                return
            pause = min(most, first * 2.0 ** min(attempt, 30))
            if refused is not None or _now() + pause >= deadline:
                self._give_up(origin, str(found), refused)
            self._addon.count(counters.ROBOTS_RETRIES)
            logger.warning("%s; nothing is asked for before it can be read", found)
            await self._wait(pause)

    async def _ask(self, origin: str) -> Response | Refused | str:
        """An answer that tells, or why there is none: `Refused` when it is out of reach."""
        url = f"{origin}/robots.txt"
        request = Request(
            url,
            priority=self.DOWNLOAD_PRIORITY,
            meta={"dont_obey_robotstxt": True, "dont_retry": True},
            callback=NO_CALLBACK,
        )
        engine = self.crawler.engine
        if engine is None:
            raise RuntimeError("there is no engine to ask with")
        self._stats.inc_value("robotstxt/request_count")
        try:
            response = await engine.download_async(request)
        except Exception as error:  # whatever it is, it is no answer
            if self._addon.stopping:
                raise
            self._stats.inc_value(f"robotstxt/exception_count/{type(error)}")
            if isinstance(error, Refused):
                return error
            return f"{url} cannot be had ({type(error).__name__}: {error})"
        self._stats.inc_value("robotstxt/response_count")
        self._stats.inc_value(f"robotstxt/response_status_count/{response.status}")
        if response.status >= 500 or response.status in _NO_WORD:
            return f"{url} cannot be had (status {response.status})"
        return response

    async def _rules_of(self, response: Response, request: Request) -> RobotParser:
        body = response.body if response.status < 300 else b""
        if len(body) > _MOST_BYTES:
            body = body[:_MOST_BYTES].rpartition(b"\n")[0]
        if _is_page(response, body):
            self._addon.count(counters.ROBOTS_NOT_RULES)
            logger.warning(
                "%s is a page of HTML, no rules: nothing is forbidden as far as it tells",
                response.url,
            )
            body = b""
        parser: RobotParser = build_from_crawler(self._parserimpl, self.crawler, body)
        await self.crawler.signals.send_catch_log_async(
            signal=signals.robots_parsed, robotparser=parser, request=request
        )
        self._addon.count(counters.ROBOTS_READ)
        return parser

    def _take_delay(self, origin: str, parser: RobotParser) -> None:
        """The site's own delay rules; that of another host can only raise it."""
        agent = self._robotstxt_useragent or self._default_useragent
        asked = parser.crawl_delay(agent) or 0.0
        config = self._addon.config
        if not math.isfinite(asked):
            logger.warning("%s asks for a delay that is none: %s", origin, asked)
            asked = 0.0
        own = self._addon.delay if origin != config.site.base else config.download_delay
        delay = max(own, asked)
        if delay != self._addon.delay:
            # It is obeyed however long it is; a crawl that hardly moves must say why.
            level = logging.WARNING if asked > _LONG_DELAY_SECONDS else logging.INFO
            text = "robots.txt of %s asks for %s seconds between requests"
            logger.log(level, text, origin, asked)
            self._addon.delay = delay

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._addon.stopped.wait()
        except TimeoutError:
            return
        raise IgnoreRequest("a signal ended the crawl before its rules were known")

    def _give_up(self, origin: str, why: str, refused: Refused | None) -> NoReturn:
        if origin == self._addon.config.site.base and not self._debugging:
            message = f"{why}, so what it forbids is not known"
            self._addon.stop(message, ROBOTS_UNREACHABLE)
        if refused is not None:
            raise Refused(refused.reason, str(refused))
        raise IgnoreRequest(f"not asked for, because {why}")


def _is_page(response: Response, body: bytes) -> bool:
    """Whether an answer is HTML, by what it begins with: many sites send text as text/html."""
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<!--", b"<?xml")) or (
        start.startswith(b"<") and b"html" in (response.headers.get("Content-Type") or b"").lower()
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
