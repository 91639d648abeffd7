"""Texts of the history's posted articles: news, templates that come back, and small rewordings."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from demo_site import SiteConfig, World

Text = tuple[str, ...]

_SWAPS = (
    "also barely central certain current daily eastern entire final formal further general "
    "joint later local main minor modern northern official open other partial public recent "
    "regional second separate single special sudden third urban usual western whole yearly"
).split()
_CURRENCIES = (
    "US dollar,euro,pound sterling,Turkish lira,Georgian lari,Swiss franc,Japanese yen,"
    "Kazakh tenge,Chinese yuan"
).split(",")
_SKIES = (
    "a clear sky,drizzle in the morning,short showers,fog before sunrise,thunder in the afternoon,"
    "broken clouds,hail in some villages,haze over the sea,a dry and dusty wind,steady rain"
).split(",")
_TOWNS = "Baku,Ganja,Sheki,Lankaran,Guba,Shusha,Mingachevir".split(",")
_WINDS = "northern,north-eastern,eastern,southern,western,changeable".split(",")


class Newsroom:
    """Headlines and paragraphs that no article of the site under test has, each given out once."""

    def __init__(self, seed: int) -> None:
        self._paragraphs = self._all_paragraphs(seed)
        self._headlines = self._all_headlines(seed)

    def headline(self) -> str:
        return next(self._headlines)

    def text(self, words: int) -> Text:
        """Paragraphs of at least so many words, hardly more."""
        found: list[str] = []
        while count(found) < words:
            found.append(next(self._paragraphs))
        return tuple(found)

    def _all_paragraphs(self, seed: int) -> Iterator[str]:
        world = World(SiteConfig(articles=5_000, seed=seed))
        for i in range(world.count("en")):
            yield from (p for p in world.article("en", i).paragraphs if len(p.split()) >= 9)

    def _all_headlines(self, seed: int) -> Iterator[str]:
        world = World(SiteConfig(articles=5_000, seed=seed + 1))
        known = set()
        for i in range(world.count("en")):
            title = world.article("en", i).title
            if title not in known and len(title.split()) > 4:
                known.add(title)
                yield title


def count(paragraphs: Sequence[str]) -> int:
    """Words of a text."""
    return sum(len(paragraph.split()) for paragraph in paragraphs)


def reworded(paragraphs: Sequence[str], share: float, rng: random.Random) -> Text:
    """The text with this share of its words, at least one, put in other words."""
    words = [re.split("( |\n)", paragraph) for paragraph in paragraphs]
    places = [(i, j) for i, parts in enumerate(words) for j in range(0, len(parts), 2)]
    for i, j in rng.sample(places, max(1, round(share * len(places)))):
        words[i][j] = rng.choice([swap for swap in _SWAPS if swap != words[i][j]])
    return tuple("".join(parts) for parts in words)


def rates(day: datetime, rng: random.Random) -> Text:
    """The day's exchange rates: the same frame every day, other figures."""
    rows = [
        f"{name[0].upper()}{name[1:]}: {rng.uniform(0.05, 2.4):.4f} manats, "
        f"{rng.choice(('up', 'down'))} {rng.uniform(0.01, 1.9):.2f} per cent"
        for name in _CURRENCIES
    ]
    return (
        f"The House of Coins has set its official rates for {day:%d %B %Y}.",
        *rows,
        (
            f"A barrel stood at {rng.uniform(60, 95):.2f} dollars, an ounce of gold at "
            f"{rng.uniform(1800, 2600):.1f}. Banks may use rates of their own; whoever changes "
            "money should compare them, and keep the receipt."
        ),
    )


def weather(day: datetime, rng: random.Random) -> Text:
    """The forecast for a day: the same frame every day, other figures and skies."""
    towns = [
        f"{town}: {rng.choice(_SKIES)}, {rng.randrange(9, 24)} to {rng.randrange(24, 41)} degrees, "
        f"{rng.choice(_WINDS)} wind of {rng.randrange(2, 21)} metres a second."
        for town in _TOWNS
    ]
    return (
        f"The forecast for {day:%A}, {day:%d %B}, promises {rng.choice(_SKIES)}.",
        *towns,
        (
            f"Humidity reaches {rng.randrange(35, 95)} per cent, pressure "
            f"{rng.randrange(745, 775)} millimetres; the sea has {rng.randrange(17, 28)} degrees. "
            "Drivers in the mountains are asked to mind the signs."
        ),
    )


def slug_of(title: str, mark: str) -> str:
    """An address for a headline, unique by its mark."""
    words = re.findall("[a-z0-9]+", title.lower())
    return "-".join([*words[:10], mark])
