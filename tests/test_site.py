"""Addresses of the site."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.errors import ConfigError
from caliber_crawler.site import Site

SITE = Site.from_settings("https://caliber.az", "Asia/Baku")
PAGE = "https://caliber.az/en/post/here"
ARTICLE = "https://caliber.az/en/post/a"


@pytest.mark.parametrize(
    "href",
    [
        "https://caliber.az/en/post/a", "http://caliber.az/en/post/a", "//caliber.az/en/post/a",
        "https://www.caliber.az/en/post/a", "HTTPS://WWW.Caliber.AZ/en/post/a",
        "https://caliber.az:443/en/post/a", "http://caliber.az:80/en/post/a",
        "https://caliber.az:/en/post/a", "https://caliber.az./en/post/a",
        "/en/post/a", "/en/post/a/", "/en//post///a", "a", "./a", "../post/a", "/en/post/b/../a",
        "https://caliber.az/en/x/../post/./a", "/en/post/a#top", "/en/post/a?", "/en/post/a?&",
        "/en/post/a?ysclid=1&srsltid=2", "/en/post/a?mibextid=1&tg_rhash=2",
        "/en/post/a?utm_source=x&utm_medium=y", "/en/post/a?fbclid=1&gclid=2&UTM_ID=3#x",
        "/en/post/a?gad_source=1&gad_campaignid=2&gbraid=3&gclsrc=4", "/en/post/a?li_fat_id=1",
        "/en/post/a?mtm_campaign=1&pk_kwd=2&at_medium=3&at_custom1=4&_hsenc=5&_hsmi=6&mkt_tok=7",
        "/en/post/%61", " /en/post/a\n", "/en/po\nst/a", "/en/post/a/amp", "/en/post/a/amp/",
        "/amp/en/post/a", "/en/post/a?amp", "/en/post/a?amp=1",
        "https://user:secret@caliber.az/en/post/a",
    ],
)  # fmt: skip
def test_one_article_many_addresses(href: str) -> None:
    assert SITE.canonical(href, PAGE) == ARTICLE
    address = SITE.address(href, PAGE)
    assert address is not None
    assert (address.url, address.kind, address.language, address.slug, address.id) == (
        ARTICLE, "article", "en", "a", "en/a",
    )  # fmt: skip


@pytest.mark.parametrize(
    "href",
    [
        "https://example.org/en/post/a", "https://caliber.az.example.org/en/post/a",
        "https://notcaliber.az/en/post/a", "https://m.caliber.az/en/post/a",
        "https://caliber.az:8443/en/post/a", "http://caliber.az:443/en/post/a",
        "https://caliber.az@example.org/", "mailto:a@caliber.az", "javascript:void(0)", "tel:+994",
        "data:text/html,x", "ftp://caliber.az/en/post/a", "https://[::1", "http:///en/post/a",
        "https://caliber.az:99999/en/post/a", "http://exa mple.com/",
    ],
)  # fmt: skip
def test_other_sites_and_broken_addresses(href: str) -> None:
    assert SITE.canonical(href, PAGE) is None
    assert SITE.address(href, PAGE) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("?id=1", "?id=2"),
        ("?id=1", ""),
        ("?q=%FF", "?q=%FE"),
        ("?q=%FF&utm_id=1", "?q=%FE&utm_id=1"),
        ("?ref=1", ""),
        ("?at_id=1", ""),
        ("%2Fb", "/b"),
        ("%3Fid=1", "?id=1"),
    ],
)
def test_addresses_that_may_differ_are_kept_apart(one: str, other: str) -> None:
    assert SITE.canonical(ARTICLE + one) != SITE.canonical(ARTICLE + other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/en/post/%c9%99", "/en/post/%C9%99"),
        ("/en/post/ə", "/en/post/%C9%99"),
        ("/post/дорога", "/post/%d0%b4%D0%BE%d1%80%D0%BE%D0%B3%D0%B0"),
        ("/en/post/a b", "/en/post/a%20b"),
        ("/en/post/a?b=2&a=1", "/en/post/a?a=1&b=2"),
        ("/en/post/a?utm_id=1&q=a+b", "/en/post/a?q=a+b"),
        ("/en/post/a?x=%d1%8f&fbclid=1", "/en/post/a?x=%D1%8F"),
    ],
)
def test_encodings_of_one_address(one: str, other: str) -> None:
    assert SITE.canonical(one) == SITE.canonical(other) is not None


@pytest.mark.parametrize(
    ("path", "kind", "language", "slug"),
    [
        ("/", "home", "ru", None),
        ("", "home", "ru", None),
        ("/en", "home", "en", None),
        ("/en/", "home", "en", None),
        ("/am/", "home", "am", None),
        ("/post/a", "article", "ru", "a"),
        ("/arm/post/a", "article", "arm", "a"),
        ("/hy/post/a", "article", "hy", "a"),
        ("/en-us/post/a", "article", "en-us", "a"),
        ("/post/post", "article", "ru", "post"),
        ("/post/amp", "article", "ru", "amp"),
        ("/post/a?id=1", "article", "ru", "a?id=1"),
        ("/category/mir", "section", "ru", "mir"),
        ("/category/mir?page=2", "section", "ru", "mir"),
        ("/en/category/world/", "section", "en", "world"),
        ("/search/%D0%B0%D0%B1%D0%B2", "search", "ru", "%D0%B0%D0%B1%D0%B2"),
        ("/post/", "other", None, None),
        ("/post", "other", None, None),
        ("/post/a/b", "other", None, None),
        ("/category/mir/2", "other", None, None),
        ("/en/category/world/asia/", "section", "en", "world/asia"),
        ("/category/mir/aziya/iran", "section", "ru", "mir/aziya/iran"),
        ("/en/category/world/asia?page=2", "section", "en", "world/asia"),
        ("/en/category/world/page/2", "other", None, None),
        ("/en/category/world/asia/page/2/", "other", None, None),
        ("/en/category/world/asia/2", "other", None, None),
        ("/en/category/world/rss.xml", "other", None, None),
        ("/en/category/world/feed", "other", None, None),
        ("/en/category/a/b/c/d", "other", None, None),
        ("/en/category/world/category/asia", "other", None, None),
        ("/en/search/a/b", "other", None, None),
        ("/EN/post/a", "other", None, None),
        ("/abcd/post/a", "other", None, None),
        ("/en/en/post/a", "other", None, None),
        ("/rss.xml", "other", None, None),
        ("/media/photos/original/a.webp", "other", None, None),
    ],
)
def test_kinds(path: str, kind: str, language: str | None, slug: str | None) -> None:
    address = SITE.address(f"https://caliber.az{path}")
    assert address is not None
    assert (address.kind, address.language, address.slug) == (kind, language, slug)
    assert address.id == (f"{language}/{slug}" if kind == "article" else None)


@pytest.mark.parametrize(
    ("href", "resolved"),
    [
        ("https://x.org/A?b#c", "https://x.org/A?b#c"),
        ("//cdn.x.org/a b.jpg", "https://cdn.x.org/a%20b.jpg"),
        ("/media/ə.jpg", "https://caliber.az/media/ə.jpg"),
        ("b.jpg", "https://caliber.az/en/post/b.jpg"),
        (" /a \n", "https://caliber.az/a"),
        ("mailto:a@b", None),
        ("http://[bad", None),
    ],
)
def test_resolve(href: str, resolved: str | None) -> None:
    assert SITE.resolve(href, PAGE) == resolved


def test_relative_addresses_on_a_page_of_another_site() -> None:
    assert SITE.resolve("/a", "https://example.org/b") == "https://example.org/a"
    assert SITE.address("/en/post/a", "https://example.org/b") is None


@pytest.mark.parametrize(
    ("given_base", "base", "host"),
    [
        ("https://caliber.az/", "https://caliber.az", "caliber.az"),
        (" HTTPS://Caliber.AZ:443 ", "https://caliber.az", "caliber.az"),
        ("https://www.caliber.az", "https://www.caliber.az", "www.caliber.az"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[::1]:8080/", "http://[::1]:8080", "::1"),
        ("http://localhost", "http://localhost", "localhost"),
    ],
)
def test_bases(given_base: str, base: str, host: str) -> None:
    site = Site.from_settings(given_base, "Asia/Baku")
    assert (site.base, site.host) == (base, host)
    for href in ("/en/post/a?utm_id=1", f"{base}/en/post/a/", f"{base.upper()}/en/post/a"):
        address = site.address(href)
        assert address is not None, href
        assert (address.url, address.id) == (f"{base}/en/post/a", "en/a")
    assert site.home("en") == f"{base}/en/"
    assert site.home("ru") == f"{base}/"
    assert site.section_url("ru", "mir") == f"{base}/category/mir"


def test_another_port_is_another_site() -> None:
    site = Site.from_settings("http://127.0.0.1:8000", "Asia/Baku")
    assert site.address("http://127.0.0.1:8001/en/post/a") is None
    assert site.address("http://127.0.0.1/en/post/a") is None


def test_a_base_with_www_takes_both_names() -> None:
    site = Site.from_settings("https://www.caliber.az", "Asia/Baku")
    assert site.canonical("http://caliber.az/en/post/a") == "https://www.caliber.az/en/post/a"


@pytest.mark.parametrize(
    "base",
    [
        "", "caliber.az", "ftp://caliber.az", "https://", "http://:80", "https://caliber.az/en",
        "https://caliber.az?x=1", "https://caliber.az#x", "https://a:b@caliber.az",
        "https://caliber.az:99999", "https://caliber.az:port", "http://[::1", "https://ca liber.az",
        "https://caliber.az,https://x.org",
    ],
)  # fmt: skip
def test_impossible_bases(base: str) -> None:
    with pytest.raises(ConfigError, match="CALIBER_BASE_URL"):
        Site.from_settings(base, "Asia/Baku")


@pytest.mark.parametrize(
    "zone", ["", "Baku", "Asia/Nowhere", "../etc/passwd", "/etc/localtime", "\x00"]
)
def test_impossible_zones(zone: str) -> None:
    with pytest.raises(ConfigError, match="SITE_TIMEZONE"):
        Site.from_settings("https://caliber.az", zone)


address_like = st.lists(
    st.one_of(
        st.sampled_from(
            "https:// http: // caliber.az www. :443 :80 / /en /post /a amp .. . ? & = # utm_id=1 "
            "id=2 %c9%99 %2F %2e ə + ; @ [ ] \\ amp= %zz %".split()
        ),
        st.text(max_size=4),
    ),
    max_size=9,
).map("".join)


@given(href=st.one_of(address_like, address_like.map("https://caliber.az/".__add__)))
@settings(max_examples=100, deadline=None)
def test_canonical_never_raises_and_is_idempotent(href: str) -> None:
    url = SITE.canonical(href, PAGE)
    if url is not None:
        assert url.startswith("https://caliber.az/")
        assert url.isascii()
        assert not url.endswith(("/", "?")) or url == "https://caliber.az/"
        assert SITE.canonical(url) == url
        address = SITE.address(href, PAGE)
        assert address is not None
        assert address == SITE.address(url)


@given(
    slug=st.text(st.sampled_from("abcxyz0189-_"), min_size=1, max_size=120), tracking=st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_slugs_stay_as_they_are(slug: str, tracking: bool) -> None:
    address = SITE.address(f"/en/post/{slug}" + ("?utm_source=feed" if tracking else ""))
    assert address is not None
    assert address.id == f"en/{slug}"


@pytest.mark.parametrize("path", ["/en/post/;[x", "/en/post/;\\", "/en/post/a;;", "/a/%ff;%zz"])
def test_path_parameters_are_settled(path: str) -> None:
    url = SITE.canonical(f"https://caliber.az{path}")
    assert url is not None
    assert SITE.canonical(url) == url


WORLD = "https://caliber.az/en/category/world"


@pytest.mark.parametrize(
    "path",
    [
        "/en/category/world", "/en/category/world/", "/en/category/World?sort=new",
        "/category/world", "/arm/category/world", "/en/world",
        "/en/category/world/1", "/en/category/%77orld#top", "/en/category/world/all",
    ],
)  # fmt: skip
def test_a_list_under_another_address_is_the_list(path: str) -> None:
    assert SITE.elsewhere(WORLD, f"http://www.caliber.az{path}") is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/en/", "home"), ("/", "home"), ("/en?from=world", "home"),
        ("/en/category/sport", "section"), ("/category/mir", "section"),
        ("/en/category/sport?from=world", "section"), ("/en/news", "other"),
        ("/en/category/news/world", "section"), ("/en/category/worldwide/all", "section"),
        ("/en/post/world", "article"), ("/en/search/world", "search"),
    ],
)  # fmt: skip
def test_a_list_that_leads_to_another_page(path: str, kind: str) -> None:
    found = SITE.elsewhere(WORLD, f"https://caliber.az{path}")
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/en/category/World/Asia/", None), ("/category/world/asia?from=x", None),
        ("/en/world/asia", None), ("/en/category/world/asia/page/2", None),
        ("/en/category/world", "section"), ("/en/category/asia", "section"), ("/en/", "home"),
        ("/en/world", "other"),
    ],
)  # fmt: skip
def test_where_a_section_below_another_one_leads(path: str, kind: str | None) -> None:
    found = SITE.elsewhere(f"{WORLD}/asia", f"https://caliber.az{path}")
    assert (found and found.kind) == kind


@pytest.mark.parametrize(
    ("path", "may_be"),
    [
        ("/en/category/a/b/c/d", True), ("/EN/category/world", True),
        ("/en/category/world/category/asia", True), ("/news/category/world", True),
        ("/en/category/world", False), ("/en/category/world/asia", False),
        ("/en/category/", False), ("/en/category/world/page/2", False),
        ("/en/category/a/b/c/d/page/2", False), ("/en/post/a?from=/category/x", False),
    ],
)  # fmt: skip
def test_what_may_be_a_section(path: str, may_be: bool) -> None:
    address = SITE.address(path)
    assert address is not None
    assert address.may_be_a_section is may_be


def test_a_search_that_leads_elsewhere() -> None:
    search = SITE.search_url("en", "oil price")
    assert SITE.elsewhere(search, "https://caliber.az/en/search?q=oil+price") is None
    assert SITE.elsewhere(search, "https://caliber.az/en/") is not None
    assert SITE.elsewhere(WORLD, "https://other.example/en/") is None
