"""The peer: a plain Scrapy spider as a tutorial would have it. No pipeline, JSON lines only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.http import Request, Response

SETTINGS = {
    "CONCURRENT_REQUESTS": 8,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "ROBOTSTXT_OBEY": True,
    "LOG_LEVEL": "WARNING",
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
    "FEED_EXPORT_ENCODING": "utf-8",
}


class PlainSpider(scrapy.Spider):
    """Takes the article pages named in `file`, one address a line."""

    name = "plain"
    custom_settings = SETTINGS

    def __init__(self, file: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_urls = Path(file).read_text().split()

    async def start(self) -> AsyncIterator[Any]:
        for url in self.start_urls:
            yield Request(url)

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield read(response)


def read(response: Response) -> dict[str, Any]:
    """What the page says, by the classes of its known layout."""
    post = response.css(".post")
    paragraphs = [
        " ".join(part.css("::text").getall()).strip() for part in post.css(".post_body p")
    ]
    return {
        "url": response.url,
        "title": post.css(".post_title::text").get(),
        "section": post.css(".post_categoty ::text").get(),
        "time": post.css(".post_time::text").get(),
        "cover": post.css(".post_cover::attr(style)").get(),
        "body": "\n\n".join(filter(None, paragraphs)),
        "images": post.css(".post_body img::attr(src)").getall(),
        "links": post.css(".post_body a::attr(href)").getall(),
        "views": post.css(".post_hits ::text").get(),
    }
