"""What was not stored is noted, whatever it holds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from caliber_crawler.items import CrawlInfo, Reject
from caliber_crawler.store import RejectStore
from caliber_crawler.store.rejects import MAX_CHARACTERS

Documents = Database[dict[str, Any]]

AT = datetime(2024, 5, 3, 8, 0, tzinfo=UTC)
CRAWL: CrawlInfo = {
    "id": "crawl-1",
    "spider": "sections",
    "worker": "w1",
    "section": None,
    "requested_url": "https://caliber.az/en/post/a",
    "http_status": 404,
    "fetched_at": AT,
    "rendered": True,
    "outcome": "new",
}
FULL = Reject(
    url="https://caliber.az/en/post/a",
    reason="http_404",
    detail="the page is gone",
    at=AT,
    crawl=CRAWL,
    http_status=404,
    excerpt="<h1>Səhifə tapılmadı</h1>",
)


@pytest.fixture
def store(async_database: AsyncDatabase[dict[str, Any]]) -> RejectStore:
    return RejectStore(async_database, "crawl-1")


async def stored(store: RejectStore, database: Documents, reject: Reject) -> dict[str, Any]:
    """The document of a reject that is saved together with sound ones, without its `_id`."""
    sound = [replace(FULL, reason=f"sound_{n}") for n in range(2)]
    assert await store.save([sound[0], reject, sound[1]]) == [None, None, None]
    assert database.rejects.count_documents({}) == 3
    document = database.rejects.find_one({"reason": reject.reason}, {"_id": 0})
    assert document is not None
    return document


async def test_everything_is_kept(store: RejectStore, database: Documents) -> None:
    assert await stored(store, database, FULL) == {
        "url": "https://caliber.az/en/post/a",
        "reason": "http_404",
        "detail": "the page is gone",
        "at": AT,
        "crawl_id": "crawl-1",
        "crawl": CRAWL,
        "http_status": 404,
        "excerpt": "<h1>Səhifə tapılmadı</h1>",
    }


async def test_page_that_was_never_fetched(store: RejectStore, database: Documents) -> None:
    reject = Reject("https://caliber.az/en/post/b", "robots", "not allowed", AT)
    assert await stored(store, database, reject) == {
        "url": "https://caliber.az/en/post/b",
        "reason": "robots",
        "detail": "not allowed",
        "at": AT,
        "crawl_id": "crawl-1",
        "crawl": None,
        "http_status": None,
        "excerpt": None,
    }


async def test_nothing_to_save(store: RejectStore) -> None:
    assert await store.save([]) == []


async def test_long_text_is_cut_with_a_mark(store: RejectStore, database: Documents) -> None:
    reject = replace(FULL, excerpt="x" * 17_000_000, url="u" * MAX_CHARACTERS)
    document = await stored(store, database, reject)
    assert document["excerpt"] == "x" * MAX_CHARACTERS + " […]"
    assert document["url"] == reject.url


async def test_values_without_a_form_in_mongodb_are_kept_as_text(
    store: RejectStore, database: Documents
) -> None:
    odd = {
        "http_status": 2**63,
        "section": date(2024, 5, 3),
        "a\0b": -(2**63),
        "list": ["\udc00"],
    }
    crawl = cast("CrawlInfo", {**CRAWL, **odd})
    reject = replace(
        FULL, excerpt="half \ud83d a face", url="https://caliber.az/\ud83d", crawl=crawl
    )
    document = await stored(store, database, reject)
    assert document["excerpt"] == "half \\ud83d a face"
    assert document["url"] == "https://caliber.az/\\ud83d"
    assert document["crawl"] == {
        **CRAWL,
        "http_status": "9223372036854775808",
        "section": "2024-05-03",
        "a\\x00b": -(2**63),
        "list": ["\\udc00"],
    }


async def test_batch_saved_again_makes_no_second_document(
    store: RejectStore, database: Documents
) -> None:
    batch = [replace(FULL, url=f"https://caliber.az/en/post/{n}") for n in range(20)]
    await store.save(batch[:7])
    await store.save(batch)
    await asyncio.gather(store.save(batch), store.save(batch))
    assert database.rejects.count_documents({}) == 20


async def test_other_occasions_are_other_documents(
    async_database: AsyncDatabase[dict[str, Any]], store: RejectStore, database: Documents
) -> None:
    later = replace(FULL, at=AT + timedelta(milliseconds=1))
    await store.save([FULL, later, replace(FULL, reason="http_410")])
    await RejectStore(async_database, "crawl-2").save([FULL])
    assert database.rejects.count_documents({}) == 4
