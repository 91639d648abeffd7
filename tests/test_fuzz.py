"""No input raises what is not an error of ours: the short form, some inputs for each reader."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzzing import TARGETS, read_answers, read_feed, read_requests


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


def test_what_fuzzing_found() -> None:
    """Inputs that once raised; the short form finds them seldom."""
    read_feed(b"<html><head><title>&#xD800;</title></head></html>")
    read_requests(("", '{"": [null], "0": [null]}', ""))
    read_requests(("", '{"": null, "\u2205": [null], "a.b": 1, "a\u2024b": [1]}', ""))
    read_answers(["\ud800<a class='x' href=\"/en/post/a\">"])
