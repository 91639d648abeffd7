"""What a crawl's counters say to people: the few that are watched, and all of them in groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from caliber_crawler import counters

OTHER = "Other"
# Counters belong to the group that has the first part of their name.
GROUPS: dict[str, tuple[str, ...]] = {
    "Articles": (
        "articles",
        "taken",
        "sections",
        "duplicates",
        "visits",
        "addresses",
        "sightings",
    ),
    "Lists": ("lists", "cards", "rules", "feed"),
    "Pages": ("requests", "pages", "rejected", "limits", "browser", "robots"),
    "Fields": ("missing", "cut", "conflicts", "times", "views", "teasers", "boxes", "kept"),
    "Frontier": ("frontier", "politeness", "crawls"),
    "Storage and feeds": ("store", "items", "feeds"),
    "Schedules": ("schedule",),
}
_GROUP_OF = {first: title for title, parts in GROUPS.items() for first in parts}
_REQUESTS = "requests sent to the site, robots.txt included"


@dataclass(frozen=True)
class Figures:
    """The numbers that are watched while a crawl runs.

    `stored` are `new` and `changed` together; `failed` are requests. `walked` are lists that have
    ended, `lists` those of which the first page was read.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    failed: int = 0
    requests: int = 0
    lists: int = 0
    walked: int = 0

    @property
    def stored(self) -> int:
        return self.new + self.changed

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Figures:
        """From counters without their prefix, as in the collection `crawls`."""
        return cls(
            new=counts.get(counters.ARTICLES_NEW, 0),
            changed=counts.get(counters.ARTICLES_CHANGED, 0),
            unchanged=counts.get(counters.ARTICLES_UNCHANGED, 0),
            duplicates=sum(below(counts, "duplicates").values()),
            rejected=sum(below(counts, counters.REJECTED).values()),
            failed=counts.get(counters.FAILED_REQUESTS, 0),
            requests=counts.get(counters.REQUESTS, 0),
            lists=counts.get(counters.LISTS_READ, 0),
            walked=sum(below(counts, counters.LISTS_ENDED).values()),
        )


class Row(NamedTuple):
    """One counter of a summary."""

    name: str
    number: int
    meaning: str


class Group(NamedTuple):
    """Counters that belong together: those that counted anything, and the names of the others."""

    title: str
    rows: list[Row]
    zero: list[str]


def counts_of(stats: Mapping[str, object]) -> dict[str, int]:
    """All counters of `counters` without their prefix, and Scrapy's number of requests."""
    counts = {
        key.removeprefix(counters.PREFIX): value
        for key, value in stats.items()
        if key.startswith(counters.PREFIX) and isinstance(value, int)
    }
    requests = stats.get("downloader/request_count", 0)
    counts[counters.REQUESTS] = requests if isinstance(requests, int) else 0
    return dict(sorted(counts.items()))


def below(counts: Mapping[str, int], name: str) -> dict[str, int]:
    """What a counter is broken down by → number."""
    start = f"{name}/"
    return {key.removeprefix(start): n for key, n in counts.items() if key.startswith(start)}


def by_section(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Edition and section (``en/world``) → outcome → number of articles."""
    told: dict[str, dict[str, int]] = {}
    for detail, number in below(counts, counters.TAKEN).items():
        section, _, outcome = detail.rpartition("/")
        told.setdefault(section, {})[outcome] = number
    return told


def family(name: str) -> str | None:
    """The counter that explains this one: itself, or the nearest one above it; None if none does.

    >>> family("rejected/http_404"), family("articles/new"), family("no/such")
    ('rejected', 'articles/new', None)
    """
    while name and name not in counters.MEANING:
        name = name.rpartition("/")[0]
    return name or None


def meaning(name: str) -> str:
    """What a counter counts; "" for one that nobody explained."""
    known = family(name)
    if name == counters.REQUESTS:
        return _REQUESTS
    return counters.MEANING[known] if known else ""


def grouped(counts: Mapping[str, int]) -> list[Group]:
    """All counters there are, in groups: the ones that counted, and the names of those that did
    not, so that every one is named."""
    counted: dict[str, list[Row]] = {}
    for key, number in counts.items():
        owner = key if key == counters.REQUESTS else family(key) or key
        if number:
            counted.setdefault(owner, []).append(Row(key, number, meaning(key)))
    names = list(dict.fromkeys([counters.REQUESTS, *counters.MEANING, *counted]))
    groups = []
    for title in (*GROUPS, OTHER):
        own = [name for name in names if _group(name) == title]
        rows = [row for name in own for row in counted.get(name, ())]
        groups.append(Group(title, rows, [name for name in own if name not in counted]))
    return [group for group in groups if group.rows or group.zero]


def _group(name: str) -> str:
    return _GROUP_OF.get(name.partition("/")[0], OTHER)


def plain_lines(counts: Mapping[str, int], *, zero: bool = True) -> list[str]:
    """The summary for a log: two blanks, name, number, meaning, for each counter that counted;
    with `zero` the names of all others, too."""
    groups = grouped(counts)
    width = max((len(row.name) for group in groups for row in group.rows), default=0)
    lines = [
        f"  {row.name:<{width}}  {row.number:>8}  {row.meaning}".rstrip()
        for group in groups
        for row in group.rows
    ]
    others = [name for group in groups for name in group.zero] if zero else []
    return [*lines, f"  nothing counted: {', '.join(others)}"] if others else lines
