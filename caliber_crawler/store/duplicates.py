"""Which stored articles repeat another one: the field `duplicate_of` in the collection `articles`.

Of articles that repeat each other (`dedupe.repeats`) one is the original, with None there, and the
others name it, so there are no chains. The one stored first is the original; among those saved
together the one published first. It stays so until its text changes, or until the site removes it
while another one is still there: then the articles that named it are looked at again. An original
that comes back names the one that took its place.

Nothing is locked. Whoever stores articles settles them afterwards, and reads again after every
write: a write that rested on what another worker has changed meanwhile is seen and mended by its
own writer, so whatever the order, the last one to finish leaves things right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from caliber_crawler.dedupe import FEW_WORDS, Story, repeats
from caliber_crawler.errors import StoreError
from caliber_crawler.items import Article
from caliber_crawler.store.bulk import bulk_write
from caliber_crawler.store.races import ATTEMPTS
from caliber_crawler.store.refusals import Refusals

_NEVER = datetime.max.replace(tzinfo=UTC)
# What `dedupe.Story` and the order need, without the text.
_FIELDS = dict.fromkeys(
    (
        "id", "language", "content_hash", "word_count", "published_at", "images.url", "embeds.url",
        "first_seen_at", "duplicate_of", "status",
    ),
    1,
)  # fmt: skip


async def settle(
    articles: AsyncCollection[dict[str, Any]],
    records: Collection[Article],
    refusals: Refusals | None = None,
    *,
    reread: bool = False,
) -> dict[str | None, str | None]:
    """Set `duplicate_of` of just stored records, and of all that this concerns.

    Records of a first revision are taken as they are given, unless they are to be read again
    (`reread`) because somebody else may have stored them, too. Returns it for each id of `records`,
    and of the others where it changed. That is how it was then: of two workers that store
    repetitions of each other at once, each may be told the other's, and one mends it afterwards.
    May be repeated. Records that MongoDB lets nobody change stay as they are, and are told to
    `refusals`. Raises the driver's errors, and `StoreError` when other workers change the same
    articles without end.
    """
    fresh = {record.id for record in records}
    touched = set(fresh)
    hashes = {record.content_hash for record in records}
    new = fresh  # those that give way to what was there before
    given = [record for record in records if record.revision == 1 and record.duplicate_of is None]
    if reread:
        given = []
    refusals = refusals or Refusals()
    fixed: set[str | None] = set()
    for _ in range(ATTEMPTS):
        members = await _read(articles, hashes, touched, given)
        given = []
        if unread := {member.content_hash for member in members} - hashes:
            hashes |= unread
            continue
        right = originals(members, new)
        wrong = [
            member
            for member in members
            if right[member.id] != member.duplicate_of and member.id not in fixed
        ]
        if not wrong:
            return {id_: original for id_, original in right.items() if id_ in touched}
        touched |= {member.id for member in wrong}
        # From here on the order is the same for every worker. If two that store each other's
        # repetition both kept giving way, they could do so for ever.
        new = set()
        changes = [_change(member, right[member.id]) for member in wrong]
        written = await bulk_write(articles, changes)
        fixed |= refusals.of(articles.name, [member.id for member in wrong], written.refused)
    raise StoreError(f"duplicates changed at each of {ATTEMPTS} attempts to mark them")


def originals(
    members: Sequence[Article], new: Collection[str | None] = ()
) -> dict[str | None, str | None]:
    """For each id the id of the original that it repeats, or None for an original.

    `members` are articles with the same words, or several groups of such; those in `new` come
    after the others, and those that the site removed after all that are there: a reader of the
    originals alone would else miss the copy that stands. What is right already stays as it is.
    """
    ordered = sorted(
        members,
        key=lambda m: (m.id in new, m.published_at or _NEVER, m.first_seen_at or _NEVER, m.id),
    )
    # Originals by content hash and day, with their places in the order.
    kept: dict[tuple[str, int], dict[str | None, tuple[int, Story]]] = defaultdict(dict)
    result: dict[str | None, str | None] = {}
    # Originals first, so that an article that names one of them can go on naming it.
    ordered.sort(key=lambda m: (m.status == "gone", m.duplicate_of is not None))
    for place, member in enumerate(ordered):
        story = Story.of(member)
        days = _days(story)
        near = [entry for day in days for entry in kept[story.content_hash, day].values()]
        near.sort(key=lambda entry: (entry[1].id != member.duplicate_of, entry[0]))
        result[member.id] = next((o.id for _, o in near if repeats(story, o)), None)
        if result[member.id] is None:
            kept[story.content_hash, days[0]][member.id] = place, story
    return result


def _days(story: Story) -> list[int]:
    """On which days another article may be that says the same, its own first.

    Short texts repeat only what is of the same time: a caption that recurs day by day for years is
    not to be compared with all of them.
    """
    if story.word_count >= FEW_WORDS or story.published_at is None:
        return [0]
    day = story.published_at.astimezone(UTC).toordinal()
    return [day, day - 1, day + 1]  # `SAME_POSTING` is a day


async def _read(
    articles: AsyncCollection[dict[str, Any]],
    hashes: Collection[str],
    ids: Collection[str | None],
    given: Sequence[Article],
) -> list[Article]:
    """Originals with these hashes, the articles with these ids, and those that name them.

    Those that are `given` are not read.
    """
    known = [article.id for article in given]
    query = {
        "$or": [
            {"content_hash": {"$in": list(hashes)}, "duplicate_of": None, "_id": {"$nin": known}},
            {"duplicate_of": {"$in": list(ids)}},
            {"_id": {"$in": list(set(ids).difference(known))}},
        ]
    }
    found = [Article.from_document(document) async for document in articles.find(query, _FIELDS)]
    there = {article.id for article in found}
    return [*found, *(article for article in given if article.id not in there)]


def _change(member: Article, original: str | None) -> UpdateOne:
    """An update that holds only while the article is as it was read."""
    guard = {
        "_id": member.id,
        "content_hash": member.content_hash,
        "duplicate_of": member.duplicate_of,
    }
    why = {"reason": "same words", "score": 1.0} if original else None
    return UpdateOne(guard, {"$set": {"duplicate_of": original, "internal.repeats": why}})
