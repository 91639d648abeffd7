"""What a page says of itself in its head: meta tags, canonical link, editions, JSON-LD.

None of it is known to be there on every page, and all of it may lag behind what a reader sees, so
callers ask the visible page first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from caliber_crawler.pages.html import Element, Page, attribute, raw_text
from caliber_crawler.site import Site

ARTICLE_TYPES = frozenset({"Article", "NewsArticle", "ReportageNewsArticle", "OpinionNewsArticle"})
# Where an object of JSON-LD keeps further objects that may be the article.
_HOLDERS = ("@graph", "mainEntity")


def meta_values(page: Page) -> dict[str, str]:
    """First non-empty content of each meta tag by its name or property, lower case."""
    values: dict[str, str] = {}
    for tag in page.root.iter("meta"):
        name = attribute(tag, "name") or attribute(tag, "property")
        content = attribute(tag, "content")
        if name and content:
            values.setdefault(name.lower(), content)
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
            address = site.address(attribute(link, "href"), page.url)
            if address and address.kind == "article" and address.language:
                found.setdefault(address.language, address.url)
    return found


def json_ld_article(page: Page) -> dict[str, Any]:
    """The first JSON-LD object that describes an article; empty when there is none to be read."""
    for script in page.root.iter("script"):
        if attribute(script, "type").lower() != "application/ld+json":
            continue
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
    for author in authors if isinstance(authors, list) else [authors]:
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
