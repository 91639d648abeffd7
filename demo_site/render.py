"""HTML of whole pages. All texts come in plain and are escaped here."""

import json
import re
import zlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from email.utils import format_datetime
from functools import lru_cache
from html import escape

from demo_site.config import SiteConfig
from demo_site.editions import Edition
from demo_site.knobs import Part
from demo_site.world import Page, Truth

_STYLE = (
    "body{font:16px/1.4 sans-serif;max-width:960px;margin:auto}"
    "#float_list>div{min-height:150px}#float_list [style]{width:180px;height:100px}"
)
# Classes that belong to embeds of other sites, whose own scripts look for them.
_FOREIGN_CLASSES = {"twitter-tweet", "instagram-media"}
_CLASS = re.compile(r'(?<= class=")[^"]+')


@dataclass(frozen=True)
class GrowingList:
    """A list's first cards as HTML, the attributes of its element, and what makes it grow.

    boxed: it stands in a box of its own that scrolls.
    """

    cards_html: str
    attributes: str
    growth: str
    boxed: bool = False

    def html(self) -> str:
        attributes = f'class="float_list" id="float_list" {self.attributes}'
        html = f"<div {attributes}>{self.cards_html}</div>{self.growth}"
        if not self.boxed:
            return html
        return f'<div id="float_box" style="overflow:auto;height:600px">{html}</div>'


@lru_cache(maxsize=64)
def _navigation(edition: Edition, base: str) -> str:
    links = "".join(
        f'<a class="menu_link" href="{base}{edition.section_path(slug)}">{label}</a>'
        for slug, label in edition.sections
    )
    return (
        '<div class="social"><a href="#">youtube</a><a href="#">telegram</a></div>'
        f'<nav class="menu">{links}</nav>'
        f'<form class="search_form" action="{base}{edition.prefix}/search/">'
        f'<input name="q" placeholder="{edition.search}"></form>'
    )


def _switch(edition: Edition, editions: Mapping[str, Edition], targets: Mapping[str, str]) -> str:
    return "".join(
        f'<a class="lang_switch" href="{targets[language]}">{other.switch}</a>'
        for language, other in editions.items()
        if other is not edition
    )


def frame(
    edition: Edition,
    editions: Mapping[str, Edition],
    base: str,
    content: str,
    *,
    title: str,
    head: str = "",
    targets: Mapping[str, str] | None = None,
    charset: str | None = "utf-8",
) -> str:
    """A whole page round `content`.

    base: origin of the site as the visitor names it. head: further elements of `<head>`.
    targets: language to address for the edition switch; homes where it has none.
    """
    homes = {language: f"{base}{other.home}" for language, other in editions.items()}
    declared = "" if charset is None else f'<meta charset="{charset}">'
    return (
        f'<!DOCTYPE html>\n<html lang="{edition.html_lang}">\n<head>{declared}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title, quote=False)}</title>{head}<style>{_STYLE}</style></head>\n"
        f'<body>\n<header class="header"><a class="logo" href="{base}{edition.home}">Caliber.Az</a>'
        f"{_switch(edition, editions, homes | dict(targets or {}))}"
        f"{_navigation(edition, base)}</header>\n"
        f'<div class="terms">{edition.terms}</div>\n{content}\n</body>\n</html>\n'
    )


def list_page(heading: str, growing: GrowingList, note: str = "") -> str:
    """Content of a section, search or home page."""
    return (
        f'<main class="category"><h1 class="category_title">{escape(heading, quote=False)}</h1>'
        f"{note}{growing.html()}</main>"
    )


def article_head(config: SiteConfig, editions: Mapping[str, Edition], base: str, page: Page) -> str:
    """What the `<head>` of an article page says beside its title."""
    truth = page.truth
    cover = truth.images[0][0]
    parts = [
        f'<meta property="og:title" content="{escape(page.head_title)}">',
        '<meta property="og:type" content="article">',
        f'<meta property="og:image" content="{base}{cover}">',
    ]
    if truth.description is not None:
        description = escape(truth.description)
        parts.append(f'<meta name="description" content="{description}">')
        parts.append(f'<meta property="og:description" content="{description}">')
    if config.canonical:
        parts.append(f'<link rel="canonical" href="{base}{truth.path}">')
    if config.hreflang:
        parts += [
            f'<link rel="alternate" hreflang="{editions[language].html_lang}" href="{base}{path}">'
            for language, path in ({truth.language: truth.path} | truth.alternates).items()
        ]
    if config.json_ld:
        parts.append(_json_ld(base, page))
    return "".join(parts)


def _json_ld(base: str, page: Page) -> str:
    truth = page.truth
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": page.head_title,
        "datePublished": truth.published.isoformat(),
        "author": [{"@type": "Person", "name": name} for name in truth.authors],
        "image": [base + truth.images[0][0]],
        "mainEntityOfPage": base + truth.path,
        "publisher": {"@type": "Organization", "name": "Caliber.Az"},
    }
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'


def article(
    edition: Edition,
    base: str,
    page: Page,
    views: int,
    growing: GrowingList,
    hidden: Set[Part] = frozenset(),
    body_html: str | None = None,
) -> str:
    """Content of an article page. `body_html` stands in for the whole inside of the body."""
    truth = page.truth
    slug, label = truth.sections[0]
    editor = '<a class="post_edit" href="/editor">[edit]</a>' if page.edit_link else ""
    cover = f'<div class="post_cover" style="background-image:url({truth.images[0][0]})"></div>'
    if body_html is None:
        body_html = page.body_html
        if page.byline is not None and "byline" not in hidden:
            body_html += f"\n<p>{escape(page.byline, quote=False)}</p>"
    section_url = base + edition.section_path(slug)
    parts: dict[Part, str] = {
        "section": f'<a href="{section_url}"><div class="post_categoty">{label}</div></a>',
        "title": f'<h1 class="post_title">{escape(truth.title, quote=False)}</h1>',
        "time": f'<div class="post_time">{truth.time_text}{editor}</div>',
        "cover": cover,
    }
    top = "".join(html for part, html in parts.items() if part not in hidden)
    hits = f'<div class="post_hits">{edition.views}: {views}</div>' if "views" not in hidden else ""
    return (
        f'<div class="post"><div class="post_font"><span>A+</span><span>A-</span></div>{top}\n'
        f'<div class="post_body">{body_html}</div>\n'
        f'<div class="post_signature">Caliber.Az</div>{hits}'
        f'<div class="post_share">{edition.share}<a href="#">print</a><a href="#">copy link</a>'
        '</div><div class="ads">ads</div>\n'
        f'<div class="more_title">{label}</div><div class="more_text">{edition.more}</div>'
        f"{growing.html()}</div>"
    )


def message_page(heading: str) -> str:
    """Content of a page that only says something, such as that there is no such page."""
    return f'<main class="message"><h1>{escape(heading, quote=False)}</h1></main>'


def rename_classes(page_html: str) -> str:
    """The page after a redesign: every class has another name, the same one on every page."""

    def renamed(match: re.Match[str]) -> str:
        return " ".join(
            name if name in _FOREIGN_CLASSES else f"k{zlib.crc32(name.encode()):08x}"
            for name in match[0].split()
        )

    return _CLASS.sub(renamed, page_html)


def rss(base: str, edition: Edition, truths: list[Truth]) -> str:
    """RSS 2.0 of the given articles."""
    items = "".join(
        f"<item><title>{escape(truth.title)}</title><link>{escape(base + truth.path)}</link>"
        f'<guid isPermaLink="true">{escape(base + truth.path)}</guid>'
        f"<description>{escape(truth.description or '')}</description>"
        f"<category>{escape(truth.sections[0][1])}</category>"
        f"<pubDate>{format_datetime(truth.published)}</pubDate></item>\n"
        for truth in truths
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>'
        f"<title>Caliber.Az</title><link>{escape(base + edition.home)}</link>"
        f"<description>{escape(edition.terms)}</description>"
        f"<language>{edition.html_lang}</language>\n{items}</channel></rss>\n"
    )
