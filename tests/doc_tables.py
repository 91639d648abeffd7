"""What the documents' commands need to be run here, and those that cannot be.

Whoever adds a command to a document adds something here only when the test cannot run it as it
stands. `test_doc_commands` fails for a command that is neither run nor named here, and for an entry
that is in no document.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from tests.conftest import ROOT
from tests.documents import blocks, python_of

# What stands in the documents, and what is put in its place; {names} are those of `Stage.places`.
PLACES = {
    r"https://caliber\.az(?!\w)": "{site}",
    r"en/some-slug": "{article}",
    r"some-slug": "{slug}",
    r"en/the-house-of-maps-moves-its-workshop-to-lankaran": "{edited}",
    r"20261125T023304Z-1a2b3c": "{crawl}",
    r"mongodb://user:password@db\.example:27017": "{mongo}",
    r"mongodb://127\.0\.0\.1:27017": "{mongo}",
    r"\[\"caliber\"\]": '["{database}"]',
    r"MONGODB_DATABASE=caliber": "MONGODB_DATABASE={database}",
    r"mail\.example\.org": "127.0.0.1",
    # A stand-in that is started by a document is a small one, at a port that is free.
    r"--port 8000(?! --)": "--port {port} --articles 30 --cards 200",
    r"--port 8000": "--port {port}",
    r"127\.0\.0\.1:8000": "127.0.0.1:{port}",
    r"CLUSTER_DOWNLOAD_DELAY=0\.1": "CLUSTER_DOWNLOAD_DELAY=0",
    r"CLUSTER_DOWNLOAD_DELAY=2": "CLUSTER_DOWNLOAD_DELAY=0",
    # No test goes to the real site, so what a document takes back is set to the stand-in again.
    r"unset CALIBER_BASE_URL MONGODB_DATABASE CLUSTER_DOWNLOAD_DELAY": (
        "export CALIBER_BASE_URL={site} MONGODB_DATABASE={database}"
    ),
}

# How a command ends when all is well, if not with 0.
CODES = {
    "scrapy schedule deploy/schedule.toml": 130,  # stopped by Ctrl-C (docs/exit-codes.md)
    "scrapy doctor -s CALIBER_BASE_URL=http://127.0.0.1:8000 "
    "-s CHROMIUM_EXECUTABLE=/usr/bin/chrome": 1,  # the slip that it is to find
}

# What a command may begin with to be run; all else is named in `NOT_RUN`, lest a document's
# `rm` or `apt-get` be run by a test.
RUN = re.compile(r"(\w+=\S+ )*(scrapy|python|export|unset|kill|\.) ")

# They run until somebody stops them. In the background (&) they do so until the document's end;
# else they are stopped with Ctrl-C once they said this.
SERVICES = {
    "python -m demo_site --port 8000": "http://",
    "python -m caliber_crawler.store": "mongodb://",
    "scrapy schedule deploy/schedule.toml": "schedule",
}


@dataclass(frozen=True)
class NotRun:
    """Why a command cannot be run in a test, and what is looked at instead."""

    why: str
    check: Callable[[str], None]


def _compose(text: str) -> None:
    """The services and profiles of the command are those of compose.yaml."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    words = shlex.split(text)
    words = words[words.index("up") + 1 :]
    for word in words:
        if not word.startswith("-"):
            assert word.partition("=")[0] in services, word
    if "--profile" in text:
        assert words[-1] in services[words[-1]]["profiles"]


def _apt(text: str) -> None:
    """What is named has the form of packages of Debian; the README and the page agree on it."""
    assert re.fullmatch(r"apt-get (update|install -y( [a-z0-9.+-]+)+)", text)
    for document in ("README.md", "docs/quick-start.md"):
        assert text in (ROOT / document).read_text("utf-8")


def _scrapyd(part: str) -> NotRun:
    """tests/test_scrapyd.py does it, with a Scrapyd of its own; `part` is what it has in common."""

    def check(text: str) -> None:
        assert part in text
        assert part in (ROOT / "tests" / "test_scrapyd.py").read_text("utf-8")

    return NotRun("needs a running Scrapyd", check)


def _mongosh(text: str) -> None:
    """The address has the form that `python -m caliber_crawler.store` prints."""
    assert re.fullmatch(
        r'mongosh "mongodb://caliber@127\.0\.0\.1:\d+/\?directConnection=true"', text
    )


_DOCKER = NotRun("needs Docker and its network", _compose)

NOT_RUN = {
    'python -c "from setuptools import setup; setup()" bdist_egg': _scrapyd("bdist_egg"),
    "curl http://127.0.0.1:6800/addversion.json -F project=caliber -F version=1"
    " -F egg=@dist/caliber_crawler-0.1.0-py3.11.egg": _scrapyd("addversion.json"),
    "curl http://127.0.0.1:6800/schedule.json -d project=caliber -d spider=sections"
    " -d section=world": _scrapyd("schedule.json"),
    "docker compose up -d mongo": _DOCKER,
    "CRAWL_ID=2026-11-25 docker compose up --scale worker=4 worker": _DOCKER,
    "docker compose --profile schedule up -d schedule": _DOCKER,
    'mongosh "mongodb://caliber@127.0.0.1:24117/?directConnection=true"': NotRun(
        "mongosh is no package of ours", _mongosh
    ),
    "apt-get update": NotRun("changes the machine", _apt),
    "apt-get install -y python3 python3-venv make git": NotRun("changes the machine", _apt),
}

# Python that is only compiled, by document.
NOT_RUN_PYTHON = {
    "docs/export.md": "pandas, Polars and DuckDB are no packages of ours",
}


def not_run_python(document: str) -> None:
    """It is Python, at least, and names a file that the document writes."""
    ast.parse(python_of(document))
    written = " ".join(b.text for b in blocks(document) if b.language == "console")
    for name in re.findall(r"articles\.[a-z]+", python_of(document)):
        assert name in written or "articles.jsonl" in name
