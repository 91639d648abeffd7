"""The stand-in site: it serves what `Truth` says, its knobs do what they say, its lists grow."""

import codecs
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from parsel import Selector
from playwright.async_api import Browser, async_playwright

from demo_site import Charset, Cut, Edit, SiteConfig, World, serve, serve_process
from demo_site.config import LIST_TRIGGERS, ListProtocol, ListTrigger
from demo_site.lists import Listing, sign
from demo_site.messages import Request
from demo_site.server import ServedSite

LANGUAGES = ("en", "ru", "arm")
ROOT = Path(__file__).parents[1]


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> Selector:
        return Selector(self.text)


def fetch(url: str, path: str = "", form: dict[str, str] | str | None = None) -> Reply:
    """One request on a connection of its own; redirects are not followed. A text goes as JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        method = "GET" if form is None else "POST"
        body = urlencode(form) if isinstance(form, dict) else form
        kinds = {dict: "application/x-www-form-urlencoded", str: "application/json"}
        kind = {} if form is None else {"Content-Type": kinds[type(form)]}
        target = path or f"{parts.path}?{parts.query}".rstrip("?")
        connection.request(method, target, body, {"User-Agent": "test"} | kind)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def clean(text: str) -> str:
    """Text as a reader sees it: no invisible characters, one space for any white space."""
    return " ".join(re.sub("[\xad\u200b\ufeff]", "", text).split())


def titles_on(page: Selector) -> list[str]:
    return [clean(title) for title in page.css(".float_block_title::text").getall()]


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=200, seed=7)) as served:
        yield served


def first(site: ServedSite, language: str = "en") -> tuple[str, str]:
    """Slug and path of the newest article."""
    truth = site.world.article(language, 0)
    return truth.slug, truth.path


# The world


def test_the_same_configuration_serves_the_same_bytes(site: ServedSite) -> None:
    paths = ["/en/", "/category/mir", "/rss.xml", *(first(site, name)[1] for name in LANGUAGES)]
    with serve(SiteConfig(articles=200, seed=7)) as twin, serve(SiteConfig(seed=8)) as other:
        for path in paths:
            body = fetch(site.url, path).body
            assert fetch(twin.url, path).body.replace(twin.url.encode(), site.url.encode()) == body
            assert (
                fetch(other.url, path).body.replace(other.url.encode(), site.url.encode()) != body
            )


def test_a_large_world_takes_no_more_room_than_its_caches() -> None:
    tracemalloc.start()
    try:
        world = World(SiteConfig(articles=100_000, seed=3, reposts=500))
        last = world.article("en", world.count("en") - 1)
        assert world.find("en", last.slug) == last
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("articles", [10, 47, 100, 1000])
def test_editions_and_sections_partition_as_told(articles: int) -> None:
    world = World(SiteConfig(articles=articles, seed=5))
    assert world.count("en") == articles
    if articles >= 100:
        assert world.count("ru") == articles * 80 // 100
        assert world.count("arm") == articles * 30 // 100
    for language in LANGUAGES:
        everything = [world.article(language, i) for i in range(world.count(language))]
        assert len({truth.slug for truth in everything}) == len(everything)
        for slug, name in world.editions[language].sections:
            members = [truth for truth in everything if (slug, name) in truth.sections]
            assert list(world.in_section(language, slug)) == members
            if articles >= 100:
                assert members
        assert all(1 <= len(truth.sections) <= 3 for truth in everything)


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_are_found_by_slug_and_only_by_a_whole_one(language: str) -> None:
    world = World(SiteConfig(articles=300, seed=2))
    for index in range(world.count(language)):
        truth = world.article(language, index)
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", truth.slug)
        assert len(truth.slug) <= 120
        assert world.find(language, truth.slug) == truth
        assert world.find(language, f"x{truth.slug}") is None
        assert all(
            world.find(other, truth.slug) is None for other in LANGUAGES if other != language
        )
    assert world.find(language, "no-such-article") is None
    with pytest.raises(IndexError):
        world.article(language, world.count(language))


def test_alternates_lead_to_the_same_story_and_back() -> None:
    world = World(SiteConfig(articles=200, seed=2))
    for index in range(60):
        truth = world.article("en", index)
        for language, path in truth.alternates.items():
            other = world.find(language, path.rpartition("/")[2])
            assert other is not None
            assert other.path == path
            assert other.alternates["en"] == truth.path


def test_times_fall_by_some_55_a_day_with_a_few_out_of_order() -> None:
    world = World(SiteConfig(articles=1000))
    times = [world.article("en", i).published for i in range(1000)]
    assert times[0].isoformat() == "2026-06-25T17:24:00+04:00"
    assert timedelta(days=17.9) < times[0] - times[-1] < timedelta(days=18.4)
    rises = [later - earlier for earlier, later in pairwise(times)]
    assert 5 < sum(rise > timedelta(0) for rise in rises) < 120
    assert max(rises) <= timedelta(minutes=40)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "25 June 2026 17:24"), ("ru", "25 Июня 2026 17:24"), ("arm", "25 Հունիսի 2026 17:24")],
)
def test_times_are_printed_as_the_edition_does(site: ServedSite, language: str, text: str) -> None:
    truth = site.world.article(language, 0)
    page = fetch(site.url, truth.path).page
    printed = page.css(".post_time::text").get()
    assert printed == truth.time_text
    assert printed.split()[1:3] == text.split()[1:3]


def test_articles_vary_as_those_of_the_real_site() -> None:
    world = World(SiteConfig(articles=2000, seed=4))
    truths = [world.article("en", i) for i in range(2000)]
    words = sorted(len(" ".join(truth.paragraphs).split()) for truth in truths)
    assert 85 <= words[1000] <= 115
    assert 0.03 <= sum(count <= 20 for count in words) / 2000 <= 0.09
    textless = [truth for truth in truths if not truth.paragraphs]
    assert textless
    assert all(truth.embeds for truth in textless)
    embeds = {kind for truth in truths for kind, _ in truth.embeds}
    assert embeds == {"youtube", "telegram", "x", "instagram", "facebook", "iframe", "video"}
    assert {len(truth.authors) for truth in truths} == {0, 1, 2}
    assert any(truth.title.endswith((" VIDEO", " PHOTO", " UPDATED")) for truth in truths)
    assert any("\n" in paragraph for truth in truths for paragraph in truth.paragraphs)
    recurring = [truth for truth in truths if truth.title == "Oil price falls"]
    assert len(recurring) > 2
    assert len({tuple(truth.paragraphs) for truth in recurring}) == len(recurring)


@pytest.mark.parametrize(("language", "most"), [("en", 0.25), ("ru", 0.2), ("arm", 0.3)])
def test_unrelated_articles_share_few_phrases(language: str, most: float) -> None:
    world = World(SiteConfig(articles=500, seed=4))
    phrases = []
    for truth in (world.article(language, i) for i in range(world.count(language))):
        words = " ".join([truth.title, *truth.paragraphs]).lower().split()
        if len(words) >= 20:
            phrases.append(set(zip(words, words[1:], words[2:], strict=False)))
    assert len(phrases) > 120
    shares = [len(a & b) / len(a | b) for a, b in combinations(phrases[:250], 2)]
    assert max(shares) < most
    assert sorted(shares)[len(shares) // 2] < 0.03


def test_reposts_repeat_a_story_under_a_second_address_a_minute_later() -> None:
    world = World(SiteConfig(articles=200, seed=9, reposts=12))
    for language, least in (("en", 12), ("ru", 12)):
        articles = [world.article(language, i) for i in range(world.count(language))]
        pairs = [
            (copy, story)
            for copy, story in pairwise(articles)
            if copy.paragraphs == story.paragraphs and copy.title == story.title
        ]
        assert len(pairs) == least
        for copy, story in pairs:
            assert copy.path != story.path
            assert copy.published - story.published == timedelta(minutes=1)
            assert (copy.sections, copy.authors, copy.images) == (
                story.sections,
                story.authors,
                story.images,
            )
    plain = World(SiteConfig(articles=200, seed=9))
    texts = [(plain.article("en", i).title, *plain.article("en", i).paragraphs) for i in range(200)]
    assert len(set(texts)) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"articles": 9},
        {"articles": 100_001},
        {"cards": 0},
        {"list_protocol": "guess"},
        {"list_trigger": "guess"},
        {"list_heeds": "guess"},
        {"reposts": 41},
        {"port": -1},
        {"arm_prefix": "en"},
        {"arm_prefix": "a/b"},
    ],
)
def test_impossible_configurations_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SiteConfig(**wrong)


# Pages


def seen_text(body: Selector) -> str:
    """The text of a body without captions and, as blocks are not told apart, without spaces."""
    parts = body.xpath(".//text()[not(ancestor::figcaption)]").getall()
    return "".join(clean(part).replace(" ", "") for part in parts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_shows_the_whole_truth_and_nothing_else(site: ServedSite, language: str) -> None:
    for index in range(60):
        truth = site.world.article(language, index)
        page = fetch(site.url, truth.path).page
        assert clean(page.css("h1.post_title::text").get("")) == truth.title
        assert page.css(".post > a > .post_categoty::text").get() == truth.sections[0][1]
        body = page.css(".post .post_body")
        seen = seen_text(body)
        text = "".join("".join(truth.paragraphs).split())
        assert seen.startswith(text)
        byline = seen.removeprefix(text)
        assert bool(byline) == bool(truth.authors)
        assert all(author.replace(" ", "") in byline for author in truth.authors)
        assert page.css('meta[name="description"]::attr(content)').get() == truth.description
        check_media(body, truth.images, truth.embeds)
        links = [(link.attrib["href"], link.css("::text").get()) for link in body.css("p > a")]
        assert links == truth.links
        assert page.css(".post_hits::text").re(r": (\d+)$") == [str(truth.initial_views)]
        assert page.css(".post_signature::text").get() == "Caliber.Az"


def check_media(
    body: Selector, images: list[tuple[str, str, str | None]], embeds: list[tuple[str, str]]
) -> None:
    pictures = [
        (picture.attrib.get("data-src", picture.attrib["src"]), "body")
        for picture in body.css("img:not(.zoom)")
    ]
    assert [(path, role) for path, role, _ in images[1:]] == pictures
    captions = [caption for _, _, caption in images if caption is not None]
    assert body.css("figcaption::text").getall() == captions
    found = body.xpath(
        ".//iframe/@src | .//video/@src | .//blockquote/@data-instgrm-permalink"
        " | .//blockquote[@class='twitter-tweet']/a/@href"
    )
    assert found.getall() == [url for _, url in embeds]


def test_a_card_is_built_as_on_the_real_site(site: ServedSite) -> None:
    page = fetch(site.url, "/category/mir").page
    cards = page.css(".float_block")
    truths = site.first_list("ru", "mir")
    assert len(cards) == len(truths) == 20
    for card, truth in zip(cards, truths, strict=True):
        url = site.url + truth.path
        assert (
            card.css("a:has(> .float_block_image_block > .float_block_image)").attrib["href"] == url
        )
        assert card.css("a:has(> h2.float_block_title)").attrib["href"] == url
        assert clean(card.css("h2::text").get("")) == truth.title
        section = card.css(".float_block_bottom > a:has(.float_block_category)")
        assert section.attrib["href"] == f"{site.url}/category/{truth.sections[0][0]}"
        assert section.css("::text").get() == truth.sections[0][1]
        assert card.css(".float_block_bottom .float_block_time::text").get() == truth.time_text
        picture = truth.images[0][0].replace("original", "normal")
        style = card.css(".float_block_image").attrib["style"]
        assert style == f"background-image:url({site.url}{picture})"
        assert fetch(site.url, picture).body.startswith(b"RIFF")


@pytest.mark.parametrize(("language", "prefix"), [("en", "/en"), ("ru", ""), ("arm", "/arm")])
def test_navigation_names_the_sections_and_the_other_editions(
    site: ServedSite, language: str, prefix: str
) -> None:
    page = fetch(site.url, f"{prefix}/").page
    assert len(page.css(".float_block")) == 20
    named = [(link.attrib["href"], link.css("::text").get()) for link in page.css("nav a")]
    assert named == [
        (f"{site.url}{prefix}/category/{slug}", name) for slug, name in site.sections(language)
    ]
    switch = {link.css("::text").get(): link.attrib["href"] for link in page.css(".lang_switch")}
    homes = {"en": f"{site.url}/en/", "ru": f"{site.url}/", "arm": f"{site.url}/arm/"}
    assert switch == {name: home for name, home in homes.items() if name != language}
    for url, name in named:
        assert fetch(url).page.css("h1::text").get() == name


def test_the_switch_of_an_article_leads_to_its_other_editions(site: ServedSite) -> None:
    counts = set()
    for index in range(20):
        truth = site.world.article("en", index)
        counts.add(len(truth.alternates))
        page = fetch(site.url, truth.path).page
        switch = {
            link.css("::text").get(): link.attrib["href"] for link in page.css(".lang_switch")
        }
        homes = {"ru": "/", "arm": "/arm/"}
        expected = {name: site.url + truth.alternates.get(name, homes[name]) for name in homes}
        assert switch == expected
        links = page.css("link[hreflang]")
        hreflang = {link.attrib["hreflang"]: link.attrib["href"] for link in links}
        own = {"en": truth.path} | truth.alternates
        tags = {"en": "en", "ru": "ru", "arm": "hy"}
        assert hreflang == {tags[name]: site.url + path for name, path in own.items()}
    assert counts == {0, 1, 2}


def test_the_prefix_of_the_third_edition_is_free() -> None:
    with serve(SiteConfig(articles=40, arm_prefix="hy")) as site:
        truth = site.world.article("hy", 0)
        assert truth.path.startswith("/hy/post/")
        assert fetch(site.url, truth.path).status == 200
        assert fetch(site.url, "/arm/").status == 404
        assert f'href="{site.url}/hy/">arm</a>' in fetch(site.url, "/en/").text


def test_the_head_carries_what_the_configuration_says(site: ServedSite) -> None:
    path = first(site)[1]
    page = fetch(site.url, path).page
    assert page.css("link[rel=canonical]::attr(href)").get() == site.url + path
    assert not page.css('script[type="application/ld+json"]')
    config = SiteConfig(articles=200, seed=7, canonical=False, hreflang=False, json_ld=True)
    with serve(config) as other:
        page = fetch(other.url, path).page
        assert not page.css("link")
        data = json.loads(page.css('script[type="application/ld+json"]::text').get(""))
        truth = other.truth("en", first(other)[0])
        assert data["datePublished"] == truth.published.isoformat()
        assert [author["name"] for author in data["author"]] == truth.authors


def test_some_page_titles_carry_the_house_and_some_an_earlier_headline(site: ServedSite) -> None:
    kinds = {"same": 0, "house": 0, "earlier": 0}
    for index in range(100):
        truth = site.world.article("en", index)
        page = fetch(site.url, truth.path).page
        title = page.css("title::text").get()
        assert page.css('meta[property="og:title"]::attr(content)').get() == title
        suffixed = f"{truth.title} - Caliber.Az"
        kind = {truth.title: "same", suffixed: "house"}.get(title or "", "earlier")
        kinds[kind] += 1
    assert kinds["same"] > 50
    assert kinds["house"] > 10
    assert 1 <= kinds["earlier"] < 20


def test_views_rise_with_each_visit(site: ServedSite) -> None:
    slug, path = first(site)
    seen = [fetch(site.url, path).page.css(".post_hits::text").get() for _ in range(3)]
    start = site.truth("en", slug).initial_views
    assert seen == [f"Views: {start}", f"Views: {start + 1}", f"Views: {start + 2}"]


def test_the_list_under_an_article_is_its_section_without_itself(site: ServedSite) -> None:
    truth = site.first_list("en", "world")[3]
    section = truth.sections[0][0]
    page = fetch(site.url, truth.path).page
    expected = [other.title for other in site.first_list("en", section) if other != truth]
    assert titles_on(page.css(".post .float_list")[0]) == expected


def test_an_address_may_come_with_a_query_or_a_slash(site: ServedSite) -> None:
    slug, path = first(site)
    for variant in (f"{path}/", f"{path}?utm_source=a", f"{path}/?fbclid=1&x=2"):
        reply = fetch(site.url, variant)
        assert reply.page.css("h1::text").get("") == site.truth("en", slug).title


def test_the_bare_edition_leads_to_its_home(site: ServedSite) -> None:
    reply = fetch(site.url, "/en")
    assert (reply.status, reply.headers["Location"]) == (301, "/en/")


@pytest.mark.parametrize(
    "path",
    ["/en/rss", "/feed", "/en/post/none", "/en/category/mir", "/xx/", "/en/post", "/media/x.zip"],
)
def test_what_is_not_there_is_404(site: ServedSite, path: str) -> None:
    assert fetch(site.url, path).status == 404


def test_the_feed_is_rss_of_the_newest_thirty(site: ServedSite) -> None:
    reply = fetch(site.url, "/rss.xml")
    assert reply.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    root = ElementTree.fromstring(reply.body)
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    items = root.findall("channel/item")
    assert len(items) == 30
    for index, item in enumerate(items):
        truth = site.world.article("en", index)
        assert item.findtext("title") == truth.title
        assert item.findtext("link") == site.url + truth.path
        assert parsedate_to_datetime(item.findtext("pubDate", "")) == truth.published
    assert fetch(site.url, "/rss").headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("prefix", "words"), [("/en", "baku"), ("", "в баку")])
def test_search_finds_headlines_newest_first(site: ServedSite, prefix: str, words: str) -> None:
    page = fetch(site.url, f"{prefix}/search/{quote(words)}").page
    language = prefix.strip("/") or "ru"
    titles = [site.world.article(language, i).title for i in range(site.world.count(language))]
    found = [title for title in titles if all(word in title.lower() for word in words.split())]
    assert found
    assert titles_on(page) == found[:20]


def test_search_needs_three_letters(site: ServedSite) -> None:
    assert not fetch(site.url, "/en/search/ba").page.css(".float_block")


# Lists that grow


def follow(site: ServedSite, path: str) -> list[str]:
    """Headlines of a whole list, got by asking for more as the page's script does."""
    page = fetch(site.url, path).page
    attributes = page.css("#float_list").attrib
    titles = titles_on(page)
    if page.css("#float_loading"):
        for batch in BATCHES[site.knobs.list_protocol](site, attributes, page):
            assert len(batch) <= 20
            titles += batch
    return titles


def by_page(site: ServedSite, attributes: dict[str, str], _: Selector) -> Iterator[list[str]]:
    for number in range(2, 1000):
        html = fetch(site.url, f"/ajax/list?{attributes['data-query']}&page={number}").text
        if not html:
            return
        yield titles_on(Selector(html))


def by_offset(site: ServedSite, attributes: dict[str, str], _: Selector) -> Iterator[list[str]]:
    offset = int(attributes["data-offset"])
    while True:
        path = f"/ajax/list/offset?{attributes['data-query']}&offset={offset}"
        data = json.loads(fetch(site.url, path).text)
        if not data["html"]:
            return
        offset += data["count"]
        yield titles_on(Selector(data["html"]))


def by_last_id(site: ServedSite, attributes: dict[str, str], page: Selector) -> Iterator[list[str]]:
    last = page.css("[data-id]")[-1].attrib["data-id"]
    names = dict(pair.split("=") for pair in attributes["data-query"].split("&"))
    while True:
        items = json.loads(fetch(site.url, "/ajax/list/after", names | {"last_id": last}).text)
        if not items:
            return
        last = str(items[-1]["id"])
        yield [item["title"] for item in items]


def by_next(site: ServedSite, attributes: dict[str, str], _: Selector) -> Iterator[list[str]]:
    address = attributes["data-next"]
    while address:
        data = json.loads(fetch(site.url, address).text)
        address = data["next"]
        yield titles_on(Selector(data["html"]))


def by_token(site: ServedSite, attributes: dict[str, str], _: Selector) -> Iterator[list[str]]:
    token, used = attributes["data-token"], set()
    while token:
        assert token not in used
        used.add(token)
        data = json.loads(fetch(site.url, f"/ajax/list/token?token={token}").text)
        token = data["token"]
        yield titles_on(Selector(data["html"]))


def by_last_time(
    site: ServedSite, attributes: dict[str, str], page: Selector
) -> Iterator[list[str]]:
    while page.css("[data-at]"):
        last = page.css("[data-at]")[-1].attrib["data-at"]
        path = f"/ajax/list/before?{attributes['data-query']}&time={last}"
        page = Selector(fetch(site.url, path).text or "<p></p>")
        yield titles_on(page)


def by_cursor(site: ServedSite, attributes: dict[str, str], page: Selector) -> Iterator[list[str]]:
    [cursor] = page.re('cursor = "([^"]+)"')
    assert not any(cursor in value for value in attributes.values())
    while cursor:
        data = json.loads(fetch(site.url, f"/ajax/list/cursor?cursor={cursor}").text)["data"]
        cursor = data["cursor"]
        yield [title for html in data["cards"] for title in titles_on(Selector(html))]


def by_json_post(
    site: ServedSite, attributes: dict[str, str], page: Selector
) -> Iterator[list[str]]:
    last, more = int(page.css("[data-id]")[-1].attrib["data-id"]), True
    names = dict(pair.split("=") for pair in attributes["data-query"].split("&"))
    while more:
        body = json.dumps({"list": names, "after": last, "size": 20})
        data = json.loads(fetch(site.url, "/ajax/list/objects", body).text)["data"]
        last, more = data["items"][-1]["id"], data["more"]
        yield [item["title"] for item in data["items"]]


def by_signed(site: ServedSite, attributes: dict[str, str], page: Selector) -> Iterator[list[str]]:
    [secret] = page.re('secret = "([^"]+)"')
    query = attributes["data-query"]
    for number in range(2, 1000):
        value = 2166136261
        for letter in f"{secret}:{number}:{query}":
            value = ((value ^ ord(letter)) * 16777619) % 2**32
        html = fetch(site.url, f"/ajax/list/signed?{query}&page={number}&sign={value}").text
        if not html:
            return
        yield titles_on(Selector(html))


BATCHES: dict[str, Callable[[ServedSite, dict[str, str], Selector], Iterator[list[str]]]] = {
    "page": by_page,
    "offset": by_offset,
    "last_id": by_last_id,
    "last_time": by_last_time,
    "next": by_next,
    "token": by_token,
    "cursor": by_cursor,
    "json_post": by_json_post,
    "signed": by_signed,
}
GROWING = sorted(BATCHES)


@pytest.mark.parametrize("protocol", GROWING)
def test_a_list_gives_every_card_once_and_in_order(protocol: str) -> None:
    with serve(SiteConfig(articles=300, seed=3, list_protocol=protocol)) as site:
        for language, path in (("en", "/en/category/world"), ("ru", "/category/mir")):
            expected = [
                truth.title for truth in site.world.in_section(language, path.split("/")[-1])
            ]
            assert len(expected) > 60
            assert follow(site, path) == expected
        opened = site.first_list("en", "world")[0]
        section = list(site.world.in_section("en", opened.sections[0][0]))
        others = [truth.title for truth in section if truth != opened]
        assert follow(site, opened.path) == others
        everything = [site.world.article("arm", i).title for i in range(site.world.count("arm"))]
        assert follow(site, "/arm/") == everything
        searched = [
            title
            for title in (site.world.article("en", i).title for i in range(300))
            if "baku" in title.lower()
        ]
        assert follow(site, "/en/search/baku") == searched


@pytest.mark.parametrize("protocol", GROWING)
def test_removed_articles_leave_no_gap_in_a_list(protocol: str) -> None:
    with serve(SiteConfig(articles=300, seed=3, list_protocol=protocol)) as site:
        members = list(site.world.in_section("en", "world"))
        gone = members[2:5] + members[19:45] + members[-1:]
        site.knobs.removed |= {truth.slug for truth in gone}
        expected = [truth.title for truth in members if truth not in gone]
        assert follow(site, "/en/category/world") == expected


def test_without_a_protocol_a_list_ends_with_its_first_cards(site: ServedSite) -> None:
    site.knobs.list_protocol = "none"
    page = fetch(site.url, "/en/category/world").page
    assert len(page.css(".float_block")) == 20
    assert not page.css("script")


def test_a_list_that_fits_does_not_ask_for_more() -> None:
    with serve(SiteConfig(articles=20)) as site:
        page = fetch(site.url, "/en/category/opinion").page
        assert titles_on(page) == [truth.title for truth in site.world.in_section("en", "opinion")]
        assert not page.css("script")


def test_cards_as_data_are_had_by_post_only(site: ServedSite) -> None:
    query = "lang=en&category=world&last_id=100150"
    assert fetch(site.url, f"/ajax/list/after?{query}").status == 405
    assert fetch(site.url, "/ajax/list/objects").status == 405


@pytest.mark.parametrize(
    ("after", "size", "status"),
    [("{}", 20, 200), ("{}", 7, 200), ('"{}"', 20, 400), ("{}", 21, 400)],
)
def test_numbers_in_json_are_numbers(site: ServedSite, after: str, size: int, status: int) -> None:
    last = fetch(site.url, "/en/category/world").page.css("[data-id]")[-1].attrib["data-id"]
    names = '{"lang": "en", "category": "world"}'
    body = f'{{"list": {names}, "after": {after.format(last)}, "size": {size}}}'
    reply = fetch(site.url, "/ajax/list/objects", body)
    assert reply.status == status
    if status == 200:
        titles = [item["title"] for item in json.loads(reply.text)["data"]["items"]]
        section = [truth.title for truth in site.world.in_section("en", "world")]
        assert titles == section[20 : 20 + size]


@pytest.mark.parametrize("wrong", ["0", "1'", "", "nonsense"])
def test_a_wrong_signature_is_refused(site: ServedSite, wrong: str) -> None:
    path = f"/ajax/list/signed?lang=en&category=world&page=2&sign={wrong}"
    assert fetch(site.url, path).status == 403


def test_a_signature_is_for_one_page_of_one_list(site: ServedSite) -> None:
    signature = sign(Listing("en", "world"), 2)
    path = f"/ajax/list/signed?lang=en&category=world&page=2&sign={signature}"
    assert fetch(site.url, path).status == 200
    assert fetch(site.url, path.replace("page=2", "page=3")).status == 403
    assert fetch(site.url, path.replace("world", "sport")).status == 403


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"list": [], "after": 1, "size": 20}',
        '{"list": {"lang": "en", "category": "world"}, "after": 1, "size": 20}',
        '{"list": {"lang": "en", "search": 7}, "after": 1, "size": 20}',
        '{"list": {"lang": ["en"], "category": "world"}, "after": 1, "size": 20}',
    ],
)
def test_a_body_that_makes_no_sense_is_404(site: ServedSite, body: str) -> None:
    assert fetch(site.url, "/ajax/list/objects", body).status == 404


def test_cards_say_when_they_were_put_there_each_at_its_own_second(site: ServedSite) -> None:
    cards = fetch(site.url, "/en/").page.css(".float_block")
    moments = [int(card.attrib["data-at"]) for card in cards]
    assert all(later > earlier for later, earlier in pairwise(moments))


@pytest.mark.parametrize(
    "path",
    [
        "/ajax/list",
        "/ajax/list?lang=en&category=world&page=0",
        "/ajax/list?lang=xx&category=world&page=2",
        "/ajax/list?lang=en&category=nothing&page=2",
        "/ajax/list/offset?lang=en&category=world&offset=x",
        "/ajax/list/token?token=AAAAAAAA",
        "/ajax/list/token?token=%C3%A9",
        "/ajax/list/cursor?cursor=AAAAAAAA",
        "/ajax/list/before?lang=en&category=world&time=1",
        "/ajax/list/before?lang=en&category=world",
        "/ajax/list/signed?lang=en&category=world&page=2",
        "/ajax/list/next/x?lang=en&category=world",
        "/ajax/list/none",
    ],
)
def test_a_request_for_more_that_makes_no_sense_is_404(site: ServedSite, path: str) -> None:
    assert fetch(site.url, path).status == 404


def chromium() -> str | None:
    """The browser to use; None for Playwright's own."""
    named = os.environ.get("CHROMIUM_EXECUTABLE")
    return named or shutil.which("chromium") or shutil.which("google-chrome")


CHROMIUM_ARGUMENTS = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=chromium(), args=CHROMIUM_ARGUMENTS
        )
        yield started
        await started.close()


SCROLL = """([above, boxed]) => {
  const box = boxed ? document.getElementById('float_box') : document.scrollingElement;
  box.scrollTop = box.scrollHeight - box.clientHeight - above;
}"""
GROWN = """shown => !document.getElementById('float_loading')
  || document.querySelectorAll('.float_block').length > shown"""


async def scroll_to_the_end(
    browser: Browser, site: ServedSite, places: Sequence[int] = (1000, 120, 0), tries: int = 300
) -> list[str]:
    """Headlines on a section's page after scrolling until it has no more to load.

    places: how far above the end the view is put, again and again.
    """
    page = await browser.new_page()
    try:
        await page.goto(f"{site.url}/en/category/world")
        while await page.locator("#float_loading").count():
            shown = await page.locator(".float_block").count()
            place = 0
            while not await page.evaluate(GROWN, shown):
                await page.evaluate(SCROLL, [places[place % len(places)], site.knobs.list_box])
                await page.evaluate("new Promise(next => setTimeout(next, 30))")
                place += 1
                assert place < tries, f"no more than {shown} cards appear"
        return await page.locator(".float_block_title").all_text_contents()
    finally:
        await page.close()


def world(site: ServedSite) -> list[str]:
    return [truth.title for truth in site.world.in_section("en", "world")]


@pytest.mark.parametrize("protocol", GROWING)
async def test_a_real_browser_scrolls_every_kind_of_list_past_a_failure_to_its_end(
    site: ServedSite, browser: Browser, protocol: ListProtocol
) -> None:
    expected = world(site)
    assert len(expected) > 60
    site.knobs.list_protocol = protocol
    asked = "/ajax/list/next/40" if protocol == "next" else PATHS[protocol]
    site.knobs.status[asked] = (500, 1)
    assert await scroll_to_the_end(browser, site) == expected
    more = [hit for hit in site.log if hit.path.startswith("/ajax/")]
    assert {hit.path.partition("?")[0] for hit in more if hit.status == 500} == {asked}
    assert len([hit for hit in more if hit.status == 500]) == 1
    methods = {"last_id": "POST", "json_post": "POST"}
    assert {hit.method for hit in more} == {methods.get(protocol, "GET")}


PATHS = {
    "page": "/ajax/list",
    "offset": "/ajax/list/offset",
    "last_id": "/ajax/list/after",
    "last_time": "/ajax/list/before",
    "token": "/ajax/list/token",
    "cursor": "/ajax/list/cursor",
    "json_post": "/ajax/list/objects",
    "signed": "/ajax/list/signed",
}


async def test_a_real_browser_shows_no_more_where_a_list_does_not_grow(
    site: ServedSite, browser: Browser
) -> None:
    site.knobs.list_protocol = "none"
    assert await scroll_to_the_end(browser, site) == world(site)[:20]


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("trigger", LIST_TRIGGERS)
async def test_a_list_asks_where_its_trigger_says(
    browser: Browser, trigger: ListTrigger, boxed: bool
) -> None:
    config = SiteConfig(articles=200, seed=7, list_trigger=trigger, list_box=boxed)
    with serve(config) as site:
        places = {"near": (1000, 690), "above": (1000, 190), "bottom": (1000, 0)}
        assert await scroll_to_the_end(browser, site, places[trigger]) == world(site)
        elsewhere = {"near": (2000, 710), "above": (1000, 210, 0, 40), "bottom": (1000, 300, 2)}
        with pytest.raises(AssertionError, match="no more than 20 cards appear"):
            await scroll_to_the_end(browser, site, elsewhere[trigger], tries=20)


# Knobs


def test_delay_holds_answers_back(site: ServedSite) -> None:
    site.knobs.delay = 0.2
    began = time.monotonic()
    fetch(site.url, "/robots.txt")
    assert time.monotonic() - began >= 0.2


def test_delay_of_a_path_with_or_without_what_it_asks_for(site: ServedSite) -> None:
    def delay(path: str, query: str = "", body: str = "") -> float:
        return site.delay(Request("GET", site.url, path, query, body=body))

    site.knobs.delay = 1
    site.knobs.delay_of = {
        "/ajax/list?page=2": 5,
        "/en/": (0.3, 2),
        "/robots.txt": 0,
        "/ajax/list/after?lang=en&last_id=1": 5,
    }
    assert [delay("/ajax/list", f"page={number}") for number in (2, 3, 2)] == [5, 1, 5]
    assert delay("/robots.txt") == 0
    assert [delay("/ajax/list/after", body=f"lang=en&last_id={i}") for i in (1, 2)] == [5, 1]
    assert delay("/en/", "x=1") == 0.3
    began = time.monotonic()
    fetch(site.url, "/en/")
    assert time.monotonic() - began >= 0.3
    assert delay("/en/") == 1


def test_a_body_stands_for_the_query_of_a_post(site: ServedSite) -> None:
    site.knobs.status["/ajax/list/objects?{}"] = (500, 1)
    bodies = ("[]", "{}", "{}")
    assert [fetch(site.url, "/ajax/list/objects", body).status for body in bodies] == [
        404,
        500,
        404,
    ]


def test_status_for_ever_and_for_a_number_of_times(site: ServedSite) -> None:
    _, path = first(site)
    site.knobs.status = {path: (503, 2), "/en/": 500, "/en/category/world?x=1": 429}
    assert [fetch(site.url, path).status for _ in range(4)] == [503, 503, 200, 200]
    assert [fetch(site.url, "/en/").status for _ in range(3)] == [500, 500, 500]
    assert fetch(site.url, "/en/category/world").status == 200
    assert fetch(site.url, "/en/category/world?x=1").status == 429


def test_an_edit_shows_on_page_card_and_truth_but_not_in_the_page_title(site: ServedSite) -> None:
    before = site.first_list("en", "world")[0]
    old_title = fetch(site.url, before.path).page.css("title::text").get()
    site.knobs.edited[before.slug] = Edit(title="A <new> headline", paragraph="One more & last.")
    now = site.truth("en", before.slug)
    assert now.title == "A <new> headline"
    assert now.paragraphs == [*before.paragraphs, "One more & last."]
    page = fetch(site.url, before.path).page
    assert page.css("h1::text").get() == now.title
    assert "One more & last." in page.css(".post_body p::text").getall()
    assert page.css("title::text").get() == old_title
    assert titles_on(fetch(site.url, "/en/category/world").page)[0] == now.title
    assert site.first_list("en", "world")[0] == now


def test_a_removed_article_is_404_and_in_no_list(site: ServedSite) -> None:
    members = list(site.world.in_section("en", "world"))
    site.knobs.removed.add(members[0].slug)
    assert fetch(site.url, members[0].path).status == 404
    assert site.first_list("en", "world") == members[1:21]
    with pytest.raises(KeyError, match=members[0].slug):
        site.truth("en", members[0].slug)
    feed = ElementTree.fromstring(fetch(site.url, "/rss.xml").body)
    expected = [site.world.article("en", i).path for i in range(31)]
    expected = [path for path in expected if path != members[0].path][:30]
    assert [urlsplit(link.text or "").path for link in feed.findall(".//item/link")] == expected


@pytest.mark.parametrize("redirects", [False, True])
def test_a_renamed_article_has_a_new_address(site: ServedSite, redirects: bool) -> None:
    before = site.first_list("en", "world")[0]
    site.knobs.renamed[before.slug] = "another-address"
    site.knobs.renamed_redirects = redirects
    now = site.truth("en", "another-address")
    assert (now.slug, now.path) == ("another-address", "/en/post/another-address")
    assert now.paragraphs == before.paragraphs
    assert site.truth("en", before.slug) == site.first_list("en", "world")[0] == now
    page = fetch(site.url, now.path).page
    assert page.css("h1::text").get() == before.title
    assert page.css("link[rel=canonical]::attr(href)").get() == site.url + now.path
    card = fetch(site.url, "/en/category/world").page.css(".float_block a::attr(href)").get()
    assert card == site.url + now.path
    old = fetch(site.url, before.path)
    if redirects:
        assert (old.status, old.headers["Location"]) == (301, site.url + now.path)
    else:
        assert old.status == 404


def test_the_switch_follows_what_became_of_the_other_editions(site: ServedSite) -> None:
    truth = next(
        truth for truth in site.world.in_section("en", "world") if len(truth.alternates) == 2
    )
    slugs = {language: path.rpartition("/")[2] for language, path in truth.alternates.items()}
    site.knobs.renamed[slugs["ru"]] = "novyy-adres"
    site.knobs.removed.add(slugs["arm"])
    assert site.truth("en", truth.slug).alternates == {"ru": "/post/novyy-adres"}
    page = fetch(site.url, truth.path).page
    assert page.css(".lang_switch::attr(href)").getall() == [
        f"{site.url}/post/novyy-adres",
        f"{site.url}/arm/",
    ]


def test_a_renamed_article_can_be_edited_and_removed_by_its_new_slug(site: ServedSite) -> None:
    slug, _ = first(site)
    site.knobs.renamed[slug] = "another-address"
    site.knobs.edited["another-address"] = Edit(title="Second headline")
    assert site.truth("en", "another-address").title == "Second headline"
    site.knobs.removed.add("another-address")
    assert fetch(site.url, "/en/post/another-address").status == 404


def test_a_cut_page_ends_early_with_a_true_or_a_false_length(site: ServedSite) -> None:
    slug, path = first(site)
    whole = fetch(site.url, path).body
    site.knobs.cut[slug] = Cut(keep=700)
    reply = fetch(site.url, path)
    assert (reply.body, reply.headers["Content-Length"]) == (whole[:700], "700")
    site.knobs.cut[slug] = Cut(keep=700, honest=False)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(site.url, path)
    assert caught.value.partial == whole[:700]
    assert caught.value.expected == len(whole) - 700


def test_charset_of_header_meta_and_bytes_are_set_apart(site: ServedSite) -> None:
    slug, path = first(site, "ru")
    title = site.truth("ru", slug).title
    site.knobs.charset[slug] = Charset(header="windows-1251", actual="utf-8", meta="koi8-r")
    reply = fetch(site.url, path)
    assert reply.headers["Content-Type"] == "text/html; charset=windows-1251"
    assert '<meta charset="koi8-r">' in reply.text
    site.knobs.charset[slug] = Charset(header=None, actual="windows-1251", meta=None)
    reply = fetch(site.url, path)
    assert reply.headers["Content-Type"] == "text/html"
    assert title in unescape(reply.body.decode("windows-1251"))
    assert b"<meta charset" not in reply.body
    site.knobs.charset[slug] = Charset(bom=True)
    assert fetch(site.url, path).body.startswith(codecs.BOM_UTF8 + b"<!DOCTYPE")


def test_the_renamed_layout_keeps_the_text_and_changes_every_class(site: ServedSite) -> None:
    slug, path = first(site)

    def classes_of(page: Selector) -> set[str]:
        return {name for value in page.xpath("//@class").getall() for name in value.split()}

    before = fetch(site.url, path).page
    site.knobs.layout_of[slug] = "renamed"
    after = fetch(site.url, path).page
    assert classes_of(before).isdisjoint(classes_of(after))
    assert before.css("h1::text").get() == after.css("h1::text").get()
    assert fetch(site.url, "/en/category/world").page.css(".float_block")
    site.knobs.layout = "renamed"
    site.knobs.layout_of.clear()
    renamed = classes_of(fetch(site.url, "/en/category/world").page)
    assert not {name for name in renamed if name.startswith(("float", "post", "menu"))}
    more = fetch(site.url, "/ajax/list?lang=en&category=world&page=2").page
    assert classes_of(more) <= renamed


@pytest.mark.parametrize(
    ("part", "selector"),
    [
        ("time", ".post_time"),
        ("title", "h1"),
        ("section", ".post_categoty"),
        ("views", ".post_hits"),
        ("cover", ".post_cover"),
    ],
)
def test_parts_can_be_left_out(site: ServedSite, part: str, selector: str) -> None:
    slug, path = first(site)
    assert fetch(site.url, path).page.css(selector)
    site.knobs.hide[slug] = {part}
    page = fetch(site.url, path).page
    assert not page.css(selector)
    assert len(page.css(".post_signature")) == 1


def test_the_byline_can_be_left_out(site: ServedSite) -> None:
    truth = next(truth for truth in site.world.in_section("en", "world") if truth.authors)
    assert truth.authors[0] in fetch(site.url, truth.path).text
    site.knobs.hide[truth.slug] = {"byline"}
    assert f"<p>By {truth.authors[0]}" not in fetch(site.url, truth.path).text


def test_a_body_can_be_given_as_html(site: ServedSite) -> None:
    slug, path = first(site)
    site.knobs.body_html[slug] = "<p>One</p><section><p>Two</section>"
    assert (
        f'<div class="post_body">{site.knobs.body_html[slug]}</div>' in fetch(site.url, path).text
    )


def test_a_path_can_answer_with_given_bytes(site: ServedSite) -> None:
    site.knobs.raw["/en/post/odd"] = (418, {"X-Odd": "yes", "Content-Type": "x/y"}, b"\xff\x00")
    reply = fetch(site.url, "/en/post/odd")
    assert (reply.status, reply.body) == (418, b"\xff\x00")
    assert (reply.headers["X-Odd"], reply.headers["Content-Type"]) == ("yes", "x/y")


def test_a_path_can_redirect(site: ServedSite) -> None:
    _, path = first(site)
    site.knobs.redirect[path] = "/en/"
    reply = fetch(site.url, path)
    assert (reply.status, reply.headers["Location"]) == (302, "/en/")


def test_extra_cards_stand_at_the_end_of_the_first_list_as_written(site: ServedSite) -> None:
    hrefs = [f"HTTP://{site.url[7:]}{first(site)[1]}/?utm_source=a", "../post/x#y"]
    site.knobs.extra_cards["world"] = hrefs
    page = fetch(site.url, "/en/category/world").page
    links = page.css(".float_block a:has(h2)::attr(href)").getall()
    assert links[:20] == [site.url + truth.path for truth in site.first_list("en", "world")]
    assert links[20:] == hrefs
    assert len(follow(site, "/en/category/world")) == 2 + len(
        list(site.world.in_section("en", "world"))
    )


def test_robots_txt_can_be_any_text_with_any_status(site: ServedSite) -> None:
    assert fetch(site.url, "/robots.txt").text == "User-agent: *\nAllow: /\n"
    site.knobs.robots = "User-agent: *\nDisallow: /private\n"
    reply = fetch(site.url, "/robots.txt")
    assert (reply.status, reply.text) == (200, site.knobs.robots)
    site.knobs.robots = (503, "later")
    reply = fetch(site.url, "/robots.txt")
    assert (reply.status, reply.text) == (503, "later")


# Serving


def test_the_log_names_every_request_in_order(site: ServedSite) -> None:
    began, wall = time.monotonic(), time.time()
    site.knobs.status["/en/"] = 503
    reply = fetch(site.url, "/en/?a=%20b")
    fetch(site.url, "/ajax/list/after", {"lang": "en", "category": "world", "last_id": "100150"})
    first_hit, second_hit = site.log
    assert (first_hit.method, first_hit.path, first_hit.status) == ("GET", "/en/?a=%20b", 503)
    assert (second_hit.method, second_hit.path) == ("POST", "/ajax/list/after")
    assert first_hit.agent == "test"
    assert first_hit.sent == len(reply.text) > 0
    assert began <= first_hit.at <= second_hit.at <= time.monotonic()
    assert wall <= first_hit.wall <= time.time()


def test_a_site_leaves_no_thread_and_no_socket_behind() -> None:
    threads = set(threading.enumerate())
    with serve(SiteConfig(articles=10)) as site:
        address = urlsplit(site.url)
        site.knobs.delay = 60.0
        waiting = socket.create_connection((address.hostname, address.port))
        waiting.sendall(b"GET /en/ HTTP/1.1\r\nHost: x\r\n\r\n")
        while not site.log:
            time.sleep(0.001)
    with waiting:
        assert waiting.recv(1) == b""
    assert set(threading.enumerate()) == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))


def test_a_port_in_use_is_told_to_the_caller(site: ServedSite) -> None:
    port = urlsplit(site.url).port or 0
    with pytest.raises(OSError, match="address already in use"), serve(SiteConfig(port=port)):
        pass


def test_a_process_of_its_own_serves_the_same_site(site: ServedSite) -> None:
    path = first(site)[1]
    config = SiteConfig(articles=200, seed=7, canonical=False)
    with serve_process(config) as url:
        reply = fetch(url, path)
        assert reply.page.css("h1::text").get() == site.world.article("en", 0).title
        assert not reply.page.css("link[rel=canonical]")
    with pytest.raises(ConnectionRefusedError):
        fetch(url, path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo_site", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_names_the_options() -> None:
    done = run("--help")
    assert done.returncode == 0
    for option in ("--port", "--articles", "--seed", "--host", "--cards", "--delay", "--verbose"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--articles", "many"], "--articles: invalid int value"),
        (["--articles", "1"], "articles must be 10 to 100000"),
        (["--port", "99999"], "port must be 0 to 65535"),
        (["--delay", "-1"], "--delay: must be 0 to 3600"),
        (["--delay", "nan"], "--delay: must be 0 to 3600"),
        (["--list-protocol", "guess"], "--list-protocol: invalid choice"),
        (["--list-trigger", "guess"], "--list-trigger: invalid choice"),
        (["--arm-prefix", "en"], "arm_prefix must be"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], message: str) -> None:
    done = run("--port", "0", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_tells_when_it_cannot_listen(site: ServedSite) -> None:
    done = run("--port", str(urlsplit(site.url).port))
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verbose", [False, True])
def test_the_command_prints_its_address_and_stops_on_a_signal(
    number: signal.Signals, verbose: bool
) -> None:
    command = [sys.executable, "-m", "demo_site", "--port", "0", *["--verbose"][: int(verbose)]]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert fetch(url, "/en/?x").status == 200
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "")
    assert errors == ("GET /en/?x 200 test\n" if verbose else "")
