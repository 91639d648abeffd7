"""What texts have in common, and the numbers by which similar ones are found."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caliber_crawler.identity import is_another_story, is_edit, near_duplicates, suspect
from caliber_crawler.items import Article
from caliber_crawler.similarity import (
    Words,
    alike,
    compare,
    figures_differ,
    fingerprint,
    traces,
    words,
)
from tests.stories import HOUR, START, prose, story
from tests.stories import words as made_words


def text(body: str, title: str = "") -> Words:
    return Words(words(title), words(body))


def test_words_are_folded_and_figures_kept_whole() -> None:
    assert words("The RATE: 1.7024, 12:30 — İlham's e-mail") == (
        "the", "rate", "1.7024", "12:30", "ilham", "s", "e", "mail",
    )  # fmt: skip


def test_a_word_may_have_letters_and_figures() -> None:
    assert words("G20: a 5km run, COVID-19; 10,000.") == (
        "g20", "a", "5km", "run", "covid", "19", "10,000",
    )  # fmt: skip


def test_stored_numbers_stay_what_they_are() -> None:
    """They are kept in databases: a library that counts otherwise would find nothing there."""
    marks = fingerprint(text("one two three four five six seven", "a title"), "en")
    assert marks.bands[:3] == GOLDEN_BANDS
    assert marks.traces == GOLDEN_TRACES
    assert len(marks.bands) == 16


GOLDEN_BANDS = [1787890087, 1669329211, -1348422326]
GOLDEN_TRACES = [-1468820826]


@pytest.mark.parametrize("share", [1, 2, 5])
def test_few_changed_words_leave_a_band(share: int) -> None:
    """With a hundred texts of each kind; the full measure is made by the benchmark."""
    dice = random.Random(share)
    found = 0
    for seed in range(100):
        said = made_words(100, f"{share}/{seed}")
        changed = list(said)
        for place in dice.sample(range(100), share):
            changed[place] = "another"
        one, other = text(" ".join(said)), text(" ".join(changed))
        shared = set(fingerprint(one, "en").bands) & set(fingerprint(other, "en").bands)
        found += bool(shared) and alike(one, other) >= 0.6
    assert found >= 99


def test_editions_share_nothing() -> None:
    one = text(prose(100, "a"))
    en, ru = fingerprint(one, "en"), fingerprint(one, "ru")
    assert not set(en.bands) & set(ru.bands)
    assert not set(en.traces) & set(ru.traces)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 10**6))
def test_a_common_run_of_thirteen_words_leaves_a_trace(before: int, after: int, seed: int) -> None:
    run = made_words(13, f"run {seed}")
    around = [*made_words(before, f"b{seed}"), *run, *made_words(after, f"a{seed}")]
    short, long = Words((), tuple(run)), Words((), tuple(around))
    assert set(fingerprint(short, "en").traces) & set(traces(long, "en"))


@given(st.integers(6, 60), st.integers(0, 10**6))
def test_traces_are_the_least_of_eight_runs_of_six_words(length: int, seed: int) -> None:
    """Told by their definition; the code goes from one to the next."""
    said = Words(("headline",), tuple(made_words(length, f"{seed}")))
    least = {min(said.hashes[i : i + 8]) for i in range(length - 12)}
    marks = fingerprint(said, None).traces
    if least:
        assert marks == sorted({number % 2**32 - 2**31 for number in least})
    else:
        assert marks


@given(st.text(), st.text(), st.text(), st.text())
def test_any_texts_can_be_compared(one: str, title: str, other: str, second: str) -> None:
    first, then = text(one, title), text(other, second)
    like = compare(first, then)
    for share in (like.whole, like.title, like.kept, like.taken):
        assert 0 <= share <= 1
    assert like.grown >= 0
    assert alike(first, then) == alike(then, first)
    assert alike(first, first) == (1.0 if first.shingles else 0.0)
    marks = fingerprint(first, "en")
    assert all(-(2**31) <= number < 2**31 for number in (*marks.bands, *marks.traces))
    figures_differ(first, then, strict=True)


def test_figures_of_texts_that_recur() -> None:
    monday = text("The dollar is 1.7000, the euro 1.9784 and the pound 2.2911 today.")
    tuesday = text("The dollar is 1.7000, the euro 1.9811 and the pound 2.2870 today.")
    assert figures_differ(tuesday, monday, strict=True)
    assert figures_differ(tuesday, monday, strict=False)


def test_a_word_in_place_of_a_figure_replaces_none() -> None:
    one = text("Three ships and 12 boats with 40 people came on day 3 of the month.")
    other = text("Three ships and some boats with many people came on day 3 of the month.")
    assert not figures_differ(other, one, strict=True)


def test_one_corrected_figure_of_the_same_day_is_a_correction() -> None:
    one = text("Three ships with 40 people came to the harbour on day 3 of the month.")
    other = text("Three ships with 45 people came to the harbour on day 3 of the month.")
    assert not figures_differ(other, one, strict=False)
    assert figures_differ(other, one, strict=True)


def test_every_fate_of_an_address() -> None:
    note = prose(30, "note")
    old = story("a", title="Harbour opens a pier", body=note)
    new = story("b", title="Harbour opens a second pier", body=f"{note}\n\n{prose(90, 'more')}")
    same = story("c", title="Harbour opens a pier", body=note)
    grew, repeated = suspect(new, old), suspect(same, old)
    assert grew is not None
    assert repeated is not None
    for fate in ("gone", "moved"):
        assert is_edit(grew, fate, same_words=False)  # type: ignore[arg-type]
        assert is_edit(repeated, fate, same_words=True)  # type: ignore[arg-type]
    assert is_edit(grew, "alive", same_words=False)
    assert not is_edit(repeated, "alive", same_words=True)
    assert not is_edit(grew, "unknown", same_words=False)


LINE = prose(26, "the line that stands below every video")
CONVOY, STORM = "Convoy crosses the delta VIDEO", "Storm over the ridge VIDEO"
VIDEO = "https://www.youtube.com/embed/{}"


def shown(slug: str, title: str, video: str = "", *pictures: str, body: str = LINE) -> Article:
    """A post of a video, a picture, or both; half an hour later than another one if it is `b`."""
    return story(
        slug, title=title, body=body, published_at=START + (HOUR / 2 if slug == "b" else 0 * HOUR),
        embeds=[{"type": "youtube", "url": video}] if video else [],
        images=[{"url": url, "role": "cover", "caption": None} for url in pictures],
    )  # fmt: skip


ONE, OTHER = VIDEO.format("aaaaaaaaaa1"), VIDEO.format("bbbbbbbbbb2")
SAME = "https://youtu.be/aaaaaaaaaa1?si=cccccccccc3"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (shown("a", CONVOY, ONE), shown("b", STORM, OTHER)),
        (shown("a", CONVOY, ONE, "house.webp"), shown("b", STORM, OTHER, "house.webp")),
        (shown("a", CONVOY, "", "a.webp"), shown("b", STORM, "", "b.webp")),
        (shown("a", CONVOY, ONE), shown("b", STORM, "", "b.webp")),
        (shown("a", CONVOY, ONE), shown("b", STORM, OTHER, body=f"{prose(12, 'storm')} {LINE}")),
    ],
    ids=["videos", "the house's cover", "pictures", "video and picture", "a sentence"],
)
def test_other_videos_under_other_headlines_are_other_articles(old: Article, new: Article) -> None:
    """However much of their text is a line that stands below all of them."""
    assert suspect(new, old) is None
    assert near_duplicates(new, old) is None
    if new.body == old.body:
        assert is_another_story(new, old)
    bare = replace(old, embeds=[], images=[]), replace(new, embeds=[], images=[])
    assert suspect(*bare) is not None, "the text alone would not tell"


def test_a_long_text_with_the_line_is_no_version_of_a_video() -> None:
    old = shown("a", CONVOY, ONE)
    new = shown("b", STORM, "", "b.webp", body=f"{prose(200, 'storm')}\n\n{LINE}")
    assert suspect(new, old) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (shown("a", CONVOY, ONE), shown("b", STORM, ONE)),
        (shown("a", CONVOY, ONE), shown("b", STORM, SAME)),
        (shown("a", CONVOY, ONE), shown("b", f"{CONVOY} UPDATED", OTHER)),
        (shown("a", CONVOY, ONE, "a.webp"), shown("b", STORM, "", "a.webp", "b.webp")),
        (shown("a", CONVOY, ONE), shown("b", STORM)),
        (
            shown("a", CONVOY, ONE, body=prose(60, "text")),
            shown("b", STORM, OTHER, body=prose(60, "text")),
        ),
    ],
    ids=["video", "its other address", "headline", "cover", "nothing shown", "a text"],
)
def test_an_edit_keeps_something(old: Article, new: Article) -> None:
    assert suspect(new, old) is not None
    assert near_duplicates(new, old) is not None
    assert not is_another_story(new, old)
