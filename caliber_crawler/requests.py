"""Requests: one fingerprint for all the addresses of one page, and requests as plain data."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.utils.request import fingerprint, request_from_dict

from caliber_crawler.config import Config
from caliber_crawler.errors import Unserialisable
from caliber_crawler.secrecy import keep_logins

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Spider
    from scrapy.crawler import Crawler

    from caliber_crawler.site import Site


PURPOSE = "purpose"
"""The key in a request's meta for a text that tells it from other requests for the same address."""

MERGE = "merge"
"""The key in a request's meta for the names of those of its arguments (`cb_kwargs`) that are lists
and grow when the same request is asked for again."""
NEWEST = "newest"
"""The key in a request's meta for an instant: among equal priorities the newest comes first."""
SEQUEL = "sequel"
"""The key in a request's meta for a step that only the page before it can ask for. It is made at
once, while it is being added."""
HTML_BATCH = "html_batch"
"""The key in a request's meta for a batch of a list that comes as HTML: it ends with a tag unless
it was cut off."""

_LARGEST_INT = 2**63
_OF_A_PROXY = frozenset({b"Proxy-Authorization"})
_LOGIN = re.compile(r"(?<=://)[^/]*@|^[^/]*@")
_logins: dict[str, str] = {}  # addresses of proxies without a login → with it
# What a request has unless told otherwise need not be kept.
_DEFAULTS = {"method": "GET", "encoding": "utf-8"}


class CanonicalFingerprinter:
    """Requests for one page of the site are equal however its address is written.

    A request that says its purpose in its meta is told by that alone. Pages of other hosts get
    Scrapy's own fingerprint.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Config.from_settings(crawler.settings).site)

    def fingerprint(self, request: Request) -> bytes:
        """20 bytes, as Scrapy wants them."""
        redirects = request.meta.get("redirect_times", 0)
        purpose = request.meta.get(PURPOSE)
        if purpose and not redirects:
            # The next step of a walk stays the same step when a list has moved on meanwhile.
            return hashlib.sha1(purpose.encode(), usedforsecurity=False).digest()
        url = self._site.canonical(request.url)
        if url is None:
            return fingerprint(request)
        if redirects:
            # `/en` → `/en/` or a cookie wall's redirect to itself have one canonical address, and
            # the page must be fetched all the same. REDIRECT_MAX_TIMES ends a loop. Two requests
            # that are led to one page both have to hear of it.
            first = purpose or request.meta.get("redirect_urls", [""])[0]
            url = f"{redirects} {first} {request.url}"
        key = b"\x00".join((request.method.encode(), url.encode(), request.body))
        return hashlib.sha1(key, usedforsecurity=False).digest()


def to_plain(request: Request, spider: Spider) -> dict[str, Any]:
    """A request as plain data that every worker understands and MongoDB can hold.

    Raises `Unserialisable`, which names the address and the part that is no plain data: a callback
    that is no method of the spider, an open page of a browser, a selector.
    """
    # As `Request.to_dict`, which looks through all members of the spider for each callback.
    said = {name: getattr(request, name) for name in request.attributes}
    said["headers"] = {
        name.decode("latin-1"): v for name, v in request.headers.items() if name not in _OF_A_PROXY
    }
    said["meta"] = _without_login(request.meta)
    for name in ("callback", "errback"):
        if said[name] is not None:
            said[name] = _method(spider, said[name], request)
    if type(request) is not Request:
        said["_class"] = f"{type(request).__module__}.{type(request).__qualname__}"
    kept = {name: v for name, v in said.items() if v and v != _DEFAULTS.get(name)}
    wrong = _not_plain(kept, "")
    if wrong is not None:
        raise Unserialisable(f"{request.url} cannot be queued: {wrong}")
    return kept


def _method(spider: Spider, function: Any, request: Request) -> str:
    """The name by which every worker's spider has a callback."""
    name = getattr(function, "__name__", "")
    own = getattr(spider, name, None) if name else None
    if own is None or getattr(own, "__func__", own) is not getattr(function, "__func__", None):
        raise Unserialisable(
            f"{request.url} cannot be queued: {function!r} is no method of the spider {spider.name}"
        )
    return name


def from_plain(said: dict[str, Any], spider: Spider) -> Request:
    """The inverse of `to_plain`. Raises `Unserialisable` when the spider lacks the callback."""
    try:
        request = request_from_dict(said, spider=spider)
    except (ValueError, AttributeError, TypeError) as error:
        raise Unserialisable(f"{said.get('url')} cannot be made: {error}") from error
    if (proxy := request.meta.get("proxy")) in _logins:
        request.meta["proxy"] = _logins[proxy]
    return request


def _without_login(meta: dict[str, Any]) -> dict[str, Any]:
    """A request's meta without what its proxy is told: a queue keeps no password.

    A proxy for all requests is found again by whoever makes the request. One that a spider named
    keeps its login in the process that knew it; another process asks it without.
    """
    kept = {name: value for name, value in meta.items() if name not in ("_auth_proxy", "proxy")}
    proxy = meta.get("proxy")
    if kept.pop("_scheme_proxy", False) or "proxy" not in meta:
        return kept
    if isinstance(proxy, str) and "@" in proxy:
        full, proxy = proxy, _LOGIN.sub("", proxy, count=1)
        keep_logins(full)
        _logins[proxy] = full
    return kept | {"proxy": proxy}


def _not_plain(value: object, where: str) -> str | None:
    """What in a value is no plain data and where; None when all of it is."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str) or "\0" in name:
                return f"{where or 'it'} has the key {name!r}, which is no text that MongoDB takes"
            wrong = _not_plain(inner, f"{where}.{name}" if where else name)
            if wrong:
                return wrong
        return None
    if isinstance(value, list | tuple):
        return next(filter(None, (_not_plain(inner, where) for inner in value)), None)
    if isinstance(value, bool | float | bytes | datetime | None):
        return None
    if isinstance(value, int):
        return None if -_LARGEST_INT <= value < _LARGEST_INT else f"{where} is too large a number"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"{where} is no text that can be encoded"
        return None
    return f"{where} is a {type(value).__name__}, not plain data"
