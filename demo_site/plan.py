"""Which stories are in which edition and section, answered for any number without a table of all.

Stories come in blocks of twenty. Every block has the same twenty slots, shuffled anew; a slot says
in which sections its story stands and which editions have it. So every full block gives each list
the same number of articles, and the n-th article of a list is found by one division.
"""

import random
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple


class _Slot(NamedTuple):
    sections: tuple[int, ...]  # numbers of sections, 0 to 7; the first is the one on the page
    russian: bool
    third: bool


_TWINS = ((0, 1), (2, 3), (4, 5), (6, 7))
"""Pairs of equal slots: side by side they can hold a story and its copy."""

_SLOTS = (
    _Slot((0,), True, False),
    _Slot((0,), True, False),
    _Slot((1,), True, False),
    _Slot((1,), True, False),
    _Slot((2,), True, False),
    _Slot((2,), True, False),
    _Slot((3,), True, False),
    _Slot((3,), True, False),
    _Slot((0, 1), True, True),
    _Slot((0, 7, 3), False, False),
    _Slot((1, 0), True, True),
    _Slot((1, 2, 6), False, False),
    _Slot((2, 6), True, True),
    _Slot((3, 4), True, True),
    _Slot((4,), True, False),
    _Slot((4, 3), False, False),
    _Slot((5,), True, True),
    _Slot((5, 1), False, False),
    _Slot((6, 2, 1), True, False),
    _Slot((7, 0), True, True),
)
BLOCK = len(_SLOTS)


class Plan:
    """The places of `stories` stories, of which `copies` repeat the story right after them.

    Stories are numbered from 0, the newest. `edition` is 0 for the one that has every story (the
    English one), 1 for the Russian and 2 for the third; `section` None means the whole edition.
    """

    def __init__(self, seed: int, stories: int, copies: int) -> None:
        self.stories = stories
        self._seed = seed
        self._copies = copies
        # A cache per instance, so that a world that is let go takes its cache along.
        self._block: Callable[[int], bytes] = lru_cache(maxsize=2048)(self._shuffled)
        self._members: Callable[[int, int | None], frozenset[int]] = lru_cache(_slots_of)
        self._sizes: Callable[[int, int | None], int] = lru_cache(self._count)

    def sections(self, story: int) -> tuple[int, ...]:
        return self._slot(story).sections

    def has(self, edition: int, story: int) -> bool:
        return self._number(story) in self._members(edition, None)

    def is_copy(self, story: int) -> bool:
        """Whether `story` repeats `story + 1`."""
        block, position = divmod(story, BLOCK)
        slots = self._block(block)
        pairs = _TWINS[: self._copies_in(block)]
        return tuple(slots[position : position + 2]) in pairs

    def size(self, edition: int, section: int | None = None) -> int:
        return self._sizes(edition, section)

    def rank(self, edition: int, section: int | None, story: int) -> int:
        """How many articles of the list are newer than `story`."""
        members = self._members(edition, section)
        block, position = divmod(story, BLOCK)
        newer = self._block(block)[:position]
        return block * len(members) + sum(slot in members for slot in newer)

    def nth(self, edition: int, section: int | None, n: int) -> int:
        """The story at place `n` of the list, 0 the newest; `IndexError` past its ends."""
        members = self._members(edition, section)
        block, rest = divmod(n, len(members))
        places = [place for place, slot in enumerate(self._block(block)) if slot in members]
        story = block * BLOCK + places[rest]
        if n < 0 or story >= self.stories:
            raise IndexError(f"the list has no article {n}")
        return story

    def _count(self, edition: int, section: int | None) -> int:
        return self.rank(edition, section, self.stories)

    def _number(self, story: int) -> int:
        block, position = divmod(story, BLOCK)
        return self._block(block)[position]

    def _slot(self, story: int) -> _Slot:
        return _SLOTS[self._number(story)]

    def _copies_in(self, block: int) -> int:
        """Copies are spread evenly over the full blocks."""
        full = self.stories // BLOCK
        if block >= full:
            return 0
        return (block + 1) * self._copies // full - block * self._copies // full

    def _shuffled(self, block: int) -> bytes:
        """Slot numbers of a block in the order of its stories, twins that hold copies together."""
        pairs = _TWINS[: self._copies_in(block)]
        paired = {slot for pair in pairs for slot in pair}
        units = [*pairs, *((slot,) for slot in range(BLOCK) if slot not in paired)]
        random.Random(f"{self._seed}/block/{block}").shuffle(units)
        return bytes(slot for unit in units for slot in unit)


def _slots_of(edition: int, section: int | None) -> frozenset[int]:
    return frozenset(
        number
        for number, slot in enumerate(_SLOTS)
        if (edition == 0 or (slot.russian, slot.third)[edition - 1])
        and (section is None or section in slot.sections)
    )
