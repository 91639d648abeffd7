"""Metrics of real crawls: scraped over loopback while they run, and added up in a text file."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo.database import Database

from caliber_crawler import counters
from caliber_crawler.metrics import MOST_VALUES, Facts, added_up, families
from demo_site import ServedSite, SiteConfig, serve
from tests.conftest import Scrapy, wait_until

Documents = Database[dict[str, Any]]
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=20, seed=8)) as served:
        yield served


def addresses(site: ServedSite, count: int) -> str:
    return ",".join(site.url + site.world.article("en", index).path for index in range(count))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def samples(text: str) -> Samples:
    """(Name, values of the labels but for the spider's, in the order of their names) → value."""
    return {
        (s.name, *(value for name, value in sorted(s.labels.items()) if name != "spider")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def scrape(port: int) -> str:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text
    except URLError:
        return ""


def test_a_running_crawl_is_scraped(scrapy: Scrapy, database: Documents, site: ServedSite) -> None:
    last = site.world.article("en", 4).path
    site.knobs.delay_of[last] = 120.0
    port = free_port()
    process = scrapy.start(
        "crawl", "articles", "-a", f"url={addresses(site, 5)}", CALIBER_BASE_URL=site.url,
        PROMETHEUS_PORT=str(port),
    )  # fmt: skip
    total = "caliber_articles_exported_total"

    def told() -> Samples | None:
        found = samples(scrape(port))
        return found if found.get((total,)) == 4 else None

    found = wait_until(told, seconds=90, what="metrics of four articles")
    text = scrape(port)
    assert "# TYPE caliber_articles_total counter\n" in text
    assert 'spider="articles"' in text
    articles = {key[1:]: n for key, n in found.items() if key[0] == "caliber_articles_total"}
    assert sum(articles.values()) == 4
    sections = {truth.sections[0][0] for truth in (site.world.article("en", i) for i in range(4))}
    assert set(articles) == {("new", f"en/{section}") for section in sections}
    assert found["caliber_responses_total", "200"] >= 4
    assert found["caliber_requests_failed_total",] == 0, "there before anything failed"
    assert found["caliber_crawl_running",] == 1
    assert ("caliber_crawl_exit_code",) not in found
    wait_until(lambda: samples(scrape(port)).get(("caliber_frontier_requests", "leased")),
               seconds=60, what="the frontier's size")  # fmt: skip
    process.terminate()
    run = scrapy.finish(process, seconds=150)
    assert run.code == 143, run.err
    assert scrape(port) == "", "nobody listens any more"


def test_off_unless_asked_for(scrapy: Scrapy, site: ServedSite) -> None:
    run = scrapy.crawl("articles", f"url={addresses(site, 1)}", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert "caliber_crawler.prometheus" not in run.err
    for value in ("http", "70000", "-1"):
        run = scrapy("crawl", "articles", "-a", "url=x", "-s", f"PROMETHEUS_PORT={value}")
        assert run.code == 2
        assert "PROMETHEUS_PORT" in run.err


def test_a_port_that_is_taken_is_no_reason_to_fail(scrapy: Scrapy, site: ServedSite) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = scrapy.crawl(
            "articles", f"url={addresses(site, 1)}", CALIBER_BASE_URL=site.url,
            PROMETHEUS_PORT=str(port),
        )  # fmt: skip
    assert run.code == 0, run.err
    assert f"PROMETHEUS_PORT={port}: no metrics are served" in run.err


def test_crawls_add_up_in_a_text_file(scrapy: Scrapy, site: ServedSite) -> None:
    path = scrapy.folder / "metrics" / "caliber.prom"

    def crawl(count: int) -> Samples:
        run = scrapy.crawl(
            "articles", f"url={addresses(site, count)}", CALIBER_BASE_URL=site.url,
            PROMETHEUS_TEXTFILE=str(path),
        )  # fmt: skip
        assert path.exists(), run.err
        assert sorted(path.parent.iterdir()) == [path], "nothing half written is left"
        return samples(path.read_text())

    first = crawl(2)
    assert first["caliber_articles_exported_total",] == 2
    assert first["caliber_crawl_exit_code",] == 0
    assert first["caliber_crawl_running",] == 0
    assert (
        first["caliber_crawl_last_success_time_seconds",]
        == first["caliber_crawl_finish_time_seconds",]
    )
    site.knobs.status[site.world.article("en", 2).path] = 403
    second = crawl(3)
    assert second["caliber_articles_exported_total",] == 4
    assert second["caliber_requests_total",] == 7, "three with robots.txt, then four"
    assert second["caliber_rejected_total", "http_403"] == 1
    assert second["caliber_crawl_exit_code",] == 4
    success = "caliber_crawl_last_success_time_seconds"
    assert second[success,] == first[success,] < second["caliber_crawl_finish_time_seconds",]


def test_a_text_file_that_cannot_be_written_is_no_reason_to_fail(
    scrapy: Scrapy, site: ServedSite
) -> None:
    folder = scrapy.folder / "taken"
    folder.mkdir()
    run = scrapy.crawl(
        "articles", f"url={addresses(site, 1)}", CALIBER_BASE_URL=site.url,
        PROMETHEUS_TEXTFILE=str(folder),
    )  # fmt: skip
    assert run.code == 0, run.err
    assert f"PROMETHEUS_TEXTFILE={folder} cannot be written" in run.err


def test_a_text_file_of_another_kind_is_begun_anew(scrapy: Scrapy, site: ServedSite) -> None:
    path: Path = scrapy.folder / "caliber.prom"
    path.write_text('caliber_articles_total{spider="art\n')
    run = scrapy.crawl(
        "articles", f"url={addresses(site, 1)}", CALIBER_BASE_URL=site.url,
        PROMETHEUS_TEXTFILE=str(path),
    )  # fmt: skip
    assert run.code == 0, run.err
    assert "is begun anew" in run.err
    assert samples(path.read_text())["caliber_articles_exported_total",] == 1


# Without a crawl

FACTS = Facts("sections", 1000.0, 1.0, "0.1", 1010.0, 0)


def test_every_counter_is_a_metric_from_the_start() -> None:
    text = added_up("", families({}, FACTS)).decode()
    named = {family.name for family in text_string_to_metric_families(text)}
    in_articles = {"articles_new", "articles_changed", "articles_unchanged", "taken"}
    names = {name.replace("/", "_") for name in counters.MEANING} - in_articles
    assert {f"caliber_{name}" for name in names} <= named
    assert sum(line.startswith("caliber_articles_total") for line in text.splitlines()) == 3


def test_spiders_share_a_file_and_old_versions_leave_it() -> None:
    one = added_up("", families({"articles/read": 3}, FACTS)).decode()
    other = Facts("feed", 2000.0, 1.0, "0.2", 2001.0, 3)
    text = added_up(one, families({"articles/read": 2}, other)).decode()
    assert 'caliber_articles_read_total{spider="sections"} 3.0\n' in text
    assert 'caliber_articles_read_total{spider="feed"} 2.0\n' in text
    assert 'caliber_crawl_exit_code{spider="feed"} 3.0\n' in text
    assert 'version="0.2"' in text
    assert 'version="0.1"' not in text


def test_labels_are_bounded_and_nothing_is_lost() -> None:
    counts = {f"rejected/odd_{n}": n for n in range(1, 401)}
    counts |= {f"taken/en/{n}/new": 1 for n in range(300)}
    text = added_up("", families(counts, FACTS)).decode()
    found = samples(text)
    for metric, total in (
        ("caliber_rejected_total", sum(range(401))),
        ("caliber_articles_total", 300),
    ):
        values = [value for key, value in found.items() if key[0] == metric]
        assert len(values) == MOST_VALUES
        assert sum(values) == total


def test_a_file_of_years_keeps_its_series_and_takes_so_many_new_ones() -> None:
    text = ""
    for crawl in range(10):
        counts = {f"taken/en/{crawl}-{n}/new": 1 for n in range(30)} | {"taken/en/world/new": 5}
        text = added_up(text, families(counts, FACTS)).decode()
    found = {k: v for k, v in samples(text).items() if k[0] == "caliber_articles_total"}
    assert len(found) <= MOST_VALUES + 31
    assert sum(found.values()) == 10 * 35
    assert found["caliber_articles_total", "new", "en/world"] == 50
    assert found["caliber_articles_total", "new", "en/0-7"] == 1
    assert found["caliber_articles_total", "new", "other"] == 350 - sum(
        value for key, value in found.items() if key[2] != "other"
    )


@pytest.mark.parametrize(
    "name",
    [
        counters.BROWSER_BLOCKED, counters.CONFLICTS, counters.CUT, counters.KEPT, counters.LIMITS,
        counters.LISTS_ENDED, counters.MISSING, counters.REFUSED, counters.REJECTED,
        counters.SECTIONS, counters.VISITS,
    ],
)  # fmt: skip
def test_what_is_counted_by_kinds_alone_is_told(name: str) -> None:
    counts = {f"{name}/one": 2, f"{name}/another": 3}
    told = {metric.name: metric.samples for metric in families(counts, FACTS)}
    found = told[f"caliber_{name.replace('/', '_')}"]
    assert sorted(sample.value for sample in found) == [2, 3]
    assert len({value for sample in found for value in sample.labels.values()}) == 3, "the spider"
