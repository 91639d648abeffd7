"""What tests turn while the site runs. Plain attributes: assign or mutate them at any time."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from demo_site.config import ListProtocol, ListTrigger

Part = Literal["time", "byline", "title", "section", "views", "cover"]
Layout = Literal["current", "renamed"]

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Edit:
    """What an editor changed: a new headline, and a paragraph added at the end of the text."""

    title: str | None = None
    paragraph: str | None = None


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
    removed: slugs that answer 404 and stand in no list.
    renamed: slug to new slug; old address: 404, or 301 when `renamed_redirects`.
    cut, charset: slug to what happens to its bytes.
    layout: `renamed` gives every class of the site another name; layout_of: the same for one slug.
    hide: slug to parts its page lacks.
    body_html: slug to the inner HTML of its `.post_body`, in place of text and byline; `Truth`
        does not follow.
    raw: path to (status, headers, bytes), served as they are.
    redirect: path to the location of a 302.
    list_protocol, list_trigger, list_box: how and where pages served from now on ask for more
        cards, as in `SiteConfig`; every protocol is answered.
    extra_cards: section slug to hrefs of additional cards at the end of its first list, as written.
    robots: robots.txt, as text or (status, text).
    """

    delay: float = 0.0
    delay_of: dict[str, float | tuple[float, int]] = field(default_factory=dict)
    status: dict[str, int | tuple[int, int]] = field(default_factory=dict)
    edited: dict[str, Edit] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    renamed_redirects: bool = False
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
    list_box: bool = False
    extra_cards: dict[str, list[str]] = field(default_factory=dict)
    robots: str | tuple[int, str] = "User-agent: *\nAllow: /\n"

    def take_status(self, path: str) -> int | None:
        """The status that `path` is to answer with now, None for its own; counts down."""
        return _take(self.status, path)

    def take_delay(self, path: str) -> float | None:
        """The seconds that `path` is to wait now, None for those of all; counts down."""
        return _take(self.delay_of, path)

    def served_slug(self, slug: str) -> str:
        """The slug under which the article that was made with `slug` is served now."""
        return self.renamed.get(slug, slug)

    def made_slug(self, slug: str) -> str | None:
        """The slug with which the article now served as `slug` was made; None when it moved."""
        for old, new in list(self.renamed.items()):  # a test may add one meanwhile
            if new == slug:
                return old
        return None if slug in self.renamed else slug


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
