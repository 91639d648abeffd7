"""Whether work grows with its size or with the square of it, told by ratios and not by seconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

_TURNS = 5
_TIMES = 16  # as much work


def assert_linear(prepare: Callable[[int], Callable[[], object]], number: int) -> None:
    """Fail when 16 times `number` takes like its square in each of five turns.

    ``prepare(n)`` makes work of size n; what it does itself is not measured. Linear work takes 16
    times as long, a square 256 times: what is beyond the middle of both, 64, is taken for one.
    Processor time is compared, the least of all turns so far, because other work on a machine
    and the collector of garbage only ever add to it.
    """
    small = large = float("inf")
    for _ in range(_TURNS):
        small = min(small, _seconds(prepare(number)))
        large = min(large, _seconds(prepare(_TIMES * number)))
        if large < 64 * small:
            return
    raise AssertionError(
        f"{_TIMES} times {number} takes {large / small:.0f} times as long ({small:.4f} s before)"
    )


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        if collects:
            gc.enable()
