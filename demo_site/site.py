"""What the site answers to a request. No sockets here: `demo_site.server` has those."""

from demo_site import render
from demo_site.cards import render_card
from demo_site.catalogue import Catalogue
from demo_site.config import SiteConfig
from demo_site.editions import Edition
from demo_site.knobs import Charset, Knobs
from demo_site.lists import Listing, list_attributes, script_variables
from demo_site.messages import Answer, Request, redirect_answer, text_answer
from demo_site.more import MoreCards
from demo_site.pictures import PNG, WEBP
from demo_site.scripts import list_growth
from demo_site.validators import Versions
from demo_site.world import Page, Truth, World

_FEED_LANGUAGE = "en"
_FEED_ITEMS = 30
_SEARCH_LETTERS = 3


class Site:
    """A world, the knobs that change how it is served, and the answers to requests."""

    def __init__(self, config: SiteConfig) -> None:
        self.world = World(config)
        self.knobs = Knobs(
            list_protocol=config.list_protocol,
            list_trigger=config.list_trigger,
            list_heeds=config.list_heeds,
            list_box=config.list_box,
        )
        self._config = config
        self._catalogue = Catalogue(config, self.world, self.knobs)
        self._visits: dict[tuple[str, int], int] = {}
        self._versions = Versions()
        self._more = MoreCards(self._catalogue, self.knobs, config.cards)

    def truth(self, language: str, slug: str) -> Truth:
        """What a correct crawler records of the article that is served under `slug` now.

        A renamed article is found under its former slug, too. `KeyError` for a slug that no article
        has or had, and for a removed article (`World.find` still knows that one).
        """
        index = self._catalogue.index(language, self.knobs.served_slug(slug))
        if index is None:
            raise KeyError(f"no article {slug} is served in {language}")
        return self._catalogue.page(language, index).truth

    def first_list(self, language: str, section: str) -> list[Truth]:
        """The articles on the first list of a section, in the order of its cards."""
        indexes = self._catalogue.batch(Listing(language, section), 0)
        return [self._catalogue.page(language, index).truth for index in indexes]

    def sections(self, language: str) -> list[tuple[str, str]]:
        """(slug, label) of the edition's sections, as its navigation names them."""
        return list(self.world.editions[language].sections)

    def answer(self, request: Request) -> Answer:
        """The response to a request; counts as a visit when that is to an article."""
        for path in request.paths:
            if path in self.knobs.raw:
                status, headers, body = self.knobs.raw[path]
                return Answer(status, body, headers)
            if path in self.knobs.redirect:
                return redirect_answer(302, self.knobs.redirect[path])
            forced = self.knobs.take_status(path)
            if forced is not None:
                return text_answer(forced, f"<h1>{forced}</h1>")
        return self._route(request)

    def delay(self, request: Request) -> float:
        """Seconds for which the answer to a request is held back."""
        for path in request.paths:
            seconds = self.knobs.take_delay(path)
            if seconds is not None:
                return seconds
        return self.knobs.delay

    def _route(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/ajax/list"):
            return self._more.answer(request)
        if path.startswith(("/media/", "/templates/")):
            return _media(path)
        match path:
            case "/robots.txt":
                robots = self.knobs.robots
                status, text = robots if isinstance(robots, tuple) else (200, robots)
                return text_answer(status, text, "text/plain")
            case "/rss.xml":
                return self._feed(request.base)
            case "/rss":
                edition = self.world.editions[_FEED_LANGUAGE]
                content = '<main><a href="/rss.xml">RSS</a></main>'
                return self._framed(200, edition, request.base, content, title="RSS")
        return self._edition_page(request)

    def _edition_page(self, request: Request) -> Answer:
        """A page below an edition's prefix: home, section, search or article."""
        first, *rest = parts = request.path.strip("/").split("/")
        if first in self.world.editions and self.world.editions[first].prefix:
            edition = self.world.editions[first]
            if request.path == edition.prefix:
                return redirect_answer(301, edition.home)
        else:
            edition, rest = self.world.editions["ru"], parts
        match rest:
            case [] | [""]:
                return self._home(edition, request.base)
            case ["post", slug]:
                return self._article(edition, request, slug)
            case ["category", slug] if slug in dict(edition.sections):
                return self._section(edition, request.base, slug)
            case ["search", *words]:
                return self._search(
                    edition, request.base, " ".join(words) or request.query.get("q", "")
                )
        return self._not_found(edition, request.base)

    # Pages

    def _framed(
        self, status: int, edition: Edition, base: str, content: str, *, title: str
    ) -> Answer:
        html = render.frame(edition, self.world.editions, base, content, title=title)
        return text_answer(status, self._laid_out(html))

    def _laid_out(self, html: str, slug: str = "") -> str:
        layout = self.knobs.layout_of.get(slug, self.knobs.layout)
        return render.rename_classes(html) if layout == "renamed" else html

    def _not_found(self, edition: Edition, base: str, status: int = 404) -> Answer:
        content = render.message_page(edition.not_found)
        return self._framed(status, edition, base, content, title=edition.not_found)

    def _home(self, edition: Edition, base: str) -> Answer:
        content = render.list_page("Caliber.Az", self._growing(Listing(edition.language), base))
        return self._framed(200, edition, base, content, title="Caliber.Az")

    def _section(self, edition: Edition, base: str, slug: str) -> Answer:
        label = dict(edition.sections)[slug]
        growing = self._growing(Listing(edition.language, slug), base)
        return self._framed(200, edition, base, render.list_page(label, growing), title=label)

    def _search(self, edition: Edition, base: str, words: str) -> Answer:
        if len(words.strip()) < _SEARCH_LETTERS:
            content = render.message_page(edition.too_short)
        else:
            growing = self._growing(Listing(edition.language, words=words), base)
            content = render.list_page(words, growing)
        return self._framed(200, edition, base, content, title=words)

    def _article(self, edition: Edition, request: Request, slug: str) -> Answer:
        language, base = edition.language, request.base
        if self.knobs.redirects(slug):
            return redirect_answer(301, base + edition.post_path(self.knobs.renamed[slug]))
        old = self._catalogue.old_index(language, slug)
        index = self._catalogue.index(language, slug) if old is None else old
        if index is None:
            return self._gone(edition, base, slug)
        get_page = self._catalogue.page if old is None else self._catalogue.old_page
        page = get_page(language, index)
        headers: dict[str, str] = {}
        if self.knobs.validators:
            says = repr((page, self.knobs.body_html.get(slug), self.knobs.layout_of.get(slug)))
            version = self._versions.of((language, slug), says, page.truth.published)
            headers = version.headers()
            if version.is_had(request.headers):
                return Answer(304, b"", headers)
        visits = self._visits.get((language, index), 0)
        if not self.knobs.views_still:
            self._visits[language, index] = visits + 1
        return self._article_answer(edition, base, page, index, visits, headers)

    def _gone(self, edition: Edition, base: str, slug: str) -> Answer:
        """What an address without an article answers."""
        if not self._catalogue.was_removed(edition.language, slug):
            return self._not_found(edition, base)
        match self.knobs.removed_as_of.get(slug, self.knobs.removed_as):
            case "home":
                return redirect_answer(302, base + edition.home)
            case "page":
                return self._not_found(edition, base, 200)
            case "410":
                return self._not_found(edition, base, 410)
        return self._not_found(edition, base)

    def _article_answer(
        self,
        edition: Edition,
        base: str,
        page: Page,
        index: int,
        visits: int,
        headers: dict[str, str],
    ) -> Answer:
        """The page as bytes, and what the knobs do to them."""
        slug = page.truth.slug
        charset = self.knobs.charset.get(slug, Charset())
        html = self._article_html(edition, base, page, index, visits, charset.meta)
        text = ("\ufeff" if charset.bom else "") + self._laid_out(html, slug)
        content_type = "text/html" + (f"; charset={charset.header}" if charset.header else "")
        body = text.encode(charset.actual, "xmlcharrefreplace")
        cut = self.knobs.cut.get(slug)
        return Answer(
            200,
            body if cut is None else body[: cut.keep],
            {"Content-Type": content_type, **headers},
            promised=None if cut is None or cut.honest else len(body),
        )

    def _article_html(
        self, edition: Edition, base: str, page: Page, index: int, visits: int, meta: str | None
    ) -> str:
        truth = page.truth
        content = render.article(
            edition,
            base,
            page,
            views=truth.initial_views + visits,
            growing=self._growing(Listing(truth.language, truth.sections[0][0]), base, index),
            hidden=self.knobs.hide.get(truth.slug, frozenset()),
            body_html=self.knobs.body_html.get(truth.slug),
        )
        return render.frame(
            edition,
            self.world.editions,
            base,
            content,
            title=page.head_title,
            head=render.article_head(self._config, self.world.editions, base, page),
            targets={language: base + path for language, path in truth.alternates.items()},
            charset=meta,
        )

    def _feed(self, base: str) -> Answer:
        edition = self.world.editions[_FEED_LANGUAGE]
        indexes = self._catalogue.batch(Listing(_FEED_LANGUAGE), 0, _FEED_ITEMS)
        truths = [self._catalogue.page(_FEED_LANGUAGE, index).truth for index in indexes]
        return text_answer(200, render.rss(base, edition, truths), "application/rss+xml")

    # Lists

    def _growing(
        self, listing: Listing, base: str, without: int | None = None
    ) -> render.GrowingList:
        """A list as a page shows it at first.

        without: index of the article under which the list stands, and which it leaves out; such a
        list has no extra cards either.
        """
        indexes = self._catalogue.batch(listing, 0)
        more = self._catalogue.size(listing) > len(indexes)
        cards = [self._catalogue.card(listing.language, i, base) for i in indexes if i != without]
        if without is None:
            cards += self._catalogue.extra_cards(listing)
        knobs, shown = self.knobs, len(indexes)
        growth = ""
        if more and knobs.list_protocol != "none":
            variables = script_variables(knobs.list_protocol, listing, shown)
            growth = list_growth(
                knobs.list_protocol, knobs.list_trigger, knobs.list_heeds,
                boxed=knobs.list_box, variables=variables,
            )  # fmt: skip
        return render.GrowingList(
            cards_html="".join(map(render_card, cards)),
            attributes=list_attributes(knobs.list_protocol, listing, shown, more),
            growth=growth,
            boxed=knobs.list_box,
        )


def _media(path: str) -> Answer:
    if path.endswith(".png"):
        return Answer(200, PNG, {"Content-Type": "image/png"})
    if path.endswith((".webp", ".jpg")):
        return Answer(200, WEBP, {"Content-Type": "image/webp"})
    return text_answer(404, "")
