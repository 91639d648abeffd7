"""Reads pages with one of the readers and says what it found and how long it took. A script.

    python pages_read.py READER < {"pages": [{"url", "html", "language"}], "warm": N} > {...}

Each reader lives in the environment that this is run by: `ours` in ours, the others in the peers'.
Answers `{"ms": [one a page], "found": [fields of each, null where reading failed]}`; fields are
those of `Found`. Peers are called as their documentation has it, on the page's text and address.
None may ask the network: that is an error, exit code 1.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypedDict

# One page → what was found; the page is what `pages` has.
Reader = Callable[[Mapping[str, str]], Any]


class Found(TypedDict):
    """None: the reader has no such field. Empty: it has, and found nothing.

    `published` is ISO 8601: a date, a local time or an instant, as the reader gives it.
    """

    title: str | None
    authors: list[str] | None
    published: str | None
    body: str | None
    image: str | None
    section: str | None
    views: int | str | None


def ours() -> tuple[Reader, Callable[[Any], Found]]:
    """The whole of `parse_article`: all fields of the record and the signs of trouble."""
    from caliber_crawler.pages.article import parse_article
    from caliber_crawler.pages.html import Page
    from caliber_crawler.site import Site

    site = Site.from_settings("https://caliber.az", "Asia/Baku")

    def read(page: Mapping[str, str]) -> Any:
        body = page["html"].encode()
        return parse_article(Page(page["url"], body, "text/html; charset=utf-8"), site).article

    def found(article: Any) -> Found:
        return Found(
            title=article.title or "",
            authors=article.authors,
            published=_iso(article.published_at),
            body=article.body,
            image=article.images[0]["url"] if article.images else "",
            section=article.sections[0]["name"] if article.sections else "",
            views=article.views if article.views is not None else "",
        )

    return read, found


def trafilatura() -> tuple[Reader, Callable[[Any], Found]]:
    """Text and metadata in one, without comments. Its dates are days."""
    from trafilatura import bare_extraction

    def read(page: Mapping[str, str]) -> Any:
        return bare_extraction(
            page["html"], url=page["url"], with_metadata=True, include_comments=False
        )

    def found(document: Any) -> Found:
        said = document.as_dict()
        return Found(
            title=said.get("title") or "",
            authors=_split(said.get("author"), ";"),
            published=said.get("date") or "",
            body=said.get("text") or "",
            image=said.get("image") or "",
            section=next(iter(said.get("categories") or []), ""),
            views=None,
        )

    return read, found


def newspaper4k() -> tuple[Reader, Callable[[Any], Found]]:
    """`Article(...).parse()`, told the language, without looking at the pictures themselves."""
    from newspaper import Article

    def read(page: Mapping[str, str]) -> Any:
        article = Article(page["url"], language=page["language"], fetch_images=False)
        article.download(input_html=page["html"])
        article.parse()
        return article

    def found(article: Any) -> Found:
        return Found(
            title=article.title or "",
            authors=list(article.authors),
            published=_iso(article.publish_date),
            body=article.text or "",
            image=article.top_image or "",
            section=None,
            views=None,
        )

    return read, found


def news_please() -> tuple[Reader, Callable[[Any], Found]]:
    """`NewsPlease.from_html`, without looking at the pictures themselves."""
    from newsplease import NewsPlease

    def read(page: Mapping[str, str]) -> Any:
        return NewsPlease.from_html(page["html"], url=page["url"], fetch_images=False)

    def found(article: Any) -> Found:
        return Found(
            title=article.title or "",
            authors=list(article.authors or []),
            published=_iso(article.date_publish),
            body=article.maintext or "",
            image=article.image_url or "",
            section=None,
            views=None,
        )

    return read, found


def readability() -> tuple[Reader, Callable[[Any], Found]]:
    """Title and text; the text is HTML, whose tags are taken off after the time was taken."""
    import lxml.html
    from readability import Document

    def read(page: Mapping[str, str]) -> Any:
        document = Document(page["html"], url=page["url"])
        return document.short_title(), document.summary()

    def found(pair: Any) -> Found:
        title, html = pair
        # Words of neighbouring blocks must not become one.
        spaced = re.sub(r"<(/?(?:p|div|br|li|h\d|td|tr|blockquote)\b)", r" <\1", html)
        body = lxml.html.fromstring(spaced).text_content() if html.strip() else ""
        return Found(
            title=title or "",
            authors=None,
            published=None,
            body=body,
            image=None,
            section=None,
            views=None,
        )

    return read, found


READERS = {
    "ours": ours,
    "trafilatura": trafilatura,
    "newspaper4k": newspaper4k,
    "news-please": news_please,
    "readability": readability,
}


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if value else ""


def _split(names: str | None, separator: str) -> list[str]:
    return [name.strip() for name in (names or "").split(separator) if name.strip()]


def main() -> None:
    given = json.load(sys.stdin)
    read, found = READERS[sys.argv[1]]()
    asked: list[str] = []

    def watch(event: str, arguments: Any) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
            asked.append(f"{event} {arguments}")
            raise OSError("no network here")

    sys.addaudithook(watch)
    pages = given["pages"]
    for page in pages[: given["warm"]]:  # the first ones pay for what is loaded late
        read(page)
    milliseconds: list[float] = []
    answers: list[Found | None] = []
    for page in pages:
        began = time.perf_counter()
        try:
            result = read(page)
        except Exception as error:  # one page; it counts as nothing found
            print(f"{page['url']}: {error!r}", file=sys.stderr)
            result = None
        milliseconds.append((time.perf_counter() - began) * 1000)
        answers.append(None if result is None else found(result))
    if asked:
        sys.exit(f"asked the network: {asked[0]}")
    json.dump({"ms": milliseconds, "found": answers}, sys.stdout)


if __name__ == "__main__":
    main()
