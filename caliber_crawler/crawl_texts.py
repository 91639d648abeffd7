"""Crawls as text for people: a table of many, and all that is known of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from caliber_crawler.screen import clock
from caliber_crawler.tally import plain_lines

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

_FIGURES = ("stored", "new", "changed", "rejected", "failed")


def table(crawls: Sequence[Mapping[str, Any]], zone: tzinfo, zone_name: str) -> str:
    """One line a crawl, with a head that names the zone of the times."""
    if not crawls:
        return "no such crawls"
    head = ["crawl", "spider", "status", f"started ({zone_name})", "took", *_FIGURES, "exit", "why"]
    rows = [
        [
            crawl["id"], crawl["spider"], crawl["status"], _when(crawl["started_at"], zone),
            clock(crawl["seconds"]), *(str(crawl["figures"][name]) for name in _FIGURES),
            _or_dash(crawl["exit_code"]), _or_dash(crawl["reason"]),
        ]
        for crawl in crawls
    ]  # fmt: skip
    return "\n".join(_aligned([head, *rows], right=range(4, 5 + len(_FIGURES) + 1)))


def details(crawl: Mapping[str, Any], zone: tzinfo, zone_name: str) -> str:
    """All that is known of one crawl, in paragraphs."""
    code = "" if crawl["exit_code"] is None else f", exit code {crawl['exit_code']}"
    why = f" ({crawl['reason']}{code})" if crawl["reason"] else code
    given = " ".join(f"{name}={value}" for name, value in crawl["arguments"].items())
    ended = crawl["finished_at"]
    paragraphs = [
        [
            f"crawl {crawl['id']}: {crawl['status']}{why}",
            f"  spider     {crawl['spider']} {given}".rstrip(),
            f"  started    {_when(crawl['started_at'], zone)} {zone_name}",
            f"  {'ended' if ended else 'last heard'}".ljust(13)
            + f"{_when(ended or crawl['updated_at'], zone)} {zone_name}, "
            + f"after {clock(crawl['seconds'])}",
        ],
        ["counters", *plain_lines(crawl["counts"], zero=False)],
        _coverage(crawl["coverage"]),
        ["workers", *_workers(crawl["workers"], zone)],
        _rejects(crawl["rejects"]),
        _frontier(crawl["frontier"]),
        ["versions", "  " + ", ".join(f"{name} {v}" for name, v in crawl["versions"].items())],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _coverage(coverage: Mapping[str, float]) -> list[str]:
    if not coverage:
        return []
    width = max(map(len, coverage))
    rows = [f"  {name:<{width}}  {share:>7.1%}" for name, share in coverage.items()]
    return ["articles that had the field", *rows]


def _workers(workers: Sequence[Mapping[str, Any]], zone: tzinfo) -> list[str]:
    rows = [["worker", "state", "started", "last heard", "requests", "new"]]
    rows += [
        [
            worker["id"], worker["state"], _when(worker["started_at"], zone),
            _when(worker["seen_at"], zone), str(worker["counts"].get("requests", 0)),
            str(worker["counts"].get("articles/new", 0)),
        ]
        for worker in workers
    ]  # fmt: skip
    return [f"  {line}" for line in _aligned(rows, right=range(4, 6))]


def _rejects(rejects: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rejects:
        return []
    rows = [[r["reason"], str(r["number"]), f"such as {r['example']}"] for r in rejects]
    return ["rejects by reason", *(f"  {line}" for line in _aligned(rows, right=range(1, 2)))]


def _frontier(numbers: Mapping[str, int]) -> list[str]:
    left = {state: number for state, number in sorted(numbers.items()) if state != "done"}
    if not left:
        return []
    told = ", ".join(f"{number} {state}" for state, number in left.items())
    return ["requests in the frontier (`scrapy frontier` names them)", f"  {told}"]


def _aligned(rows: Sequence[Sequence[str]], right: range) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _when(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
