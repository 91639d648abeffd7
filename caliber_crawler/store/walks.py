"""The collection `walks`: how far each list has been walked, so that what a walk left out is known.

    {_id: <address of the list without origin>, reach: {limit, since, ceiling} | None,
     open_since: instant | None, ended_by: <crawl id> | None, doubted_since: instant,
     barred: {reason, detail, url, at, walked}}

An update leaves a list where the known begins. After a walk that was cut short, that is the wrong
place: the newest articles are stored, those behind them were never asked for. So a walk that goes
beyond a list's first page opens the list, and only its end closes it: that of the walk, and of the
crawl with all articles that were still to be asked for. Until then what walks took since counts for
nothing where one looks for the known. What was stored in another way never counts there: `cards`
tells what walks of each list took.

`reach` is how far walks that came to their ends went: None when none did yet, the bounds of the
walk when these ended it, else without bounds. A walk that may go further has to go all the way.
`open_since` is the start of the first crawl that opened the list, None: all is open. `ended_by` is
the crawl whose walk ended last; what it closed is believed when it went well to its end. That needs
no write at a crawl's end, at which it may be killed. `doubted_since` is when a walk first ended
above all that was known of the list; it is there until a walk ends otherwise, or so for a day.

`barred` is there where nothing but the first page can be had: the crawler may not ask for `url`,
which the list needs to go on. As long as that is so the first page is all that is wanted of it.
`walked` tells whether `reach` was there before; else it is none once the list is open to us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.listing.walk import End
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.clocks import is_ahead

# For so long a list that ends above all that was known of it is taken to be out of order. After
# that it is more likely that its older articles were removed.
DOUBTED = timedelta(hours=24)
# Exit codes of crawls that did what was to be done, some of it in vain perhaps.
_BELIEVED = (0, 4)
# One that collected something that looks wrong may have been shown lists that were cut short, but
# only where that is what looks wrong. Else it may do so for good, as a section does that has no
# article yet, and every update would walk all lists to their ends.
_LOOKS_WRONG = {"exit_code": 3, "lists_doubted": False}


@dataclass(frozen=True)
class Bounds:
    """What a walk may not go beyond: articles, an instant in UTC, batches. None: no bound."""

    limit: int | None = None
    since: datetime | None = None
    ceiling: int | None = None

    def to_document(self, *, with_ceiling: bool) -> dict[str, Any]:
        """The bounds that there are; the ceiling is one for the walk that it ended."""
        said = asdict(self) if with_ceiling else {"limit": self.limit, "since": self.since}
        return {name: bound for name, bound in said.items() if bound is not None}

    def within(self, reach: Mapping[str, Any]) -> bool:
        """Whether a walk with these bounds stays within what was walked."""
        limit, since, ceiling = (reach.get(name) for name in ("limit", "since", "ceiling"))
        return (
            (limit is None or (self.limit is not None and self.limit <= limit))
            and (since is None or (self.since is not None and self.since >= since))
            and (ceiling is None or (self.ceiling is not None and self.ceiling <= ceiling))
        )


@dataclass(frozen=True)
class Bar:
    """Why only a list's first page can be had: the `reason` and `detail` of a reject, and the
    address that the crawler may not ask for, noted at an instant in UTC."""

    reason: str
    detail: str
    url: str
    at: datetime


_BAR = [item.name for item in fields(Bar)]


@dataclass(frozen=True)
class Before:
    """What earlier walks of a list allow: articles that they took there before `known_before` may
    tell where the known begins, None: none may. `closed`: no walk of it was cut short. `bar`: why
    only its first page could be had."""

    known_before: datetime | None
    closed: bool
    bar: Bar | None = None


class WalkStore:
    """Notes how walks along lists go."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], crawl_id: str) -> None:
        self._walks = database["walks"]
        self._crawls = database["crawls"]
        self._crawl_id = crawl_id

    async def begin(self, key: str, bounds: Bounds, at: datetime) -> Before:
        """How a walk has to go that begins at an instant. Writes nothing.

        What this crawl itself took, before it was resumed perhaps, is never where the known
        begins.
        """
        with driver_errors("reading how far a list was walked"):
            walked = await self._walks.find_one({"_id": key})
            reach = walked and walked.get("reach")  # documents of somebody else may have none
            said = walked and walked.get("barred")
            bar = Bar(**{name: said[name] for name in _BAR}) if said else None
            if walked is None or reach is None or not bounds.within(reach):
                return Before(None, closed=False, bar=bar)
            own = await self._crawls.find_one({"_id": self._crawl_id}, {"started_at": 1})
            start = min(own["started_at"], at) if own else at
            if await self._is_closed(walked):
                return Before(start, closed=True, bar=bar)
        since: datetime | None = walked.get("open_since")
        return Before(since and min(since, start), closed=False, bar=bar)

    async def _is_closed(self, walked: Mapping[str, Any]) -> bool:
        ended = {
            "_id": walked.get("ended_by"),
            "status": "finished",
            "reason": "finished",  # none that was closed early, by CLOSESPIDER_ITEMCOUNT say
            "$or": [{"exit_code": {"$in": _BELIEVED}}, _LOOKS_WRONG],
            "counts.frontier/lost": {"$exists": False},  # requests that nobody made
        }
        return await self._crawls.find_one(ended, {"_id": 1}) is not None

    async def bar(self, key: str, bar: Bar) -> None:
        """Note that only the first page of a list can be had."""
        with driver_errors("noting that a list is barred"):
            before = await self._walks.find_one({"_id": key}, {"reach": 1})
            walked = before is not None and before.get("reach") is not None
            said = {"barred": {**asdict(bar), "walked": walked}}
            fresh = {"reach": None, "open_since": None, "ended_by": None}
            await self._walks.update_one(
                {"_id": key}, {"$set": said, "$setOnInsert": fresh}, upsert=True
            )

    async def unbar(self, key: str) -> None:
        """Note that it may be had again. What its first page alone closed is open."""
        fresh = {"reach": None, "open_since": None, "ended_by": None}
        with driver_errors("noting that a list is not barred any more"):
            await self._walks.update_one({"_id": key, "barred.walked": False}, {"$set": fresh})
            await self._walks.update_one({"_id": key}, {"$unset": {"barred": ""}})

    async def open(self, key: str, known_before: datetime | None) -> None:
        """Note, before anything of it is asked for, that a walk goes beyond the first page."""
        said = {"open_since": known_before, "ended_by": None}
        with driver_errors("noting how far a list is walked"):
            await self._walks.update_one(
                {"_id": key}, {"$set": said, "$setOnInsert": {"reach": None}}, upsert=True
            )

    async def doubt_end(self, key: str, at: datetime) -> bool:
        """Note that a walk ended at an instant above all that was known of its list.

        Tells whether that is to be believed: walks have ended so for a day.
        """
        with driver_errors("noting how far a list is walked"):
            walked = await self._walks.find_one({"_id": key}, {"doubted_since": 1})
            since = walked and walked.get("doubted_since")
            if isinstance(since, datetime) and not is_ahead(since, at):
                return at - since >= DOUBTED
            await self._walks.update_one({"_id": key}, {"$set": {"doubted_since": at}})
        return False

    async def end(self, key: str, end: End, bounds: Bounds, known_before: datetime | None) -> None:
        """Note that a walk came to its end, in one of the ways that `listing.walk` names.

        Where only first pages are ever looked at, these are all that is wanted of a list; but they
        make up for nothing.
        """
        done: dict[str, Any] = {"ended_by": self._crawl_id}
        sure = {"$unset": {"doubted_since": ""}}
        whole = end in ("end", "first_page")
        reach = {} if whole else bounds.to_document(with_ceiling=end == "ceiling")
        with driver_errors("noting how far a list was walked"):
            if end == "known":
                await self._walks.update_one({"_id": key}, {"$set": done, **sure})
            elif end == "end" or known_before is None:
                first = {"$setOnInsert": {"open_since": None}}
                said = {"$set": {**done, "reach": reach}, **first, **sure}
                await self._walks.update_one({"_id": key}, said, upsert=True)
            elif not whole:
                # It went as far as walks ever went, or not as far, and left the rest open.
                same = {"_id": key, "reach": reach}
                ended = await self._walks.update_one(same, {"$set": done, **sure})
                if not ended.matched_count:
                    await self.open(key, known_before)
