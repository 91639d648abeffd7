"""`scrapy shell`, `parse`, `check` and `fetch`: the record of a crawl, and no database touched."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, Truth, serve
from tests.conftest import Scrapy, wait_until

SAME = (
    "id", "url", "title", "description", "authors", "published_at", "body", "images", "embeds",
    "links", "alternates", "word_count", "content_hash", "attribution", "extraction",
)  # fmt: skip


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=40, seed=1)) as served:
        yield served


@pytest.fixture
def truth(site: ServedSite) -> Truth:
    return next(t for t in site.first_list("en", "world") if t.paragraphs and t.authors)


@pytest.fixture
def crawled(scrapy: Scrapy, site: ServedSite, truth: Truth) -> dict[str, Any]:
    """The record of a crawl without a store, so that only other commands could have written."""
    address = f"url={site.url}{truth.path}"
    run = scrapy.crawl("articles", address, CALIBER_BASE_URL=site.url, MONGODB_URI="off")
    [record] = run.records
    return record


def _untouched(database: Database[dict[str, Any]], scrapy: Scrapy) -> None:
    assert database.list_collection_names() == []
    assert not (scrapy.folder / ".caliber").exists()


@pytest.mark.parametrize("with_spider", [False, True])
def test_shell_has_the_article_of_a_crawl(
    scrapy: Scrapy,
    site: ServedSite,
    truth: Truth,
    crawled: dict[str, Any],
    database: Database[dict[str, Any]],
    with_spider: bool,
) -> None:
    code = "__import__('caliber_crawler.items').items.json_line(article.document())"
    options = ("--spider", "articles") if with_spider else ()
    run = scrapy(
        "shell", site.url + truth.path, "-c", code, "--nolog", *options, CALIBER_BASE_URL=site.url
    )
    assert run.code == 0, run.err
    null, true, false = None, True, False  # noqa: F841 - JSON's words, for eval
    import json

    record = json.loads(run.out)
    assert {name: record[name] for name in SAME} == {name: crawled[name] for name in SAME}
    agents = {hit.agent for hit in site.log}
    assert len(agents) == 1
    _untouched(database, scrapy)


def test_shell_has_the_cards_of_a_list_and_says_why_there_is_no_article(
    scrapy: Scrapy, site: ServedSite, database: Database[dict[str, Any]]
) -> None:
    code = "[card.url for card in cards], article, why_no_article"
    url = f"{site.url}/en/category/world"
    run = scrapy("shell", url, "-c", code, "--nolog", CALIBER_BASE_URL=site.url)
    urls, article, why = ast.literal_eval(run.out)
    assert urls == [site.url + t.path for t in site.first_list("en", "world")]
    assert article is None
    assert "list" in why
    _untouched(database, scrapy)


@pytest.mark.parametrize(
    "options", [("--spider=articles",), (), ("--spider=articles", "--pipelines")]
)
def test_parse_prints_the_record_of_a_crawl(
    scrapy: Scrapy,
    site: ServedSite,
    truth: Truth,
    crawled: dict[str, Any],
    database: Database[dict[str, Any]],
    options: tuple[str, ...],
) -> None:
    url = site.url + truth.path
    run = scrapy("parse", url, *options, "--nocolour", "--nolog", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    items = re.search(r"# Scraped Items  -+\n(.*)\n# Requests", run.out, re.DOTALL)
    assert items
    # The printed times are constructor calls, so they are put in as text before reading the rest.
    printed = re.sub(r"datetime\.datetime\([^()]*\)", "'time'", items[1])
    [record] = ast.literal_eval(printed)
    names = [name for name in SAME if name != "published_at"]
    assert {name: record[name] for name in names} == {name: crawled[name] for name in names}
    assert len([hit for hit in site.log if hit.path == truth.path]) == 2
    _untouched(database, scrapy)


@pytest.mark.parametrize("shell", ["python", "ipython"])
def test_shell_fetches_with_a_browser_and_leaves_none_behind(
    scrapy: Scrapy, site: ServedSite, database: Database[dict[str, Any]], shell: str
) -> None:
    url = f"{site.url}/en/category/world"
    typed = (
        f"fetch(scrapy.Request('{url}', meta={{'playwright': True}}))\n"
        "print('found', len(cards), 'by', response.flags)\n"
        "exit()\n"
    )
    process = scrapy.start("shell", "--nolog", CALIBER_BASE_URL=site.url, SCRAPY_PYTHON_SHELL=shell)
    run = scrapy.finish(process, typed=typed)
    number = len(site.first_list("en", "world"))
    assert f"found {number} by ['playwright']" in run.out, run.out + run.err
    wait_until(lambda: not scrapy.alive(), what="the browser to be gone")
    _untouched(database, scrapy)


def test_parse_shows_why_nothing_came_out(
    scrapy: Scrapy, site: ServedSite, truth: Truth, database: Database[dict[str, Any]]
) -> None:
    html = {"Content-Type": "text/html"}
    site.knobs.raw[truth.path] = (
        200,
        html,
        b"<div class=post><p class=post_body>A text.</p></div>",
    )
    url = site.url + truth.path
    run = scrapy("parse", url, "--nocolour", "--nolog", CALIBER_BASE_URL=site.url)
    assert "# Dropped: not_an_article_empty" in run.out
    _untouched(database, scrapy)


def test_parse_of_a_section_shows_the_requests_for_its_articles(
    scrapy: Scrapy, site: ServedSite, database: Database[dict[str, Any]]
) -> None:
    url = f"{site.url}/en/category/world"
    run = scrapy("parse", url, "--nocolour", "--nolog", CALIBER_BASE_URL=site.url)
    for truth in site.first_list("en", "world"):
        assert f"<GET {site.url}{truth.path}>" in run.out
    _untouched(database, scrapy)


def test_fetch_opens_no_database(
    scrapy: Scrapy, site: ServedSite, truth: Truth, database: Database[dict[str, Any]]
) -> None:
    run = scrapy("fetch", site.url + truth.path, "--nolog", CALIBER_BASE_URL=site.url)
    assert run.code == 0
    assert "post_title" in run.out
    _untouched(database, scrapy)


def test_check_passes_on_a_sound_site(
    scrapy: Scrapy, site: ServedSite, database: Database[dict[str, Any]]
) -> None:
    run = scrapy("check", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert "OK" in run.err
    paths = [hit.path for hit in site.log]
    assert "/en/" in paths
    assert any("/post/" in path for path in paths)
    _untouched(database, scrapy)


def test_check_passes_in_whichever_order_pages_come(scrapy: Scrapy, site: ServedSite) -> None:
    """Checks share one spider. The home page for one of them comes after another one's list."""
    settings = {"CALIBER_BASE_URL": site.url, "CLUSTER_DOWNLOAD_DELAY": "0.5"}
    process = scrapy.start("check", "sections", **settings)
    wait_until(lambda: "/en/" in [hit.path for hit in site.log], what="the first home page")
    site.knobs.delay_of["/en/"] = 3.0
    run = scrapy.finish(process)
    assert run.code == 0, run.err


def test_check_fails_when_the_layout_changed(scrapy: Scrapy, site: ServedSite) -> None:
    site.knobs.layout = "renamed"
    run = scrapy("check", CALIBER_BASE_URL=site.url)
    assert run.code == 1
    assert "FAILED" in run.err


@pytest.mark.parametrize("where", ["home", "section", "article"])
def test_check_names_what_stands_before_the_site(
    scrapy: Scrapy, site: ServedSite, where: str
) -> None:
    newest = site.first_list("en", "politics")[0].path  # of the section that is named first
    path = {"home": "/en/", "section": "/en/category/politics", "article": newest}[where]
    check = b"<title>Just a moment...</title><h1>Checking your browser</h1>"
    site.knobs.raw[path] = (200, {"Content-Type": "text/html"}, check)
    run = scrapy("check", CALIBER_BASE_URL=site.url)
    assert run.code == 1
    reason = "not_an_article_challenge" if where == "article" else "not_a_list_challenge"
    told = run.err.count(f"{site.url}{path}: {reason}: a check of visitors stands before it")
    assert told == {"home": 3, "section": 2, "article": 1}[where]


def test_check_fails_when_the_site_is_down(scrapy: Scrapy) -> None:
    run = scrapy("check", CALIBER_BASE_URL="http://127.0.0.1:1")
    assert run.code == 1


def test_check_fails_when_nothing_ran(scrapy: Scrapy, site: ServedSite) -> None:
    site.knobs.robots = "User-agent: *\nDisallow: /\n"
    run = scrapy("check", "sections", CALIBER_BASE_URL=site.url)
    assert run.code == 1
    assert "0 of 2 contracts got their page" in run.err


def test_wrong_settings_are_refused_here_too(scrapy: Scrapy) -> None:
    run = scrapy("shell", "-c", "1", CALIBER_BASE_URL="nonsense")
    assert run.code == 2
    assert "CALIBER_BASE_URL='nonsense'" in run.err


@pytest.mark.parametrize(
    "command",
    [
        ("check", "sectoins"),
        ("parse", "--spider=sectoins", "http://127.0.0.1:1/en/"),
        ("shell", "--spider=sectoins", "-c", "1"),
        ("fetch", "--spider=sectoins", "http://127.0.0.1:1/en/"),
    ],
)
def test_a_spider_that_there_is_not(scrapy: Scrapy, command: tuple[str, ...]) -> None:
    run = scrapy(*command)
    assert run.code == 2
    said = "no spider 'sectoins'; there are articles, feed, refresh, sections"
    assert run.verdict.endswith(said), run.err
    assert "Traceback" not in run.err


def test_misspelt_settings_are_refused_here_too(scrapy: Scrapy) -> None:
    run = scrapy("shell", "-c", "1", "-s", "CALIBER_BASE_URI=http://127.0.0.1:1")
    assert run.code == 2
    assert "did you mean CALIBER_BASE_URL?" in run.verdict
