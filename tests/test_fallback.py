"""Pages that no known layout fits: the day the site changes."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from caliber_crawler.errors import NotAnArticle
from caliber_crawler.items import Article
from caliber_crawler.pages.article import ParsedArticle, parse_article
from caliber_crawler.pages.metadata import without_house
from caliber_crawler.records import clean
from demo_site import SiteConfig
from demo_site.messages import Request
from demo_site.site import Site as DemoSite
from tests.pages import ARTICLE_URL, SITE, page

AT = datetime(2025, 4, 2, 9, 24, tzinfo=UTC)
TEXT = [
    "The bridge over the river was opened again on Monday, three weeks before the day set.",
    "Drivers had waited since the autumn, and some of them had come before sunrise to be first.",
    "The council thanked the builders and promised that the second lane would follow in summer.",
]
PROSE = "".join(f"<p>{text}</p>" for text in TEXT)
MENU = (
    '<header><a href="/en/">Caliber.Az</a><span>25 November 2026</span><nav><ul>'
    '<li><a href="/en/category/world">WORLD</a></li><li><a href="/en/category/sport">SPORT</a></li>'
    "</ul></nav></header>"
)
TEASERS = "".join(
    f'<div class="tile"><a href="/en/post/other-{i}"><h2>Another story of today, no. {i}</h2></a>'
    f"<time>01 April 2025 1{i}:00</time></div>"
    for i in range(6)
)
FOOTER = "<footer><p>Any use of materials is allowed only with a link to this site.</p></footer>"


def read(main: str, head: str = "", after: str = TEASERS) -> ParsedArticle:
    html = (
        f"<!doctype html><html><head>{head}</head><body>{MENU}{main}{after}{FOOTER}</body></html>"
    )
    return parse_article(page(html), SITE)


def check(article: Article, paragraphs: list[str] = TEXT) -> None:
    assert article.title == "Bridge opens"
    assert article.published_at == AT
    assert article.body.split("\n\n") == paragraphs
    assert article.extraction is not None
    assert (article.extraction["method"], article.extraction["layout"]) == ("fallback", "unknown")


# --- where headline, time and text are


@pytest.mark.parametrize(
    "main",
    [
        f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p><article>{PROSE}</article>",
        f"<article><h1>Bridge opens</h1><span>02 April 2025 13:24</span>{PROSE}</article>",
        f"<main><h4>02 апр 2025, 13:24</h4><h1>Bridge opens</h1><div>{PROSE}</div></main>",
        f"<h1>Bridge opens</h1><p>WORLD | 02 April 2025 13:24</p><section>{PROSE}</section>",
        f"<div><h1>Bridge opens</h1><p><i>02.04.2025</i> <b>13:24</b></p><div>{PROSE}</div></div>",
        (
            "<div><h1>Bridge opens</h1><time datetime='2025-04-02T13:24:00+04:00'>long ago</time>"
            f"<div>{PROSE}</div></div>"
        ),
        f"<div><h1>Bridge opens</h1>{PROSE}<p>02 April 2025 13:24</p></div>",
        "<h1>Bridge opens</h1><p>02 April 2025 13:24</p><div>" + "<br><br>".join(TEXT) + "</div>",
        (
            "<h1>Bridge opens</h1><p>02 April 2025 13:24</p>"
            f"<div><div><p>{TEXT[0]}</p></div><div><p>{TEXT[1]}</p><p>{TEXT[2]}</p></div></div>"
        ),
        (
            "<h1>Bridge opens</h1><p>02 April 2025 13:24</p><p class='font'><b>-</b> A <b>+</b></p>"
            f"<div itemprop='articleBody'>{PROSE}</div><div>Views: 12</div>"
        ),
        # The parts of one line, and one line for the time and what else there is to say.
        (
            "<h1>Bridge opens</h1><div><a href='/en/x'>Snow</a> <i>desk</i> <i>3 min</i>"
            f" <i>7</i> <time>02 April 2025, 13:24</time> <i>x</i></div><article>{PROSE}</article>"
        ),
        (
            "<article><h1>Bridge opens</h1><p>Published: 02 April 2025 13:24 | Updated: 02 April "
            f"2025 15:40</p>{PROSE}</article>"
        ),
        # Two line ends are as good as a paragraph's end.
        "<table><tr><td><h1>Bridge opens</h1><i>02.04.2025 13:24</i><br><br>"
        + "<br> <br>".join(TEXT) + "</td></tr></table>",
        f"<h1>Bridge opens</h1><p>2-04-2025, 13:24</p><section>{PROSE}</section>",
        f"<h1>WORLD</h1><h2>Bridge opens</h2><p>02 April 2025 13:24</p><div>{PROSE}</div>",
        f"<h1>Caliber.Az</h1><h1>Bridge opens</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>",
    ],
)  # fmt: skip
def test_builds_of_pages(main: str) -> None:
    check(clean(read(main, "<title>Bridge opens - Caliber.Az</title>").article))


def test_the_headline_of_the_page_wins_over_a_title_that_lags_behind() -> None:
    head = (
        '<title>Bridge soon to open | Caliber.Az</title><meta property="og:title" content="Soon">'
    )
    parsed = read(f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>", head)
    check(parsed.article)
    assert parsed.notes.conflicts == ["title"]
    assert parsed.article.extraction["conflicts"] == ["title"]  # type: ignore[index]


def test_without_a_heading_the_head_tells_the_headline() -> None:
    head = (
        '<title>Bridge opens :: Caliber.Az</title><script type="application/ld+json">'
        '{"@type":"NewsArticle","datePublished":"2025-04-02T13:24:00"}</script>'
    )
    check(read(f"<div>{PROSE}</div>", head).article)


def test_a_short_article_with_a_video() -> None:
    video = '<p><iframe src="https://www.youtube.com/embed/abc"></iframe></p>'
    found = read(
        "<h4>02 апр 2025, 13:24</h4><h1>Bridge opens</h1><p><b>-</b> A <b>+</b></p>"
        f"<article><p>The opening was filmed.</p>{video}</article><div>ПРОСМОТРЕНО: 7</div>"
    ).article
    check(found, ["The opening was filmed."])
    assert [embed["type"] for embed in found.embeds] == ["youtube"]
    assert found.views == 7


def test_an_article_of_a_video_alone() -> None:
    video = '<div><div><iframe src="https://www.youtube.com/embed/abc"></iframe></div></div>'
    found = read(f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p>{video}").article
    assert (found.title, found.body) == ("Bridge opens", "")
    assert [embed["type"] for embed in found.embeds] == ["youtube"]


def test_a_short_first_line_of_the_text_stays() -> None:
    body = f"<div><h3>On the river</h3>{PROSE}</div>"
    check(
        read(f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p>{body}").article,
        ["On the river", *TEXT],
    )


def test_pictures_section_links_and_byline() -> None:
    found = clean(
        read(
            '<a href="/en/category/world">WORLD</a><h1>Bridge opens</h1><p>02 April 2025 13:24</p>'
            '<div style="background-image:url(/c.webp)"></div>'
            f'<div>{PROSE}<figure><img src="/b.webp"><figcaption>The bridge</figcaption></figure>'
            '<p>See <a href="https://example.org/">the plan</a> of the second lane for details.</p>'
            "<p>By Leyla Quliyeva</p></div>"
        ).article
    )
    assert found.sections == [{"slug": "world", "name": "WORLD"}]
    assert [(i["role"], i["caption"]) for i in found.images] == [
        ("cover", None), ("body", "The bridge"),
    ]  # fmt: skip
    assert found.authors == ["Leyla Quliyeva"]
    assert [link["url"] for link in found.links] == ["https://example.org/"]


def test_a_text_that_only_the_head_has() -> None:
    said = "\\n\\n".join(TEXT)
    head = (
        '<script type="application/ld+json">{"@type":"NewsArticle","headline":"Bridge opens",'
        f'"datePublished":"2025-04-02T13:24:00+04:00","articleBody":"{said}"}}</script>'
    )
    check(read("<div id=app></div>", head, after="").article)


def test_the_parts_of_a_known_frame_stay() -> None:
    html = (
        '<div class="post"><h1 class="post_title">Bridge opens</h1>'
        '<div class="post_time">02 April 2025 13:24</div><div class="post_hits">Views: 9</div>'
        f'<div class="renamed">{PROSE}</div></div>'
    )
    found = read(html).article
    check(found)
    assert found.views == 9


@pytest.mark.parametrize("language", ["en", "ru", "arm"])
def test_whatever_the_classes_are_called(language: str) -> None:
    """The stand-in's pages, with all classes of the layout renamed, give what they gave before."""
    demo = DemoSite(SiteConfig(articles=60, seed=11))
    scores = []
    for number in range(12):
        path = demo.world.article(language, number).path
        html = demo.answer(Request("GET", SITE.base, path)).body.decode()
        renamed = re.sub(r'class="((?:post|float|more)_?[^"]*|ads)"', 'class="x"', html)
        assert renamed != html
        before, after = (
            clean(parse_article(page(source, SITE.base + path), SITE).article)
            for source in (html, renamed)
        )
        assert after.extraction is not None
        assert after.extraction["method"] == "fallback"
        names = ("title", "published_at", "authors", "views", "id", "images", "embeds")
        for name in names:
            assert getattr(after, name) == getattr(before, name), (path, name)
        scores.append(_f1(after.body, before.body))
    assert min(scores) > 0.97


def _f1(one: str, other: str) -> float:
    words, expected = Counter(one.split()), Counter(other.split())
    total = words.total() + expected.total()
    return 2 * (words & expected).total() / total if total else 1.0


# --- pages that are none


@pytest.mark.parametrize(
    ("main", "kind"),
    [
        ("<h1>Page not found</h1><p>Perhaps the address is wrong.</p>", "not_found"),
        ("<h1>404</h1><p>Such is life.</p>", "not_found"),
        ("<h1>The material has been deleted</h1><p>It was here until today.</p>", "not_found"),
        ("<h1>This article has been removed.</h1><p>Try the search.</p>", "not_found"),
        ("<h1>К сожалению, публикация удалена</h1><p>Вернитесь назад.</p>", "not_found"),
        ("<h1>Страница не найдена</h1><p>Вернитесь на главную страницу сайта.</p>", "not_found"),
        ("<h1>Səhifə tapılmadı</h1><p>Axtarışdan istifadə edin.</p>", "not_found"),
        (
            "<h1>Before you continue</h1><p>Cookies, and again cookies. You consent?</p>",
            "consent",
        ),
        ("<h1>Just a moment...</h1><p>Checking your browser.</p>", "challenge"),
        ("<h1>Technical works</h1><p>Please come back later.</p>", "maintenance"),
        ("<h1>We're down for maintenance</h1>", "maintenance"),
        ("<h1>Сайт временно недоступен</h1>", "maintenance"),
        ("<h1>Texniki işlər aparılır</h1>", "maintenance"),
        ("<h1>MySQL Error!</h1><p>The Error returned was: Too many users</p>", "maintenance"),
        ("<h1>Technical works begin on the bridge</h1>", "unknown"),
        (
            (
                "<h1>Welcome</h1><p>To nothing.</p><svg><title>Page not found</title></svg>"
                "<svg><g><title>captcha</title></g></svg>"
            ),
            "unknown",
        ),
        ("<h1>Welcome</h1><p>This is a page about nothing much, and it says so.</p>", "unknown"),
        ("<p>words without a headline, which say nothing</p>", "unknown"),
        (
            "<p class='post'><b class='post_title'>Page not found</b><i class='post_body'>No.</i>",
            "not_found",
        ),
    ],
)  # fmt: skip
def test_pages_that_are_no_article(main: str, kind: str) -> None:
    with pytest.raises(NotAnArticle) as caught:
        read(main, after="")
    assert caught.value.kind == kind


def test_the_name_of_an_icon_is_no_headline() -> None:
    icon = "<h1><a href='#'><svg><title>Bridge opens</title></svg></a></h1>"
    found = read(
        f"{icon}<h1>Bridge opens today</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>",
        head="<title>Bridge opens</title>",
    ).article
    assert found.title == "Bridge opens today"


def test_an_article_about_lost_pages_is_one() -> None:
    found = read(
        f"<h1>Page not found: a lost archive</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>"
    ).article
    assert found.title == "Page not found: a lost archive"


def test_an_article_about_cookies_is_one() -> None:
    text = "".join(
        f"<p>Cookies, cookies: rule {i} asks for consent to cookies.</p>" for i in range(9)
    )
    found = read(
        f"<h1>Cookies: the new law</h1><p>02 April 2025 13:24</p><div>{text}</div>"
    ).article
    assert found.body.count("\n\n") == 8


# --- times


def test_a_head_that_calls_local_time_utc_is_no_conflict() -> None:
    head = (
        '<script type="application/ld+json">{"@type":"NewsArticle","headline":"Bridge opens",'
        '"datePublished":"2025-04-02T13:24:00Z","dateModified":"2025-04-05T10:00:00Z"}</script>'
    )
    parsed = read(f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>", head)
    check(parsed.article)
    assert parsed.notes.zulu_meant_local
    assert parsed.notes.conflicts == []


def test_a_head_with_another_time_is_a_conflict_and_loses() -> None:
    head = '<meta property="article:published_time" content="2025-03-01T10:00:00+04:00">'
    parsed = read(f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>", head)
    check(parsed.article)
    assert parsed.notes.conflicts == ["published_at"]


def test_a_printed_day_is_completed_by_the_head() -> None:
    head = '<meta property="article:published_time" content="2025-04-02T13:24:00+04:00">'
    parsed = read(f"<h1>Bridge opens</h1><p>02 April 2025</p><div>{PROSE}</div>", head)
    check(parsed.article)
    assert not parsed.notes.time_without_clock


# --- titles


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Baku - Tbilisi: new route - Caliber.Az", "Baku - Tbilisi: new route"),
        ("Baku - Tbilisi: new route", "Baku - Tbilisi: new route"),
        ("New route | analysis | Caliber.az", "New route | analysis"),
        ("New route :: Caliber", "New route"),
        ("Caliber.Az", "Caliber.Az"),
        ("", ""),
    ],
)
def test_the_publishers_name_is_no_part_of_a_title(title: str, expected: str) -> None:
    assert without_house(title) == expected


def test_the_address_tells_the_identity() -> None:
    found = read(f"<h1>Bridge opens</h1><p>02 April 2025 13:24</p><div>{PROSE}</div>").article
    assert (found.id, found.url) == ("en/north-road-reopens", ARTICLE_URL)


# --- cards of other articles, and other things that stand near one

SUMMARY = (
    "A summary of that other story, which has words enough to pass for a sentence of this one."
)
HEADLINE = "<h1>Bridge opens</h1><p>02 April 2025 13:24</p>"


def row(card: str, number: int = 4) -> str:
    return "".join(card.replace("#", str(i)) for i in range(1, number + 1))


ROWS = {
    "boxes": row(
        '<div class="tile"><a href="/en/post/o-#"><img src="/n/#.webp"></a>'
        '<h3><a href="/en/post/o-#">Another story of today, no. #</a></h3>'
        f"<time>0# May 2025 10:00</time><p>{SUMMARY}</p></div>"
    ),
    "whole links": row(
        '<a class="tile" href="/en/post/o-#"><img src="/n/#.webp"><b>Another story, no. #</b>'
        f"<p>{SUMMARY}</p><time>0# May 2025 10:00</time></a>"
    ),
    "columns": '<div class="row">' + row(
        '<div class="col"><div><h4><a href="/en/post/o-#">Another story of today, no. #</a></h4>'
        f"<div>0# May 2025 10:00</div><div>{SUMMARY}</div></div></div>"
    ) + "</div>",
    "cells": "<table><tr>" + row(
        '<td><div><a href="/en/post/o-#">Another story, no. #</a></div>'
        f"0# May 2025 10:00<p>{SUMMARY}</p></td>"
    ) + "</tr></table>",
}  # fmt: skip


@pytest.mark.parametrize("cards", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize(
    "main",
    [
        "<div>{head}<div>{text}</div></div><section><h2>Latest news</h2>{cards}</section>",
        "<div>{head}{text}<h2>Latest news</h2>{cards}</div>",
        "<article>{head}<div>{text}<div><b>Latest news</b>{cards}</div></div></article>",
    ],
)
def test_no_text_and_no_picture_comes_from_other_articles(main: str, cards: str) -> None:
    byline = "<p>By Leyla Quliyeva</p>"
    found = read(main.format(head=HEADLINE, text=PROSE + byline, cards=cards), after="").article
    check(found)
    assert found.authors == ["Leyla Quliyeva"]
    assert found.images == []


@pytest.mark.parametrize("cards", ROWS.values(), ids=ROWS.keys())
def test_no_time_comes_from_other_articles(cards: str) -> None:
    main = f"<h1>Bridge opens</h1><div>{PROSE}<p>By Leyla Quliyeva</p></div>{cards}"
    found = read(main, after="").article
    assert found.published_at is None
    assert found.body.split("\n\n") == TEXT


def test_the_clock_above_the_menu_is_no_time_of_the_article() -> None:
    html = (
        "<body><div>Wednesday, 26 November 2026 12:00</div>"
        '<nav><a href="/en/category/world">WORLD</a></nav>'
        f"<main><h1>Bridge opens</h1><div>{PROSE}<p>By Leyla Quliyeva</p></div></main></body>"
    )
    assert parse_article(page(html), SITE).article.published_at is None


@pytest.mark.parametrize(
    ("alone", "embeds", "pictures"),
    [
        ('<iframe src="https://www.youtube.com/embed/abc"></iframe>', ["youtube"], 0),
        ('<script async data-telegram-post="channel/7" src="/w.js"></script>', ["telegram"], 0),
        (row('<figure><img src="/media/photos/original/#.webp"></figure>'), [], 4),
        ('<p>See below</p><img src="/media/photos/original/1.webp">', [], 1),
    ],
)
def test_what_is_shown_without_a_text(alone: str, embeds: list[str], pictures: int) -> None:
    main = f"<div>{HEADLINE}<div>{alone}</div></div><h2>Latest news</h2>{ROWS['boxes']}"
    found = read(main, after="").article
    assert (found.title, found.published_at, found.body) == ("Bridge opens", AT, "")
    assert [embed["type"] for embed in found.embeds] == embeds
    assert len(found.images) == pictures
    assert all("/original/" in image["url"] for image in found.images)


@pytest.mark.parametrize("lead", ["div class='lead'", "h2", "strong"])
@pytest.mark.parametrize("times", [1, 6])
def test_a_lead_in_a_box_of_its_own_is_text(lead: str, times: int) -> None:
    first = (
        "The bridge that was closed for a whole year is open, and the first cars have crossed it."
    )
    rest = [f"{text} ({i})." for i in range(times) for text in TEXT]
    main = (
        f"<div>{HEADLINE}<{lead}>{first}</{lead.split(maxsplit=1)[0]}>"
        f"<div class='full'>{''.join(f'<p>{text}</p>' for text in rest)}</div></div>"
    )
    check(read(main, "<title>Bridge opens</title>").article, [first, *rest])


@pytest.mark.parametrize(
    "line",
    [
        '<div><span>By <a href="/en/a">Leyla Quliyeva</a></span><i>02 April 2025 13:24</i></div>',
        "<p>By Leyla Quliyeva</p><p>02 April 2025 13:24</p>",
    ],
)
def test_a_byline_under_the_headline(line: str) -> None:
    found = read(f"<article><h1>Bridge opens</h1>{line}<div>{PROSE}</div></article>").article
    check(found)
    assert found.authors == ["Leyla Quliyeva"]


def test_section_and_views_within_one_line() -> None:
    section = "<a href='/en/category/world'>World</a>"
    line = f"<p><i>02 April 2025 13:24</i> {section} <i>1 204 views</i></p>"
    found = read(f"<h1>Bridge opens</h1>{line}<div>{PROSE}</div>").article
    check(found)
    assert found.sections == [{"slug": "world", "name": "World"}]
    assert found.views == 1_204


def test_a_number_in_a_sentence_is_no_counter() -> None:
    said = "The film of the crossing, says the council, had <b>1 204 views</b> by the evening."
    found = read(f"<div>{HEADLINE}<div>{PROSE}<p>{said}</p></div></div>").article
    assert found.views is None
    line = "<p><i>02 April 2025 13:24</i> <i>desk, by name of Snow</i> <i>Views: 1 204</i></p>"
    assert read(f"<h1>Bridge opens</h1>{line}<div>{PROSE}</div>").article.views == 1_204


def test_the_cover_has_the_caption_of_its_figure() -> None:
    cover = '<figure><a><img src="/c.webp"></a><figcaption>A bridge</figcaption></figure>'
    for main in (
        f"<div>{HEADLINE}{cover}<div>{PROSE}</div></div>",
        f"<article>{HEADLINE}{cover}{PROSE}</article>",
    ):
        (image,) = read(main).article.images
        assert (image["url"][-7:], image["caption"]) == ("/c.webp", "A bridge")


def test_hidden_boxes_do_not_end_a_text() -> None:
    hidden = "<p hidden>A note.</p><p style='display:none'>A draft of the lead.</p>" * 3
    first, *rest = TEXT
    text = f"<p>{first}</p>{hidden}" + "".join(f"<p>{part}</p>" for part in rest)
    check(read(f"<div>{HEADLINE}<div>{text}</div></div>").article)


def test_a_text_and_its_byline_behind_a_pasted_box() -> None:
    first, second, third = TEXT
    text = f"<div><div>{first}<br><br>{second}</div><p>{third}</p></div>"
    check(read(f"<div>{HEADLINE}{text}</div>").article)
    pasted = f"<div><article><div>{PROSE}</div></article><p>By Leyla Quliyeva</p></div>"
    found = read(f"<div>{HEADLINE}{pasted}</div>").article
    check(found)
    assert found.authors == ["Leyla Quliyeva"]


def test_pictures_with_captions_and_no_text() -> None:
    shown = row(
        '<figure><img src="/media/photos/original/#.webp"><figcaption>No. #</figcaption></figure>'
    )
    found = read(f"<article>{HEADLINE}<div>{shown}</div></article>").article
    assert found.body == ""
    assert [image["caption"] for image in found.images] == [f"No. {i}" for i in range(1, 5)]


def test_signs_and_portraits_are_no_cover() -> None:
    main = (
        f'<div>{HEADLINE}<span><img src="/img/eye.svg"> 141</span>'
        '<a href="https://www.facebook.com/sharer"><img src="/img/f.png"></a>'
        '<img src="/avatars/7.webp"><img src="/x.webp" width="32" height="32">'
        f'<div><img src="/media/photos/original/c.webp"></div><div>{PROSE}</div></div>'
    )
    (cover,) = read(main).article.images
    assert (cover["role"], cover["url"][-7:]) == ("cover", "/c.webp")


@pytest.mark.parametrize(
    ("main", "kind"),
    [
        (
            "<h1>Oops! Something went wrong</h1><p>What you look for was moved away.</p>",
            "not_found",
        ),
        ("<h1>Упс!</h1><p>К сожалению, такой публикации больше нет.</p>", "not_found"),
        ("<h1>Before you continue</h1><p>We use cookies, cookies, cookies.</p>", "consent"),
        (
            (
                "<h1>Just a moment...</h1><p>Checking your browser before access.</p>"
                "<div>Wednesday, 26 November 2026 12:00</div>"
            ),
            "challenge",
        ),
        ("<h1>Caliber.Az</h1>", "unknown"),
    ],
)
def test_cards_make_no_article_of_a_page_that_has_none(main: str, kind: str) -> None:
    with pytest.raises(NotAnArticle) as refused:
        read(f"<main>{main}</main>", "<title>Caliber.Az</title>", ROWS["boxes"])
    assert refused.value.kind == kind
