"""Cards in answers: HTML, HTML within JSON, or JSON objects from which a script builds cards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from caliber_crawler.dates import parse_on_card
from caliber_crawler.items import Card
from caliber_crawler.limits import USUAL
from caliber_crawler.listing.exchange import Answer, leaves, lookup
from caliber_crawler.pages.attributes import MOST_VALUES, read_attributes
from caliber_crawler.pages.html import Page, words
from caliber_crawler.pages.kinds import is_the_sites_own, what_it_is
from caliber_crawler.pages.section import parse_cards, section_links
from caliber_crawler.site import Site
from caliber_crawler.text import fold, line

# Of the cards that an answer seems to hold, this share must have been shown for it to have brought
# them. Not all need to be: a script may leave out what it shows already.
ENOUGH = 0.6
# What is tried of an answer. Real ones hold one list of cards, the others little.
_CANDIDATES = 20
_MEMBERS = 100
_EXAMPLES = 50
# From 2001 to 2286, when seconds have ten digits and milliseconds thirteen.
_SINCE_1970 = re.compile(r"[1-9](?:[0-9]{9}|[0-9]{12})")
_LEAST_MILLISECONDS = 10**12
# Members by which JSON tells of an error, and pages that stand before a list as before an article.
_ERRORS = ("error", "errors", "exception")
_BEFORE_THE_LIST = frozenset({"challenge", "consent"})
# Members by which JSON says that it failed, though perhaps only because nothing is left.
_FAILURES = {
    "success": ("false",),
    "ok": ("false",),
    "status": ("error", "fail", "failed", "failure"),
}
# What batches of cards, as a script fetches them, do not have.
_OF_A_DOCUMENT = re.compile(rb"<(?:html|h1)[\s>]", re.IGNORECASE)
_NOTHING = (b"", b"null", b"false", b'""', b"[]", b"{}")
_LONGEST_HTML = 500_000  # letters of HTML within JSON; a batch has some ten thousand


@dataclass(frozen=True)
class Format:
    """How to read cards out of an answer. Plain data, so that it can be stored.

    `kind` is ``html``, ``json_html`` (`path` names the HTML; ``*`` in it stands for every entry of
    a list) or ``json_objects`` (`path` names the list; `keys` the members of an object that hold
    ``url``, ``title`` and ``time``; `prefix` is put before the url member to make an address).
    """

    kind: str
    path: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""

    def to_document(self) -> dict[str, Any]:
        """For storing."""
        return {
            "kind": self.kind,
            "path": self.path,
            "keys": dict(self.keys),
            "prefix": self.prefix,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Format:
        """The inverse of `to_document`."""
        return cls(document["kind"], document["path"], document["keys"], document["prefix"])


@dataclass(frozen=True)
class Entry:
    """One card with what else the answer says of it: attributes in HTML, members in JSON."""

    card: Card
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """An answer read: its cards, and all other values in it by name, for the next request.

    Names: dotted paths in JSON, ``element@attribute`` in HTML.
    """

    entries: Sequence[Entry]
    values: Mapping[str, Any]

    @property
    def cards(self) -> list[Card]:
        """The cards alone."""
        return [entry.card for entry in self.entries]


def read_page(page: Page, site: Site, *, values: bool = True) -> Reading:
    """A whole list page, or an HTML fragment of cards; without `values` the cards alone."""
    cards = parse_cards(page, site).cards
    if not values:
        return Reading([Entry(card, {}) for card in cards], {})
    attributes = read_attributes(page, site)
    return Reading(
        [Entry(card, attributes.of_cards.get(card.url, {})) for card in cards],
        attributes.others,
    )


def read_answer(
    answer: Answer, fmt: Format, url: str, site: Site, *, values: bool = True
) -> Reading | None:
    """Read an answer of a known format; None when it is not of that format.

    Without `values` the attributes of HTML are not read, which some rules do not need.
    """
    if fmt.kind == "html":
        page = Page(url, answer.body, answer.content_type, at=answer.at)
        return read_page(page, site, values=values)
    value = _decoded(answer)
    if value is None:
        return None
    plain = ((path, leaf) for path, leaf in leaves(value) if not _is_html(leaf))
    others = dict(islice(plain, MOST_VALUES))
    if fmt.kind == "json_html":
        pieces = _strings_at(value, fmt.path)
        if pieces is None or sum(map(len, pieces)) > _LONGEST_HTML:
            return None
        piece = Page(url, "".join(pieces).encode("utf-8", "replace"), at=answer.at)
        inner = read_page(piece, site, values=values)
        return Reading(inner.entries, {**inner.values, **others})
    objects = lookup(value, fmt.path)
    if not isinstance(objects, list):
        return None
    entries = [
        _entry(item, fmt, url, site, answer.at) for item in objects if isinstance(item, dict)
    ]
    return Reading([entry for entry in entries if entry is not None], others)


def is_blank(answer: Answer) -> bool:
    """Whether there is nothing in an answer, in whatever kind it was expected."""
    return answer.body.strip() in _NOTHING


def complaint(answer: Answer, url: str, site: Site) -> str:
    """What trouble an answer without cards tells of, with a good status; empty when of none."""
    value = _decoded(answer)
    if isinstance(value, dict):
        named = (f"{name}: {str(value[name])[:100]}" for name in _ERRORS if value.get(name))
        return next(named, "")
    if value is None and not is_blank(answer):
        page = Page(url, answer.body, answer.content_type)
        what = what_it_is(page, site)
        beside = what.kind == "consent" and is_the_sites_own(page, site)
        return str(what) if what.kind in _BEFORE_THE_LIST and not beside else ""
    return ""


def misgiving(answer: Answer, url: str, site: Site) -> str:
    """What in an answer without cards looks like a failure, and may yet be how its list ends.

    JSON that says that it did not succeed, or a whole page that is none of the site's, as that of a
    server at work on itself; empty when it is neither.
    """
    value = _decoded(answer)
    if isinstance(value, dict):
        for name, failures in _FAILURES.items():
            state = value.get(name)
            if str(state).lower() in failures:
                return f"{name}: {state}"
        return ""
    if value is not None or _OF_A_DOCUMENT.search(answer.body) is None:
        return ""
    page = Page(url, answer.body, answer.content_type)
    shown = words(page.root)
    if not shown or section_links(page, site) or parse_cards(page, site).cards:
        return ""
    return f"a page that says: {shown[:100]}"


def find_format(answer: Answer, shown: Sequence[Card], url: str, site: Site) -> Format | None:
    """How cards that a browser showed are contained in an answer; None when none are.

    `shown` are all cards that appeared, also those that other answers brought.
    """
    wanted = {card.url for card in shown}
    value = _decoded(answer)
    candidates: Iterable[Format] = (
        [Format("html")]
        if value is None
        else [*_html_formats(value), *_object_formats(value, shown, site, answer.at)]
    )
    best, most = None, 0
    for candidate in candidates:
        reading = read_answer(answer, candidate, url, site)
        found = {card.url for card in reading.cards} if reading else set()
        hits = len(found & wanted)
        if hits > most and hits >= ENOUGH * len(found):
            best, most = candidate, hits
    return best


def _decoded(answer: Answer) -> Any:
    """The JSON value of an answer, told by its text and not its label; None when it is none."""
    start = answer.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start not in (b"{", b"["):
        return None
    if sum(map(answer.body.count, (b",", b"[", b"{"))) > USUAL.tags:
        return None  # a browser may bring what HTTP would not
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _is_html(value: Any) -> bool:
    return isinstance(value, str) and "<" in value and "href" in value


def _html_formats(value: Any) -> list[Format]:
    """One candidate for each place in a JSON value that holds HTML with links."""
    paths = [path for path, leaf in leaves(value) if _is_html(leaf)]
    patterns = dict.fromkeys(re.sub(r"(?:^|(?<=\.))\d+(?=\.|$)", "*", path) for path in paths)
    return [Format("json_html", path) for path in (*patterns, *paths)][:_CANDIDATES]


def _strings_at(value: Any, path: str) -> list[str] | None:
    """The strings at a path with ``*``; None when the place is missing. Null reads as no string."""
    head, star, rest = path.partition("*")
    if not star:
        found = lookup(value, path)
        if found is None or found is False:
            around, _, name = path.rpartition(".")
            holder = lookup(value, around)
            # An answer that lacks the place is of another kind: it tells of an error, say.
            return [] if isinstance(holder, list) or name in (holder or ()) else None
        return [found] if isinstance(found, str) else None
    inner = lookup(value, head.strip("."))
    if not isinstance(inner, list | dict):
        return None
    pieces: list[str] = []
    for item in inner if isinstance(inner, list) else inner.values():
        pieces += _strings_at(item, rest.strip(".")) or []
    return pieces


def _object_formats(
    value: Any, shown: Sequence[Card], site: Site, at: datetime | None
) -> list[Format]:
    """Candidates for lists of objects one member of which leads to the cards that were shown."""
    found = []
    for path, objects in _object_lists(value)[:_CANDIDATES]:
        members = {name for item in objects[:_EXAMPLES] for name, _ in leaves(item)}
        for name in sorted(members)[:_MEMBERS]:
            prefix = _prefix(name, objects, shown, site)
            if prefix is not None:
                keys = {"url": name, **_text_keys(objects, name, prefix, shown, site, at)}
                found.append(Format("json_objects", path, keys, prefix))
    return found


def _object_lists(value: Any, path: str = "", depth: int = 0) -> list[tuple[str, list[Any]]]:
    if depth > 8:
        return []
    found: list[tuple[str, list[Any]]] = []
    if isinstance(value, list):
        objects = [item for item in value if isinstance(item, dict)]
        if objects:
            found.append((path, objects))
    elif isinstance(value, dict):
        for name, inner in value.items():
            step = str(name).replace(".", "\u2024")
            found += _object_lists(inner, f"{path}.{step}" if path else step, depth + 1)
    return found


def _prefix(name: str, objects: list[Any], shown: Sequence[Card], site: Site) -> str | None:
    """What makes a member's value an address of a shown card: "" for an address by itself.

    None when the member does not lead to the cards. A slug is told by being the end of exactly the
    addresses shown.
    """
    values = [str(v) for v in (lookup(item, name) for item in objects) if v not in (None, "")]
    urls = {card.url for card in shown}
    direct = [site.canonical(v) for v in values]
    if values and sum(url in urls for url in direct) >= ENOUGH * len(values):
        return ""
    for value in values[:_EXAMPLES]:
        ends = [url for url in urls if url.endswith(f"/{value}")]
        if len(ends) == 1:
            prefix = ends[0][: -len(value)]
            if sum(prefix + v in urls for v in values) >= ENOUGH * len(values):
                return prefix
    return None


def _text_keys(
    objects: list[Any],
    url_key: str,
    prefix: str,
    shown: Sequence[Card],
    site: Site,
    at: datetime | None,
) -> dict[str, str]:
    """The members that hold headline and time, told by comparing with the cards shown."""
    by_url = {card.url: card for card in shown}
    pairs = []
    for item in objects:
        url = site.canonical(prefix + str(lookup(item, url_key)))
        if url in by_url:
            pairs.append((item, by_url[url]))
    keys: dict[str, str] = {}
    examples = pairs[:_EXAMPLES]
    for name in dict.fromkeys(name for item, _ in examples for name, _ in leaves(item)):
        texts = [(lookup(item, name), card) for item, card in pairs]
        if all(card.title and fold(str(text)) == fold(card.title) for text, card in texts):
            keys.setdefault("title", name)
        elif all(_same_minute(_instant(text, site, at), card.published_at) for text, card in texts):
            keys.setdefault("time", name)
    return keys


def _same_minute(one: datetime | None, other: datetime | None) -> bool:
    """Cards print no seconds, the objects that they are made from may have them."""
    if one is None or other is None:
        return False
    return one.replace(second=0, microsecond=0) == other.replace(second=0, microsecond=0)


def _instant(value: Any, site: Site, at: datetime | None = None) -> datetime | None:
    """The instant that a member holds, as text or as seconds or milliseconds since 1970."""
    if isinstance(value, str) and (printed := parse_on_card(value, site.zone, at)):
        return printed.instant
    if isinstance(value, bool) or not _SINCE_1970.fullmatch(str(value)):
        return None
    number = int(value)
    return datetime.fromtimestamp(number if number < _LEAST_MILLISECONDS else number // 1000, UTC)


def _entry(
    item: dict[str, Any], fmt: Format, url: str, site: Site, at: datetime | None
) -> Entry | None:
    value = lookup(item, fmt.keys["url"])
    href = site.resolve(fmt.prefix + str(value), url) if value not in (None, "") else None
    address = site.address(href) if href else None
    if href is None or address is None or address.kind != "article":
        return None
    title = lookup(item, fmt.keys["title"]) if "title" in fmt.keys else None
    time = lookup(item, fmt.keys["time"]) if "time" in fmt.keys else None
    card = Card(
        url=address.url,
        href=href,
        title=line(str(title)) if title else None,
        time_text=str(time) if time else None,
        published_at=_instant(time, site, at),
    )
    return Entry(card, dict(leaves(item)))
