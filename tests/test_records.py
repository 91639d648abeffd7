"""Cleaning, checking and meeting of records."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler import records
from caliber_crawler.items import Article, CrawlInfo, SectionRef
from tests.pages import article as parsed
from tests.stories import prose

AT = datetime(2025, 4, 2, 9, 30, tzinfo=UTC)
LATER = AT + timedelta(days=1)
CRAWL: CrawlInfo = {
    "id": "c1", "spider": "sections", "worker": "w", "section": None,
    "requested_url": "https://caliber.az/en/post/a", "http_status": 200, "fetched_at": AT,
    "rendered": False, "outcome": "new",
}  # fmt: skip


def full(**changes: Any) -> Article:
    """A record in which every field of the page is known."""
    article = Article(
        id="en/a", url="https://caliber.az/en/post/a", aliases=["https://caliber.az/en/post/a?x=1"],
        language="en", slug="a", title="North road", description="Snow", authors=["A. One"],
        sections=[{"slug": "world", "name": "WORLD"}], published_at=AT, body="It snowed.",
        images=[{"url": "https://caliber.az/a.jpg", "role": "cover", "caption": None}],
        embeds=[{"type": "x", "url": "https://x.com/n/status/1"}],
        links=[{"url": "https://x.org/", "text": "x"}], views=7, views_at=AT,
        alternates={"ru": "https://caliber.az/post/a"},
        extraction={"method": "template", "layout": "post-2025", "missing": []},
        crawl={**CRAWL},
    )  # fmt: skip
    return records.clean(replace(article, **changes))


def stored(**changes: Any) -> Article:
    return records.first_seen(full(**changes), AT)


# --- cleaning


def test_every_text_is_cleaned() -> None:
    article = full(
        title=" North\xa0ro\xadad ",
        description="\u200b",
        body=" It\r\nsnowed.\n\n\n\u200b\n\nViews: 12\n\nCaliber.Az\n\nIt thawed. ",
        authors=["A.\u200b One", " "],
        sections=[ref("w", " W\u200b "), ref("s", ""), ref(None, " ")],
        images=[
            {"url": "u", "role": "body", "caption": " c\xad "},
            {"url": "v", "role": "body", "caption": " "},
        ],
        links=[{"url": "u", "text": " t\u200b "}],
    )
    assert (article.title, article.description) == ("North road", None)
    assert article.body == "It\nsnowed.\n\nIt thawed."
    assert article.authors == ["A. One"]
    assert article.sections == [{"slug": "w", "name": "W"}, {"slug": "s", "name": "s"}]
    assert [image["caption"] for image in article.images] == ["c", None]
    assert article.links == [{"url": "u", "text": "t"}]
    assert article.word_count == 6
    assert article.attribution == '<a href="https://caliber.az/en/post/a">Caliber.az</a>'


def test_a_hollow_title_is_none() -> None:
    assert records.missing_required(full(title="\u200b ")) == ["title"]
    assert records.missing_required(Article()) == ["id", "url", "title", "language"]
    assert records.missing_required(full()) == []


def test_the_attribution_is_safe_html() -> None:
    assert records.attribution('https://caliber.az/en/post/a?b="&c') == (
        '<a href="https://caliber.az/en/post/a?b=&quot;&amp;c">Caliber.az</a>'
    )


@given(
    title=st.text(max_size=30),
    body=st.lists(st.text(max_size=20), max_size=4).map("\n".join),
    name=st.text(max_size=10),
)
@settings(max_examples=80, deadline=None)
def test_cleaning_is_idempotent(title: str, body: str, name: str) -> None:
    once = full(title=title, body=body, authors=[name], sections=[{"slug": None, "name": name}])
    assert records.clean(deepcopy(once)) == once


# --- meeting


def test_first_seen() -> None:
    article = stored()
    assert (article.revision, article.first_seen_at, article.last_seen_at) == (1, AT, AT)
    assert (article.changed_at, article.views_at) == (None, AT)
    assert article.crawl is not None
    assert article.crawl["outcome"] == "new"
    assert records.first_seen(full(views=None, views_at=None), AT).views_at is None


def test_the_same_page_again_changes_nothing_but_the_times() -> None:
    before = stored()
    seen = full(crawl={**CRAWL, "id": "c2"}, views=9)
    untouched = deepcopy((before, seen))
    after = records.meet(before, seen, LATER)
    assert (before, seen) == untouched
    assert after.content_hash == before.content_hash
    assert (after.revision, after.first_seen_at, after.changed_at) == (1, AT, None)
    assert (after.last_seen_at, after.views, after.views_at) == (LATER, 9, LATER)
    assert after.crawl == {**CRAWL, "id": "c2", "outcome": "unchanged"}
    kept = {"crawl", "views", "views_at", "last_seen_at"}
    assert {name: value for name, value in after.document().items() if name not in kept} == {
        name: value for name, value in before.document().items() if name not in kept
    }


@pytest.mark.parametrize("changes", [{"title": "North road opens"}, {"body": "It snowed. UPDATED"}])
def test_an_edit(changes: dict[str, str]) -> None:
    after = records.meet(stored(), full(**changes), LATER)
    assert (after.revision, after.changed_at, after.first_seen_at) == (2, LATER, AT)
    assert after.crawl is not None
    assert after.crawl["outcome"] == "changed"
    for name, value in changes.items():
        assert getattr(after, name) == value
    again = records.meet(after, full(**changes), LATER + timedelta(days=1))
    assert (again.revision, again.changed_at) == (2, LATER)


@pytest.mark.parametrize(
    "changes",
    [
        {"views": 1_000},
        {"images": []},
        {"body": "It  snowed.\n"},
        {"title": "North\u200b road"},
        {"published_at": LATER},
    ],
)
def test_what_a_reader_would_not_call_an_edit(changes: dict[str, object]) -> None:
    after = records.meet(stored(), full(**changes), LATER)
    assert after.revision == 1
    assert after.published_at == AT


def test_a_page_that_hides_everything_wipes_nothing() -> None:
    before = stored()
    hollow = Article(url="https://caliber.az/en/post/a")
    after = records.meet(before, hollow, LATER)
    for name, value in before.document().items():
        if name not in ("last_seen_at", "crawl"):
            assert getattr(after, name) == value, name
    assert after.last_seen_at == LATER


def of_head(*names: str, **changes: Any) -> Article:
    """A page without byline, whose head names persons."""
    how = {"method": "template", "layout": "post-2025", "missing": [], "head_authors": [*names]}
    return full(authors=[*names], extraction=how, **changes)


@pytest.mark.parametrize("body", ["", "It snowed."])
def test_the_heads_authors_do_not_replace_those_of_a_byline(body: str) -> None:
    first = records.meet(stored(), of_head("B. Two", body=body), LATER)
    assert (first.authors, first.revision, first.body) == (["A. One"], 1, "It snowed.")
    again = records.meet(first, of_head("B. Two", body=body), LATER + timedelta(days=1))
    assert (again.authors, again.revision) == (["A. One"], 1), "nor at the next visit"
    other = records.meet(again, full(authors=["C. Three"]), LATER + timedelta(days=2))
    assert (other.authors, other.revision) == (["C. Three"], 2), "another byline does"


def test_the_heads_authors_replace_only_their_own_kind() -> None:
    before = records.first_seen(of_head("B. Two"), AT)
    assert records.meet(before, of_head("C. Three"), LATER).authors == ["C. Three"]
    byline = records.meet(before, full(), LATER)
    assert (byline.authors, byline.revision) == (["A. One"], 2)
    assert records.meet(stored(authors=[]), of_head("B. Two"), LATER).authors == ["B. Two"]


def test_embeds_and_links_that_an_editor_took_out_are_gone() -> None:
    after = records.meet(stored(), full(embeds=[], links=[]), LATER)
    assert (after.embeds, after.links) == ([], [])


def test_a_renamed_article_keeps_its_identity() -> None:
    seen = full(id="en/b", url="https://caliber.az/en/post/b", slug="b", aliases=[])
    after = records.meet(stored(), seen, LATER)
    assert (after.id, after.slug, after.url) == ("en/a", "b", "https://caliber.az/en/post/b")
    assert after.aliases == ["https://caliber.az/en/post/a?x=1", "https://caliber.az/en/post/a"]
    assert after.attribution is not None
    assert "/en/post/b" in after.attribution
    back = records.meet(after, full(title="Another"), LATER)
    assert back.url not in back.aliases
    assert "https://caliber.az/en/post/b" in back.aliases


def test_two_addresses_with_the_same_text_do_not_alternate() -> None:
    seen = full(id="en/b", url="https://caliber.az/en/post/b", slug="b", aliases=[])
    after = records.meet(stored(), seen, LATER)
    again = records.meet(after, full(), LATER)
    assert (again.url, again.slug) == (after.url, after.slug)
    gone = records.meet(after, full(), LATER, lost=True)
    assert (gone.url, gone.slug) == (full().url, full().slug)
    led = records.meet(after, full(aliases=[seen.url]), LATER)
    assert led.url == full().url


def test_a_removed_article_that_is_back_is_live() -> None:
    assert records.meet(stored(status="gone"), full(), LATER).status == "live"


def test_an_earlier_fetch_that_arrives_late_does_not_turn_back_the_clock() -> None:
    after = records.meet(stored(), full(), AT - timedelta(hours=1))
    assert (after.first_seen_at, after.last_seen_at) == (AT, AT)


def test_marks_of_duplicates_stay() -> None:
    after = records.meet(stored(duplicate_of="en/x", near_duplicate_of="en/y"), full(), LATER)
    assert (after.duplicate_of, after.near_duplicate_of) == ("en/x", "en/y")


def test_editions_are_gathered() -> None:
    after = records.meet(stored(), full(alternates={"arm": "https://caliber.az/arm/post/a"}), LATER)
    assert set(after.alternates) == {"ru", "arm"}


NOTHING: dict[str, object] = {
    "title": None, "description": None, "authors": [], "sections": [], "published_at": None,
    "body": "", "images": [], "views": None, "alternates": {}, "language": None, "slug": None,
    "extraction": None, "crawl": None,
}  # fmt: skip


@given(hidden=st.sets(st.sampled_from(sorted(NOTHING))), first=st.booleans())
@settings(max_examples=80, deadline=None)
def test_meeting_never_loses_what_is_known(hidden: set[str], first: bool) -> None:
    poor = replace(full(), **{name: NOTHING[name] for name in hidden})
    one, other = (poor, full()) if first else (full(), poor)
    before = records.first_seen(one, AT)
    after = records.meet(before, other, LATER)
    for name in NOTHING:
        assert getattr(after, name) not in (None, "", [], {}), name
    assert after.first_seen_at == AT
    again = records.meet(after, other, LATER)
    assert (again.content_hash, again.revision) == (after.content_hash, after.revision)


def test_the_same_real_page_twice_is_unchanged() -> None:
    one = records.first_seen(
        records.clean(parsed("<p>It&shy; snowed.</p>", views="Views: 1").article), AT
    )
    two = records.clean(parsed("<p>It snowed. </p>\n", views="Views: 2").article)
    after = records.meet(one, two, LATER)
    assert (after.content_hash, after.revision, after.views) == (one.content_hash, 1, 2)


# --- sections


def ref(slug: str | None, name: str) -> SectionRef:
    return {"slug": slug, "name": name}


@pytest.mark.parametrize(
    ("first", "more", "expected"),
    [
        ([ref("w", "W")], [ref("s", "S")], [ref("w", "W"), ref("s", "S")]),
        ([ref("w", "W")], [ref("w", "Other name")], [ref("w", "W")]),
        ([ref(None, "W")], [ref("w", "w ")], [ref("w", "W")]),
        ([ref("w", "W")], [ref(None, "w")], [ref("w", "W")]),
        ([ref("a", "W")], [ref("b", "W")], [ref("a", "W"), ref("b", "W")]),
        ([ref(None, "A")], [ref(None, "B"), ref(None, "a")], [ref(None, "A"), ref(None, "B")]),
        ([], [ref("w", "W"), ref("w", "W")], [ref("w", "W")]),
    ],
)
def test_sections_are_joined(
    first: list[SectionRef], more: list[SectionRef], expected: list[SectionRef]
) -> None:
    untouched = deepcopy((first, more))
    assert records.add_sections(first, more) == expected
    assert (first, more) == untouched


# --- whose text stands

LONG = "\n\n".join(f"Paragraph {i} tells of the northern road and of the snow." for i in range(6))
GUESS = {"method": "fallback", "layout": "unknown", "missing": []}


def after(stored_body: str = LONG, **changes: Any) -> Article:
    """The record after a page of unknown layout was read for an article of a known one."""
    changes = {"body": stored_body, "extraction": dict(GUESS)} | changes
    return records.meet(stored(body=stored_body), full(**changes), LATER)


@pytest.mark.parametrize(
    "body",
    [
        "",
        LONG.partition("\n\n")[0],
        f"{LONG}\n\nMore news of today\n\nAnother story that has nothing to do with it at all.",
        f"Menu and search\n\n{LONG}",
        "We use cookies. Do you agree to all of them?",
    ],
)
def test_a_guess_does_not_replace_what_a_layout_read(body: str) -> None:
    record = after(body=body, images=[], embeds=[], links=[], authors=["X. Y"])
    old = stored(body=LONG)
    for name in ("title", "body", "images", "embeds", "links", "authors", "extraction"):
        assert getattr(record, name) == getattr(old, name), name
    assert (record.revision, record.crawl["outcome"]) == (1, "unchanged")  # type: ignore[index]
    assert record.last_seen_at == LATER


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("North road", LONG.replace("\n\n", "\n\nA new one stands between these two.\n\n", 1)),
        ("North road", LONG.replace("Paragraph 3 tells", "Paragraph 3, corrected, tells")),
        ("North road opens", f"{LONG}\n\nAt last it is open, the mayor said."),
        ("North road opens", LONG),
    ],
)
def test_a_guess_that_is_clearly_an_edit_does(title: str, body: str) -> None:
    record = after(title=title, body=body)
    assert (record.title, record.body, record.revision) == (title, body, 2)
    assert record.extraction == GUESS


def test_the_heading_of_something_else_is_no_edit() -> None:
    assert after(title="Politics").title == "North road"


@pytest.mark.parametrize("flaw", ["partial", "garbled"])
def test_a_flawed_page_does_not_replace_a_sound_one_and_gives_way_to_it(flaw: str) -> None:
    sound, part = stored(body=LONG), LONG[:100]
    flawed = {"method": "template", "layout": "post-2025", "missing": [], flaw: True}
    kept = records.meet(sound, full(body=part, extraction=flawed), LATER)
    assert (kept.body, kept.revision, kept.extraction) == (LONG, 1, sound.extraction)
    healed = records.meet(stored(body=part, extraction=flawed), full(body=LONG), LATER)
    assert (healed.body, healed.extraction) == (LONG, sound.extraction)
    guessed = full(body=LONG, extraction=dict(GUESS))
    assert records.meet(stored(body=part, extraction=flawed), guessed, LATER).body == LONG


def test_a_guessed_time_gives_way_to_the_one_that_a_layout_finds() -> None:
    guess = {**(full().extraction or {}), "method": "fallback", "layout": "unknown"}
    guessed = records.first_seen(full(extraction=guess, published_at=LATER), LATER)
    assert records.meet(guessed, full(), LATER).published_at == AT
    hidden = full(published_at=None)
    assert records.meet(guessed, hidden, LATER).published_at == LATER
    assert (
        records.meet(stored(), full(extraction=guess, published_at=LATER), LATER).published_at == AT
    )


DAYS = timedelta(days=6)
NEW = {"body": prose(60, "the new story"), "published_at": AT + DAYS}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"body": prose(60, "the old story")}, NEW),
        ({"body": prose(60, "the old story")}, {**NEW, "title": "Quite another thing"}),
        ({"body": prose(60, "the old story")}, {**NEW, "published_at": AT - DAYS}),
        (
            {"body": "Watch."},
            {"title": "Salt is dear", "body": "See.", "published_at": AT + DAYS},
        ),
    ],
    ids=["headline recurs", "another headline", "what stood there before", "captions"],
)
def test_another_story_at_the_same_address_has_its_own_date(before: Any, now: Any) -> None:
    after = records.meet(stored(**before), full(**now), AT + DAYS, printed_at=AT)
    assert after.published_at == now["published_at"]
    assert (after.id, after.revision, after.first_seen_at) == ("en/a", 2, AT)


def test_another_story_has_nothing_of_the_former_one() -> None:
    """What its page does not say is unknown, and not what the other story's page said."""
    bare: dict[str, Any] = {
        "authors": [], "sections": [ref("sport", "SPORT")], "images": [], "embeds": [], "links": [],
        "alternates": {}, "description": None,
    }  # fmt: skip
    old = stored(body=prose(60, "the old story"))
    after = records.meet(old, full(**NEW, **bare), AT + DAYS, printed_at=AT)
    assert {name: getattr(after, name) for name in bare} == bare
    edited = records.meet(old, full(body=old.body + " More.", **bare), AT + DAYS, printed_at=AT)
    kept = ("authors", "images", "alternates", "description")
    assert all(getattr(edited, name) == getattr(old, name) for name in kept)


NOTE = prose(25, "note")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"body": NOTE}, {"body": f"{NOTE} {prose(75, 'more')}"}),
        ({"body": NOTE}, {"body": f"{prose(600, 'more')}\n\n{NOTE}", "title": "North road shut"}),
        ({"body": prose(500, "x") + NOTE}, {"body": NOTE}),
        ({"body": "Watch the video."}, {"body": prose(60, "text of the video")}),
        ({"body": ""}, {"body": NOTE}),
        ({"body": NOTE}, {**NEW, "published_at": AT + timedelta(hours=5)}),
        ({"body": NOTE}, {**NEW, "published_at": None}),
        ({"body": NOTE}, {"title": "Caliber.Az", "body": ""}),
        ({"body": NOTE}, {**NEW, "extraction": dict(GUESS)}),
        ({"body": NOTE}, {**NEW, "extraction": {**(full().extraction or {}), "garbled": True}}),
    ],
)
def test_an_edited_story_keeps_its_first_date(before: Any, now: Any) -> None:
    now = {"published_at": AT + DAYS, **now}
    after = records.meet(stored(**before), full(**now), AT + DAYS, printed_at=AT)
    assert after.published_at == AT


def test_a_date_that_moved_before_the_text_is_no_other_story_s() -> None:
    moved = AT + DAYS
    after = records.meet(stored(body=NOTE), full(**NEW), moved + DAYS, printed_at=moved)
    assert after.published_at == AT


def test_a_guess_replaces_a_guess() -> None:
    record = records.meet(
        stored(extraction=dict(GUESS)), full(body="New.", extraction=GUESS), LATER
    )
    assert record.body == "New."
