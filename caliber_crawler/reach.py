"""Where the crawler may go: the hosts it may talk to, and the addresses it may connect to.

A page, a redirect, an answer of a list or a name server may point anywhere, and this machine may
reach what the internet cannot: consoles on loopback, a router, a cloud's metadata. So an address is
asked for only on the hosts that the operator named, and what such a name resolves to must be an
address that all the internet can reach, unless the operator named that very place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from caliber_crawler.errors import ConfigError
from caliber_crawler.text import is_whole

OFF_SITE = "off_site"
PRIVATE_ADDRESS = "private_address"

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = (ip_network("127.0.0.1"), ip_network("::1"))
# Of the NAT64 prefixes only the well-known one leads to public addresses by definition.
_NAT64 = IPv6Network("64:ff9b::/96")
# What `is_global` calls global, at least in older versions of Python, although it is special.
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),
    IPv6Network("2001::/32"),  # Teredo
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a network of its own
    IPv6Network("::/96"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A host with the ports at which it may be talked to."""

    host: str
    ports: frozenset[int]


class Reach:
    """What one crawl may reach.

    `base` is the site's origin, ``https://caliber.az``; with it goes the same host with or without
    ``www.``. `further` are hosts, each with its port where that is not 80 or 443. `networks` are
    those that names may lead to although they are not public.
    """

    def __init__(
        self, base: str, further: Iterable[str] = (), networks: Iterable[Network] = ()
    ) -> None:
        self.places: list[Place] = []
        self._networks = list(networks)
        self._named_addresses = list[Network]()
        self.admit(base)
        for host in further:
            self._add(*_parsed(f"//{host}"))

    def admit(self, url: str) -> None:
        """Take an address that the operator named: its host, with and without ``www.``.

        Where that is itself an address, or ``localhost``, this one address may be connected to.
        """
        host, port = _parsed(url)
        self._add(host, port)
        if _literal(host) is None and host != "localhost":
            bare = host.removeprefix("www.")
            self._add(f"www.{bare}" if bare == host else bare, port)

    def refusal(self, url: str) -> str | None:
        """Why an address must not be asked for, in words; None when it may be."""
        try:
            parts = urlsplit(url)
            host, port = _normal(parts.hostname or ""), parts.port
        except ValueError:
            return "it is no address that can be read"
        if parts.scheme not in _DEFAULT_PORTS:
            return f"{parts.scheme or 'no scheme'} is neither http nor https"
        if self.has(host, port or _DEFAULT_PORTS[parts.scheme]):
            return None
        shown = f"{host}:{port}" if port else host
        return f"{shown[:300]} is none of the site's hosts (SITE_HOSTS)"

    def has(self, host: str, port: int) -> bool:
        """Whether a host may be talked to at a port."""
        host = _normal(host)
        return any(place.host == host and port in place.ports for place in self.places)

    def is_of_the_site(self, host: str) -> bool:
        """Whether a host lies under the domain of one that may be talked to, as ``api.caliber.az``
        does: the operator may have forgotten to name it."""
        host = _normal(host)
        domains = {
            place.host.removeprefix("www.") for place in self.places if _literal(place.host) is None
        }
        return any(host == domain or host.endswith(f".{domain}") for domain in domains)

    def may_connect(self, address: str) -> bool:
        """Whether an address, as an address, may be connected to: it is public, or was named."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False  # a name: what it leads to is not known
        if any(ip in network for network in (*self._networks, *self._named_addresses)):
            return True
        return is_public(ip)

    def _add(self, host: str, port: int | None) -> None:
        ports = frozenset({port} if port else _DEFAULT_PORTS.values())
        place = Place(host, ports)
        if place in self.places:
            return
        self.places.append(place)
        literal = _literal(host)
        if literal is not None:
            self._named_addresses.append(ip_network(literal))
        elif host == "localhost" or host.endswith(".localhost"):
            self._named_addresses += _LOOPBACK


def is_public(ip: Ip) -> bool:
    """Whether all the internet means the same machine by this address.

    `ipaddress` decides (`is_global`); an IPv6 address that stands for one of IPv4 is what that one
    is. Multicast is never public, nor are ways through a relay (Teredo, networks' own NAT64).
    """
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if ip.is_site_local:
            return False
    if any(ip in network for network in _SPECIAL):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def hosts_of(value: str) -> tuple[str, ...]:
    """The hosts in a setting's comma list. Raises `ConfigError`."""
    hosts = tuple(part.strip() for part in value.split(",") if part.strip())
    for host in hosts:
        try:
            name, _ = _parsed(f"//{host}")
        except ValueError:
            name = ""
        if not name or not is_whole(host) or any(letter in host for letter in "/@*?# "):
            raise ConfigError(
                f"SITE_HOSTS: {host!r} is no host: give names such as media.example.com, "
                "each with :port where it is not 80 or 443"
            )
    return hosts


def networks_of(value: str) -> tuple[Network, ...]:
    """The networks in a setting's comma list. Raises `ConfigError`."""
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"SITE_NETWORKS: {error}; give networks such as 10.0.0.0/8") from None


def _parsed(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return _normal(parts.hostname or ""), parts.port


def _normal(host: str) -> str:
    """A host's name in the one form in which names are compared."""
    host = host.lower().removesuffix(".")
    if host.isascii():
        literal = _literal(host)
        return str(literal) if literal is not None else host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _literal(host: str) -> Ip | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
