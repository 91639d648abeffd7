"""The stand-in site: what editors do while it runs shows on pages, in lists, and in `Truth`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.request import Request as HttpRequest
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest
from parsel import Selector

from demo_site import Edit, Post, SiteConfig, serve
from demo_site.knobs import RemovedAs
from demo_site.lists import Listing, sign
from demo_site.messages import Answer, Request
from demo_site.site import Site
from demo_site.world import NEWEST, ZONE

BASE = "http://127.0.0.1:8000"
STORY = Post(
    title="A <new> story",
    paragraphs=("First & foremost.", "Two lines\nof text."),
    published=NEWEST - timedelta(hours=5),
    sections=("world", "sport"),
    authors=("Clara Wexbourne", "Tomas Ashwell"),
)


@pytest.fixture
def site() -> Site:
    return Site(SiteConfig(articles=200, seed=7))


def get(site: Site, path: str, **headers: str) -> Answer:
    path, _, query = path.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = dict(part.split("=", 1) for part in query.split("&")) if query else {}
    return site.answer(Request("GET", BASE, path, query, pairs, headers=named))


def page(site: Site, path: str) -> Selector:
    answer = get(site, path)
    assert answer.status == 200
    return Selector(answer.body.decode())


def cards(site: Site, path: str) -> list[str]:
    """Slugs of the cards of a list."""
    links = page(site, path).css(".float_block a:has(h2)::attr(href)").getall()
    return [link.rpartition("/")[2] for link in links]


def views(site: Site, path: str) -> int:
    return int(page(site, path).css(".post_hits::text").re(r"\d+")[0])


# Edits


def test_paragraphs_are_put_in_front_and_behind(site: Site) -> None:
    before = site.first_list("en", "world")[0]
    site.knobs.edited[before.slug] = Edit(
        before=("Updated at noon.", "More is known."), paragraph="A.", paragraphs=("B & B.", "C.")
    )
    now = site.truth("en", before.slug)
    assert now.paragraphs == [
        "Updated at noon.", "More is known.", *before.paragraphs, "A.", "B & B.", "C.",
    ]  # fmt: skip
    assert (now.images, now.embeds, now.links) == (before.images, before.embeds, before.links)
    body = page(site, before.path).css(".post_body")
    texts = body.css("p::text").getall()
    assert texts[:2] == ["Updated at noon.", "More is known."]
    assert {"A.", "B & B.", "C."} <= set(texts)


def test_a_text_can_be_replaced_as_a_whole(site: Site) -> None:
    before = next(t for t in site.world.in_section("en", "world") if len(t.images) > 1 and t.links)
    site.knobs.edited[before.slug] = Edit(text=("Only this\nnow.",), before=("Correction.",))
    now = site.truth("en", before.slug)
    assert now.paragraphs == ["Correction.", "Only this\nnow."]
    assert (now.images, now.embeds, now.links) == (before.images[:1], [], [])
    assert (now.authors, now.title) == (before.authors, before.title)
    body = page(site, before.path).css(".post_body")
    assert body.css("p::text").getall()[:3] == ["Correction.", "Only this", "now."]
    assert not body.css("img, iframe, a")


def test_a_moved_date_is_printed_on_page_and_card_and_moves_no_card(site: Site) -> None:
    order = cards(site, "/en/category/world")
    before = site.first_list("en", "world")[3]
    site.knobs.edited[before.slug] = Edit(published=datetime(2026, 6, 26, 9, 5, tzinfo=ZONE))
    now = site.truth("en", before.slug)
    assert now.time_text == "26 June 2026 09:05"
    assert now.published.isoformat() == "2026-06-26T09:05:00+04:00"
    assert page(site, before.path).css(".post_time::text").get() == now.time_text
    listed = page(site, "/en/category/world")
    assert listed.css(".float_block_time::text").getall()[3] == now.time_text
    assert cards(site, "/en/category/world") == order
    assert site.first_list("en", "world")[3] == now


# Posted articles


def test_a_posted_article_has_a_page_and_a_truth(site: Site) -> None:
    assert get(site, "/en/post/a-new-story").status == 404
    site.knobs.posted["a-new-story"] = STORY
    truth = site.truth("en", "a-new-story")
    assert (truth.path, truth.title) == ("/en/post/a-new-story", STORY.title)
    assert truth.sections == [("world", "WORLD"), ("sport", "SPORT")]
    assert truth.paragraphs == list(STORY.paragraphs)
    assert truth.time_text == "25 June 2026 12:24"
    shown = page(site, truth.path)
    assert shown.css("h1::text").get() == STORY.title
    assert shown.css(".post > a > .post_categoty::text").get() == "WORLD"
    assert shown.css(".post_time::text").get() == truth.time_text
    assert shown.css(".post_body p::text").getall() == [
        "First & foremost.", "Two lines", "of text.", "By Clara Wexbourne and Tomas Ashwell",
    ]  # fmt: skip
    assert shown.css(".post_hits::text").get() == f"Views: {truth.initial_views}"
    assert shown.css("link[rel=canonical]::attr(href)").get() == BASE + truth.path
    assert get(site, "/post/a-new-story").status == 404
    with pytest.raises(KeyError):
        site.truth("ru", "a-new-story")


def test_a_posted_article_stands_in_its_lists_by_its_date(site: Site) -> None:
    before = {s: cards(site, f"/en/category/{s}") for s in ("world", "sport", "culture")}
    site.knobs.posted["a-new-story"] = STORY
    for section in ("world", "sport"):
        listed = cards(site, f"/en/category/{section}")
        place = listed.index("a-new-story")
        rest = [slug for slug in listed if slug != "a-new-story"]
        assert rest == before[section][: len(rest)]
        near = timedelta(hours=1)  # the times of the world are a little out of order
        times = [truth.published for truth in site.first_list("en", section)]
        assert all(time > STORY.published - near for time in times[:place])
        assert all(time < STORY.published + near for time in times[place + 1 :])
        assert [t.slug for t in site.first_list("en", section)] == listed
    assert cards(site, "/en/category/culture") == before["culture"]
    assert "a-new-story" in cards(site, "/en/")
    assert cards(site, "/en/search/new STORY")[0] == "a-new-story"
    feed = ElementTree.fromstring(get(site, "/rss.xml").body)
    links = [link.text for link in feed.findall(".//item/link")]
    assert f"{BASE}/en/post/a-new-story" in links
    site.knobs.posted["the-newest"] = Post(
        "Newest", ("X.",), NEWEST + timedelta(days=1), ("world",)
    )
    site.knobs.posted["the-oldest"] = Post("Oldest", ("X.",), NEWEST - timedelta(99), ("world",))
    assert cards(site, "/en/category/world")[0] == cards(site, "/en/")[0] == "the-newest"
    size = len(list(site.world.in_section("en", "world"))) + 3
    last = get(site, f"/ajax/list?lang=en&category=world&page={-(-size // 20)}").body.decode()
    assert Selector(last).css("a:has(h2)::attr(href)").getall()[-1].endswith("/the-oldest")


def asked_for_more(site: Site) -> Iterator[tuple[str, list[str]]]:
    """Each protocol's cards of the list WORLD after the first ones, as (name, slugs)."""
    query = "lang=en&category=world"

    def found(html: str) -> list[str]:
        links = Selector(html or "<p>").css("a:has(h2)::attr(href)").getall()
        return [link.rpartition("/")[2] for link in links]

    slugs: list[str] = []
    for number in range(2, 99):
        address = f"/ajax/list/signed?{query}&page={number}"
        signature = sign(Listing("en", "world"), number)
        more = found(get(site, f"{address}&sign={signature}").body.decode())
        if not more:
            break
        slugs += more
    yield "signed", slugs
    slugs, last = [], page(site, "/en/category/world").css(".float_block")[-1]
    while True:
        html = get(site, f"/ajax/list/before?{query}&time={last.attrib['data-at']}").body.decode()
        if not found(html):
            break
        slugs += found(html)
        last = Selector(html).css(".float_block")[-1]
    yield "last_time", slugs
    slugs, last = [], page(site, "/en/category/world").css(".float_block")[-1]
    number = last.attrib["data-id"]
    while True:
        form = {"lang": "en", "category": "world", "last_id": number}
        answer = site.answer(Request("POST", BASE, "/ajax/list/after", form=form))
        listed = Selector(answer.body.decode(), type="json").jmespath("[*]").getall()
        if not listed:
            break
        slugs += [card["url"].rpartition("/")[2] for card in listed]
        number = str(listed[-1]["id"])
    yield "last_id", slugs


def test_lists_grow_past_posted_and_removed_articles_in_every_way() -> None:
    site = Site(SiteConfig(articles=200, seed=7, cards=3))
    world = [truth.slug for truth in site.world.in_section("en", "world")]
    for i in range(12):
        published = NEWEST - timedelta(hours=7 * i, minutes=i)
        site.knobs.posted[f"posted-{i}"] = Post(f"No {i}", ("X.",), published, ("world",))
        site.knobs.posted[f"twin-{i}"] = Post(f"No {i}", ("X.",), published, ("world",))
    site.knobs.removed |= {world[0], world[7], world[8], "posted-2", "posted-11"}
    first = cards(site, "/en/category/world")
    expected = {*world, *site.knobs.posted} - site.knobs.removed
    orders = dict(asked_for_more(site))
    for slugs in orders.values():
        assert first + slugs == first + orders["signed"]
        assert len(first + slugs) == len(set(first + slugs))
        assert {*first, *slugs} == expected
    posted = [slug for slug in first + orders["signed"] if slug in site.knobs.posted]
    times = [site.knobs.posted[slug].published for slug in posted]
    assert times == sorted(times, reverse=True)
    assert [slug for slug in first + orders["signed"] if slug in world] == [
        slug for slug in world if slug not in site.knobs.removed
    ]


def test_a_posted_article_is_edited_renamed_and_removed_like_others(site: Site) -> None:
    site.knobs.posted["a-new-story"] = STORY
    site.knobs.renamed["a-new-story"] = "a-newer-story"
    site.knobs.edited["a-newer-story"] = Edit(title="A newer story", paragraph="More.")
    truth = site.truth("en", "a-newer-story")
    assert (truth.title, truth.paragraphs[-1]) == ("A newer story", "More.")
    assert get(site, "/en/post/a-new-story").status == 404
    shown = page(site, "/en/category/sport")
    assert "a-newer-story" in cards(site, "/en/category/sport")
    assert "A newer story" in shown.css(".float_block_title::text").getall()
    site.knobs.removed.add("a-newer-story")
    assert get(site, "/en/post/a-newer-story").status == 404
    assert "a-newer-story" not in cards(site, "/en/category/sport")
    with pytest.raises(KeyError):
        site.truth("en", "a-newer-story")


# Gone, and renamed


@pytest.mark.parametrize(
    ("how", "status", "headline"),
    [("404", 404, "Page not found"), ("410", 410, "Page not found"),
     ("page", 200, "Page not found"), ("home", 302, None)],
)  # fmt: skip
def test_a_removed_article_answers_as_told(
    site: Site, how: RemovedAs, status: int, headline: str | None
) -> None:
    first, second = site.first_list("en", "world")[:2]
    site.knobs.removed |= {first.slug, second.slug}
    site.knobs.removed_as_of[first.slug] = how
    answer = get(site, first.path)
    assert answer.status == status
    assert Selector(answer.body.decode() or "<p>").css("h1::text").get() == headline
    if how == "home":
        assert answer.headers["Location"] == f"{BASE}/en/"
    assert get(site, second.path).status == 404
    site.knobs.removed_as = how
    assert get(site, second.path).status == status
    assert get(site, "/en/post/never-was-there").status == 404


def test_an_old_address_may_go_on_with_the_old_text(site: Site) -> None:
    before, other = site.first_list("en", "world")[:2]
    site.knobs.renamed |= {before.slug: "another-address", other.slug: "yet-another"}
    site.knobs.renamed_keeps_old = {before.slug}
    site.knobs.edited["another-address"] = Edit(title="Another headline", paragraph="More.")
    old, new = page(site, before.path), page(site, "/en/post/another-address")
    assert old.css("h1::text").get() == before.title
    assert new.css("h1::text").get() == "Another headline"
    assert "More." not in old.css(".post_body p::text").getall()
    assert old.css("link[rel=canonical]::attr(href)").get() == BASE + before.path
    assert before.slug not in cards(site, "/en/category/world")
    assert site.truth("en", before.slug).slug == "another-address"
    assert get(site, other.path).status == 404
    site.knobs.renamed_keeps_old = True
    assert get(site, other.path).status == 200
    site.knobs.removed.add("another-address")
    assert get(site, before.path).status == 404


def test_redirects_of_some_old_addresses(site: Site) -> None:
    first, second = site.first_list("en", "world")[:2]
    site.knobs.renamed |= {first.slug: "new-one", second.slug: "new-two"}
    site.knobs.renamed_redirects = {first.slug}
    assert get(site, first.path).headers["Location"] == f"{BASE}/en/post/new-one"
    assert get(site, second.path).status == 404


# Views and validators


def test_views_can_be_held_still(site: Site) -> None:
    truth = site.world.article("en", 0)
    assert [views(site, truth.path) for _ in range(2)] == [
        truth.initial_views, truth.initial_views + 1,
    ]  # fmt: skip
    site.knobs.views_still = True
    assert {views(site, truth.path) for _ in range(3)} == {truth.initial_views + 2}
    site.knobs.views_still = False
    assert [views(site, truth.path) for _ in range(2)] == [
        truth.initial_views + 2, truth.initial_views + 3,
    ]  # fmt: skip


def test_validators_change_with_the_article_only(site: Site) -> None:
    truth = site.first_list("en", "world")[0]
    assert not {"ETag", "Last-Modified"} & get(site, truth.path).headers.keys()
    site.knobs.validators = True
    first, second = get(site, truth.path).headers, get(site, truth.path).headers
    assert first == second
    assert first["Last-Modified"].endswith(" GMT")
    site.knobs.edited[site.first_list("en", "world")[1].slug] = Edit(title="Another article's")
    assert get(site, truth.path).headers == first
    site.knobs.edited[truth.slug] = Edit(paragraph="More.")
    edited = get(site, truth.path).headers
    assert edited["ETag"] != first["ETag"]
    assert edited["Last-Modified"] != first["Last-Modified"]
    site.knobs.edited.pop(truth.slug)
    again = get(site, truth.path).headers
    assert again["ETag"] == first["ETag"]
    assert again["Last-Modified"] not in (first["Last-Modified"], edited["Last-Modified"])


def test_who_has_the_article_already_gets_304(site: Site) -> None:
    site.knobs.validators = True
    truth = site.first_list("en", "world")[0]
    had = get(site, truth.path).headers
    etag, modified = had["ETag"], had["Last-Modified"]
    older = "Mon, 01 Jan 2024 00:00:00 GMT"
    for headers, status in (
        ({"If_None_Match": etag}, 304),
        ({"If_None_Match": f'"x", W/{etag}'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_Modified_Since": modified}, 304),
        ({"If_None_Match": '"x"'}, 200),
        ({"If_None_Match": '"x"', "If_Modified_Since": modified}, 200),
        ({"If_None_Match": etag, "If_Modified_Since": older}, 304),
        ({"If_Modified_Since": older}, 200),
        ({"If_Modified_Since": "no date"}, 200),
    ):
        answer = get(site, truth.path, **headers)
        assert answer.status == status, headers
        assert bool(answer.body) == (status == 200)
        assert answer.headers["ETag"] == etag
    count = views(site, truth.path)
    get(site, truth.path, If_None_Match=etag)
    assert views(site, truth.path) == count + 1  # 304 is no visit
    site.knobs.edited[truth.slug] = Edit(title="Edited")
    assert get(site, truth.path, If_None_Match=etag).status == 200
    assert get(site, truth.path, If_Modified_Since=modified).status == 200


def test_conditions_reach_the_site_over_http() -> None:
    with serve(SiteConfig(articles=40, seed=7)) as site:
        site.knobs.validators = True
        url = site.url + site.world.article("en", 0).path
        with urlopen(url) as reply:
            etag = reply.headers["ETag"]
        # urllib takes 304 for an error, whose headers and status it shows all the same.
        with pytest.raises(OSError, match="304") as caught:
            urlopen(HttpRequest(url, headers={"if-none-match": etag}))
        caught.value.close()
    assert [hit.status for hit in site.log] == [200, 304]
