"""Workers of one crawl, and a mongod that can be killed, for tests and soak tests."""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from demo_site.server import ServedSite
from tests.conftest import ROOT, Scrapy, wait_until
from tests.mongods import free_port, start_mongod

Documents = Database[dict[str, Any]]


@dataclass
class Cluster:
    """Starts workers of one crawl."""

    scrapy: Scrapy
    database: Documents
    crawl_id: str

    def start(
        self, url: str, /, *, spider: str = "sections", path: str = "", **options: str
    ) -> subprocess.Popen[str]:
        """One worker. Options in capitals are settings, others arguments of the spider."""
        settings = {name: value for name, value in options.items() if name.isupper()}
        arguments = {name: value for name, value in options.items() if not name.isupper()}
        if spider not in ("feed", "articles"):
            arguments = {"render": "http"} | arguments
        given = [part for item in arguments.items() for part in ("-a", "=".join(item))]
        if path:
            settings["PYTHONPATH"] = path_with(path)
        if modules := settings.pop("SPIDER_MODULES", ""):  # not read from the environment
            given += ["-s", f"SPIDER_MODULES={modules}"]
        settings = {"CALIBER_BASE_URL": url, "CRAWL_ID": self.crawl_id} | settings
        return self.scrapy.start("crawl", spider, *given, **settings)

    def crawl(self) -> dict[str, Any]:
        """The crawl's document."""
        document = self.database.crawls.find_one({"_id": self.crawl_id})
        assert document is not None
        return document


def path_with(folder: str) -> str:
    """PYTHONPATH with a folder of the test's own."""
    return f"{ROOT}{os.pathsep}{folder}"


def articles_asked(site: ServedSite) -> Counter[str]:
    """How often each article was asked for."""
    return Counter(hit.path for hit in site.log if "/post/" in hit.path)


def check_complete(site: ServedSite, cluster: Cluster) -> None:
    """Every article of the first lists is stored once, and nothing is left in the frontier."""
    wanted = {t.slug for s, _ in site.sections("en") for t in site.first_list("en", s)}
    stored = Counter(d["slug"] for d in cluster.database.articles.find({}, {"slug": 1}))
    expected = Counter(dict.fromkeys(wanted, 1))
    assert stored == expected, f"missing: {expected - stored}, too many: {stored - expected}"
    assert cluster.database.articles.count_documents({"revision": {"$ne": 1}}) == 0
    left = cluster.database.frontier.count_documents({"state": {"$ne": "failed"}})
    assert left == 0


@dataclass
class Mongod:
    """A mongod of one's own that can be killed and started again on the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    clients: list[MongoClient[dict[str, Any]]] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def database(self) -> Documents:
        if not self.clients:
            self.clients.append(MongoClient(self.uri, tz_aware=True))
        return self.clients[0]["caliber"]

    def start(self) -> None:
        self.process = start_mongod(self.folder, self.port)
        wait_until(self._answers, what="mongod")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def mongod(folder: Path) -> Iterator[Mongod]:
    """A mongod with files in a new folder, gone at the end."""
    folder.mkdir()
    server = Mongod(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        for client in server.clients:
            client.close()
        server.kill()
