"""`scrapy crawls`: past and running crawls, and one of them in detail."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from scrapy.exceptions import UsageError

from caliber_crawler.config import Config
from caliber_crawler.crawl_texts import details, table
from caliber_crawler.debugging import usage_error
from caliber_crawler.errors import ConfigError, StoreError
from caliber_crawler.spiders.arguments import ExportArguments, bounds
from caliber_crawler.store import Store
from caliber_crawler.store.crawls import sums
from caliber_crawler.store.frontier_admin import FrontierAdmin
from caliber_crawler.store.overview import CrawlReader
from caliber_crawler.store_command import StoreCommand
from caliber_crawler.tally import Figures
from caliber_crawler.workers import is_dead

RUNNING, SILENT = "running", "silent"
STATUSES = (RUNNING, SILENT, "finished", "stopped", "failed")
# Workers say every five seconds that they live.
_LEAST_SILENCE = 15.0


class Command(StoreCommand):
    """Shows the collection `crawls`; asks nothing of the site."""

    def syntax(self) -> str:
        return "[options] [CRAWL_ID]"

    def short_desc(self) -> str:
        return "Show past and running crawls, or one of them in detail"

    def long_desc(self) -> str:
        return (
            "Without a crawl's id: a table of crawls, the latest start first. With one: its "
            "arguments, counters with their meaning, how complete fields were, its workers, "
            "rejects by reason, requests left in the frontier, and versions. Crawls that say that "
            "they run and none of whose workers was heard of for half a minute (longer with "
            "FRONTIER_LEASE_SECONDS) are shown as silent: they were killed, and go on with their "
            "CRAWL_ID. Times are those of SITE_TIMEZONE, or UTC with --utc and in JSON."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--spider", metavar="NAME", help="only crawls of this spider")
        add("--status", choices=STATUSES, help="only crawls that are so now")
        add("--since", metavar="DAY", help="first day of the start, 2026-06-25, site's calendar")
        add("--limit", type=int, default=20, metavar="N", help="crawls shown (default 20; 0: all)")
        add("--utc", action="store_true", help="times in UTC")

    def check(self, args: list[str], opts: argparse.Namespace) -> str:
        if len(args) > 1:
            raise UsageError("give the id of one crawl", print_help=False)
        if args and (opts.spider or opts.status or opts.since):
            raise UsageError(
                "--spider, --status and --since choose among crawls; with an id there is one",
                print_help=False,
            )
        if opts.limit < 0:
            raise UsageError("--limit: give a number of 0 or more", print_help=False)
        try:
            self._since(opts)
        except ConfigError as error:
            raise usage_error(error) from None
        return args[0] if args else ""

    async def ask(self, store: Store, args: list[str], opts: argparse.Namespace) -> dict[str, Any]:
        reader, at = CrawlReader(store.database), await store.frontier.clock()
        silence = timedelta(seconds=max(self._config.lease_seconds, _LEAST_SILENCE))
        if not args:
            return {"crawls": await self._chosen(reader, opts, at - silence)}
        crawl = await reader.crawl(args[0])
        if crawl is None:
            raise StoreError(
                f"no crawl {args[0]!r} is in {store.where}; `scrapy crawls` lists them"
            )
        frontier = await FrontierAdmin(store.database).numbers(args[0])
        return {
            **_told(crawl, at - silence),
            "rejects": await reader.rejects(args[0]),
            "frontier": frontier.get(args[0], {}),
        }

    def show(self, told: dict[str, Any], opts: argparse.Namespace) -> str:
        zone: tzinfo = UTC if opts.utc else self._config.site.zone
        name = "UTC" if opts.utc else str(self._config.site.zone)
        if "crawls" in told:
            return table(told["crawls"], zone, name)
        return details(told, zone, name)

    async def _chosen(
        self, reader: CrawlReader, opts: argparse.Namespace, silent_since: datetime
    ) -> list[dict[str, Any]]:
        is_unsure = opts.status in (RUNNING, SILENT)  # both are running ones to the database
        found = await reader.crawls(
            spider=opts.spider,
            status=RUNNING if is_unsure else opts.status,
            since=self._since(opts),
            most=0 if is_unsure else opts.limit,
        )
        crawls = [_told(crawl, silent_since) for crawl in found]
        if opts.status:
            crawls = [crawl for crawl in crawls if crawl["status"] == opts.status]
        return crawls[: opts.limit] if opts.limit else crawls

    def _since(self, opts: argparse.Namespace) -> datetime | None:
        given = {"since": opts.since} if opts.since is not None else {}
        config = self._config
        return bounds(ExportArguments.parse(given, config).since, None, config)[0]

    @property
    def _config(self) -> Config:
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        return Config.from_settings(self.settings)


def _told(crawl: dict[str, Any], silent_since: datetime) -> dict[str, Any]:
    """A crawl's document as it is to be shown: with what follows from it.

    `id` is its `_id`; `counts` of a running crawl are the sums of what its workers last noted;
    `seconds` is how long it took up to its end or to the last that was heard of it; each worker
    has a `state`: running, silent, or the reason with which it left.
    """
    told = {"id": crawl["_id"], **{k: v for k, v in crawl.items() if k != "_id"}}
    told["workers"] = [w | {"state": _state(w, silent_since)} for w in crawl["workers"]]
    if crawl["status"] == RUNNING:
        told["counts"] = sums(crawl["workers"])
        if not any(worker["state"] == RUNNING for worker in told["workers"]):
            told["status"] = SILENT
    last = crawl["finished_at"] or crawl["updated_at"]
    told["seconds"] = (last - crawl["started_at"]).total_seconds()
    figures = Figures.of(told["counts"])
    told["figures"] = {
        "stored": figures.stored, "new": figures.new, "changed": figures.changed,
        "unchanged": figures.unchanged, "duplicates": figures.duplicates,
        "rejected": figures.rejected, "failed": figures.failed, "requests": figures.requests,
    }  # fmt: skip
    return told


def _state(worker: dict[str, Any], silent_since: datetime) -> str:
    if worker["ended_at"] is not None:
        return str(worker["reason"])
    return SILENT if worker["seen_at"] < silent_since or is_dead(worker) else RUNNING
