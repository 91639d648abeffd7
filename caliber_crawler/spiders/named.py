"""The articles that lists named in this crawl, until they are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from caliber_crawler.items import Card, SectionRef, Sighting
from caliber_crawler.limits import MOST_ALIASES
from caliber_crawler.records import add_sections


@dataclass
class Named:
    """One article: its first card, all sections, and the addresses as lists wrote them."""

    card: Card
    sections: list[SectionRef] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    asked: bool = False


class NamedArticles:
    """Collects what lists say of articles, so that each is asked for once and knows all of it."""

    def __init__(self) -> None:
        self._named: dict[str, Named] = {}
        self._taken: set[str] = set()
        self._waiting = 0
        self._heard: Counter[str] = Counter()

    def __len__(self) -> int:
        """Number of articles that were named and not asked for yet."""
        return self._waiting

    def note(self, card: Card, section: SectionRef | None) -> Sighting | None:
        """Note a card. For an article that was taken already, the sighting to store with it."""
        sighting = self.sighting(card, section)
        if card.url in self._taken:
            return sighting
        named = self._named.get(card.url)
        if named is None:
            named = self._named[card.url] = Named(card)
            self._waiting += 1
        named.sections = add_sections(named.sections, sighting.sections)
        named.addresses += [a for a in sighting.aliases if a not in named.addresses]
        return None

    def sighting(self, card: Card, section: SectionRef | None) -> Sighting:
        """What a card says of its article besides itself: sections and an address.

        Of one article so many cards are heard; a list that goes on for ever says nothing new.
        """
        self._heard[card.url] += 1
        if self._heard[card.url] > MOST_ALIASES:
            return Sighting(card.url)
        refs = [ref for ref in (section, card.section) if ref is not None]
        aliases = [] if card.href == card.url else [card.href]
        return Sighting(card.url, add_sections([], refs), aliases)

    def knows(self, url: str) -> bool:
        """Whether a list named the article before."""
        return url in self._named or url in self._taken

    def to_ask(self) -> Iterator[Named]:
        """The articles not asked for yet, newest first, those without a time last; marks them."""
        waiting = [named for named in self._named.values() if not named.asked]
        self._waiting = 0
        for named in sorted(waiting, key=_newest_first):
            named.asked = True
            yield named

    def take(self, url: str) -> Named | None:
        """What lists said of an article whose page is here now; later cards make sightings."""
        self._taken.add(url)
        return self._named.pop(url, None)


def _newest_first(named: Named) -> float:
    at = named.card.published_at
    return -at.timestamp() if at else 0.0
