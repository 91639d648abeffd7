"""What a record must say, from what the stand-in says an article is."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from demo_site import ServedSite, Truth


def expected(site: ServedSite, truth: Truth) -> dict[str, Any]:
    """The fields of a record that follow from the article alone, as a feed writes them."""

    def absolute(path: str) -> str:
        return path if path.startswith("http") else site.url + path

    return {
        "id": f"{truth.language}/{truth.slug}",
        "url": site.url + truth.path,
        "language": truth.language,
        "slug": truth.slug,
        "title": truth.title,
        "description": truth.description,
        "authors": list(truth.authors),
        "published_at": truth.published.astimezone(UTC).isoformat(),
        "body": "\n\n".join(truth.paragraphs),
        "images": [
            {"url": absolute(url), "role": role, "caption": caption}
            for url, role, caption in truth.images
        ],
        "embeds": [{"type": kind, "url": absolute(url)} for kind, url in truth.embeds],
        "links": [{"url": absolute(url), "text": text} for url, text in truth.links],
        "alternates": {lang: site.url + path for lang, path in truth.alternates.items()},
        "duplicate_of": None,
        "status": "live",
    }


def assert_is(record: dict[str, Any], site: ServedSite, truth: Truth) -> None:
    """Compare field by field, so that a failure names the field."""
    for name, value in expected(site, truth).items():
        assert record[name] == value, f"{record['id']}: {name}"
    assert record["views"] >= truth.initial_views
    assert record["sections"][0] == {"slug": truth.sections[0][0], "name": truth.sections[0][1]}


def first_lists(site: ServedSite, language: str) -> dict[str, tuple[Truth, set[str]]]:
    """Articles that the first lists of an edition name: id → truth, slugs of the lists."""
    found: dict[str, tuple[Truth, set[str]]] = {}
    for slug, _ in site.sections(language):
        for truth in site.first_list(language, slug):
            entry = found.setdefault(f"{language}/{truth.slug}", (truth, set()))
            entry[1].add(slug)
    return found
