"""When two articles say the same."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from scrapy.exceptions import DropItem

from caliber_crawler.addon import CaliberAddon
from caliber_crawler.counters import DUPLICATES_CONTENT
from caliber_crawler.dedupe import (
    FEW_WORDS,
    POSTED_AGAIN,
    SAME_POSTING,
    Story,
    content_hash,
    repeats,
)
from caliber_crawler.items import Article
from caliber_crawler.pipelines import DuplicatesPipeline

AT = datetime(2025, 4, 2, 9, 24, tzinfo=UTC)
LONG = Story("en/a", "en", "h", FEW_WORDS, AT, frozenset({"https://x.org/a.jpg"}))
SHORT = replace(LONG, word_count=FEW_WORDS - 1)


def test_the_hash_is_of_words_alone() -> None:
    assert content_hash("T", "a b\n\nc") == content_hash(" T ", "a\nb c ")
    assert len(content_hash(None, "")) == 64


@pytest.mark.parametrize(
    ("title", "body"), [("T", "a c"), ("t", "a b"), ("T a", "b"), ("", "T a b"), ("T", "ab")]
)
def test_other_words_have_another_hash(title: str, body: str) -> None:
    assert content_hash(title, body) != content_hash("T", "a b")


def test_any_text_has_a_hash() -> None:
    assert content_hash("\ud800", "\x00") != content_hash("", "")


def test_a_story_again_under_another_address() -> None:
    assert repeats(LONG, replace(LONG, id="en/b"))
    assert repeats(LONG, replace(LONG, id="en/b", published_at=AT + timedelta(days=400)))
    assert repeats(LONG, replace(LONG, id="en/b", published_at=None, media=frozenset()))


@pytest.mark.parametrize(
    "other",
    [LONG, replace(LONG, id="ru/a", language="ru"), replace(LONG, id="en/b", content_hash="i")],
)
def test_what_does_not_repeat(other: Story) -> None:
    assert not repeats(LONG, other)


def test_captions_recur() -> None:
    other = replace(SHORT, id="en/b")
    assert repeats(SHORT, other)
    assert repeats(SHORT, replace(other, published_at=AT + SAME_POSTING))
    assert repeats(SHORT, replace(other, published_at=AT - SAME_POSTING))
    assert not repeats(SHORT, replace(other, published_at=AT + SAME_POSTING * 2))
    assert not repeats(SHORT, replace(other, published_at=None))
    later = replace(other, media=frozenset(), published_at=AT + POSTED_AGAIN * 2)
    assert not repeats(SHORT, later)


def test_a_line_that_stands_below_many_videos() -> None:
    """Under a headline that recurs, each below a video of its own."""
    one, other = frozenset({"https://y.org/1"}), frozenset({"https://y.org/2"})
    monday = replace(LONG, word_count=40, media=one, embeds=one)
    tuesday = replace(monday, id="en/b", published_at=AT + SAME_POSTING, media=other, embeds=other)
    assert not repeats(tuesday, monday)
    assert repeats(replace(tuesday, published_at=AT + POSTED_AGAIN), monday)
    assert repeats(replace(tuesday, embeds=monday.embeds), monday)
    assert repeats(replace(tuesday, embeds=frozenset()), monday)
    assert repeats(replace(tuesday, word_count=60), replace(monday, word_count=60))


def test_a_caption_posted_again_within_minutes_with_another_picture() -> None:
    again = replace(SHORT, id="en/b", media=frozenset({"https://x.org/b.jpg"}))
    assert repeats(SHORT, again)
    assert repeats(SHORT, replace(again, published_at=AT + POSTED_AGAIN))


def test_without_a_store_an_article_is_compared_with_every_story_of_its_words() -> None:
    counts: Counter[str] = Counter()

    def count(name: str, detail: str = "", number: int = 1) -> None:
        counts[name] += number

    pipeline = DuplicatesPipeline(cast(CaliberAddon, SimpleNamespace(store=None, count=count)))

    def original(slug: str, days: int) -> str | None:
        article = Article(
            id=f"en/{slug}", url=f"https://x.org/en/post/{slug}", language="en", slug=slug,
            content_hash="h", word_count=FEW_WORDS - 1, published_at=AT + timedelta(days=days),
        )  # fmt: skip
        with suppress(DropItem):
            pipeline.process_item(article)
        return article.duplicate_of

    assert [original("a", 0), original("b", 9), original("c", 20)] == [None] * 3
    assert [original("a2", 0), original("b2", 9), original("c2", 20)] == ["en/a", "en/b", "en/c"]
    assert original("d", 30) is None
    assert counts[DUPLICATES_CONTENT] == 3


def test_the_story_of_an_article() -> None:
    article = Article(
        id="en/a",
        language="en",
        content_hash="h",
        word_count=FEW_WORDS,
        published_at=AT,
        images=[{"url": "https://x.org/a.jpg", "role": "cover", "caption": "c"}],
    )
    assert Story.of(article) == LONG
    article.embeds = [{"type": "x", "url": "https://x.com/n/status/1"}]
    assert Story.of(article).media == LONG.media | {"https://x.com/n/status/1"}
