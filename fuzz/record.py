"""Bytes → record under atheris, which looks for inputs that reach new lines of the readers.

    python -m fuzz.record -max_total_time=600 [folder that keeps what it finds]

It begins with the pages of tests/fixtures and writes nothing unless a folder is given, but for
``crash-*`` in the present folder when an error is not one of ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["caliber_crawler"]):
    from caliber_crawler.errors import NotAnArticle
    from caliber_crawler.items import json_line
    from caliber_crawler.pages.article import parse_article
    from caliber_crawler.pages.html import Page
    from caliber_crawler.pages.section import parse_list
    from caliber_crawler.records import clean
    from caliber_crawler.site import Site

ROOT = Path(__file__).resolve().parent.parent
SITE = Site.from_settings("https://caliber.az", "Asia/Baku")
URL = f"{SITE.base}/en/post/some-slug"


def read(body: bytes) -> None:
    """What a crawl makes of a page: its cards, its record, and that record's line in a feed."""
    page = Page(URL, body)
    parse_list(page, SITE)
    try:
        json_line(clean(parse_article(page, SITE).article).document())
    except NotAnArticle:
        return


def main() -> None:
    seeds = ",".join(map(str, sorted((ROOT / "tests" / "fixtures").glob("*/page.html"))))
    atheris.Setup([*sys.argv, f"-seed_inputs={seeds}", "-max_len=65536"], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
