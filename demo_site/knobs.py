"""What tests turn while the site runs. Plain attributes: assign or mutate them at any time."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

from demo_site.config import ListHeed, ListProtocol, ListTrigger

Part = Literal["time", "byline", "title", "section", "views", "cover"]
Layout = Literal["current", "renamed"]
RemovedAs = Literal["404", "410", "page", "home"]
"""What a removed article answers: a status, a page with status 200 that says "not found", or a 302
to the home page of its edition."""

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Edit:
    """What an editor changed, all in all: a second edit of an article takes the place of the first.

    title: the headline. paragraph, paragraphs: put at the end of the text, one or several.
    before: paragraphs put in front of it. text: paragraphs in place of the whole text, with its
    pictures, embeds and links; `before` and `paragraphs` go round them. The byline stays.
    published: the time that page and cards print, with a zone; lists keep their order.
    """

    title: str | None = None
    paragraph: str | None = None
    published: datetime | None = None
    before: tuple[str, ...] = ()
    text: tuple[str, ...] | None = None
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Post:
    """An article that is not of the site's world, posted while it runs.

    paragraphs: plain texts; a line break within one is a newline. published: with a zone, of
    minute precision; says where in lists it stands. sections: slugs, the first is the one on the
    page. authors: names in the byline, none for a text that nobody signed.
    """

    title: str
    paragraphs: tuple[str, ...]
    published: datetime
    sections: tuple[str, ...]
    language: str = "en"
    authors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """Only the first `keep` bytes of a page are sent.

    honest: Content-Length says so; otherwise it promises the whole page, and the connection ends
    early.
    """

    keep: int
    honest: bool = True


@dataclass(frozen=True)
class Charset:
    """How an article page is encoded, and what it says about that.

    header: charset of the Content-Type header, None for a header without one.
    actual: encoding of the bytes; letters it lacks become character references.
    meta: charset of the `<meta>` element, None for a page without one.
    bom: whether the bytes start with the byte order mark of `actual`.
    """

    header: str | None = "utf-8"
    actual: str = "utf-8"
    meta: str | None = "utf-8"
    bom: bool = False


@dataclass
class Knobs:
    """State of the site that may change while it runs. A path is one without host, decoded; one
    with `?query` (for a POST without a query: `?body`) is tried first, then the bare path. Slugs
    are those of articles as served.

    delay: seconds before each answer.
    delay_of: path to such seconds of its own, or to (seconds, times) after which it is quick again.
    status: path to the status it answers with, or to (status, times) after which it is well again.
    edited: slug to what an editor changed. Cards and `Truth` follow.
    posted: slug to an article that was posted meanwhile. It has a page, cards in the lists of its
        sections and of its edition, and a `Truth`; everything else here holds for it, too.
    removed: slugs that stand in no list and answer as `removed_as` says; removed_as_of: the same
        for one slug.
    renamed: slug to new slug. The old address answers 404; or 301 when `renamed_redirects`; or
        goes on with the old text when `renamed_keeps_old`, edited as `edited` has it for the old
        slug. Each of the two is true for all, or a set of old slugs.
    validators: article pages carry ETag and Last-Modified, which change with what the page says of
        the article and not with its views, and requests with If-None-Match or If-Modified-Since
        may get a 304, which counts as no visit.
    views_still: visits are not counted.
    cut, charset: slug to what happens to its bytes.
    layout: `renamed` gives every class of the site another name; layout_of: the same for one slug.
    hide: slug to parts its page lacks.
    body_html: slug to the inner HTML of its `.post_body`, in place of text and byline; `Truth`
        does not follow.
    raw: path to (status, headers, bytes), served as they are.
    redirect: path to the location of a 302.
    list_protocol, list_trigger, list_heeds, list_box: how and where pages served from now on ask
        for more cards, as in `SiteConfig`; every protocol is answered.
    extra_cards: section slug to hrefs of additional cards at the end of its first list, as written.
    robots: robots.txt, as text or (status, text).
    """

    delay: float = 0.0
    delay_of: dict[str, float | tuple[float, int]] = field(default_factory=dict)
    status: dict[str, int | tuple[int, int]] = field(default_factory=dict)
    edited: dict[str, Edit] = field(default_factory=dict)
    posted: dict[str, Post] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    removed_as: RemovedAs = "404"
    removed_as_of: dict[str, RemovedAs] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    renamed_redirects: bool | Set[str] = False
    renamed_keeps_old: bool | Set[str] = False
    validators: bool = False
    views_still: bool = False
    cut: dict[str, Cut] = field(default_factory=dict)
    charset: dict[str, Charset] = field(default_factory=dict)
    layout: Layout = "current"
    layout_of: dict[str, Layout] = field(default_factory=dict)
    hide: dict[str, Set[Part]] = field(default_factory=dict)
    body_html: dict[str, str] = field(default_factory=dict)
    raw: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    redirect: dict[str, str] = field(default_factory=dict)
    list_protocol: ListProtocol = "page"
    list_trigger: ListTrigger = "near"
    list_heeds: ListHeed = "each"
    list_box: bool = False
    extra_cards: dict[str, list[str]] = field(default_factory=dict)
    robots: str | tuple[int, str] = "User-agent: *\nAllow: /\n"

    def take_status(self, path: str) -> int | None:
        """The status that `path` is to answer with now, None for its own; counts down."""
        return _take(self.status, path)

    def take_delay(self, path: str) -> float | None:
        """The seconds that `path` is to wait now, None for those of all; counts down."""
        return _take(self.delay_of, path)

    def redirects(self, slug: str) -> bool:
        """Whether this slug is an old one that leads to the new one."""
        return slug in self.renamed and _holds(self.renamed_redirects, slug)

    def keeps_old(self, slug: str) -> bool:
        """Whether this slug is an old one under which the old text goes on being served."""
        return slug in self.renamed and _holds(self.renamed_keeps_old, slug)

    def served_slug(self, slug: str) -> str:
        """The slug under which the article that was made with `slug` is served now."""
        return self.renamed.get(slug, slug)

    def made_slug(self, slug: str) -> str | None:
        """The slug with which the article now served as `slug` was made; None when it moved."""
        for old, new in list(self.renamed.items()):  # a test may add one meanwhile
            if new == slug:
                return old
        return None if slug in self.renamed else slug


def _holds(rule: bool | Set[str], slug: str) -> bool:
    return rule if isinstance(rule, bool) else slug in rule


def _take(rules: dict[str, _Number | tuple[_Number, int]], path: str) -> _Number | None:
    """What the rule of a path gives now, None when there is none; one with a count is used up."""
    rule = rules.get(path)
    if not isinstance(rule, tuple):
        return rule
    value, times = rule
    if times > 1:
        rules[path] = (value, times - 1)
    else:
        rules.pop(path, None)
    return value if times > 0 else None
