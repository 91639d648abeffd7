"""The shape of a language's vocabulary, and drawing texts from it.

A template is a format string such as ``{Org} [opened|closed] {thing} in {place}.``: each name in
braces is one draw from the pool of that name, with a capital when the name has one; of what stands
in square brackets one part is drawn.
"""

import random
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """All that is needed to write articles in one language. Every text is invented.

    pools: name in a template to the phrases that may stand there.
    things: for each of the eight sections, what its articles are about; `{thing}` in a template.
    recurring: headlines that come back on other days.
    tags: what editors add to the end of a headline.
    byline: format string for the authors' names; joiner: what stands between two names.
    """

    titles: tuple[str, ...]
    recurring: tuple[str, ...]
    tags: tuple[str, ...]
    sentences: tuple[str, ...]
    quotes: tuple[str, ...]
    headings: tuple[str, ...]
    one_liners: tuple[str, ...]
    captions: tuple[str, ...]
    link_sentence: str
    table_rows: tuple[str, ...]
    pools: dict[str, tuple[str, ...]]
    things: tuple[tuple[str, ...], ...]
    first_names: tuple[str, ...]
    surnames: tuple[str, ...]
    byline: str
    joiner: str


_CHOICE = re.compile(r"\[([^\[\]]+)\]")


class Draw:
    """Fills templates: `draw(template)` is a text, each of its names drawn anew."""

    def __init__(self, rng: random.Random, words: Words, section: int) -> None:
        self._rng = rng
        self._words = words
        self._section = section

    def __call__(self, template: str) -> str:
        chosen = _CHOICE.sub(lambda match: self._rng.choice(match[1].split("|")), template)
        return chosen.format_map(self)

    def __getitem__(self, name: str) -> str:
        phrase = self._phrase(name.lower())
        return phrase[0].upper() + phrase[1:] if name[0].isupper() else phrase

    def _phrase(self, name: str) -> str:
        if name == "number":
            # Numbers that go with the genitive plural in Russian: never ending in 1 to 4.
            return str(10 * self._rng.randrange(1, 48) + self._rng.choice((0, 5, 6, 7, 8, 9)))
        if name == "percent":
            return str(self._rng.choice((5, 6, 7, 8, 9)) + 10 * self._rng.randrange(9))
        if name == "person":
            return self.person()
        pool = self._words.things[self._section] if name == "thing" else self._words.pools[name]
        return self._rng.choice(pool)

    def person(self) -> str:
        """An invented name and surname."""
        return (
            f"{self._rng.choice(self._words.first_names)} {self._rng.choice(self._words.surnames)}"
        )
