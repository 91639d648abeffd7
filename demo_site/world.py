"""The world of the stand-in site: every article, computed when it is asked for.

Nothing is kept but small caches, so a world of 100,000 stories takes no more room than one of ten.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from demo_site.compose import Composed, compose
from demo_site.config import SiteConfig
from demo_site.editions import Edition, editions
from demo_site.plan import Plan
from demo_site.slugs import make_slug, slug_index
from demo_site.words import Draw

ZONE = ZoneInfo("Asia/Baku")
NEWEST = datetime(2026, 6, 25, 17, 24, tzinfo=ZONE)
PER_DAY = 55

_PLAN_EDITIONS = ("en", "ru")  # in the order `Plan` numbers them; any other language is the third


@dataclass(frozen=True)
class Truth:
    """What a correct crawler records of one article.

    language: as in the address. path: of the address, without host.
    description: the page's meta description, None when it has none.
    sections: (slug, name) of each; the first is the one named on the page and on cards.
    published: minute precision, in Asia/Baku; time_text: the same as printed.
    paragraphs: text as a reader sees it, one entry a block (paragraph, heading, list item, table
        row with its cells joined by a space, paragraph of a quote or of an embedded post), a single
        line break inside one being a newline; no byline, signature or caption.
    images: (path, `cover` or `body`, caption or None); a hot-linked one has its full address.
    embeds: (`youtube`, `telegram`, `x`, `instagram`, `facebook`, `iframe` or `video`, address).
    links: (path or full address, text) of the links in the body.
    initial_views: the count that the first visit sees.
    alternates: language to path of the other editions that have the story.
    """

    language: str
    slug: str
    path: str
    title: str
    description: str | None
    sections: list[tuple[str, str]]
    published: datetime
    time_text: str
    paragraphs: list[str]
    authors: list[str]
    images: list[tuple[str, str, str | None]]
    embeds: list[tuple[str, str]]
    links: list[tuple[str, str]]
    initial_views: int
    alternates: dict[str, str]


class Head(NamedTuple):
    """What lists show of an article, and what is cheap to compute.

    section: number of its first section, 0 to 7. cover: the picture's file name.
    """

    slug: str
    title: str
    section: int
    published: datetime
    cover: str


@dataclass(frozen=True)
class Page:
    """An article with what its page shows beside the truth.

    head_title: what `<title>` and `og:title` say, which may be an earlier headline.
    byline: last paragraph of the body, None when nobody signed.
    edit_link: an editor's link was left inside the box of the time.
    """

    truth: Truth
    body_html: str
    byline: str | None
    head_title: str
    edit_link: bool


class World:
    """All articles of a site, the same for the same configuration.

    An article is named by its language (`en`, `ru`, or the prefix of the third edition) and its
    index in that edition, 0 the newest. An unknown language is a `KeyError`, an index past the end
    an `IndexError`.
    """

    def __init__(self, config: SiteConfig) -> None:
        self.editions: dict[str, Edition] = editions(config)
        self._seed = config.seed
        self._plan = Plan(config.seed, config.articles, config.reposts)
        # Caches per instance, so that a world that is let go takes them along.
        # So many heads that a list of 5,000 walked again costs no more than sending it.
        self.head: Callable[[str, int], Head] = lru_cache(maxsize=16_384)(self._head)
        self.page: Callable[[str, int], Page] = lru_cache(maxsize=256)(self._page)

    def count(self, language: str) -> int:
        """How many articles the edition has."""
        return self._plan.size(self._number(language))

    def article(self, language: str, index: int) -> Truth:
        return self.page(language, index).truth

    def find(self, language: str, slug: str) -> Truth | None:
        """The article with this slug, None when there is none."""
        index = self.index(language, slug)
        return None if index is None else self.article(language, index)

    def index(self, language: str, slug: str) -> int | None:
        """Index of the article with this slug, None when there is none."""
        index = slug_index(slug, self._shift(language))
        if index is None or index >= self.count(language):
            return None
        return index if self.head(language, index).slug == slug else None

    def in_section(self, language: str, section: str) -> Iterator[Truth]:
        """The articles of a section, newest first, each computed when it is its turn."""
        for place in range(self.section_size(language, section)):
            yield self.article(language, self.nth(language, section, place))

    def section_size(self, language: str, section: str | None) -> int:
        """Articles in a section; in the whole edition when `section` is None."""
        return self._plan.size(self._number(language), self._section(language, section))

    def nth(self, language: str, section: str | None, place: int) -> int:
        """Index of the article at a place of a section's list (of the edition's for None)."""
        number = self._number(language)
        story = self._plan.nth(number, self._section(language, section), place)
        return self._plan.rank(number, None, story)

    def rank(self, language: str, section: str | None, index: int) -> int | None:
        """Place of the article with this index in a section's list, None when it is not in it."""
        number, wanted = self._number(language), self._section(language, section)
        story = self._plan.nth(number, None, index)
        if wanted is not None and wanted not in self._plan.sections(story):
            return None
        return self._plan.rank(number, wanted, story)

    def _number(self, language: str) -> int:
        self.editions[language]  # an unknown language is a KeyError
        return _PLAN_EDITIONS.index(language) if language in _PLAN_EDITIONS else 2

    def _shift(self, language: str) -> int:
        return 30_011 * self._number(language)

    def _section(self, language: str, slug: str | None) -> int | None:
        if slug is None:
            return None
        slugs = [known for known, _ in self.editions[language].sections]
        if slug not in slugs:
            raise KeyError(f"the edition {language} has no section {slug}")
        return slugs.index(slug)

    def _source(self, story: int) -> int:
        """The story whose text `story` shows: itself, or the next one when it is a copy of it."""
        return story + 1 if self._plan.is_copy(story) else story

    def _rng(self, language: str, story: int, part: str) -> random.Random:
        return random.Random(f"{self._seed}/{language}/{story}/{part}")

    def _minutes(self, rng: random.Random, story: int) -> int:
        """Age of a story in minutes before the newest one."""
        age = story * 24 * 60 // PER_DAY + rng.randrange(12)
        if rng.random() < 0.06:
            age += rng.randrange(-40, 41)
        return max(1, age) if story else 0

    def _head(self, language: str, index: int) -> Head:
        story = self._plan.nth(self._number(language), None, index)
        source = self._source(story)
        rng = self._rng(language, source, "head")
        words = self.editions[language].words
        sections = self._plan.sections(source)
        age = self._minutes(rng, source) - (source - story)
        draw = Draw(rng, words, sections[0])
        if _recurs(source):
            title = words.recurring[source // 41 % len(words.recurring)]
        else:
            title = draw(rng.choice(words.titles))
            if rng.random() < 0.08:
                title = f"{title} {rng.choice(words.tags)}"
        return Head(
            slug=make_slug(title, index, self._shift(language)),
            title=title,
            section=sections[0],
            published=NEWEST - timedelta(minutes=age),
            cover=f"{rng.getrandbits(128):032x}.webp",
        )

    def _alternates(self, language: str, story: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for other, edition in self.editions.items():
            number = self._number(other)
            if other != language and self._plan.has(number, story):
                head = self.head(other, self._plan.rank(number, None, story))
                found[other] = edition.post_path(head.slug)
        return found

    def _page(self, language: str, index: int) -> Page:
        edition = self.editions[language]
        story = self._plan.nth(self._number(language), None, index)
        source = self._source(story)
        sections = self._plan.sections(source)
        rng = self._rng(language, source, "page")
        head = self.head(language, index)
        composed = compose(
            rng, edition.words, sections[0], self._related(language, source), _recurs(source)
        )
        body = composed.body
        truth = Truth(
            language=language,
            slug=head.slug,
            path=edition.post_path(head.slug),
            title=head.title,
            description=_description(rng, composed),
            sections=[edition.sections[number] for number in sections],
            published=head.published,
            time_text=edition.print_time(head.published),
            paragraphs=body.paragraphs,
            authors=composed.authors,
            images=[(f"/media/photos/original/{head.cover}", "cover", None), *body.images],
            embeds=body.embeds,
            links=body.links,
            initial_views=rng.randrange(20, 900),
            alternates=self._alternates(language, story),
        )
        return Page(
            truth=truth,
            body_html="\n".join(body.html),
            byline=composed.byline,
            head_title=self._head_title(rng, edition, head),
            edit_link=rng.random() < 0.007,
        )

    def _related(self, language: str, source: int) -> tuple[str, str]:
        """Address and headline of an older article, or of the newest at the end of the world."""
        index = self._plan.rank(self._number(language), None, source) + 3
        head = self.head(language, index if index < self.count(language) else 0)
        return self.editions[language].post_path(head.slug), head.title

    def _head_title(self, rng: random.Random, edition: Edition, head: Head) -> str:
        roll = rng.random()
        if roll < 0.08:
            return Draw(rng, edition.words, head.section)(rng.choice(edition.words.titles))
        return f"{head.title} - Caliber.Az" if roll < 0.3 else head.title


def _recurs(story: int) -> bool:
    """Whether the story has one of the headlines that come back on other days."""
    return story % 41 == 7


def _description(rng: random.Random, composed: Composed) -> str | None:
    if rng.random() < 0.15 or not composed.body.paragraphs:
        return None
    first = " ".join(composed.body.paragraphs[0].split())
    return first if len(first) <= 150 else f"{first[:150].rsplit(' ', 1)[0]}…"
