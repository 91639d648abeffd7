"""`scrapy history`: what an article said before, and why it is the record that it is."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import unified_diff
from itertools import pairwise
from typing import Any

from scrapy.exceptions import UsageError

from caliber_crawler.config import Config
from caliber_crawler.errors import StoreError
from caliber_crawler.store import Store
from caliber_crawler.store.history import history_of
from caliber_crawler.store_command import StoreCommand

_MINUTE = "%Y-%m-%d %H:%M"


class Command(StoreCommand):
    """Shows the history of one article; asks nothing of the site."""

    def syntax(self) -> str:
        return "[options] <id or address>"

    def short_desc(self) -> str:
        return "Show what an article said before, and why it is the record that it is"

    def long_desc(self) -> str:
        return (
            "The record of an article (given by its id, en/some-slug, or any of its addresses), "
            "its revisions with what changed in each, the addresses that it had and by what that "
            "was told, and the records that repeat it. --diff shows changes as unified diffs."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--diff", action="store_true", help="show changes as unified diffs")

    def check(self, args: list[str], opts: argparse.Namespace) -> str:
        if len(args) != 1:
            raise UsageError("give the id or an address of one article", print_help=False)
        return ""

    async def ask(self, store: Store, args: list[str], opts: argparse.Namespace) -> dict[str, Any]:
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        site = Config.from_settings(self.settings).site
        is_address = args[0].startswith(("http:", "https:", "/"))
        name = site.canonical(args[0]) if is_address else args[0]
        found = await history_of(store.database, name or args[0])
        if found is None:
            raise StoreError(f"no article {args[0]!r} is stored in {store.where}")
        told = asdict(found)
        if opts.diff:
            told["diffs"] = differences([*found.revisions, found.record])
        return told

    def show(self, told: dict[str, Any], opts: argparse.Namespace) -> str:
        record = told["record"]
        seen = f"first seen {_when(record['first_seen_at'])}, last {_when(record['last_seen_at'])}"
        rows = [
            f"{record['id']}  {record['status']}, revision {record['revision']}",
            f"  {record['title']}",
            f"  {record['url']}",
            *(f"  also {address}" for address in record["aliases"]),
            f"  {seen}, {len(told['views'])} counts of views",
            *_repeats(record, told["repeated_by"]),
            *map(_move, record["internal"]["moves"]),
        ]
        diffs = told.get("diffs", [])
        for number, revision in enumerate(told["revisions"]):
            changed = ", ".join(revision["changes"]) or "unknown"
            rows.append(
                f"revision {revision['revision']} until {_when(revision['replaced_at'])} "
                f"(crawl {revision['replaced_by']}); then changed: {changed}"
            )
            if opts.diff:
                rows.append(diffs[number])
        return "\n".join(rows)


def differences(versions: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader sees changed from each version to the next, as unified diffs."""
    return [
        "\n".join(
            unified_diff(
                _lines(before),
                _lines(after),
                f"revision {before['revision']}",
                f"revision {after['revision']}",
                lineterm="",
            )
        )
        for before, after in pairwise(versions)
    ]


def _lines(version: Mapping[str, Any]) -> list[str]:
    """A version as lines: address, headline, byline, date as printed, and the text."""
    internal = version.get("internal")
    printed = internal["printed_at"] if internal else version["published_at"]
    return [
        f"url: {version['url']}",
        f"title: {version['title'] or ''}",
        f"authors: {', '.join(version['authors'])}",
        f"published: {_when(printed)}",
        "",
        *version["body"].split("\n"),
    ]


def _repeats(record: Mapping[str, Any], repeated_by: Sequence[str]) -> list[str]:
    repeats = record["internal"]["repeats"]
    original = record["duplicate_of"] or record["near_duplicate_of"]
    rows = []
    if original:
        why = f" ({repeats['reason']}, score {repeats['score']})" if repeats else ""
        rows.append(f"  repeats {original}{why}")
    return rows + [f"  repeated by {id_}" for id_ in repeated_by]


_REASONS = {
    "redirect": "the old address leads there",
    "canonical": "the page names it as canonical",
    "known": "an address that it had before",
    "gone": "the old address was gone",
    "moved": "the old address leads there",
    "alive": "the old address stays, and the text grew",
}


def _move(move: Mapping[str, Any]) -> str:
    where = f"  moved {_when(move['at'])} from {move['from_url']} to {move['url']}"
    why = _REASONS[move["reason"]]
    if move["kept"] is None:
        return f"{where}: {why}"
    likeness = f"(text kept {move['kept']}, headline {move['title']})"
    return f"{where}: {why}; score {move['score']} {likeness}"


def _when(instant: Any) -> str:
    return f"{instant:{_MINUTE}} UTC" if instant else "unknown"
