"""Documents of the collections `articles` and `revisions`: records in MongoDB's form and back.

Beside the record a document has `_id` (equal to `id`) and `internal`, which is the store's own and
in no export:

    version       of the form of the document
    bands, traces by which similar texts are found (`similarity.Fingerprint`, `spans`)
    dated_at      when it was published, else first seen: what "near in time" is told by
    printed_at    the date as the page prints it now; `published_at` stays what it first was
    moves         [{url, from_url, reason, score, kept, title, at, crawl_id}]: why another address
                  than before is held for this article's
    looked        [{url, at}]: old addresses of an article that moved, and when each was last asked
                  for since then; not there before one was
    repeats       {reason, score} of `duplicate_of` or `near_duplicate_of`, None when both are
    missing       {crawl_id, at, reason, gone_in} of the first crawl that did not find it; None when
                  it is there
    visit         {due_at, seconds, etag, last_modified}: when it is due again, the time planned up
                  to then, and the site's validators
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NotRequired, TypedDict

from bson import decode, encode
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON, InvalidDocument
from bson.raw_bson import RawBSONDocument

from caliber_crawler.identity import dated_at
from caliber_crawler.items import Article, CrawlInfo, PageInfo, SectionRef
from caliber_crawler.revisit import Pace, age_of
from caliber_crawler.similarity import Words, fingerprint
from caliber_crawler.store import spans

Document = dict[str, Any]

VERSION = 5
"""Of the form of documents in `articles`. 1 had no `internal`, 2 to 4 other bands or traces."""

# MongoDB takes 16 MiB a document; the rest is room for what an update puts round it.
MAX_BYTES = 16 * 1024 * 1024 - 64 * 1024
_LONGEST_VALIDATOR = 500
_MOVES_KEPT = 50
_UTC: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=True)
_NEEDED = ("id", "url", "language", "crawl")
_REVISION_FIELDS = (
    "url", "title", "description", "authors", "sections", "body", "content_hash",
    "first_seen_at", "last_seen_at",
)  # fmt: skip


class Move(TypedDict):
    """That an article is now under `url`, and what it was told by.

    `reason`, where the text told: the old address is ``gone``, leads to the new one (``moved``), or
    is ``alive`` while the text grew; `score`, `kept` and `title` are 0 to 1 then
    (`identity.Suspicion`, `Likeness`). Where addresses told, the score is 1 and the others None:
    ``redirect``, ``canonical`` (the page's own link), ``known`` (an address that it had before).
    """

    url: str
    from_url: str
    reason: str
    score: float
    kept: float | None
    title: float | None
    at: datetime
    crawl_id: str


class Look(TypedDict):
    """That an article was asked for at an old address of its own."""

    url: str
    at: datetime


class Repeats(TypedDict):
    """Why a record is held for a repetition: ``same words`` or ``nearly the same words``."""

    reason: str
    score: float


class Missing(TypedDict):
    """The first crawl that did not find an article, and why (``http_404``, ``not_found``, ...);
    `gone_in` is the crawl that did not find it either, by which it is gone."""

    crawl_id: str
    at: datetime
    reason: str
    gone_in: str | None


class Visit(TypedDict):
    """When an article is due to be visited again, and with which validators."""

    due_at: datetime
    seconds: int
    etag: str | None
    last_modified: str | None


class Internal(TypedDict):
    """The field `internal`, as the module says."""

    version: int
    bands: list[int]
    traces: list[int]
    dated_at: datetime
    printed_at: datetime | None
    moves: list[Move]
    looked: NotRequired[list[Look]]
    repeats: Repeats | None
    missing: Missing | None
    visit: Visit


class Revision(TypedDict):
    """A document of `revisions`: what a record said before a change.

    `published_at` is the date that the page printed then, `moved_to` the one that it prints since,
    None when it is the same; `changes` names what readers see changed.
    """

    _id: str
    article_id: str
    revision: int
    url: str
    title: str | None
    description: str | None
    authors: list[str]
    sections: list[SectionRef]
    published_at: datetime | None
    moved_to: datetime | None
    body: str
    content_hash: str
    first_seen_at: datetime
    last_seen_at: datetime
    changes: list[str]
    replaced_at: datetime | None
    replaced_by: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A document of `articles`, read. `words` are the article's, when somebody has them already."""

    article: Article
    internal: Internal
    words: Words | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Stored:
        return cls(Article.from_document(document), document["internal"])

    def document(self) -> Document:
        return {"_id": self.article.id, **self.article.document(), "internal": self.internal}


def as_stored(article: Article) -> Article | str:
    """A copy that has been through MongoDB's form, or why it cannot be stored.

    Its times are in UTC with whole milliseconds, so they compare equal to those stored before.
    """
    lacking = [name for name in _NEEDED if not getattr(article, name)]
    if lacking or article.crawl is None:
        return f"it has no {', '.join(lacking)}"
    times = {
        "published_at": article.published_at,
        "views_at": article.views_at,
        "fetched_at": article.crawl["fetched_at"],
    }
    for name, value in times.items():
        if value is None and name != "fetched_at":
            continue
        # The driver would take a time without zone for UTC.
        if not isinstance(value, datetime) or value.tzinfo is None:
            return f"{name} is no time with a zone: {value!r}"
    encoded = in_bson(article.document())
    if isinstance(encoded, str):
        return encoded
    return replace(Article.from_document(decode(encoded.raw, _UTC)), page=article.page)


def in_bson(document: Document) -> RawBSONDocument | str:
    """The document in MongoDB's form, once for checking and sending; or why it has none."""
    try:
        raw = encode(document, codec_options=_UTC)
    except (InvalidDocument, InvalidBSON, OverflowError, UnicodeEncodeError) as error:
        return f"a value that MongoDB cannot hold: {error}"[:500]
    if len(raw) > MAX_BYTES:
        return f"too large: {len(raw)} bytes, MongoDB takes {MAX_BYTES}"
    return RawBSONDocument(raw)


def new_internal(record: Article, at: datetime, pace: Pace, said: Words | None = None) -> Internal:
    """Of a record that is stored for the first time, seen at an instant in UTC.

    `said` are its words, for callers that have them.
    """
    marks = fingerprint(said or Words.of(record), record.language)
    wait = pace.first(age_of(record.published_at, at))
    dated = dated_at(record) or at
    return {
        "version": VERSION,
        "bands": marks.bands,
        "traces": spans.kept(marks.traces, dated),
        "dated_at": dated,
        "printed_at": record.published_at,
        "moves": [],
        "repeats": None,
        "missing": None,
        "visit": visit(at, wait, record.page),
    }


def next_internal(
    stored: Stored, record: Article, seen: Article, at: datetime, pace: Pace
) -> Internal:
    """Of a record that was seen again; `record` is what became of it, `seen` the page's reading."""
    old = stored.internal
    changed = record.revision != stored.article.revision
    wait = pace.next(
        timedelta(seconds=old["visit"]["seconds"]),
        age_of(record.published_at, at),
        changed=changed,
    )
    internal: Internal = {
        **redated(old, record.published_at or old["dated_at"]),
        "version": VERSION,
        "missing": None,
        "printed_at": printed_at(stored, record, seen),
        "visit": visit(at, wait, seen.page),
    }
    is_changed = record.content_hash != stored.article.content_hash
    # One that an older program, which went on during the upgrade, has stored since.
    if is_changed or old["version"] != VERSION:
        marks = fingerprint(Words.of(record), record.language)
        internal["bands"] = marks.bands
        internal["traces"] = spans.kept(marks.traces, internal["dated_at"])
    if is_changed:
        internal["repeats"] = None
    return internal


def redated(internal: Internal, at: datetime) -> Internal:
    """With another date, by which it is found as near in time.

    Also with the same one: an older program that met the record after its upgrade may have left
    traces without a date.
    """
    return {**internal, "dated_at": at, "traces": spans.moved(internal["traces"], at)}


def printed_at(stored: Stored, record: Article, seen: Article) -> datetime | None:
    """The date that the page prints now; the one before when it was not read, or not surely."""
    before = stored.internal["printed_at"]
    read = record.extraction is not None and record.extraction is seen.extraction
    sure = read and record.extraction is not None and record.extraction["method"] == "template"
    return seen.published_at if sure and seen.published_at else before or record.published_at


def put_off(stored: Stored, at: datetime, pace: Pace, *, keep: bool) -> Visit:
    """The plan after a visit that brought nothing new; `keep` the site's validators."""
    plan = stored.internal["visit"]
    wait = pace.next(
        timedelta(seconds=plan["seconds"]),
        age_of(stored.article.published_at, at),
        changed=False,
    )
    page = PageInfo(None, plan["etag"], plan["last_modified"])
    return visit(at, wait, page if keep else None)


def visit(at: datetime, wait: timedelta, page: PageInfo | None) -> Visit:
    """The plan for the next visit after one at an instant in UTC."""
    return {
        "due_at": at + wait,
        "seconds": round(wait.total_seconds()),
        "etag": _short(page.etag if page else None),
        "last_modified": _short(page.last_modified if page else None),
    }


def with_move(internal: Internal, move: Move) -> Internal:
    """The same with one more move, the latest ones kept."""
    return {**internal, "moves": [*internal["moves"], move][-_MOVES_KEPT:]}


def with_looks(internal: Internal, urls: Collection[str], at: datetime) -> Internal:
    """The same, where an article that moved was asked for at old addresses at an instant in UTC.

    What was seen of them before the last move is forgotten: it may have moved back since.
    """
    if not internal["moves"]:
        return internal
    moved = min(at, internal["moves"][-1]["at"])
    before = internal.get("looked", [])
    looked = [look for look in before if look["at"] >= moved and look["url"] not in urls]
    looked += [{"url": url, "at": at} for url in urls]
    return {**internal, "looked": looked[-_MOVES_KEPT:]}


def revision(old: Stored, new: Stored, changes: list[str]) -> Revision:
    """What the record said before, under a key that makes writing it twice harmless."""
    before, after = old.internal["printed_at"], new.internal["printed_at"]
    said: Any = {name: getattr(old.article, name) for name in _REVISION_FIELDS}
    made: Revision = said | {
        "_id": f"{old.article.id}@{old.article.revision}",
        "article_id": old.article.id,
        "revision": old.article.revision,
        "published_at": before,
        "moved_to": after if after != before else None,
        "changes": changes,
        "replaced_at": new.article.changed_at,
        "replaced_by": new.article.crawl["id"] if new.article.crawl else None,
    }
    return made


def _short(validator: str | None) -> str | None:
    """A validator that is worth keeping; one of absurd length is none."""
    return validator if validator and len(validator) <= _LONGEST_VALIDATOR else None


def crawl_of(article: Article) -> CrawlInfo:
    """The article's crawl data, which everything that is to be stored has."""
    if article.crawl is None:
        raise ValueError(f"article {article.id} has no crawl data")
    return article.crawl
