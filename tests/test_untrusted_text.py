"""What pages say is text wherever it comes: no operator, file name, control sequence, formula or
markup."""

from __future__ import annotations

import csv
import html
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import html as lxml_html
from prometheus_client.parser import text_string_to_metric_families
from pymongo.database import Database
from rich.console import Console

from caliber_crawler.alerts import Alert
from caliber_crawler.export.table import text_of
from caliber_crawler.fixtures import name_of
from caliber_crawler.saying import Record
from caliber_crawler.screen import picture, summary
from caliber_crawler.tally import Figures
from caliber_crawler.text import harmless
from caliber_crawler.verdict import Verdict
from caliber_crawler.watch import SectionRow, Snapshot
from demo_site import ServedSite, SiteConfig, serve
from tests.conftest import Scrapy
from tests.pages import HEADER, article_html

Documents = Database[dict[str, Any]]

NASTY = {
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "lines": "one\r2026-01-01 00:00:00 [x] INFO: forged\ncaliber-crawler: healthy: forged",
    "bidi": "a \u202egnp.exe\u202c \u2066b\u2069 \u200f",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "plus": "+1+1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1)",
    "operator": "$where",
    "dotted": "a.b.$c",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "template": "{{ 7 * 7 }} {% raw %} ${7*7} %(x)s %s {0}",
    "rich": "[bold]x[/bold] [link=http://evil.example]y[/link] [/]",
    "path": "../../../etc/passwd",
    "chat": "<!channel> *b* _i_ [x](http://evil.example)",
}
# What steers a terminal, or the order of letters; line ends apart.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def page(site: ServedSite, text: str) -> bytes:
    """An article that says `text` wherever a page can say something."""
    said, part = html.escape(text), quote(text, safe="")
    head = (
        f'<meta property="og:description" content="{said}"><meta name="author" content="{said}">'
        f'<link rel="alternate" hreflang="{said}" href="{site.url}/post/{part}">'
        f'<link rel="alternate" hreflang="ru" href="javascript:alert(1)//{said}">'
        '<script type="application/ld+json">'
        + json.dumps({"@type": "NewsArticle", "headline": text, text: text, "author": {text: text},
                      "url": {"$ne": text}, "datePublished": {"$gt": ""}})
        + "</script>"
    )  # fmt: skip
    body = (
        f"<p>{said}</p><p>Some more words, so that there is a text: {said}</p>"
        f'<p><a href="javascript:alert(1)">{said}</a> <a href="https://x.example/{said}">b</a></p>'
        f'<img src="/media/{said}" alt="{said}"><iframe src="https://x.example/{said}"></iframe>'
        f"<p><strong>Author: {said}</strong></p>"
    )
    section = f'<div class="post_categoty"><a href="/en/category/{part}">{said}</a></div>'
    made = article_html(body, title=f"{said}", section=section, head=head)
    return made.replace(HEADER, HEADER.replace("https://caliber.az", site.url)).encode()


@pytest.fixture(scope="module")
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=20, seed=4)) as served:
        for name, text in NASTY.items():
            served.knobs.raw[f"/en/post/{name}"] = (
                200, {"Content-Type": "text/html; charset=utf-8"}, page(served, text),
            )  # fmt: skip
        yield served


def strings(value: object) -> Iterator[str]:
    """All texts in plain data, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def test_a_crawl_of_nasty_pages_to_all_outputs(
    scrapy: Scrapy, database: Documents, site: ServedSite
) -> None:
    settings = {
        "CALIBER_BASE_URL": site.url, "LOG_LEVEL": "DEBUG", "PROMETHEUS_TEXTFILE": "out.prom",
    }  # fmt: skip
    addresses = [f"{site.url}/en/post/{name}" for name in NASTY]
    (scrapy.folder / "urls.txt").write_text("\n".join(addresses))
    run = scrapy(
        "crawl", "articles", "-a", "file=urls.txt", "-O", "out.jsonl", "-O", "out.csv", **settings
    )
    shown = [scrapy(*command, **settings) for command in (
        ("export", "-o", "export.csv"), ("report", "-o", "report.html"), ("crawls",),
        ("crawls", crawl_id(database)), ("history", "en/ansi", "--diff"),
    )]  # fmt: skip
    assert [one.code for one in (run, *shown)] == [0] * 6, run.err

    # Nothing steers a terminal, and no line of a page is one of the log.
    for one in (run, *shown):
        assert not STEERING.search(one.out + one.err)
        assert not re.search(r"^.{0,40}forged", one.out + one.err, re.MULTILINE)

    # Records keep what readers see, as text, in all places.
    records = {record["id"]: record for record in run.records}
    stored = {document["_id"]: document for document in database.articles.find()}
    assert set(records) == set(stored) == {f"en/{name}" for name in NASTY}
    assert records["en/formula"]["title"] == NASTY["formula"]
    assert records["en/markup"]["title"] == NASTY["markup"]
    for record in (*records.values(), *stored.values()):
        for text in strings(record):
            assert not STEERING.search(text), (record["id"], text)
            assert not text.lower().startswith("javascript:")
        for name in strings(list(keys(record))):
            assert "$" not in name
            assert "." not in name

    # CSV: numbers stay numbers, texts that look like formulas do not, and come back.
    for file in ("out.csv", "export.csv"):
        with (scrapy.folder / file).open(encoding="utf-8", newline="") as lines:
            rows = {row["id"]: row for row in csv.DictReader(lines)}
        assert set(rows) == set(records)
        for id_, row in rows.items():
            assert text_of(row["title"]) == records[id_]["title"]
            assert row["views"] == "141"
            for cell in row.values():
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    same = [(scrapy.folder / file).read_bytes() for file in ("out.csv", "export.csv")]
    assert sorted(same[0].splitlines()) == sorted(same[1].splitlines())

    # The report holds elements and addresses of its own only.
    report = lxml_html.parse(scrapy.folder / "report.html")
    assert not report.xpath("//script | //iframe | //*[@onerror or @onmouseover]")
    for place in report.xpath("//@href | //@src"):
        assert place.startswith((site.url, "#", "data:,"))

    text = (scrapy.folder / "out.prom").read_text("utf-8")
    list(text_string_to_metric_families(text))
    assert not STEERING.search(text)


def keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def crawl_id(database: Documents) -> str:
    [crawl] = database.crawls.find()
    return str(crawl["_id"])


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_the_name_of_a_fixture_is_one_plain_name(text: str) -> None:
    for slug in (text, quote(text, safe=""), f"{text}/..", ".."):
        name = name_of(f"https://caliber.az/en/post/{slug}")
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name)
        assert Path("a", name).resolve().parent == Path("a").resolve()


def test_harmless() -> None:
    for text in NASTY.values():
        assert not STEERING.search(harmless(text))
    assert harmless("\tÄ\n\u202e\x1b") == "\tÄ\n\\u202e\\x1b"


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_line_of_the_log_stays_one(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError as error:
        exc_info = (ValueError, error, error.__traceback__)
        record = Record("x", logging.ERROR, __file__, 1, "page says %s", (text,), exc_info)
    line = logging.Formatter("%(asctime)s [%(name)s] %(levelname)s: %(message)s").format(record)
    assert not STEERING.search(line)
    assert not re.search(r"\n(?:\d{4}-|caliber-crawler:)", line)


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_the_display_shows_names_as_they_are(text: str) -> None:
    counts = {f"taken/en/{text}/new": 3}
    row = SectionRow(text, new=1, named=1, state="batch 1")
    now = Snapshot("sections", "1", 1.0, Figures.of(counts), Figures.of(counts), sections=[row])
    file = io.StringIO()
    console = Console(file=file, width=400, height=40, force_terminal=False)
    console.print(picture(now, 400, 40))
    console.print(summary(counts, "the crawl"))
    assert not STEERING.search(file.getvalue())
    if "\n" not in text:
        assert file.getvalue().count(harmless(text)) == 2


def test_alerts_are_plain_text() -> None:
    text = " ".join(NASTY.values())
    alert = Alert("sections", "1", Verdict(3, text), {"_id": "0", "verdict": text})
    assert not STEERING.search(alert.text + alert.subject)
    assert alert.text.count("\n") == 5  # none of the page's
    assert "\n" not in alert.subject
