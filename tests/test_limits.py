"""Answers and pages beyond their limits: refused by name, and nothing else suffers."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from backports import zstd
from pymongo.database import Database
from scrapy.exceptions import IgnoreRequest
from scrapy.settings import Settings

from caliber_crawler.bounds import _unzstd
from caliber_crawler.config import Config
from caliber_crawler.errors import ConfigError, NotAnArticle
from caliber_crawler.items import Card, SectionRef
from caliber_crawler.limits import DEEPEST, LONGEST_URL, MOST_ALIASES, MOST_NAMES, USUAL
from caliber_crawler.listing.answers import Format, find_format, read_answer
from caliber_crawler.listing.exchange import Answer, Request, take_apart
from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.bounds import cut
from caliber_crawler.pages.feed import parse_feed
from caliber_crawler.pages.html import Page
from caliber_crawler.records import add_sections, meet
from caliber_crawler.spiders.named import NamedArticles
from tests.conftest import Scrapy
from tests.hostile import Attack, HostileSite, attacks, body_of, hostile_site
from tests.memory import watched
from tests.pages import ARTICLE_URL, SITE, article, listing, page

Documents = Database[dict[str, Any]]

MOST_MIB = 400
SLOW = "too_slow"


def crawl(scrapy: Scrapy, site: HostileSite, urls: list[str], **settings: str) -> float:
    """Crawl articles to the end; gives the peak of the process's memory in MiB."""
    addresses = scrapy.folder / "urls.txt"
    addresses.write_text("".join(f"{url}\n" for url in urls))
    process = scrapy.start(
        "crawl", "articles", "-a", f"file={addresses}", "-s", "RETRY_TIMES=0",
        CALIBER_BASE_URL=site.url, LOG_LEVEL="CRITICAL", **settings,
    )  # fmt: skip
    with watched(process.pid) as memory:
        run = scrapy.finish(process)
    assert run.code in (0, 3, 4), run.err
    return memory.own


def reasons(database: Documents) -> dict[str, str]:
    """Path of each reject, without what a redirect added, and its reason."""
    return {
        re.sub(r"^https?://[^/]*|[~?].*", "", reject["url"]): reject["reason"]
        for reject in database.rejects.find()
    }


def test_articles_that_mean_harm(scrapy: Scrapy, database: Documents) -> None:
    """All at once, beside good articles: each attack ends by its name, all good ones are stored."""
    with hostile_site() as site:
        posts = [attack for attack in site.of_kind("post") if attack.reason != SLOW]
        # A good one after every fourth attack, so that each is met by others that are at work.
        urls = [site.url + attack.path for attack in posts]
        for number, good in enumerate(site.good):
            urls.insert(5 * number, good)
        peak = crawl(scrapy, site, urls)
    expected = {attack.path: attack.reason for attack in posts if attack.reason}
    assert reasons(database) == expected
    stored = {document["url"]: document for document in database.articles.find()}
    assert set(stored) == {*site.good, *(site.url + a.path for a in posts if not a.reason)}
    for attack in posts:
        if attack.reason is None:
            cut = stored[site.url + attack.path]["extraction"].get("cut", [])
            assert tuple(cut) == attack.cut, attack.name
    assert peak < MOST_MIB, peak
    counts = database.crawls.find_one({})["counts"]  # type: ignore[index]
    wanted = [a.reason for a in posts if a.reason]
    for reason in {*wanted} - {"too_many_redirects", "no_response", "not_an_article_unknown"}:
        assert counts[f"limits/{reason}"] == wanted.count(reason)
    assert all(counts[f"cut/{name}"] for a in posts for name in a.cut)


def test_servers_that_are_slow(scrapy: Scrapy, database: Documents) -> None:
    """A byte now and then, in the head or in the body, ends at the deadline."""
    with hostile_site(good=10) as site:
        slow = [attack for attack in site.of_kind("post") if attack.reason == SLOW]
        crawl(scrapy, site, [site.url + a.path for a in slow] + site.good, DOWNLOAD_TIMEOUT="3")
    assert reasons(database) == {attack.path: SLOW for attack in slow}
    assert database.articles.count_documents({}) == 10
    assert database.crawls.find_one({})["counts"]["limits/too_slow"] == len(slow)  # type: ignore[index]


def test_lists_that_mean_harm(scrapy: Scrapy, database: Documents) -> None:
    with hostile_site() as site:
        lists = [a for a in site.of_kind("category") if a.name != "many-sections"]
        names = ",".join(attack.name for attack in lists)
        run = scrapy.crawl(
            "sections", f"section={names}", "render=http",
            CALIBER_BASE_URL=site.url, LIST_MAX_CARDS="3",
        )  # fmt: skip
    found = reasons(database)
    for attack in lists:
        assert found.get(attack.path) == attack.reason, run.err
    # The first cards are asked for, and no others.
    asked = {path for path in site.log if path.startswith("/en/post/card-")}
    assert asked == {f"/en/post/card-{i}" for i in range(3)}
    assert "cut/cards" in database.crawls.find_one({})["counts"]  # type: ignore[index]


def test_a_home_page_with_too_many_sections(scrapy: Scrapy, database: Documents) -> None:
    with hostile_site() as site:
        site.instead["/en/"] = site.attacks["many-sections"].path
        scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url, LIST_MAX_SECTIONS="3")
    assert {path for path in site.log if "/category/" in path} == {
        f"/en/category/s{i}" for i in range(3)
    }
    assert reasons(database)["/en/"] == "too_many_sections"


def test_a_feed_with_too_much(scrapy: Scrapy, database: Documents) -> None:
    with hostile_site() as site:
        site.instead["/rss.xml"] = site.attacks["feed-items"].path
        run = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
    assert run.code
    assert reasons(database) == {"/rss.xml": "too_many_tags"}


# What would take minutes, hours or years if its time grew with the square of its length, or faster.
LONG = 40_000
SQUARES = {
    "marks": "a" + "\u0301\u0323" * LONG,
    "signs": "—\u0301" * LONG,
    "spaces": "x" + " " * LONG + "\u00a0x",
    "dots": ". " * LONG,
    "capitals": "A." * LONG,
    "dashes": "a - " * LONG,
    "bars": "| " * LONG,
    "digits": "1 " * LONG,
    "quotes": "." + '"' * LONG + "x",
    "names": "Anna-" * LONG + "1",
    "not found": "the " * LONG,
    "commas": "," * LONG + "for",
    "share": "share_" * LONG + "!",
    "advert": "advert" + "_" * LONG + "-" * LONG + "!",
    "garbled": "\u00d0\u00b0" * LONG,
    "style": "display" + " " * LONG + ";",
    "url": "background:" + "url(" * LONG,
    "views": "1,111" * LONG,
    "colons": ":" * LONG,
    "srcset": ", " * LONG,
}


@pytest.mark.parametrize("name", SQUARES)
def test_no_text_takes_the_square_of_its_length(name: str) -> None:
    """Wherever a page can have it, with and without a layout."""
    text = SQUARES[name]
    quoted = text.replace('"', "&quot;")
    body = f'<p class="{quoted}" style="{quoted}" id="{quoted}">{text}</p><img srcset="{quoted}">'
    head = (
        f'<title>{text}</title><meta name="author" content="{quoted}">'
        f'<meta property="og:title" content="{quoted}">'
    )
    found = article(
        f'{body}<a href="/en/post/a">{text}</a><a href="{quoted}">Text</a><p>By {text}</p>',
        head=head, title=text, section=text, time=text, views=text,
        cover=f'<div class="post_image" style="{quoted}"></div>',
    )  # fmt: skip
    assert len(found.article.title or "") <= 1_000
    listing(f'<div class="float_block">{body}<a href="/en/post/a">{text}</a></div>')
    html = f"{head}<h1>{text[:500]}</h1><p>3 May 2025 10:00</p>{body}<p>{text} 2025</p>"
    with suppress(NotAnArticle):
        parse_article(page(html), SITE)


@pytest.mark.parametrize(
    "attack",
    [a for a in attacks() if a.kind == "feed" and a.reason != "too_many_tags"],
    ids=lambda a: a.name,
)
async def test_feeds_that_mean_harm(attack: Attack) -> None:
    body = await body_of(attack)
    feed = parse_feed(Page(SITE.feed_url, body, "application/rss+xml"), SITE)
    assert (feed.problem is None) or not feed.cards


DEEP = ("[" * LONG, '{"a":' * LONG, "[" * LONG + "]" * LONG, "[" + "9" * LONG + "]", "[1e999999]",
        "[NaN]", '{"a": "' + "\\u0000" * LONG + '"}')  # fmt: skip


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_json_of_any_shape_is_read_or_not(text: str) -> None:
    answer = Answer(200, "application/json", text.encode())
    assert find_format(answer, [], ARTICLE_URL, SITE) is None
    for kind in ("json_html", "json_objects"):
        reading = read_answer(answer, Format(kind, "a", {"url": "u"}), ARTICLE_URL, SITE)
        assert reading is None or not reading.cards
    take_apart(Request("POST", ARTICLE_URL, {}, text))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PAGE_MAX_TAGS", "0", "1 or more"),
        ("PAGE_MAX_TAGS", "9" * 5_000, "1 or more"),
        ("PAGE_MAX_DEPTH", "401", "1 to 400"),
        ("LIST_MAX_CARDS", "5001", "1 to 5000"),
        ("LIST_MAX_SECTIONS", "many", "1 or more"),
        ("ARTICLE_MAX_TEXT", "-1", "1 or more"),
        ("ARTICLE_MAX_FIELD", "1.5", "1 or more"),
        ("ARTICLE_MAX_ENTRIES", "", "1 or more"),
        ("RESPONSE_MAX_HEADERS", "64k", "1 or more"),
        ("DOWNLOAD_MAXSIZE", "0", "1 or more"),  # to Scrapy, no limit at all
        ("DOWNLOAD_TIMEOUT", "0", "0.1 or more"),
        ("REDIRECT_MAX_TIMES", "none", "1 or more"),
    ],
)
def test_impossible_limits_are_refused(name: str, value: str, allowed: str) -> None:
    settings = Settings()
    settings.setmodule("caliber_crawler.settings")
    settings.set(name, value)
    with pytest.raises(ConfigError, match=re.escape(allowed)) as caught:
        Config.from_settings(settings)
    assert str(caught.value).startswith(f"{name}=")


@pytest.mark.parametrize("depth", [1, 256, DEEPEST])
def test_depth_is_counted_to_the_level(depth: int) -> None:
    html = "<html><body>" + "<div>" * (depth - 2)
    assert not page(html).is_deeper_than(depth) or depth == 1
    assert page(html + "<div>").is_deeper_than(depth)


def test_an_article_is_known_by_so_many_addresses_and_sections() -> None:
    refs: list[SectionRef] = [{"slug": f"s{i}", "name": f"S{i}"} for i in range(5_000)]
    assert add_sections([], refs) == refs[:MOST_NAMES]
    named = NamedArticles()
    for i in range(5_000):
        named.note(Card(ARTICLE_URL, f"{ARTICLE_URL}?utm_source={i}"), refs[i])
    taken = named.take(ARTICLE_URL)
    assert taken is not None
    assert len(taken.addresses) == MOST_ALIASES
    assert len(taken.sections) == MOST_NAMES
    aliases = [f"{ARTICLE_URL}?id={i}" for i in range(150)]
    seen = replace(article().article, aliases=aliases, content_hash="x")
    stored = replace(seen, aliases=[f"{url}0" for url in aliases])
    assert len(meet(stored, seen, datetime.now(UTC)).aliases) == MOST_ALIASES


def test_the_largest_record_is_one_that_mongodb_can_hold() -> None:
    """Four bytes a letter, at every limit at once."""
    url = f"https://caliber.az/{'😀' * (LONGEST_URL - 19)}"
    shown = "😀" * USUAL.field
    found = article().article
    found.title = found.description = shown
    found.body = "😀" * USUAL.text
    found.authors = [shown] * MOST_NAMES
    found.sections = [{"slug": shown, "name": shown}] * MOST_NAMES
    found.aliases = [url] * MOST_ALIASES
    found.alternates = {f"l{i}": url for i in range(MOST_NAMES)}
    found.images = [{"url": url, "role": "body", "caption": shown}] * USUAL.entries
    found.links = [{"url": url, "text": shown}] * USUAL.entries
    found.embeds = [{"type": "iframe", "url": url}] * USUAL.entries
    assert cut(found, USUAL) == set()
    assert len(bson.encode(found.document() | {"page": None})) < 15 * 1024 * 1024


def test_zstd_of_several_frames_and_cut_short() -> None:
    frames = zstd.compress(b"one ") + zstd.compress(b"two")
    assert _unzstd(frames, 100) == b"one two"
    assert _unzstd(frames[:-3], 100).startswith(b"one ")
    with pytest.raises(IgnoreRequest):
        _unzstd(frames, 5)
