"""An archive of any size in the database, as a crawl of so many articles would have left it.

Articles are numbered in the order of their publication, `A_DAY` a day. A few of each day are texts
that recur (`duplicates_texts.recurring_texts`), all others have nothing to do with one another. All
of it follows from the number, so the part that is written straight into the collections (`fill`)
and the part that goes through the store (`articles`) are one archive.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from benchmarks.duplicates_texts import Text, recurring_texts, varied_texts
from caliber_crawler.items import Article, CrawlInfo, SectionRef
from caliber_crawler.records import clean, first_seen
from caliber_crawler.revisit import Pace
from caliber_crawler.store.documents import Stored, as_stored, new_internal

SITE = "https://caliber.az"
A_DAY = 200
BLOCK = 1_000
"""Articles are made in blocks of so many."""

_FEW = 8  # blocks that are made sooner than processes start
_FIRST = datetime(2010, 1, 1, tzinfo=UTC)
_SEEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
_SECTIONS = ("politics", "world", "economy", "society", "culture", "sport", "region", "science")
_PACE = Pace()


def articles(block: int) -> list[Article]:
    """The articles of one block, cleaned, as the store is given them."""
    start = block * BLOCK
    texts = varied_texts(BLOCK, seed=block)
    return [_article(start + i, text) for i, text in enumerate(texts)]


def fill(uri: str, database: str, blocks: range) -> None:
    """Write blocks straight into the collections, from as many processes as there are cores.

    The documents are made by the functions that the store makes them with; what it does besides
    (looking for known and for similar records) is left out.
    """
    if len(blocks) < _FEW:
        for block in blocks:
            _fill_block(uri, database, block)
        return
    # Not forked: the driver has threads. The pool is small, so that this process stays small, too.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(len(blocks), os.cpu_count() or 1), context) as pool:
        for _ in pool.map(_fill_block, *zip(*((uri, database, b) for b in blocks), strict=True)):
            pass


def _fill_block(uri: str, name: str, block: int) -> None:
    database: Database[dict[str, Any]] = _client(uri)[name]
    documents, points = [], []
    for article in articles(block):
        seen = as_stored(article)
        if isinstance(seen, str):
            raise RuntimeError(f"{article.id}: {seen}")
        record = first_seen(seen, _SEEN)
        stored = Stored(record, new_internal(record, _SEEN, _PACE))
        documents.append(stored.document())
        points.append({"at": _SEEN, "article": record.id, "views": record.views})
    database["articles"].insert_many(documents, ordered=False)
    database["views"].insert_many(points, ordered=False)


@cache
def _client(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, tz_aware=True)


@cache
def _recurring(days: int) -> list[list[Text]]:
    return list(recurring_texts(days).values())


def _text(number: int, varied: Text) -> Text:
    day, place = divmod(number, A_DAY)
    kinds = _recurring(-(-(day + 1) // 1_000) * 1_000)
    return kinds[place][day] if place < len(kinds) else varied


def _article(number: int, varied: Text) -> Article:
    """With what an article of the site has beside its text: pictures, a link, a byline."""
    text = _text(number, varied)
    rng = random.Random(number)
    language, slug = text.language, f"story-of-some-length-{number}"
    url = f"{SITE}/{language}/post/{slug}"
    sections = [_section(name) for name in rng.sample(_SECTIONS, rng.choice((1, 1, 2)))]
    crawl: CrawlInfo = {
        "id": "bench",
        "spider": "sections",
        "worker": "w",
        "section": sections[0]["slug"],
        "requested_url": url,
        "http_status": 200,
        "fetched_at": _SEEN,
        "rendered": False,
        "outcome": "new",
    }
    return clean(
        Article(
            id=f"{language}/{slug}",
            url=url,
            language=language,
            slug=slug,
            title=text.title,
            description=" ".join(text.body.split())[:150],
            authors=["Aygun Mammadova"],
            sections=sections,
            published_at=_FIRST + timedelta(days=1) / A_DAY * number,
            body=text.body,
            images=[
                {"url": _picture(rng), "role": "cover", "caption": None},
                {"url": _picture(rng), "role": "body", "caption": None},
            ],
            links=[{"url": f"{SITE}/{language}/post/story-{number - 1}", "text": "as was told"}],
            views=rng.randrange(20, 5_000),
            extraction={"method": "template", "layout": "post-2025", "missing": []},
            crawl=crawl,
            attribution=f'<a href="{url}">Caliber.az</a>',
        )
    )


def _section(slug: str) -> SectionRef:
    return {"slug": slug, "name": slug.capitalize()}


def _picture(rng: random.Random) -> str:
    return f"{SITE}/media/photos/original/{rng.getrandbits(128):032x}.webp"
