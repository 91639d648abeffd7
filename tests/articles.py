"""A database full of articles, without a crawl."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from pymongo.database import Database

from caliber_crawler.items import Article
from caliber_crawler.records import clean
from caliber_crawler.revisit import Pace
from caliber_crawler.store.documents import Internal, new_internal
from tests.conftest import Scrapy
from tests.memory import watched

Documents = Database[dict[str, Any]]

SITE = "https://caliber.az"
START = datetime(2024, 1, 1, 6, 0, tzinfo=UTC)
APART = timedelta(minutes=15)
SECTIONS = ("politics", "world", "sport")
LANGUAGES = ("en", "ru")
# About what an article of the site has: 103 words in the median.
PARAGRAPH = (
    "The council met on day {} and spoke at length of roads, water and schools, of which Şəki "
    "has too few; «почти все» agreed, and the mayor said that work begins in the spring. "
)


def document(number: int, **changes: Any) -> dict[str, Any]:
    """A stored article as it lies in the collection `articles`; `changes` are of its record.

    Numbers count up with the time of publication; editions and sections take turns. What the store
    keeps with a record (`internal`) is the same for all: nothing here is looked for by its text.
    """
    language = LANGUAGES[number % len(LANGUAGES)]
    slug, section = f"council-{number}", SECTIONS[number % len(SECTIONS)]
    url = f"{SITE}/{language}/post/{slug}"
    at = START + number * APART
    values: dict[str, Any] = {
        "id": f"{language}/{slug}",
        "url": url,
        "language": language,
        "slug": slug,
        "title": f"Council on day {number}",
        "authors": ["Aygun Mammadova"],
        "sections": [{"slug": section, "name": section.upper()}],
        "published_at": at,
        "body": "\n\n".join(PARAGRAPH.format(number) * 2 for _ in range(2)),
        "images": [{"url": f"{SITE}/media/{number}.webp", "role": "cover", "caption": None}],
        "links": [{"url": SITE, "text": "more"}],
        "views": number,
        "views_at": at + timedelta(hours=1),
        "alternates": {"arm": f"{SITE}/arm/post/{slug}"},
        "first_seen_at": at + timedelta(hours=1),
        "last_seen_at": at + timedelta(hours=1, milliseconds=number % 1000),
        "extraction": {"method": "template", "layout": "post-2025", "missing": ["description"]},
        "crawl": {
            "id": "crawl-1",
            "spider": "sections",
            "worker": "w1",
            "section": section,
            "requested_url": url,
            "http_status": 200,
            "fetched_at": at + timedelta(hours=1),
            "rendered": False,
            "outcome": "new",
        },
        "attribution": f'<a href="{url}">Caliber.az</a>',
    }
    record = clean(Article(**{**values, **changes})).document()
    return record | {"_id": record["id"], "internal": _internal()}


@cache
def _internal() -> Internal:
    return new_internal(Article(body=PARAGRAPH, language="en"), START, Pace())


def fill(database: Documents, number: int, *, start: int = 0) -> None:
    """Store so many articles."""
    documents: Iterator[dict[str, Any]] = (document(i) for i in range(start, start + number))
    while batch := list(islice(documents, 2_000)):
        database.articles.insert_many(batch, ordered=False)


def export_peak(scrapy: Scrapy, name: str, records: int) -> float:
    """Peak memory in MiB of an export to a new file, which is checked to have so many records."""
    process = scrapy.start("export", "-o", name)
    with watched(process.pid) as memory:
        run = scrapy.finish(process)
    assert run.code == 0, run.err
    assert run.out.startswith(f"{name}: {records} records, ")
    return memory.own
