"""When a share is higher than chance and habit explain."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log

FEW = 3
"""Fewer of anything say nothing."""

# What comes about by chance once in so many crawls is no finding, and neither is a smaller share.
# Of what was never so in the past, little is enough; of what happened before, much is asked.
CHANCE, _CHANCE_IF_KNOWN = 1e-3, 1e-5
_NOTABLE = 0.1
_FAR = 2
_BEYOND = 0.15


def drifted(
    lacking: int,
    number: int,
    past: Sequence[tuple[int, int]],
    least: int,
    chance: float = CHANCE,
) -> bool:
    """Whether so many of a number are more than chance and any time of the past make likely.

    `past` are the same two for earlier crawls, newest first; fewer than `least` in all say nothing.
    `chance` is what counts as likely for what never happened in the past.
    """
    before, known = total(past)
    if lacking < FEW or known < least or lacking < _NOTABLE * number:
        return False
    by_chance = at_least(lacking, number, (before + 0.5) / (known + 1))
    if not before:
        return by_chance < chance
    # Editors do the same thing several times in a row, so chance alone is no measure.
    share, highest = lacking / number, _highest(past, number)
    far = share > _FAR * highest + _BEYOND or 1 - share < (1 - highest) / _FAR
    return far and by_chance < _CHANCE_IF_KNOWN


def total(parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Several parts as one."""
    return sum(n for n, _ in parts), sum(n for _, n in parts)


def at_least(lacking: int, number: int, rate: float) -> float:
    """The chance of `lacking` or more of `number` when each lacks it at a rate between 0 and 1."""
    fewer = (
        exp(
            lgamma(number + 1) - lgamma(k + 1) - lgamma(number - k + 1)
            + k * log(rate) + (number - k) * log(1 - rate)
        )
        for k in range(lacking)
    )  # fmt: skip
    return max(0.0, 1 - sum(fewer))


def _highest(past: Sequence[tuple[int, int]], number: int) -> float:
    """The highest share in any stretch of the past of about that number, or in all of a shorter
    one."""
    highest, first, some, of = 0.0, 0, 0, 0
    for n, m in past:
        some, of = some + n, of + m
        while of - past[first][1] >= number:
            some, of, first = some - past[first][0], of - past[first][1], first + 1
        if of >= number:
            highest = max(highest, some / of)
    before, known = total(past)
    return max(highest, before / known) if known else highest
