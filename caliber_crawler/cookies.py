"""Cookies, about which nobody but the site is asked."""

from __future__ import annotations

from scrapy.downloadermiddlewares import cookies
from tldextract import TLDExtract


class CookiesMiddleware(cookies.CookiesMiddleware):
    """Scrapy's, which knows domains that are anybody's (`co.uk`) from a list that comes along.

    Scrapy fetches that list from elsewhere at the first cookie, by a call that blocks everything,
    signals included, for as long as nobody answers there: behind a firewall for ever.
    """

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        cookies._split_domain = TLDExtract(
            cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
        )
