"""Services that take messages, on loopback: one over HTTP for Slack and Telegram, one for mail."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


class Inbox:
    """What came in: of HTTP (path, headers, fields), of mail the message and its envelope.

    `status` and `answer` are what HTTP requests get.
    """

    def __init__(self) -> None:
        self.port = 0
        self.posts: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.logins = 0
        self.status = 200
        self.answer: dict[str, Any] = {"ok": True}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def http_inbox() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if "json" in self.headers.get("Content-Type", ""):
                fields = json.loads(body)
            else:
                fields = {name: values[0] for name, values in parse_qs(body).items()}
            inbox.posts.append((self.path, dict(self.headers), fields))
            said = json.dumps(inbox.answer).encode()
            self.send_response(inbox.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        yield from _serving(server, inbox)


@contextmanager
def mail_inbox() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 inbox")
            receivers: list[str] = []
            for line in iter(self.rfile.readline, b""):
                command = line.decode().strip()
                verb = command[:4].upper()
                if verb == "EHLO":
                    self._say("250-inbox")
                    self._say("250 AUTH PLAIN")
                elif verb == "AUTH":
                    inbox.logins += 1
                    self._say("235 welcome")
                elif verb == "RCPT":
                    receivers.append(command.partition("<")[2].partition(">")[0])
                    self._say("250 yes")
                elif verb == "DATA":
                    self._say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    message = message_from_bytes(b"".join(lines), policy=policy.default)
                    assert isinstance(message, EmailMessage)
                    inbox.mails.append((receivers, message))
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 yes")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        yield from _serving(server, inbox)


def _serving(server: socketserver.BaseServer, inbox: Inbox) -> Iterator[Inbox]:
    inbox.port = server.server_address[1]  # type: ignore[index]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        thread.join()
