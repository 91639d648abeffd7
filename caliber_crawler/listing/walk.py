"""When a walk along a list is over. Each reason has a name that is counted and shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from caliber_crawler.items import Card

End = Literal["end", "limit", "since", "known", "ceiling", "first_page"]
"""``first_page``: more would need a browser, and the crawl is to do without one."""

# A list that has ended may repeat its last batch for ever, and a batch may by chance hold only what
# was seen, since articles are posted while one walks. Where batches are small, or a script adds
# cards one by one, three of them are few cards: as many as in the largest batch must be repeated.
BATCHES_WITHOUT_NEW = 3
# Scripts may add cards one by one, so this takes as many batches as it needs.
_LEAST_CARDS = 3


@dataclass
class Walk:
    """One list's walk. Feed it every batch with `take`; it tells what is new and when to stop.

    `limit` bounds the articles taken, `since` is an instant in UTC, `ceiling` bounds the batches.
    With `stop_at_known` the walk ends where the known begins: after a batch whose second half,
    three cards at least, are known and unchanged articles. Smaller batches count together, and a
    list whose own page has fewer than three is left when it is known as a whole. Where cards stand
    in several places of a page, which of them is the list is not known, so each has to end so, of
    those with three cards at least. So it is with `since`: the walk ends after three cards at
    least in batches that are wholly older.
    """

    limit: int | None = None
    since: datetime | None = None
    ceiling: int = 10_000
    stop_at_known: bool = False
    batches: int = 0
    taken: int = 0
    ended: End | None = None
    _seen: dict[str, int] = field(default_factory=dict)  # address → the round it last came in
    rounds: int = 0
    _without_new: int = 0
    _fresh: bool = True  # this round brought what none before it had
    _repeated: int = 0  # cards of these batches, of one without any as many as of the largest
    _largest: int = 0
    _empty_last: bool = False  # the last batch had no card
    gap: bool = False
    _known_last: int = 0  # cards in a row, up to the last one, that are known
    _older_last: int = 0  # cards of batches in a row, up to the last one, that are wholly older
    _found: bool = False

    def take(
        self,
        cards: Sequence[Card],
        known: Collection[str] = (),
        admit: Callable[[Card], bool] = lambda _: True,
        beside: Collection[str] = (),
    ) -> list[Card]:
        """The cards of a batch that are new to this walk, admitted, and within its limit, in order.

        `known` are the addresses of cards whose articles are stored and whose cards did not change,
        `beside` those of cards that do not belong to the list proper, as of other editions: they
        tell nothing of where the known begins. Sets `ended` when the walk is over after this batch,
        or `gap` when new cards follow a batch that had none: then that one was no end, and what it
        should have had is missing.
        """
        self.batches += 1
        fresh = [card for card in cards if card.url not in self._seen]
        # What an earlier round took is stored by now perhaps; that is no reason to stop there.
        known = {url for url in known if self._seen.get(url, self.rounds) == self.rounds}
        new = [card for card in cards if self._seen.get(card.url) != self.rounds]
        self._seen.update(dict.fromkeys((card.url for card in cards), self.rounds))
        self._found = self._found or bool(cards)
        self._fresh = self._fresh or bool(fresh)
        self.gap = self._empty_last and bool(new)
        self._empty_last = not cards
        self._largest = max(self._largest, len(cards))
        self._without_new = 0 if new else self._without_new + 1
        self._repeated = 0 if new else self._repeated + (len(cards) or self._largest)
        chosen: dict[str, list[Card]] = {}
        for card in filter(admit, fresh):
            # A second card of an article adds another form of its address, not an article.
            if card.url not in chosen and self.limit is not None and self.taken >= self.limit:
                continue
            self.taken += card.url not in chosen
            chosen.setdefault(card.url, []).append(card)
        if self.ended is None:
            new = [card for card in new if card.url not in beside]
            lists = by_place(new)
            self._count_last(new, lists, known)
            self.ended = None if self.gap else self._reason(new, lists)
        return [card for forms in chosen.values() for card in forms]

    def restart(self) -> None:
        """The list is walked from its top once more: what comes again is no sign of its end."""
        self.batches = self._without_new = self._known_last = self._older_last = 0
        self._repeated = 0
        self._empty_last = self.gap = self._fresh = False
        self.rounds += 1

    @property
    def position(self) -> list[int]:
        """How far the walk is, as numbers that never come again."""
        last = (self._known_last, self._older_last)
        repeated = (self._repeated, self._largest, int(self._empty_last))
        return [self.rounds, self.batches, self.taken, self._without_new, *last, *repeated]

    def go_on_from(self, position: Sequence[int], *, found: bool) -> None:
        """Take up a walk that another worker began.

        What that one saw is not known here: what comes once more counts as new once more.
        """
        self.rounds, self.batches, self.taken, self._without_new, *last = position
        # Older versions counted less.
        last += [0] * (5 - len(last))
        self._known_last, self._older_last, self._repeated, self._largest, empty = last
        self._empty_last = bool(empty)
        self._found = found

    @property
    def largest(self) -> int:
        """How many cards the largest batch had."""
        return self._largest

    @property
    def came_to_the_same_end(self) -> bool:
        """Whether this round brought what an earlier one brought, all of it and nothing more."""
        return not self._fresh and all(last == self.rounds for last in self._seen.values())

    @property
    def unseen(self) -> int:
        """How many cards of earlier rounds this one has not come to."""
        return sum(last < self.rounds for last in self._seen.values())

    def has_seen(self, card: Card) -> bool:
        """Whether a card's article came before in this round."""
        return self._seen.get(card.url) == self.rounds

    @property
    def found_any(self) -> bool:
        """Whether the list had any card at all."""
        return self._found

    def forget(self) -> None:
        """Let go of the addresses that were seen: the walk is over, and they may be many."""
        self._seen.clear()

    def nothing_more(self) -> None:
        """The list itself says that nothing follows."""
        if self.ended is None:
            self.ended = "end"

    def _count_last(
        self, new: Sequence[Card], lists: Sequence[Sequence[Card]], known: Collection[str]
    ) -> None:
        """Count on, with the cards of a batch that did not come before in this round."""
        lasts = [_known_last(cards, known) for cards in lists]
        if len(lists) > 1:
            ends = all(n >= _enough(cards) for n, cards in zip(lasts, lists, strict=True))
            self._known_last = len(new) if ends else 0
        else:
            before = self._known_last if lasts[0] == len(lists[0]) else 0
            self._known_last = before + lasts[0]
        # Times are typed by hand, so a batch may be out of order: only a whole older batch counts,
        # and one of which no time is understood tells nothing.
        times = [card.published_at for card in new]
        older = self.since is not None and all(t and t < self.since for t in times)
        self._older_last = self._older_last + len(new) if older else 0

    def _reason(self, new: Sequence[Card], lists: Sequence[Sequence[Card]]) -> End | None:
        if self.limit is not None and self.taken >= self.limit:
            return "limit"
        if self._without_new >= BATCHES_WITHOUT_NEW and self._repeated >= self._largest:
            return "end"
        own_page = self.rounds == 0 and self.batches == 1
        least = min(_LEAST_CARDS, len(new)) if own_page else _LEAST_CARDS
        # Half a batch in a row bears times typed by hand, and leads to no further batch whenever a
        # few articles are new.
        half = (max(map(len, lists)) + 1) // 2
        if new and self.stop_at_known and self._known_last >= max(least, half):
            return "known"
        if new and self.since is not None and self._older_last >= least:
            return "since"
        if self.batches >= self.ceiling:
            return "ceiling"
        return None


def by_place(cards: Sequence[Card]) -> Sequence[Sequence[Card]]:
    """The cards by the places on their page where they stand, few ones left out; all as one where
    only few stand anywhere."""
    blocks: dict[int, list[Card]] = {}
    for card in cards:
        blocks.setdefault(card.block, []).append(card)
    return [block for block in blocks.values() if len(block) >= _LEAST_CARDS] or [cards]


def _known_last(cards: Sequence[Card], known: Collection[str]) -> int:
    """How many cards in a row, up to the last one, are known."""
    unknown = [k for k, card in enumerate(cards) if card.url not in known]
    return len(cards) - 1 - unknown[-1] if unknown else len(cards)


def _enough(cards: Sequence[Card]) -> int:
    """So many of a list's last cards must be known for the known to begin there."""
    return max(_LEAST_CARDS, (len(cards) + 1) // 2)
