"""When two articles say the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from caliber_crawler.items import Article

# Below this many words a text is a caption rather than a story ("Watch the video"), so the same
# words on another day or under another video make another article.
FEW_WORDS = 20
# A text this short under its headline may be a line that stands below many videos.
SHORT = 60
SAME_POSTING = timedelta(days=1)
# Posted again so soon, the same headline over the same words is no coincidence.
POSTED_AGAIN = timedelta(minutes=10)


def content_hash(title: str | None, body: str) -> str:
    """SHA-256 in hexadecimal over the words of headline and body.

    White space does not count, so it changes only when a reader would see other words. Views,
    pictures and markup are no part of it.
    """
    words = " ".join((title or "").split()) + "\n" + " ".join(body.split())
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Story:
    """The little of an article that decides whether another one repeats it."""

    id: str | None
    language: str | None
    content_hash: str
    word_count: int
    published_at: datetime | None
    media: frozenset[str]
    embeds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, article: Article) -> Story:
        """The story in a record; `media` are the addresses of its pictures and embeds."""
        embeds = frozenset(entry["url"] for entry in article.embeds)
        media = embeds.union(entry["url"] for entry in article.images)
        return cls(
            article.id,
            article.language,
            article.content_hash,
            article.word_count,
            article.published_at,
            media,
            embeds,
        )


def repeats(story: Story, other: Story) -> bool:
    """Whether `story` is `other` posted again under another address.

    Both have the same edition and the same words. A caption's worth of words must also come within
    minutes, or with the same media and within a day, because such texts recur ("Watch the video");
    so must a short text below two different videos.
    """
    if story.id == other.id or story.language != other.language:
        return False
    if story.content_hash != other.content_hash:
        return False
    both = story.embeds and other.embeds
    enough = SHORT if both and story.embeds.isdisjoint(other.embeds) else FEW_WORDS
    if story.word_count >= enough:
        return True
    if story.published_at is None or other.published_at is None:
        return False
    apart = abs(story.published_at - other.published_at)
    return apart <= POSTED_AGAIN or (apart <= SAME_POSTING and story.media == other.media)
