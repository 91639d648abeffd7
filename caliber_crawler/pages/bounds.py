"""A record within its limits: what goes beyond them is cut, and the fields are named."""

from __future__ import annotations

from caliber_crawler.items import Article, Image, Link
from caliber_crawler.limits import MOST_ALIASES, MOST_NAMES, Limits


def cut(article: Article, limits: Limits) -> set[str]:
    """Cut a record in place; tells the names of the fields that were cut."""
    found = {name for name in ("title", "description") if _cut_text(article, name, limits.field)}
    # The slug is part of the identity; what is longer than an address may be has none.
    for name, most in (
        ("images", limits.entries),
        ("embeds", limits.entries),
        ("links", limits.entries),
        ("authors", MOST_NAMES),
        ("sections", MOST_NAMES),
        ("aliases", MOST_ALIASES),
    ):
        values = getattr(article, name)
        if len(values) > most:
            del values[most:]
            found.add(name)
    if len(article.alternates) > MOST_NAMES:
        article.alternates = dict(list(article.alternates.items())[:MOST_NAMES])
        found.add("alternates")
    shorter = [name[: limits.field] for name in article.authors]
    if shorter != article.authors:
        article.authors = shorter
        found.add("authors")
    for section in article.sections:
        if len(section["name"]) > limits.field:
            section["name"] = section["name"][: limits.field]
            found.add("sections")
    return found | _cut_entries(article.images, article.links, limits.field)


def _cut_entries(images: list[Image], links: list[Link], most: int) -> set[str]:
    found: set[str] = set()
    for image in images:
        caption = image["caption"]
        if caption is not None and len(caption) > most:
            image["caption"] = caption[:most]
            found.add("images")
    for link in links:
        if len(link["text"]) > most:
            link["text"] = link["text"][:most]
            found.add("links")
    return found


def _cut_text(article: Article, name: str, most: int) -> bool:
    value: str | None = getattr(article, name)
    if value is None or len(value) <= most:
        return False
    setattr(article, name, value[:most])
    return True
