"""`scrapy frontier`: what is queued, leased and failed in a crawl; retry, release, drop."""

from __future__ import annotations

import argparse
from typing import Any

from scrapy.exceptions import UsageError

from caliber_crawler.errors import StoreError
from caliber_crawler.store import Store
from caliber_crawler.store.frontier_admin import FrontierAdmin
from caliber_crawler.store_command import StoreCommand
from caliber_crawler.text import line

_ACTIONS = ("retry", "release", "drop")


class Command(StoreCommand):
    """Shows and changes the collection `frontier`; asks nothing of the site."""

    def syntax(self) -> str:
        return "[options] [CRAWL_ID]"

    def short_desc(self) -> str:
        return "Show what is queued, leased and failed in a crawl; retry, release or drop it"

    def long_desc(self) -> str:
        return (
            "Without a crawl's id: numbers of all crawls that have requests in the frontier. With "
            "one: its numbers, what is on lease and what failed. --retry queues failures again "
            "(then run the crawl with its CRAWL_ID), --drop removes them, --release takes back all "
            "leases at once, which is of use when workers are known to be dead."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        actions = parser.add_mutually_exclusive_group()
        actions.add_argument("--retry", action="store_true", help="queue failed requests again")
        actions.add_argument("--drop", action="store_true", help="forget failed requests")
        actions.add_argument("--release", action="store_true", help="take back all leases")
        parser.add_argument("--url", help="only the request for this address")
        parser.add_argument(
            "--limit", type=int, default=20, metavar="N", help="requests shown (default 20)"
        )

    def check(self, args: list[str], opts: argparse.Namespace) -> str:
        if len(args) > 1:
            raise UsageError("give the id of one crawl", print_help=False)
        if (_action(opts) or opts.url) and not args:
            raise UsageError("say which crawl: give its id", print_help=False)
        if opts.limit < 0:
            raise UsageError("--limit: give a number of 0 or more", print_help=False)
        return args[0] if args else ""

    async def ask(self, store: Store, args: list[str], opts: argparse.Namespace) -> dict[str, Any]:
        admin, action = FrontierAdmin(store.database), _action(opts)
        crawl_id = args[0] if args else None
        told: dict[str, Any] = {}
        if crawl_id is not None and action is not None:
            at = await store.frontier.clock()
            change = {"retry": admin.retry, "drop": admin.drop, "release": admin.release}[action]
            told["changed"] = await change(crawl_id, opts.url, at)
            told["action"] = action
        told["crawls"] = await admin.numbers(crawl_id)
        if crawl_id is not None:
            if not told["crawls"] and await store.crawls.find(crawl_id) is None:
                raise StoreError(
                    f"no crawl {crawl_id!r} is in {store.where}; `scrapy frontier` lists those "
                    "that have requests"
                )
            for state in ("queued", "leased", "failed"):
                told[state] = await admin.requests(crawl_id, state, opts.url, opts.limit)
        return told

    def show(self, told: dict[str, Any], opts: argparse.Namespace) -> str:
        return _table(told)


def _action(opts: argparse.Namespace) -> str | None:
    return next((name for name in _ACTIONS if getattr(opts, name)), None)


def _table(told: dict[str, Any]) -> str:
    """For people: numbers, then requests."""
    rows = []
    if "action" in told:
        done = {"retry": "queued again", "drop": "dropped", "release": "released"}
        rows.append(f"{told['changed']} requests {done[told['action']]}")
    states = ("queued", "leased", "done", "failed")
    crawls = told["crawls"]
    width = max([len("crawl"), *map(len, crawls)])
    rows.append(f"{'crawl':<{width}}" + "".join(f"{state:>10}" for state in states))
    for crawl_id, numbers in crawls.items():
        rows.append(
            f"{crawl_id:<{width}}" + "".join(f"{numbers.get(state, 0):>10}" for state in states)
        )
    if not crawls:
        rows.append("no requests: every crawl is finished")
    for state in states:
        for request in told.get(state, ()):
            why = request["error"] or (request["worker"] if state == "leased" else "") or ""
            tried = f"attempts {request['attempts']}"
            rows.append(f"{state}  {request['url']}  {tried}  {line(why)}".rstrip())
    return "\n".join(rows)
