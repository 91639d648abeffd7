"""The spider `sections` without its articles: what walking the lists alone takes."""

from __future__ import annotations

from collections.abc import Iterator

from scrapy.http import Request

from caliber_crawler.spiders.sections import SectionsSpider


class ListsOnlySpider(SectionsSpider):
    """Walks lists as `sections` does and asks for no article."""

    name = "lists_only"

    def _article_requests(self) -> Iterator[Request]:
        for _ in self.articles.to_ask():
            pass
        return iter(())

    def release(self) -> None:
        self._article_requests()
