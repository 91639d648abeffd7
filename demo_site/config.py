"""What a stand-in site is built from: `SiteConfig`."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

ListProtocol = Literal[
    "page",
    "offset",
    "last_id",
    "last_time",
    "next",
    "token",
    "cursor",
    "json_post",
    "signed",
    "none",
]
"""How a list asks for more cards; `demo_site.lists` says what each one sends."""

LIST_PROTOCOLS: tuple[ListProtocol, ...] = get_args(ListProtocol)

ListTrigger = Literal["near", "above", "bottom"]
"""Where a reader has to be for a list to ask: less than 700 px above its end, 200 to 50 px above
it (and not further down), or at it."""

LIST_TRIGGERS: tuple[ListTrigger, ...] = get_args(ListTrigger)

ListHeed = Literal["each", "throttled", "observed"]
"""What a list's script looks at: each scroll event, the first one in 200 ms, or whether the line
below the list has come into view."""

LIST_HEEDS: tuple[ListHeed, ...] = get_args(ListHeed)

ARTICLES_MIN, ARTICLES_MAX = 10, 100_000


@dataclass(frozen=True)
class SiteConfig:
    """Everything that decides which bytes the site serves. Impossible values raise `ValueError`.

    articles: stories of the English edition (the others have a part of them).
    cards: cards in the first list of a page, and in each batch that follows.
    arm_prefix: first part of the addresses of the third edition, and so its name as a language.
    canonical, hreflang, json_ld: whether article pages carry these.
    list_box: lists stand in a box of 600 px with a scroll bar of its own, and the script looks at
        that box.
    reposts: how many of the articles are second copies, posted a minute after the first;
        at most four for every full twenty articles.
    port: 0 takes a free one.
    """

    articles: int = 200
    seed: int = 1
    cards: int = 20
    arm_prefix: str = "arm"
    canonical: bool = True
    hreflang: bool = True
    json_ld: bool = False
    list_protocol: ListProtocol = "page"
    list_trigger: ListTrigger = "near"
    list_heeds: ListHeed = "each"
    list_box: bool = False
    reposts: int = 0
    port: int = 0
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if not ARTICLES_MIN <= self.articles <= ARTICLES_MAX:
            raise ValueError(f"articles must be {ARTICLES_MIN} to {ARTICLES_MAX}")
        if not 1 <= self.cards <= 200:
            raise ValueError("cards must be 1 to 200")
        if self.list_protocol not in LIST_PROTOCOLS:
            raise ValueError(f"list_protocol must be one of {', '.join(LIST_PROTOCOLS)}")
        if self.list_trigger not in LIST_TRIGGERS:
            raise ValueError(f"list_trigger must be one of {', '.join(LIST_TRIGGERS)}")
        if self.list_heeds not in LIST_HEEDS:
            raise ValueError(f"list_heeds must be one of {', '.join(LIST_HEEDS)}")
        if not 0 <= self.reposts <= self.articles // 20 * 4:
            raise ValueError("reposts must be 0 to 4 for every full 20 articles")
        if not 0 <= self.port <= 65_535:
            raise ValueError("port must be 0 to 65535")
        if not re.fullmatch("[a-z]{2,3}", self.arm_prefix) or self.arm_prefix in (
            "en",
            "ru",
            "rss",
        ):
            raise ValueError("arm_prefix must be 2 or 3 small letters, and not en, ru or rss")
