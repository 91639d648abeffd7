"""Some days of crawls of the stand-in, played without waiting for them: what a report is made of.

The stand-in's own pages are read and stored as a crawl does it, but at the hours of a clock of the
script's own. Counters of views, durations and troubles are invented as the news are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler import counters
from caliber_crawler.identity import Fate
from caliber_crawler.items import CrawlInfo, PageInfo, Revisit
from caliber_crawler.pages.article import EXPECTED, parse_article
from caliber_crawler.pages.html import Page
from caliber_crawler.records import clean
from caliber_crawler.site import Site
from caliber_crawler.store import ArticleStore, CrawlStore, Worker
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.visits import VisitStore
from demo_site import Edit, ServedSite, SiteConfig
from demo_site.messages import Request
from demo_site.world import NEWEST, Truth

BASE = "https://caliber.az"
_HOUR = timedelta(hours=1)
_BATCH = 40
_VISITS = 60
_ENDS = (
    (0.93, 0, "finished", "finished"), (0.95, 3, "finished", "finished"),
    (0.98, 4, "finished", "finished"), (0.99, 143, "stopped", "shutdown"),
    (1.0, 5, "failed", "database_lost"),
)  # fmt: skip


@dataclass
class Told:
    """What the crawls did, all in all, to be compared with what a report says."""

    articles: int = 0
    crawls: int = 0
    edits: int = 0


@dataclass
class Story:
    """The stand-in with `articles` stories in English, crawled every hour of the last `days`."""

    database: AsyncDatabase[dict[str, Any]]
    articles: int = 700
    days: float = 10
    seed: int = 7
    languages: tuple[str, ...] = ("en", "ru")
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self._served = ServedSite(
            SiteConfig(articles=self.articles, seed=self.seed, reposts=self.articles // 40)
        )
        self._site = Site.from_settings(BASE, "Asia/Baku")
        self._dice = Random(self.seed)  # noqa: S311 - a story, no secret
        self._store = ArticleStore(self.database)
        self._visits = VisitStore(self.database)
        world = self._served.world
        found = [
            world.article(lang, i) for lang in self.languages for i in range(world.count(lang))
        ]
        self._waiting = sorted(found, key=lambda truth: truth.published, reverse=True)
        self._known: dict[str, Truth] = {}

    async def play(self) -> Told:
        """Play all of it into an empty database."""
        await prepare(self.database)
        end = NEWEST.astimezone(UTC) + timedelta(minutes=20)
        for hour in range(math.ceil(self.days * 24), -1, -1):
            at = end - hour * _HOUR
            await self._crawl("sections", at, self._published(at))
            self._edit(at)
            if hour % 3 == 1:
                await self._crawl("refresh", at + _HOUR / 2, await self._to_visit(at + _HOUR / 2))
        return self.told

    def _published(self, at: datetime) -> list[Truth]:
        found = []
        while self._waiting and self._waiting[-1].published <= at:
            found.append(self._waiting.pop())
        return found

    async def _to_visit(self, at: datetime) -> list[Truth]:
        """What is due, and all that is younger than a day."""
        due = await self._visits.due(at, limit=_VISITS)
        young = [url for url, t in self._known.items() if at - t.published < timedelta(days=1)]
        urls = dict.fromkeys([*(one.url for one in due), *young])
        return [self._known[url] for url in urls if url in self._known]

    async def _crawl(self, spider: str, at: datetime, truths: list[Truth]) -> None:
        name = f"{spider}-{at:%Y%m%d-%H%M}"
        worker, crawls = Worker(f"{name}-w1", "crawler-1", 4242), CrawlStore(self.database, name)
        await crawls.start(worker, spider=spider, arguments={}, versions={}, at=at)
        counts: Counter[str] = Counter(requests=9 + len(truths))
        for start in range(0, len(truths), _BATCH):
            await self._take(spider, name, at, truths[start : start + _BATCH], counts)
        roll = self._dice.random()
        code, status, reason = next(end[1:] for end in _ENDS if roll <= end[0])
        took = (4 + 1.1 * counts["requests"]) * self._dice.uniform(0.9, 1.4)
        done = at + timedelta(seconds=took if code != 143 else took / 3)
        await crawls.leave(worker, counts, reason=reason, at=done)
        await crawls.close(
            counts, _coverage(counts), status=status, reason=reason, exit_code=code,
            verdict=reason, lists_doubted=False, sections={}, findings=[], silent_since=done,
            at=done,
        )  # fmt: skip
        self.told.crawls += 1

    async def _take(
        self, spider: str, name: str, at: datetime, truths: list[Truth], counts: Counter[str]
    ) -> None:
        found, lost = [], []
        for i, truth in enumerate(truths):
            info = _crawl_info(spider, name, truth, at + timedelta(seconds=i))
            answer = self._served.answer(Request("GET", BASE, truth.path))
            if answer.status != 200:
                lost.append(Revisit(BASE + truth.path, "missing", "http_404", info))
                continue
            page = Page(BASE + truth.path, answer.body, answer.headers["Content-Type"])
            article = parse_article(page, self._site).article
            article.views, article.crawl = self._views(truth, at), info
            article.page = PageInfo(BASE + truth.path)
            counts[counters.ARTICLES_READ] += 1
            for missing in article.extraction["missing"] if article.extraction else ():
                counts[f"{counters.MISSING}/{missing}"] += 1
            found.append(clean(article))
        fates: dict[str, Fate] = {}
        done = await self._store.save(found)
        while asks := {saved.asks for saved in done if saved.asks}:
            fates |= dict.fromkeys(asks, "alive")
            done = await self._store.save(found, fates)
        for saved in done:
            outcome = saved.article.crawl["outcome"] if saved.article.crawl else "unchanged"
            counts[f"articles/{outcome}"] += 1
            self.told.articles += outcome == "new"
            self.told.edits += outcome == "changed"
        for truth in truths:
            self._known[BASE + truth.path] = truth
        await self._visits.note(lost)

    def _views(self, truth: Truth, at: datetime) -> int:
        dice = Random(truth.slug)  # noqa: S311
        heat = 12.0 if dice.random() < 0.03 else dice.uniform(0.5, 1.6)
        hours = max(0.0, (at - truth.published) / _HOUR)
        return round(truth.initial_views * heat * (1 - math.exp(-hours / dice.uniform(5, 30)))) + 3

    def _edit(self, at: datetime) -> None:
        """What editors do within an hour to what was published within two days."""
        if not 2 <= at.hour <= 18 or self._dice.random() < 0.3:
            return
        young = [t for t in self._known.values() if at - t.published < timedelta(days=2)]
        if not young:
            return
        truth, knobs = self._dice.choice(young), self._served.knobs
        roll = self._dice.random()
        if roll < 0.12:
            knobs.removed.add(truth.slug)
        elif roll < 0.4:
            knobs.edited[truth.slug] = Edit(title=f"{truth.title}: what is known")
        elif roll < 0.5:
            later = truth.published + timedelta(minutes=45)
            knobs.edited[truth.slug] = Edit(published=later, paragraph="The time was corrected.")
        else:
            knobs.edited[truth.slug] = Edit(paragraph=f"Updated at {at:%H:%M}.")


def _crawl_info(spider: str, name: str, truth: Truth, at: datetime) -> CrawlInfo:
    return {
        "id": name, "spider": spider, "worker": f"{name}-w1", "section": truth.sections[0][0],
        "requested_url": BASE + truth.path, "http_status": 200, "fetched_at": at,
        "rendered": False, "outcome": "new",
    }  # fmt: skip


def _coverage(counts: Mapping[str, int]) -> dict[str, float]:
    read = counts.get(counters.ARTICLES_READ, 0)
    missing = {name: counts.get(f"{counters.MISSING}/{name}", 0) for name in EXPECTED}
    return {name: round(1 - n / read, 4) for name, n in missing.items()} if read else {}
