"""Which boxes of a page of unknown layout announce other articles: cards, told by their links.

A link that is a line of its own and leads to another article is the heart of a card; the card is
the largest box round it that announces no further one and does not hold the page's headline. Cards
come in rows: a box is one only beside others, and only where one of the row shows more than its
link (a time, a summary, a picture), so that "read also" within a text stays a matter of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from caliber_crawler.pages.blocks import Block
from caliber_crawler.pages.html import Element, Page, href_of
from caliber_crawler.site import Site

_MOST_PART = 0.6  # of a line's letters are linked
_MOST_LINKS = 500
_MOST_INSIDE = 50  # elements of a line that are looked through for its link
_LEAST_IN_A_ROW = 2


def cards(
    blocks: Sequence[Block], heading: Element | None, page: Page, site: Site
) -> frozenset[Element]:
    """The cards of a page, whose headline is in `heading`."""
    links = dict(islice(_links(blocks, page, site), _MOST_LINKS))
    above: dict[Element, set[str]] = {}
    for link, url in links.items():
        for element in (link, *link.iterancestors()):
            above.setdefault(element, set()).add(url)
    taken = set() if heading is None else {heading, *heading.iterancestors()}
    rows: dict[Element, set[Element]] = {}
    for link in links:
        box = link
        while (outer := box.getparent()) is not None:
            if len(above[outer]) > 1 or outer in taken:
                rows.setdefault(outer, set()).add(box)
                break
            box = outer
    lines = _lines_in(blocks, {box for row in rows.values() for box in row})
    return frozenset(
        box
        for row in rows.values()
        if len(row) >= _LEAST_IN_A_ROW and any(_shows_more(box, lines[box]) for box in row)
        for box in row
    )


def _links(blocks: Iterable[Block], page: Page, site: Site) -> Iterator[tuple[Element, str]]:
    """Links that are lines of their own, with the other articles to which they lead."""
    own = site.canonical(page.url)
    for block in blocks:
        if block.linked <= _MOST_PART:
            continue
        near = (
            block.element,
            *block.element.iterancestors(),
            *islice(block.element.iter("a"), _MOST_INSIDE),
        )
        link = next((element for element in near if element.tag == "a"), None)
        address = site.address(href_of(link), page.base) if link is not None else None
        if link is not None and address and address.kind == "article" and address.url != own:
            yield link, address.url


def _lines_in(blocks: Iterable[Block], boxes: set[Element]) -> dict[Element, list[Block]]:
    lines: dict[Element, list[Block]] = {box: [] for box in boxes}
    for block in blocks:
        for element in (block.element, *block.element.iterancestors()):
            if element in lines:
                lines[element].append(block)
                break
    return lines


def _shows_more(box: Element, lines: Sequence[Block]) -> bool:
    if len(lines) > 1 or any(line.linked < 1 for line in lines):
        return True
    inside = islice(box.iter(), _MOST_INSIDE)
    return any(element.tag == "img" or "url(" in (element.get("style") or "") for element in inside)
