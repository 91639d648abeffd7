"""When two articles say the same."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from caliber_crawler.items import Article

# Below this many words a text is a caption rather than a story ("Watch the video"), so the same
# words on another day or under another video make another article.
FEW_WORDS = 20
SAME_POSTING = timedelta(days=1)


def content_hash(title: str | None, body: str) -> str:
    """SHA-256 in hexadecimal over the words of headline and body.

    White space does not count, so it changes only when a reader would see other words. Views,
    pictures and markup are no part of it.
    """
    words = " ".join((title or "").split()) + "\n" + " ".join(body.split())
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


def repeats(article: Article, other: Article) -> bool:
    """Whether `article` is the same story as `other` posted again under another address.

    Both have the same edition and the same words. A caption's worth of words must also come with
    the same media and within a day, because such texts recur ("Watch the video").
    """
    if article.id == other.id or article.language != other.language:
        return False
    if article.content_hash != other.content_hash:
        return False
    if article.word_count >= FEW_WORDS:
        return True
    if article.published_at is None or other.published_at is None:
        return False
    near = abs(article.published_at - other.published_at) <= SAME_POSTING
    return near and article.embeds == other.embeds and article.images == other.images
