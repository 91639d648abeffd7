"""Which cards of a list's page are the list's own, and which stand beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from caliber_crawler.items import Card, SectionRef
from caliber_crawler.text import fold


class Places:
    """Where on its page a section's list stands. Feed it every batch with `strangers`.

    Beside a list there may be what is most read on the whole site, in cards of the same look. The
    list is the largest place, unless in another one more cards, and half of those there, name the
    section; and each place where most cards do. In the list's own places a card may name another
    section: its article is in both.
    """

    def __init__(self) -> None:
        self._cards: Counter[int] = Counter()  # of each place, in the order of the page
        self._naming: Counter[int] = Counter()  # of these, that name any section
        self._own: Counter[int] = Counter()  # of these, that name the list's

    def strangers(self, cards: Sequence[Card], section: SectionRef) -> set[str]:
        """The addresses of a batch's cards that stand beside the list and name another section."""
        for card in cards:
            self._cards[card.block] += 1
            self._naming[card.block] += card.section is not None
            self._own[card.block] += names(card, section)
        main = self._main()
        own = {place for place, n in self._own.items() if 2 * n > self._naming[place]} | {main}
        named = (card for card in cards if card.section is not None and card.block not in own)
        return {card.url for card in named if not names(card, section)}

    def _main(self) -> int | None:
        largest = max(self._cards, key=self._cards.__getitem__, default=None)
        if largest is None:
            return None
        rivals = [
            place
            for place, own in self._own.items()
            if own > self._own[largest] and 2 * own >= self._naming[place]
        ]
        return max(rivals, key=self._own.__getitem__, default=largest)


def names(card: Card, section: SectionRef) -> bool:
    """Whether a card names a section: by where its label leads, else by the label."""
    if card.section is None:
        return False
    if card.section["slug"] is not None:
        return card.section["slug"] == section["slug"]
    return fold(card.section["name"]) in (fold(section["name"]), fold(section["slug"] or ""))
