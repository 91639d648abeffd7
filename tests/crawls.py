"""Crawls that tests and soak tests share, in a short and a long form."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from typing import Any

from pymongo.database import Database

from demo_site import SiteConfig, World, serve, serve_process
from tests.conftest import Scrapy, wait_until
from tests.memory import watched

Documents = Database[dict[str, Any]]


def peak_memory(scrapy: Scrapy, articles: int, **settings: str) -> float:
    """Peak memory in MiB of a crawl of that many articles, each checked to have been taken."""
    config = SiteConfig(articles=articles, seed=1)
    with serve_process(config) as url:
        world = World(config)
        addresses = scrapy.folder / "urls.txt"
        addresses.write_text(
            "".join(f"{url}{world.article('en', i).path}\n" for i in range(articles))
        )
        options = ("-a", f"file={addresses}", "-O", str(scrapy.feed), "-L", "WARNING")
        process = scrapy.start("crawl", "articles", *options, CALIBER_BASE_URL=url, **settings)
        with watched(process.pid) as memory:
            _, err = process.communicate()
    assert process.returncode == 0, err
    with scrapy.feed.open("rb") as lines:
        assert sum(1 for _ in lines) == articles
    return memory.own


def kill_and_crawl_again(
    scrapy: Scrapy, database: Documents, number: signal.Signals, *, moments: int, seed: int
) -> None:
    """Kill a crawl at several moments, then let one run to its end: all is there, once."""
    chance = random.Random(seed)
    with serve(SiteConfig(articles=120, seed=seed)) as site:
        wanted = {t.slug for s, _ in site.sections("en") for t in site.first_list("en", s)}
        site.knobs.delay = 0.02
        for _ in range(moments):
            began = len(site.log)
            process = scrapy.start(
                "crawl",
                "sections",
                "-a",
                "render=http",
                "-O",
                str(scrapy.feed),
                CALIBER_BASE_URL=site.url,
            )
            after = chance.randrange(1, len(wanted))
            wait_until(
                lambda began=began, after=after, process=process: (
                    len(site.log) >= began + after or process.poll() is not None
                ),
                what=f"{after} requests",
            )
            time.sleep(chance.random() * 0.05)  # also between two requests
            process.send_signal(number)
            run = scrapy.finish(process)
            if number != signal.SIGKILL and run.code:
                assert run.code == 128 + number, run.err
                stored = {d["_id"] for d in database.articles.find({"crawl.id": _id(run.lines)})}
                assert {r["id"] for r in run.records} == stored
        run = scrapy.crawl("sections", "render=http", "mode=full", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    stored_slugs = Counter(d["slug"] for d in database.articles.find())
    assert stored_slugs == Counter(dict.fromkeys(wanted, 1))
    assert {r["slug"] for r in run.records} == wanted
    for document in database.articles.find():
        assert document["revision"] == 1
        assert document["first_seen_at"] <= document["last_seen_at"]


def crawl_a_site_at_rest(
    scrapy: Scrapy, database: Documents, *, articles: int, crawls: int
) -> None:
    """Nothing changes but counters: each crawl adds a view point an article, and nothing else."""
    with serve(SiteConfig(articles=articles, seed=8, cards=200)) as site:
        wanted = {f"en/{site.world.article('en', i).slug}" for i in range(articles)}
        for _ in range(crawls):
            run = scrapy(
                "crawl", "sections", "-a", "mode=full", "-a", "render=http",
                CALIBER_BASE_URL=site.url,
            )  # fmt: skip
            assert run.code == 0, run.err
    assert {d["_id"] for d in database.articles.find()} == wanted
    still = {"revision": 1, "status": "live", "changed_at": None, "aliases": [],
             "duplicate_of": None, "near_duplicate_of": None}  # fmt: skip
    assert database.articles.count_documents(still) == articles
    assert database.revisions.count_documents({}) == 0
    points: dict[str, list[int]] = {id_: [] for id_ in wanted}
    for point in database.views.find().sort("at"):
        points.setdefault(point["article"], []).append(point["views"])
    for truth in (site.world.article("en", i) for i in range(articles)):
        expected = [truth.initial_views + visit for visit in range(crawls)]
        found = points.pop(f"en/{truth.slug}")
        assert found == expected, f"view points of {truth.slug}: {found}, should be {expected}"
    assert not points, f"view points of no article: {points}"


def _id(lines: list[str]) -> str | None:
    return json.loads(lines[0])["crawl"]["id"] if lines else None
