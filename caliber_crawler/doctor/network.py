"""The site's name, the addresses that it leads to, and its certificate. Nothing is asked for."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from caliber_crawler.browser import ways
from caliber_crawler.config import Config
from caliber_crawler.doctor.findings import Finding, attention, broken, in_thread, ok
from caliber_crawler.secrecy import hide

_PORTS = {"http": 80, "https": 443}
_RENEWED = timedelta(days=14)
_SECONDS = 15.0
# OpenSSL's numbers of what is wrong with a certificate.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME, _OTHER_ADDRESS = 62, 64


async def network(config: Config, is_checked: bool) -> list[Finding]:
    """Address and certificate; the second only when the first is fine and no proxy is between.

    `is_checked` is whether crawls look at certificates (DOWNLOAD_VERIFY_CERTIFICATES).
    """
    parts = urlsplit(config.site.base)
    port = parts.port or _PORTS[parts.scheme]
    through = ways.proxies()
    if not ways.is_direct(config.site.host, through):
        proxy = through.get(parts.scheme)
        said = f"{config.site.host} is asked for through {hide(str(proxy))}, which resolves names"
        return [ok("address", said)]
    try:
        async with asyncio.timeout(_SECONDS):
            addresses = await in_thread(lambda: _resolved(config.site.host, port))
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or f"no answer within {_SECONDS:g} seconds"
        advice = (
            f"see what `getent hosts {config.site.host}` says, and this machine's network and "
            "name server (/etc/resolv.conf); behind a proxy set https_proxy"
        )
        return [broken("address", f"{config.site.host} leads nowhere: {why}", advice)]
    reach = config.reach()
    good = [address for address in addresses if reach.may_connect(address)]
    if not good:
        found = f"{config.site.host} leads to {', '.join(addresses)}, which is no public address"
        advice = "see the name server; for a copy of the site in your own network set SITE_NETWORKS"
        return [broken("address", found, advice)]
    named = ok("address", f"{config.site.host} leads to {', '.join(good[:3])}")
    if parts.scheme == "http":
        return [named, ok("certificate", "none: the site is asked over http")]
    return [named, await certificate(config, good[0], port, is_checked)]


async def certificate(config: Config, address: str, port: int, is_checked: bool) -> Finding:
    """Whether the certificate shown there is trusted for the site's host, and until when."""
    context = ssl.create_default_context()
    if config.ca_file is not None:
        context.load_verify_locations(config.ca_file)
    host = config.site.host
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=host
            )
    except ssl.SSLCertVerificationError as error:
        found = f"that of {host} is refused: {error.verify_message}"
        if not is_checked:
            found += "; DOWNLOAD_VERIFY_CERTIFICATES=0 has crawls take it all the same"
            return attention("certificate", found, _advice(error.verify_code))
        return broken("certificate", found, _advice(error.verify_code))
    except (OSError, TimeoutError) as error:
        why = str(error) or f"no answer within {_SECONDS:g} seconds"
        advice = (
            "see that the site is up and no firewall is between; behind a proxy set https_proxy"
        )
        return broken("certificate", f"no connection to {host} ({address}:{port}): {why}", advice)
    shown = writer.get_extra_info("peercert") or {}
    writer.close()
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1)
    return _lasting(host, ssl.cert_time_to_seconds(shown["notAfter"]))


def _lasting(host: str, until: float) -> Finding:
    end = datetime.fromtimestamp(until, UTC)
    left = end - datetime.now(UTC)
    found = f"that of {host} is trusted, and valid until {end:%Y-%m-%d %H:%M} UTC"
    if left < _RENEWED:
        days = math.floor(left / timedelta(days=1))
        advice = "it is for the site to renew it; crawls fail from then on if it does not"
        return attention("certificate", f"{found}, {days} days from now", advice)
    return ok("certificate", found)


def _advice(code: int) -> str:
    if code in (_EXPIRED, _NOT_YET_VALID):
        return "see that this machine's clock is right; if it is, the site has to renew it"
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "see that CALIBER_BASE_URL names the host as the site calls itself"
    return (
        "`apt-get install ca-certificates`; where an authority of your own is in between (a "
        "company's proxy), set TLS_CA_FILE to its certificate"
    )


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
