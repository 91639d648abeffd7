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
# was seen, since articles are posted while one walks.
BATCHES_WITHOUT_NEW = 3
_LEAST_KNOWN = 3


@dataclass
class Walk:
    """One list's walk. Feed it every batch with `take`; it tells what is new and when to stop.

    `limit` bounds the articles taken, `since` is an instant in UTC, `ceiling` bounds the batches.
    With `stop_at_known` the walk ends where the known begins: after a batch whose second half,
    three cards at least, are known and unchanged articles.
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
    _found: bool = False

    def take(
        self,
        cards: Sequence[Card],
        known: Collection[str] = (),
        admit: Callable[[Card], bool] = lambda _: True,
    ) -> list[Card]:
        """The cards of a batch that are new to this walk, admitted, and within its limit, in order.

        `known` are the addresses of cards whose articles are stored and whose cards did not change.
        Sets `ended` when the walk is over after this batch.
        """
        self.batches += 1
        fresh = [card for card in cards if card.url not in self._seen]
        # What an earlier round took is stored by now perhaps; that is no reason to stop there.
        known = {url for url in known if self._seen.get(url, self.rounds) == self.rounds}
        moved = any(self._seen.get(card.url) != self.rounds for card in cards)
        self._seen.update(dict.fromkeys((card.url for card in cards), self.rounds))
        self._found = self._found or bool(cards)
        self._without_new = 0 if moved else self._without_new + 1
        chosen: dict[str, list[Card]] = {}
        for card in filter(admit, fresh):
            # A second card of an article adds another form of its address, not an article.
            if card.url not in chosen and self.limit is not None and self.taken >= self.limit:
                continue
            self.taken += card.url not in chosen
            chosen.setdefault(card.url, []).append(card)
        if self.ended is None:
            self.ended = self._reason(cards, known)
        return [card for forms in chosen.values() for card in forms]

    def restart(self) -> None:
        """The list is walked from its top once more: what comes again is no sign of its end."""
        self.batches = self._without_new = 0
        self.rounds += 1

    @property
    def position(self) -> list[int]:
        """How far the walk is, as numbers that never come again."""
        return [self.rounds, self.batches, self.taken, self._without_new]

    def go_on_from(self, position: Sequence[int], *, found: bool) -> None:
        """Take up a walk that another worker began.

        What that one saw is not known here: what comes once more counts as new once more.
        """
        self.rounds, self.batches, self.taken, self._without_new = position
        self._found = found

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

    def _reason(self, cards: Sequence[Card], known: Collection[str]) -> End | None:
        if self.limit is not None and self.taken >= self.limit:
            return "limit"
        if self._without_new >= BATCHES_WITHOUT_NEW:
            return "end"
        # Half a batch in a row bears times typed by hand, and leads to no further batch whenever a
        # few articles are new.
        last = cards[-max(_LEAST_KNOWN, (len(cards) + 1) // 2) :]
        if last and self.stop_at_known and all(card.url in known for card in last):
            return "known"
        # Times are typed by hand, so a batch may be out of order: only a whole older batch counts,
        # and one of which no time is understood tells nothing.
        times = [card.published_at for card in cards]
        if self.since is not None and times and all(t and t < self.since for t in times):
            return "since"
        if self.batches >= self.ceiling:
            return "ceiling"
        return None
