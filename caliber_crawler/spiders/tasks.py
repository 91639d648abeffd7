"""One list of a crawl: how far it is, as what another worker needs to go on with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from caliber_crawler.items import Reject, SectionRef
from caliber_crawler.listing.rule import ListRule
from caliber_crawler.listing.walk import Walk
from caliber_crawler.store.walks import Bar

_ALWAYS = datetime.max.replace(tzinfo=UTC).isoformat()


@dataclass
class ListTask:
    """One list of this crawl. `key` is its address without origin; `language` its edition.

    `first` are the articles of its first page, `empty` is the reject for the case that the list
    turns out to have no card at all. With `named_next` its pages name the next one themselves.
    `known_before` is as in `store.walks.Before`; `is_closed` there as long as this walk need not
    note anything. `met_known`: it came to where cards stand that walks took before that.
    `is_anothers`: it was counted already as one that shows, or is, another edition's. `grew`: a
    browser brought more than its first page; `bar`: why only that can be had. `renewed`: its page
    was fetched again for tokens that are taken.
    """

    key: str
    url: str
    section: SectionRef | None
    language: str
    walk: Walk
    first: Collection[str] = ()
    empty: Reject | None = None
    rule: ListRule | None = None
    named_next: bool = False
    relearned: bool = False
    attempts: int = 0
    given_up: bool = False
    known_before: datetime | None = None
    is_closed: bool = False
    met_known: bool = False
    is_anothers: bool = False
    grew: bool = False
    bar: Bar | None = None
    renewed: bool = False

    @property
    def position(self) -> list[int]:
        """How far it is; the same again only when a worker does again what another one did."""
        return [*self.walk.position, self.relearned, self.attempts]

    def to_document(self, *, with_first: bool = True) -> dict[str, Any]:
        """What another worker needs to go on, as plain data."""
        return {
            "key": self.key,
            "url": self.url,
            "section": self.section,
            "language": self.language,
            "position": self.position,
            "found": self.walk.found_any,
            "first": sorted(self.first) if with_first else [],
            "empty": asdict(self.empty) if self.empty else None,
            "named_next": self.named_next,
            "known_before": self.known_before.isoformat() if self.known_before else None,
            "is_closed": self.is_closed,
            "met_known": self.met_known,
        }

    def purpose(self, what: str) -> str:
        """What tells a request of this walk from all others, also when it is made once more."""
        return f"{what} {self.key} {'.'.join(map(str, map(int, self.position)))}"

    @classmethod
    def from_document(cls, said: dict[str, Any], walk: Walk) -> ListTask:
        """The inverse of `to_document`, with a fresh walk."""
        *position, relearned, attempts = said["position"]
        walk.go_on_from(position, found=said["found"])
        return cls(
            key=said["key"],
            url=said["url"],
            section=said["section"],
            language=said["language"],
            walk=walk,
            first=frozenset(said["first"]),
            empty=Reject(**said["empty"]) if said["empty"] else None,
            named_next=said["named_next"],
            relearned=bool(relearned),
            attempts=attempts,
            # Older versions had no such thing: there all that was known told where it began.
            known_before=_instant(said.get("known_before", _ALWAYS)),
            is_closed=said.get("is_closed", True),
            met_known=said.get("met_known", True),
        )


def _instant(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
