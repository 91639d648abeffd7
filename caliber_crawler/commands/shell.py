"""`scrapy shell`: as Scrapy's, with `article` and `cards` of the fetched page at hand."""

from __future__ import annotations

from typing import Any

from scrapy.commands import shell
from scrapy.http import Response

from caliber_crawler import records
from caliber_crawler.addon import CaliberAddon, now
from caliber_crawler.debugging import WithoutStore
from caliber_crawler.errors import NotAnArticle
from caliber_crawler.items import Article
from caliber_crawler.pages.section import parse_list
from caliber_crawler.responses import Fetch, article_of, page_of


class Command(WithoutStore, shell.Command):
    """Touches no database."""

    by_hand = True

    def short_desc(self) -> str:
        return "Interactive console; article and cards of the fetched page are at hand"

    def long_desc(self) -> str:
        return (
            "Interactive console for a page. Besides Scrapy's objects there are `article`, the "
            "record that a crawl would take from the page (None when it is no article; "
            "`why_no_article` says why), and `cards`, the cards of its list. "
            "No database is touched."
        )

    def update_vars(self, vars: dict[str, Any]) -> None:  # noqa: A002 - the name is Scrapy's
        response = vars.get("response")
        addon = CaliberAddon.of(vars["crawler"])
        vars["article"] = vars["why_no_article"] = None
        vars["cards"] = []
        if isinstance(response, Response):
            site = addon.config.site
            fetch = Fetch(addon.crawl_id, "shell", addon.worker.id, now())
            vars["cards"] = parse_list(page_of(response), site).cards
            try:
                vars["article"] = _record(response, fetch, addon)
            except NotAnArticle as error:
                vars["why_no_article"] = str(error)


def _record(response: Response, fetch: Fetch, addon: CaliberAddon) -> Article:
    article, _ = article_of(response, addon.config.site, fetch)
    return records.first_seen(records.clean(article), fetch.at)
