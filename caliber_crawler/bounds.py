"""The downloader middlewares that keep an answer within its limits, before anybody reads it.

What goes beyond them ends as `OverLimit` in the errback of its request; nothing else hears of it.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import sys
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import brotli
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.errors import OverLimit
from caliber_crawler.responses import page_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from caliber_crawler.pages.html import Page

# Servers compress once; a proxy may do it again. Each layer may be as large as a whole body.
_MOST_ENCODINGS = 2
# What RFC 9659 lets a server use. The library's own default would let a header of ten bytes take
# 128 MiB of memory.
_ZSTD_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
_ZSTD_CHUNK = 65_536
_UNREADABLE = (OSError, EOFError, zlib.error, brotli.error, zstd.ZstdError)
# Bytes: a page up to this size is parsed within half a second, whatever it is.
_SOON_PARSED = 131_072
# Of the processor's time, as far as that is told: on a machine with much to do a page that means no
# harm may take far longer by the clock, and gets this many times as long.
_PARSING_SECONDS = 5.0
_MOST_WAITS = 6
_NEARLY = 0.8
_TASKS = Path("/proc/self/task")
_MOST_LEFT_ALONE = 2
# What JSON is taken apart into, and how HTML within it may be written.
_VALUES = (b",", b"{", b"[", b"<", b"\\u003c", b"\\u003C")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?+|[\[{]|[\]}]', re.DOTALL)


class CompressionMiddleware(HttpCompressionMiddleware):
    """Scrapy's, with names for what it refuses. Nothing is inflated beyond DOWNLOAD_MAXSIZE."""

    def __init__(self, *, crawler: Crawler) -> None:
        super().__init__(crawler=crawler)
        self._addon = CaliberAddon.of(crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        listed = b",".join(response.headers.getlist("Content-Encoding"))
        layers = listed.count(b",") + 1
        if layers > _MOST_ENCODINGS:
            raise _over(self._addon, "too_many_encodings", f"compressed {layers} times")
        try:
            return super().process_response(request, response)
        except IgnoreRequest as error:
            raise _over(self._addon, "too_large", str(error)) from None
        except _UNREADABLE as error:
            shown = f"its body is not {listed.decode('latin-1')[:100]!r}: {error}"
            raise _over(self._addon, "bad_encoding", shown) from None

    @staticmethod
    def _decode(body: bytes, encoding: bytes, max_size: int) -> bytes:
        if encoding == b"zstd":
            return _unzstd(body, max_size)
        return HttpCompressionMiddleware._decode(body, encoding, max_size)


class PageMiddleware:
    """Refuses pages that would take long to read: by their tags, how deep these nest, and the time.

    The parser takes the square of the attributes of one tag and cannot be stopped, but the event
    loop goes on meanwhile: what may take long is parsed in a thread, which is left to itself then.
    """

    def __init__(self, addon: CaliberAddon) -> None:
        self._addon = addon
        self._limits = addon.config.limits
        self._left_alone = 0
        self._one = asyncio.Lock()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(CaliberAddon.of(crawler))

    async def process_response(self, request: Request, response: Response) -> Response:
        if response.status >= 300 or not response.body:
            return response  # its body is not read
        if response.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            self._check_json(response.body)
            return response
        tags = response.body.count(b"<")
        if tags > self._limits.tags:
            raise _over(self._addon, "too_many_tags", f"{tags} tags, see PAGE_MAX_TAGS")
        if isinstance(response, HtmlResponse):
            await self._check_page(page_of(response))
        return response

    async def _check_page(self, page: Page) -> None:
        if len(page.body) > _SOON_PARSED:
            async with self._one:  # at a time, so that their trees do not fill the memory together
                await self._parse(page)
        # The tree is kept with the response, so that nobody has to grow it again.
        if page.is_deeper_than(self._limits.depth):
            deep = f"tags nested deeper than {self._limits.depth}, see PAGE_MAX_DEPTH"
            raise _over(self._addon, "too_deep", deep)

    async def _parse(self, page: Page) -> None:
        """Parse in a thread; raises `OverLimit` when that takes too long."""
        if self._left_alone >= _MOST_LEFT_ALONE:
            why = "not parsed: others of its size are being parsed still"
            raise _over(self._addon, "too_complex", why)
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def parse() -> None:
            try:
                page.parse()
            finally:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(done.set)

        thread = threading.Thread(target=parse, name="parser", daemon=True)
        thread.start()
        for _ in range(_MOST_WAITS):
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _PARSING_SECONDS)
                return
            if _processor_seconds(thread) >= _NEARLY * _PARSING_SECONDS:
                break
        self._left_alone += 1
        why = f"not parsed within {_PARSING_SECONDS:g} seconds"
        raise _over(self._addon, "too_complex", why)

    def _check_json(self, body: bytes) -> None:
        values = sum(map(body.count, _VALUES))
        if values > self._limits.tags:
            raise _over(self._addon, "too_many_tags", f"{values} values, see PAGE_MAX_TAGS")
        if body.count(b"[") + body.count(b"{") <= self._limits.depth:
            return
        depth = deepest = 0
        for found in _BRACKETS.finditer(body):
            if found[0] in (b"[", b"{"):
                depth += 1
                deepest = max(deepest, depth)
            elif found[0] in (b"]", b"}"):
                depth -= 1
        if deepest > self._limits.depth:
            deep = f"values nested {deepest} deep, see PAGE_MAX_DEPTH"
            raise _over(self._addon, "too_deep", deep)


def _processor_seconds(thread: threading.Thread) -> float:
    """How long a thread has worked so far; endless where the system does not tell."""
    try:
        told = (_TASKS / str(thread.native_id) / "stat").read_text()
    except OSError:  # the thread has just ended, or there is no such system
        return 0.0 if _TASKS.is_dir() else math.inf
    fields = told.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _over(addon: CaliberAddon, reason: str, detail: str) -> OverLimit:
    addon.count(counters.LIMITS, reason)
    return OverLimit(reason, detail)


def _unzstd(body: bytes, max_size: int) -> bytes:
    """All frames of a body; of one that was cut off, what there is. Raises `IgnoreRequest`."""
    pieces: list[bytes] = []
    size, rest = 0, body
    while rest:
        decompressor = zstd.ZstdDecompressor(options=_ZSTD_WINDOW)
        while not decompressor.eof:
            piece = decompressor.decompress(rest, max_length=_ZSTD_CHUNK)
            rest = b""
            size += len(piece)
            if max_size and size > max_size:
                raise IgnoreRequest(f"more than {max_size} bytes once decompressed")
            pieces.append(piece)
            if not piece and decompressor.needs_input:
                return b"".join(pieces)
        rest = decompressor.unused_data
    return b"".join(pieces)
