"""Answers to lists that ask for more cards; `demo_site.lists` describes the protocols."""

from collections.abc import Callable

from demo_site.cards import render_card
from demo_site.catalogue import Catalogue
from demo_site.knobs import Knobs
from demo_site.lists import Listing, make_token, next_address, read_token
from demo_site.messages import Answer, Request, json_answer, text_answer
from demo_site.render import rename_classes


class MoreCards:
    """All protocols at once: which one a page uses is the page's affair.

    batch: cards in a batch, which is how a page number becomes an offset.
    """

    def __init__(self, catalogue: Catalogue, knobs: Knobs, batch: int) -> None:
        self._catalogue = catalogue
        self._knobs = knobs
        self._batch = batch
        self._protocols: dict[str, Callable[[Request], Answer]] = {
            "/ajax/list": self._by_page,
            "/ajax/list/offset": self._by_offset,
            "/ajax/list/after": self._by_last_id,
            "/ajax/list/token": self._by_token,
        }

    def answer(self, request: Request) -> Answer:
        """The next cards; 404 to a request that makes no sense."""
        try:
            if request.path.startswith("/ajax/list/next/"):
                return self._by_next(request)
            return self._protocols[request.path](request)
        except (KeyError, ValueError):
            return text_answer(404, "")

    def _by_page(self, request: Request) -> Answer:
        listing = Listing.from_parameters(request.query)
        offset = (_natural(request.query["page"], least=1) - 1) * self._batch
        return text_answer(200, self._cards(listing, offset, request.base)[1])

    def _by_offset(self, request: Request) -> Answer:
        listing = Listing.from_parameters(request.query)
        count, html = self._cards(listing, _natural(request.query["offset"]), request.base)
        return json_answer({"html": html, "count": count})

    def _by_last_id(self, request: Request) -> Answer:
        if request.method != "POST":
            return text_answer(405, "")
        listing = Listing.from_parameters(request.form)
        offset = self._catalogue.offset_after(listing, _natural(request.form["last_id"]))
        indexes = self._catalogue.batch(listing, offset)
        cards = (self._catalogue.card(listing.language, i, request.base) for i in indexes)
        return json_answer([card.as_data() for card in cards])

    def _by_next(self, request: Request) -> Answer:
        listing = Listing.from_parameters(request.query)
        offset = _natural(request.path.rpartition("/")[2])
        html, after = self._cards_and_rest(listing, offset, request.base)
        address = None if after is None else next_address(listing, after)
        return json_answer({"html": html, "next": address})

    def _by_token(self, request: Request) -> Answer:
        listing, offset = read_token(request.query["token"])
        html, after = self._cards_and_rest(listing, offset, request.base)
        return json_answer({"html": html, "token": after and make_token(listing, after)})

    def _cards(self, listing: Listing, offset: int, base: str) -> tuple[int, str]:
        """How many cards follow the first `offset` ones in one batch, and their HTML."""
        indexes = self._catalogue.batch(listing, offset)
        cards = (self._catalogue.card(listing.language, index, base) for index in indexes)
        html = "".join(map(render_card, cards))
        return len(indexes), rename_classes(html) if self._knobs.layout == "renamed" else html

    def _cards_and_rest(self, listing: Listing, offset: int, base: str) -> tuple[str, int | None]:
        """HTML of a batch, and the offset of the cards after it, None at the end of the list."""
        count, html = self._cards(listing, offset, base)
        after = offset + count
        return html, after if self._catalogue.size(listing) > after else None


def _natural(text: str, least: int = 0) -> int:
    """The number in a parameter; `ValueError` for anything but a number from `least` on."""
    number = int(text)
    if number < least:
        raise ValueError(f"{number} is less than {least}")
    return number
