"""What a page asks for while it is open in a browser, and which requests brought a list's cards."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

from playwright.async_api import Error as BrowserError

from caliber_crawler.dates import parse_http_date
from caliber_crawler.listing.exchange import Answer, Exchange, Request

if TYPE_CHECKING:
    from playwright.async_api import Page, Response
    from playwright.async_api import Request as BrowserRequest

    from caliber_crawler.browser.blocking import Blocker

# Kinds of requests that can bring cards; "script" is for answers that call a function.
_BRINGING = frozenset({"xhr", "fetch", "script", "document"})
_ASKING = frozenset({"xhr", "fetch"})
# Without what a list may not grow: its script, the script's requests, and what is loaded ahead.
_GROWING = _ASKING | {"script", "other"}
# What the page is not whole without: a script may wait for a stylesheet.
_LOADING = _BRINGING | _GROWING | {"stylesheet"}
# How the requests fail that the browser was not allowed to make, or that the page gave up.
_BLOCKED = ("net::ERR_FAILED", "net::ERR_ABORTED")
_LONGEST_ANSWER = 500_000
_KEPT_EXCHANGES = 20
# What a script's request is answered with when it is not let in. A list's end may be a 404 or 400.
_NOT_LET_IN = frozenset({401, 403, 407, 419, 429})

_LOOK_S = 0.05
_SLUG = re.compile(r'href="[^"]*/post/([^"/?#]+)')
# Of an address what belongs to one request: whatever has a digit in it or is long, as a cursor is.
_VARYING = re.compile(r"^(.*[0-9].*|.{21,})$", re.DOTALL)


@dataclass
class Recorder:
    """Listens to a page from before its first request: exchanges, and what is still on its way.

    `document` is the page as the server sent it, `left` the address for which it was left since;
    `blocker` decided on the page's requests, None when nobody did.
    """

    pending: set[BrowserRequest] = field(default_factory=set)
    document: Answer | None = None
    left: str | None = None
    blocker: Blocker | None = None
    # By place (`_place`): what became of a last request that failed, which robots.txt forbade,
    # which lead to a host of the site that nobody named, the latest good answers. Of which places
    # an answer held cards that appeared.
    _refused: dict[str, str] = field(default_factory=dict)
    _forbidden: dict[str, str] = field(default_factory=dict)
    _unnamed: dict[str, str] = field(default_factory=dict)
    _recent: list[tuple[str, Answer]] = field(default_factory=list)
    _bringing: set[str] = field(default_factory=set)
    _number: int = 0
    _numbers: dict[BrowserRequest, int] = field(default_factory=dict)
    _page: Page | None = None
    _opened: BrowserRequest | None = None
    _exchanges: list[Exchange] = field(default_factory=list)
    _reading: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def of(cls, page: Page) -> Recorder:
        """The page's recorder, attached at the first call."""
        recorder = _RECORDERS.get(page)
        if recorder is None:
            recorder = _RECORDERS[page] = cls()
            page.on("request", recorder._asked)
            page.on("response", recorder._answering)
            page.on("requestfinished", recorder._answered)
            page.on("requestfailed", recorder._failed)
            recorder._page = page
        return recorder

    async def served(self) -> Answer | None:
        """The page as the server sent it, before scripts changed it; None when not known."""
        for _ in range(100):
            if self.document is not None or self.left is not None:
                break
            await asyncio.sleep(0.05)
        return self.document

    async def drain(self) -> list[Exchange]:
        """The exchanges since the last call, in the order of their answers."""
        if self._reading:
            await asyncio.wait(self._reading, timeout=5)
        exchanges, self._exchanges = self._exchanges, []
        return exchanges

    async def settled(self, seconds: float) -> bool:
        """Whether all requests that a script made have their answers, now or soon.

        As long as one is missing it is not known in which order the script asks.
        """
        for _ in range(int(seconds / _LOOK_S)):
            if not any(request.resource_type in _ASKING for request in self.pending):
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    async def appeared(self, cards: Sequence[str]) -> None:
        """Cards appeared, as HTML: note which requests brought them."""
        if self._reading:
            await asyncio.wait(self._reading, timeout=5)
        slugs = {slug.encode() for card in cards for slug in _SLUG.findall(card)}
        for place, answer in self._recent:
            if place not in self._bringing and any(slug in answer.body for slug in slugs):
                self._bringing.add(place)

    @property
    def last_answers(self) -> list[Answer]:
        """The last answer to each kind of request that brought cards before."""
        last = dict(self._recent)
        return [answer for place, answer in last.items() if place in self._bringing]

    @property
    def refused(self) -> str | None:
        """What became of the list's last request when the server failed to answer it."""
        return self._of_the_list(self._refused)

    @property
    def forbidden(self) -> str | None:
        """What robots.txt forbids of that which the list may need."""
        return self._of_the_list(self._forbidden)

    @property
    def unnamed(self) -> str | None:
        """What the list may need and what is on a host of the site that is not to be asked."""
        return self._of_the_list(self._unnamed)

    @property
    def unanswered(self) -> str | None:
        """What the list may need and what is on its way, or waits for its turn."""
        return self._of_the_list({_place(request): request.url for request in self.pending})

    @property
    def hanging(self) -> str | None:
        """The list's own request that is on its way, once it is known which that is.

        Before, it may be a request that is to be answered late, if ever: a script's that listens.
        """
        return self.unanswered if self._bringing else None

    @property
    def waiting(self) -> str | None:
        """Of that what was not let go yet, since its turn has not come."""
        waiting = self.pending & self.blocker.waiting.keys() if self.blocker else set()
        return self._of_the_list({_place(request): request.url for request in waiting})

    def _of_the_list(self, by_place: Mapping[str, str]) -> str | None:
        """The first that may concern the list.

        Where it is known what brings the list's cards, other requests (a counter's) do not matter.
        """
        said = [what for place, what in by_place.items() if place in self._bringing]
        return next(iter(said if self._bringing else by_place.values()), None)

    def _asked(self, request: BrowserRequest) -> None:
        if request.resource_type in _LOADING:
            self.pending.add(request)
        if request.resource_type in _BRINGING:
            self._number += 1
            self._numbers[request] = self._number
        # Told from the asking: a script that goes elsewhere at once may be quicker than the answer.
        first = self._opened is None or request.redirected_from == self._opened
        if first and self._is_of_the_page(request):
            self._opened = request

    def _answering(self, response: Response) -> None:
        """Note the status as soon as it is known.

        Where a script does not read the body of an answer that it does not like, Chromium reports
        the request as given up.
        """
        request = response.request
        if request.resource_type in _ASKING:
            self._refused.pop(_place(request), None)
            self._forbidden.pop(_place(request), None)
            if response.status >= 500 or response.status in _NOT_LET_IN:
                self._refused[_place(request)] = f"{request.url}: status {response.status}"

    def _answered(self, request: BrowserRequest) -> None:
        if request.resource_type not in _BRINGING:
            self.pending.discard(request)
        elif request in self.pending:
            moved = request.redirected_to is not None
            if request != self._opened and not moved and self._is_of_the_page(request):
                self.left = request.url
            task = asyncio.ensure_future(self._read(request))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    def _failed(self, request: BrowserRequest) -> None:
        why = request.failure or ""
        if self.blocker is not None:
            why = self.blocker.lost.get(request, why)
        if request.resource_type in _ASKING and not why.endswith(_BLOCKED):
            self._refused[_place(request)] = f"{request.url}: {why}"
        if request.resource_type in _GROWING and self._is_forbidden(request):
            self._forbidden[_place(request)] = request.url
        if self.blocker is not None and request in self.blocker.unnamed:
            self._unnamed[_place(request)] = request.url
        self._numbers.pop(request, None)
        self.pending.discard(request)

    async def _read(self, request: BrowserRequest) -> None:
        with suppress(BrowserError):  # the page went away meanwhile
            response = await request.response()
            body = await response.body() if response else b""
            if response is not None and len(body) <= _LONGEST_ANSWER:
                headers = await request.all_headers()
                kind = response.headers.get("content-type", "")
                at = parse_http_date(response.headers.get("date", ""))
                answer = Answer(response.status, kind, body, at)
                if request.resource_type in _ASKING and response.ok:
                    latest = (_place(request), answer)
                    self._recent = [*self._recent, latest][-_KEPT_EXCHANGES:]
                if request == self._opened:
                    self.document = answer
                elif request.resource_type != "document":  # that would be a frame's
                    made = Request(request.method, request.url, headers, request.post_data or "")
                    seen = Exchange(made, answer, self._numbers.get(request, 0))
                    self._exchanges = [*self._exchanges, seen][-_KEPT_EXCHANGES:]
        self._numbers.pop(request, None)
        self.pending.discard(request)

    def _is_forbidden(self, request: BrowserRequest) -> bool:
        return self.blocker is not None and request in self.blocker.forbidden

    def _is_of_the_page(self, request: BrowserRequest) -> bool:
        """Whether a request is for a document in the page itself rather than in a frame of it."""
        if request.resource_type != "document" or self._page is None:
            return False
        with suppress(BrowserError):  # it is for a frame that is not there yet
            return request.frame == self._page.main_frame
        return False


def _place(request: BrowserRequest) -> str:
    """What a script's requests of one kind have in common: the address without what varies."""
    parts = urlsplit(request.url)
    path = "/".join(_VARYING.sub("*", step) for step in parts.path.split("/"))
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = sorted(f"{name}={_VARYING.sub('*', value)}" for name, value in pairs)
    return f"{request.method} {parts.netloc}{path}?{'&'.join(query)}"


_RECORDERS: WeakKeyDictionary[Page, Recorder] = WeakKeyDictionary()
