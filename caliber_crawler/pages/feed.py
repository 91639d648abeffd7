"""The site's feed: bytes → cards of the articles that it names.

Known of the feed: ``/rss.xml`` answers as one. Its language, depth and fields are not known, so
every edition's addresses are read and nothing but a link is required of an entry.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import feedparser

from caliber_crawler.items import Card
from caliber_crawler.limits import LONGEST_LINE
from caliber_crawler.pages.html import Page
from caliber_crawler.site import Site
from caliber_crawler.text import line

# feedparser looks for declarations line by line and takes the square of the empty ones.
# Parsers take the square of attributes and namespaces; each entity is a step of its own.
_MOST = (
    (b"=", "attributes", 20_000),
    (b"xmlns", "namespaces", 100),
    (b"&", "entities", 200_000),
    (b"<!", "declarations", 10_000),
)
_SPACES = re.compile(rb"\s{20,}+")
_ENTRY_ENDS = re.compile(rb"</(?:[A-Za-z]\w{0,20}:)?(?:item|entry)\s*>")


@dataclass
class Feed:
    """What a feed names. `cards` are in the feed's order, each article once.

    `problem` says why this is no feed at all, None when it is one. `odd_links` counts entries that
    lead to no article of the site, `undated` those without a time that is understood.
    """

    cards: list[Card] = field(default_factory=list)
    problem: str | None = None
    odd_links: int = 0
    undated: int = 0


def parse_feed(page: Page, site: Site) -> Feed:
    """Read a feed of any format that feedparser knows, of one that was cut off the entries that
    are whole. Never fails."""
    if too_much := _too_much(page.body):
        return Feed(problem=too_much)
    body = page.body
    if page.is_feed and page.is_cut:
        body = _whole_entries(body)
        if not body:
            return Feed(problem="cut off before the end of its first entry")
    headers = {"content-type": page.content_type} if page.content_type else {}
    # A file object, because feedparser takes a plain text that looks like an address for one and
    # fetches it.
    try:
        parsed: Any = feedparser.parse(
            BytesIO(_SPACES.sub(b"\n", body)),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # as of half a surrogate pair, which it cannot encode again
        return Feed(problem=f"not a feed: {line(str(error))[:200]}")
    feed = Feed()
    if not parsed.get("version"):
        why = parsed.get("bozo_exception")
        feed.problem = f"not a feed: {line(str(why))[:200]}" if why else "not a feed: it is empty"
        return feed
    seen: set[str] = set()
    for entry in parsed.entries:
        href = site.resolve(entry.get("link") or entry.get("id") or "", page.url)
        address = site.address(href) if href else None
        if href is None or address is None or address.kind != "article":
            feed.odd_links += 1
            continue
        at = _instant(entry)
        feed.undated += at is None
        if address.url not in seen:
            seen.add(address.url)
            title = line((entry.get("title") or "")[:LONGEST_LINE]) or None
            text = (dict.get(entry, "published") or dict.get(entry, "updated") or "")[
                :LONGEST_LINE
            ] or None
            feed.cards.append(Card(address.url, href, title, None, text, at))
    return feed


def _whole_entries(body: bytes) -> bytes:
    """A feed that was cut off up to the end of its last whole entry: the next one's address may be
    half of one."""
    end = 0
    for found in _ENTRY_ENDS.finditer(body):
        end = found.end()
    return body[:end]


def _too_much(body: bytes) -> str | None:
    """What a feed has so much of that reading it would take long; None when it may be read."""
    for mark, what, most in _MOST:
        if body.count(mark) > most:
            return f"not read: more than {most} {what}"
    return None


def _instant(entry: Any) -> datetime | None:
    """The entry's time in UTC. feedparser gives it in UTC when the text names its zone."""
    # As a plain dictionary: feedparser gives the one for the other and warns of it.
    parsed = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    if parsed is None:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None
