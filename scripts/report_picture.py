"""``python -m scripts.report_picture [FILE.png]``: the picture of a report in the documents.

The report is of some days of the stand-in (`report_story`), looked at in Chromium.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright
from pymongo import AsyncMongoClient

from caliber_crawler.browser.chromium import launch_options
from caliber_crawler.report.page import About, render
from caliber_crawler.site import Site
from caliber_crawler.store.reading import Selection
from caliber_crawler.store.report import ReportReader
from caliber_crawler.store.server import EmbeddedServer
from demo_site.world import NEWEST
from scripts.report_story import BASE, Story

PICTURE = Path("docs/images/report.png")
WIDTH, HEIGHT = 1000, 1056


async def page_of_a_story(uri: str) -> str:
    """The report of a story that is played into the server's database `caliber`."""
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        database = client["caliber"]
        await Story(database, languages=("en",)).play()
        site = Site.from_settings(BASE, "Asia/Baku")
        at = NEWEST + timedelta(minutes=30)
        figures = await ReportReader(database, site.zone).read(Selection(), 5, at)
    return render(figures, About(site, "mongodb://127.0.0.1:27017 database 'caliber'", at))


async def photograph(address: str) -> bytes:
    """The upper part of a page as wide screens show it, as PNG."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options("", 60))
        view = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        await view.goto(address)
        picture = await view.screenshot()
        await browser.close()
    return picture


def main(picture: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "mongodb") as uri:
        page = Path(folder) / "report.html"
        page.write_text(asyncio.run(page_of_a_story(uri)), "utf-8")
        shown = asyncio.run(photograph(page.as_uri()))
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(shown)
    print(f"{picture}: {len(shown)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
