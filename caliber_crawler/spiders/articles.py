"""The spider `articles`: takes the articles whose addresses it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy.http import Request, Response

from caliber_crawler.pages.section import parse_list
from caliber_crawler.responses import page_of
from caliber_crawler.spiders.arguments import ArticlesArguments
from caliber_crawler.spiders.base import CaliberSpider


class ArticlesSpider(CaliberSpider):
    """Takes given articles.

    Arguments: ``url`` (comma list) or ``file`` (one a line, ``#`` begins a comment).
    """

    name = "articles"
    arguments_class = ArticlesArguments

    def set_arguments(self, arguments: ArticlesArguments) -> None:
        self.arguments = arguments

    async def start(self) -> AsyncIterator[Any]:
        self.arguments.check_complete()
        forms: dict[str, list[str]] = {}
        for given in (*self.arguments.url, *self.arguments.file):
            forms.setdefault(self.config.site.canonical(given) or given, []).append(given)
        for url, addresses in forms.items():
            yield self.article_request(url, addresses=addresses)

    parse = CaliberSpider.parse_article

    async def parse_newest(self, response: Response) -> AsyncIterator[Any]:
        """Take the first article of the first section that a home page names, for `scrapy check`.

        @on_site /en/
        @articles 1 published_at sections
        """
        site = self.config.site
        links = parse_list(page_of(response), site).sections[:1]
        if not links and (reject := self.in_its_place(response)) is not None:
            yield reject
        for link in links:
            section = await self.crawler.engine.download_async(Request(link.href))
            cards = parse_list(page_of(section), site).cards[:1]
            if not cards and (reject := self.in_its_place(section)) is not None:
                yield reject
            for card in cards:
                page = await self.crawler.engine.download_async(Request(card.url))
                for item in self.parse_article(page):
                    yield item
