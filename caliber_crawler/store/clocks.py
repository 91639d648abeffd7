"""Instants from a time when the server's clock was ahead, and what they count for once it is right.

All workers tell the time by the server's clock, so one that was a day ahead dates what is stored
then into the future. Taken at its word nothing that is seen since would be newer: edits would not
be taken and removed articles not missed, for a day, and without a word. So an instant that lies
beyond the present by more than `MARGIN` counts for none, and is put right where it is met.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from caliber_crawler.store.documents import Stored, redated

MARGIN = timedelta(hours=1)
"""The clocks of a worker and of the servers of a replica set differ by less."""


def is_ahead(told: datetime | None, at: datetime | None) -> bool:
    """Whether an instant was told by a clock that was ahead; never when the present is not known.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 6, 25, 12, tzinfo=UTC)
    >>> is_ahead(noon + timedelta(days=1), noon), is_ahead(noon + timedelta(seconds=5), noon)
    (True, False)
    """
    return told is not None and at is not None and told > at + MARGIN


def put_right(stored: Stored, at: datetime) -> Stored:
    """A record that was told by such a clock, as if it had been stored at the present instant."""
    record, missing = stored.article, stored.internal["missing"]
    times = ("first_seen_at", "last_seen_at", "changed_at", "views_at")
    put = replace(record)
    for name in times:
        if is_ahead(getattr(record, name), at):
            setattr(put, name, at)
    internal = stored.internal
    if is_ahead(internal["dated_at"], at) and record.published_at is None:
        internal = redated(internal, at)
    if missing is not None and is_ahead(missing["at"], at):
        internal = {**internal, "missing": {**missing, "at": at}}
    return replace(stored, article=put, internal=internal)
