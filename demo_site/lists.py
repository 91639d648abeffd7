"""How a list asks for the cards after its first ones; `demo_site.scripts` has what does the asking.

Every request names its list: `lang`, and `category` (a section's slug, empty for the home page) or
`search` (the words). The protocols:

    page      GET  /ajax/list?…&page=2               HTML of the cards; nothing at the end
    offset    GET  /ajax/list/offset?…&offset=20     {"html": …, "count": …}; count 0 at the end
    last_id   POST /ajax/list/after  …&last_id=1234  list of objects, from which the script
              (a form)                               builds cards; an empty list at the end
    next      GET  the address in `data-next`        {"html": …, "next": address or null}
    token     GET  /ajax/list/token?token=…          {"html": …, "token": new one or null}
    last_time GET  /ajax/list/before?…&time=178…     HTML; the time is the last card's `data-at`
    cursor    GET  /ajax/list/cursor?cursor=…        {"data": {"cards": [HTML, …], "cursor": next
                                                     or null}}; the first one is in the script only
    json_post POST /ajax/list/objects  {"list": {…}, {"data": {"items": [objects as of last_id],
              "after": 1234, "size": 20}             "more": whether others follow}}
    signed    GET  /ajax/list/signed?…&page=2&sign=… HTML; `sign` is a hash of page, list and a
                                                     secret that the script computes; 403 if wrong
    none      the list does not grow
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from demo_site.config import ListProtocol


@dataclass(frozen=True)
class Listing:
    """Which list: of a section, of a whole edition (`section` None), or what a search found."""

    language: str
    section: str | None = None
    words: str | None = None

    @property
    def query(self) -> str:
        """Its parameters in a request for more."""
        if self.words is not None:
            return urlencode({"lang": self.language, "search": self.words})
        return urlencode({"lang": self.language, "category": self.section or ""})

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "Listing":
        """The list that a request names; `KeyError` when it names none."""
        language = parameters["lang"]
        if "search" in parameters:
            return cls(language, words=parameters["search"])
        return cls(language, section=parameters["category"] or None)


def next_address(listing: Listing, offset: int) -> str:
    return f"/ajax/list/next/{offset}?{listing.query}"


def make_token(listing: Listing, offset: int) -> str:
    """An opaque token for what follows the first `offset` cards."""
    state = json.dumps([listing.language, listing.section, listing.words, offset]).encode()
    return base64.urlsafe_b64encode(zlib.crc32(state).to_bytes(4, "big") + state).decode()


def read_token(token: str) -> tuple[Listing, int]:
    """The list and offset of a token; `KeyError` for one that was not made here."""
    try:
        raw = base64.urlsafe_b64decode(token)
    except (binascii.Error, ValueError):
        raise KeyError("no token") from None
    check, state = raw[:4], raw[4:]
    if zlib.crc32(state).to_bytes(4, "big") != check:
        raise KeyError("no token")
    language, section, words, offset = json.loads(state)
    return Listing(language, section, words), offset


def make_secret(listing: Listing) -> str:
    """What the script of a list knows and no request shows, for `sign`."""
    return f"{zlib.crc32(listing.query.encode()):08x}"


def sign(listing: Listing, page: int) -> int:
    """What a request for a page of a list is signed with; `demo_site.scripts` computes the same."""
    value = 2_166_136_261
    for letter in f"{make_secret(listing)}:{page}:{listing.query}":
        value = (value ^ ord(letter)) * 16_777_619 & 0xFFFFFFFF
    return value


def script_variables(protocol: ListProtocol, listing: Listing, shown: int) -> dict[str, str]:
    """Values that only the script of a list knows, by the names of its variables."""
    if protocol == "cursor":
        return {"cursor": make_token(listing, shown)}
    if protocol == "signed":
        return {"secret": make_secret(listing)}
    return {}


def list_attributes(protocol: ListProtocol, listing: Listing, shown: int, more: bool) -> str:
    """Attributes of the list's element. shown: cards in the first list; more: others follow."""
    attributes = f'data-query="{listing.query.replace("&", "&amp;")}" data-offset="{shown}"'
    if protocol == "next" and more:
        address = next_address(listing, shown).replace("&", "&amp;")
        attributes += f' data-next="{address}"'
    if protocol == "token" and more:
        attributes += f' data-token="{make_token(listing, shown)}"'
    return attributes
