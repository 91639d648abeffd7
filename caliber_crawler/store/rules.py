"""The collection `list_rules`: how each list asks for more, as a browser saw it once.

{_id: <address of the list without origin>, rule: {listing.rule.ListRule}, description,
 learned_at, learned_by: <crawl id>}
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from caliber_crawler.listing.rule import ListRule
from caliber_crawler.store.client import driver_errors


class RuleStore:
    """Keeps learned rules for later crawls and for other workers."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], crawl_id: str) -> None:
        self._rules = database["list_rules"]
        self._crawl_id = crawl_id

    async def get(self, key: str) -> ListRule | None:
        """The rule of a list; None when none is known.

        Raises `UnknownRule` for one of another form, as a newer version may have written.
        """
        with driver_errors("reading a list's rule"):
            document = await self._rules.find_one({"_id": key})
        return ListRule.from_document(document.get("rule", {})) if document else None

    async def put(self, key: str, rule: ListRule, at: datetime) -> None:
        """Keep a rule in place of the one before."""
        with driver_errors("keeping a list's rule"):
            await self._rules.replace_one(
                {"_id": key},
                {
                    "rule": rule.to_document(),
                    "description": rule.describe(),
                    "learned_at": at,
                    "learned_by": self._crawl_id,
                },
                upsert=True,
            )

    async def forget(self, key: str) -> None:
        """Remove a rule that did not hold any more."""
        with driver_errors("forgetting a list's rule"):
            await self._rules.delete_one({"_id": key})
