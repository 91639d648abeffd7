"""Answers to lists that ask for more cards; `demo_site.lists` describes the protocols."""

import json
from collections.abc import Callable

from demo_site.cards import render_card
from demo_site.catalogue import Catalogue
from demo_site.knobs import Knobs
from demo_site.lists import Listing, make_token, next_address, read_token, sign
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
            "/ajax/list/before": self._by_last_time,
            "/ajax/list/cursor": self._by_cursor,
            "/ajax/list/objects": self._by_json_post,
            "/ajax/list/signed": self._by_signed_page,
        }

    def answer(self, request: Request) -> Answer:
        """The next cards; 404 to a request that makes no sense."""
        try:
            if request.path.startswith("/ajax/list/next/"):
                return self._by_next(request)
            return self._protocols[request.path](request)
        except (AttributeError, KeyError, TypeError, ValueError):
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
        return json_answer(self._objects(listing, offset, self._batch, request.base))

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

    def _by_last_time(self, request: Request) -> Answer:
        listing = Listing.from_parameters(request.query)
        offset = self._catalogue.offset_before(listing, _natural(request.query["time"]))
        return text_answer(200, self._cards(listing, offset, request.base)[1])

    def _by_cursor(self, request: Request) -> Answer:
        listing, offset = read_token(request.query["cursor"])
        cards = [
            self._cards(listing, place, request.base, 1)[1]
            for place in range(offset, min(offset + self._batch, self._catalogue.size(listing)))
        ]
        after = offset + len(cards)
        more = self._catalogue.size(listing) > after
        cursor = make_token(listing, after) if more else None
        return json_answer({"data": {"cards": cards, "cursor": cursor}})

    def _by_json_post(self, request: Request) -> Answer:
        if request.method != "POST":
            return text_answer(405, "")
        asked = json.loads(request.body)
        listing = Listing.from_parameters({name: str(v) for name, v in asked["list"].items()})
        after, size = asked["after"], asked["size"]
        if type(after) is not int or type(size) is not int or not 1 <= size <= self._batch:
            return text_answer(400, "")  # a number as text is none
        offset = self._catalogue.offset_after(listing, after)
        items = self._objects(listing, offset, size, request.base)
        more = self._catalogue.size(listing) > offset + len(items)
        return json_answer({"data": {"items": items, "more": more}})

    def _by_signed_page(self, request: Request) -> Answer:
        listing = Listing.from_parameters(request.query)
        page = _natural(request.query["page"], least=1)
        if request.query["sign"] != str(sign(listing, page)):
            return text_answer(403, "")
        return text_answer(200, self._cards(listing, (page - 1) * self._batch, request.base)[1])

    def _objects(
        self, listing: Listing, offset: int, size: int, base: str
    ) -> list[dict[str, str | int | None]]:
        """The `size` cards after the first `offset` ones, as data."""
        indexes = self._catalogue.batch(listing, offset, size)
        return [self._catalogue.card(listing.language, i, base).as_data() for i in indexes]

    def _cards(
        self, listing: Listing, offset: int, base: str, size: int | None = None
    ) -> tuple[int, str]:
        """How many cards follow the first `offset` ones, `size` or a batch at most; their HTML."""
        indexes = self._catalogue.batch(listing, offset, size)
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
