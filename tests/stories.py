"""Articles as a crawl hands them to the store, with texts that are alike as far as a test says."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from caliber_crawler.items import Article, CrawlInfo, PageInfo, Revisit
from caliber_crawler.records import clean

SITE = "https://caliber.az"
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_SYLLABLES = "ba ko ri me lu sa ti vo ne da pu shi gar mol ten zir ul fe".split()


def words(number: int, seed: object) -> list[str]:
    """So many words of no language, the same for the same seed."""
    dice = random.Random(str(seed))
    return ["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4))) for _ in range(number)]


def prose(number: int, seed: object, paragraph: int = 40) -> str:
    """A text of so many words in paragraphs."""
    said = words(number, seed)
    parts = (said[i : i + paragraph] for i in range(0, len(said), paragraph))
    return "\n\n".join(" ".join(part).capitalize() + "." for part in parts)


def url(slug: str, language: str = "en") -> str:
    return f"{SITE}/{language}/post/{slug}"


def crawl(crawl_id: str, at: datetime, **changes: Any) -> CrawlInfo:
    info: CrawlInfo = {
        "id": crawl_id,
        "spider": "sections",
        "worker": f"{crawl_id}-worker",
        "section": "world",
        "requested_url": SITE,
        "http_status": 200,
        "fetched_at": at,
        "rendered": False,
        "outcome": "new",
    }
    info.update(changes)  # type: ignore[typeddict-item]
    return info


def story(
    slug: str,
    *,
    crawl_id: str = "c1",
    hours: float = 0,
    language: str = "en",
    fetched_at: str | None = None,
    **changes: Any,
) -> Article:
    """An article fetched so many hours after `START`, published an hour before `START`.

    `fetched_at` is the slug of the address that answered, where the page names another one.
    """
    address = url(slug, language)
    values: dict[str, Any] = {
        "id": f"{language}/{slug}",
        "url": address,
        "language": language,
        "slug": slug,
        "title": " ".join(words(7, f"title of {slug}")).capitalize(),
        "body": prose(100, slug),
        "published_at": START - HOUR,
        "extraction": {"method": "template", "layout": "post-2025", "missing": []},
        "crawl": crawl(crawl_id, START + hours * HOUR, requested_url=address),
        "page": PageInfo(url=url(fetched_at, language) if fetched_at else address),
    }
    return clean(Article(**{**values, **changes}))


def revisit(slug: str, found: Any, crawl_id: str, hours: float, status: int = 404) -> Revisit:
    """A visit that brought no text."""
    info = crawl(crawl_id, START + hours * HOUR, spider="refresh", http_status=status)
    return Revisit(url(slug), found, f"http_{status}", info)
