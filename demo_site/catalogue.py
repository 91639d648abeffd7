"""The world as it is served now: articles, lists and cards with the effect of the knobs."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from html import escape

from demo_site.blocks import ZOOM
from demo_site.cards import Card
from demo_site.config import SiteConfig
from demo_site.knobs import Edit, Knobs
from demo_site.lists import Listing
from demo_site.world import NEWEST, PER_DAY, Page, Truth, World

SEARCH_DEPTH = 2_000
"""A search looks at this many of the newest articles: enough for a stand-in, and quick."""

_NEWEST_AT = int(NEWEST.timestamp())
_SECONDS_APART = 24 * 3600 // PER_DAY


class Catalogue:
    """What stands where. Slugs are those of addresses as served; `made` slugs those of `World`."""

    def __init__(self, config: SiteConfig, world: World, knobs: Knobs) -> None:
        self._cards = config.cards
        self._world = world
        self._knobs = knobs
        # Caches per instance; the world behind them never changes.
        self._index_at: Callable[[Listing, int], int] = lru_cache(maxsize=4096)(self._compute_index)
        self._found: Callable[[str, str], tuple[int, ...]] = lru_cache(maxsize=64)(self._search)

    def index(self, language: str, slug: str) -> int | None:
        """Index of the article that is served under `slug`, None when there is none (any more)."""
        made = self._knobs.made_slug(slug)
        if made is None or self._is_removed(made):
            return None
        return self._world.index(language, made)

    def page(self, language: str, index: int) -> Page:
        """`World.page` with renamings and edits applied."""
        page = self._world.page(language, index)
        truth = page.truth
        made, slug = truth.slug, self._knobs.served_slug(truth.slug)
        if self._knobs.renamed or self._knobs.removed:
            path = self._world.editions[language].post_path(slug)
            alternates = self._alternates(truth)
            page = replace(page, truth=replace(truth, slug=slug, path=path, alternates=alternates))
        edit = self._edit(made)
        return page if edit is None else _edited(page, edit)

    def batch(self, listing: Listing, offset: int, count: int | None = None) -> list[int]:
        """Indexes of the `count` articles (default: a batch) after the first `offset` of a list.

        Removed articles are in no list and count for nothing. `KeyError` for an unknown list.
        """
        wanted = self._cards if count is None else count
        gaps = self._gaps(listing)
        place = offset
        for gap in gaps:
            place += gap <= place
        end = self._full_size(listing)
        indexes: list[int] = []
        while len(indexes) < wanted and place < end:
            if place not in gaps:
                indexes.append(self._index_at(listing, place))
            place += 1
        return indexes

    def size(self, listing: Listing) -> int:
        """How many articles the list has now."""
        return self._full_size(listing) - len(self._gaps(listing))

    def offset_after(self, listing: Listing, card_id: int) -> int:
        """How many articles of the list stand up to and with the card of this number.

        `KeyError` for a number that no article of the list has.
        """
        return self._offset_past(listing, 100_000 + self._world.count(listing.language) - card_id)

    def offset_before(self, listing: Listing, at: int) -> int:
        """The same for the card with this `at`; `KeyError` when no article of the list has it."""
        index, rest = divmod(_NEWEST_AT - at, _SECONDS_APART)
        if rest:
            raise KeyError(f"no card of {at}")
        return self._offset_past(listing, index)

    def card(self, language: str, index: int, base: str) -> Card:
        """The card of an article; its number is the higher the newer the article is."""
        head = self._world.head(language, index)
        edition = self._world.editions[language]
        slug, label = edition.sections[head.section]
        edit = self._edit(head.slug)
        return Card(
            id=100_000 + self._world.count(language) - index,
            at=_NEWEST_AT - index * _SECONDS_APART,
            url=base + edition.post_path(self._knobs.served_slug(head.slug)),
            title=edit.title if edit and edit.title else head.title,
            image=f"{base}/media/photos/normal/{head.cover}",
            section=label,
            section_url=base + edition.section_path(slug),
            time_text=edition.print_time(head.published),
        )

    def extra_cards(self, listing: Listing) -> list[Card]:
        """Cards that an editor put at the end of a section's first list; hrefs as written."""
        hrefs = self._knobs.extra_cards.get(listing.section or "", [])
        if not hrefs:
            return []
        edition = self._world.editions[listing.language]
        slug = listing.section or ""
        label = dict(edition.sections)[slug]
        time_text = edition.print_time(NEWEST)
        return [
            Card(None, None, href, label, ZOOM, label, edition.section_path(slug), time_text)
            for href in hrefs
        ]

    def _alternates(self, truth: Truth) -> dict[str, str]:
        """Where the story stands now in the other editions."""
        alternates: dict[str, str] = {}
        for language, path in truth.alternates.items():
            made = path.rpartition("/")[2]
            if not self._is_removed(made):
                slug = self._knobs.served_slug(made)
                alternates[language] = self._world.editions[language].post_path(slug)
        return alternates

    def _is_removed(self, made: str) -> bool:
        removed = self._knobs.removed
        return made in removed or self._knobs.served_slug(made) in removed

    def _edit(self, made: str) -> Edit | None:
        edited = self._knobs.edited
        return edited.get(self._knobs.served_slug(made)) or edited.get(made)

    def _gaps(self, listing: Listing) -> list[int]:
        """Places in the list that its removed articles would have, in order."""
        places = set()
        for slug in list(self._knobs.removed):
            index = self._world.index(listing.language, self._knobs.made_slug(slug) or slug)
            place = None if index is None else self._place(listing, index)
            if place is not None:
                places.add(place)
        return sorted(places)

    def _full_size(self, listing: Listing) -> int:
        if listing.words is not None:
            return len(self._found(listing.language, listing.words))
        return self._world.section_size(listing.language, listing.section)

    def _offset_past(self, listing: Listing, index: int) -> int:
        """How many articles of the list stand up to and with the one of this index."""
        known = 0 <= index < self._world.count(listing.language)
        place = self._place(listing, index) if known else None
        if place is None:
            raise KeyError(f"no article {index} in the list")
        return place + 1 - sum(gap <= place for gap in self._gaps(listing))

    def _compute_index(self, listing: Listing, place: int) -> int:
        if listing.words is not None:
            return self._found(listing.language, listing.words)[place]
        return self._world.nth(listing.language, listing.section, place)

    def _place(self, listing: Listing, index: int) -> int | None:
        """Place of an article in the list as it would be with nothing removed."""
        if listing.words is not None:
            found = self._found(listing.language, listing.words)
            return found.index(index) if index in found else None
        return self._world.rank(listing.language, listing.section, index)

    def _search(self, language: str, words: str) -> tuple[int, ...]:
        wanted = words.lower().split()
        depth = min(SEARCH_DEPTH, self._world.count(language))
        titles = ((i, self._world.head(language, i).title.lower()) for i in range(depth))
        return tuple(i for i, title in titles if all(word in title for word in wanted))


def _edited(page: Page, edit: Edit) -> Page:
    """The page after an edit. Its `<title>` keeps the earlier headline, as on the real site."""
    truth = page.truth
    body_html = page.body_html
    if edit.title is not None:
        truth = replace(truth, title=edit.title)
    if edit.paragraph is not None:
        truth = replace(truth, paragraphs=[*truth.paragraphs, edit.paragraph])
        body_html += f"\n<p>{escape(edit.paragraph, quote=False)}</p>"
    return replace(page, truth=truth, body_html=body_html)
