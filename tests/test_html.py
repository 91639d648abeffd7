"""Bytes → text and tree."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.pages.html import Page, raw_text, words
from tests.pages import ARTICLE_URL, page

TITLE = "Дорога открыта: Bakı — Գանձակ"
CYRILLIC = "Дорога открыта — «север»"


def title(body: bytes, content_type: str = "") -> str | None:
    return words(next(page(body, content_type=content_type).root.iter("h1"), None))


def test_header_and_bytes_agree() -> None:
    body = f"<h1>{CYRILLIC}</h1>".encode("windows-1251")
    assert title(body, "text/html; charset=windows-1251") == CYRILLIC


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_the_byte_order_mark_wins(mark: bytes, encoding: str) -> None:
    body = mark + f"<h1>{TITLE}</h1>".encode(encoding)
    assert title(body, "text/html; charset=windows-1251") == TITLE


def test_the_meta_tag_counts_even_late() -> None:
    head = f"<!--{'x' * 2_048}--><meta charset=windows-1251>"
    body = f"{head}<h1>{CYRILLIC}</h1>".encode("windows-1251")
    assert title(body) == CYRILLIC


def test_the_header_wins_over_the_meta_tag() -> None:
    body = f"<meta charset=koi8-r><h1>{CYRILLIC}</h1>".encode("windows-1251")
    assert title(body, "text/html; charset=windows-1251") == CYRILLIC


def test_windows_1251_is_the_last_resort() -> None:
    assert title(f"<h1>{CYRILLIC}</h1>".encode("windows-1251")) == CYRILLIC


def test_letters_outside_the_declared_encoding() -> None:
    body = f"<h1>{TITLE}</h1>".encode("windows-1251", "xmlcharrefreplace")
    assert title(body, "text/html; charset=windows-1251") == TITLE


@pytest.mark.parametrize("charset", ["latin-1", "windows-1251", "nonsense", ""])
def test_utf8_is_recognised_whatever_the_header_says(charset: str) -> None:
    assert title(f"<h1>{TITLE}</h1>".encode(), f"text/html; charset={charset}") == TITLE


def test_some_foreign_bytes_do_not_spoil_a_page() -> None:
    body = f"<h1>{TITLE}</h1><p>".encode() + b"\x93bad\x94 \xff</p>"
    assert title(body) == TITLE
    assert title(body, "text/html; charset=windows-1251") == TITLE


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_page_cut_within_a_letter(cut: int) -> None:
    body = f"<h1>{CYRILLIC}</h1><p>😀".encode()[:-cut]
    assert title(body) == CYRILLIC


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("a <b>b</b> c", "a b c"),
        ("<span>N</span>ews<br>two<p>three</p>four", "News two three four"),
        ("a<script>x</script>b<style>y</style>c<template>z</template>d", "abcd"),
        ("a<svg><title>x</title><text>y</text></svg>b", "ab"),
        ("a<!-- x -->b", "ab"),
        ("&#150;&#X96;&#0151;&#x9d;", "––—"),
        ("", None),
        ("<i></i> ", None),
    ],
)
def test_words(html: str, shown: str | None) -> None:
    root = page(f"<section>{html}</section>after").root
    assert words(next(root.iter("section"))) == shown


def test_words_without_some_elements() -> None:
    element = next(page("<div>a<a>b <i>c</i></a>d</div>").root.iter("div"))
    assert words(element, without=frozenset({"a"})) == "ad"
    assert words(next(element.iter("a")), without=frozenset({"a"})) == "b c"
    assert words(None) is None


def test_raw_text_has_all_text_and_no_tail() -> None:
    element = next(page("<p>a<b>b</b>c<i>d</i>e</p>tail").root.iter("p"))
    assert raw_text(element) == "abcde"


def test_classes_are_whole_names() -> None:
    tree = page('<i class="post_x post"></i><i class="posts"></i><i class=" post"></i>')
    assert {name: len(found) for name, found in tree.classes("post").items()} == {
        "post_x": 1,
        "post": 2,
        "posts": 1,
    }


@pytest.mark.parametrize("body", [b"", b"\x00", b" \n", b"<!doctype html>", b"<?xml ?>", b"<!--"])
def test_nothing_to_parse_is_an_empty_page(body: bytes) -> None:
    assert page(body).root.tag == "html"
    assert words(page(body).root) is None


@pytest.mark.parametrize("end", ["<", "</", "</h", "<a href='x", '<img alt="y', "<!", "<!-- z"])
def test_a_page_cut_within_a_tag(end: str) -> None:
    assert words(page(f"<p>Snow</p>rain{end}").root) == "Snow rain"


def test_a_sign_at_the_end_is_no_cut_tag() -> None:
    assert words(page("<p>2 < 3").root) == "2 < 3"


def test_nul_characters_hide_nothing() -> None:
    assert title(b"<h\x001>Sn\x00ow</h1>") == "Snow"


@given(
    body=st.binary(max_size=300),
    content_type=st.one_of(st.text(max_size=40), st.just("text/html; charset=utf-7")),
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_text_and_tree(body: bytes, content_type: str) -> None:
    fetched = Page("https://caliber.az/", body, content_type)
    words(fetched.root)
    fetched.text.encode("utf-8", "replace")


@pytest.mark.parametrize("charset", ["latin-1", "iso-8859-1", "windows-1252"])
def test_cyrillic_under_a_western_name(charset: str) -> None:
    body = f"<h1>{CYRILLIC} и закрыта для проезда</h1>".encode("windows-1251")
    assert title(body, f"text/html; charset={charset}") == f"{CYRILLIC} и закрыта для проезда"


@pytest.mark.parametrize(
    ("html", "cut"),
    [
        ("<html><body><p>a</p></body></html>", False),
        ("<html><body><p>a</p></BODY >", False),
        ("<!doctype html><HTML lang=en><body><p>a</p>", True),
        ("<!doctype html><html><head><title>a", True),
        ("<div>a fragment</div>", False),
        ("<p>a", False),
        ("", False),
    ],
)
def test_whether_the_end_is_missing(html: str, cut: bool) -> None:
    assert page(html).is_cut is cut


@pytest.mark.parametrize(
    ("head", "base"),
    [
        ("", ARTICLE_URL),
        ("<base target=x>", ARTICLE_URL),
        ("<base href='/'>", "https://caliber.az/"),
        ("<base target=x><BASE HREF=' //CALIBER.az/en/ '>", "https://CALIBER.az/en/"),
        ("<base href='https://example.org/'><base href='/'>", ARTICLE_URL),
        ("<base href='http://[bad'>", ARTICLE_URL),
        ("<base href='javascript:x'>", ARTICLE_URL),
    ],
)
def test_where_links_start_from(head: str, base: str) -> None:
    shown = page(f"<html><head>{head}</head><body><p>x</p></body></html>")
    assert shown.base == base
