"""Races between workers that change the same documents: an update holds only while what it was made
from is as it was read, and is made anew when another worker was first.
"""

from __future__ import annotations

from collections.abc import Iterable

# Of the workers that update one record at once, one wins each round: more than will ever be at it.
ATTEMPTS = 50


def never_still(names: Iterable[str | None]) -> str:
    """What to say when no attempt was the first."""
    return f"changed by others at each of {ATTEMPTS} attempts: {', '.join(map(str, names))}"
