"""Texts for measuring how well repetitions are told from what only looks alike. Data only.

* `varied_texts`: stories that have nothing to do with one another. Sentences are built word by word
  from a grammar, with invented names and figures, so hardly any three words in a row come twice.
* `changed`: such a text after small changes.
* `recurring_texts`: what comes again every day in the same frame with other figures and a few other
  words: exchange rates, weather, oil prices, borders, flights. No two of them are the same story.
* `pairs`: so many pairs of different texts.

Everything is invented and follows from the seed; nothing here reads a clock or a file.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from benchmarks.duplicates_words import ENGLISH, RUSSIAN, Grammar

_FIRST_DAY = date(2026, 1, 1)
_MEDIAN_WORDS, _SPREAD = 100, 0.85
_FEWEST, _MOST = 10, 600


@dataclass(frozen=True)
class Text:
    """A story. body: paragraphs separated by one blank line. language: `en` or `ru`."""

    language: str
    title: str
    body: str


def varied_texts(number: int = 2_000, seed: int = 1) -> list[Text]:
    """Unrelated stories, English and Russian by turns, of 10 to 600 words (median about 100)."""
    rng = random.Random(f"varied/{seed}")
    texts = []
    for i in range(number):
        language, grammar = (("en", ENGLISH), ("ru", RUSSIAN))[i % 2]
        words = round(math.exp(rng.gauss(math.log(_MEDIAN_WORDS), _SPREAD)))
        body = _body(grammar, min(_MOST, max(_FEWEST, words)), rng)
        texts.append(Text(language, grammar.headline(rng), body))
    return texts


def changed(text: str, share: float, rng: random.Random) -> str:
    """The text with this share of its words, at least one, changed.

    Each change replaces a word, puts one in, or takes one away, with equal chance; new words are of
    the language of the text, and lines stay, and none is emptied. Raises `ValueError` for a text
    without words.
    """
    lines = [line.split() for line in text.split("\n")]
    places = [(i, j) for i, line in enumerate(lines) for j in range(len(line))]
    if not places:
        raise ValueError("a text without words cannot be changed")
    grammar = RUSSIAN if re.search("[а-яё]", text.lower()) else ENGLISH
    for i, j in rng.sample(places, max(1, round(share * len(places)))):
        line, word = lines[i], grammar.word(rng, other_than=lines[i][j])
        kept = sum(map(bool, line))
        match rng.randrange(3 if kept > 1 else 2):
            case 0:
                line[j] = word
            case 1:
                line[j] += f" {word}"
            case _:
                line[j] = ""
    return "\n".join(" ".join(filter(None, line)) for line in lines)


def recurring_texts(days: int = 150, seed: int = 1) -> dict[str, list[Text]]:
    """Kind to its texts, one for each of so many days in a row."""
    return {
        kind: [write(_FIRST_DAY + timedelta(days=i), rng) for i in range(days)]
        for kind, write in _KINDS.items()
        for rng in (random.Random(f"{kind}/{seed}"),)
    }


def pairs(
    texts: Sequence[Text], number: int, rng: random.Random, *, same_language: bool = True
) -> Iterator[tuple[Text, Text]]:
    """So many random pairs of two different texts; with `same_language` both of one language.

    A pair may come more than once.
    """
    by_language = {t.language: [o for o in texts if o.language == t.language] for t in texts}
    for _ in range(number):
        first = rng.choice(texts)
        others = by_language[first.language] if same_language else texts
        while (second := rng.choice(others)) is first:
            pass
        yield first, second


def _body(grammar: Grammar, words: int, rng: random.Random) -> str:
    """Sentences of so many words together, in paragraphs of one to four."""
    paragraphs: list[list[str]] = [[]]
    left, size = words, rng.randrange(1, 5)
    while left > 0:
        sentence = grammar.sentence(rng).split()
        sentence = sentence if len(sentence) <= left + 3 else sentence[:left]
        if len(paragraphs[-1]) == size:
            paragraphs.append([])
            size = rng.randrange(1, 5)
        paragraphs[-1].append(" ".join(sentence).rstrip(".,") + ".")
        left -= len(sentence)
    return "\n\n".join(" ".join(sentences) for sentences in paragraphs)


# What comes again


def _figure(rng: random.Random, middle: float, spread: float, digits: int) -> str:
    return f"{rng.uniform(middle - spread, middle + spread):.{digits}f}"


def _span(rng: random.Random, least: int, middle: int, most: int) -> str:
    return f"{rng.randrange(least, middle)} to {rng.randrange(middle, most)}"


def _rates(day: date, rng: random.Random) -> Text:
    rows = "\n\n".join(
        f"1 {name} - {_figure(rng, middle, middle / 50, 4)} {rng.choice(('manat', 'manats'))}"
        for name, middle in (
            ("euro", 1.94), ("pound sterling", 2.28), ("Swiss franc", 2.05), ("lira", 0.04),
            ("lari", 0.62), ("tenge", 0.0033), ("yuan", 0.24), ("Japanese yen", 0.0113),
        )
    )  # fmt: skip
    lead = rng.choice((
        "The House of Coins has announced the official rate of the manat to foreign currencies",
        "The official rates of foreign currencies to the manat have been set by the House of Coins",
    ))  # fmt: skip
    body = f"{lead} for {day:%d %B}.\n\nThe rate of the US dollar stays at 1.7000 manats.\n\n{rows}"
    return Text("en", rng.choice(("Manat rate announced", f"Manat rate for {day:%d %B}")), body)


def _kurs(day: date, rng: random.Random) -> Text:
    rows = ", ".join(
        f"{name} {rng.choice(('подорожал', 'подешевел'))} до {_figure(rng, middle, middle / 50, 4)}"
        for name, middle in (
            ("евро", 1.94), ("фунт стерлингов", 2.28), ("швейцарский франк", 2.05), ("юань", 0.24),
        )
    )  # fmt: skip
    body = (
        f"Дом монет объявил официальный курс маната на {day:%d.%m.%Y}. Курс доллара не изменился и "
        f"составляет 1,7000 маната, {rows} маната. За грамм золота дают "
        f"{_figure(rng, 180, 15, 2)} маната, за грамм серебра {_figure(rng, 2.2, 0.4, 2)} маната."
    )
    return Text("ru", "Объявлен курс маната", body)


def _weather(day: date, rng: random.Random) -> Text:
    sky = rng.choice(("mostly dry", "changeably cloudy", "foggy in places", "windy", "rainy"))
    body = (
        f"The weather in Baku and on the peninsula will be {sky} on {day:%A}, {day:%d %B}. "
        f"{rng.choice(('A northern', 'A southern', 'An eastern', 'A western'))} wind will blow "
        f"at times. The temperature will be {_span(rng, 5, 15, 20)} "
        f"degrees at night and {_span(rng, 20, 27, 38)} degrees by day.\n\n"
        f"Atmospheric pressure will be {rng.randrange(745, 775)} millimetres, relative humidity "
        f"{_span(rng, 40, 60, 95)} per cent.\n\nIn the regions "
        f"{rng.choice(('rain', 'hail', 'sunshine', 'fog', 'thunder'))} is expected, with winds of "
        f"{_span(rng, 5, 12, 25)} metres a second in some places. It will "
        f"be {_span(rng, 3, 12, 22)} degrees in the mountains."
    )
    return Text("en", "Weather for tomorrow", body)


def _pogoda(day: date, rng: random.Random) -> Text:
    sky = rng.choice(("без осадков", "дождливая", "переменно облачная", "ветреная", "туманная"))
    wind = rng.choice(("северный", "южный", "западный", "северо-восточный", "умеренный восточный"))
    body = (
        f"Погода в Баку {day:%d.%m.%Y} ожидается {sky}, будет дуть {wind} ветер. Температура "
        f"воздуха ночью составит {rng.randrange(3, 12)}-{rng.randrange(12, 19)} градусов тепла, "
        f"днём {rng.randrange(19, 26)}-{rng.randrange(26, 38)} градусов. Атмосферное давление "
        f"{rng.randrange(745, 775)} миллиметров, влажность {rng.randrange(40, 95)} процентов.\n\n"
        f"В районах местами {rng.choice(('дождь', 'град', 'туман', 'гроза', 'снег'))}, ветер до "
        f"{rng.randrange(12, 28)} метров в секунду, в горах {rng.randrange(1, 9)} градусов мороза."
    )
    return Text("ru", "Погода на завтра", body)


def _oil(day: date, rng: random.Random) -> Text:
    way = rng.choice(("fell", "rose", "slipped", "climbed", "went down", "went up"))
    brent, light = _figure(rng, 74, 9, 2), _figure(rng, 76, 9, 2)
    body = (
        f"The price of a barrel of Caspian Light oil {way} by {_figure(rng, 1.1, 1, 2)} dollars, "
        f"or {_figure(rng, 1.4, 1.2, 1)} per cent, to {light} dollars on {day:%d %B}. Futures for "
        f"delivery in {day + timedelta(days=60):%B} closed at {brent} dollars, those of the "
        f"western mark at {_figure(rng, 70, 9, 2)} dollars."
    )
    titles = ("Oil price falls", "Oil price rises", f"Caspian Light costs {light} dollars")
    return Text("en", rng.choice(titles), body)


def _border(day: date, rng: random.Random) -> Text:
    posts = rng.sample(("Red Bridge", "Old Mill", "Salt Lake", "Cherry Pass", "North Quay"), 3)
    rows = " ".join(
        f"At {post} {rng.randrange(20, 400)} lorries and {rng.randrange(40, 900)} cars were "
        f"cleared, {rng.randrange(5, 90)} lorries wait."
        for post in posts
    )
    body = (
        f"The State Border Desk has told how many vehicles crossed the border on {day:%d %B}. "
        f"{rows} The longest wait was {rng.randrange(2, 30)} hours. Drivers are asked to have "
        "their papers at hand and to book a time of passage beforehand."
    )
    return Text("en", f"Border crossings on {day:%d %B}", body)


def _flights(day: date, rng: random.Random) -> Text:
    towns = (
        "Aktau Ankara Astana Batumi Izmir Tashkent Tbilisi Warsaw Vienna Prague Riga Doha".split()
    )
    rows = "\n\n".join(
        f"{town}: departs {rng.randrange(24):02}:{rng.randrange(0, 60, 5):02}, arrives "
        f"{rng.randrange(24):02}:{rng.randrange(0, 60, 5):02}, gate {rng.randrange(1, 40)}"
        for town in sorted(rng.sample(towns, 8))
    )
    body = (
        f"The Night Train Company's airline flies to these towns on {day:%A}, {day:%d %B}."
        f"\n\n{rows}\n\nPassengers should be at the airport two hours before departure."
    )
    return Text("en", rng.choice(("Flights of the day", "Today's flights")), body)


_KINDS: dict[str, Callable[[date, random.Random], Text]] = {
    "exchange rates": _rates,
    "exchange rates, Russian": _kurs,
    "weather": _weather,
    "weather, Russian": _pogoda,
    "oil price": _oil,
    "border": _border,
    "flights": _flights,
}
