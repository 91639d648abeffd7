"""A site that means harm, on loopback: attacks by name, beside the good articles of the stand-in.

    with hostile_site() as site:
        site.url, site.good, site.attacks, site.log

An attack is an address below the site's own: of an article, a list or a feed. `Attack.reason` is
the reason of the reject that must come of it; None when the page is read, and `Attack.cut` then
names the fields that must be cut.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache

import brotli
from backports import zstd

from demo_site import SiteConfig
from demo_site.messages import Request
from demo_site.site import Site
from tests.pages import article_html, card_html

MB = 1_000_000
BOMB = 64 * MB
"""Bytes of a bomb once it went off: many times the limit."""

Answer = Callable[[asyncio.StreamWriter, str], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """One attack. `path` is its address without origin; `answer` writes to a connection."""

    name: str
    answer: Answer
    reason: str | None = None
    cut: tuple[str, ...] = ()
    kind: str = "post"  # or category, or feed
    path: str = ""


@dataclass
class HostileSite:
    """A site that is being served. `good` are addresses of articles that must all be stored.

    `instead` says which path is answered like another one, such as ``/rss.xml`` like an attack;
    `further` are answers to paths of a test's own.
    """

    url: str
    good: list[str]
    attacks: dict[str, Attack]
    log: list[str] = field(default_factory=list)
    instead: dict[str, str] = field(default_factory=dict)
    further: dict[str, Answer] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[Attack]:
        return [attack for attack in self.attacks.values() if attack.kind == kind]


async def body_of(attack: Attack) -> bytes:
    """The body that an attack with a whole answer sends."""
    written: list[bytes] = []

    class Sink:
        write = staticmethod(written.append)

        async def drain(self) -> None:
            pass

    await attack.answer(Sink(), attack.path)  # type: ignore[arg-type]
    return b"".join(written).partition(b"\r\n\r\n")[2]


# --- how answers are written


def page(body: bytes | Callable[[], bytes], *headers: str) -> Answer:
    """A whole answer with status 200."""

    async def write(writer: asyncio.StreamWriter, path: str) -> None:
        content = body if isinstance(body, bytes) else body()
        _head(writer, "200 OK", f"Content-Length: {len(content)}", *headers)
        writer.write(content)
        await writer.drain()

    return write


def compressed(encoding: str, make: Callable[[], bytes]) -> Answer:
    """A body that is what its header says."""
    return page(make, f"Content-Encoding: {encoding}")


def endless(
    piece: bytes, *head: str, raw: bytes = b"", pause: float = 0.0, chunked: bool = False
) -> Answer:
    """An answer that never ends; with `raw` that is what it begins with, else a head."""

    async def write(writer: asyncio.StreamWriter, path: str) -> None:
        if raw:
            writer.write(raw)
        else:
            _head(writer, "200 OK", *["Transfer-Encoding: chunked"] * chunked, *head)
        shown = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        while True:
            writer.write(shown)
            await writer.drain()
            await asyncio.sleep(pause)

    return write


def redirect(target: Callable[[str], str]) -> Answer:
    async def write(writer: asyncio.StreamWriter, path: str) -> None:
        _head(writer, "302 Found", f"Location: {target(path)}", "Content-Length: 0")

    return write


def _head(writer: asyncio.StreamWriter, status: str, *headers: str) -> None:
    kind = () if any(h.startswith("Content-Type") for h in headers) else (HTML,)
    lines = (f"HTTP/1.1 {status}", *kind, *headers, "Connection: close", "", "")
    writer.write("\r\n".join(lines).encode())


HTML = "Content-Type: text/html; charset=utf-8"
_JSON_LD = '<script type="application/ld+json">{}</script>'
_GOOD = "<p>" + "The road to the north was opened again today. " * 12 + "</p>"
ANSI = "\x1b[2J\x1b[31mred\x1b]0;owned\x07 \u202eevil \x9b31m"
FORMULA = "=HYPERLINK(&quot;http://127.0.0.1:9/&quot;,&quot;x&quot;)"


# --- bombs


@lru_cache(maxsize=8)
def bomb(encoding: str, size: int = BOMB) -> bytes:
    """So many letters "a", compressed."""
    if encoding == "zstd":
        return zstd.compress(b"a" * size)
    makers = {
        "gzip": zlib.compressobj(6, zlib.DEFLATED, 31),
        "deflate": zlib.compressobj(6),
        "br": brotli.Compressor(quality=4),
    }
    maker = makers[encoding]
    add = maker.process if encoding == "br" else maker.compress  # type: ignore[attr-defined]
    pieces = [add(b"a" * MB) for _ in range(size // MB)]
    pieces.append(maker.finish() if encoding == "br" else maker.flush())  # type: ignore[attr-defined]
    return b"".join(pieces)


def _zstd_window() -> bytes:
    """A frame of a few bytes that asks its reader for a window of 128 MiB."""
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.checksum_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    start = compressor.compress(b"a" * MB, mode=zstd.ZstdCompressor.FLUSH_BLOCK)
    return start + compressor.flush()


# --- pages


def _article(body: str = _GOOD, **parts: str) -> Answer:
    return page(lambda: article_html(body, **parts).encode())


def _html(make: Callable[[], str]) -> Answer:
    return page(lambda: make().encode())


def _cards(number: int) -> str:
    cards = (card_html(f"/en/post/card-{i}") for i in range(number))
    return f"<html><body>{''.join(cards)}</body></html>"


def _feed(items: str, before: str = "") -> Answer:
    xml = f'<?xml version="1.0"?>{before}<rss version="2.0"><channel>{items}</channel></rss>'
    return page(xml.encode(), "Content-Type: application/rss+xml")


POPUPS = (
    "<script>for (let i = 0; i < 50; i++) { window.open('/en/post/pop-' + i);"
    " const a = document.createElement('a'); a.href = '/download-' + i + '.zip';"
    " a.download = 'x.zip'; document.body.append(a); a.click(); }"
    " while (alert('stay')) {}; setInterval(() => window.open('/'), 10);</script>"
)


@lru_cache(maxsize=1)
def attacks() -> list[Attack]:
    """All attacks."""
    numbers = itertools.count()
    slow = 0.2
    lots = 40_000
    return [
        Attack("gzip-bomb", compressed("gzip", lambda: bomb("gzip")), "too_large"),
        Attack("deflate-bomb", compressed("deflate", lambda: bomb("deflate")), "too_large"),
        Attack("brotli-bomb", compressed("br", lambda: bomb("br")), "too_large"),
        Attack("zstd-bomb", compressed("zstd", lambda: bomb("zstd")), "too_large"),
        Attack(
            "nested-bomb",
            compressed("gzip, gzip", lambda: gzip.compress(bomb("gzip"))),
            "too_large",
        ),
        Attack(
            "mixed-bomb", compressed("gzip, br", lambda: brotli.compress(bomb("gzip"))), "too_large"
        ),
        Attack(
            "many-encodings",
            compressed("gzip, gzip, gzip", lambda: bomb("gzip", MB)),
            "too_many_encodings",
        ),
        Attack("not-gzip", compressed("gzip", lambda: b"<html>"), "bad_encoding"),
        Attack("not-brotli", compressed("br", lambda: b"<html>" * 9), "bad_encoding"),
        Attack("not-zstd", compressed("zstd", lambda: b"<html>"), "bad_encoding"),
        Attack("zstd-window", compressed("zstd", _zstd_window), "bad_encoding"),
        Attack("plain-60-mb", page(lambda: b"<p>" + b"a" * 60 * MB), "too_large"),
        Attack("endless-body", endless(b"a" * 65_536), "too_large"),
        Attack("endless-chunks", endless(b"<p>a" * 16_384, chunked=True), "too_large"),
        Attack("promised-terabyte", endless(b"a", "Content-Length: 999999999999"), "too_large"),
        Attack("trickling-body", endless(b"a", pause=slow), "too_slow"),
        Attack("trickling-head", endless(b"X-A: b\r\n", raw=b"HTTP/1.1 200 OK\r\n", pause=slow),
               "too_slow"),
        Attack("silence", endless(b"", raw=b"H", pause=slow), "too_slow"),
        Attack("endless-head", endless(b"X-A: b\r\n" * 999, raw=b"HTTP/1.1 200 OK\r\n"),
               "too_many_headers"),
        Attack("endless-interim", endless(b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" * 99,
                                          raw=b"HTTP/1.1 100 Continue\r\n\r\n"),
               "too_many_headers"),
        Attack("endless-line", endless(b"a" * 65_536, raw=b"HTTP/1.1 200 OK\r\nX: "),
               "no_response"),
        Attack("redirect-loop", redirect(lambda path: path), "too_many_redirects"),
        Attack("redirects-for-ever", redirect(
            lambda path: f"{path.partition('~')[0]}~{next(numbers)}"),
               "too_many_redirects"),
        Attack("refresh-loop", _article(head='<meta http-equiv="refresh" content="0">'
                                        '<meta http-equiv="refresh" content="0; url=?x">'),
               "too_many_redirects"),
        Attack("nested-divs", _html(lambda: "<div>" * 2 * MB), "too_large"),
        Attack("many-divs", _html(lambda: "<div>" * (MB // 2)), "too_many_tags"),
        Attack("deep-divs", _article("<div>" * 1_000 + "x"), "too_deep"),
        Attack("deep-enough", _article("<div>x" * 200 + _GOOD)),
        Attack("million-links", _html(lambda: "<a href=x>x</a>" * MB), "too_large"),
        Attack("many-links", _html(lambda: "<a href=x>x</a>" * (MB // 4)), "too_many_tags"),
        Attack("figures", _article(("<figure>" * 100 + "<figcaption>cap" * 100
                                    + "</figure>" * 100) * 80 + _GOOD)),
        Attack("figures-of-pictures", _article(("<figure>" * 100 + '<img src="/a.jpg">' * 20_000
                                                + "</figure>" * 100) + _GOOD)),
        Attack("links-without-words", _article(
            f'{_GOOD}<p>Snow {"<a href=/en/post/a>!!!!!!!!</a>." * 15_000}'),
               cut=("links",)),
        Attack("cell-of-blocks", _article(f"{_GOOD}<table><tr><td>{'<p>x</p>' * 20_000}")),
        Attack("tweets", _article((('<blockquote class="twitter-tweet"><a href="/x">a</a>' * 150)
                                   + "</blockquote>" * 150) * 80 + _GOOD), cut=("links",)),
        Attack("headings", _html(lambda: ("<h1>A headline of words " * 100 + "</h1>" * 100) * 200
                                 + "<h1>x</h1>" * 4_000 + _GOOD), "not_an_article_unknown"),
        Attack("no-layout", _html(lambda: "<title>A title of words</title><h1>A title of words</h1>"
                                  "<p>3 May 2025 10:00</p>" + _GOOD * 6_000), cut=("body",)),
        Attack("entities", _article("&amp;&nbsp;" * (MB // 3)), cut=("body",)),
        Attack("long-text", _article("<p>" + "Words and words. " * 200_000), cut=("body",)),
        Attack("long-title", _article(title="a | b – " * 50_000), cut=("title",)),
        Attack("many-pictures", _article("".join(
            f'<img src="/{i}.jpg"><iframe src="https://t.me/a/{i}"></iframe> t '
            f'<a href="/l/{i}">link</a>' for i in range(8_000)) + _GOOD),
            cut=("embeds", "images", "links")),
        Attack("long-link", _article(f'{_GOOD}<a href="/{"a" * MB}">x</a><img src="/{"b" * MB}">')),
        Attack("huge-attribute", _article(f'<p class="{"share_" * (MB // 2)}!">x</p>{_GOOD}')),
        Attack("huge-style", _article(
            f'<p style="{"background:url(" * 100_000}">x</p>{_GOOD}')),
        Attack("attributes", _article(
            f"<p {' '.join(f'a{i}' for i in range(400_000))}>x</p>"), "too_complex"),
        Attack("marks", _article(f"{_GOOD}<p>a{chr(0x301) + chr(0x323)}"
                                 + f"{chr(0x301)}{chr(0x323)}" * 400_000), cut=("body",)),
        Attack("deep-json-ld", _article(head=_JSON_LD.format("[" * MB))),
        Attack("huge-json-ld", _article(head=_JSON_LD.format(f"[{'{},' * MB}1]"))),
        Attack("huge-number", _article(head=_JSON_LD.format(
            f'{{"@type": "NewsArticle", "headline": {"9" * 100_000}}}'))),
        Attack("huge-views", _article(views="Views: " + "9" * 100_000)),
        Attack("many-authors", _article(head=_JSON_LD.format(json.dumps(
            {"@type": "NewsArticle",
             "author": [f"Anna {chr(65 + i // 26)}{chr(97 + i % 26)}a" for i in range(190)]}))),
            cut=("authors",)),
        Attack("control-characters", _article(
            title=f"{ANSI}headline", body=f"<p>{ANSI}</p>{_GOOD}")),
        Attack("formula", _article(title=FORMULA)),
        Attack("popups", _article(_GOOD + POPUPS)),
        Attack("many-cards", _html(lambda: _cards(2_000)), "too_many_cards", kind="category"),
        Attack("nested-cards", _html(lambda: (('<div class="float_block"><a href="/en/post/a"></a>'
                                               * 120) + "</div>" * 120) * 80), kind="category"),
        Attack("list-bomb", compressed("gzip", lambda: bomb("gzip")), "too_large", kind="category"),
        Attack("list-links", _html(lambda: "<a href=x>x</a>" * (MB // 4)),
               "too_many_tags", kind="category"),
        Attack("popup-list", _html(lambda: POPUPS + _cards(3)), kind="category"),
        Attack("bombing-list", _html(lambda: _cards(3) + (
            "<script>fetch('/en/category/list-bomb'); fetch('/en/post/gzip-bomb');"
            " fetch('/en/post/brotli-bomb'); fetch('/en/post/plain-60-mb')</script>")),
            kind="category"),
        Attack("many-sections", _html(lambda: "".join(
            f'<a href="/en/category/s{i}">S{i}</a>' for i in range(8_000))), "too_many_sections",
            kind="category"),
        Attack("feed-lines", _feed("", before="<!-- -->" + "\n" * MB), "dead_feed", kind="feed"),
        Attack("feed-entities", _feed("<item><title>&z;</title></item>", before=(
            '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + "".join(
                f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(25)) + "]>")),
            "dead_feed", kind="feed"),
        Attack("feed-attributes", _feed("<item><enclosure " + " ".join(
            f"a{i}='1'" for i in range(600_000)) + "/></item>"), "dead_feed", kind="feed"),
        Attack("feed-namespaces", _feed("".join(
            f"<a{i}:b xmlns:a{i}='u{i}'/>" for i in range(40_000))), "dead_feed", kind="feed"),
        Attack("feed-ampersands", _feed(f"<item><title>{'&' * 4 * MB}</title></item>"),
               "dead_feed", kind="feed"),
        Attack("feed-items", _feed("<item><link>/en/post/x</link></item>" * lots),
               "too_many_tags", kind="feed"),
        Attack("feed-open", _feed("<item" * lots), "dead_feed", kind="feed"),
        Attack("feed-date", _feed("<item><link>/en/post/x</link><pubDate>" + "1 a," * lots
                                  + "</pubDate></item>"), kind="feed"),
    ]  # fmt: skip


# --- serving


@contextmanager
def hostile_site(
    good: int = 12, host: str = "127.0.0.1", name: str | None = None
) -> Iterator[HostileSite]:
    """Serve it in a thread of this process, at the address `host`, which goes by `name`."""
    config = SiteConfig(articles=good, seed=3)
    stand_in = Site(config)
    named: dict[str, Attack] = {}
    for attack in attacks():
        path = (
            f"/en/{attack.kind}/{attack.name}" if attack.kind != "feed" else f"/{attack.name}.xml"
        )
        named[attack.name] = Attack(
            attack.name, attack.answer, attack.reason, attack.cut, attack.kind, path
        )
    paths = {attack.path: attack for attack in named.values()}
    loop = asyncio.new_event_loop()
    site = HostileSite("", [], named)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _asked(reader)
            if asked is None:
                return
            path = asked.path.partition("~")[0]
            path = site.instead.get(path, path)
            site.log.append(asked.path)
            if path in site.further:
                await site.further[path](writer, asked.path)
            elif path in paths:
                await paths[path].answer(writer, asked.path)
            else:
                await _from_stand_in(stand_in, asked, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):  # the crawler gave up, as it should
            pass
        finally:
            with suppress(OSError):
                writer.close()

    with _running(loop, answer, host) as port:
        site.url = url = f"http://{name or host}:{port}"
        world = stand_in.world
        site.good = [url + world.article("en", i).path for i in range(good)]
        yield site


async def _asked(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    path, _, query = target.partition("?")
    pairs = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip(): value.strip() for name, _, value in pairs}
    base = f"http://{headers.get('Host', '')}"
    return Request(method, base, path, query, {}, {}, "", headers)


async def _from_stand_in(site: Site, asked: Request, writer: asyncio.StreamWriter) -> None:
    answered = site.answer(asked)
    headers = [f"{name}: {value}" for name, value in answered.headers.items()]
    _head(writer, f"{answered.status} X", *headers, f"Content-Length: {len(answered.body)}")
    writer.write(answered.body)


@contextmanager
def _running(
    loop: asyncio.AbstractEventLoop,
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    host: str,
) -> Iterator[int]:
    """A server on a port of its own, and its loop in a thread until the end."""
    ready, stop = threading.Event(), asyncio.Event()
    port = [0]

    async def serve() -> None:
        server = await asyncio.start_server(answer, host, 0)
        port[0] = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
