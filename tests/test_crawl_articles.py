"""`scrapy crawl articles`: the addresses given, each once."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import urlopen

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.conftest import Scrapy
from tests.expected import assert_is


def test_takes_the_given_addresses_once_each(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    with serve(SiteConfig(articles=40, seed=1)) as site:
        truths = [site.world.article("en", i) for i in range(6)]
        truths += [site.world.article("ru", i) for i in range(3)]
        urls = [site.url + truth.path for truth in truths]
        file = scrapy.folder / "urls.txt"
        file.write_text("\ufeff# mine\n\n" + "\n".join(urls[2:]) + f"\n{urls[0]}/?utm_source=x\n")
        run = scrapy.crawl(
            "articles", f"url={urls[0]}, {urls[1]}", f"file={file}", CALIBER_BASE_URL=site.url
        )
        assert run.code == 0, run.err
        records = {r["id"]: r for r in run.records}
        assert len(records) == len(run.records) == len(truths)
        for truth in truths:
            assert_is(records[f"{truth.language}/{truth.slug}"], site, truth)
        assert records[f"en/{truths[0].slug}"]["aliases"] == [f"{urls[0]}/?utm_source=x"]
        pages = [hit.path for hit in site.log if "/post/" in hit.path]
        assert sorted(pages) == sorted(truth.path for truth in truths)
    assert database.articles.count_documents({}) == len(truths)


def test_a_page_that_sends_idle_readers_home_is_read(scrapy_without_store: Scrapy) -> None:
    scrapy = scrapy_without_store
    with serve(SiteConfig(articles=20, seed=1)) as site:
        truths = [site.world.article("en", number) for number in range(2)]
        idle, moved = (truth.path for truth in truths)
        for path, seconds, target in ((idle, 60, "/en/"), (moved, 0, idle)):
            with urlopen(site.url + path) as page:
                html = page.read()
            refresh = f'<head><meta http-equiv="refresh" content="{seconds}; url={target}">'
            html = html.replace(b"<head>", refresh.encode(), 1)
            site.knobs.raw[path] = (200, {"Content-Type": "text/html; charset=utf-8"}, html)
        site.log.clear()
        run = scrapy.crawl("articles", f"url={site.url}{moved}", CALIBER_BASE_URL=site.url)
        assert [hit.path for hit in site.log] == ["/robots.txt", moved, idle]
    assert run.code == 0, run.err
    assert [record["title"] for record in run.records] == [truths[0].title]


def test_json_lines_keep_odd_characters_readable(scrapy: Scrapy) -> None:
    odd = "ə Ё 👩\u200d🚀 a\u2028b\u2029c\x85d\ttab"
    with serve(SiteConfig(articles=20, seed=2)) as site:
        truth = site.world.article("en", 2)
        link = 'href="https://example.org/?q=&#8232;x"'
        site.knobs.body_html[truth.slug] = f"<p>{odd}</p><p>\r\n&amp; <a {link}>more</a></p>"
        run = scrapy.crawl("articles", f"url={site.url}{truth.path}", CALIBER_BASE_URL=site.url)
    raw = run.feed.read_bytes()
    text = raw.decode("utf-8")
    assert not text.startswith("\ufeff")
    assert "ə Ё 👩\u200d🚀" in text
    assert raw.endswith(b"}\n")
    assert text.splitlines() == text.split("\n")[:-1]
    with run.feed.open(encoding="utf-8") as lines:
        [record] = [json.loads(line) for line in lines]
    assert record["body"].replace("\n", " ").startswith("ə Ё 👩\u200d🚀 a b c d tab")
    assert record["published_at"].endswith("+00:00")
    assert record["duplicate_of"] is None


def test_records_are_readable_while_the_crawl_goes_on_and_appended_with_o(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    with serve(SiteConfig(articles=20, seed=3)) as site:
        urls = [site.url + site.world.article("en", i).path for i in range(4)]
        for pair in (urls[:2], urls[2:]):
            options = ("-a", f"url={','.join(pair)}", "-o", str(scrapy.feed))
            run = scrapy("crawl", "articles", *options, CALIBER_BASE_URL=site.url)
            assert run.code == 0, run.err
    assert [r["url"] for r in run.records] != []
    assert {r["url"] for r in run.records} == set(urls)
    assert database.crawls.count_documents({"status": "finished"}) == 2


def test_an_odd_time_is_unknown_and_counted(
    scrapy: Scrapy, database: Database[dict[str, Any]]
) -> None:
    page = (
        '<html lang="az"><div class="post"><h1 class="post_title">Başlıq</h1>'
        '<div class="post_time">{}</div><div class="post_body"><p>Mətn.</p></div></div></html>'
    )
    times = {"a": "5 avqust 2024, 09:05", "b": "gələn həftə", "c": "20 Mart 2024"}
    with serve(SiteConfig(articles=10)) as site:
        for slug, printed in times.items():
            header = {"Content-Type": "text/html; charset=utf-8"}
            site.knobs.raw[f"/az/post/{slug}"] = (200, header, page.format(printed).encode())
        urls = ",".join(f"{site.url}/az/post/{slug}" for slug in times)
        run = scrapy.crawl("articles", f"url={urls}", CALIBER_BASE_URL=site.url, TZ="Asia/Tokyo")
    assert run.code == 0, run.err
    found = {r["slug"]: r["published_at"] for r in run.records}
    assert found == {
        "a": "2024-08-05T05:05:00+00:00",
        "b": None,
        "c": "2024-03-19T20:00:00+00:00",
    }
    crawl = database.crawls.find_one()
    assert crawl is not None
    assert crawl["counts"]["times/unknown"] == 1
    assert crawl["counts"]["times/without_clock"] == 1


@pytest.mark.alone
def test_no_more_requests_are_on_their_way_than_the_setting_allows(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=40, seed=1)) as site:
        site.knobs.delay = 0.2
        urls = ",".join(site.url + site.world.article("en", i).path for i in range(12))
        run = scrapy(
            "crawl", "articles", "-a", f"url={urls}", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=2",
            CALIBER_BASE_URL=site.url,
        )  # fmt: skip
        asked = [hit.at for hit in site.log if "/post/" in hit.path]
    assert (run.code, len(asked)) == (0, 12), run.err
    # Each is answered after its delay, so a third request within it would be one too many.
    assert all(third - first > 0.15 for first, third in zip(asked, asked[2:], strict=False))
