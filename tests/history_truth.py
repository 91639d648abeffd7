"""What must be stored in the end, and how it differs from what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal

from pymongo.database import Database

from demo_site import Edit, Truth

Documents = Database[dict[str, Any]]
Link = Literal["duplicate_of", "near_duplicate_of"]
NEEDED_MISSES = 2
"""So many crawls must have found an article missing before it is gone."""


@dataclass(frozen=True)
class Shown:
    """What an article showed to a crawl. printed: the time on its page."""

    title: str
    body: str
    printed: datetime

    @classmethod
    def of(cls, truth: Truth) -> Shown:
        return cls(truth.title, "\n\n".join(truth.paragraphs), truth.published)


@dataclass(frozen=True)
class Said:
    """A document of `revisions`: what the record said, until which crawl saw it otherwise.

    moved_to: the time that was printed instead from then on, None when it was the same.
    """

    revision: int
    shown: Shown
    replaced_by: str
    moved_to: datetime | None


@dataclass
class Story:
    """One story of the site, and the one record that it must be.

    made: the slug it was posted under; slug: that of its address now; old: those before, in order.
    edit: all that editors did to it up to now. seen: what the last crawl that saw it was shown, as
    `Shown`; first: the time that the first one was shown. misses: crawls that found it missing
    since it was last seen. points: crawls that saw a counter. spare: further fetches of its page
    or of an old one, of which a crawler may keep the counter or not. group, link: with which others
    it is linked, and how; None for a story of its own.
    """

    made: str
    slug: str = ""
    old: list[str] = field(default_factory=list)
    edit: Edit = field(default_factory=Edit)
    first: datetime | None = None
    seen: Shown | None = None
    revision: int = 0
    said: list[Said] = field(default_factory=list)
    removed: bool = False
    gone: bool = False
    misses: int = 0
    points: int = 0
    spare: int = 0
    group: str | None = None
    link: Link | None = None

    def __post_init__(self) -> None:
        self.slug = self.slug or self.made

    @property
    def id(self) -> str:
        return f"en/{self.made}"

    def sees(self, shown: Shown, crawl_id: str, *, counter: bool) -> None:
        """A crawl was shown this."""
        self.misses, self.gone = 0, False
        self.points += counter
        if self.seen is None:
            self.first, self.revision = shown.printed, 1
        elif self.seen != shown:
            moved = shown.printed if shown.printed != self.seen.printed else None
            self.said.append(Said(self.revision, self.seen, crawl_id, moved))
            self.revision += 1
        self.seen = shown

    def misses_it(self) -> None:
        """A crawl asked for it and found it missing."""
        self.misses += 1
        self.gone = self.misses >= NEEDED_MISSES


def documents(story: Story, url: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record, as far as the history knows it, without links, and its revisions."""
    assert story.seen is not None
    record = {
        "_id": story.id,
        "id": story.id,
        "url": f"{url}/en/post/{story.slug}",
        "slug": story.slug,
        "aliases": [f"{url}/en/post/{slug}" for slug in story.old],
        "title": story.seen.title,
        "body": story.seen.body,
        "published_at": story.first,
        "revision": story.revision,
        "status": "gone" if story.gone else "live",
        "duplicate_of": None,
        "near_duplicate_of": None,
    }
    revisions = [
        {
            "_id": f"{story.id}@{said.revision}",
            "article_id": story.id,
            "revision": said.revision,
            "title": said.shown.title,
            "body": said.shown.body,
            "replaced_by": said.replaced_by,
            **({"published_at": said.shown.printed, "moved_to": said.moved_to} if said.moved_to
               else {}),
        }
        for said in story.said
    ]  # fmt: skip
    return record, revisions


def differences(stories: Iterable[Story], database: Documents, url: str) -> Iterator[str]:
    """Each difference as a line that names the record, the field, and both values."""
    known = {story.id: story for story in stories if story.seen is not None}
    stored = {d["_id"]: d for d in database.articles.find()}
    for lacking in sorted(known.keys() - stored.keys()):
        yield f"{lacking}: no such record"
    for extra in sorted(stored.keys() - known.keys()):
        yield f"{extra}: a record too many, {stored[extra]['url']} {stored[extra]['title']!r}"
    revisions: dict[str, list[dict[str, Any]]] = {}
    for document in database.revisions.find().sort("revision"):
        revisions.setdefault(document["article_id"], []).append(document)
    points: dict[str, list[int]] = {}
    for point in database.views.find().sort("at"):
        points.setdefault(point["article"], []).append(point["views"])
    for id_ in sorted(known.keys() & stored.keys()):
        story = known[id_]
        record, said = documents(story, url)
        yield from _fields(id_, record, stored[id_], skip=("duplicate_of", "near_duplicate_of"))
        yield from _revisions(id_, said, revisions.get(id_, []))
        yield from _points(story, points.get(id_, []), stored[id_])
    for extra in sorted((revisions.keys() | points.keys()) - known.keys()):
        yield f"{extra}: revisions or view points of no record"
    yield from _links(known, stored)


def _fields(
    name: str, expected: Mapping[str, Any], found: Mapping[str, Any], skip: Iterable[str] = ()
) -> Iterator[str]:
    for key in expected.keys() - set(skip):
        said, wanted = _plain(found.get(key)), _plain(expected[key])
        if said != wanted:
            yield f"{name}: {key} is {_short(said)}, should be {_short(wanted)}"


def _revisions(
    id_: str, expected: list[dict[str, Any]], found: list[dict[str, Any]]
) -> Iterator[str]:
    numbers = [document["revision"] for document in found]
    wanted = [document["revision"] for document in expected]
    if numbers != wanted:
        yield f"{id_}: revisions {numbers}, should be {wanted}"
        return
    for said, document in zip(expected, found, strict=True):
        yield from _fields(said["_id"], said, document)
        if "moved_to" not in said and document.get("moved_to") is not None:
            yield f"{said['_id']}: moved_to is {document['moved_to']}, but the date did not move"


def _points(story: Story, found: list[int], record: Mapping[str, Any]) -> Iterator[str]:
    least, most = story.points, story.points + story.spare
    if not least <= len(found) <= most:
        wanted = least if least == most else f"{least} to {most}"
        yield f"{story.id}: {len(found)} view points, should be {wanted}"
    if any(later <= earlier for earlier, later in pairwise(found)):
        yield f"{story.id}: view points that do not grow: {found}"
    if found and record.get("views") != found[-1]:
        yield f"{story.id}: views is {record.get('views')}, the last point {found[-1]}"


def _links(known: Mapping[str, Story], stored: Mapping[str, Any]) -> Iterator[str]:
    """Of each group one is the original, and the others name it; nothing else is linked."""
    groups: dict[tuple[str, Link], list[str]] = {}
    for id_ in sorted(known.keys() & stored.keys()):
        story = known[id_]
        if story.group is not None and story.link is not None:
            groups.setdefault((story.group, story.link), []).append(id_)
        for link in ("duplicate_of", "near_duplicate_of"):
            if story.link != link and stored[id_].get(link) is not None:
                yield f"{id_}: {link} is {stored[id_][link]}, should be None"
    for (group, link), members in groups.items():
        names = {id_: stored[id_].get(link) for id_ in members}
        originals = [id_ for id_ in members if names[id_] is None]
        if len(originals) != 1 or any(
            names[id_] != originals[0] for id_ in members if id_ not in originals
        ):
            yield f"{group}: {link} is {names}, should be one original that the others name"


def _plain(value: Any) -> Any:
    """A value in a form that can be compared: times in UTC, lists of addresses in any order."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, list):
        return sorted(value)
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 160 else f"{text[:90]}...{text[-60:]} ({len(text)})"


def kinds_done(done: Iterable[str]) -> str:
    """How often each kind of event occurred, for people."""
    return "\n".join(f"{number:4} {kind}" for kind, number in sorted(Counter(done).items()))
