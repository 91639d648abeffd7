"""The world as it is served now: articles, lists and cards with the effect of the knobs."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from demo_site.blocks import ZOOM
from demo_site.cards import Card
from demo_site.config import SiteConfig
from demo_site.edits import edited
from demo_site.knobs import Edit, Knobs, Post
from demo_site.lineup import Lineup
from demo_site.lists import Listing
from demo_site.posted import posted_head, posted_page
from demo_site.world import NEWEST, PER_DAY, Head, Page, Truth, World

SEARCH_DEPTH = 2_000
"""A search looks at this many of the newest articles: enough for a stand-in, and quick."""

_NEWEST_AT = int(NEWEST.timestamp())
_SECONDS_APART = 24 * 3600 // PER_DAY
_POSTED_IDS = 500_000  # numbers of cards; those of the world end well below


class Catalogue:
    """What stands where. Slugs are those of addresses as served; `made` slugs those of `World`.

    Articles of the world have its indexes; posted ones have negative numbers, -1 the first posted.
    """

    def __init__(self, config: SiteConfig, world: World, knobs: Knobs) -> None:
        self._cards = config.cards
        self._world = world
        self._knobs = knobs
        self._numbers: dict[str, int] = {}  # of posted articles by slug
        # Caches per instance; the world behind them never changes.
        self._index_at: Callable[[Listing, int], int] = lru_cache(maxsize=4096)(self._compute_index)
        self._found: Callable[[str, str], tuple[int, ...]] = lru_cache(maxsize=64)(self._search)

    def index(self, language: str, slug: str) -> int | None:
        """Index of the article that is served under `slug`, None when there is none (any more)."""
        made = self._knobs.made_slug(slug)
        return None if made is None or self._is_removed(made) else self._made(language, made)

    def old_index(self, language: str, slug: str) -> int | None:
        """Index of the article whose old text is still served under this old slug, or None."""
        if not self._knobs.keeps_old(slug) or self._is_removed(slug):
            return None
        return self._made(language, slug)

    def was_removed(self, language: str, slug: str) -> bool:
        """Whether an article was served under `slug` before it was removed."""
        made = self._knobs.made_slug(slug) or slug
        return self._is_removed(made) and self._made(language, made) is not None

    def page(self, language: str, index: int) -> Page:
        """The page of an article with renamings and edits applied."""
        page = self._made_page(language, index)
        truth = page.truth
        made, slug = truth.slug, self._knobs.served_slug(truth.slug)
        if self._knobs.renamed or self._knobs.removed:
            path = self._world.editions[language].post_path(slug)
            alternates = self._alternates(truth)
            page = replace(page, truth=replace(truth, slug=slug, path=path, alternates=alternates))
        edit = self._edit(made)
        return page if edit is None else edited(page, edit, self._world.editions[language])

    def old_page(self, language: str, index: int) -> Page:
        """The page that an article had before it was renamed."""
        page = self._made_page(language, index)
        edit = self._knobs.edited.get(page.truth.slug)
        return page if edit is None else edited(page, edit, self._world.editions[language])

    def batch(self, listing: Listing, offset: int, count: int | None = None) -> list[int]:
        """Indexes of the `count` articles (default: a batch) after the first `offset` of a list.

        Removed articles are in no list and count for nothing. `KeyError` for an unknown list.
        """
        wanted = self._cards if count is None else count
        entries = self._lineup(listing).entries(offset, wanted)
        return [self._index_at(listing, entry) if entry >= 0 else entry for entry in entries]

    def size(self, listing: Listing) -> int:
        """How many articles the list has now."""
        return self._lineup(listing).size

    def offset_after(self, listing: Listing, card_id: int) -> int:
        """How many articles of the list stand up to and with the card of this number.

        `KeyError` for a number that no article of the list has.
        """
        if card_id > _POSTED_IDS:
            return self._lineup(listing).offset_past(_POSTED_IDS - card_id)
        return self._offset_past(listing, 100_000 + self._world.count(listing.language) - card_id)

    def offset_before(self, listing: Listing, at: int) -> int:
        """The same for the card with this `at`; `KeyError` when no article of the list has it."""
        for slug, post in list(self._knobs.posted.items()):
            if post.language == listing.language and self._posted_at(slug, post) == at:
                return self._lineup(listing).offset_past(self._number(slug))
        index, rest = divmod(_NEWEST_AT - at, _SECONDS_APART)
        if rest:
            raise KeyError(f"no card of {at}")
        return self._offset_past(listing, index)

    def card(self, language: str, index: int, base: str) -> Card:
        """The card of an article; its number is the higher the later the article was posted."""
        head = self._head(language, index)
        edition = self._world.editions[language]
        slug, label = edition.sections[head.section]
        edit = self._edit(head.slug) or Edit()
        if index < 0:
            number = _POSTED_IDS - index
            at = self._posted_at(head.slug, self._knobs.posted[head.slug])
        else:
            number = 100_000 + self._world.count(language) - index
            at = _NEWEST_AT - index * _SECONDS_APART
        return Card(
            id=number,
            at=at,
            url=base + edition.post_path(self._knobs.served_slug(head.slug)),
            title=edit.title or head.title,
            image=f"{base}/media/photos/normal/{head.cover}",
            section=label,
            section_url=base + edition.section_path(slug),
            time_text=edition.print_time(edit.published or head.published),
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

    def _made(self, language: str, made: str) -> int | None:
        """Index of the article that was made or posted with this slug."""
        post = self._knobs.posted.get(made)
        if post is None:
            return self._world.index(language, made)
        return self._number(made) if post.language == language else None

    def _number(self, posted: str) -> int:
        for slug in list(self._knobs.posted):
            self._numbers.setdefault(slug, -1 - len(self._numbers))
        return self._numbers[posted]

    def _posted(self, number: int) -> tuple[str, Post]:
        slug = next(slug for slug, known in list(self._numbers.items()) if known == number)
        return slug, self._knobs.posted[slug]

    def _head(self, language: str, index: int) -> Head:
        if index >= 0:
            return self._world.head(language, index)
        return posted_head(self._world.editions[language], *self._posted(index))

    def _made_page(self, language: str, index: int) -> Page:
        if index >= 0:
            return self._world.page(language, index)
        return posted_page(self._world.editions[language], *self._posted(index))

    def _posted_at(self, slug: str, post: Post) -> int:
        """The `at` of its card: an odd second of its minute, as those of the world are even."""
        return int(post.published.timestamp()) // 60 * 60 + 1 + 2 * (-self._number(slug) % 29)

    def _lineup(self, listing: Listing) -> Lineup:
        return Lineup(self._full_size(listing), self._gaps(listing), self._inserts(listing))

    def _inserts(self, listing: Listing) -> list[tuple[int, int]]:
        """Where posted articles stand in the list: before which place, and their numbers."""
        found: list[tuple[int, int, int]] = []
        for slug, post in list(self._knobs.posted.items()):
            if self._is_removed(slug) or not _belongs(listing, post):
                continue
            at, number = self._posted_at(slug, post), self._number(slug)
            newer = -(
                (at - _NEWEST_AT) // _SECONDS_APART
            )  # articles of the edition with later `at`
            places = range(self._full_size(listing))
            place = bisect_left(places, newer, key=lambda p: self._index_at(listing, p))
            found.append((place, -at, number))
        return [(place, number) for place, _, number in sorted(found)]

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
        """Articles of the world that are in the list, removed ones too."""
        if listing.words is not None:
            return len(self._found(listing.language, listing.words))
        return self._world.section_size(listing.language, listing.section)

    def _offset_past(self, listing: Listing, index: int) -> int:
        """How many articles of the list stand up to and with the one of the world's index."""
        known = 0 <= index < self._world.count(listing.language)
        place = self._place(listing, index) if known else None
        if place is None:
            raise KeyError(f"no article {index} in the list")
        return self._lineup(listing).offset_past(place)

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


def _belongs(listing: Listing, post: Post) -> bool:
    """Whether a posted article is in a list."""
    if post.language != listing.language:
        return False
    if listing.words is not None:
        return all(word in post.title.lower() for word in listing.words.lower().split())
    return listing.section is None or listing.section in post.sections
