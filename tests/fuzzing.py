"""What strangers and users may say, and the readers of it: no input may raise what is not ours.

Each target takes one input and returns; errors of the `CaliberError` family are answers, too.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from scrapy.settings import Settings

from caliber_crawler import dates, people, secrecy, settings, site, text
from caliber_crawler.config import Config
from caliber_crawler.errors import CaliberError
from caliber_crawler.listing.answers import Format, find_format, read_answer, read_page
from caliber_crawler.listing.exchange import (
    Answer,
    Request,
    leaves,
    lookup,
    put_together,
    take_apart,
)
from caliber_crawler.listing.rule import ListRule, first_request, next_request
from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.feed import parse_feed
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.section import editions, parse_list, section_links
from caliber_crawler.records import clean
from caliber_crawler.schedule.cron import Cron
from caliber_crawler.schedule.reading import read
from caliber_crawler.secrecy import hide
from caliber_crawler.spiders.arguments import (
    ArticlesArguments,
    ExportArguments,
    FeedArguments,
    RefreshArguments,
    SectionsArguments,
)
from caliber_crawler.store.client import redact
from tests.pages import ARTICLE_URL, SECTION_URL, SITE, article_html, card_html

ZONE = ZoneInfo("Asia/Baku")
FIXTURES = Path(__file__).parent / "fixtures"

# --- inputs: pieces that mean something to a reader, in any order, with anything between

_PIECES = [
    *"""
January 31 февраля 2024 24:00 2026-06-25T13:24:00Z +04:00 -99:99 0000-00-00 avqust Mart 9999999999
By Author: Автор: Müəllif , and и və Caliber.Az = 1e999 NaN -0 ² ١٢ İ ı ß
http:// https://caliber.az/ //caliber.az /en/post/a /../.. %2e%ZZ%00 ?id=1&id= #f ;x [::1] [::
javascript: @ : mongodb://u:p@h user:pw@ utm_source=1 amp /amp xn-- :99999 \\ .. $where {} [] null
true "a" ' <div> </div> <p> <article> </ <!-- --> <![CDATA[ <script> </script> <h1> <a href= &amp;
&#0; &#xD800; &bogus; class="post_title" class="post_body" class="float_block" <img src= <rss>
* */5 0-59/7 @daily L # 1,2,3 zone cron spider [crawl.x] arguments = "x"
\x00 \x1b[31m \u202e \ud800 \U0001f468\u200d
""".split(),
    " ", "\r\n", "9" * 5000,
    '<script type="application/ld+json">', "<a class='x' href=\"/en/post/a\">",
]  # fmt: skip

texts = st.lists(
    st.one_of(st.sampled_from(_PIECES), st.text(max_size=8), st.sampled_from(" \n\t")), max_size=12
).map("".join)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), texts, st.integers(10**18, 10**25)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    "url title time html items @type @graph headline author name datePublished "
                    "articleBody image 0 1".split()
                ),
                texts,
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)
_pages = st.sampled_from(sorted(FIXTURES.glob("*/page.html"))).map(Path.read_bytes)


@st.composite
def damaged_pages(draw: st.DrawFn) -> bytes:
    """A page of the examples, with parts gone, doubled, or something put in."""
    body = draw(_pages)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        gone = draw(st.sampled_from((0, 1, 7, 60, 2000)))
        put = draw(st.one_of(st.binary(max_size=20), texts.map(_bytes)))
        body = body[:at] + put + body[at + gone :]
    return body


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


pages = st.one_of(damaged_pages(), st.binary(max_size=300), texts.map(_bytes))


@st.composite
def pages_with_json(draw: st.DrawFn) -> bytes:
    """An article with JSON-LD of any content, of which some is no JSON."""
    said = json.dumps(draw(json_values))
    cut = draw(st.sampled_from((0, 0, 0, 1, 5)))
    said = said[: len(said) - cut] if cut else said
    head = f'<script type="application/ld+json">{said}</script>'
    title, time = html.escape(draw(texts)), html.escape(draw(texts))
    body = f"<p>{html.escape(draw(texts))}</p>{draw(texts)}"
    return _bytes(article_html(body, title=title, time=time, head=head))


_sources = st.fixed_dictionaries(
    {
        "kind": st.sampled_from("step count last answer page clock odd".split()),
        "name": st.one_of(st.sampled_from("url path slug a items.0.id".split()), texts),
        "first": texts, "start": json_values, "by": st.integers(-5, 5),
        "cast": st.sampled_from(("", "int", "str")),
    }
)  # fmt: skip
_names = st.tuples(
    st.sampled_from("path query header form json raw".split()),
    st.one_of(st.sampled_from("0 1 2 a a.b a.b.c page".split()), texts),
)
rules = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(("GET", "POST")),
            "origin": st.one_of(st.just(""), st.just("https://caliber.az"), texts),
            "body_kind": st.sampled_from(("", "form", "json", "raw", "multipart", "odd")),
            "format": st.one_of(
                json_values,
                st.fixed_dictionaries(
                    {
                        "kind": st.sampled_from(("html", "json_html", "json_objects")),
                        "path": st.one_of(st.sampled_from(("", "items", "*", "a.*.html")), texts),
                        "keys": st.just({"url": "url", "title": "title", "time": "time"}),
                        "prefix": texts,
                    }
                ),
            ),
            "constants": st.lists(
                st.builds(lambda name, value: [*name, value], _names, json_values), max_size=4
            ),
            "sources": st.lists(
                st.builds(lambda name, source: [*name, source], _names, _sources), max_size=3
            ),
            "next_url": st.one_of(st.none(), _sources, json_values),
        }
    ),
)

# --- readers


def _ours(call: Callable[[], object]) -> None:
    try:
        call()
    except CaliberError as error:
        str(error).encode("utf-8", "backslashreplace")


def read_dates(said: str) -> None:
    dates.parse_printed(said, ZONE)
    dates.parse_iso(said, ZONE)


def read_people(said: list[str]) -> None:
    people.split_byline(said)
    people.clean_authors(said)
    for one in said:
        people.parse_byline(one)
        people.is_house(one)
        people.looks_like_name(one)


def read_text(said: str) -> None:
    for function in (
        text.visible, text.line, text.block, text.fold, text.ungarbled, text.harmless, hide, redact
    ):  # fmt: skip
        function(function(said))
    text.is_boilerplate(said)
    text.is_garbled(said)


def read_addresses(said: str) -> None:
    for page_url in (None, ARTICLE_URL):
        SITE.resolve(said, page_url)
        address = SITE.address(said, page_url)
        if address is not None:
            assert SITE.canonical(address.url) == address.url
    for base in (said, f"https://{said}"):
        _ours(lambda base=base: site.Site.from_settings(base, said))
    resolved = SITE.resolve(said)
    if resolved is not None and SITE.address(resolved) is not None:
        site.identity_of(SITE.canonical(resolved) or "")


def read_list(body: bytes) -> None:
    page = Page(SECTION_URL, body)
    parse_list(page, SITE)
    section_links(page, SITE)
    editions(page, SITE)
    read_page(page, SITE)


def read_article(body: bytes) -> None:
    _ours(lambda: clean(parse_article(Page(ARTICLE_URL, body), SITE).article).document())


def read_feed(body: bytes) -> None:
    parse_feed(Page(SITE.feed_url, body, "application/rss+xml"), SITE)


_KEYS = {"url": "url", "title": "title", "time": "time"}
_FORMATS = [
    Format(kind, path, _KEYS, "/en/post/")
    for kind in ("html", "json_html", "json_objects")
    for path in ("", "items", "items.*.html")
]
_SHOWN = parse_list(Page(SECTION_URL, card_html().encode()), SITE).cards


def read_answers(said: Any) -> None:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    answer = Answer(200, "application/json", body)
    find_format(answer, _SHOWN, SECTION_URL, SITE)
    for fmt in _FORMATS:
        read_answer(answer, fmt, SECTION_URL, SITE)
    if not isinstance(said, bytes):
        for path, _ in leaves(said):
            lookup(said, path)


def read_requests(said: tuple[str, str, str]) -> None:
    # They come from a browser, which sends no half of a surrogate pair.
    url, body, kind = (one.encode("utf-8", "replace").decode() for one in said)
    put_together(
        take_apart(Request("POST", f"https://caliber.az/{url}", {"content-type": kind}, body))
    )


def follow_rules(said: tuple[Any, Any]) -> None:
    document, answer = said
    try:
        rule = ListRule.from_document(document)
    except CaliberError:
        return
    rule.describe()
    page = read_page(Page(SECTION_URL, card_html().encode()), SITE)
    step = first_request(rule, page, SECTION_URL, SITE.base, 1)
    for _ in range(3):
        if step is None:
            return
        step.request.url.encode()
        step.request.body.encode()
        got = Answer(200, "application/json", json.dumps(answer).encode())
        reading = read_answer(got, rule.format, SECTION_URL, SITE) or page
        step = next_request(rule, step.state, reading, SECTION_URL, SITE.base, 1)


_PARTS = (
    "CALIBER SITE MONGODB CRAWL CRAWLER CLUSTER FRONTIER BACKOFF REFRESH SCROLL BROWSER NAVIGATION "
    "LIST HEALTH PROGRESS PROMETHEUS CHROMIUM ROBOTS TLS PAGE ARTICLE RESPONSE DOWNLOAD REDIRECT"
).split()
# Not those that are dictionaries: Scrapy reads them itself, before our code does.
_OF_CONFIG = [
    name
    for name, value in vars(settings).items()
    if name.partition("_")[0] in _PARTS and not isinstance(value, dict)
]
_BASE = {name: getattr(settings, name) for name in vars(settings) if name.isupper()}


def _config(given: dict[str, Any]) -> Config:
    made = Settings(priority="project")
    made.update(_BASE | given, priority="project")
    return Config.from_settings(made)


CONFIG = _config({"CALIBER_BASE_URL": SITE.base})


def read_settings(given: dict[str, str]) -> None:
    # A process keeps the secrets of its settings; those of thousands of inputs would make each
    # look for them longer than the one before.
    secrecy._kept.clear()
    secrecy._pattern = None
    _ours(lambda: _config(given))


def read_arguments(given: dict[str, str]) -> None:
    for kind in (
        SectionsArguments, ArticlesArguments, FeedArguments, RefreshArguments, ExportArguments
    ):  # fmt: skip
        known = {name: value for name, value in given.items() if name in kind.__dataclass_fields__}
        for said in (known, given):
            _ours(lambda kind=kind, said=said: kind.parse(said, CONFIG).check_complete())


def read_schedule(said: str) -> None:
    def fine(*_: object) -> Iterable[Any]:
        return ()

    _ours(lambda: read(said, source="s.toml", name="s", check=fine))


def read_cron(said: str) -> None:
    _ours(lambda: Cron(said, ZONE))


_values = st.one_of(
    texts.map(json.dumps),
    st.sampled_from(
        '"Asia/Baku" "5_*_*_*_*" "2h" 1 true {a=1} {a={}} [] [1] 2026-01-01 1e400 nan "1d"'.split()
    ).map(lambda value: value.replace("_", " ")),
)
_KEY = st.sampled_from("jitter overlap settings arguments grace resume odd".split())
schedules = st.one_of(
    texts,
    st.builds(
        'zone = {}\n[crawl.x]\nspider = "feed"\ncron = {}\nlimit = {}\n{} = {}\n'.format,
        *(_values, _values, _values, _KEY, _values),
    ),
)
_FIELDS = "* */5 0 1-3 31 30 2 L #1 5/0 60 MON jan-dec ,".split()
_crons = st.one_of(texts, st.lists(st.sampled_from(_FIELDS), min_size=5, max_size=5).map(" ".join))
_SAID = "en,ru 2026-06-25 3d 24h 0 -1 10 all http update today".split()
_arguments = st.dictionaries(
    st.sampled_from(
        "language section query since until limit mode render url file within status duplicates "
        "id ids _job odd".split()
    ),
    st.one_of(texts, st.sampled_from(_SAID)),
    max_size=4,
)

TARGETS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "dates": (texts, read_dates),
    "people": (st.lists(texts, max_size=4), read_people),
    "text": (texts, read_text),
    "addresses": (texts, read_addresses),
    "lists": (pages, read_list),
    "articles": (pages, read_article),
    "json-ld": (pages_with_json(), read_article),
    "feeds": (pages, read_feed),
    "answers": (st.one_of(json_values, st.binary(max_size=200)), read_answers),
    "requests": (
        st.tuples(
            texts, st.one_of(texts, json_values.map(json.dumps)),
            st.sampled_from(("", "multipart/form-data", "application/x-www-form-urlencoded")),
        ),
        read_requests,
    ),
    "rules": (st.tuples(rules, json_values), follow_rules),
    "settings": (st.dictionaries(st.sampled_from(_OF_CONFIG), texts, max_size=3), read_settings),
    "arguments": (_arguments, read_arguments),
    "schedules": (schedules, read_schedule),
    "cron": (_crons, read_cron),
}  # fmt: skip
