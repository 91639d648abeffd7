"""Slugs: a headline in Latin letters, ended by three words that stand for the article's index.

The words are digits of a mixed-radix number, so that a slug leads back to its article without a
table of all slugs: `oil-price-falls-quiet-amber-falcon`.
"""

import re

_QUALITIES = (
    "brave bright broad calm clear clever close cold cool deep early eager even fair fast "
    "fine firm  fond free fresh gentle glad grand great high huge keen kind large late light "
    "live long lucky  merry mild modest near neat new noble proud quick quiet rare ready rich "
    "smart"
).split()
_MATTERS = (
    "amber apricot ash azure beige birch black blue brass bronze brown cedar cherry chestnut "
    "coral  cotton copper cream crimson denim ebony emerald fig garnet gold green grey hazel "
    "indigo ivory  jade lemon lilac linen maple marble mint oak olive opal pearl pine plum "
    "quartz red ruby silk  silver"
).split()
_BEINGS = (
    "badger bear bee bison boar crane crow deer dove dragon duck eagle elk falcon finch fox "
    "gazelle  goose hare hawk heron horse ibex jackal jay kestrel kite lark leopard lion "
    "lizard lynx magpie  marten mole mouse otter owl partridge pelican pike quail raven robin "
    "salmon seal stork swan"
).split()

CODES = len(_QUALITIES) * len(_MATTERS) * len(_BEINGS)
"""How many indexes can be written."""

# Multiplying by a number coprime to CODES spreads neighbours over all words; each edition adds its
# own shift, so that no two editions share a slug. (48³ has the prime factors 2 and 3 only.)
_SPREAD = 47_711
_SPREAD_INVERSE = pow(_SPREAD, -1, CODES)

_LATIN = str.maketrans(
    dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", (
        "a b v g d e e zh z i y k l m n o p r s t u f h ts ch sh sch _ y _ e yu ya".split()
    ), strict=True))
    | dict(zip("աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև", (
        "a b g d e z e y t zh i l kh ts k h dz gh ch m y n sh o ch p j r s v t r ts v p q o f ev"
        .split()
    ), strict=True))
    | {"'": ""}
)  # fmt: skip


def _code(index: int, shift: int) -> str:
    number = (index * _SPREAD + shift) % CODES
    number, being = divmod(number, len(_BEINGS))
    quality, matter = divmod(number, len(_MATTERS))
    return f"{_QUALITIES[quality]}-{_MATTERS[matter]}-{_BEINGS[being]}"


def make_slug(title: str, index: int, shift: int) -> str:
    """Address form of `title`, unique to `index` (0 to `CODES` - 1) among slugs of one `shift`."""
    latin = title.lower().replace("ու", "u").translate(_LATIN).replace("_", "")
    words = re.findall("[a-z0-9]+", latin)
    while sum(map(len, words)) + len(words) > 92:
        words.pop()
    return "-".join([*words, _code(index, shift)])


def slug_index(slug: str, shift: int) -> int | None:
    """The index in a slug made with this `shift`; None when its last words are no code."""
    words = slug.split("-")[-3:]
    try:
        quality, matter, being = (
            pool.index(word)
            for pool, word in zip((_QUALITIES, _MATTERS, _BEINGS), words, strict=True)
        )
    except ValueError:
        return None
    number = (quality * len(_MATTERS) + matter) * len(_BEINGS) + being
    return (number - shift) * _SPREAD_INVERSE % CODES
