"""Cookies: given back to the site, and nobody else is asked about them."""

from __future__ import annotations

import socket

import pytest

from demo_site import SiteConfig, serve
from tests.conftest import Scrapy


def test_a_cookie_is_given_back_and_no_list_of_domains_is_fetched(
    scrapy_without_store: Scrapy,
) -> None:
    scrapy = scrapy_without_store
    with (
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
        serve(SiteConfig(articles=10, seed=2)) as site,
    ):
        [truth, *_] = site.first_list("en", "world")
        headers = {"Location": truth.path, "Set-Cookie": "PHPSESSID=abc; path=/; HttpOnly"}
        site.knobs.raw = {"/en/post/before": (302, headers, b"")}
        process = scrapy.start(
            "crawl", "articles", "-a", f"url={site.url}/en/post/before", "-O", "out.jsonl",
            "-s", "COOKIES_DEBUG=1", "-s", "LOG_LEVEL=DEBUG",
            CALIBER_BASE_URL=site.url, MONGODB_URI="off",
            https_proxy=f"http://127.0.0.1:{elsewhere.getsockname()[1]}", no_proxy="127.0.0.1",
            TLDEXTRACT_CACHE=str(scrapy.folder / "cold"),
        )  # fmt: skip
        run = scrapy.finish(process)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert run.code == 0, run.err
    assert len(run.records) == 1
    assert "Sending cookies to" in run.err
    assert "Cookie: PHPSESSID=abc" in run.err
    assert not (scrapy.folder / "cold").exists()
