"""The requests that this worker has on lease, in memory: ready to be made, or on their way."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from caliber_crawler.outcomes import LEASE

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from scrapy import Request


@dataclass(order=True)
class Ready:
    """A request on lease. `rank` is the order in which requests are made."""

    rank: tuple[int, float, int]
    key: str = field(compare=False)
    lease: str = field(compare=False)
    request: Request = field(compare=False)
    browser: bool = field(compare=False)

    @property
    def is_list(self) -> bool:
        """Whether it comes before articles, which wait for it."""
        return self.rank[0] < 0


class ReadyQueue:
    """What is ready, highest priority first, among equals the newest; and what is on its way.

    At most `browsers` requests that want a browser are on their way at once. `out` are those that
    the engine has, by key. Its length is the number of those that are ready.
    """

    def __init__(self, browsers: int) -> None:
        self._browsers = browsers
        self._ready: list[Ready] = []
        self._again: list[Ready] = []  # retries and redirects of what is on its way
        self._places = itertools.count()
        self.out: dict[str, Ready] = {}

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ready or on its way."""
        return not (self._ready or self.out)

    @property
    def has_lists(self) -> bool:
        """Whether a list is ready or on its way."""
        return any(entry.is_list for entry in (*self.out.values(), *self._ready))

    @property
    def only_walks(self) -> bool:
        """Whether lists are on their way and nothing else is to be done."""
        return bool(self.out) and not self._ready and all(e.is_list for e in self.out.values())

    def push(
        self,
        key: str,
        lease: str,
        request: Request,
        *,
        priority: int,
        newest: datetime | None,
        browser: bool,
    ) -> None:
        """A request is on lease and may be made."""
        request.meta[LEASE] = key
        rank = (-priority, -newest.timestamp() if newest else 0.0, next(self._places))
        heapq.heappush(self._ready, Ready(rank, key, lease, request, browser))

    def push_again(self, entry: Ready, request: Request) -> None:
        """What is on its way goes on with another request under the same lease."""
        entry.request = request
        heapq.heappush(self._again, entry)

    def pop_again(self) -> Request | None:
        """The next retry or redirect."""
        return heapq.heappop(self._again).request if self._again else None

    def pop(self) -> Request | None:
        """The next request, which is on its way then; None when none may be made."""
        free = self._browsers - sum(entry.browser for entry in self.out.values())
        passed: list[Ready] = []
        found = None
        while self._ready and found is None:
            entry = heapq.heappop(self._ready)
            if entry.browser and free <= 0:
                passed.append(entry)
            else:
                found = entry
        for entry in passed:
            heapq.heappush(self._ready, entry)
        if found is None:
            return None
        self.out[found.key] = found
        return found.request

    def settled(self, in_progress: Collection[Request]) -> list[Ready]:
        """What the engine is through with; it is not on its way any more."""
        waiting = {entry.key for entry in self._again}
        through = [
            entry
            for key, entry in self.out.items()
            if key not in waiting and entry.request not in in_progress
        ]
        for entry in through:
            del self.out[entry.key]
        return through

    def drop(self, leases: Collection[str]) -> None:
        """What is ready under one of these leases is not to be made after all."""
        if leases:
            self._ready = [entry for entry in self._ready if entry.lease not in leases]
            heapq.heapify(self._ready)

    def held(self) -> dict[str, str]:
        """Key → lease of everything that is ready or on its way."""
        return {entry.key: entry.lease for entry in (*self._ready, *self.out.values())}

    def free_browsers(self) -> int:
        """How many more requests for a browser are of use."""
        return self._browsers - sum(e.browser for e in (*self.out.values(), *self._ready))
