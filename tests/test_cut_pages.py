"""Pages that break off on their way: asked for again, and never stored over a whole one."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo.database import Database

from tests.conftest import Scrapy
from tests.pages import article_html

PATH = "/en/post/north-road-reopens"
WHOLE = article_html(
    "".join(f"<p>Line {i} of the notice says that the road is open.</p>" for i in range(40))
    + "<p>Дорога открыта, — сказал мэр. 😀</p>"
).encode()
_HALF = WHOLE.index(b"Line 20") + 3
_FIELDS = b"Content-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\n" + _FIELDS

Send = Callable[[socket.socket], None]


def _plain(body: bytes, *headers: bytes) -> Send:
    return lambda s: s.sendall(_HEAD + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + body)


def _reset(s: socket.socket) -> None:
    s.sendall(_HEAD + b"\r\n" + WHOLE[:_HALF])
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _with_status(status: bytes, body: bytes) -> Send:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return lambda s: s.sendall(b"HTTP/1.1 " + status + b"\r\n" + _FIELDS + length + body)


_ZIPPED = gzip.compress(WHOLE)
WAYS: dict[str, Send] = {
    "shorter than its stated length": _plain(
        WHOLE[:_HALF], b"Content-Length: %d" % len(WHOLE)
    ),
    "no stated length": _plain(WHOLE[:_HALF]),
    "a stated length that is the part's": _plain(WHOLE[:_HALF], b"Content-Length: %d" % _HALF),
    "chunks without an end": _plain(
        b"%x\r\n%s\r\n" % (_HALF, WHOLE[:_HALF]), b"Transfer-Encoding: chunked"
    ),
    "within a chunk": _plain(
        b"%x\r\n%s" % (len(WHOLE), WHOLE[:_HALF]), b"Transfer-Encoding: chunked"
    ),
    "the connection reset": _reset,
    "gzip": _plain(_ZIPPED[: len(_ZIPPED) // 2], b"Content-Encoding: gzip"),
    "within a tag": _plain(WHOLE[: WHOLE.index(b"post_hits") + 4]),
    "within a letter": _plain(WHOLE[: WHOLE.index("мэр".encode()) + 1]),
    "before the body": _plain(WHOLE[: WHOLE.index(b"post_title")]),
    "nothing": _plain(b"", b"Content-Length: %d" % len(WHOLE)),
    "a part by its status": _with_status(b"206 Partial Content", WHOLE[:_HALF]),
    "a part that ends like a whole": _with_status(
        b"206 Partial Content", WHOLE[:_HALF] + b"</p></body></html>"
    ),
    "another good status": _with_status(b"203 Non-Authoritative Information", WHOLE[:_HALF]),
}  # fmt: skip


class Server:
    """Answers with the sends in `plan`, one a request, then with the whole page."""

    def __init__(self) -> None:
        self.plan: list[Send] = []
        self.asked = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                path = connection.recv(65_536).split(b" ")[1:2]
                if path != [PATH.encode()]:
                    connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.asked += 1
                send = self.plan.pop(0) if self.plan else _plain(WHOLE)
                send(connection)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def _crawl(scrapy: Scrapy, server: Server) -> Any:
    return scrapy.crawl(
        "articles",
        f"url={server.url}{PATH}",
        CALIBER_BASE_URL=server.url,
        BACKOFF_FIRST_SECONDS="0",
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_is_cut_once_is_had_whole(
    scrapy: Scrapy, database: Database[dict[str, Any]], way: str
) -> None:
    with serving() as server:
        server.plan = [WAYS[way]]
        run = _crawl(scrapy, server)
        assert (run.code, server.asked) == (0, 2), run.err
    [record] = database.articles.find()
    assert record["body"].count("\n\n") == 40
    assert record["body"].endswith("сказал мэр. 😀")
    assert "partial" not in record["extraction"]


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ("no stated length", 4),  # a part is taken: partly failed
        ("gzip", 4),
        ("a part by its status", 4),
        ("a part that ends like a whole", 4),
        ("another good status", 4),
        ("shorter than its stated length", 3),  # Scrapy gives no page at all: nothing collected
    ],
)
def test_a_page_that_stays_cut_does_not_replace_a_whole_one(
    scrapy: Scrapy, database: Database[dict[str, Any]], way: str, code: int
) -> None:
    with serving() as server:
        assert _crawl(scrapy, server).code == 0
        [whole] = database.articles.find()
        server.plan = [WAYS[way]] * 3
        run = _crawl(scrapy, server)
        assert run.code == code, run.err
        assert server.asked == 4
    [record] = database.articles.find()
    for name in ("title", "body", "content_hash", "revision", "extraction", "word_count"):
        assert record[name] == whole[name], name


def test_the_part_of_a_new_page_is_marked_and_completed_later(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    with serving() as server:
        server.plan = [WAYS["no stated length"]] * 3
        run = _crawl(scrapy, server)
        assert run.code == 4, run.err
        [part] = database.articles.find()
        assert part["extraction"]["partial"] is True
        [crawl] = database.crawls.find()
        assert crawl["counts"]["articles/partial"] == 1
        assert crawl["counts"]["pages/cut_off"] == 2
        assert _crawl(scrapy, server).code == 0
    [record] = database.articles.find()
    assert record["body"].startswith(part["body"][:50])
    assert record["body"].count("\n\n") == 40
    assert "partial" not in record["extraction"]
