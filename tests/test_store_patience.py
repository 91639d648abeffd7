"""Answers that take longer than others may: figures of a large archive, and its indexes."""

from __future__ import annotations

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store.client import connect
from caliber_crawler.store.crawls import CrawlStore
from caliber_crawler.store.indexes import INDEXES, ensure_indexes
from caliber_crawler.store.reading import Selection
from caliber_crawler.store.report import ReportReader
from tests.proxy import proxy, through
from tests.stories import START


async def test_a_report_and_new_indexes_are_waited_for(mongo_uri: str, database_name: str) -> None:
    port = urlsplit(mongo_uri).port
    assert port
    with proxy(port) as link:
        # As a minute is to the answers of a large archive.
        uri = f"{through(mongo_uri, link)}&socketTimeoutMS=100"
        async with await connect(uri) as client:
            database = client[database_name]
            link.delay = 0.4
            with pytest.raises(StoreUnavailable):
                await CrawlStore(database, "any").find()
            await ensure_indexes(database)
            figures = await ReportReader(database, ZoneInfo("UTC")).read(Selection(), 5, START)
            assert figures.totals.articles == 0
            link.delay = 0
            made = await database["articles"].index_information()
            assert {model.document["name"] for model in INDEXES["articles"]} <= set(made)
