"""Servers that must see no request, a name server that says what a test wants, and certificates."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scrapy.resolver import CachingHostnameResolver, HostResolution
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.names import client


@dataclass
class Canary:
    """A server whose `seen` holds the first bytes of each connection, even of those without any."""

    host: str
    port: int
    seen: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@contextmanager
def canary(host: str = "127.0.0.1", port: int = 0) -> Iterator[Canary]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as server:
        bird = Canary(host, server.getsockname()[1])

        def watch() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(2)
                    try:
                        bird.seen.append(connection.recv(1000))
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    except OSError:
                        bird.seen.append(b"")

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield bird
        finally:
            server.shutdown(socket.SHUT_RDWR)  # wakes `accept`
            thread.join()


# --- names


class LoopbackResolver(client.Resolver):
    """For the setting TWISTED_DNS_RESOLVER: asks the name server of `names`, remembers nothing."""

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> LoopbackResolver:
        port = int(os.environ["TEST_NAME_SERVER"])
        resolver = cls(servers=[("127.0.0.1", port)], timeout=(2,), reactor=reactor)
        resolver.owner = reactor
        return resolver

    def install_on_reactor(self) -> None:
        self.owner.installResolver(self)

    def getHostByName(self, name: str, timeout: Any = None, *_: Any) -> Any:  # noqa: N802
        return super().getHostByName(name, (2,))


class FixedResolver(CachingHostnameResolver):
    """For the same setting: every name leads to the addresses in TEST_ADDRESSES, of either kind."""

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, *_: Any, **__: Any) -> Any:  # noqa: N802
        resolution = HostResolution(name)
        receiver.resolutionBegan(resolution)
        for address in os.environ["TEST_ADDRESSES"].split(","):
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, port))
        receiver.resolutionComplete()
        return resolution


@contextmanager
def names(*answers: str, **others: list[str]) -> Iterator[tuple[int, list[str]]]:
    """A name server on loopback: its port, and what it answered.

    For any name it gives the `answers`, one a question, and the last one from then on. `others` are
    the answers for names ``LABEL.example`` of their own.
    """
    asked: list[str] = []
    wanted = (1, 255)  # an IPv4 address, or all there is
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def serve() -> None:
            given: Counter[str] = Counter()
            while True:
                question, sender = server.recvfrom(2000)
                if question == b"end":
                    return
                end = question.index(b"\0", 12) + 5
                (kind,) = struct.unpack(">H", question[end - 4 : end - 2])
                head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, int(kind in wanted), 0, 0)
                reply = head + question[12:end]
                if kind in wanted:
                    label = question[13 : 13 + question[12]].decode("ascii")
                    said = others.get(label, answers)
                    label = label if label in others else ""
                    address = said[min(given[label], len(said) - 1)]
                    given[label] += 1
                    asked.append(address)
                    reply += struct.pack(">HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address)
                server.sendto(reply, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port, asked
        finally:
            server.sendto(b"end", server.getsockname())
            thread.join()


# --- certificates


@dataclass
class Authority:
    """An authority of a test's own; `file` holds its certificate."""

    folder: Path

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _certificate("Authority", self.key, None)
        self.file = self.folder / "authority.pem"
        self.file.write_bytes(_pem(self.certificate))

    def issue(self, *names: str, days: float = 30) -> Path:
        """A file with key and certificate of a server with these names or addresses.

        It is valid for so many days from now; with less than 0 it was until then.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        path = self.folder / f"{names[0]}-{days:g}.pem"
        path.write_bytes(_pem(_certificate(names[0], key, self, names, days)) + _private(key))
        return path


def _certificate(
    name: str,
    key: Any,
    issuer: Authority | None,
    names: tuple[str, ...] = (),
    days: float = 30,
) -> x509.Certificate:
    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called("Authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(text) for text in names]), critical=False
        )
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: Any) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@contextmanager
def tls_site(pages: dict[str, str], pem: Path) -> Iterator[tuple[str, list[str]]]:
    """A site over TLS: its address, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:  # a client that refuses the certificate
            pass

        def get_request(self) -> tuple[Any, Any]:
            connection, sender = super().get_request()
            connection.settimeout(5)
            return context.wrap_socket(connection, server_side=True), sender

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
