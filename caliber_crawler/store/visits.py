"""Visits to stored articles: which are due, and those that brought no text.

An article is ``gone`` once two crawls in turn did not find it. Its text is kept, and when it is
seen again it is ``live`` again. Of articles that repeat each other the original is one that is
there, so they are looked at then (`duplicates`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pymongo import ASCENDING, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.errors import StoreError
from caliber_crawler.items import Article, Revisit
from caliber_crawler.revisit import Pace
from caliber_crawler.store.bulk import bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.clocks import MARGIN, is_ahead
from caliber_crawler.store.documents import Document, Missing, Stored, put_off, visit, with_looks
from caliber_crawler.store.duplicates import settle
from caliber_crawler.store.known import Known
from caliber_crawler.store.near import settle_near
from caliber_crawler.store.races import ATTEMPTS
from caliber_crawler.store.refusals import Refusals

_PAGE = 5_000
MOST_DUE = 100_000
"""Articles that one crawl visits at most: more than a day's work at one request a second."""

Noted = Literal["unknown", "unchanged", "returned", "missing", "gone", "nothing", "refused"]
"""What a visit without text means: nothing is stored under the address (``unknown``), the article
is as it was (``unchanged``) and back (``returned``), was not found for the first time or is gone
already (``missing``), was not found by a second crawl (``gone``), or the site told nothing of it
(``nothing``); or MongoDB lets nobody change the record, so that nothing is noted (``refused``)."""


@dataclass(frozen=True, slots=True)
class Due:
    """An article to be visited: its canonical address, and the site's validators of it.

    `others` are addresses that it had before, or that led to it, those first that it left last.
    """

    url: str
    published_at: datetime | None
    etag: str | None
    last_modified: str | None
    others: tuple[str, ...] = ()


class VisitStore:
    """Plans and notes visits. One instance for each worker."""

    def __init__(
        self,
        database: AsyncDatabase[Document],
        pace: Pace | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._articles = database["articles"]
        self._pace = pace or Pace()
        self._refusals = refusals or Refusals()

    async def due(
        self, at: datetime, *, newer_than: datetime | None = None, limit: int | None = None
    ) -> list[Due]:
        """Articles to be visited at an instant, those first that are due for the longest time.

        With `newer_than` all that are dated since then, due or not. Never more than `MOST_DUE`.
        What is due later than anything is ever planned was planned by a clock that was ahead, and
        is due now (`clocks`).
        Raises `StoreUnavailable` when the database cannot be reached.
        """
        which: dict[str, Any] = (
            {
                "$or": [
                    {"internal.visit.due_at": {"$lte": at}},
                    {"internal.visit.due_at": {"$gt": at + self._pace.most + MARGIN}},
                ]
            }
            if newer_than is None
            else {"internal.dated_at": {"$gte": newer_than}}
        )
        names = ("url", "aliases", "published_at", "internal.visit", "internal.moves.from_url")
        fields = dict.fromkeys(names, 1)
        with driver_errors("looking for articles to visit"):
            # By the order alone the planner may go through all articles for the few since a date.
            by = "due" if newer_than is None else "dated"
            found = self._articles.find(which, fields, batch_size=_PAGE, hint=by)
            found = found.sort("internal.visit.due_at", ASCENDING)
            return [_due(d) async for d in found.limit(min(limit or MOST_DUE, MOST_DUE))]

    async def note(self, revisits: Sequence[Revisit], *, at: datetime | None = None) -> list[Noted]:
        """Note visits; tells for each what it means. Saved again, the same visit means the same.

        `at` is the present by the server's clock, from beyond which no fetch can be.
        Raises `StoreError` as all of `store` does.
        """
        results: dict[int, Noted] = {}
        waiting = dict(enumerate(revisits))
        turned: dict[str | None, Article] = {}
        with driver_errors("noting visits"):
            for _ in range(ATTEMPTS):
                waiting = await self._round(waiting, results, turned, at)
                if not waiting:
                    await self._link(turned.values())
                    return [results[i] for i in range(len(revisits))]
        raise StoreError(f"changed by others at each of {ATTEMPTS} attempts to note visits")

    async def _round(
        self,
        waiting: Mapping[int, Revisit],
        results: dict[int, Noted],
        turned: dict[str | None, Article],
        at: datetime | None,
    ) -> dict[int, Revisit]:
        """One attempt; returns what lost a race or concerns a record that another one concerns.

        `turned` gets the records that are gone now, or back.
        """
        known = await Known.read(self._articles, {revisit.url for revisit in waiting.values()})
        later: dict[int, Revisit] = {}
        taken: set[str | None] = set()
        for i, revisit in waiting.items():
            old = known.at(revisit.url)
            if old is None or old.article.url != revisit.url:
                results[i] = "unknown"
                # Of an address that is not the article's any more nothing follows but this.
                if old is not None and old.internal["moves"]:
                    looked = with_looks(old.internal, [revisit.url], revisit.crawl["fetched_at"])
                    await self._set(old, {"internal.looked": looked.get("looked", [])})
                continue
            if old.article.id in taken:
                later[i] = revisit
                continue
            taken.add(old.article.id)
            results[i], changes = self._change(old, revisit, at)
            outcome = await self._set(old, changes)
            if outcome == "refused":
                results[i] = "refused"
            elif outcome == "late":
                later[i] = revisit
            # Also what was gone before: whoever noted it may have been killed before it was linked.
            elif results[i] == "returned" or changes.get("status", old.article.status) == "gone":
                turned[old.article.id] = old.article
        return later

    async def _link(self, turned: Collection[Article]) -> None:
        """Find out anew which records repeat those that are gone now, or back."""
        if not turned:
            return
        originals = await settle(self._articles, turned, self._refusals, reread=True)
        if originals != {record.id: record.duplicate_of for record in turned}:
            await settle_near(self._articles, [], originals.keys(), self._refusals)

    async def _set(
        self, old: Stored, changes: Mapping[str, Any]
    ) -> Literal["set", "late", "refused"]:
        """Change a document if it is still as it was read and MongoDB lets anybody change it."""
        if not changes:
            return "set"
        guard = {
            "_id": old.article.id,
            "crawl": old.article.crawl,
            "status": old.article.status,
            "internal.missing": old.internal["missing"],
        }
        written = await bulk_write(self._articles, [UpdateOne(guard, {"$set": changes})])
        if self._refusals.of(self._articles.name, [old.article.id], written.refused):
            return "refused"
        return "set" if written.matched else "late"

    def _change(
        self, old: Stored, revisit: Revisit, present: datetime | None
    ) -> tuple[Noted, dict[str, Any]]:
        """What a visit means for a record, and what is to be set in its document."""
        at, before = revisit.crawl["fetched_at"], old.article.crawl
        if before and at < before["fetched_at"] and not is_ahead(before["fetched_at"], present):
            return "unchanged", {}
        if revisit.found == "not_modified":
            back = old.article.status == "gone"
            return "returned" if back else "unchanged", {
                "status": "live",
                "last_seen_at": at,
                "crawl": {**revisit.crawl, "outcome": "unchanged"},
                "internal.missing": None,
                "internal.visit": put_off(old, at, self._pace, keep=True),
            }
        if revisit.found == "nothing":
            # Others are to have their turn, too.
            return "nothing", {"internal.visit": put_off(old, at, self._pace, keep=True)}
        first = old.internal["missing"]
        crawl_id = revisit.crawl["id"]
        if first is None:
            missing: Missing = {
                "crawl_id": crawl_id,
                "at": at,
                "reason": revisit.reason,
                "gone_in": None,
            }
            # Looked at again soon: it may be an accident of the site.
            soon = visit(at, self._pace.least, None)
            return "missing", {"internal.missing": missing, "internal.visit": soon}
        if first["crawl_id"] == crawl_id:
            return "missing", {}
        later = {"internal.visit": put_off(old, at, self._pace, keep=False)}
        if old.article.status == "gone":
            return ("gone", {}) if first["gone_in"] == crawl_id else ("missing", later)
        return "gone", {**later, "status": "gone", "internal.missing.gone_in": crawl_id}


def _due(document: Mapping[str, Any]) -> Due:
    plan, moves = document["internal"]["visit"], document["internal"]["moves"]
    left = [move["from_url"] for move in reversed(moves)]
    others = dict.fromkeys((*left, *reversed(document["aliases"])))
    others.pop(document["url"], None)
    return Due(
        document["url"], document["published_at"], plan["etag"], plan["last_modified"],
        tuple(others),
    )  # fmt: skip
