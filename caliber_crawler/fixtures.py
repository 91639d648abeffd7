"""Pages kept as examples: the page as it was fetched, what is known of it, and what is read of it.

A fixture is a folder with ``page.html`` (bytes as fetched), ``meta.json`` (address, Content-Type
header, site and zone) and ``expected.json`` (the reading). Nothing in it depends on the clock.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caliber_crawler.errors import NotAnArticle
from caliber_crawler.items import json_line
from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.html import Page
from caliber_crawler.records import clean
from caliber_crawler.site import Site

# What a crawl adds to a record; a page alone does not say it.
_OF_THE_CRAWL = (
    "views_at", "duplicate_of", "near_duplicate_of", "status", "revision", "first_seen_at",
    "last_seen_at", "changed_at", "crawl",
)  # fmt: skip


@dataclass(frozen=True)
class Fixture:
    """One folder. Raises `OSError` and `ValueError` where files are missing or broken."""

    folder: Path

    @classmethod
    def write(cls, folder: Path, page: Page, site: Site) -> Fixture:
        """Keep a page with what is read of it now; a fixture that is there is written anew."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "page.html").write_bytes(page.body)
        meta = {
            "url": page.url,
            "content_type": page.content_type,
            "base_url": site.base,
            "zone": str(site.zone),
        }
        (folder / "meta.json").write_text(_shown(meta), "utf-8")
        (folder / "expected.json").write_text(_shown(reading(page, site)), "utf-8")
        return cls(folder)

    @property
    def expected(self) -> dict[str, Any]:
        """What shall be read of the page."""
        expected: dict[str, Any] = json.loads((self.folder / "expected.json").read_text("utf-8"))
        return expected

    def read(self) -> dict[str, Any]:
        """What is read of the page by the code as it is."""
        meta = json.loads((self.folder / "meta.json").read_text("utf-8"))
        page = Page(meta["url"], (self.folder / "page.html").read_bytes(), meta["content_type"])
        return reading(page, Site.from_settings(meta["base_url"], meta["zone"]))


def reading(page: Page, site: Site) -> dict[str, Any]:
    """``{"record": ...}`` as in JSON lines, or ``{"not_an_article": kind}``."""
    try:
        record = clean(parse_article(page, site).article).document()
    except NotAnArticle as error:
        return {"not_an_article": error.kind}
    for name in _OF_THE_CRAWL:
        del record[name]
    return {"record": json.loads(json_line(record))}


def name_of(url: str) -> str:
    """A folder's name for the page at an address."""
    slug = url.rstrip("/").rpartition("/")[2].partition("?")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", slug).strip("-")[:80] or "page"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
