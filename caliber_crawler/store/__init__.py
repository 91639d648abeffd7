"""All of MongoDB: the client, the embedded server, and one module for each collection.

`Store` is what the rest of the package sees. Errors of the driver end here: outside there is only
`errors.StoreError` and its kin.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caliber_crawler.store.articles import ArticleStore, Saved
from caliber_crawler.store.batch import Batcher
from caliber_crawler.store.client import connect, redact
from caliber_crawler.store.crawls import CrawlStore, Worker
from caliber_crawler.store.indexes import ensure_indexes
from caliber_crawler.store.rejects import RejectStore
from caliber_crawler.store.server import EmbeddedServer

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

__all__ = ["ArticleStore", "Batcher", "CrawlStore", "RejectStore", "Saved", "Store", "Worker"]


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
    ) -> None:
        self._client = client
        self._server = server
        self.where = where
        self.database = client[database]
        self.articles = ArticleStore(self.database)
        self.crawls = CrawlStore(self.database, crawl_id)
        self.rejects = RejectStore(self.database, crawl_id)

    @classmethod
    async def open(cls, uri: str, database: str, data_dir: Path, crawl_id: str) -> Store:
        """Connect, starting or joining the embedded server when `uri` is empty; make the indexes.

        Raises `ConfigError` for an impossible URI and `StoreUnavailable` when there is no database
        to be had; nothing stays open then.
        """
        server = None if uri else EmbeddedServer(data_dir)
        try:
            if server is not None:
                uri = await asyncio.to_thread(server.acquire)
            client = await connect(uri)
        except BaseException:
            if server is not None:
                server.release()
            raise
        store = cls(client, database, crawl_id, f"{redact(uri)} database {database!r}", server)
        try:
            await ensure_indexes(store.database)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close the connections and leave the embedded server, which stops after its last user."""
        await self._client.close()
        if self._server is not None:
            self._server.release()
            self._server = None
