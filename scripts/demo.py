"""``make demo``: crawl the bundled stand-in of the site into the embedded MongoDB, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from caliber_crawler import stdio
from caliber_crawler.errors import CaliberError
from caliber_crawler.store.server import EmbeddedServer
from demo_site import SiteConfig, serve_process
from scripts.has_chromium import has_chromium

FOLDER = Path(".caliber/demo")
DATABASE = "caliber_demo"
FEED = FOLDER / "articles.jsonl"
SHOWN = 8


def main() -> int:
    stdio.ensure_open()
    try:
        return demo()
    except CaliberError as error:
        print(error, file=sys.stderr)
        return 1


def demo() -> int:
    """Crawl the stand-in and show what was stored. Returns the exit code of the crawl."""
    data_dir = FOLDER / "mongodb"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        serve_process(SiteConfig(articles=150, seed=2026)) as url,
        EmbeddedServer(data_dir) as uri,
        MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
    ):
        client.drop_database(DATABASE)  # the stand-in has another address at each run
        print(f"A stand-in of Caliber.az runs at {url} (invented news). Crawling it now:\n")
        command = [
            sys.executable, "-m", "scrapy", "crawl", "sections",
            "-a", "language=en,ru", "-O", str(FEED), "-L", "WARNING",
        ]  # fmt: skip
        if not has_chromium():
            print("There is no Chromium, so only the first page of each list is taken.\n")
            command += ["-a", "render=http"]
        print("  $ scrapy", *command[3:], f"-s CALIBER_BASE_URL={url}\n", flush=True)
        settings = {
            "CALIBER_BASE_URL": url,
            "MONGODB_URI": "",
            "MONGODB_DATA_DIR": str(data_dir.absolute()),
            "MONGODB_DATABASE": DATABASE,
            "CLUSTER_DOWNLOAD_DELAY": "0.02",  # our own machine; the live site gets one second
            "SCROLL_QUIET_SECONDS": "1",  # and it is never slow
            "SCRAPY_SETTINGS_MODULE": "caliber_crawler.settings",
        }
        code = subprocess.run(command, env=os.environ | settings, check=False).returncode
        if code:
            return code
        show(client[DATABASE])
    print(
        f"\nThe same records as JSON lines: {FEED}\n"
        f"Look into the database (Ctrl-C ends it): .venv/bin/python -m caliber_crawler.store "
        f"--data-dir {data_dir}\n"
        "Crawl the live site: . .venv/bin/activate && scrapy crawl sections -O articles.jsonl"
    )
    return 0


def show(database: Any) -> None:
    """Print what the database holds, and its newest articles."""
    counts = {
        name: database[name].count_documents({}) for name in ("articles", "crawls", "rejects")
    }
    print("\nStored in MongoDB:", ", ".join(f"{number} {name}" for name, number in counts.items()))
    width = shutil.get_terminal_size((100, 24)).columns
    print(f"\n{'published (UTC)':17} {'edition':8} {'section':12} {'views':>6}  headline")
    fields = {"published_at": 1, "language": 1, "sections": 1, "views": 1, "title": 1}
    for article in database["articles"].find({}, fields).sort("published_at", -1).limit(SHOWN):
        section = article["sections"][0]["name"] if article["sections"] else ""
        line = (
            f"{article['published_at']:%Y-%m-%d %H:%M}  {article['language']:8} {section:12} "
            f"{article['views'] or 0:>6}  {article['title']}"
        )
        print(line[:width])
    longest = database["articles"].find_one({}, {"body": 1, "url": 1}, sort=[("word_count", -1)])
    if longest:
        print(f"\nThe longest body begins ({longest['url']}):\n  {longest['body'][:300]}…")


if __name__ == "__main__":
    sys.exit(main())
