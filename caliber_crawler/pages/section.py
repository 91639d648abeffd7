"""List pages (sections, home, search): bytes → cards, sections of the navigation, editions.

Known of the site: cards are ``.float_block``; a section's address is ``/category/<slug>`` under an
edition's prefix, perhaps with those of sections below it behind. How the navigation and the switch
are marked up is not known, so both are found by where links lead and what they are called, not by
their place on the page.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from caliber_crawler.dates import parse_on_card
from caliber_crawler.items import Card, SectionRef
from caliber_crawler.limits import CARD_ELEMENTS, LONGEST_LINE, MOST_CARDS
from caliber_crawler.pages import media
from caliber_crawler.pages.html import Element, Page, attribute, href_of, words
from caliber_crawler.site import ROOT_LANGUAGE, SECTION_PATH, Address, Site
from caliber_crawler.text import fold, line

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

LAYOUT = "float-block-2025"

CARD = "float_block"
CARD_TITLE = "float_block_title"
CARD_IMAGE = "float_block_image"
CARD_CATEGORY = "float_block_category"
CARD_TIME = "float_block_time"

# What the switch calls the editions. A label counts only on a link that leads to a home page or an
# article of another edition.
EDITION_LABELS = frozenset(
    "en eng english az aze ru rus рус русский arm am hy hye հայ հայերեն ka ge geo fa tr".split()
)
_LONGEST_LABEL = max(map(len, EDITION_LABELS))
_EDITION_NAMES = {
    "eng": "en",
    "english": "en",
    "aze": "az",
    "rus": "ru",
    "рус": "ru",
    "русский": "ru",
}
PLACE = "data-caliber-place"
"""Attribute round a card that a browser showed: the number of the place where it stood."""
LONGEST_ROW = 4
"""So many cards at most stand in one row of a grid; what holds more is a list by itself."""
# Rows of one list are told by the names of so many elements round them.
_ROUND_A_ROW = 6


@dataclass(frozen=True)
class SectionLink:
    """A section that the page names: its address as linked, canonical address, edition, labels."""

    href: str
    url: str
    language: str
    ref: SectionRef


@dataclass(frozen=True)
class Edition:
    """An entry of the edition switch: `label` in lower case, its absolute address and prefix."""

    label: str
    href: str
    address: Address

    @property
    def looks_like_another(self) -> bool:
        """Whether its addresses have no prefix, as ``/?lang=arm``, so that by them its articles are
        those of the edition at the root."""
        return self.address.language == ROOT_LANGUAGE and self.label != ROOT_LANGUAGE


@dataclass
class ListPage:
    """What a list page holds. `cards` are in page order, one for each address as written.

    An article that a list names under two addresses has two cards with one `url`, so that both
    addresses can be recorded.
    `broken_cards` counts cards without a usable article link, `unknown_times` those whose time text
    is not understood. `odd_sections` are addresses that may be sections and are not understood.
    """

    url: str
    language: str | None
    cards: list[Card] = field(default_factory=list)
    sections: list[SectionLink] = field(default_factory=list)
    editions: list[Edition] = field(default_factory=list)
    odd_sections: list[str] = field(default_factory=list)
    broken_cards: int = 0
    unknown_times: int = 0


def parse_list(page: Page, site: Site) -> ListPage:
    """Read a list page. Never fails: a page of another kind simply has no cards."""
    result = parse_cards(page, site)
    result.sections = section_links(page, site)
    result.editions = editions(page, site)
    result.odd_sections = odd_sections(page, site)
    return result


def parse_cards(page: Page, site: Site) -> ListPage:
    """Read the cards alone, as of a fragment that a list's script fetched."""
    address = site.address(page.url)
    result = ListPage(page.url, address.language if address else None)
    seen: dict[str, int] = {}  # address → which of the cards has it
    elements = page.with_class(CARD)[:MOST_CARDS]
    blocks = _blocks(elements)
    sizes = Counter(blocks)
    for element, block in zip(elements, blocks, strict=True):
        card = _card(element, page, site, block)
        if card is None:
            result.broken_cards += 1
            continue
        result.unknown_times += bool(card.time_text and not card.published_at)
        at = seen.setdefault(card.href, len(result.cards))
        if at == len(result.cards):
            result.cards.append(card)
        elif sizes[card.block] > sizes[result.cards[at].block]:
            # What is most read may stand above a list that has it, too.
            result.cards[at] = replace(result.cards[at], block=card.block)
    return result


def _blocks(elements: Sequence[Element]) -> list[int]:
    """For each card the number of the list in which it stands.

    Those that one element holds stand together. So do those of elements with few cards each that
    have the same names round them: the rows of a grid, or boxes round single cards.
    """
    parents = [element.getparent() for element in elements]
    held = Counter(parents)
    numbers: dict[Hashable, int] = {}
    for parent in parents:
        if parent is not None and (said := attribute(parent, PLACE)).isdecimal():
            numbers[parent] = int(said[:10])
            continue
        place: Hashable = parent if held[parent] > LONGEST_ROW else _names_round(parent)
        numbers.setdefault(parent, numbers.setdefault(place, len(numbers)))
    return [numbers[parent] for parent in parents]


def _names_round(row: Element | None) -> Hashable:
    """Tag and classes of an element and of some that it stands in."""
    around = [] if row is None else [row, *islice(row.iterancestors(), _ROUND_A_ROW - 1)]
    return tuple((str(one.tag), one.get("class")) for one in around)


def section_links(page: Page, site: Site) -> list[SectionLink]:
    """All sections that links of a page name, those in cards last, each once.

    A link's words give the name; a link without words (a picture) gives the slug until another
    link of the section has words. Addresses with a query are further pages of a section's list, or
    its views: one counts only where nothing else leads to the section.
    """
    in_cards = {
        link for card in page.with_class(CARD) for link in islice(card.iter("a"), CARD_ELEMENTS)
    }
    here = site.address(page.url)
    found: dict[tuple[str, str], SectionLink] = {}
    for link in sorted(page.links, key=in_cards.__contains__):
        href = attribute(link, "href")
        address = site.address(href, page.base) if SECTION_PATH in f"/{href}" else None
        if not address or address.kind != "section" or not address.slug or not address.language:
            continue
        key = address.language, address.slug
        known = found.get(key)
        if "?" in address.url:
            on_its_list = here and here.kind == "section" and key == (here.language, here.slug)
            if on_its_list or (known and known.url != address.url):
                continue
        name = words(link) or next(iter(_picture_names(link)), None)
        if (
            known is None
            or known.url != address.url
            or (name and known.ref["name"] == address.slug)
        ):
            ref: SectionRef = {"slug": address.slug, "name": name or address.slug}
            target = site.resolve(href, page.base) or address.url
            found[key] = SectionLink(target, address.url, address.language, ref)
    return list(found.values())


def odd_sections(page: Page, site: Site) -> list[str]:
    """Addresses that a page links, each once, where sections lie and that are none as far as is
    understood: of such lists nothing is taken, so they are to be told."""
    hrefs = (attribute(link, "href") for link in page.links)
    addresses = (site.address(href, page.base) for href in hrefs if SECTION_PATH in f"/{href}")
    return list(dict.fromkeys(a.url for a in addresses if a is not None and a.may_be_a_section))


def editions(page: Page, site: Site) -> list[Edition]:
    """The entries of the page's edition switch, the page's own edition left out."""
    here = site.address(page.url)
    own = site.beginnings(here.language) if here is not None and here.language else ()
    found: dict[str, Edition] = {}
    for link in page.links:
        # A page has a hundred links, most of them within its own edition.
        if attribute(link, "href").startswith(own):
            continue
        label = _edition_label(link)
        address = site.address(attribute(link, "href"), page.base) if label else None
        if label is None or address is None or address.kind == "other" or not address.language:
            continue
        if here is None or address.language != here.language:
            target = site.resolve(attribute(link, "href"), page.base) or address.url
            found.setdefault(label, Edition(label, target, address))
    return list(found.values())


def _edition_label(link: Element) -> str | None:
    """The edition's short name when a link's words are one, or what stands for words it lacks."""
    shown = (words(link) or "") if len(link) else line((link.text or "")[:LONGEST_LINE])
    if len(shown) > _LONGEST_LABEL:
        return None
    for name in [shown] if shown else (*_picture_names(link), *_codes(link)):
        label = fold(name)
        if label in EDITION_LABELS:
            return _EDITION_NAMES.get(label, label)
    return None


def _picture_names(link: Element) -> list[str]:
    """What a link without words is called: by itself, or by the picture or drawing in it."""
    named = (
        line(said)
        for element in islice(link.iter("a", "img", "svg", "title"), CARD_ELEMENTS)
        for said in (
            *(attribute(element, name) for name in ("title", "aria-label", "alt")),
            (element.text or "")[:LONGEST_LINE] if element.tag == "title" else "",
        )
    )
    return list(filter(None, named))


def _codes(link: Element) -> list[str]:
    """The language code of a link and the names of its pictures' files without ending."""
    files = (
        attribute(image, "src").rpartition("/")[2]
        for image in islice(link.iter("img"), CARD_ELEMENTS)
    )
    return [attribute(link, "hreflang"), *(name.partition(".")[0] for name in files)]


def _card(element: Element, page: Page, site: Site, block: int) -> Card | None:
    """One card of a block; None when no link in it leads to an article of the site."""
    base = page.base
    article: Address | None = None
    href = ""
    section: Address | None = None
    links: list[Element] = []  # to the article
    section_link: Element | None = None
    parts: dict[str, Element] = {}  # class name → the first element that carries it
    for inner in islice(element.iter("*"), CARD_ELEMENTS):
        for name in (inner.get("class") or "").split():
            parts.setdefault(name, inner)
        target = href_of(inner) if inner.tag == "a" else ""
        address = site.address(target, base) if target else None
        if address is None:
            continue
        if address.kind == "article":
            links.append(inner)
            if article is None:
                article, href = address, site.resolve(target, base) or ""
        elif address.kind == "section" and section is None:
            section, section_link = address, inner
    if article is None:
        return None
    time_text = words(parts.get(CARD_TIME))
    printed = parse_on_card(time_text, site.zone, page.at)
    return Card(
        url=article.url,
        href=href,
        title=words(parts.get(CARD_TITLE)) or next(filter(None, map(words, links)), None),
        section=_section(words(parts.get(CARD_CATEGORY)), section, section_link),
        time_text=time_text,
        published_at=printed.instant if printed else None,
        image=_image(parts.get(CARD_IMAGE), base, site),
        block=block,
    )


def _section(label: str | None, section: Address | None, link: Element | None) -> SectionRef | None:
    """What a card's label and its link to a section say of the section."""
    if section is None:
        return {"slug": None, "name": label} if label else None
    return {"slug": section.slug, "name": label or words(link) or section.slug or ""}


def _image(box: Element | None, base: str, site: Site) -> str | None:
    if box is None:
        return None

    def resolve(href: str) -> str | None:
        return site.resolve(href, base)

    return media.box_picture(box, resolve)
