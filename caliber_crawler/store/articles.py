"""The collection `articles`: one document for each article of each edition (`documents`).

Saving is idempotent: a batch that was cut off half way can be saved again. Unique keys decide
races: of two workers that store the same new article one inserts, the other finds it there and
meets it; an update holds only while the record is as it was read, else it is made anew. What a
record said before a change goes to the collection `revisions`, counters to `views`.

One race stays open: two workers that meet one article for the first time at the same moment, and
under addresses that share neither canonical address nor id, make two records of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.errors import StoreError
from caliber_crawler.identity import Fate
from caliber_crawler.items import Article, Sighting
from caliber_crawler.revisit import Pace
from caliber_crawler.store.bulk import Operation, bulk_write
from caliber_crawler.store.client import driver_errors
from caliber_crawler.store.documents import (
    Document,
    Revision,
    Stored,
    as_stored,
    crawl_of,
    in_bson,
    revision,
)
from caliber_crawler.store.duplicates import settle
from caliber_crawler.store.known import Known, by_address, fate_of, suspects
from caliber_crawler.store.near import settle_near
from caliber_crawler.store.plans import SAME_TEXT, Plan, addresses_of
from caliber_crawler.store.races import ATTEMPTS, never_still
from caliber_crawler.store.refusals import Refusals
from caliber_crawler.store.sightings import note_sightings
from caliber_crawler.store.views import ViewStore


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one article: the record as it is stored now, or why it was not stored.

    `refused` is why MongoDB cannot hold it. `asks` is an address whose fate decides whether the
    article is another version of the one stored under it, or stands there no more: find it out, and
    save again with it. In both cases the article is the one that was given. `notes` are the words
    of `plans`. `inserted` tells that no record of it was there before, `unsettled` that the crawl
    before this one wrote another text, and may have been killed before it was known what that
    repeats.
    """

    article: Article
    refused: str | None = None
    asks: str | None = None
    notes: tuple[str, ...] = ()
    stored: Stored | None = field(default=None, compare=False, repr=False)
    inserted: bool = field(default=False, compare=False, repr=False)
    unsettled: bool = field(default=False, compare=False, repr=False)

    @property
    def is_stored(self) -> bool:
        return self.refused is None and self.asks is None


class ArticleStore:
    """Reads and writes articles in batches.

    Stored records that MongoDB lets nobody change are left as they are, and told to `refusals`.
    """

    def __init__(
        self,
        database: AsyncDatabase[Document],
        pace: Pace | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._articles = database["articles"]
        self._revisions = database["revisions"]
        self._views = ViewStore(database)
        self._pace = pace or Pace()
        self._refusals = refusals or Refusals()

    async def save(
        self,
        articles: Sequence[Article],
        fates: Mapping[str, Fate] | None = None,
        written: Callable[[int], None] | None = None,
        *,
        at: datetime | None = None,
    ) -> list[Saved]:
        """Store each article; results are in the order of the arguments, which stay as they are.

        An article that MongoDB cannot hold, that has a time without zone, or lacks `id`, `url`,
        `language` or `crawl`, is refused by itself; one that may be another version of a stored one
        is not stored before `fates` tells what became of that one's address (`Saved.asks`). The
        others of the batch are stored. The same fetch saved again, as after an error, changes
        nothing and has the same outcome. `written` is told how many articles are durable, so that
        `stored_in` finds them, before what follows from them is written, too. `at` is the present
        by the server's clock, from beyond which no fetch can be (`clocks`). Raises
        `StoreUnavailable` when the database cannot be reached and `StoreError` when it refuses the
        whole write; some of the batch may be stored then.
        """
        results: dict[int, Saved] = {}
        waiting: dict[int, Article] = {}
        for i, article in enumerate(articles):
            seen = as_stored(article)
            if isinstance(seen, str):
                results[i] = Saved(article, refused=seen)
            else:
                waiting[i] = seen
        with driver_errors("storing articles"):
            attempts = ATTEMPTS
            points = dict(waiting)
            while waiting:
                later, lost = await self._save_round(
                    waiting, results, {} if fates is None else fates, at
                )
                waiting = dict(sorted((later | lost).items()))
                attempts -= bool(lost)
                if not attempts:
                    raise StoreError(never_still(article.id for article in lost.values()))
            done = {i: saved for i, saved in results.items() if saved.is_stored}
            if written is not None:
                crawls = {i: crawl_of(article)["id"] for i, article in points.items()}
                # A reading that was set aside leaves the record as another crawl saw it.
                written(sum(crawl_of(s.article)["id"] == crawls[i] for i, s in done.items()))
            unsettled = {saved.article.id for saved in done.values() if saved.unsettled}
            await self._link([saved.stored for saved in done.values() if saved.stored], unsettled)
            new = {saved.article.id for saved in done.values() if saved.inserted}
            shown = ((saved.article.id, points[i]) for i, saved in done.items())
            await self._views.add(shown, new)
        return [
            results[i] if results[i].is_stored else replace(results[i], article=article)
            for i, article in enumerate(articles)
        ]

    async def _save_round(
        self,
        waiting: Mapping[int, Article],
        results: dict[int, Saved],
        fates: Mapping[str, Fate],
        at: datetime | None,
    ) -> tuple[dict[int, Article], dict[int, Article]]:
        """One attempt. Fills `results` with what is done.

        Returns what is to wait, and what lost a race. A further copy of an article in the same
        batch is to wait: it meets the first one.
        """
        addresses = [address for article in waiting.values() for address in addresses_of(article)]
        ids = [article.id for article in waiting.values()]
        known = await Known.read(self._articles, addresses, ids)
        later: dict[int, Article] = {}
        plans: dict[int, Plan] = {}
        taken: set[str | None] = set()
        for i, article in waiting.items():
            plan = Plan.of(article, known, at)
            met = (plan.seen, plan.old.article) if plan.old else (plan.seen,)
            names = {name for one in met for name in (one.id, *addresses_of(one))}
            if taken.isdisjoint(names):
                plans[i] = plan
            else:
                later[i] = article
            taken |= names
        await self._find_moves(plans, results, fates)
        await self._find_old_addresses(plans, results, fates)
        await self._find_one_text_for_all(plans)
        for plan in plans.values():
            plan.fill(self._pace)
        lost = await self._write(plans, results)
        return later, {i: waiting[i] for i in lost}

    async def _find_moves(
        self,
        plans: dict[int, Plan],
        results: dict[int, Saved],
        fates: Mapping[str, Fate],
    ) -> None:
        """Match articles under unknown addresses with records by what they say.

        Takes out of `plans` those that cannot be judged before an address was asked for.
        """
        unknown = {i: (plan.seen, plan.words) for i, plan in plans.items() if plan.old is None}
        found = await suspects(self._articles, unknown, fates) if unknown else {}
        for i, likely in found.items():
            asks = plans[i].judge(likely, fates)
            if asks is not None:
                results[i] = Saved(plans.pop(i).seen, asks=asks)

    async def _find_old_addresses(
        self, plans: dict[int, Plan], results: dict[int, Saved], fates: Mapping[str, Fate]
    ) -> None:
        """Set aside what an old address of an article goes on saying.

        Unless the article is there again and its present address is not: an editor may take a
        headline back. Takes out of `plans` those that cannot be judged before that was asked.
        """
        may_be = {
            (plan.old.article.id, plan.seen.content_hash): i
            for i, plan in plans.items()
            if plan.old and plan.is_at_old_address
        }
        old_texts: set[int] = set()
        if may_be:
            ids = [id_ for id_, _ in may_be]
            shown = {"article_id": 1, "content_hash": 1}
            async for said in self._revisions.find({"article_id": {"$in": ids}}, shown):
                key = said["article_id"], said["content_hash"]
                old_texts.update({may_be[key]} if key in may_be else ())
        others = {i for i, plan in plans.items() if plan.is_at_other_address}
        for i in sorted(old_texts | others):
            plan = plans[i]
            if plan.old is None:
                continue
            fate = fate_of(plan.old, plan.seen, fates)
            if fate is None:
                results[i] = Saved(plans.pop(i).seen, asks=plan.old.article.url)
            else:
                plan.settle_address(fate, is_old_text=i in old_texts)

    async def _find_one_text_for_all(self, plans: Mapping[int, Plan]) -> None:
        """Set aside another article's words that stand in the place of an article's own.

        A page for all addresses, in the site's own layout, would else replace every text: a notice
        of works at the site, say, or one article that is shown for all. The first one alone looks
        like an edit. What a record said before itself it may say again, as once that is over.
        """
        replaced = [plan for plan in plans.values() if plan.is_replaced]
        if not replaced:
            return
        hashes = {plan.seen.content_hash for plan in replaced}
        saying: dict[str, set[str | None]] = defaultdict(set)  # hash → who says it
        for plan in replaced:
            saying[plan.seen.content_hash].add(plan.old.article.id if plan.old else None)
        same = self._articles.find({"content_hash": {"$in": list(hashes)}}, {"content_hash": 1})
        async for document in same:
            saying[document["content_hash"]].add(document["_id"])
        doubtful = [plan for plan in replaced if len(saying[plan.seen.content_hash]) > 1]
        if not doubtful:
            return
        ids = [plan.old.article.id for plan in doubtful if plan.old]
        query = {"article_id": {"$in": ids}, "content_hash": {"$in": list(hashes)}}
        shown = {"article_id": 1, "content_hash": 1}
        found = self._revisions.find(query, shown)
        said = {(d["article_id"], d["content_hash"]) async for d in found}
        for plan in doubtful:
            if plan.old and (plan.old.article.id, plan.seen.content_hash) not in said:
                plan.is_aside = True
                plan.notes.append(SAME_TEXT)

    async def _write(self, plans: Mapping[int, Plan], results: dict[int, Saved]) -> list[int]:
        """Write each record over the one that it was made from; returns what came too late."""
        history: dict[int, Revision] = {}
        operations: dict[int, Operation] = {}
        for i, plan in plans.items():
            if plan.new is None:
                raise RuntimeError(f"nothing was planned for {plan.seen.id}")
            record, old = plan.new.article, plan.old
            encoded = in_bson(plan.new.document())
            if isinstance(encoded, str):
                results[i] = Saved(record, refused=encoded)
                continue
            result = plan.result
            results[i] = Saved(
                result,
                notes=tuple(plan.notes),
                stored=replace(plan.new, article=result),
                inserted=old is None,
                unsettled=old is not None and crawl_of(old.article)["outcome"] != "unchanged",
            )
            if old is None:
                operations[i] = InsertOne(encoded)
                continue
            if plan.changes:
                history[i] = revision(old, plan.new, plan.changes)
            # Without a document as it was read the upsert runs into the unique `_id`: that is how
            # the bulk result tells which updates came too late.
            operations[i] = UpdateOne(plan.guard, {"$set": encoded}, upsert=True)
        # History first: a kill in between leaves a revision that the next attempt writes again.
        noted = await self._note(history)
        written = await bulk_write(self._articles, list(operations.values()))
        lost = [i for position, i in enumerate(operations) if position in written.lost]
        odd: dict[int, str] = {}
        names = [old.article.id if (old := plans[i].old) else None for i in operations]
        for position, i in enumerate(operations):
            if position in written.refused:
                results[i] = Saved(plans[i].seen, refused=written.refused[position])
                if names[position] is not None:
                    odd[position] = written.refused[position]
        self._refusals.of(self._articles.name, names, odd)
        for i in lost:
            del results[i]
        await self._correct([history[i] for i in history if i not in noted | set(lost)])
        return lost

    async def _note(self, history: Mapping[int, Revision]) -> set[int]:
        """Keep what records said; returns those that nobody had noted before."""
        operations = [
            UpdateOne({"_id": said["_id"]}, {"$setOnInsert": said}, upsert=True)
            for said in history.values()
        ]
        written = await bulk_write(self._revisions, operations)
        self._refusals.of(
            self._revisions.name, [said["_id"] for said in history.values()], written.refused
        )
        return {i for position, i in enumerate(history) if position in written.upserted}

    async def _correct(self, history: Sequence[Revision]) -> None:
        """Write over notes of others, who were then too late with their change or cut off."""
        operations = [UpdateOne({"_id": said["_id"]}, {"$set": said}) for said in history]
        written = await bulk_write(self._revisions, operations)
        self._refusals.of(self._revisions.name, [said["_id"] for said in history], written.refused)

    async def _link(self, stored: Sequence[Stored], unsettled: Collection[str | None] = ()) -> None:
        """Find out which records repeat others, now that they are there for all to see.

        Sets it in the records that are given, too. What `unsettled` ones are like is looked for
        although they are unchanged.
        """
        if not stored:
            return
        records = [one.article for one in stored]
        originals = await settle(self._articles, records, self._refusals)
        for record in records:
            record.duplicate_of = originals.get(record.id)
        fresh = [
            one
            for one in stored
            if one.article.id in unsettled or crawl_of(one.article)["outcome"] != "unchanged"
        ]
        others = originals.keys() - {record.id for record in records}
        near = await settle_near(self._articles, fresh, others, self._refusals)
        for record in records:
            record.near_duplicate_of = near.get(record.id, record.near_duplicate_of)

    async def stored_in(self, crawl_id: str, addresses: Sequence[str]) -> set[str]:
        """Those of some addresses whose articles a crawl has stored.

        The worker that stored them was killed soon after, so what follows storing is done again.
        """
        with driver_errors("looking for articles"):
            query = {**by_address(addresses), "crawl.id": crawl_id}
            found = [Stored.of(d) async for d in self._articles.find(query)]
            await self._link(found)
            await self._views.add((stored.article.id, stored.article) for stored in found)
        known = {a for stored in found for a in addresses_of(stored.article)}
        return known.intersection(addresses)

    async def sight(self, sightings: Sequence[Sighting]) -> list[bool]:
        """Add sections and aliases to stored articles; tells for each whether it is stored there.

        It is not when no such article is stored, or when MongoDB cannot hold what it says or lets
        nobody change the record. Raises as `save` does.
        """
        with driver_errors("storing sightings"):
            return await note_sightings(self._articles, sightings, self._refusals)
