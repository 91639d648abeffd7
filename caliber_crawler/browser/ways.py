"""Which hosts Chromium can reach at all, as options for its start.

What a page asks for can be looked at and blocked (`blocking`), but not where that redirects to, nor
what Chromium connects to by itself (hints to prefetch, sockets, workers). So its resolver knows the
site's hosts and ports only, each pinned to an address that was looked at before, and nothing else:
no other name, no other port of the same host, no address as such.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from caliber_crawler.reach import Place

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_KINDS_OF_PROXY = {"http": "PROXY", "https": "HTTPS", "socks4": "SOCKS", "socks5": "SOCKS5"}


def proxies() -> dict[str, str]:
    """The proxies that are set on this machine, by the scheme that they are for."""
    return {
        scheme: address
        for scheme, address in getproxies().items()
        if scheme in ("http", "https") and address
    }


def is_loopback(host: str) -> bool:
    """Whether a host is this machine. No proxy is asked for it, by which it would be another one:
    so Chromium has it, and so has plain HTTP (`middlewares.ProxyMiddleware`)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_direct(host: str, through: Mapping[str, str]) -> bool:
    """Whether Chromium connects to a host by itself."""
    return not through or is_loopback(host) or bool(proxy_bypass(host))


def options(
    places: Iterable[Place], addresses: Mapping[str, str], through: Mapping[str, str]
) -> list[str]:
    """Chromium's arguments for `places` to be reached, and nothing else.

    `addresses` holds one for each host that is connected to directly; a host that is not in there
    is not found. The others are asked for by the proxies `through`, which resolve their names.
    """
    rules: list[str] = []
    proxied: dict[str, str] = {}
    for place in places:
        for port in sorted(place.ports):
            if place.host in addresses:
                to = f"{_bracketed(addresses[place.host])}:{port}"
                rules.append(f"MAP {_bracketed(place.host)}:{port} {to}")
            elif not is_direct(place.host, through):
                proxied |= _through_proxies(place.host, port, through)
    made = []
    if proxied:
        rules += [f"EXCLUDE {_parts(proxy).hostname}" for proxy in through.values()]
        script = (
            f"const proxies = {json.dumps(proxied)};"
            "function FindProxyForURL(url) {"
            "const origin = /^[a-z]+:..[^/]*/.exec(url);"
            "return (origin && proxies[origin[0]]) || 'DIRECT'; }"
        )
        data = base64.b64encode(script.encode()).decode()
        made.append(f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{data}")
    else:
        made.append("--no-proxy-server")
    return [*made, f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND'])}"]


def _through_proxies(host: str, port: int, through: Mapping[str, str]) -> dict[str, str]:
    """For each origin of a host the proxy, in the words of a proxy script."""
    found = {}
    for scheme, default in _DEFAULT_PORTS.items():
        proxy = through.get("https" if scheme in ("https", "wss") else "http")
        if proxy:
            parts = _parts(proxy)
            kind = _KINDS_OF_PROXY.get(parts.scheme, "PROXY")
            shown = "" if port == default else f":{port}"
            at = f"{parts.hostname}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 1080)}"
            found[f"{scheme}://{_bracketed(host)}{shown}"] = f"{kind} {at}"
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _parts(proxy: str) -> SplitResult:
    return urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
