"""Memory: what a long crawl needs at its peak, against one of a tenth of its length."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.crawl import SCRAPY
from benchmarks.measure import environment, run
from benchmarks.outcome import Outcome, markdown
from caliber_crawler.store.server import EmbeddedServer
from demo_site import SiteConfig, serve_process

# The least section has a tenth of the articles: with so many for each card of a batch three batches
# follow the first one in every list, which is enough to learn its rule from.
_LEARNED_ON = 40


@dataclass(frozen=True)
class MemoryRun:
    """One crawl: MiB of the crawling process at its peak, wall seconds."""

    articles: int
    peak: float
    seconds: float


def compare(sizes: tuple[int, ...], cards: int) -> list[MemoryRun]:
    """Crawl all sections of a site of each size, whose lists grow by so many cards.

    Every article must have been stored and fed.
    """
    with tempfile.TemporaryDirectory() as name, EmbeddedServer(Path(name) / "mongodb") as uri:
        folder = Path(name)
        # In a browser, once: how lists ask for more is the same on all sites.
        with serve_process(SiteConfig(_LEARNED_ON * cards, cards=cards)) as url:
            crawl = [*SCRAPY, "crawl", "sections", "-a", "mode=full", "-a", "render=auto"]
            run(crawl, environment(url, uri) | {"SCROLL_QUIET_SECONDS": "1"}, folder)
        return [_crawl(uri, folder, SiteConfig(size, cards=cards)) for size in sizes]


def _crawl(uri: str, folder: Path, config: SiteConfig) -> MemoryRun:
    articles = config.articles
    feed, name = folder / "out.jsonl", f"articles_{articles}"
    with (
        serve_process(config) as url,
        MongoClient[dict[str, Any]](uri) as client,
    ):
        rules = list(client["caliber"]["list_rules"].find())
        client[name]["list_rules"].insert_many(rules)
        command = [
            *SCRAPY, "crawl", "sections", "-a", "mode=full", "-a", "render=http", "-O", str(feed),
        ]  # fmt: skip
        usage = run(command, environment(url, uri) | {"MONGODB_DATABASE": name}, folder)
        with feed.open("rb") as lines:
            fed = sum(1 for _ in lines)
        stored = client[name]["articles"].count_documents({})
        if (fed, stored) != (articles, articles):
            raise RuntimeError(f"{fed} fed and {stored} stored of {articles} articles")
        client.drop_database(name)
        feed.unlink()
    return MemoryRun(articles, usage.peak, usage.wall)


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    found = compare((100, 300), 5) if quick else compare((10_000, 100_000), 20)
    few, many = found
    rows = [(f"{one.articles:,}", f"{one.peak:.0f}", f"{one.seconds:.0f}") for one in found]
    more = (many.peak - few.peak) * 2**20 / (many.articles - few.articles)
    text = "\n\n".join(
        (
            markdown(("articles", "peak MiB", "seconds"), rows),
            (
                f"{many.articles / few.articles:,.0f} times the articles take "
                f"{many.peak / few.peak:.2f} times the memory: {more:,.0f} bytes for each one more."
            ),
            (
                "One crawl of all sections each, by learned rules without a browser, with "
                "frontier, MongoDB and a feed of JSON lines. Memory is the system's own high mark "
                "of the crawling process (VmHWM); MongoDB and the site have processes of their own."
            ),
        )
    )
    return Outcome("Memory of a long crawl", text, [vars(one) for one in found])
