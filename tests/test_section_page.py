"""List pages: cards, sections, editions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.items import Card
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.kinds import in_place_of_a_list
from caliber_crawler.pages.section import parse_cards, parse_list
from tests.pages import (
    ARTICLE_URL,
    HEADER,
    SECTION_URL,
    SITE,
    article_html,
    card_html,
    listing,
    page,
)


def only_card(html: str) -> Card:
    (card,) = listing(html).cards
    return card


def test_a_card() -> None:
    found = listing(HEADER + card_html())
    assert found.cards == [
        Card(
            url="https://caliber.az/en/post/another-story",
            href="https://caliber.az/en/post/another-story",
            title="Another story",
            section={"slug": "world", "name": "WORLD"},
            time_text="01 April 2025 10:00",
            published_at=datetime(2025, 4, 1, 6, tzinfo=UTC),
            image="https://caliber.az/media/photos/normal/aa.webp",
        )
    ]
    assert (found.language, found.broken_cards, found.unknown_times) == ("en", 0, 0)


@pytest.mark.parametrize(
    "href",
    [
        "/en/post/x", "//caliber.az/en/post/x", "../post/x", "HTTPS://CALIBER.AZ/en/post/x",
        "http://www.caliber.az:80/en/post/x/", "https://caliber.az:443/en/post/x?utm_source=a#b",
        " /en/post/x\n", "/en//post/./x",
    ],
)  # fmt: skip
def test_addresses_of_cards(href: str) -> None:
    card = only_card(card_html(href))
    assert card.url == "https://caliber.az/en/post/x"
    assert card.href.startswith(("http://", "https://", "HTTPS://"))
    assert SITE.canonical(card.href) == card.url


@pytest.mark.parametrize(
    "href",
    ["", "#", "https://example.org/en/post/x", "/en/category/world", "mailto:a@b", "http://[bad"],
)
def test_broken_cards_are_counted(href: str) -> None:
    found = listing(card_html(href) + card_html())
    assert found.broken_cards == 1
    assert [card.title for card in found.cards] == ["Another story"]


def test_one_article_under_two_addresses_has_a_card_for_each() -> None:
    found = listing(card_html("/en/post/x") + card_html("/en/post/x") + card_html("/en/post/x/?"))
    assert [card.url for card in found.cards] == ["https://caliber.az/en/post/x"] * 2
    assert len({card.href for card in found.cards}) == 2


def run_of(name: str, number: int, around: str = "{}") -> str:
    found = (around.format(card_html(f"/en/post/{name}-{n}")) for n in range(number))
    return "".join(found)


@pytest.mark.parametrize(
    ("html", "sizes"),
    [
        (f"<main>{run_of('a', 12)}</main>", [12]),
        (f"<main>{run_of('a', 12)}</main><aside>{run_of('b', 12)}</aside>", [12, 12]),
        (f"<div>{run_of('a', 12)}</div><div>{run_of('b', 12)}</div>", [12, 12]),
        (f"<main>{run_of('a', 12)}</main><aside>{run_of('b', 3)}</aside>", [12, 3]),
        ("".join(f"<div class=row>{run_of(row, 3)}</div>" for row in "abcd"), [12]),
        (f"<main>{run_of('a', 12, '<div class=col>{}</div>')}</main>", [12]),
        (
            (
                f"<main>{run_of('a', 12, '<li>{}</li>')}</main>"
                f"<aside>{run_of('b', 5, '<li>{}</li>')}</aside>"
            ),
            [12, 5],
        ),
    ],
)
def test_cards_in_several_places_are_told_apart(html: str, sizes: list[int]) -> None:
    blocks = [card.block for card in listing(f"{HEADER}<div>{html}</div>").cards]
    assert blocks[0] == 0
    assert [blocks.count(block) for block in dict.fromkeys(blocks)] == sizes
    assert blocks == sorted(blocks)


def test_a_card_that_stands_in_two_places_is_the_larger_ones() -> None:
    both = card_html("/en/post/a-3")
    found = listing(f"<aside>{both}{run_of('b', 3)}</aside><main>{run_of('a', 12)}</main>")
    blocks = {card.url.rpartition("/")[2]: card.block for card in found.cards}
    assert blocks["a-3"] == blocks["a-5"] != blocks["b-1"]
    assert len(blocks) == len(found.cards) == 15


def test_addresses_that_differ_by_a_number_are_two_articles() -> None:
    found = listing(card_html("/en/post/x?id=1") + card_html("/en/post/x?id=2"))
    assert len({card.url for card in found.cards}) == 2


def test_today_on_a_card_is_the_day_of_the_answer() -> None:
    html = card_html(time="Today, 10:00").encode()
    at = datetime(2025, 4, 1, 12, tzinfo=UTC)
    [card] = parse_cards(Page(SECTION_URL, html, at=at), SITE).cards
    assert card.published_at == datetime(2025, 4, 1, 6, tzinfo=UTC)
    [card] = parse_cards(Page(SECTION_URL, html), SITE).cards
    assert card.published_at is None, "it is not the day on which somebody reads it"


def test_unknown_times_are_counted() -> None:
    found = listing(card_html(time="soon") + card_html("/en/post/y", time=""))
    assert found.unknown_times == 1
    assert [card.time_text for card in found.cards] == ["soon", None]
    assert {card.published_at for card in found.cards} == {None}


@pytest.mark.parametrize(
    ("parts", "section"),
    [
        ({"category_href": ""}, {"slug": None, "name": "WORLD"}),
        ({"category": ""}, {"slug": "world", "name": "world"}),
        ({"category": "", "category_href": "#"}, None),
        ({"category": "МИР", "category_href": "/category/mir"}, {"slug": "mir", "name": "МИР"}),
    ],
)
def test_sections_of_cards(parts: dict[str, str], section: object) -> None:
    assert only_card(card_html(**parts)).section == section


@pytest.mark.parametrize(
    ("box", "image"),
    [
        ('<div class="float_block_image" style="background-image:url(/a.webp)">', "/a.webp"),
        ('<div class="float_block_image" data-bg="/a.webp">', "/a.webp"),
        ('<div class="float_block_image"><img src="data:," data-src="/a.webp">', "/a.webp"),
        ('<div class="float_block_image" style="background-image:url(data:,a)">', None),
        ('<div class="float_block_image">', None),
        ("<div>", None),
    ],
)
def test_pictures_of_cards(box: str, image: str | None) -> None:
    card = only_card(f'<div class="float_block">{box}</div><a href="/en/post/x">Words</a></div>')
    assert card.image == (image and f"https://caliber.az{image}")
    assert card.title == "Words"


def test_a_headline_with_markup() -> None:
    assert only_card(card_html(title="A <b>bold</b> start<br>of &amp; end")).title == (
        "A bold start of & end"
    )


@pytest.mark.parametrize(
    ("switch", "editions"),
    [
        (HEADER + '<a href="/en/">en</a>', [("ru", "ru"), ("arm", "arm")]),
        ('<a href="/"> RU\u200b </a><a href="/am/">Arm</a>', [("ru", "ru"), ("arm", "am")]),
        ('<a href="/hy/"><img src="/f/1.png" alt="ARM"></a>', [("arm", "hy")]),
        ('<a href="/hy"><span><i></i><img alt="arm"></span></a>', [("arm", "hy")]),
        ('<a href="/hy/"><img src="/flags/arm.png?v=2"></a>', [("arm", "hy")]),
        ('<a href="/hy/" title="arm"><i></i></a>', [("arm", "hy")]),
        ('<a href="/hy/" hreflang="hy"></a>', [("hy", "hy")]),
        ('<a href="/hy/"><svg><title>arm</title></svg></a>', [("arm", "hy")]),
        ('<a href="/hy/"><svg aria-label="arm"></svg></a>', [("arm", "hy")]),
        ('<a href="/hy/"><svg><title>flag</title></svg>arm</a>', [("arm", "hy")]),
        ('<a href="/hy/" aria-label="Հայերեն"></a>', [("հայերեն", "hy")]),
        ('<a href="/am/"><b>a</b><b>rm</b></a>', [("arm", "am")]),
        ('<a href="//www.caliber.az/am">arm</a>', [("arm", "am")]),
        ('<a href="https://caliber.az/post/y">РУС</a>', [("ru", "ru")]),
        ('<a href="/category/mir">ru</a><a href="/search/abc">ru</a>', [("ru", "ru")]),
        ('<a href="https://arm.caliber.az/">arm</a>', []),
        ('<a href="/">Caliber.Az</a><a href="/arm/">Read the Armenian edition</a>', []),
        ('<a href="/en/post/x">en</a><a href="#">ru</a><a>ru</a><a href="">arm</a>', []),
        ('<a href="/rss"><img src="/rss.png"></a><a href="/media/x">ru</a>', []),
    ],
)  # fmt: skip
def test_edition_switches(switch: str, editions: list[tuple[str, str]]) -> None:
    found = listing(switch).editions
    assert [(edition.label, edition.address.language) for edition in found] == editions


@pytest.mark.parametrize(
    ("html", "sections"),
    [
        ('<a href="/en/category/world">WORLD</a>', [("en", "world", "WORLD")]),
        ('<a href="/category/mir"><b>МИ</b>Р</a>', [("ru", "mir", "МИР")]),
        ('<a href="/am/category/a?utm_id=1#x">Ա</a>', [("am", "a", "Ա")]),
        ('<a href="/en/category/w"><img></a><a href="/en/category/w">W</a>', [("en", "w", "W")]),
        ('<a href="/en/category/w" title="Ww"><img></a>', [("en", "w", "Ww")]),
        ('<a href="/en/category/w"><img alt="Ww"></a>', [("en", "w", "Ww")]),
        ('<a href="/en/category/w"></a>', [("en", "w", "w")]),
        ('<a href="/en/category/w"><svg><title>x</title></svg>W</a>', [("en", "w", "W")]),
        ('<a href="/en/category/w"><svg><title>Ww</title></svg></a>', [("en", "w", "Ww")]),
        ('<a href="/en/category/w/2">2</a><a href="/en/category/">all</a>', []),
        ('<a href="https://example.org/category/w">W</a>', []),
        (
            '<a href="/en/category/w">W</a><a href="/en/category/w/asia">ASIA</a>',
            [("en", "w", "W"), ("en", "w/asia", "ASIA")],
        ),
        (
            (
                '<a href="/en/category/w?page=2">2</a><a href="/en/category/w">W</a>'
                '<a href="/en/category/w?page=3">Next</a>'
            ),
            [("en", "w", "W")],
        ),
        (
            (
                '<a href="/en/category/w?v=1"><img></a><a href="/en/category/w?v=1">W</a>'
                '<a href="/en/category/w?page=2">2</a>'
            ),
            [("en", "w", "W")],
        ),
    ],
)
def test_sections_of_the_navigation(html: str, sections: list[tuple[str, str, str]]) -> None:
    found = listing(html).sections
    assert [(link.language, link.ref["slug"], link.ref["name"]) for link in found] == sections


def test_further_pages_of_a_list_are_no_sections() -> None:
    pages = "".join(f'<a href="/en/category/world?page={n}">{n}</a>' for n in range(2, 6))
    sport = '<a href="/en/category/sport">Sport</a>'
    for query in ("", "?page=2"):
        found = listing(pages + sport, f"https://caliber.az/en/category/world{query}")
        assert [link.href for link in found.sections] == ["https://caliber.az/en/category/sport"]
    home = "https://caliber.az/en/"
    elsewhere = listing(pages + '<a href="/en/category/world">World</a>', home).sections
    assert [link.href for link in elsewhere] == ["https://caliber.az/en/category/world"]
    alone = listing(pages, home).sections
    assert [link.url for link in alone] == ["https://caliber.az/en/category/world?page=2"]


def test_the_navigation_names_sections_before_the_cards_do() -> None:
    found = listing(card_html(category="Of the card") + HEADER)
    assert [link.ref["name"] for link in found.sections] == ["WORLD", "SPORT"]


def test_the_edition_of_a_list_is_its_address_own() -> None:
    assert listing("", "https://caliber.az/category/mir").language == "ru"
    assert listing("", "https://caliber.az/am/").language == "am"
    assert listing("", "https://example.org/en/").language is None


def test_cards_and_sections_start_from_the_base_that_a_page_states() -> None:
    card = card_html("en/post/x", category_href="en/category/world", style="background:url(m/a.w)")
    found = listing(
        f"<head><base href='/'></head><a href='arm/'>arm</a><a href='category/mir'>МИР</a>{card}"
    )
    assert [link.url for link in found.sections] == [
        "https://caliber.az/category/mir", "https://caliber.az/en/category/world",
    ]  # fmt: skip
    assert [edition.href for edition in found.editions] == ["https://caliber.az/arm/"]
    (taken,) = found.cards
    assert (taken.url, taken.image) == ("https://caliber.az/en/post/x", "https://caliber.az/m/a.w")
    # What a browser shows of the page is a piece of it.
    piece = Page(SECTION_URL, card.encode(), begins_at="https://caliber.az/")
    assert [one.url for one in parse_cards(piece, SITE).cards] == [taken.url]
    assert parse_cards(Page(SECTION_URL, card.encode()), SITE).broken_cards == 1


def test_an_article_page_has_a_list_too() -> None:
    found = parse_list(page(article_html()), SITE)
    assert [card.title for card in found.cards] == ["Another story"]
    assert found.url == ARTICLE_URL


@pytest.mark.parametrize("html", ["", " ", "\x00", "<", "{}", "<h1>Page not found</h1>"])
def test_pages_without_cards(html: str) -> None:
    found = listing(html)
    assert (found.cards, found.sections, found.editions, found.broken_cards) == ([], [], [], 0)


def test_nested_and_many_cards() -> None:
    nested = '<div class="float_block">' * 500 + card_html() + "</div>" * 500
    assert len(listing(nested).cards) == 1
    many = "".join(card_html(f"/en/post/{number}") for number in range(2_000))
    assert len(listing(many).cards) == 2_000


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [card_html(), HEADER, "<a href='", "'>", "</div>", "<a href=/am/>arm", "<!--"]
            ),
            st.text(max_size=10),
        ),
        max_size=8,
    ).map("".join)
)
@settings(max_examples=80, deadline=None)
def test_lists_never_raise(html: str) -> None:
    found = listing(html)
    assert len({card.href for card in found.cards}) == len(found.cards)


def test_links_that_may_lead_to_sections_are_told_once_each() -> None:
    found = listing(
        '<a href="/en/category/a/b/c/d">D</a><a href="/en/category/a/b/c/d/">D</a>'
        '<a href="/en/category/a/page/2">2</a><a href="/en/category/">all</a>'
        '<a href="https://example.org/category/a/b/c/d">D</a>'
    )
    assert found.sections == []
    assert found.odd_sections == ["https://caliber.az/en/category/a/b/c/d"]


_NAVIGATION = (
    '<nav><a href="/en/category/world">WORLD</a> <a href="/en/category/sport">SPORT</a></nav>'
)
_WAITING = "<main id=list></main><script src=/list.js></script>"


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        ("<title>Just a moment...</title><h1>Checking your browser</h1>", "challenge"),
        (f"<h1>Attention required!</h1>{_NAVIGATION}", "challenge"),
        (f"<title>Cookies</title>{_NAVIGATION}<h1>We value your privacy</h1>", "consent"),
        ("<title>Caliber.Az</title><h1>Technical works</h1><p>Come back later.</p>", "maintenance"),
        (f"{_NAVIGATION}<h1>Технические работы</h1>", "maintenance"),
        ("<br><b>Fatal error</b>: Uncaught mysqli_sql_exception: No", "maintenance"),
        # Lists whose cards a script brings, with what pages carry.
        (f"{_NAVIGATION}<h1>World</h1>{_WAITING}", None),
        (f"{_NAVIGATION}{_WAITING}<footer>Protected by reCAPTCHA</footer>", None),
        (
            (
                f"{_NAVIGATION}<h1>World</h1>{_WAITING}<div><h2>We value your privacy</h2>"
                "Cookies, our cookies. Consent? <button>Accept all cookies</button></div>"
            ),
            None,
        ),
        (f"{_NAVIGATION}<h1>World</h1>{card_html()}<h2>Just a moment...</h2>", None),
        (_WAITING, None),
        ("", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/en/", "/en/category/world"])
def test_what_stands_in_place_of_a_list_is_told(html: str, kind: str | None, path: str) -> None:
    found = in_place_of_a_list(page(html, f"https://caliber.az{path}"), SITE)
    assert (found and found.kind) == kind


def test_what_stands_in_place_of_a_list_is_told_by_the_tree_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Large pages are parsed in a thread, with a deadline, before anybody reads them."""
    shown = page("<title>Just a moment...</title>", "https://caliber.az/en/")
    shown.parse()
    monkeypatch.delattr(Page, "_parsed")
    found = in_place_of_a_list(shown, SITE)
    assert found is not None
    assert found.kind == "challenge"
