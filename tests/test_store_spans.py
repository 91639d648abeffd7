"""Where in their index the traces of texts stand: those of one time side by side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caliber_crawler.store.spans import kept, moved, wanted

TRACES = st.lists(st.integers(-(2**31), 2**31 - 1), unique=True, max_size=5)
INSTANTS = st.datetimes(
    datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
)  # fmt: skip
DAY = timedelta(days=1)
# A span begins here: 736 times four weeks after 1970.
BORDER = datetime(2026, 6, 4, tzinfo=UTC)


@given(TRACES, INSTANTS, st.floats(0, 40), st.floats(0, 40))
def test_what_is_near_is_found(
    traces: list[int], at: datetime, before: float, after: float
) -> None:
    found = wanted(traces, at - before * DAY, at + after * DAY)
    assert set(kept(traces, at)) <= set(found)
    assert len(set(found)) == len(found) <= len(traces) * (2 + (before + after) // 28)


@given(TRACES, TRACES, INSTANTS, INSTANTS)
def test_a_number_is_of_one_trace_and_one_span(
    some: list[int], others: list[int], at: datetime, then: datetime
) -> None:
    common = set(kept(some, at)) & set(kept(others, then))
    same_span = set(kept([0], at)) == set(kept([0], then))
    assert len(common) == (len(set(some) & set(others)) if same_span else 0)


@given(TRACES, INSTANTS, INSTANTS)
def test_moved_are_those_of_the_other_date(traces: list[int], at: datetime, then: datetime) -> None:
    assert moved(kept(traces, at), then) == kept(traces, then)


@pytest.mark.parametrize("at", [BORDER, datetime(1969, 12, 4, tzinfo=UTC)])
def test_spans_are_four_weeks(at: datetime) -> None:
    assert kept([1], at) == kept([1], at + 28 * DAY - timedelta.resolution)
    assert kept([1], at) != kept([1], at - timedelta.resolution)


def test_numbers_fit_the_database() -> None:
    """It has integers of 64 bits; any date that Python has fits."""
    for at in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        [least, most] = kept([-(2**31), 2**31 - 1], at)
        assert -(2**63) <= least < most < 2**63
