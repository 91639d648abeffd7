"""Which article a page is: another version of a stored one, a near-duplicate, or one of its own.

An edited headline changes the address here, and nothing redirects (three of 113 articles in a
week). So an article under an unknown address may be a stored one after an edit. What speaks for it
is the text; what decides is the fate of the old address: an editor's change takes it away, while a
story that was posted twice stands under both. A follow-up that quotes an earlier story has a text
much like an edit's, too, and is told from one by nothing else.

Every judgement has a reason and a score, which are stored with the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from caliber_crawler.dedupe import FEW_WORDS
from caliber_crawler.items import Article
from caliber_crawler.similarity import (
    Likeness,
    Words,
    alike,
    compare,
    figures_differ,
    titles_alike,
)

Fate = Literal["gone", "moved", "alive", "present", "unknown"]
"""What became of an address: it is ``gone``, leads to the new one (``moved``), or is ``alive`` with
an article of its own; ``present``: this crawl took that article, as the lists show it. ``unknown``:
the site did not tell (an error, a check of visitors)."""

NEAR_IN_TIME = timedelta(days=3)
"""Two versions of one article are dated no further apart. Editors move dates by hours."""

# Texts of fewer words are captions: their headline and media must speak for them.
_A_TEXT = 8
# An edited text keeps so much of the shorter version and of the headline's words; one that keeps
# nearly all may have another headline altogether. News are full of set phrases: of pairs of
# unrelated articles of the stand-in, near in time, nine in a million pass (docs/record.md).
_KEPT = ((0.8, 0.0), (0.6, 0.3), (0.5, 0.5))
_NEARLY_ALL = 0.8
# Headline and text together.
_A_CAPTION = 12
# Of short texts, where a set phrase or two is all there is.
_KEPT_SHORT = ((0.8, 0.5),)
# A story that stands under its old address as well is one that grew if it is so much longer.
_GROWN, _SAME_TITLE = 1.5, 0.5
# With one word in twenty changed, three of four shingles are the same, and rarely less than this.
NEAR = 0.6
# Texts with less in common than this are about different things.
_UNLIKE, _UNLIKE_TITLE = 0.2, 0.5
# Captions of one article have headlines that are this much alike.
_SAME_CAPTION = 0.6
_ANOTHER_DAY = timedelta(hours=12)
# In a text of fewer words the house's line below its videos ("Follow us on ...", some 25 words) may
# be half of all, so that what is shown counts as well.
_SHOWS = 50
_YOUTUBE = re.compile(
    r"//[\w.-]{0,30}youtu[\w.-]{1,30}/"
    r"(?:(?:embed|shorts|live|v)/|watch\?(?:[^#]{0,99}&)?v=)?([\w-]{11})(?![\w-])"
)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """That an article is a version of a stored one; `score` 0 to 1, `likeness` what it rests on."""

    score: float
    likeness: Likeness


def dated_at(article: Article) -> datetime | None:
    """When an article was published, as far as known, else when it was fetched; UTC."""
    if article.published_at is not None:
        return article.published_at
    return article.first_seen_at or (article.crawl["fetched_at"] if article.crawl else None)


def suspect(seen: Article, stored: Article) -> Suspicion | None:
    """Whether an article under an unknown address may be a later version of a stored one.

    Both have the same edition, are near in time, and what the shorter says is for the most part in
    the other. Figures that were replaced tell articles that recur; other headlines above other
    videos or pictures tell short ones, of which a line that stands below many may be all the text.
    """
    when, before = dated_at(seen), dated_at(stored)
    if seen.language != stored.language or when is None or before is None:
        return None
    if abs(when - before) > NEAR_IN_TIME:
        return None
    said, other = Words.of(seen), Words.of(stored)
    short = min(len(said.body), len(other.body)) < FEW_WORDS
    if figures_differ(said, other, strict=short or _days_apart(seen, stored)):
        return None
    likeness = compare(said, other)
    if _show_others(said, other, likeness.title):
        return None
    if min(len(said.body), len(other.body)) >= _A_TEXT:
        score = _as_texts(likeness, said, other)
    else:
        score = _as_captions(likeness, said, other)
    return Suspicion(round(score, 3), likeness) if score else None


def is_edit(suspicion: Suspicion, fate: Fate, *, same_words: bool) -> bool:
    """Whether the suspicion holds, given what became of the old address.

    While the old one is alive, a text that repeats it is a duplicate; one that began with it and
    grew is the same story told on.
    """
    if fate in ("gone", "moved"):
        return True
    like = suspicion.likeness
    grew = like.grown >= _GROWN and like.opening and like.kept >= _NEARLY_ALL
    return fate == "alive" and grew and like.title >= _SAME_TITLE and not same_words


def near_duplicates(
    one: Article, other: Article, words: Callable[[Article], Words] = Words.of
) -> float | None:
    """How much two articles of different words have in common when it is nearly all; else None.

    `words` gives the words of each, for callers that keep them.
    The score is the share of three-word shingles, `NEAR` to 1. Captions must be of the same day,
    and short texts under other headlines not show other videos or pictures.
    """
    if one.language != other.language or one.content_hash == other.content_hash:
        return None
    said, there = words(one), words(other)
    score = alike(said, there)
    if score < NEAR:
        return None
    apart = _days_apart(one, other)
    caption = min(one.word_count, other.word_count) < _A_CAPTION
    if (caption and apart) or _show_others(said, there, titles_alike(said, there)):
        return None
    return None if figures_differ(said, there, strict=apart) else round(score, 3)


def is_another_story(seen: Article, stored: Article) -> bool:
    """Whether two texts have so little in common that one address cannot be right for both."""
    said, other = Words.of(seen), Words.of(stored)
    like = compare(said, other)
    if not seen.body or not stored.body:
        return like.title < _UNLIKE_TITLE
    if like.title >= _UNLIKE_TITLE:
        return False
    if max(like.whole, like.kept, like.taken) < _UNLIKE:
        return True
    both_short = max(len(said.body), len(other.body)) < _SHOWS  # a note that grew is none
    return both_short and _show_others(said, other, like.title)


def is_told_anew(seen: Article, stored: Article, before: datetime | None) -> bool:
    """Whether an address shows another story than before, and so one with a date of its own.

    The date printed there was `before`, and is another day's now, while next to nothing of the text
    is left; the headline may be the same, for headlines recur. Of an edited text the old words are
    still there, however much it grew, and a caption says too little to tell, or no text at all.
    """
    if seen.published_at is None or before is None or not seen.body:
        return False
    if abs(seen.published_at - before) <= _ANOTHER_DAY:
        return False
    said, other = Words.of(seen), Words.of(stored)
    like = compare(said, other)
    is_text = min(len(said.body), len(other.body)) >= _A_TEXT
    return max(like.kept, like.taken) < _UNLIKE and (is_text or like.title < _UNLIKE_TITLE)


def _as_texts(like: Likeness, said: Words, other: Words) -> float:
    kept = max(like.kept, like.taken)
    short = min(len(said.body), len(other.body)) < FEW_WORDS
    enough = any(
        kept >= least and like.title >= title for least, title in (_KEPT_SHORT if short else _KEPT)
    )
    return 0.7 * kept + 0.3 * like.title if enough else 0.0


def _as_captions(like: Likeness, said: Words, other: Words) -> float:
    """Too little text to go by: much the same headline, and the same pictures or videos."""
    same_media = bool(said.media & other.media) or said.media == other.media
    within = not other.body or not said.body or max(like.kept, like.taken) >= _NEARLY_ALL
    return like.title if like.title >= _SAME_CAPTION and same_media and within else 0.0


def _show_others(said: Words, other: Words, title: float) -> bool:
    """Whether what two short texts show, under unlike headlines, tells that they are two articles.

    An editor who changes the headline keeps the video, or a picture at least. Where both have
    embeds these decide, since the house has one cover for many videos; what shows nothing tells
    nothing.
    """
    if title >= _UNLIKE_TITLE or min(len(said.body), len(other.body)) >= _SHOWS:
        return False
    if said.embeds and other.embeds:
        return _videos(said.embeds).isdisjoint(_videos(other.embeds))
    return bool(said.media and other.media) and said.media.isdisjoint(other.media)


def _videos(addresses: Iterable[str]) -> set[str]:
    """Addresses of embeds, those of one YouTube video made the same however they are written."""
    return {found[1] if (found := _YOUTUBE.search(url)) else url for url in addresses}


def _days_apart(one: Article, other: Article) -> bool:
    first, second = dated_at(one), dated_at(other)
    return first is None or second is None or abs(first - second) > _ANOTHER_DAY
