"""Who else is at work: workers that are known to be dead, and the lock of a spider."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import CloseSpider

from caliber_crawler.verdict import OTHER_CRAWL_RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from caliber_crawler.addon import CaliberAddon
    from caliber_crawler.store import Store

logger = logging.getLogger(__name__)

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_POLL_SECONDS = 1.0
_OF_THIS_PROCESS: set[str] = set()


def arrive(worker_id: str) -> str:
    """Note a worker of this process, which may run several crawls; gives back its id."""
    _OF_THIS_PROCESS.add(worker_id)
    return worker_id


def pid_namespace() -> str | None:
    """Within what numbers of processes are meant: a container has its own, and so has each start of
    each machine. None if unknown.

    All machines call their first one the same, and copies of a machine have one host name.
    """
    try:
        return f"{Path('/proc/self/ns/pid').readlink()} {_BOOT.read_text().strip()}"
    except OSError:
        return None


def is_here(process: Mapping[str, Any]) -> bool:
    """Whether a process is or was where this one is, so that its number tells whether it lives.

    Containers may share the name of their host and not its processes. Older documents do not say
    within what their numbers are meant; there the name of the host decides.
    """
    told = process.get("pid_namespace")
    return process["host"] == socket.gethostname() and told in (None, pid_namespace())


def is_dead(worker: Mapping[str, Any]) -> bool:
    """Whether a worker, as `store.crawls` has it, is known to be dead and never said that it left.

    It is when it ran here and its process is gone, or when this process has its number and does not
    know it: numbers are given again.
    """
    if worker["ended_at"] is not None or not is_here(worker):
        return False
    if worker["pid"] == os.getpid():
        return worker["id"] not in _OF_THIS_PROCESS
    try:
        os.kill(worker["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is somebody else's, and alive
        return False
    return False


async def take_lock(addon: CaliberAddon, store: Store, spider: str, lasting: timedelta) -> None:
    """Take the lock of a spider for this crawl. Raises `CloseSpider` when another crawl runs."""
    over: str | None = None
    first = None
    while True:
        holder = await store.locks.take(spider, addon.server_now(), lasting, over=over)
        if holder is None:
            return
        crawl = await store.crawls.find(holder.crawl_id)
        workers = [w for w in (crawl or {}).get("workers", []) if w["ended_at"] is None]
        dead = [worker for worker in workers if is_dead(worker)]
        if workers and len(dead) == len(workers):
            logger.warning("Crawl %s was killed; its lock counts no more", holder.crawl_id)
            over = holder.crawl_id
            continue
        alive = any(w not in dead and is_here(w) for w in workers)
        # Of workers elsewhere nobody here can tell whether they live. They do if they renew.
        renewed = first is not None and first.until != holder.until
        if alive or renewed or addon.stopping:
            addon.failure = (
                f"crawl {holder.crawl_id} of the spider {spider}; join it with CRAWL_ID, or set "
                "CRAWL_OVERLAP=allow to run both"
            )
            raise CloseSpider(OTHER_CRAWL_RUNS)
        if first is None:
            first = holder
            logger.info(
                "Crawl %s holds the lock of %s; waiting whether it renews it, until %s at most",
                holder.crawl_id, spider, holder.until.isoformat(" ", "seconds"),
            )  # fmt: skip
        await asyncio.sleep(_POLL_SECONDS)
