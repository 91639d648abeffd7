"""Every field of articles and lists of the stand-in site against what the site says is true.

The stand-in was written apart from the rules under test, so neither repeats the other's mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import pytest

from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.html import Page
from caliber_crawler.pages.section import parse_list
from caliber_crawler.records import clean
from caliber_crawler.site import Site
from demo_site import SiteConfig, Truth
from demo_site.messages import Request
from demo_site.site import Site as StandIn

BASE = "http://127.0.0.1:8000"
ARTICLES = 150
EDITIONS = ("en", "ru", "hy")

CONFIGS = {
    "all metadata": SiteConfig(articles=400, seed=11, arm_prefix="hy", json_ld=True),
    "bare pages": SiteConfig(
        articles=400, seed=12, arm_prefix="hy", canonical=False, hreflang=False
    ),
}


@pytest.fixture(scope="module", params=CONFIGS)
def stand_in(request: pytest.FixtureRequest) -> StandIn:
    return StandIn(CONFIGS[request.param])


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.from_settings(BASE, "Asia/Baku")


def fetch(stand_in: StandIn, path: str) -> Page:
    answer = stand_in.answer(Request("GET", BASE, path))
    assert answer.status == 200
    return Page(BASE + path, answer.body, answer.headers.get("Content-Type", ""))


def absolute(path: str) -> str:
    return path if path.startswith("http") else BASE + path


def truths(stand_in: StandIn, language: str) -> Iterator[Truth]:
    count = min(ARTICLES, stand_in.world.count(language))
    assert count > 50
    for index in range(count):
        yield stand_in.truth(language, stand_in.world.article(language, index).slug)


@pytest.mark.parametrize("language", EDITIONS)
def test_articles_are_read_as_they_are(stand_in: StandIn, site: Site, language: str) -> None:
    for truth in truths(stand_in, language):
        parsed = parse_article(fetch(stand_in, truth.path), site)
        article, notes = clean(parsed.article), parsed.notes
        assert article.id == f"{language}/{truth.slug}"
        assert (article.language, article.slug) == (language, truth.slug)
        assert article.url == BASE + truth.path
        assert article.aliases == []
        assert article.title == truth.title
        assert article.description == truth.description
        assert article.authors == truth.authors
        slug, name = truth.sections[0]
        assert article.sections == [{"slug": slug, "name": name}]
        assert article.published_at == truth.published.astimezone(UTC)
        assert article.body == "\n\n".join(truth.paragraphs)
        assert article.images == [
            {"url": absolute(path), "role": role, "caption": caption}
            for path, role, caption in truth.images
        ]
        assert article.embeds == [
            {"type": kind, "url": absolute(url)} for kind, url in truth.embeds
        ]
        assert article.links == [{"url": absolute(url), "text": text} for url, text in truth.links]
        assert article.views == truth.initial_views
        assert article.alternates == {
            other: BASE + path for other, path in truth.alternates.items()
        }
        assert (notes.unknown_time, notes.unknown_views, notes.time_without_clock) == (
            None,
            None,
            False,
        )
        assert notes.teasers == 0


@pytest.mark.parametrize("language", EDITIONS)
def test_lists_are_read_as_they_are(stand_in: StandIn, site: Site, language: str) -> None:
    sections = stand_in.sections(language)
    for slug, _ in sections:
        path = stand_in.world.editions[language].section_path(slug)
        page = parse_list(fetch(stand_in, path), site)
        expected = stand_in.first_list(language, slug)
        assert page.language == language
        assert (page.broken_cards, page.unknown_times) == (0, 0)
        assert [(ref.language, ref.ref["slug"], ref.ref["name"]) for ref in page.sections] == [
            (language, known, name) for known, name in sections
        ]
        assert {edition.address.language for edition in page.editions} == {*EDITIONS} - {language}
        assert len(page.cards) == len(expected) > 0
        for card, truth in zip(page.cards, expected, strict=True):
            label = truth.sections[0]
            assert card.url == card.href == BASE + truth.path
            assert card.title == truth.title
            assert card.section == {"slug": label[0], "name": label[1]}
            assert card.time_text == truth.time_text
            assert card.published_at == truth.published.astimezone(UTC)
            assert card.image is not None
            assert card.image.startswith(f"{BASE}/media/photos/")
