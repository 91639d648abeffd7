"""Prometheus metrics made of a crawl's counters, and a text file in which they add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from caliber_crawler import counters
from caliber_crawler.tally import below, by_section, family, meaning

PREFIX = "caliber_"
# A label that takes more values than this is of no use to anybody, and a burden to the server.
MOST_VALUES = 100
REST = "other"
_OUTCOMES = ("new", "changed", "unchanged")
_KEPT = frozenset({"spider", "outcome"})  # labels that take few values
_IN_SECTIONS = {counters.TAKEN, *(f"articles/{outcome}" for outcome in _OUTCOMES)}
_LABEL = {
    counters.REJECTED: "reason",
    counters.VISITS: "found",
    counters.LISTS_ENDED: "why",
    counters.BROWSER_BLOCKED: "kind",
    counters.CONFLICTS: "field",
    counters.MISSING: "field",
    counters.CUT: "field",
    counters.KEPT: "field",
    counters.LIMITS: "limit",
    counters.REFUSED: "reason",
    counters.SECTIONS: "section",
}
"""What is counted by kinds alone, below its name, and what these are called."""


@dataclass(frozen=True)
class Facts:
    """What there is to tell of a crawl besides its counters. Times are seconds since the epoch.

    `exit_code` and `finished_at` are None while it runs. `frontier` is state → number of requests,
    `statuses` HTTP status → number of answers.
    """

    spider: str
    started_at: float
    delay: float
    version: str
    finished_at: float | None = None
    exit_code: int | None = None
    frontier: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)


def families(counts: Mapping[str, int], facts: Facts) -> Iterator[Metric]:
    """All metrics of one crawl: every counter, also at zero, so that alerts find it."""
    yield _articles(counts, facts.spider)
    yield _counter(
        "requests", meaning(counters.REQUESTS), facts.spider,
        {"": counts.get(counters.REQUESTS, 0)},
    )  # fmt: skip
    yield _counter(
        "responses",
        "answers by HTTP status, to this worker",
        facts.spider,
        facts.statuses,
        "status",
    )
    for name in counters.MEANING:
        if name not in _IN_SECTIONS:
            yield _of_counter(name, counts, facts.spider)
    yield from _gauges(facts)


def added_up(old: str, new: Iterable[Metric]) -> bytes:
    """The text of a file for node_exporter's textfile collector: `new` put into `old`.

    Counters are added to what they were, series that `new` does not have stay. `old` is "" for the
    first crawl. Raises ValueError when it is no such text.
    """
    merged: dict[str, Metric] = {}
    for metric in text_string_to_metric_families(old):
        merged[metric.name] = metric
    for metric in new:
        before = merged.get(metric.name)
        merged[metric.name] = metric if before is None else _merged(before, metric)
    return generate_latest(_Ready(merged.values()))


class _Ready:
    """A registry of metrics that are there already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _articles(counts: Mapping[str, int], spider: str) -> Metric:
    metric = CounterMetricFamily(
        f"{PREFIX}articles",
        "articles taken, by edition and section of the page, and outcome",
        labels=["spider", "section", "outcome"],
    )
    told = by_section(counts)
    totals = {f"{s}/{o}": n for s, numbers in told.items() for o, n in numbers.items()}
    for name, number in sorted(_bounded(totals).items()):
        section, _, outcome = name.rpartition("/")
        metric.add_metric([spider, section or REST, outcome], number)
    if not totals:
        for outcome in _OUTCOMES:
            metric.add_metric([spider, "none", outcome], 0)
    return metric


def _of_counter(name: str, counts: Mapping[str, int], spider: str) -> Metric:
    title = name.replace("/", "_")
    if name not in _LABEL:
        return _counter(title, meaning(name), spider, {"": counts.get(name, 0)})
    details = {d: n for d, n in below(counts, name).items() if family(f"{name}/{d}") == name}
    return _counter(title, meaning(name), spider, details, _LABEL[name])


def _counter(
    name: str, meant: str, spider: str, values: Mapping[str, int], label: str = ""
) -> Metric:
    """A counter; without a label its one value is that of ""."""
    labels = ["spider", label] if label else ["spider"]
    metric = CounterMetricFamily(PREFIX + name, meant, labels=labels)
    for detail, number in sorted(_bounded(values).items()):
        metric.add_metric([spider, detail] if label else [spider], number)
    return metric


def _bounded(values: Mapping[str, int]) -> dict[str, int]:
    """The largest numbers, and what is left of them together."""
    if len(values) <= MOST_VALUES:
        return dict(values)
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[: MOST_VALUES - 1])
    kept[REST] = kept.get(REST, 0) + sum(number for _, number in ordered[MOST_VALUES - 1 :])
    return kept


def _gauges(facts: Facts) -> Iterator[Metric]:
    spider = [facts.spider]
    yield _gauge("build_info", "version of the crawler", ["version"], {(facts.version,): 1})
    yield _gauge(
        "crawl_start_time_seconds", "when the latest crawl began", ["spider"],
        {(facts.spider,): facts.started_at},
    )  # fmt: skip
    yield _gauge(
        "crawl_delay_seconds", "least time between two requests to the site", ["spider"],
        {(facts.spider,): facts.delay},
    )  # fmt: skip
    yield _gauge(
        "crawl_running", "1 while a crawl runs", ["spider"],
        {(facts.spider,): 0.0 if facts.finished_at is not None else 1.0},
    )  # fmt: skip
    if facts.frontier:
        yield _gauge(
            "frontier_requests", "requests of the running crawl that are to be made",
            ["spider", "state"], {(facts.spider, s): n for s, n in facts.frontier.items()},
        )  # fmt: skip
    if facts.finished_at is None or facts.exit_code is None:
        return
    ended = {
        "crawl_finish_time_seconds": ("when the latest crawl ended", facts.finished_at),
        "crawl_duration_seconds": (
            "how long the latest crawl took", facts.finished_at - facts.started_at,
        ),
        "crawl_exit_code": ("exit code of the latest crawl; 0 is healthy", facts.exit_code),
    }  # fmt: skip
    if facts.exit_code == 0:
        ended["crawl_last_success_time_seconds"] = (
            "when the latest healthy crawl ended", facts.finished_at,
        )  # fmt: skip
    for name, (meant, value) in ended.items():
        yield _gauge(name, meant, ["spider"], {tuple(spider): value})


def _gauge(
    name: str, meant: str, labels: list[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    metric = GaugeMetricFamily(PREFIX + name, meant, labels=labels)
    for given, value in values.items():
        metric.add_metric(list(given), value)
    return metric


def _merged(before: Metric, now: Metric) -> Metric:
    """Two states of one metric as one.

    What is new counts as `REST` where a spider has as many values as are kept: the file is for
    years, and a series that is there must not end.
    """
    told = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for sample in before.samples
        if "spider" in sample.labels  # what is not a spider's is said anew by each crawl
    }
    there = Counter((name, dict(labels)["spider"]) for name, labels in told)
    for sample in now.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        if key not in told and there[sample.name, sample.labels.get("spider", "")] >= MOST_VALUES:
            key = (sample.name, tuple((n, v if n in _KEPT else REST) for n, v in key[1]))
        base = told.get(key, 0.0) if now.type == "counter" else 0.0
        told[key] = base + sample.value
    metric = Metric(now.name, now.documentation, now.type)
    for (name, labels), value in told.items():
        metric.add_sample(name, dict(labels), value)
    return metric
