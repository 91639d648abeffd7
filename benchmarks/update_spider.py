"""The peer for updates: a plain Scrapy spider that walks all lists, as one would write it by hand.

It knows how lists ask for more (`/ajax/list?…&page=2`, nothing at the end); ours learns that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from scrapy.http import Request, Response

from benchmarks.plain_spider import PlainSpider


class PlainSectionsSpider(PlainSpider):
    """From the home page `home` to all sections, to the end of their lists, to their articles.

    `seen`, where given, is a file of addresses taken before, one a line, which is brought up to
    date: those are not asked for again, which is what scrapy-deltafetch does.
    """

    name = "plain_sections"

    def __init__(self, home: str, seen: str = "", **kwargs: Any) -> None:
        super().__init__("/dev/null", **kwargs)
        self._home = home
        self._seen = Path(seen) if seen else None
        known = self._seen.read_text().split() if self._seen and self._seen.exists() else []
        self._known = set(known)

    async def start(self) -> AsyncIterator[Any]:
        yield Request(self._home, callback=self.parse_home)

    def parse_home(self, response: Response) -> Iterator[Request]:
        for href in response.css("nav.menu a[href*='/category/']::attr(href)").getall():
            yield response.follow(href, callback=self.parse_section)

    def parse_section(self, response: Response) -> Iterator[Request]:
        query = response.css("[data-query]::attr(data-query)").get()
        yield from self._follow(response, f"/ajax/list?{query}", 2)

    def parse_more(self, response: Response, more: str, page: int) -> Iterator[Request]:
        yield from self._follow(response, more, page)

    def _follow(self, response: Response, more: str, page: int) -> Iterator[Request]:
        """The articles of a batch of cards, and the next batch unless this one was empty."""
        found = response.css(".float_block > a:first-child::attr(href)").getall()
        for href in found:
            if href not in self._known:
                yield response.follow(href, callback=self.parse)
        if found:
            arguments = {"more": more, "page": page + 1}
            address = f"{more}&page={page}"
            yield response.follow(address, callback=self.parse_more, cb_kwargs=arguments)

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        self._known.add(response.url)
        yield from super().parse(response)

    def closed(self, reason: str) -> None:
        if self._seen is not None:
            self._seen.write_text("".join(f"{url}\n" for url in sorted(self._known)))
