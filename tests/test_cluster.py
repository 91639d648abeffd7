"""Several workers on one crawl, with real processes and a real mongod: kills, politeness, locks."""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.cluster import (
    Cluster,
    articles_asked,
    check_complete,
    mongod,
    path_with,
)
from tests.conftest import Scrapy, wait_until
from tests.proxy import proxy, through

Documents = Database[dict[str, Any]]
CONCURRENCY = 24
SMALL = SiteConfig(articles=300, seed=5, cards=100)


@pytest.fixture
def cluster(scrapy: Scrapy, database: Documents) -> Cluster:
    return Cluster(scrapy, database, "crawl-1")


def test_two_workers_share_a_crawl_and_end_together(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.02
        workers = [cluster.start(site.url) for _ in range(2)]
        runs = [cluster.scrapy.finish(worker) for worker in workers]
    for run in runs:
        assert run.code == 0, run.err
        assert "Closing spider (finished)" in run.err
    check_complete(site, cluster)
    asked = articles_asked(site)
    assert max(asked.values()) == 1
    lists = Counter(h.path for h in site.log if "/category/" in h.path or h.path == "/en/")
    assert set(lists.values()) == {1}
    crawl = cluster.crawl()
    assert crawl["status"] == "finished"
    assert crawl["exit_code"] == 0
    assert crawl["counts"]["articles/new"] == len(asked)
    assert len(crawl["workers"]) == 2
    for worker in crawl["workers"]:
        assert worker["reason"] == "finished"
        assert worker["counts"]["articles/new"] > len(asked) // 10
    assert cluster.database.frontier.count_documents({}) == 0
    assert cluster.database.locks.count_documents({}) == 0


@pytest.mark.parametrize("after", [5, 60, 120])
def test_a_killed_worker_loses_nothing(cluster: Cluster, after: int) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.02
        victim, other = (cluster.start(site.url, FRONTIER_LEASE_SECONDS="3") for _ in range(2))
        wait_until(
            lambda: len(site.log) >= after and len(cluster.crawl()["workers"]) == 2,
            what=f"two workers and {after} requests",
        )
        victim.kill()
        cluster.scrapy.finish(victim)
        run = cluster.scrapy.finish(other)
    assert run.code == 0, run.err
    check_complete(site, cluster)
    again = sum(n - 1 for n in articles_asked(site).values())
    assert again <= CONCURRENCY
    reasons = sorted(worker["reason"] for worker in cluster.crawl()["workers"])
    assert reasons == ["finished", "lost"]


# While the database is slow, as beside other tests, workers have more on their way.
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGKILL, marks=pytest.mark.alone), signal.SIGTERM]
)
def test_all_workers_end_and_the_crawl_is_resumed(cluster: Cluster, number: signal.Signals) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.02
        workers = [cluster.start(site.url) for _ in range(2)]
        wait_until(lambda: len(site.log) >= 100, what="100 requests")
        for worker in workers:
            worker.send_signal(number)
        codes = {cluster.scrapy.finish(worker).code for worker in workers}
        assert codes == {-9 if number == signal.SIGKILL else 143}
        if number == signal.SIGTERM:
            assert cluster.crawl()["status"] == "stopped"
            # Nothing was cut off, so nothing is asked twice.
            assert cluster.database.frontier.count_documents({"state": "leased"}) == 0
        began = time.monotonic()
        run = cluster.scrapy.finish(cluster.start(site.url))
        took = time.monotonic() - began
    assert run.code == 0, run.err
    assert took < 25  # leases of dead workers of this machine need not run out
    check_complete(site, cluster)
    again = sum(n - 1 for n in articles_asked(site).values())
    assert again <= (2 * CONCURRENCY if number == signal.SIGKILL else 0)
    assert cluster.crawl()["status"] == "finished"


def test_workers_that_begin_with_the_same_addresses(cluster: Cluster, tmp_path: Any) -> None:
    """Each adds all of them; whoever has one ends it, so that no lease need run out."""
    with serve(SMALL) as site:
        site.knobs.delay = 0.1
        paths = [site.world.article("en", i).path for i in range(150)]
        addresses = tmp_path / "addresses.txt"
        addresses.write_text("".join(f"{site.url}{path}\n" for path in paths))
        few = ("-s", "CONCURRENT_REQUESTS=4", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=2")
        workers = [
            cluster.scrapy.start(
                "crawl", "articles", "-a", f"file={addresses}", *few,
                CALIBER_BASE_URL=site.url, CRAWL_ID=cluster.crawl_id,
            )
            for _ in range(8)
        ]  # fmt: skip
        for worker in workers:
            run = cluster.scrapy.finish(worker)
            assert run.code == 0, run.err
        asked = articles_asked(site)
    assert asked == Counter(dict.fromkeys(paths, 1))
    assert "frontier/reclaimed" not in cluster.crawl()["counts"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(20, (b"frontier", b"$setOnInsert")), (200, (b"frontier", b"$inc", b"leased"))],
    ids=["additions", "leases"],
)
def test_what_mongodb_did_and_could_not_say_stays_with_its_worker(
    cluster: Cluster, mongo_uri: str, tmp_path: Any, number: int, words: tuple[bytes, ...]
) -> None:
    """A worker that asks once more finds its requests on lease, and to itself."""
    with serve(SMALL) as site, proxy(urlsplit(mongo_uri).port or 0) as way:
        paths = [site.world.article("en", i).path for i in range(number)]
        addresses = tmp_path / "addresses.txt"
        addresses.write_text("".join(f"{site.url}{path}\n" for path in paths))
        way.swallow = words
        worker = cluster.start(
            site.url, spider="articles", file=str(addresses), FRONTIER_LEASE_SECONDS="60",
            MONGODB_URI=through(mongo_uri, way),
        )  # fmt: skip
        run = cluster.scrapy.finish(worker)
        asked = articles_asked(site)
    assert run.code == 0, run.err
    assert way.swallowed == 1
    assert asked == Counter(dict.fromkeys(paths, 1))
    assert cluster.crawl()["counts"]["store/retries"] >= 1
    assert "frontier/reclaimed" not in cluster.crawl()["counts"]


def test_a_worker_that_is_stopped_leaves_its_work_to_the_others(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.02
        leaving, staying = (cluster.start(site.url) for _ in range(2))
        wait_until(lambda: len(site.log) >= 60, what="60 requests")
        leaving.terminate()
        assert cluster.scrapy.finish(leaving).code == 143
        assert cluster.crawl()["status"] == "running"
        run = cluster.scrapy.finish(staying)
    assert run.code == 0, run.err
    check_complete(site, cluster)
    assert max(articles_asked(site).values()) == 1
    assert cluster.crawl()["status"] == "finished"


def test_mongod_is_killed_and_comes_back(cluster: Cluster, tmp_path: Any) -> None:
    with serve(SMALL) as site, mongod(tmp_path / "own") as server:
        site.knobs.delay = 0.02
        here = Cluster(cluster.scrapy, server.database, "crawl-1")
        options = {"MONGODB_URI": server.uri, "MONGODB_DATABASE": "caliber"}
        workers = [here.start(site.url, **options) for _ in range(2)]
        wait_until(lambda: len(site.log) >= 60, what="60 requests")
        server.kill()
        time.sleep(3)
        server.start()
        runs = [here.scrapy.finish(worker) for worker in workers]
        for run in runs:
            assert run.code == 0, run.err
        check_complete(site, here)
        again = sum(n - 1 for n in articles_asked(site).values())
        assert again <= 2 * CONCURRENCY


def test_a_worker_that_comes_later_joins(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.05
        first = cluster.start(site.url)
        wait_until(lambda: len(site.log) >= 40, what="40 requests")
        second = cluster.start(site.url)
        for worker in (first, second):
            run = cluster.scrapy.finish(worker)
            assert run.code == 0, run.err
    check_complete(site, cluster)
    assert max(articles_asked(site).values()) == 1
    shares = [worker["counts"].get("articles/new", 0) for worker in cluster.crawl()["workers"]]
    assert min(shares) > 10
    assert sum(shares) == cluster.crawl()["counts"]["articles/new"]


def test_a_worker_may_be_told_to_stay(cluster: Cluster) -> None:
    """Case R3: by default they end by themselves, and an option keeps them waiting."""
    with serve(SiteConfig(articles=20, seed=5)) as site:
        failing = site.first_list("en", "world")[0]
        site.knobs.status[failing.path] = 500
        worker = cluster.start(site.url, FRONTIER_STAY="yes")
        failed = {"state": "failed"}
        frontier = cluster.database.frontier
        wait_until(lambda: frontier.count_documents(failed) == 1, what="the failure")
        wait_until(lambda: not frontier.count_documents({"state": "leased"}), what="the end")
        time.sleep(3)  # it would have ended by now
        assert worker.poll() is None
        site.knobs.status.clear()
        assert cluster.scrapy("frontier", "crawl-1", "--retry").code == 0
        wait_until(
            lambda: cluster.database.articles.find_one({"slug": failing.slug}), what="the retry"
        )
        worker.terminate()
        assert cluster.scrapy.finish(worker).code == 143


def test_a_lease_of_a_browser_is_renewed_while_it_works(cluster: Cluster) -> None:
    config = SiteConfig(articles=80, seed=5, cards=10, list_protocol="signed")
    with serve(config) as site:
        options = {"render": "browser", "section": "world", "FRONTIER_LEASE_SECONDS": "2"}
        workers = [cluster.start(site.url, **options) for _ in range(2)]
        for worker in workers:
            run = cluster.scrapy.finish(worker)
            assert run.code == 0, run.err
    crawl = cluster.crawl()
    # Scrolling to the end alone takes SCROLL_QUIET_SECONDS, several times the lease.
    assert (crawl["finished_at"] - crawl["started_at"]).total_seconds() > 5
    assert crawl["counts"]["lists/ended/end"] == 1
    assert "frontier/reclaimed" not in crawl["counts"]
    assert "frontier/overtaken" not in crawl["counts"]
    wanted = {truth.slug for truth in site.world.in_section("en", "world")}
    assert {d["slug"] for d in cluster.database.articles.find()} == wanted


def test_pages_in_a_browser_that_fail_once_or_are_redirected(cluster: Cluster) -> None:
    """Case R7: neither an open page nor anything else that lives gets into the frontier."""
    with serve(SiteConfig(articles=80, seed=5, cards=10)) as site:
        busy = "/en/category/world"
        site.knobs.redirect["/en/category/culture"] = "/en/category/sport"
        site.knobs.redirect["/en/category/economy"] = f"{busy}?from=economy"
        site.knobs.status[busy] = (503, 2)
        sections = "world,culture,economy"
        options = {"render": "browser", "section": sections, "BACKOFF_FIRST_SECONDS": "0.2"}
        run = cluster.scrapy.finish(cluster.start(site.url, **options))
    assert run.code == 0, run.err
    wanted = {t.slug for name in ("world", "sport") for t in site.world.in_section("en", name)}
    assert {d["slug"] for d in cluster.database.articles.find()} == wanted
    assert set(cluster.database.articles.distinct("crawl.section")) == {"world", "sport"}
    assert (run.counts["lists/moved"], run.counts["lists/read"]) == (2, 2)
    assert "still open" not in run.err
    assert "cannot be queued" not in run.err


def test_requests_that_copy_their_pages_meta_are_requests_of_their_own(cluster: Cluster) -> None:
    module = cluster.scrapy.folder / "copying.py"
    module.write_text(
        "from caliber_crawler.spiders.sections import SectionsSpider\n"
        "class Copying(SectionsSpider):\n"
        "    name = 'copying'\n"
        "    async def parse_section(self, response, **kwargs):\n"
        "        async for found in super().parse_section(response, **kwargs):\n"
        "            if hasattr(found, 'meta'):\n"
        "                found.meta.update(frontier_key=response.meta['frontier_key'])\n"
        "            yield found\n"
    )
    with serve(SiteConfig(articles=60, seed=5)) as site:
        path = str(module.parent)
        worker = cluster.start(site.url, spider="copying", path=path, SPIDER_MODULES="copying")
        run = cluster.scrapy.finish(worker)
    assert run.code == 0, run.err
    check_complete(site, cluster)
    wanted = len(articles_asked(site))
    assert cluster.crawl()["counts"]["frontier/added"] == wanted + 1 + len(site.sections("en"))


def test_writes_that_are_refused_lose_nothing(cluster: Cluster) -> None:
    """Case R9 (c): loud, an exit code of its own, and the list is read again later."""
    with serve(SMALL) as site:
        site.knobs.delay = 0.05
        site.knobs.delay_of["/en/category/world"] = 1.0
        worker = cluster.start(site.url)
        database = cluster.database
        wait_until(lambda: len(site.log) >= 12, what="some requests")
        database.command("collMod", "frontier", validator={"url": "none that there is"})
        run = cluster.scrapy.finish(worker)
        assert run.code == 5, run.err
        assert "database lost" in run.verdict
        assert "Document failed validation" in run.verdict
        # What was on its way then is on lease still, and will be asked for again.
        assert database.frontier.count_documents({"state": "leased"}) > 0
        database.command("collMod", "frontier", validator={})
        run = cluster.scrapy.finish(cluster.start(site.url))
    assert run.code == 0, run.err
    check_complete(site, cluster)


def test_a_late_worker_finds_nothing_to_do(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=20, seed=5)) as site:
        assert cluster.scrapy.finish(cluster.start(site.url)).code == 0
        asked = len(site.log)
        run = cluster.scrapy.finish(cluster.start(site.url))
        assert len(site.log) == asked
    assert run.code == 0
    assert run.verdict == (
        f"caliber-crawler: healthy: crawl {cluster.crawl_id} was finished already, "
        "nothing is left to do"
    )
    assert len(cluster.crawl()["workers"]) == 1


def test_a_page_that_kills_its_workers_is_set_aside(cluster: Cluster) -> None:
    config = SiteConfig(articles=60, seed=5, cards=60)
    with serve(config) as site:
        poison = site.first_list("en", "world")[3]
        module = cluster.scrapy.folder / "poisoned.py"
        module.write_text(
            "import os\n"
            "from caliber_crawler.spiders.sections import SectionsSpider\n"
            "class Poisoned(SectionsSpider):\n"
            "    name = 'poisoned'\n"
            "    def parse_article(self, response, **kwargs):\n"
            f"        if response.url.endswith({poison.path!r}):\n"
            "            os._exit(77)\n"
            "        yield from super().parse_article(response, **kwargs)\n"
        )
        options = {"SPIDER_MODULES": "poisoned", "FRONTIER_ATTEMPTS": "3"}
        codes = []
        for _ in range(8):
            process = cluster.start(site.url, spider="poisoned", path=str(module.parent), **options)
            run = cluster.scrapy.finish(process)
            codes.append(run.code)
            if run.code != 77:
                break
    assert codes == [77, 77, 77, 4], run.err
    assert poison.path in run.verdict
    assert "set aside" in run.err
    wanted = {t.slug for s, _ in site.sections("en") for t in site.first_list("en", s)}
    stored = Counter(d["slug"] for d in cluster.database.articles.find())
    assert stored == Counter(dict.fromkeys(wanted - {poison.slug}, 1))
    (failed,) = cluster.database.frontier.find()
    assert failed["url"].endswith(poison.path)
    assert failed["state"] == "failed"
    assert cluster.crawl()["exit_code"] == 4


@pytest.mark.alone
def test_all_workers_together_keep_one_delay(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=60, seed=5, cards=20)) as site:
        workers = [
            cluster.start(site.url, CLUSTER_DOWNLOAD_DELAY="0.2", limit="6") for _ in range(4)
        ]
        for worker in workers:
            run = cluster.scrapy.finish(worker)
            assert run.code == 0, run.err
    times = [hit.at for hit in site.log]
    assert len(times) > 40
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.15, sorted(gaps)[:5]
    assert all(times[i + 5] - times[i] > 0.95 for i in range(len(times) - 5))


@pytest.mark.alone
def test_a_browser_keeps_the_same_delay(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=80, seed=5, cards=10)) as site:
        options = {"CLUSTER_DOWNLOAD_DELAY": "0.2", "render": "browser", "limit": "25"}
        workers = [cluster.start(site.url, section="world,sport", **options) for _ in range(2)]
        for worker in workers:
            run = cluster.scrapy.finish(worker)
            assert run.code == 0, run.err
    times = [hit.at for hit in site.log]
    assert any("page=" in hit.path for hit in site.log)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.15, sorted(gaps)[:5]


def test_retry_after_holds_for_all_workers(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.05
        pushy = site.first_list("en", "world")[30]
        headers = {"Retry-After": "3", "Content-Type": "text/plain"}
        site.knobs.raw[pushy.path] = (429, headers, b"slow down")
        workers = [cluster.start(site.url, CLUSTER_DOWNLOAD_DELAY="0.02") for _ in range(2)]
        wait_until(lambda: any(hit.status == 429 for hit in site.log), what="the answer with 429")
        del site.knobs.raw[pushy.path]
        for worker in workers:
            run = cluster.scrapy.finish(worker)
            assert run.code == 0, run.err
    told = next(hit.at for hit in site.log if hit.status == 429)
    # Those that were on their way already, one of each worker, and nobody else for three seconds.
    silent = [hit.at for hit in site.log if told + 0.3 < hit.at < told + 2.8]
    assert silent == []
    check_complete(site, cluster)


@pytest.mark.alone
def test_gaps_grow_while_the_site_asks_to_slow_down(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=20, seed=5)) as site:
        pushy = site.first_list("en", "world")[0]
        site.knobs.status[pushy.path] = (503, 2)
        options = {"BACKOFF_FIRST_SECONDS": "1", "url": site.url + pushy.path}
        worker = cluster.start(site.url, spider="articles", **options)
        run = cluster.scrapy.finish(worker)
    assert run.code == 0, run.err
    times = [hit.at for hit in site.log if hit.path == pushy.path]
    first, second = (later - earlier for earlier, later in pairwise(times))
    assert 0.9 < first < 1.9
    assert 1.9 < second < 3.9


def test_a_second_crawl_of_the_spider_is_refused_or_allowed(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.5
        first = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 5, what="the first crawl")
        other = Cluster(cluster.scrapy, cluster.database, "crawl-2")
        refused = other.scrapy.finish(other.start(site.url))
        assert refused.code == 6
        assert "another crawl is running: crawl crawl-1" in refused.verdict
        assert cluster.database.crawls.count_documents({"_id": "crawl-2"}) == 0
        allowed = other.start(site.url, CRAWL_OVERLAP="allow", section="sport", limit="2")
        assert other.scrapy.finish(allowed).code == 0
        feed = Cluster(cluster.scrapy, cluster.database, "crawl-3")
        assert feed.scrapy.finish(feed.start(site.url, spider="feed")).code == 0
        assert first.poll() is None
        first.terminate()
        cluster.scrapy.finish(first)
        after = Cluster(cluster.scrapy, cluster.database, "crawl-4")
        assert after.scrapy.finish(after.start(site.url, limit="1")).code == 0


def test_the_lock_of_a_killed_crawl_does_not_block(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        first = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 5, what="the first crawl")
        first.kill()
        cluster.scrapy.finish(first)
        other = Cluster(cluster.scrapy, cluster.database, "crawl-2")
        began = time.monotonic()
        run = other.scrapy.finish(other.start(site.url, limit="1"))
        assert time.monotonic() - began < 25  # its lease would last for 30
    assert run.code == 0, run.err
    assert "was killed; its lock counts no more" in run.err


def test_a_lock_told_by_a_clock_that_was_far_ahead_does_not_block(cluster: Cluster) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=5)
    cluster.database.locks.insert_one({"_id": "sections", "crawl_id": "old", "until": ahead})
    with serve(SMALL) as site:
        assert cluster.scrapy.finish(cluster.start(site.url, limit="1")).code == 0


def test_a_crawl_of_another_container_is_not_held_for_dead(cluster: Cluster) -> None:
    """It may have the name of the host and processes that nobody sees from here."""
    with serve(SMALL) as site:
        site.knobs.delay = 0.5
        first = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 5, what="the first crawl")
        elsewhere = {"workers.0.pid": 2**22 + 1, "workers.0.pid_namespace": "pid:[1]"}
        cluster.database.crawls.update_one({}, {"$set": elsewhere})
        other = Cluster(cluster.scrapy, cluster.database, "crawl-2")
        refused = other.scrapy.finish(other.start(site.url))
        assert refused.code == 6
        assert first.poll() is None


def test_a_crawl_whose_lock_another_one_took_makes_way(cluster: Cluster) -> None:
    """It stood still for longer than its lock lasted; both at once would be what is refused."""
    locks = cluster.database.locks
    with serve(SMALL) as site:
        site.knobs.delay = 0.5
        first = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 5, what="the first crawl")
        first.send_signal(signal.SIGSTOP)
        later = datetime.now(UTC) + timedelta(minutes=1)
        locks.update_one({"_id": "sections"}, {"$set": {"crawl_id": "crawl-2", "until": later}})
        first.send_signal(signal.SIGCONT)
        run = cluster.scrapy.finish(first)
        assert run.code == 6
        assert "another crawl is running: crawl crawl-2 of the spider sections" in run.verdict
        assert "ERROR: crawl crawl-2 of the spider sections, which began while" in run.err
        assert cluster.crawl()["reason"] == "other_crawl_runs"
        assert locks.find_one({"_id": "sections"}, {"_id": 0, "crawl_id": 1}) == {
            "crawl_id": "crawl-2"
        }
        states = {row["state"] for row in cluster.database.frontier.find()}
        assert "queued" in states
        assert "leased" not in states  # what was on its way is given back
        locks.delete_one({"_id": "sections"})
        site.knobs.delay = 0.0
        again = cluster.scrapy.finish(cluster.start(site.url))
    assert again.code == 0, again.err
    check_complete(site, cluster)


def test_a_crawl_that_starts_removes_what_old_ones_left(cluster: Cluster) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=31)
    left = {"crawl_id": "old", "state": "queued", "priority": 0, "newest": None, "at": long_ago}
    frontier = cluster.database.frontier
    frontier.insert_many([{"_id": f"old/{i}", **left} for i in range(5)])
    frontier.insert_one({"_id": "new/1", **left, "crawl_id": "new", "at": datetime.now(UTC)})
    with serve(SiteConfig(articles=20, seed=5)) as site:
        run = cluster.scrapy.finish(cluster.start(site.url))
    assert run.code == 0, run.err
    assert [row["_id"] for row in frontier.find()] == ["new/1"]
    assert run.counts["frontier/forgotten"] == 5


def test_a_crawl_of_another_spider_is_not_resumed(cluster: Cluster) -> None:
    with serve(SiteConfig(articles=20, seed=5)) as site:
        assert cluster.scrapy.finish(cluster.start(site.url, limit="1")).code == 0
        run = cluster.scrapy.finish(cluster.start(site.url, spider="feed"))
    assert run.code == 2
    assert "is one of the spider sections" in run.verdict


@pytest.mark.parametrize("finished", [True, False])
def test_a_crawl_does_not_go_on_with_other_arguments(cluster: Cluster, finished: bool) -> None:
    """Nor does it when it is over: nothing would be done, and that would look healthy."""
    with serve(SMALL) as site:
        first = cluster.start(site.url, section="world, sport")
        if finished:
            assert cluster.scrapy.finish(first).code == 0
        else:
            wait_until(lambda: len(site.log) > 4, what="the first crawl")
            first.kill()
            cluster.scrapy.finish(first)
        asked = len(site.log)
        given = {"language": "ru", "section": "sport", "mode": "update"}
        run = cluster.scrapy.finish(cluster.start(site.url, **given))
        # What a killed worker had sent may be answered meanwhile, so each tells its own requests.
        assert not finished or len(site.log) == asked
        same = {"language": "en", "section": "sport,world", "mode": "Update", "_job": "x"}
        again = cluster.scrapy.finish(cluster.start(site.url, **same))
    assert run.code == 2
    assert (
        "was begun with other arguments (language: not given, now ru; "
        "section: world, sport, now sport)" in run.verdict
    )
    assert again.code == 0, again.err
    assert "downloader/request_count" not in run.err
    assert finished or "downloader/request_count" in again.err
    assert len(cluster.crawl()["workers"]) == (1 if finished else 2)


def test_the_next_crawl_starts_from_what_is_stored(cluster: Cluster) -> None:
    """Case R5: not from old fingerprints, which would hide what failed."""
    with serve(SiteConfig(articles=40, seed=5)) as site:
        failing = site.first_list("en", "world")[2]
        site.knobs.status[failing.path] = 500
        run = cluster.scrapy.finish(cluster.start(site.url))
        assert run.code == 4
        (failure,) = cluster.database.frontier.find()
        assert failure["state"] == "failed"
        assert "500" in failure["error"]
        del site.knobs.status[failing.path]
        before = len(site.log)
        second = Cluster(cluster.scrapy, cluster.database, "crawl-2")
        run = second.scrapy.finish(second.start(site.url))
        assert run.code == 0, run.err
        asked = [hit.path for hit in site.log[before:] if "/post/" in hit.path]
    assert asked == [failing.path]
    assert "/en/category/world" in {hit.path for hit in site.log[before:]}
    assert cluster.database.frontier.count_documents({"crawl_id": "crawl-2"}) == 0


def test_redirects_to_themselves_end_well_or_are_counted(
    scrapy: Scrapy, database: Documents
) -> None:
    """Case S6, through the frontier."""
    with serve(SiteConfig(articles=20, seed=5)) as site:
        good, ping, pong = site.first_list("en", "world")[:3]
        wall = (302, {"Location": good.path, "Set-Cookie": "seen=1; Path=/"}, b"")
        site.knobs.raw[f"{good.path}?wall=1"] = wall
        site.knobs.redirect[ping.path] = pong.path
        site.knobs.redirect[pong.path] = ping.path
        urls = [f"{good.path}?wall=1", ping.path]
        run = scrapy.crawl(
            "articles",
            "url=" + ",".join(site.url + path for path in urls),
            CALIBER_BASE_URL=site.url,
        )
    assert run.code == 4
    assert [r["slug"] for r in run.records] == [good.slug]
    (failure,) = database.frontier.find()
    assert failure["state"] == "failed"
    assert "redirect" in failure["error"].lower()


def test_what_cannot_be_queued_is_named_and_counts_as_failed(scrapy: Scrapy) -> None:
    """Case R7: a lambda, and an object in meta."""
    module = scrapy.folder / "odd.py"
    module.write_text(
        "import scrapy\n"
        "from caliber_crawler.spiders.articles import ArticlesSpider\n"
        "class Odd(ArticlesSpider):\n"
        "    name = 'odd'\n"
        "    async def start(self):\n"
        "        base = self.config.site.base\n"
        "        yield scrapy.Request(base + '/lambda', callback=lambda response: None)\n"
        "        yield scrapy.Request(base + '/object', self.parse, meta={'page': object()})\n"
        "        async for request in super().start():\n"
        "            yield request\n"
    )
    with serve(SiteConfig(articles=20, seed=5)) as site:
        good = site.first_list("en", "world")[0]
        run = scrapy(
            "crawl", "odd", "-a", f"url={site.url}{good.path}", "-O", str(scrapy.feed),
            "-s", "SPIDER_MODULES=odd", CALIBER_BASE_URL=site.url,
            PYTHONPATH=path_with(str(scrapy.folder)),
        )  # fmt: skip
    assert run.code == 4
    assert f"{site.url}/lambda cannot be queued" in run.err
    assert f"{site.url}/object cannot be queued: meta.page is a object, not plain data" in run.err
    assert [r["slug"] for r in run.records] == [good.slug]


def test_debugging_leaves_a_running_crawl_alone(cluster: Cluster) -> None:
    with serve(SMALL) as site:
        site.knobs.delay = 0.5
        crawl = cluster.start(site.url)
        wait_until(lambda: len(site.log) > 20, what="the crawl")
        article = site.url + site.first_list("en", "world")[0].path
        run = cluster.scrapy(
            "parse", "--spider=articles", "-c", "parse_article", article,
            CALIBER_BASE_URL=site.url, CRAWL_ID="crawl-1",
        )  # fmt: skip
        assert run.code == 0, run.err
        run = cluster.scrapy("fetch", "--nolog", article, CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        document = cluster.crawl()
        assert len(document["workers"]) == 1
        assert document["status"] == "running"
        site.knobs.delay = 0.02
        assert cluster.scrapy.finish(crawl).code == 0
    check_complete(site, cluster)
