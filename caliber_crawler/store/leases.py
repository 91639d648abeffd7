"""What the frontier takes and gives: requests to be added, leases, and what came late."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pymongo import DESCENDING

QUEUED, LEASED, DONE, FAILED = "queued", "leased", "done", "failed"
STATES = (QUEUED, LEASED, DONE, FAILED)
ORDER = [("priority", DESCENDING), ("newest", DESCENDING), ("_id", 1)]
"""Which request comes first: by priority, among equals the newest, those without a time last."""


@dataclass(frozen=True)
class Entry:
    """A request to be added. `key` tells it from all others of the crawl; `request` is plain data.

    `merged` are lists that grow when the same request is added again. With a `lease` it is added as
    leased by this worker, under that token, which is of this addition alone.
    """

    key: str
    url: str
    priority: int
    request: Mapping[str, Any]
    newest: datetime | None = None
    browser: bool = False
    merged: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    lease: str | None = None

    def under(self, lease: str) -> Entry:
        """The same, to be added as leased by this worker."""
        return replace(self, lease=lease)


@dataclass(frozen=True)
class Leased:
    """A request that this worker may make now, until the lease ends or is renewed."""

    key: str
    lease: str
    priority: int
    newest: datetime | None
    browser: bool
    attempts: int
    request: Mapping[str, Any]
    merged: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Late:
    """What was said of a request after it was leased or done: its address and the merged lists."""

    url: str
    merged: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Added:
    """What became of additions: keys that were new, leases of the additions that were first to name
    theirs, and what came late for others."""

    new: frozenset[str]
    leases: frozenset[str]
    late: Sequence[Late]


def new_lease() -> str:
    """A token that no other lease has."""
    return secrets.token_hex(8)
