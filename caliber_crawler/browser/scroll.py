"""Scrolling a list in a browser: what appears, and which requests brought it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

from playwright.async_api import Error as BrowserError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from caliber_crawler.browser.waiting import within
from caliber_crawler.listing.exchange import Answer, Exchange, Request
from caliber_crawler.pages.section import CARD

if TYPE_CHECKING:
    from playwright.async_api import Page, Response
    from playwright.async_api import Request as BrowserRequest

__all__ = ["BrowserError", "Recorder", "Scroller"]

T = TypeVar("T")

# Kinds of requests that can bring cards; "script" is for answers that call a function.
_BRINGING = frozenset({"xhr", "fetch", "script", "document"})
_ASKING = frozenset({"xhr", "fetch"})
# How the requests fail that the browser was not allowed to make, or that the page gave up.
_BLOCKED = ("net::ERR_FAILED", "net::ERR_ABORTED")
_LONGEST_ANSWER = 500_000
_KEPT_EXCHANGES = 20
# So many cards, and letters of all together, are taken at once, the others at the next look; and so
# many letters of each.
_MOST_CARDS = 500
_LONGEST_LOOK = 1_000_000
_LONGEST_CARD = 20_000

# So many of the latest cards stay whole, since scripts read the last one's attributes or its place.
# Of the older ones only the empty element stays, since scripts count them.
_WHOLE_CARDS = 60

_LOOK_S = 0.05
_SLUG = re.compile(r'href="[^"]*/post/([^"/?#]+)')
# Of an address what belongs to one request: whatever has a digit in it or is long, as a cursor is.
_VARYING = re.compile(r"^(.*[0-9].*|.{21,})$", re.DOTALL)

_LONGEST_FRAME_MS = 1_500
# What a script's request is answered with when it is not let in. A list's end may be a 404 or 400.
_NOT_LET_IN = frozenset({401, 403, 407, 419, 429})

_MOST_CONTROLS = 3_000

_NEW = f".{CARD}:not([data-caliber-seen])"

_TAKE_NEW = f"""
keep => {{
  const fresh = [], html = [];
  let room = {_LONGEST_LOOK};
  for (const card of [...document.querySelectorAll('{_NEW}')].slice(0, {_MOST_CARDS})) {{
    const text = card.outerHTML.slice(0, {_LONGEST_CARD});
    room -= text.length;
    if (room < 0) break;
    fresh.push(card);
    html.push(text);
  }}
  fresh.forEach(card => card.setAttribute('data-caliber-seen', ''));
  const whole = [...document.querySelectorAll('[data-caliber-seen]:not([data-caliber-empty])')];
  for (const card of whole.slice(0, Math.max(0, whole.length - keep))) {{
    card.setAttribute('data-caliber-empty', '');
    card.replaceChildren();
    card.style.display = 'none';
  }}
  return html;
}}
"""

# What readers press for more, where a list stops growing by itself: the last such control below the
# last card. Only what says so counts, and where it is a link, nothing but its script follows.
_MORE_WORDS = (
    r"^\W*(((load|show|view|see|get|read)( me)? )?(some )?more|older)"
    r"( (news|articles|posts|stories|items|results|materials))?\W*$"
    r"|^\W*((показать|загрузить|смотреть|читать|посмотреть) )?(ещ[её]|больше|далее)"
    r"( (новост\p{L}*|стат\p{L}*|материал\p{L}*|публикаци\p{L}*))?\W*$"
    r"|^\W*(daha (çox|cox)|davamı)( (xəbər|göstər|yüklə)\p{L}*)*\W*$|^\W*(daha )?yüklə\W*$"
    r"|^\W*((տեսնել|բեռնել|ցույց տալ) )?ավելին\W*$"
)
_MORE_NAMES = r"(load|show|view|next)[-_]?more|more[-_]?(btn|button|link)|btn[-_]?more"
_PRESS = f"""
() => {{
  const words = new RegExp({json.dumps(_MORE_WORDS)}, 'iu');
  const names = new RegExp({json.dumps(_MORE_NAMES)}, 'i');
  const cards = document.querySelectorAll('.{CARD}');
  const last = cards[cards.length - 1];
  if (!last) return false;
  const found = [...document.querySelectorAll('button, a, input, [role=button], div, span, p')]
    .slice(-{_MOST_CONTROLS}).filter(control => {{
      const text = (control.value || control.textContent.slice(0, 100)).trim();
      const below = last.compareDocumentPosition(control) & Node.DOCUMENT_POSITION_FOLLOWING;
      const named = names.test(control.className + ' ' + control.id);
      const own = control.matches('button, a, input, [role=button]');
      if (!below || control.disabled || control.closest('.{CARD}')) return false;
      if (!words.test(text) && !(named && own && text.length < 40)) return false;
      const box = control.getBoundingClientRect(), style = getComputedStyle(control);
      return box.width > 0 && box.height > 0 && style.visibility !== 'hidden';
    }});
  // The innermost of the first: a click on it reaches all round it.
  const first = found[0];
  const control = found.filter(one => first && first.contains(one)).pop();
  if (!control) return false;
  const stay = event => event.preventDefault();
  window.addEventListener('click', stay, {{once: true}});
  control.click();
  window.removeEventListener('click', stay);
  return true;
}}
"""

# From a little above the end down to it, in steps: some lists load only when the view is near the
# end but not at it. Every scrollable box round the list is moved, not the window alone. At the
# first step and the last a frame is waited for, since observers look once a frame, and a page
# beside another one may get one a second. The last steps alone are made again to `nudge` a list
# that heeds one event in so many milliseconds: the first of a sweep comes too far from the end.
_SWEEP = f"""
async nudge => {{
  const cards = document.querySelectorAll('.{CARD}');
  const boxes = [document.scrollingElement];
  let box = cards.length ? cards[cards.length - 1].parentElement : null;
  for (; box; box = box.parentElement) {{
    const flow = getComputedStyle(box).overflowY;
    const scrolls = flow === 'auto' || flow === 'scroll';
    if (scrolls && box.scrollHeight > box.clientHeight) boxes.push(box);
  }}
  const frame = () => new Promise(next => {{
    setTimeout(next, {_LONGEST_FRAME_MS});
    requestAnimationFrame(() => requestAnimationFrame(next));
  }});
  const steps = nudge ? [3, 0] : [900, 600, 400, 250, 180, 120, 80, 40, 0];
  for (const above of steps) {{
    for (const box of boxes) box.scrollTop = box.scrollHeight - box.clientHeight - above;
    await new Promise(next => setTimeout(next, 16));
    if (above === steps[0] || above === 0) await frame();
  }}
}}
"""
# So long is waited once before a list is taken to have ended: some scripts ask when nobody scrolled
# for a while.
_REST_S = 2.5
_PRESSES = 2
# When after a sweep a list is nudged, if nothing came; the last is how long is waited then.
_NUDGES_S = (0.3, 0.3, 0.5, 0.6)


@dataclass
class Recorder:
    """Listens to a page from before its first request: exchanges, and what is still on its way.

    `document` is the page as the server sent it, `left` the address for which it was left since.
    """

    pending: set[BrowserRequest] = field(default_factory=set)
    document: Answer | None = None
    left: str | None = None
    # By place (`_place`): what became of a last request that failed, the latest good answers. Of
    # which places an answer held cards that appeared.
    _refused: dict[str, str] = field(default_factory=dict)
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
        """What became of the list's last request when the server failed to answer it.

        Where it is known what brings the list's cards, other requests (a counter's) do not matter.
        """
        said = [w for place, w in self._refused.items() if place in self._bringing]
        return next(iter(said if self._bringing else self._refused.values()), None)

    def _asked(self, request: BrowserRequest) -> None:
        if request.resource_type in _BRINGING:
            self.pending.add(request)
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
            if response.status >= 500 or response.status in _NOT_LET_IN:
                self._refused[_place(request)] = f"{request.url}: status {response.status}"

    def _answered(self, request: BrowserRequest) -> None:
        if request in self.pending:
            moved = request.redirected_to is not None
            if request != self._opened and not moved and self._is_of_the_page(request):
                self.left = request.url
            task = asyncio.ensure_future(self._read(request))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    def _failed(self, request: BrowserRequest) -> None:
        why = request.failure or ""
        if request.resource_type in _ASKING and not why.endswith(_BLOCKED):
            self._refused[_place(request)] = f"{request.url}: {why}"
        self._numbers.pop(request, None)
        self.pending.discard(request)

    async def _read(self, request: BrowserRequest) -> None:
        with suppress(BrowserError):  # the page went away meanwhile
            response = await request.response()
            body = await response.body() if response else b""
            if response is not None and len(body) <= _LONGEST_ANSWER:
                headers = await request.all_headers()
                kind = response.headers.get("content-type", "")
                answer = Answer(response.status, kind, body)
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


class Scroller:
    """Scrolls one page's list. Raises `BrowserError` when the page or the browser is gone.

    `quiet` is how many seconds without new cards and without a request on its way mean the end;
    `patience` how many seconds a request, or the browser itself, may take. `stopping` tells that
    the crawl is to end now.
    """

    def __init__(
        self,
        page: Page,
        stopping: Callable[[], bool],
        *,
        quiet: float = 5.0,
        patience: float = 30.0,
    ) -> None:
        self._page = page
        self._stopping = stopping
        self._quiet = quiet
        self._patience = patience
        self._in_vain = 0  # presses since cards appeared
        self.recorder = Recorder.of(page)

    async def present(self) -> Sequence[str]:
        """The cards that are there and were not taken yet, as HTML, in page order."""
        found: list[str] = await self._wait(self._page.evaluate(_TAKE_NEW, _WHOLE_CARDS))
        if self.recorder.left is not None:
            raise BrowserError(f"the page went on to {self.recorder.left} by itself")
        await self.recorder.appeared(found)
        return found

    async def more(self) -> Sequence[str]:
        """Scroll until new cards appear and return them; empty when the list has ended.

        Raises the built-in TimeoutError when the browser does not answer any more, or when the
        crawl is to end while it is waited for.
        """
        loop = asyncio.get_running_loop()
        began = quiet_since = loop.time()
        while not self._stopping():
            for nudge, seconds in enumerate(_NUDGES_S):
                await self._wait(self._page.evaluate(_SWEEP, nudge > 0))
                if await self._appeared(seconds):
                    return await self._grown()
                if self._stopping():
                    break
            now = loop.time()
            if self.recorder.pending and now - began < self._patience:
                quiet_since = now
            elif await self._pressed():
                quiet_since = loop.time()
            elif now - quiet_since >= self._quiet:
                if await self._appeared(min(_REST_S, self._patience / 2)):
                    return await self._grown()
                break
        if self.recorder.refused and not self._stopping():
            raise BrowserError(f"the list ends with a failed request: {self.recorder.refused}")
        return []

    async def _grown(self) -> Sequence[str]:
        self._in_vain = 0
        return await self.present()

    async def _pressed(self) -> bool:
        """Press what loads more, if there is anything to press and that was not in vain before."""
        if self._in_vain >= _PRESSES or self._stopping():
            return False
        pressed = bool(await self._wait(self._page.evaluate(_PRESS)))
        self._in_vain += pressed
        return pressed

    async def _appeared(self, seconds: float) -> bool:
        try:
            await self._wait(
                self._page.wait_for_selector(_NEW, state="attached", timeout=seconds * 1000)
            )
        except PlaywrightTimeout:
            return False
        return True

    async def _wait(self, answer: Coroutine[Any, Any, T]) -> T:
        return await within(self._patience, self._stopping, answer)
