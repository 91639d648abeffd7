"""Traces of texts as records keep them: those of one time side by side in their index.

A trace (`similarity.traces`) is as good as random, and a text has some forty. Looked for are only
texts near in time, so the number that is kept begins with the time, in spans of four weeks:

    span * 2**32 + trace

What a crawl looks for and adds is then in a small part of the index, which stays in memory however
large the archive is, and not all over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_SPAN = timedelta(days=28)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIZE = 1 << 32  # a span has room for so many traces, signed integers of 32 bits


def kept(traces: Iterable[int], at: datetime) -> list[int]:
    """The numbers that a record dated `at` (aware) keeps for its traces.

    >>> kept([-7, 7], datetime(1970, 2, 1, tzinfo=UTC))
    [4294967289, 4294967303]
    """
    begin = _span(at) * _SIZE
    return [begin + trace for trace in traces]


def moved(numbers: Iterable[int], at: datetime) -> list[int]:
    """The numbers of the same traces in a record that is now dated `at`."""
    half = _SIZE // 2
    return kept(((number + half) % _SIZE - half for number in numbers), at)


def wanted(traces: Iterable[int], first: datetime, last: datetime) -> list[int]:
    """All numbers that records dated from `first` to `last` may keep for these traces."""
    begins = [span * _SIZE for span in range(_span(first), _span(last) + 1)]
    return [begin + trace for trace in traces for begin in begins]


def _span(at: datetime) -> int:
    return (at - _EPOCH) // _SPAN
