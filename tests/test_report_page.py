"""The page of a report: valid, whole in one file, harmless whatever the site's pages say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from lxml import html

from caliber_crawler import report, verdict
from caliber_crawler.report.figures import (
    NO_SECTION,
    OTHER,
    OUTCOMES,
    Coverage,
    Crawl,
    Crawls,
    Delays,
    Figures,
    Stacked,
    Totals,
    Viewed,
    Views,
    outcome_of,
)
from caliber_crawler.report.page import About, render
from caliber_crawler.report.periods import MOST, Periods
from caliber_crawler.report.svg import Scale
from caliber_crawler.site import Site

SITE = Site.from_settings("https://caliber.az", "Asia/Baku")
AT = datetime(2026, 6, 25, 13, 0, tzinfo=UTC)
ABOUT = About(SITE, "mongodb://127.0.0.1:27017 database 'caliber'", AT)
DAYS = Periods.between(date(2026, 6, 23), date(2026, 6, 25))
NOTHING = Stacked(Periods.none())
EMPTY = Figures(
    Totals(), None, None, NOTHING, NOTHING, Crawls(0, NOTHING), Coverage(Periods.none()),
    Delays(Periods.none()), Views(),
)  # fmt: skip
NASTY = "</title><script>alert('1')</script>\"><img src=x onerror=alert(2)> & {{ 7 * 7 }}"
MODULES = [info.name for info in pkgutil.iter_modules(report.__path__, f"{report.__name__}.")]


def viewed(number: int, **changes: Any) -> Viewed:
    points = tuple((AT + i * timedelta(hours=1), 100 * i * i) for i in range(4))
    one = Viewed(
        f"en/story-{number}", f"https://caliber.az/en/post/story-{number}", f"Story {number}", "en",
        "WORLD", AT, 4_321, points=points,
    )  # fmt: skip
    return replace(one, **changes)


def crawls(*outcomes: Any, spider: str = "sections") -> Crawls:
    newest = tuple(
        Crawl(f"c{i}", spider, AT - i * timedelta(hours=5), 10.0 * 4**i, outcome, "finished", 0, 3)
        for i, outcome in enumerate(outcomes)
    )
    stacked = Stacked(DAYS, OUTCOMES, ((0,) * 6, (0,) * 6, (1,) * 6), (0, 0, 6))
    return Crawls(6, stacked, newest)


FULL = Figures(
    Totals(1_500, 3, 40, 5, 6, 7, (("en", 1_000), ("ru", 500))),
    date(2026, 6, 23),
    date(2026, 6, 25),
    Stacked(DAYS, ("WORLD", NO_SECTION, OTHER), ((500, 20, 3), (0, 0, 0), (900, 70, 4)),
            (523, 0, 974)),
    Stacked(DAYS, ("body", "title"), ((2, 0), (0, 0), (3, 3)), (2, 0, 4)),
    crawls(*OUTCOMES),
    Coverage(DAYS, {"title": (1.0, None, 0.25), "authors": (0.4, 0.5, 0.6)},
             {"title": 0.9996, "authors": 0.5}),
    Delays(DAYS, {0: 4, 12: 3, 60: 2, 1_440: 1}, (0.0, None, 12.0), early=2, archived=1_234),
    Views((viewed(1), viewed(2, language="arm", section="", published_at=None)),
          (viewed(3, rate=12.345), viewed(4, rate=0.01, points=())), AT - timedelta(days=3), AT),
)  # fmt: skip


def read(figures: Figures, about: About = ABOUT) -> html.HtmlElement:
    return html.fromstring(render(figures, about))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


@pytest.fixture(scope="module")
def page() -> html.HtmlElement:
    return read(FULL)


@pytest.mark.parametrize("name", MODULES)
def test_what_docstrings_show_is_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_ids_are_unique_and_what_names_them_finds_them(page: html.HtmlElement) -> None:
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids)) > 20
    for value in page.xpath("//@aria-labelledby"):
        assert set(value.split()) <= set(ids)


def test_every_chart_is_told_in_words(page: html.HtmlElement) -> None:
    pictures = page.xpath("//svg[@role='img']")
    assert len(pictures) > 10
    for picture in pictures:
        title, desc = picture.getchildren()[:2]
        assert (title.tag, desc.tag) == ("title", "desc")
        assert title.text
        assert re.search(r"\d", desc.text)
    for picture in page.xpath("//svg[not(@role) and not(ancestor::svg)]"):
        assert picture.get("aria-hidden") == "true"


def test_every_part_has_a_heading_a_chart_and_a_table(page: html.HtmlElement) -> None:
    parts = {part.get("id"): part for part in page.xpath("//section")}
    assert set(parts) == {
        "articles", "viewed", "rising", "edits", "delay", "outcomes", "durations", "coverage",
    }  # fmt: skip
    for part in parts.values():
        assert part.xpath("./h2")
        assert part.xpath(".//svg[@role='img']")
        (table,) = part.xpath(".//div[@class='scroll']/table")
        assert words(table.xpath("./caption")[0])
        width = len(table.xpath("./thead/tr/th"))
        for row in table.xpath("./tbody/tr"):
            assert len(row.xpath("./th | ./td")) == width


def test_tables_have_the_numbers(page: html.HtmlElement) -> None:
    def rows(name: str) -> list[list[str]]:
        found = page.xpath(f"//section[@id='{name}']//tbody/tr")
        return [[words(cell) for cell in row.xpath("./th | ./td")] for row in found]

    assert rows("articles") == [
        ["23 June 2026", "523", "500", "20", "3"],
        ["25 June 2026", "974", "900", "70", "4"],
        ["all", "1,497", "1,400", "90", "7"],
    ]
    assert rows("edits")[-1] == ["all", "6", "5", "3"]
    assert rows("delay") == [["23 June 2026", "under 1 min"], ["25 June 2026", "12 min"]]
    assert rows("coverage") == [
        ["23 June 2026", "40.0%", "100%"],
        ["24 June 2026", "50.0%", "–"],
        ["25 June 2026", "60.0%", "25.0%"],
    ]
    assert rows("durations")[0] == [
        "25 June 2026 17:00", "sections", "10 s", "healthy (0)", "finished", "3", "0", "0"
    ]  # fmt: skip
    assert [row[1] for row in rows("viewed")] == ["4,321", "4,321"]
    assert [row[1:] for row in rows("rising")] == [["12.3", rows("rising")[0][2]], ["0.0", "–"]]
    tiles = [words(tile) for tile in page.xpath("//ul[@class='tiles']/li/span[@class='number']")]
    assert tiles == ["1,500", "40", "5", "6", "7", "6"]
    notes = " ".join(map(words, page.xpath("//p[@class='note']")))
    assert "3 articles without a time of publication" in notes
    assert "1,234 articles were older than a week" in notes
    assert "2 articles, seen before their printed time" in notes


def test_columns_are_as_tall_as_their_numbers(page: html.HtmlElement) -> None:
    first, last = page.xpath("//section[@id='articles']//svg/g[title]")
    assert first.xpath("./title")[0].text == (
        "23 June 2026: 523 articles (500 WORLD, 20 no section, 3 other)"
    )
    heights = [float(rect.get("height")) for rect in last.xpath("./rect")]
    assert heights == pytest.approx([900 * 200 / 1_000, 70 * 200 / 1_000, 4 * 200 / 1_000])


def test_it_says_what_it_is_made_from() -> None:
    about = replace(ABOUT, since=date(2026, 6, 1), languages=("en", "ru"), sections=("world",))
    told = {
        words(row.xpath("./dt")[0]): words(row.xpath("./dd")[0])
        for row in read(FULL, about).xpath("//dl/div")
    }
    assert told == {
        "Made": "25 June 2026 17:00 (Asia/Baku)",
        "Times and days": "of the zone Asia/Baku",
        "Database": "mongodb://127.0.0.1:27017 database 'caliber'",
        "Articles": "1,500, published from 23 June 2026 to 25 June 2026",
        "Only days": "from 1 June 2026",
        "Only editions": "en, ru",
        "Only sections": "world",
    }
    latest = words(read(FULL).xpath("//p[@class='last']")[0])
    assert latest == (
        "The latest crawl that has ended (sections, begun 25 June 2026 17:00): healthy, 3 new, "
        "0 changed."
    )


def test_it_asks_for_nothing(page: html.HtmlElement) -> None:
    """No script, no picture, no font; links to articles and to the site only."""
    assert not page.xpath("//script | //iframe | //object | //embed | //img | //base | //form")
    assert not page.xpath("//@*[starts-with(name(), 'on')]")
    assert not page.xpath("//@src | //@srcset | //use")
    assert [link.get("href") for link in page.xpath("//link")] == ["data:,"]
    articles = {one.url for one in (*FULL.views.most, *FULL.views.rising)}
    assert set(page.xpath("//a/@href")) == articles | {SITE.base}
    source = render(FULL, ABOUT)
    assert not re.search(r"url\(|@import|@font-face", source)
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_every_headline_comes_with_the_hyperlink_that_the_terms_ask_for(
    page: html.HtmlElement,
) -> None:
    rows = page.xpath("//table[@class='articles']/tbody/tr")
    assert len(rows) == 4
    for row in rows:
        headline, source = row.xpath("./th//a")
        assert words(source) == "Caliber.az"
        assert source.get("href") == headline.get("href")
    assert rows[1].xpath("./th/a/@lang") == ["hy"]
    assert words(rows[1].xpath("./th/small")[0]) == "Caliber.az · arm · unknown"


def test_text_of_pages_is_never_markup() -> None:
    figures = replace(
        FULL,
        totals=replace(FULL.totals, editions=((NASTY, 1),)),
        sections=replace(FULL.sections, kinds=(NASTY, "B", OTHER)),
        edits=replace(FULL.edits, kinds=(NASTY, "title")),
        crawls=crawls(*OUTCOMES, spider=NASTY),
        coverage=replace(FULL.coverage, shares={"a": (1.0,) * 3}, overall={"a": 1.0}),
        views=Views(
            (viewed(1, title=NASTY, section=NASTY), viewed(2, url=f"https://x.example/{NASTY}")),
            (viewed(3, rate=1.0, language=NASTY),), AT, AT,
        ),
    )  # fmt: skip
    about = replace(ABOUT, where=NASTY, sections=(NASTY,), languages=(NASTY,))
    page = read(figures, about)
    assert not page.xpath("//script | //img | //@onerror")
    assert render(figures, about).count("<script") == 0
    assert "49" not in page.xpath("//title")[0].text
    headline = page.xpath("//section[@id='viewed']//tbody/tr/th/a")[0]
    assert headline.text_content() == NASTY
    assert page.xpath("//section[@id='viewed']//tbody/tr[2]/th/a/@href") == [
        f"https://x.example/{NASTY}"
    ]
    assert page.xpath("//dl/div/dd")[2].text_content() == NASTY


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x.example/", ""])
def test_what_is_no_address_of_the_web_is_no_link(url: str) -> None:
    page = read(replace(FULL, views=Views(most=(viewed(1, url=url),))))
    row = page.xpath("//section[@id='viewed']//tbody/tr/th")[0]
    assert not row.xpath(".//a")
    assert words(row).startswith("Story 1")


def test_an_empty_database_is_told() -> None:
    page = read(EMPTY)
    assert not page.xpath("//section | //svg")
    assert "The database is empty" in words(page.xpath("//main")[0])
    only_crawls = read(replace(EMPTY, crawls=FULL.crawls))
    assert "No article is in this report." in words(only_crawls.xpath("//main")[0])
    empty = only_crawls.xpath("//section[p[@class='nothing']]/@id")
    assert empty == ["articles", "viewed", "rising", "edits", "delay", "coverage"]


@pytest.mark.parametrize("number", [1, MOST])
def test_one_period_and_very_many_can_be_drawn(number: int) -> None:
    periods = Periods("day", tuple(date(2026, 1, 1) + timedelta(days=i) for i in range(number)))
    stacked = Stacked(periods, ("A",), ((5,),) * number, (5,) * number)
    figures = replace(
        FULL,
        sections=stacked,
        edits=stacked,
        coverage=Coverage(periods, {"title": (0.5,) * number}, {"title": 0.5}),
        delays=Delays(periods, {5: number}, (5.0,) * number),
        crawls=replace(FULL.crawls, newest=FULL.crawls.newest[:1]),
    )
    page = read(figures)
    assert len(page.xpath("//section[@id='articles']//svg/g")) == number
    labels = page.xpath("//section[@id='articles']//svg/text[contains(@x, '%')]")
    assert len(labels) == min(number, 6)
    assert len(page.xpath("//section[@id='coverage']//circle")) == number


def test_the_same_figures_give_the_same_page() -> None:
    assert render(FULL, ABOUT) == render(FULL, ABOUT)


def test_every_exit_code_of_a_crawl_has_an_outcome() -> None:
    codes = {value for name, value in vars(verdict).items() if name.isupper()}
    found = {
        code: outcome_of(verdict.Verdict(code, "").status, code)
        for code in (*(code for code in codes if isinstance(code, int)), 130, 143)
    }
    assert found == {
        0: "healthy", 1: "failed", 2: "failed", 3: "looks wrong", 4: "partly failed", 5: "failed",
        6: "failed", 130: "stopped", 143: "stopped",
    }  # fmt: skip
    assert outcome_of("running", None) == "running"
    assert outcome_of("failed", None) == "failed"


@pytest.mark.parametrize("most", [0, 1, 2, 5, 6, 7, 99, 100, 101, 12_345, 10**9])
def test_scales_hold_their_numbers(most: int) -> None:
    scale = Scale.counts(most)
    assert scale.high >= most
    assert 2 <= len(scale.ticks) <= 7
    assert scale.share(0) == 0
    assert scale.share(most) >= (0.5 if most else 0)


@pytest.mark.parametrize(("least", "most"), [(0, 0), (1, 1), (5, 7), (60, 60), (0.1, 1e9)])
def test_scales_of_times_hold_their_seconds(least: float, most: float) -> None:
    scale = Scale.times(least, most)
    assert 2 <= len(scale.ticks) <= 6
    assert scale.ticks[0][0] == scale.low < scale.high == scale.ticks[-1][0]
    assert 0 <= scale.share(least) <= scale.share(most) <= 1


def test_axes_reach_the_ends_of_the_calendar() -> None:
    assert Periods.between(date.min, date.min).starts == (date.min,)
    assert Periods.between(date.max, date.max).starts == (date.max,)
    assert Periods.between(date.min, date.max).unit == "year"
    weeks = Periods.between(date.max - timedelta(days=300), date.max)
    assert (weeks.unit, weeks.starts[-1]) == ("week", date.max - timedelta(days=4))
    months = Periods.between(date(9997, 1, 5), date.max)
    assert (months.unit, len(months.starts)) == ("month", 36)
    assert months.starts[0] == date(9997, 1, 1)
