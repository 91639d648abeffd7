"""Cards, of which every list is made."""

from functools import lru_cache
from html import escape
from typing import NamedTuple


class Card(NamedTuple):
    """What a card shows; addresses are absolute.

    `id` and `at` are None on a card an editor put there. at: epoch second by which lists are in
    order; no two cards have the same, and the time that an editor typed may be another one.
    """

    id: int | None
    at: int | None
    url: str
    title: str
    image: str
    section: str
    section_url: str
    time_text: str

    def as_data(self) -> dict[str, str | int | None]:
        """The card as an object from which a page's script builds it."""
        return {
            "id": self.id,
            "url": self.url,
            "title": self.title,
            "image": self.image,
            "section": self.section,
            "section_url": self.section_url,
            "time": self.time_text,
        }


TEMPLATE = (
    '<div class="float_block"{id}{at}>'
    '<a href="{url}"><div class="float_block_image_block">'
    '<div class="float_block_image" style="background-image:url({image})"></div></div></a>'
    '<a href="{url}"><h2 class="float_block_title">{title}</h2></a>'
    '<div class="float_block_bottom">'
    '<a href="{section_url}"><span class="float_block_category">{section}</span></a>'
    '<span class="float_block_time">{time}</span></div></div>'
)
"""One card. Empty, it is what a page's script fills when it gets cards as data."""

EMPTY_CARD = TEMPLATE.format(
    id=' data-id=""', at="", url="", image="", title="", section_url="", section="", time=""
)


@lru_cache(maxsize=4096)
def render_card(card: Card) -> str:
    return TEMPLATE.format(
        id="" if card.id is None else f' data-id="{card.id}"',
        at="" if card.at is None else f' data-at="{card.at}"',
        url=escape(card.url),
        image=card.image,
        title=escape(card.title, quote=False),
        section_url=escape(card.section_url),
        section=card.section,
        time=card.time_text,
    )
