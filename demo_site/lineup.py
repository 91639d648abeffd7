"""The order of a list: articles of the world without the removed ones, and the posted between."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Lineup(NamedTuple):
    """A list as it is now. An entry is a place, or the negative number of a posted article.

    places: how many articles of the world the list has, removed ones too; their places count from
        0. gaps: places of those removed, in order. inserts: (place before which it stands, number)
        of posted articles, in the order of the list.
    """

    places: int
    gaps: Sequence[int]
    inserts: Sequence[tuple[int, int]]

    @property
    def size(self) -> int:
        return self.places - len(self.gaps) + len(self.inserts)

    def entries(self, offset: int, count: int) -> list[int]:
        """The `count` entries after the first `offset`; fewer at the end of the list."""
        found: list[int] = []
        for first, end, posted in self._runs():
            shown = end - first - (self._gaps_before(end) - self._gaps_before(first))
            if offset < shown:
                found += self._shown(first, end, offset, count - len(found))
            offset = max(0, offset - shown)
            if posted is not None:
                if not offset and len(found) < count:
                    found.append(posted)
                offset = max(0, offset - 1)
            if len(found) >= count:
                break
        return found

    def offset_past(self, entry: int) -> int:
        """How many entries stand up to and with this one; `KeyError` when it is not in the list."""
        if entry >= 0:
            above = sum(place <= entry for place, _ in self.inserts)
            return entry + 1 - self._gaps_before(entry + 1) + above
        for above, (place, number) in enumerate(self.inserts):
            if number == entry:
                return place - self._gaps_before(place) + above + 1
        raise KeyError(f"no article {entry} in the list")

    def _runs(self) -> Iterator[tuple[int, int, int | None]]:
        """Places from, places before, and the posted article that follows them."""
        first = 0
        for place, number in self.inserts:
            yield first, place, number
            first = place
        yield first, self.places, None

    def _gaps_before(self, place: int) -> int:
        return bisect_left(self.gaps, place)

    def _shown(self, first: int, end: int, offset: int, count: int) -> list[int]:
        """The places between two that are no gaps, after the first `offset` of them."""
        place = first + offset
        for gap in self.gaps[self._gaps_before(first) :]:
            place += gap <= place
        gaps = set(self.gaps)
        found: list[int] = []
        while len(found) < count and place < end:
            if place not in gaps:
                found.append(place)
            place += 1
        return found
