"""A MongoDB server of one's own, whose folder can be removed afterwards."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import wait_until
from caliber_crawler.store.server import EmbeddedServer
from caliber_crawler.store.watchdog import SERVER_LOCK

_STOP_SECONDS = 60.0


@contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """The embedded server as crawls start it, with files in `folder`; yields its address.

    Crawls leave it running for others to stop; here its end is waited for, or it would write into
    a folder that is being removed.
    """
    try:
        with EmbeddedServer(folder) as uri:
            yield uri
    finally:
        with (folder / SERVER_LOCK).open("rb+") as lock:
            wait_until(lambda: _is_free(lock.fileno()), _STOP_SECONDS, "the end of MongoDB")


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
