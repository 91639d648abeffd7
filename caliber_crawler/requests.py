"""Requests: one fingerprint for all the addresses of one page."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from scrapy.utils.request import fingerprint

from caliber_crawler.config import Config

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from caliber_crawler.site import Site


class CanonicalFingerprinter:
    """Requests for one page of the site are equal however its address is written.

    Pages of other hosts get Scrapy's own fingerprint.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Config.from_settings(crawler.settings).site)

    def fingerprint(self, request: Request) -> bytes:
        """20 bytes, as Scrapy wants them."""
        url = self._site.canonical(request.url)
        if url is None:
            return fingerprint(request)
        redirects = request.meta.get("redirect_times", 0)
        if redirects:
            # `/en` → `/en/` or a cookie wall's redirect to itself have one canonical address, and
            # the page must be fetched all the same. REDIRECT_MAX_TIMES ends a loop.
            url = f"{redirects} {request.url}"
        key = b"\x00".join((request.method.encode(), url.encode(), request.body))
        return hashlib.sha1(key, usedforsecurity=False).digest()
