"""One article page → text: ours against trafilatura, and the fallback on the same pages.

The fallback reads pages whose classes were all renamed, as on the day that the layout changes.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from trafilatura import bare_extraction, extract

from benchmarks.outcome import Outcome, markdown
from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.html import Page
from caliber_crawler.site import Site
from demo_site import SiteConfig
from demo_site.messages import Request
from demo_site.site import Site as DemoSite

_CLASSES = re.compile(r'class="(?:post|float|more)_?[^"]*"')


@dataclass(frozen=True)
class PageRun:
    """Milliseconds a page: medians over `pages` pages of `size` bytes at the median."""

    pages: int
    size: int
    template: float
    fallback: float
    trafilatura: float
    with_metadata: float


def compare(number: int) -> PageRun:
    """Read each page in every way, one after the other, so that noise meets all alike."""
    site = Site.from_settings("https://caliber.az", "Asia/Baku")
    demo = DemoSite(SiteConfig(articles=2 * number, seed=1))
    times: dict[str, list[float]] = {}
    sizes = []
    for i in range(number):
        path = demo.world.article("en" if i % 2 else "ru", i // 2).path
        body = demo.answer(Request("GET", site.base, path)).body
        renamed = _CLASSES.sub('class="x"', body.decode())
        sizes.append(len(body))
        ways: dict[str, Callable[[], object]] = {
            "template": lambda url=path, body=body: parse_article(_page(site, url, body), site),
            "fallback": lambda url=path, html=renamed: parse_article(
                _page(site, url, html.encode()), site
            ),
            "trafilatura": lambda html=renamed: extract(html),
            "with_metadata": lambda html=renamed: bare_extraction(html, with_metadata=True),
        }
        for name, way in ways.items():
            times.setdefault(name, []).append(_milliseconds(way))
    # The first pages pay for what is loaded late.
    medians = {name: statistics.median(found[number // 10 :]) for name, found in times.items()}
    return PageRun(number, round(statistics.median(sizes)), **medians)


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    run = compare(40 if quick else 200)
    names = {
        "template": "ours, known layout",
        "fallback": "ours, unknown layout (fallback)",
        "trafilatura": "trafilatura, text",
        "with_metadata": "trafilatura, text and metadata",
    }
    rows = [(label, f"{getattr(run, name):.2f}") for name, label in names.items()]
    text = markdown(("reading one page", "ms"), rows)
    text += f"\n\nMedians over {run.pages} pages of {run.size} bytes."
    return Outcome("One article page", text, asdict(run))


def _page(site: Site, path: str, body: bytes) -> Page:
    return Page(site.base + path, body, "text/html; charset=utf-8")


def _milliseconds(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return (time.perf_counter() - began) * 1000
