"""The spider `sections` without its articles: what walking the lists alone takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scrapy.http import Request

from caliber_crawler.items import Card, SectionRef
from caliber_crawler.spiders.sections import SectionsSpider
from caliber_crawler.spiders.tasks import ListTask


class ListsOnlySpider(SectionsSpider):
    """Walks lists as `sections` does and asks for no article."""

    name = "lists_only"

    def _asked_for(self, card: Card, section: SectionRef | None) -> Any:
        return None

    async def _take(self, task: ListTask, cards: Sequence[Card]) -> list[Any]:
        return [found for found in await super()._take(task, cards) if found is not None]

    def _article_requests(self) -> Iterator[Request]:
        for _ in self.articles.to_ask():
            pass
        return iter(())

    def release(self) -> None:
        self._article_requests()
