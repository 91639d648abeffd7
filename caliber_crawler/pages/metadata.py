"""What a page says of itself in its head: meta tags, canonical link, editions, JSON-LD.

None of it is known to be there on every page, and all of it may lag behind what a reader sees, so
callers ask the visible page first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from caliber_crawler.pages.html import Element, Page, attribute, headings, raw_text
from caliber_crawler.people import clean_authors, is_house
from caliber_crawler.site import Site
from caliber_crawler.text import fold, line

ARTICLE_TYPES = frozenset({"Article", "NewsArticle", "ReportageNewsArticle", "OpinionNewsArticle"})
# Where an object of JSON-LD keeps further objects that may be the article.
_HOLDERS = ("@graph", "mainEntity")


# Marks in a title that the publisher's name may stand behind.
_TITLE_END = re.compile(r"(?: [|–—·»-]|::|[|:])(?= )")
_LONGEST_TITLE = 2_000  # letters; more is no title
_LONGEST_JSON_LD = 2_000_000  # letters; many times the longest article
_LONGEST_META = 20_000
_MOST_NAMES = 200


@dataclass(frozen=True)
class Head:
    """What a page's head says of its article.

    `meta` are its meta tags by name, `article` the JSON-LD object, `titles` what it calls the
    article, without the publisher's name. One that is nothing else says nothing of the article.
    """

    meta: dict[str, str]
    article: dict[str, Any]
    titles: list[str]

    @classmethod
    def of(cls, page: Page) -> Head:
        """Read it; what is not there is empty."""
        meta, article = meta_values(page), json_ld_article(page)
        stated = [_text(article, "headline"), meta.get("og:title"), meta.get("twitter:title")]
        shown = headings(page, "title")
        named = (line(title[:_LONGEST_TITLE]) for title in (*stated, *shown) if title)
        titles = (title for title in map(without_house, named) if title and not is_house(title))
        return cls(meta, article, list(dict.fromkeys(titles)))

    @property
    def says_article(self) -> bool:
        """Whether it calls the page an article."""
        return bool(self.article) or self.meta.get("og:type", "").lower() == "article"

    @property
    def description(self) -> str | None:
        """A summary, as one line."""
        return self._first(("description", "og:description"), "description")

    @property
    def section(self) -> str | None:
        """The name of the section."""
        return self._first(("article:section",), "articleSection")

    @property
    def picture(self) -> str | None:
        """The address of a picture, as written."""
        return self.meta.get("og:image")

    @property
    def body(self) -> str:
        """The article's text; "" when it is not in the head."""
        return _text(self.article, "articleBody")

    @property
    def times(self) -> list[str]:
        """Times of publication as written; those of changes are others."""
        stated = (self.meta.get("article:published_time"), _text(self.article, "datePublished"))
        return list(filter(None, stated))

    def authors(self, sections: Iterable[str] = ()) -> list[str]:
        """The persons, those of JSON-LD first, but for those whose names are `sections`'.

        Templates put the section's name in the author's place.
        """
        stated = self.article.get("articleSection")
        own = stated if isinstance(stated, list) else [stated, self.meta.get("article:section")]
        names = (name for name in (*own, *sections) if isinstance(name, str))
        known = {fold(name[:_LONGEST_META]) for name in names}
        named = [self.meta[name] for name in ("author", "article:author") if name in self.meta]
        values = json_ld_authors(self.article) or named
        # Once as a whole: a section's name may have a conjunction.
        found = clean_authors(value for value in values if fold(value[:_LONGEST_META]) not in known)
        return [name for name in found if fold(name) not in known]

    def _first(self, names: Sequence[str], stated: str) -> str | None:
        values = (*(self.meta.get(name, "") for name in names), _text(self.article, stated))
        return next(filter(None, (line(value[:_LONGEST_META]) for value in values)), None)


def meta_values(page: Page) -> dict[str, str]:
    """First non-empty content of each meta tag by its name or property, lower case."""
    values: dict[str, str] = {}
    for tag in page.root.iter("meta"):
        name = attribute(tag, "name") or attribute(tag, "property")
        content = attribute(tag, "content")
        if name and content:
            values.setdefault(name.lower(), content[:_LONGEST_META])
    return values


def canonical_href(page: Page) -> str | None:
    """The href of the page's canonical link; None for words such as ``undefined``.

    A word without a slash is a legal relative address, but a template's failure in all likelihood.
    """
    links = (attribute(link, "href") for link in _head_links(page, "canonical"))
    return next((href for href in links if "/" in href), None)


def hreflang_links(page: Page, site: Site) -> dict[str, str]:
    """Edition → canonical article address, as hreflang links tell, ``x-default`` left out.

    The edition is the address's, since the code in the attribute may be another name of it.
    """
    found: dict[str, str] = {}
    for link in _head_links(page, "alternate"):
        if attribute(link, "hreflang").lower() not in ("", "x-default"):
            address = site.address(attribute(link, "href"), page.base)
            if address and address.kind == "article" and address.language:
                found.setdefault(address.language, address.url)
    return found


def json_ld_article(page: Page) -> dict[str, Any]:
    """The first JSON-LD object that describes an article; empty when there is none to be read.

    What stands behind the first two million letters of it is not read.
    """
    left = _LONGEST_JSON_LD
    for script in page.root.iter("script"):
        if attribute(script, "type").lower() != "application/ld+json":
            continue
        left -= len(script.text or "")
        if left < 0:
            break
        source = raw_text(script).strip().removeprefix("<!--").removesuffix("-->").strip()
        try:
            # Not strict: line ends within strings are a common slip of templates.
            data = json.loads(source.removesuffix(";"), strict=False)
        except (ValueError, RecursionError):
            continue
        for node in _nodes(data):
            if ARTICLE_TYPES.intersection(_types(node)):
                return node
    return {}


def json_ld_authors(article: dict[str, Any]) -> list[str]:
    """Names of the authors that are persons; organisations are left out."""
    authors = article.get("author")
    names = []
    for author in authors[:_MOST_NAMES] if isinstance(authors, list) else [authors]:
        if isinstance(author, str):
            names.append(author)
        elif isinstance(author, dict) and not any("Organization" in t for t in _types(author)):
            name = author.get("name")
            names += [name] if isinstance(name, str) else []
    return names


def _head_links(page: Page, relation: str) -> list[Element]:
    return [e for e in page.root.iter("link") if relation in attribute(e, "rel").lower().split()]


def _nodes(data: object) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-LD text: at the top, in lists, and those in `_HOLDERS`."""
    waiting = [data]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            yield node
            waiting += [node[name] for name in _HOLDERS if name in node]


def _types(node: dict[str, Any]) -> list[str]:
    """The types of an object, also when they are written as addresses."""
    kinds = node.get("@type")
    named = kinds if isinstance(kinds, list) else [kinds]
    return [kind.rpartition("/")[2] for kind in named if isinstance(kind, str)]


def _text(article: dict[str, Any], name: str) -> str:
    value = article.get(name)
    return value if isinstance(value, str) else ""


def without_house(title: str) -> str:
    """A page's title without the publisher's name behind its last mark; a headline's own stay.

    Nor with that before its first mark, unless that is a colon, which may be the headline's, or
    the name may mean something else, as "Калибр" does.
    """
    ends = [found.span() for found in _TITLE_END.finditer(title)]
    if ends:
        (start, end), before = ends[0], title[: ends[0][0]]
        if is_house(before) and "." in before and title[start:end] != ":":
            return without_house(title[end:].strip())
    for start, end in reversed(ends):
        if not title[:start].strip() or not is_house(title[end:]):
            break
        title = title[:start].rstrip(" |–—·»:-")
    return title
