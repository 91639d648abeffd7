"""The records: what one article, one card of a list and one rejected page look like.

The field order of `Article` is the order of every export. Instants are aware `datetime` in UTC
with whole milliseconds, which is what MongoDB keeps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any, Literal, NotRequired, TypedDict


class SectionRef(TypedDict):
    """A section: `slug` as in its address (None when the page shows only the label), its label."""

    slug: str | None
    name: str


class Image(TypedDict):
    """A picture: absolute `url`; `role` is ``cover`` or ``body``; `caption` or None."""

    url: str
    role: str
    caption: str | None


class Embed(TypedDict):
    """Embedded media.

    `type`: youtube, telegram, x, instagram, facebook, tiktok, vk, threads, bluesky, video, audio or
    iframe.
    """

    type: str
    url: str


class Link(TypedDict):
    """A link in the body: absolute `url` and the linked text."""

    url: str
    text: str


class Extraction(TypedDict):
    """How the page was read: `method` (template or fallback), `layout`, names of missing fields.

    Only where there is something to say: `conflicts` names fields of which the page's head says
    something else than readers see; `head_authors` are the persons that the head names where the
    page shows no byline; `garbled` that letters are lost; `partial` that the page was
    cut off; `cut` names fields that go beyond a limit, of which only the beginning is kept.
    """

    method: str
    layout: str
    missing: list[str]
    conflicts: NotRequired[list[str]]
    head_authors: NotRequired[list[str]]
    garbled: NotRequired[bool]
    partial: NotRequired[bool]
    cut: NotRequired[list[str]]


class CrawlInfo(TypedDict):
    """The last fetch. `outcome` is new, changed or unchanged; `section` the list it came from."""

    id: str
    spider: str
    worker: str
    section: str | None
    requested_url: str
    http_status: int
    fetched_at: datetime
    rendered: bool
    outcome: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    """The page that an article was read from, as far as it is no part of the record.

    `url` is the canonical form of the address that answered; it is not the article's when the page
    names another one as canonical. `etag` and `last_modified` are the site's validators, as sent.
    """

    url: str | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(slots=True)
class Article:
    """One article of one edition. Fields as in docs/record.md, in the order of every export.

    None and empty lists mean "the page did not say"; `extraction["missing"]` names such fields.
    `page` is no part of the record.
    """

    id: str | None = None
    url: str | None = None
    aliases: list[str] = field(default_factory=list)
    language: str | None = None
    slug: str | None = None
    title: str | None = None
    description: str | None = None
    authors: list[str] = field(default_factory=list)
    sections: list[SectionRef] = field(default_factory=list)
    published_at: datetime | None = None
    body: str = ""
    images: list[Image] = field(default_factory=list)
    embeds: list[Embed] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    views: int | None = None
    views_at: datetime | None = None
    alternates: dict[str, str] = field(default_factory=dict)
    word_count: int = 0
    content_hash: str = ""
    duplicate_of: str | None = None
    near_duplicate_of: str | None = None
    status: str = "live"
    revision: int = 1
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    changed_at: datetime | None = None
    extraction: Extraction | None = None
    crawl: CrawlInfo | None = None
    attribution: str | None = None
    page: PageInfo | None = None

    def document(self) -> dict[str, Any]:
        """The record as a plain dictionary in field order; nested values are not copied."""
        return {name: getattr(self, name) for name in ARTICLE_FIELDS}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Article:
        """The record in a stored document; fields that the document lacks keep their defaults."""
        return cls(**{name: document[name] for name in ARTICLE_FIELDS if name in document})


ARTICLE_FIELDS: tuple[str, ...] = tuple(
    item.name for item in fields(Article) if item.name != "page"
)


@dataclass(frozen=True, slots=True)
class Card:
    """One entry of a list: canonical article `url`, and `href`, the address as the list wrote it.

    `time_text` is what is printed; `published_at` its UTC instant, None when not understood.
    `block` is the number of the place on its page where it stands, with others perhaps: pages may
    show further cards beside their list, of what is most read, say.
    """

    url: str
    href: str
    title: str | None = None
    section: SectionRef | None = None
    time_text: str | None = None
    published_at: datetime | None = None
    image: str | None = None
    block: int = 0


@dataclass(slots=True)
class Sighting:
    """A list or address that names an article which this crawl took already.

    It adds a section or an alias to the stored record and makes no record of its own.
    """

    url: str
    sections: list[SectionRef] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Revisit:
    """A visit to a stored article that brought no text.

    `url` is the canonical address asked for, `found` either ``not_modified`` (the site says that
    the page is as it was), ``missing`` (it says that there is no such page, `reason` tells how) or
    ``nothing`` (neither; the reject tells why).
    """

    url: str
    found: Literal["not_modified", "missing", "nothing"]
    reason: str
    crawl: CrawlInfo


@dataclass(slots=True)
class Reject:
    """What was not stored, and enough to look into it.

    `reason` is a short stable word such as ``not_an_article`` or ``http_404``; `detail` one line;
    `excerpt` the beginning of what the page said. `crawl` is None for a page never fetched.
    """

    url: str
    reason: str
    detail: str
    at: datetime
    crawl: CrawlInfo | None = None
    http_status: int | None = None
    excerpt: str | None = None


def whole_milliseconds(instant: datetime) -> datetime:
    """The instant in UTC, cut to milliseconds as MongoDB keeps it, so that it compares equal later.

    Raises ValueError for a time without zone: what zone it means is for the caller to know.
    """
    if instant.tzinfo is None:
        raise ValueError(f"time without zone: {instant!r}")
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def plain(value: object) -> str:
    """A value that JSON has no form for: instants as ISO 8601 with offset ``+00:00``."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            # MongoDB knows UTC only, so a time without zone that came from it means UTC.
            value = value.replace(tzinfo=UTC)
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")


_encode = json.JSONEncoder(ensure_ascii=False, default=plain).encode
# JSON allows these raw, but readers that split text on Unicode line ends would cut the record.
_LINE_ENDS = {"\u2028": "\\u2028", "\u2029": "\\u2029", "\x85": "\\u0085"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def json_line(record: Mapping[str, Any] | Sequence[Any]) -> str:
    """The record, or a part of one, as one line of JSON without its line end.

    Letters are readable, line ends within are escaped. Times are ISO 8601 with offset ``+00:00``;
    field order is the mapping's; None is ``null``.
    """
    text = _encode(record)
    for raw, escaped in _LINE_ENDS.items():  # far quicker than `translate` where there is none
        text = text.replace(raw, escaped)
    # Half of a surrogate pair has no UTF-8 form, so writing it raw would lose the record.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
