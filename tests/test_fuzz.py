"""No input raises what is not an error of ours: the short form, some inputs for each reader."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzzing import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_our_own_errors(name: str) -> None:
    run(name, 25)


def run(name: str, examples: int) -> None:
    strategy, target = TARGETS[name]

    @given(strategy)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(said: Any) -> None:
        target(said)

    check()
