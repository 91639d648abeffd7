"""Article pages: frame and head → record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.errors import NotAnArticle
from caliber_crawler.pages.article import MAX_INT64, ParsedArticle, parse_article
from caliber_crawler.records import clean
from tests.growth import assert_linear
from tests.pages import ARTICLE_URL, SITE, article, article_html, card_html, page

ELEVEN = [
    "Engineers say the northern road may open again before the summer, though no date is set.",
    'A plan of last year spoke of "a lasting repair", to be shown to the council in July.',
    "Work stopped in February 2022, when the old bridge was closed, and has stood still since.",
    "Whatever is decided about the bridge will settle what becomes of the villages' only bus.",
    '"We do not speak of it," one driver told this desk.',
    "What the new mayor intends is not known either.",
    "In January the mayor telephoned the ministry, to the surprise of the council.",
    '"Talks go on," an official wrote. "Nobody should guess at them."',
    "All agree that the contract of 1997 no longer helps; none agree on ending it.",
    "Some would cancel it at once, others would wait for an offer.",
    'For now, the notice reads, the road "remains closed to lorries".',
]
AT = datetime(2025, 4, 2, 9, 24, tzinfo=UTC)


def test_a_whole_page() -> None:
    body = "\n".join(f"<p>{text}</p>" for text in ELEVEN) + "<p>By Leyla Quliyeva</p>"
    parsed = article(body, title="Villagers: doubts over the northern road before the summer")
    found = clean(parsed.article)
    assert found.title == "Villagers: doubts over the northern road before the summer"
    assert found.sections == [{"slug": "world", "name": "WORLD"}]
    assert found.published_at == AT
    assert found.body.split("\n\n") == ELEVEN
    assert found.authors == ["Leyla Quliyeva"]
    assert found.views == 141
    assert (found.id, found.language, found.slug) == (
        "en/north-road-reopens",
        "en",
        "north-road-reopens",
    )
    assert found.url == ARTICLE_URL
    assert found.attribution == f'<a href="{ARTICLE_URL}">Caliber.az</a>'
    assert found.extraction == {
        "method": "template",
        "layout": "post-2025",
        "missing": ["description", "images"],
    }
    assert found.links == found.embeds == found.aliases == []
    assert found.alternates == {}
    assert vars(parsed.notes) == {
        "unknown_time": None,
        "time_without_clock": False,
        "zulu_meant_local": False,
        "unknown_views": None,
        "teasers": 0,
        "boxes": 0,
        "garbled": False,
        "conflicts": [],
        "cut": [],
    }


def test_a_russian_page() -> None:
    found = article(
        "<p>Дорога открыта.</p><p>Автор: Анна Сидорова</p>",
        url="https://caliber.az/post/doroga",
        title="Дорога открыта ФОТО",
        section='<a href="/category/mir"><div class="post_categoty">МИР</div></a>',
        time="25 Июня 2026 17:24",
        views="Просмотров: 12 345",
    ).article
    assert (found.id, found.language) == ("ru/doroga", "ru")
    assert found.title == "Дорога открыта ФОТО"
    assert found.sections == [{"slug": "mir", "name": "МИР"}]
    assert found.published_at == datetime(2026, 6, 25, 13, 24, tzinfo=UTC)
    assert (found.authors, found.views) == (["Анна Сидорова"], 12_345)


# --- headline


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("Baku - Tbilisi: new route", "Baku - Tbilisi: new route"),
        ("New route | analysis", "New route | analysis"),
        ("New route - Caliber.Az", "New route - Caliber.Az"),
        ("Caliber.Az", "Caliber.Az"),
        ("North <b>road</b> <i>re</i>opens today", "North road reopens today"),
        ("One<br>two", "One two"),
        ("  Nor\xadth\u200b \n road ", "North road"),
        ("A &amp; B &#150; C", "A & B – C"),
        # The parser would end the headline before these.
        ("<p>North road</p>", "North road"),
        ("North <div>road</div><p class=x>opens</p>", "North road opens"),
        # Escaped twice.
        (
            "&amp;quot;North&amp;quot; &amp;amp; road&amp;nbsp;&amp;#039;a&amp;#039;",
            "\"North\" & road 'a'",
        ),
        ("Road<script>x()</script><style>y</style> open", "Road open"),
        (
            "<svg><title>video</title></svg>Road <svg><g><title>x</title></g></svg> opens",
            "Road opens",
        ),
        ('Road<b style="display: none">x</b><i hidden>y</i> open<b style="">s</b>', "Road opens"),
        # Nothing to be seen: then the head's title stands in, without the publisher's name.
        ("", "Earlier"),
        ("\u200b", "Earlier"),
    ],
)
def test_headlines(html: str, title: str | None) -> None:
    head = '<title>Earlier - Caliber.Az</title><meta property="og:title" content="Earlier">'
    assert article(title=html, head=head).article.title == title


def title_conflicts(title: str, *, headline: str = "North road reopens") -> list[str]:
    return article(title=headline, head=f"<title>{title}</title>").notes.conflicts


@pytest.mark.parametrize(
    "title",
    [
        "Caliber.Az",
        "Caliber.Az | North road reopens",
        "CALIBER.AZ - North road reopens",
        "Caliber.Az | North road reopens | WORLD",
        "North road reopens | WORLD | Caliber.Az",
        "North road reopens – World news – Caliber.Az",
        "NORTH ROAD REOPENS :: World",
        "North road reo... | Caliber.Az",
    ],
)
def test_page_titles_that_say_what_the_headline_says(title: str) -> None:
    assert title_conflicts(title) == []


@pytest.mark.parametrize(
    "title",
    [
        "South road reopens",
        "Caliber.Az | South road reopens",
        "North road reopens: a first report",
        "North road reopens - drivers say that it is late",
        "North road reopens again | Caliber.Az",
        "Caliber.Az: North road reopens",
        "North road reopens" + " -" * 100 + " |",  # in ever so many ways no label
    ],
)
def test_page_titles_that_say_something_else(title: str) -> None:
    assert title_conflicts(title) == ["title"]


def test_the_titles_of_icons_are_not_the_pages() -> None:
    icons = "<a href='#'><svg><title>telegram</title></svg></a><svg><g><title>x</title></g></svg>"
    head = "<title>North road reopens</title>"
    assert article(head=head, header=icons).notes.conflicts == []


@pytest.mark.parametrize(
    "headline", ["Caliber.Az: ten years", "Калибр – новая ракета", "Snow - Caliber.Az"]
)
def test_a_headline_may_begin_or_end_like_the_house(headline: str) -> None:
    assert title_conflicts(headline, headline=headline) == []


# --- time


@pytest.mark.parametrize(
    "box",
    [
        "02 April 2025 13:24",
        '02 April 2025 13:24<a href="/editor">[edit]</a>',
        '<a href="/editor">edit of 3 May 2025</a> 02 April 2025 13:24',
        '<span>02 April 2025 13:24</span> <a href="/e">edit</a>',
        "02 April 2025 <span>13:24</span>",
        '<a href="/archive">02 April 2025</a> 13:24',
        "02 April 2025<br>13:24",
        "<i class='icon'></i>02&nbsp;April 2025 &shy;13:24",
        "<!-- 01 May 2020 -->02 April 2025 13:24",
        "Published: 02 April 2025 13:24",
        "02 April 2025 13:24<br>Updated: 03 April 2025 10:00",
        "02 April 2025 13:24 (Updated: 03 April 2025 10:00)",
        "02 Апреля 2025 13:24 | Обновлено 03 Апреля 2025 10:00",
        "<div><b>02 April 2025</b> 13:24</div><div>Updated: 03 April 2025 10:00</div>",
        '<br><a href="/e">edit</a> 02 April 2025 13:24<style>x</style><br>Ganja',
        "<svg><title>2 May 2024</title></svg>02 April 2025 13:24<br>Ganja",
        '<time datetime="2025-04-02T13:24:00+04:00">two hours ago</time>',
        '<time datetime="2020-01-01T00:00:00+04:00">02 April 2025 13:24</time>',
    ],
)
def test_time_boxes(box: str) -> None:
    parsed = article(time=box)
    assert parsed.article.published_at == AT
    assert parsed.notes.unknown_time is None
    assert not parsed.notes.time_without_clock


def test_the_visible_time_wins_over_the_head() -> None:
    head = (
        '<meta property="article:published_time" content="2020-01-01T00:00:00Z">'
        '<script type="application/ld+json">{"@type":"NewsArticle",'
        '"datePublished":"2024-05-03T10:00:00Z","dateModified":"2024-06-03T10:00:00Z"}</script>'
    )
    assert article(time="3 May 2024 10:00", head=head).article.published_at == datetime(
        2024, 5, 3, 6, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "head",
    [
        '<meta property="article:published_time" content="2025-04-02T13:24:00+04:00">',
        '<meta property="article:published_time" content="2025-04-02T13:24:00">',
        (
            '<script type="application/ld+json">[{"@type":"NewsArticle","datePublished":'
            '"2025-04-02T09:24:00Z","dateModified":"2025-05-01T00:00:00Z"}]</script>'
        ),
    ],
)
def test_the_head_tells_a_time_that_the_page_hides(head: str) -> None:
    html = article_html(head=head).replace('<div class="post_time">02 April 2025 13:24</div>', "")
    parsed = parse_article(page(html), SITE)
    assert parsed.article.published_at == AT
    assert parsed.notes.unknown_time is None


def test_a_time_not_understood_is_noted() -> None:
    parsed = article(time="long ago")
    assert parsed.article.published_at is None
    assert parsed.notes.unknown_time == "long ago"
    assert "published_at" in parsed.article.extraction["missing"]  # type: ignore[index]


@pytest.mark.parametrize(
    "box", ["Updated:<br>03 April 2025 10:00", "Updated 03 April 2025 10:00<br>02 April 2025 13:24"]
)
def test_the_time_of_a_change_is_not_taken(box: str) -> None:
    assert article(time=box).article.published_at is None


def test_a_day_alone_is_noted() -> None:
    parsed = article(time="02 April 2025")
    assert parsed.article.published_at == datetime(2025, 4, 1, 20, tzinfo=UTC)
    assert parsed.notes.time_without_clock


# --- views


@pytest.mark.parametrize(
    ("shown", "views"),
    [
        ("Views: 141", 141),
        ("Views: 0", 0),
        ("Views: 1 234", 1_234),
        ("Views: 1,234,567", 1_234_567),
        ("Views: 1\xa0234\u202f567", 1_234_567),
        ("Просмотров: 12 345", 12_345),
        ("Դիտումներ՝ 12", 12),
        ("12 просмотров", 12),
        ("<span>Views</span>: <b>141</b>", 141),
        ("Views: 12. Likes: 3", 12),
        ("Views: 141 | 02 April 2025", 141),
        (f"Views: {MAX_INT64}", MAX_INT64),
    ],
)
def test_views(shown: str, views: int) -> None:
    parsed = article(views=shown)
    assert parsed.article.views == views
    assert parsed.notes.unknown_views is None


@pytest.mark.parametrize(
    "shown",
    [
        "Views:", "Views: 9223372036854775808", "Views: 1.2K", "Views: 3,5 тыс.", "Views: 2 млн",
        "Views: 141 02 April 2025", "Views: 1.2K (2025)",
        "Views: -5", "Views: 1e5", "Views: 12 34", "Views: many", "Views: ²",
        "Views: " + "9" * 50_000,
    ],
)  # fmt: skip
def test_counts_that_cannot_be_had_are_noted(shown: str) -> None:
    parsed = article(views=shown)
    assert parsed.article.views is None
    assert parsed.notes.unknown_views == shown[:100]


def test_no_counter_is_nothing_odd() -> None:
    parsed = article(views="")
    assert (parsed.article.views, parsed.notes.unknown_views) == (None, None)


# --- sections


@pytest.mark.parametrize(
    ("label", "sections"),
    [
        ('<div class="post_categoty">WORLD</div>', [("world", "WORLD")]),
        ('<div class="post_categoty"> wor\xadld </div>', [("world", "world")]),
        ('<div class="post_category">WORLD</div>', [("world", "WORLD")]),
        ('<a href="/en/category/w2"><div class="post_categoty">WORLD</div></a>', [("w2", "WORLD")]),
        ('<a class="post_categoty" href="/en/category/w2">WORLD</a>', [("w2", "WORLD")]),
        ('<div class="post_categoty">SCIENCE</div>', [(None, "SCIENCE")]),
        (
            (
                '<div class="post_categoty"><a href="/en/category/world">WORLD</a>, '
                '<a href="/en/category/sport">SPORT</a></div>'
            ),
            [("world", "WORLD"), ("sport", "SPORT")],
        ),
        ('<div class="post_categoty"><a href="/en/post/x">WORLD</a></div>', [("world", "WORLD")]),
        ('<div class="post_categoty"></div>', []),
        ("", []),
    ],
)
def test_sections(label: str, sections: list[tuple[str | None, str]]) -> None:
    found = article(section=label).article.sections
    assert [(section["slug"], section["name"]) for section in found] == sections


# --- authors


def ld(json: str) -> str:
    return f'<script type="application/ld+json">{json}</script>'


@pytest.mark.parametrize(
    ("head", "authors"),
    [
        (
            ld(
                '{"@graph":[{"@type":"WebPage"},{"@type":["NewsArticle"],"author":[{"@type":"Person",'
                '"name":"A. One"},{"name":"By B. Two"},{"name":"A. One"}]}]}'
            ),
            ["A. One", "B. Two"],
        ),
        (ld('[[{"@type":"NewsArticle","author":"C. Three"}]]'), ["C. Three"]),
        (ld('{"@type":"https://schema.org/Article","author":["C. Three"]}'), ["C. Three"]),
        (ld('{"@type":"WebPage","mainEntity":{"@type":"Article","author":"C. T"}}'), ["C. T"]),
        (ld('<!--\n{"@type":"Article","author":"C. Three"};\n-->'), ["C. Three"]),
        (ld('{"@type":"Article","headline":"two\nlines","author":"C. Three"}'), ["C. Three"]),
        (ld('{"@type":"Article","author":{"@type":"NewsMediaOrganization","name":"Abc"}}'), []),
        (ld('{"@type":"Article","author":{"@type":["Organization"],"name":"Abc"}}'), []),
        (ld('{"@type":"Article","author":{"name":["x"]}}'), []),
        (ld('{"@type":"Article","author":null}'), []),
        (ld('{"@type":[{"a":[]},5,null],"author":"A. One"}'), []),
        (ld('{"@type":"Article","author":"A. On'), []),
        (ld("[" * 100_000), []),
        (ld("null") + ld('{"\\u0000":1,"@type":"Article","author":"A. One"}'), ["A. One"]),
        ('<meta name="author" content="By A. One, 3 May 2024">', ["A. One"]),
        ('<meta name="Author" content="Caliber.Az">', []),
        ("", []),
    ],
)
def test_authors_of_the_head(head: str, authors: list[str]) -> None:
    assert article(head=head).article.authors == authors


@pytest.mark.parametrize(
    "head",
    [
        '<meta name="author" content="World">',
        '<meta name="author" content="By WORLD">',
        '<meta property="article:author" content="sport">',  # of the navigation
        ld('{"@type":"NewsArticle","author":{"@type":"Person","name":"WORLD"}}'),
        ld('{"@type":"NewsArticle","author":["SPORT"]}'),
        ld('{"@type":"NewsArticle","author":"Army","articleSection":"ARMY"}'),
        ld('{"@type":"NewsArticle","author":"Army","articleSection":["Snow","Army"]}'),
        '<meta name="author" content="Army"><meta property="article:section" content="Army">',
        # As a whole, before it is taken apart at its conjunction.
        ld('{"@type":"Article","author":"Army & Guard","articleSection":"army & guard"}'),
    ],
)  # fmt: skip
def test_a_section_is_no_author(head: str) -> None:
    found = article(head=head).article
    assert (found.authors, found.sections) == ([], [{"slug": "world", "name": "WORLD"}])
    assert found.extraction is not None
    assert "authors" in found.extraction["missing"]
    assert "head_authors" not in found.extraction


def test_persons_beside_a_section_are_authors() -> None:
    found = article(head=ld('{"@type":"NewsArticle","author":["World","A. One"]}')).article
    assert found.authors == ["A. One"]
    assert found.extraction is not None
    assert found.extraction.get("head_authors") == ["A. One"]


def test_the_byline_wins_over_the_head() -> None:
    head = '<meta name="author" content="B. Two">'
    assert article("<p>x</p><p>By A. One</p>", head=head).article.authors == ["A. One"]
    assert article("<p>x</p><p>By Caliber.Az</p>", head=head).article.authors == []


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("", '<div class="post_author">By Leyla <b>Quliyeva</b></div>'),
        ("", '<p class="post_x"><i>Desk</i> <a href="/en/a">By Leyla Quliyeva</a></p>'),
        ("", '<div class="post_signature">By Leyla Quliyeva</div>'),
        ("", '<div class="post_signature">Caliber.Az<p>By Leyla Quliyeva, Caliber.Az</div>'),
        ('</div><div class="post_info">By Leyla Quliyeva | 02 April 2025', ""),
        ("<span>By Leyla Quliyeva</span>", ""),
    ],
)
def test_bylines_in_the_frame_beside_the_text(before: str, behind: str) -> None:
    head = ld('{"@type":"NewsArticle","author":{"name":"B. Other"}}')
    found = article(
        f"<p>Snow.</p></div>{behind}<div>", time=f"02 April 2025 13:24 {before}", head=head
    ).article
    assert (found.authors, found.body) == (["Leyla Quliyeva"], "Snow.")


def test_what_is_no_byline_beside_the_text() -> None:
    beside = (
        '<div class="comments"><p>By Anna Stone</p></div><p hidden>By Anna Stone</p>'
        "<button>By Anna Stone</button><p>By Reuters</p><p>By the sea</p><p>By Caliber.Az</p>"
        f"{card_html(title='By Anna Stone')}<p>By Anna Stone</p>"
    )
    cover = '<div class="post_cover"><p>By Anna Stone</p></div>'
    views = f"Views: 7</div>{beside}<div>"
    found = article(title="By Anna Stone", cover=cover, views=views).article
    assert found.authors == []
    own = article("<p>Snow.</p><p>By Leyla Quliyeva</p>", views="</div><p>By Anna Stone</p><div>")
    assert own.article.authors == ["Leyla Quliyeva"]


def test_a_byline_behind_the_signature_of_the_house() -> None:
    found = article("<p>Snow.</p><p>By A. One</p><p>Caliber.Az</p><p>Views: 3</p>").article
    assert (found.body, found.authors) == ("Snow.", ["A. One"])


# --- addresses


@pytest.mark.parametrize(
    "href",
    [
        "https://caliber.az/", "https://caliber.az/en/", "https://caliber.az/en/category/world",
        "https://caliber.az/post/north-road-reopens", "https://example.org/en/post/north-road-reopens",
        "", "#", "undefined", "null", "http://[bad", "/en/post/", "javascript:void(0)",
        "/en/post/north-road-reopens", "https://www.caliber.az/en/post/north-road-reopens/?utm_id=1",
    ],
)  # fmt: skip
def test_canonical_links_that_change_nothing(href: str) -> None:
    found = article(head=f'<link rel="canonical" href="{href}">').article
    assert (found.url, found.id, found.aliases) == (ARTICLE_URL, "en/north-road-reopens", [])


def test_the_canonical_link_names_the_address() -> None:
    head = '<link rel="Canonical" href="//caliber.az/en/post/north-road">'
    found = article(head=head).article
    assert found.url == "https://caliber.az/en/post/north-road"
    assert (found.id, found.slug) == ("en/north-road", "north-road")
    assert found.aliases == [ARTICLE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "http://www.Caliber.AZ:80/en/post/north-road-reopens/?fbclid=1#top",
        "https://caliber.az/en/post/north-road-reopens/amp",
        "https://caliber.az/amp/en/post/north-road-reopens?amp=1",
    ],
)
def test_variants_of_an_address_are_one_article(url: str) -> None:
    found = article(url=url).article
    assert (found.url, found.id) == (ARTICLE_URL, "en/north-road-reopens")


def test_addresses_that_differ_by_a_number_are_two_articles() -> None:
    ids = {article(url=f"{ARTICLE_URL}?id={number}").article.id for number in (1, 2)}
    assert ids == {"en/north-road-reopens?id=1", "en/north-road-reopens?id=2"}


def test_an_address_that_is_no_articles_has_no_identity() -> None:
    found = article(url="https://caliber.az/preview/1").article
    assert (found.id, found.language) == (None, None)
    assert found.url == "https://caliber.az/preview/1"


def test_links_start_from_the_base_that_a_page_states() -> None:
    name = "0" * 32
    found = article(
        f'<p>Snow. <a href="en/post/other">Another story</a> tells of rain.</p>'
        f'<img src="media/photos/original/{name}.webp"><iframe src="video/1"></iframe>',
        head=(
            '<meta charset="utf-8"><base target="_blank"><base href="https://www.caliber.az/">'
            '<link rel="canonical" href="en/post/north-road"><meta property="og:image" content="x">'
            '<link rel="alternate" hreflang="ru" href="post/sever">'
        ),
        header='<a href="arm/post/hyusis">arm</a>',
        cover='<div class="post_cover" style="background-image:url(media/c.webp)"></div>',
        section='<a href="en/category/world"><div class="post_categoty">WORLD</div></a>',
    ).article
    origin = "https://www.caliber.az"
    assert (found.url, found.aliases) == ("https://caliber.az/en/post/north-road", [ARTICLE_URL])
    assert found.sections == [{"slug": "world", "name": "WORLD"}]
    assert [link["url"] for link in found.links] == [f"{origin}/en/post/other"]
    assert [image["url"] for image in found.images] == [
        f"{origin}/media/c.webp",
        f"{origin}/media/photos/original/{name}.webp",
    ]
    assert [embed["url"] for embed in found.embeds] == [f"{origin}/video/1"]
    assert found.alternates == {
        "ru": "https://caliber.az/post/sever",
        "arm": "https://caliber.az/arm/post/hyusis",
    }


def test_other_editions() -> None:
    head = (
        '<link rel="alternate" hreflang="ru" href="/post/sever">'
        '<link rel="alternate" hreflang="hy" href="https://caliber.az/am/post/hyusis">'
        f'<link rel="alternate" hreflang="en" href="{ARTICLE_URL}">'
        '<link rel="alternate" hreflang="x-default" href="/az/post/no">'
        '<link rel="alternate" hreflang="az" href="/az/">'
        '<link rel="alternate" type="application/rss+xml" href="/az/post/feed">'
    )
    assert article(head=head).article.alternates == {
        "ru": "https://caliber.az/post/sever",
        "am": "https://caliber.az/am/post/hyusis",
    }


def test_the_edition_switch_tells_other_editions() -> None:
    header = '<a href="/post/sever">ru</a><a href="/arm/"><img alt="arm"></a>'
    assert article(header=header).article.alternates == {"ru": "https://caliber.az/post/sever"}
    no_prefix = '<a href="/post/sever?lang=arm">arm</a>'
    assert article(header=no_prefix).article.alternates == {}
    assert (
        article(header=no_prefix + header).article.alternates
        == article(header=header).article.alternates
    )


# --- pictures and description


@pytest.mark.parametrize(
    ("cover", "url"),
    [
        ("background-image:url(/a.jpg)", "/a.jpg"),
        ("background-image:url('/a b.jpg')", "/a%20b.jpg"),
        ("background-image: URL( &quot;/a(1).jpg&quot; );color:red", "/a(1).jpg"),
        ("color:red;background:#fff url(//caliber.az/a.jpg) no-repeat", "/a.jpg"),
        ("background-image:linear-gradient(red,blue),url(/a.jpg)", "/a.jpg"),
        ("background-image:url(data:image/png;base64,AA==),url(/a.jpg)", "/a.jpg"),
        ("background-image:url(data:image/png;base64,AA==)", "/og.jpg"),
        ("background-image:url('data:image/svg+xml;utf8,&lt;svg a=url(x)>')", "/og.jpg"),
        ("background-image:url()", "/og.jpg"),
        ("background-image:none", "/og.jpg"),
        ("list-style-image:url(/a.jpg)", "/og.jpg"),
        ("background-image:url(/templates/Default/api/zoom.png)", "/og.jpg"),
        ("background-image:url(/a.jpg", "/og.jpg"),
        ("background:url(" * 50_000, "/og.jpg"),
    ],
)
def test_covers(cover: str, url: str) -> None:
    found = article(
        cover=f'<div class="post_cover" style="{cover}"></div>',
        head='<meta property="og:image" content="/og.jpg">',
    ).article
    assert found.images == [{"url": f"https://caliber.az{url}", "role": "cover", "caption": None}]


@pytest.mark.parametrize(
    "cover",
    [
        '<div class="post_cover" data-bg="/a.jpg" style="background-image:url(data:,)"></div>',
        '<div class="post_cover"><img src="/a.jpg"></div>',
        '<div class="post_cover"><img src="/templates/X/api/zoom.png"><img src="/a.jpg"></div>',
        '<div class="post_cover"><a><div style="background-image:url(/a.jpg)"></div></a></div>',
    ],
)
def test_covers_of_other_make(cover: str) -> None:
    found = article('<img src="/a.jpg"><img src="/b.jpg">', cover=cover).article
    assert [(image["url"], image["role"]) for image in found.images] == [
        ("https://caliber.az/a.jpg", "cover"),
        ("https://caliber.az/b.jpg", "body"),
    ]


def test_a_video_in_the_place_of_the_cover() -> None:
    cover = '<div class="post_cover"><iframe src="https://youtu.be/a"></iframe></div>'
    found = article('<iframe src="https://t.me/a/1"></iframe>', cover=cover).article
    assert [embed["type"] for embed in found.embeds] == ["youtube", "telegram"]


def test_the_heads_picture_stands_in_only_where_there_is_none() -> None:
    head = '<meta property="og:image" content="https://caliber.az/og.jpg">'
    assert [i["url"] for i in article('<img src="/b.jpg">', head=head).article.images] == [
        "https://caliber.az/b.jpg"
    ]


@pytest.mark.parametrize(
    ("picture", "taken"),
    [
        ("/logo.png", False),
        ("https://caliber.az/upload/site-logo_2.svg?v=1", False),
        ("/templates/Default/images/share.jpg", False),
        ("/upload/no-image.jpg", False),
        ("/media/photos/original/aa.webp", True),
        ("/upload/logology.jpg", True),
        ("/upload/logos/snow.jpg", True),
        ("/upload/catalogo.jpg", True),
    ],
)
def test_the_publishers_sign_is_no_cover(picture: str, taken: bool) -> None:
    found = article(head=f'<meta property="og:image" content="{picture}">').article
    assert bool(found.images) is taken
    assert found.extraction is not None
    assert ("images" in found.extraction["missing"]) is not taken


def test_description() -> None:
    head = (
        '<meta name="Description" content=" Sno\xadw "><meta property="og:description" content="x">'
    )
    assert article(head=head).article.description == "Snow"
    assert article(head='<meta name="description" content="">').article.description is None
    twice = "&amp;laquo;Snow&amp;raquo; &amp;mdash; M&amp;S &amp;now;"
    head = f'<meta name="description" content="{twice}">'
    assert article(head=head).article.description == "«Snow» — M&S &now;"


def test_a_title_escaped_twice_is_no_conflict() -> None:
    assert title_conflicts("Road &amp;amp; snow", headline="Road &amp; snow") == []


# --- frame


def test_the_frame_that_holds_the_article_is_found() -> None:
    html = f'<div class="post"><p>A box</p></div>{article_html()}'
    assert parse_article(page(html), SITE).article.body == "Snow fell."


PASTED = (
    '<p>The council opened the tunnel.</p><p class="post_categoty">SPORT</p>'
    '<h2 class="post_title">Another story</h2><p class="post_time">01 March 2024 10:00</p>'
    '<div class="post_cover" style="background-image:url(/b.jpg)"></div>'
    '<div><p class="post_hits">Views: 99</p></div>'
)


def test_what_editors_paste_from_the_sites_pages_does_not_stand_for_the_pages_own() -> None:
    cover = '<div class="post_cover" style="background-image:url(/a.jpg)"></div>'
    for section in ("post_categoty", "post_category"):
        label = f'<div class="{section}">WORLD</div>'
        before = article(PASTED, cover=cover, section=label).article
        assert (before.title, before.views, before.published_at) == ("North road reopens", 141, AT)
        assert [section["name"] for section in before.sections] == ["WORLD"]
        assert [(image["url"][-6:], image["role"]) for image in before.images] == [
            ("/a.jpg", "cover"), ("/b.jpg", "body"),
        ]  # fmt: skip
        assert before.body.startswith("The council opened the tunnel.")
        assert "99" not in before.body
    assert [image["role"] for image in article(PASTED).article.images] == ["body"]
    # The page's own may stand behind the text, too.
    behind = article(f"{PASTED}</div>{cover}<div>").article
    assert [image["role"] for image in behind.images] == ["cover", "body"]
    assert behind.images[0]["url"].endswith("/a.jpg")


def test_parts_within_the_body_stand_in_where_there_are_no_others() -> None:
    bare = f'<div class="post"><div class="post_body">{PASTED}</div></div>'
    found = parse_article(page(bare), SITE).article
    assert (found.title, found.views, len(found.images)) == ("Another story", 99, 1)
    assert found.images[0]["role"] == "cover"
    own = article(f"{PASTED}</div></div><p>More.</p>", views="Views: 7").article
    assert own.views == 7, "of the page, behind a stray end tag"


def test_parts_outside_the_frame_do_not_count() -> None:
    html = (
        f'<h1 class="post_title">Other</h1><div class="post_hits">9</div>{article_html(views="")}'
    )
    found = parse_article(page(html), SITE).article
    assert (found.title, found.views) == ("North road reopens", None)


@pytest.mark.parametrize("end", ["</div>", "</div></div>", "</div><div>", "</section></div>"])
def test_text_behind_a_stray_end_tag_is_text(end: str) -> None:
    found = article(
        f'<p>One.</p>{end}<p>Two.</p>three <b>four</b><div class="ads">ad</div>'
        '<img src="/a.jpg"><p>By Leyla Quliyeva</p>'
    ).article
    assert found.body == "One.\n\nTwo.\n\nthree four"
    assert (found.authors, found.views) == (["Leyla Quliyeva"], 141)
    assert [image["url"] for image in found.images] == ["https://caliber.az/a.jpg"]
    assert found.extraction is not None
    assert found.extraction["method"] == "template"


@pytest.mark.parametrize(
    "behind",
    [
        "<p>Liked it? Share it!</p>",
        f"<p>More of the world</p>{card_html()}<i class='post_hits'>9</i>",
        '<p>Next</p><div class="post"><div class="post_hits">9</div></div>',
        '<p>Next</p><div><div class="post"><div class="post_hits">9</div></div></div>',
    ],
)
def test_without_a_mark_of_the_end_nothing_behind_the_body_is_text(behind: str) -> None:
    html = '<div class="post"><b class="post_title">T</b><div class="post_body"><p>One.</p></div>'
    assert parse_article(page(f"{html}</div>{behind}"), SITE).article.views is None
    for frame_end in ("", "</div>"):
        assert parse_article(page(f"{html}{frame_end}{behind}"), SITE).article.body == "One."


def test_parts_of_the_frame_between_text_and_signature_are_no_text() -> None:
    found = article('<p>One.</p></div><div class="post_tags">snow</div><p>Two.</p>').article
    assert (found.body, found.views) == ("One.\n\nTwo.", 141)


def test_a_title_alone_makes_a_record() -> None:
    found = parse_article(page('<i class="post x"><b class="post_title">T</b></i>'), SITE).article
    assert (found.title, found.body) == ("T", "")
    assert found.extraction is not None
    assert set(found.extraction["missing"]) == {
        "description", "authors", "sections", "published_at", "body", "images", "views",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("html", "kind", "url"),
    [
        (b"", "unknown", ARTICLE_URL),
        (b" \n\t", "unknown", ARTICLE_URL),
        (b"\x00\x00", "unknown", ARTICLE_URL),
        (b"\xff\xfe", "unknown", ARTICLE_URL),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "unknown", ARTICLE_URL),
        (b"<", "unknown", ARTICLE_URL),
        (b"<!doctype html><!-- x", "unknown", ARTICLE_URL),
        (b'{"a": 1}', "unknown", ARTICLE_URL),
        (b"<h1>Page not found</h1>", "not_found", ARTICLE_URL),
        (b"<?xml version='1.0'?><rss><channel/></rss>", "unknown", ARTICLE_URL),
        (b"<div class='posts'><h1 class='post_titles'>T</h1></div>", "unknown", ARTICLE_URL),
        (card_html().encode(), "list", "https://caliber.az/en/category/world"),
        (card_html().encode(), "list", ARTICLE_URL),
        (card_html().encode(), "home", "https://caliber.az/en/"),
        (b"<div class='post'></div>", "empty", ARTICLE_URL),
    ],
)
def test_pages_without_an_article(html: bytes, kind: str, url: str) -> None:
    with pytest.raises(NotAnArticle) as caught:
        parse_article(page(html, url), SITE)
    assert caught.value.kind == kind


def test_the_reason_quotes_the_page() -> None:
    with pytest.raises(NotAnArticle, match="Page not found"):
        parse_article(page("<title>T</title><h1>Page <b>not</b> found</h1>"), SITE)


def test_a_headline_like_an_error_text_is_a_headline() -> None:
    assert article(title="Page not found: a lost archive").article.title is not None


@pytest.mark.parametrize(
    "title",
    [
        "Sorry, this page is unavailable", "Oops! That page can’t be found.",
        "The page you are looking for doesn't exist", "Sorry, page not found",
        "Sorry, this page isn't available", "This article cannot be found here",
        "We couldn't find the page you’re looking for", "Nothing found | Caliber.Az",
        "Материал недоступен", "Страница отсутствует", "Ничего не найдено",
        "Извините, запрашиваемая страница временно недоступна", "Такой страницы больше нет",
        "Страница, которую вы ищете, не существует", "Axtardığınız səhifə mövcud deyil",
        "Heç nə tapılmadı", "Էջը հասանելի չէ", "Ոչինչ չի գտնվել",
        # Nothing else makes an article of the page, so the headline may go on.
        "Page not found in our archive of news", "Страница не найдена на нашем сайте",
    ],
)  # fmt: skip
def test_a_frame_that_says_not_found_is_no_article(title: str) -> None:
    frame = (
        f"<div class='post'><h1 class='post_title'>{title}</h1>"
        "<div class='post_body'><p>Try the search, or begin at the home page.</p></div></div>"
    )
    with pytest.raises(NotAnArticle) as caught:
        parse_article(page(frame), SITE)
    assert caught.value.kind == "not_found"
    assert article(title=title).article.title == title  # with time, section and counter


NO_ACCESS = [
    (
        "По данному адресу публикаций на сайте не найдено, либо у Вас нет доступа для просмотра "
        "информации по данному адресу."
    ),
    "К сожалению, данная страница для Вас не доступна, возможно был изменен ее адрес.",
    (
        "Unfortunately, this page is not available for you, perhaps your access rights have been "
        "changed or removed"
    ),
    "The article cannot be found",
]


@pytest.mark.parametrize("said", NO_ACCESS)
@pytest.mark.parametrize(
    "html",
    [
        '<title>Caliber.Az</title><div class="berrors"><b>Attention.</b> {}</div>',
        '<title>x</title><div id="info"><div class="alert berrors">{}</div></div>',
        '<title>x</title><div class="post"><div class="berrors">{}</div></div>',
        '<div class="post"><h1 class="post_title">Error</h1><div class="post_body">{}</div></div>',
    ],
)
def test_an_error_box_in_the_place_of_an_article(html: str, said: str) -> None:
    frame = html.format(f"{said}<br>")
    for shown in (frame, f"<body><p>{'Menu '}</p>{frame}{card_html()}</body>"):
        with pytest.raises(NotAnArticle) as caught:
            parse_article(page(shown), SITE)
        assert caught.value.kind == "not_found", shown


def test_an_error_box_beside_an_article_or_in_one_is_no_matter() -> None:
    for said in NO_ACCESS:
        assert article(f"<p>{said}</p>").article.body == said
        beside = f'<div class="berrors">{said}</div>'
        assert article(views=f"Views: 3</div>{beside}<div>").article.body == "Snow fell."
    text = "Snow fell on the road. " * 30
    story = f"<h1>Snow on the road</h1><p>{text}</p><p>The article cannot be found now.</p>"
    assert parse_article(page(story), SITE).article.title == "Snow on the road"


@pytest.mark.parametrize(
    "title",
    [
        "Page of history cannot be found in textbooks", "Gas unavailable in three districts",
        "The page turned: what you are looking for in the budget", "Sorry, says the minister",
        "Новости не радуют", "Страница истории, которая недоступна",
    ],
)  # fmt: skip
def test_news_of_what_is_not_there_are_articles(title: str) -> None:
    bare = {"section": "", "time": "", "views": ""}
    assert article(title=title, **bare).article.title == title


def test_a_section_or_a_counter_makes_an_article_of_a_headline_that_goes_on() -> None:
    title = "Page not found in the archive of Sheki"
    for one in ({"section": ""}, {"views": ""}):
        assert article(title=title, **{"time": "", **one}).article.title == title


def test_many_frames_take_no_long_time() -> None:
    html = '<div class="post">' * 1_500 + "</div>" * 1_500 + '<b class="post_title">T</b>' * 20_000
    with pytest.raises(NotAnArticle):
        parse_article(page(html), SITE)


def test_many_empty_frames_beside_their_parts_take_no_long_time() -> None:
    def reading(number: int) -> Callable[[], object]:
        html = '<i class="post"></i>' * number + '<i class="post_time"></i>' * number
        read_page = page(html + '<div class="post"><b class="post_title">T</b></div>')
        assert len(read_page.root)
        return lambda: titles.add(parse_article(read_page, SITE).article.title)

    titles: set[str | None] = set()
    assert_linear(reading, 1_000)
    assert titles == {"T"}


# --- whatever comes


@lru_cache(maxsize=1)
def _valid() -> bytes:
    body = (
        '<p>One <a href="/en/post/x">two</a><br>three</p><figure><img src="/a.jpg"><figcaption>c'
        '</figcaption></figure><table><tr><td>1</table><iframe src="https://t.me/a/1"></iframe>'
    )
    head = '<link rel="canonical" href="/en/post/x"><meta name="author" content="A. One">' + ld(
        '{"@type":"NewsArticle","author":[{"name":"A. One"}],"datePublished":"2025-04-02"}'
    )
    cover = '<div class="post_cover" style="background-image:url(/c.jpg)"></div>'
    return article_html(body, head=head, cover=cover).encode()


def read(html: bytes, url: str = ARTICLE_URL) -> ParsedArticle | None:
    try:
        return parse_article(page(html, url), SITE)
    except NotAnArticle:
        return None


@given(html=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_raise_nothing_else(html: bytes) -> None:
    assert read(html) is None


@given(
    at=st.integers(0, len(_valid())),
    gone=st.integers(0, 60),
    put=st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [b"<", b">", b'"', b"&#", b"<!--", b"</div>", b"<p", b"\x00", b"<template>"]
        ),
    ),
)
@settings(max_examples=100, deadline=None)
def test_damaged_pages_raise_nothing_else(at: int, gone: int, put: bytes) -> None:
    html = _valid()[:at] + put + _valid()[at + gone :]
    parsed = read(html)
    if parsed is not None:
        record = clean(parsed.article)
        assert record.url is not None
        assert record.url.startswith("https://caliber.az/")
        for image in record.images:
            assert image["url"].startswith(("http://", "https://"))


def test_a_page_cut_off_in_its_time_has_no_text() -> None:
    whole = article_html(time="02 April 2025 13:24")
    found = parse_article(page(whole[: whole.index("13:24") + 3]), SITE)
    assert (found.article.body, found.notes.unknown_time) == ("", "02 April 2025 13:")


@given(keep=st.integers(0, len(_valid())))
@settings(max_examples=60, deadline=None)
def test_cut_off_pages_give_what_is_there(keep: int) -> None:
    parsed = read(_valid()[:keep])
    whole = read(_valid())
    assert whole is not None
    if parsed is not None:
        assert whole.article.body.startswith(parsed.article.body)
