"""The long form of tests/test_fuzz.py: 200,000 inputs in all."""

from __future__ import annotations

import pytest

from tests.fuzzing import TARGETS
from tests.test_fuzz import run

INPUTS = 200_000


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_our_own_errors_for_long(name: str) -> None:
    run(name, -(-INPUTS // len(TARGETS)))
