"""All of MongoDB: the client, the embedded server, and one module for each collection.

`Store` is what the rest of the package sees. Errors of the driver end here: outside there is only
`errors.StoreError` and its kin.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from caliber_crawler.revisit import Pace
from caliber_crawler.store.articles import ArticleStore, Saved
from caliber_crawler.store.batch import Batcher
from caliber_crawler.store.cards import CardStore
from caliber_crawler.store.client import connect, driver_errors, redact
from caliber_crawler.store.crawls import CrawlStore, Worker
from caliber_crawler.store.frontier import FrontierStore
from caliber_crawler.store.limiter import LimiterStore
from caliber_crawler.store.locks import LockStore
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.navigation import NavigationStore
from caliber_crawler.store.refusals import Refusals
from caliber_crawler.store.rejects import RejectStore
from caliber_crawler.store.rules import RuleStore
from caliber_crawler.store.server import EmbeddedServer
from caliber_crawler.store.visits import Noted, VisitStore
from caliber_crawler.store.walks import WalkStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo import AsyncMongoClient
    from pymongo.asynchronous.database import AsyncDatabase

__all__ = [
    "ArticleStore", "Batcher", "CrawlStore", "Noted", "RejectStore", "Saved", "Store", "Worker",
]  # fmt: skip


class Store:
    """An open database. Make one with `Store.open`, end it with `close`.

    `where` says for people which database this is, without a password.
    """

    def __init__(
        self,
        client: AsyncMongoClient[dict[str, Any]],
        database: str,
        crawl_id: str,
        where: str,
        server: EmbeddedServer | None,
        frontier: Callable[[AsyncDatabase[dict[str, Any]]], FrontierStore],
        pace: Pace,
        refusals: Refusals,
    ) -> None:
        self._client = client
        self._server = server
        self.where = where
        # Who adds, leases or stores reads at once what it wrote, part of it with less than the
        # majority's answer: a secondary, or a read of what the majority has, may not know it yet.
        self.database = client.get_database(
            database, read_preference=ReadPreference.PRIMARY, read_concern=ReadConcern("local")
        )
        self.articles = ArticleStore(self.database, pace, refusals)
        self.visits = VisitStore(self.database, pace, refusals)
        self.crawls = CrawlStore(self.database, crawl_id)
        self.rejects = RejectStore(self.database, crawl_id, refusals)
        self.rules = RuleStore(self.database, crawl_id)
        self.navigation = NavigationStore(self.database, crawl_id)
        self.walks = WalkStore(self.database, crawl_id)
        self.cards = CardStore(self.database)
        self.frontier = frontier(self.database)
        self.limiter = LimiterStore(self.database)
        self.locks = LockStore(self.database, crawl_id)

    @classmethod
    async def open(
        cls,
        uri: str,
        database: str,
        data_dir: Path,
        crawl_id: str,
        *,
        worker: str = "",
        lease_time: timedelta = timedelta(seconds=30),
        attempts: int = 5,
        pace: Pace | None = None,
        as_it_is: bool = False,
        refused: Callable[[], None] = lambda: None,
    ) -> Store:
        """Connect, starting or joining the embedded server when `uri` is empty, and bring the
        database up to date; with `as_it_is` nothing is changed in it. `refused` is called once for
        each document that MongoDB lets nobody change (`refusals`).

        Raises `ConfigError` for an impossible URI, `StoreUnavailable` when there is no database to
        be had, and `StoreError` when MongoDB refuses its name or the indexes, or a newer version
        wrote it; nothing stays open then.
        """
        refusals = Refusals(refused)
        server = None if uri else EmbeddedServer(data_dir)
        client: AsyncMongoClient[dict[str, Any]] | None = None
        try:
            if server is not None:
                uri = await asyncio.to_thread(server.acquire)
            client = await connect(uri)
            with driver_errors(f"opening the database {database!r}"):
                store = cls(
                    client,
                    database,
                    crawl_id,
                    _where(uri, database),
                    server,
                    lambda opened: FrontierStore(
                        opened, crawl_id, worker, lease_time=lease_time, attempts=attempts
                    ),
                    pace or Pace(),
                    refusals,
                )
            if not as_it_is:
                await prepare(store.database, pace, refusals)
        except BaseException:
            # A thread that is still acquiring for a task cancelled meanwhile gives up at this, too.
            if server is not None:
                server.release()
            if client is not None:
                await client.close()
            raise
        return store

    async def revive(self) -> bool:
        """Start the embedded server anew if it is gone, for calls that found it so; whether it was.

        Raises `StoreUnavailable`, which says why it cannot be started.
        """
        return self._server is not None and await asyncio.to_thread(self._server.revive)

    async def close(self) -> None:
        """Close the connections and leave the embedded server, which stops after its last user.

        Idempotent.
        """
        try:
            await self._client.close()
        finally:
            if self._server is not None:
                self._server.release()


def _where(uri: str, database: str) -> str:
    return f"{redact(uri)} database {database!r}"
