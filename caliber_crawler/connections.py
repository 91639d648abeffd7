"""Connections to the site over plain HTTP: to which addresses they may go, and whom they trust.

The check is made on the address that is connected to, so an answer of a name server that changes
meanwhile changes nothing. Behind a proxy names are resolved there, and the check is the proxy's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scrapy.core.downloader.contextfactory import _ScrapyClientContextFactory
from scrapy.core.downloader.handlers.http11 import _TunnelingTCP4ClientEndpoint
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet import defer
from twisted.internet._sslverify import IOpenSSLTrustRoot
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IResolutionReceiver
from twisted.internet.ssl import optionsForClientTLS
from twisted.web.client import HTTPConnectionPool
from zope.interface import directlyProvides, implementer, providedBy

from caliber_crawler.outcomes import Refused
from caliber_crawler.reach import OFF_SITE, PRIVATE_ADDRESS, Reach

if TYPE_CHECKING:
    from OpenSSL.SSL import Context
    from twisted.internet.interfaces import IAddress, IHostResolution


class GuardedPool(HTTPConnectionPool):
    """Scrapy's pool of connections, which opens new ones only to where `reach` allows."""

    def __init__(self, reactor: Any, reach: Reach, tls: TrustingFactory, timeout: float) -> None:
        super().__init__(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self._reach = reach
        self._tls = tls
        self._timeout = timeout
        self._guarded = _GuardedReactor(reactor, reach)

    def getConnection(self, key: Any, endpoint: Any) -> Any:  # noqa: N802 - Twisted's name
        """As Twisted's. `key` is made of the address asked for: scheme, host, port.

        The endpoint is made anew from it: what an address means to those who checked it before,
        and what it means to Twisted, may differ.
        """
        if key[0] != b"http-proxy" and not isinstance(endpoint, _TunnelingTCP4ClientEndpoint):
            scheme, host, port, local = key
            name = host.decode("ascii")
            if not self._reach.has(name, port):
                return defer.fail(Refused(OFF_SITE, f"{name}:{port} is none of the site's hosts"))
            endpoint = HostnameEndpoint(self._guarded, host, port, self._timeout, local)
            if scheme == b"https":
                endpoint = wrapClientTLS(self._tls.creatorForNetloc(host, port), endpoint)
        return super().getConnection(key, endpoint)


class _GuardedReactor:
    """The reactor, but for TCP connections to addresses that are out of reach."""

    def __init__(self, reactor: Any, reach: Reach) -> None:
        self._reactor = reactor
        self._reach = reach
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
        """`host` is an address by now: `HostnameEndpoint` has resolved the name."""
        if not self._reach.may_connect(host):
            raise Refused(PRIVATE_ADDRESS, f"it leads to {host}, which is no public address")
        return self._reactor.connectTCP(host, *args, **kwargs)


async def addresses_of(host: str) -> list[str]:
    """What a name resolves to, by the resolver that plain HTTP uses; [] when nothing is known."""
    from twisted.internet import reactor

    if isIPAddress(host) or isIPv6Address(host):
        return [host]
    found: list[str] = []
    done: defer.Deferred[None] = defer.Deferred()

    @implementer(IResolutionReceiver)
    class Receiver:
        def resolutionBegan(self, resolution: IHostResolution) -> None:  # noqa: N802
            pass

        def addressResolved(self, address: IAddress) -> None:  # noqa: N802
            found.append(cast("Any", address).host)

        def resolutionComplete(self) -> None:  # noqa: N802
            done.callback(None)

    cast("Any", reactor).nameResolver.resolveHostName(Receiver(), host)
    await maybe_deferred_to_future(done)
    return found


class TrustingFactory(_ScrapyClientContextFactory):
    """Scrapy's, which with `authorities` trusts those in this PEM file besides the system's."""

    authorities: Path | None = None

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # noqa: N802
        if self.authorities is None or not self._verify_certificates:
            return super().creatorForNetloc(hostname, port)
        return optionsForClientTLS(
            hostname=hostname.decode("ascii"),
            trustRoot=cast("Any", _Roots(self.authorities)),
            extraCertificateOptions=self._get_cert_options_kwargs(),
        )


@implementer(IOpenSSLTrustRoot)
class _Roots:
    def __init__(self, authorities: Path) -> None:
        self._authorities = authorities

    def _addCACertsToContext(self, context: Context) -> None:  # noqa: N802
        context.set_default_verify_paths()  # what Twisted's `platformTrust` does
        context.load_verify_locations(str(self._authorities))
