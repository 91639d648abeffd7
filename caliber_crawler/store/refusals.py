"""Documents that MongoDB lets nobody change, because they do not fit their collection's check.

No version of this program writes such a document; a restore without checks or a hand may. Every
partial update of it is refused, so whoever meets it leaves it as it is and goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

logger = logging.getLogger(__name__)


class Refusals:
    """What was refused so far: each document is named once in the log, and `told` called once."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self._told = told
        self._named: set[tuple[str, str | None]] = set()

    def of(
        self, collection: str, ids: Sequence[str | None], refused: Mapping[int, str]
    ) -> frozenset[str | None]:
        """The ids of what was `refused` of a bulk write; `ids` are those of its operations."""
        for position, why in refused.items():
            name = collection, ids[position]
            if name in self._named:
                continue
            self._named.add(name)
            self._told()
            logger.error(
                "%s: the collection %s refuses what is to be written, so it stays as it is (%s); "
                "if the stored document is odd, mend it, or remove it to have it stored anew",
                ids[position], collection, why,
            )  # fmt: skip
        return frozenset(ids[position] for position in refused)
