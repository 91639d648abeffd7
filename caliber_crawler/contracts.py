"""Contracts for `scrapy check`: each asks the site itself, whatever its base URL is."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.contracts import Contract
from scrapy.exceptions import ContractFail
from scrapy.http import Response

from caliber_crawler import records
from caliber_crawler.items import Article, Reject


class OnSiteContract(Contract):
    """``@on_site PATH``: the page to fetch, below CALIBER_BASE_URL.

    `ran` counts the pages that came, so that the command can tell that every contract ran.
    """

    name = "on_site"
    ran = 0

    def adjust_request_args(self, args: dict[str, Any]) -> dict[str, Any]:
        # The callback is the spider's bound method, and the spider knows its site.
        spider = args["callback"].__self__
        return {**args, "url": spider.config.site.base + self.args[0]}

    def pre_process(self, response: Response) -> None:
        type(self).ran += 1


class ArticlesContract(Contract):
    """``@articles N FIELD...``: at least N whole records come out, each with the fields named."""

    name = "articles"

    def post_process(self, output: list[Any]) -> None:
        least, *fields = self.args
        articles = [records.clean(item) for item in output if isinstance(item, Article)]
        if len(articles) < int(least):
            raise ContractFail(
                f"{len(articles)} articles came out, expected {least} or more{_instead(output)}"
            )
        for article in articles:
            lacking = records.missing_required(article)
            lacking += [name for name in fields if getattr(article, name) in (None, "", [])]
            if lacking:
                raise ContractFail(f"{article.url} has no {', '.join(lacking)}")


class FollowsContract(Contract):
    """``@follows N CALLBACK``: at least N requests for a callback come out."""

    name = "follows"

    def post_process(self, output: list[Any]) -> None:
        least, callback = self.args
        found = [
            item
            for item in output
            if isinstance(item, Request) and getattr(item.callback, "__name__", "") == callback
        ]
        if len(found) < int(least):
            raise ContractFail(
                f"{len(found)} requests for {callback}, expected {least} or more{_instead(output)}"
            )


def _instead(output: list[Any]) -> str:
    """What pages were found to be in place of what was expected, such as a check of visitors."""
    rejects = (
        f"{item.url}: {item.reason}: {item.detail}" for item in output if isinstance(item, Reject)
    )
    return "".join(f"; {told}" for told in rejects)
