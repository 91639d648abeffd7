"""Every command that README.md, SECURITY.md and docs/*.md show is run, once, as it stands there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from pymongo import MongoClient

from demo_site import Edit, ServedSite, SiteConfig, serve
from tests import doc_runs, doc_tables
from tests.conftest import ROOT, Scrapy
from tests.documents import (
    Command,
    documents,
    name_of,
    python_of,
    said_in_passing,
    shell_blocks,
)

DOCUMENTS = [name_of(path) for path in documents()]
MAKE = re.compile(r"(\w+=\S+ )*make( \w+)?( \w+=\S+)*$")
# They make the state of a shell in which others are run, so each document runs its own.
STATE = re.compile(r"(export|unset|cd|\.|kill) ")


def is_listed(command: Command) -> bool:
    return command.text in doc_tables.NOT_RUN or bool(MAKE.match(command.text))


def is_run(command: Command) -> bool:
    return bool(doc_tables.RUN.match(command.text)) and not is_listed(command)


@cache
def plan() -> dict[str, list[list[Command]]]:
    """What each document runs: each distinct command once over all of them."""
    seen: set[tuple[str, ...]] = set()
    planned = {}
    for document in DOCUMENTS:
        planned[document] = []
        for block in shell_blocks(document):
            fresh = [c for c in block if is_run(c) and c.key not in seen]
            seen |= {c.key for c in block}
            own = {id(c) for c in fresh}
            planned[document].append([
                c for c in block
                if id(c) in own or STATE.match(c.text)
                or (doc_runs.service_of(c.text) and doc_runs.in_background(c.text))
            ])  # fmt: skip
    return planned


@dataclass
class Stage:
    """A small stand-in of the site, a database in which crawls of it left something, and what the
    documents' placeholders stand for here."""

    settings: dict[str, str]
    places: dict[str, str]


@pytest.fixture(scope="module")
def stage(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    database = f"docs_{uuid.uuid4().hex[:12]}"
    with serve(SiteConfig(articles=30, seed=7, cards=200)) as site:
        settings = {
            "CALIBER_BASE_URL": site.url,
            "MONGODB_URI": mongo_uri,
            "MONGODB_DATABASE": database,
            "CLUSTER_DOWNLOAD_DELAY": "0",
            "SCROLL_QUIET_SECONDS": "0.3",
            "SCRAPY_PYTHON_SHELL": "python",
            "ALERT_TELEGRAM_API": "http://127.0.0.1:9",  # nobody is there; nobody shall be told
            "TERM": "dumb",
        }
        places = _past(Scrapy(tmp_path_factory.mktemp("past"), settings), site)
        places |= {
            "site": site.url,
            "mongo": mongo_uri,
            "database": database,
            "port": str(doc_runs.free_port()),
        }
        yield Stage(settings, places)
    with MongoClient[dict[str, object]](mongo_uri) as client:
        for name in (database, "stand_in"):
            client.drop_database(name)


def _past(scrapy: Scrapy, site: ServedSite) -> dict[str, str]:
    """Two crawls: one that left a failure in the frontier, one that met an edit."""
    first, second, third = (t for t in site.first_list("en", "world")[:3])
    site.knobs.status[third.path] = 500
    crawl = ("-a", "render=http", "-s", "RETRY_TIMES=0")
    run = scrapy("crawl", "sections", *crawl, CRAWL_ID="2026-11-25")
    assert run.code == 4, run.err
    site.knobs.status.clear()
    site.knobs.edited[second.slug] = Edit(title=f"{second.title} UPDATED", paragraph="One more.")
    run = scrapy("crawl", "articles", "-a", f"url={site.url}{second.path},{site.url}{third.path}")
    assert run.code == 0, run.err
    [crawl_id] = {record["crawl"]["id"] for record in run.records} or {"2026-11-25"}
    return {
        "article": f"en/{first.slug}", "slug": first.slug, "edited": f"en/{second.slug}",
        "crawl": crawl_id,
    }  # fmt: skip


@pytest.fixture
def reader(stage: Stage, tmp_path: Path) -> Scrapy:
    """A project folder of a reader who has set the project up."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    site = stage.settings["CALIBER_BASE_URL"]
    (tmp_path / "addresses.txt").write_text(f"{site}/en/post/{stage.places['slug']}\n")
    return Scrapy(tmp_path, stage.settings)


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if any(plan()[name])])
def test_commands_do_what_the_document_says(document: str, stage: Stage, reader: Scrapy) -> None:
    ended = doc_runs.run(plan()[document], reader, stage.places)
    failed = [str(one) for one in ended if not one.as_promised]
    assert not failed, "\n".join(failed)
    for one in ended:
        if any(shown for _, shown in one.command.typed):
            doc_runs.check_session(one, stage.places)


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if python_of(name)])
def test_python_runs(document: str, stage: Stage, reader: Scrapy) -> None:
    if document in doc_tables.NOT_RUN_PYTHON:
        doc_tables.not_run_python(document)
        return
    code = doc_runs.placed(python_of(document), stage.places)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=reader.folder, env=doc_runs.environment(reader),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


def test_every_command_is_run_or_named() -> None:
    commands = [c for name in DOCUMENTS for block in shell_blocks(name) for c in block]
    assert [str(c) for c in commands if not (is_listed(c) or doc_tables.RUN.match(c.text))] == []
    planned = {c.key for blocks in plan().values() for block in blocks for c in block}
    assert {c.key for c in commands if not is_listed(c)} == planned


@pytest.mark.parametrize("text", sorted(doc_tables.NOT_RUN))
def test_what_is_not_run_is_looked_at(text: str) -> None:
    doc_tables.NOT_RUN[text].check(text)


def test_targets_of_make_are_there() -> None:
    """All at once, since each start of `make` takes time; nothing is made."""
    commands = [c.text for name in DOCUMENTS for block in shell_blocks(name) for c in block]
    commands += [text for name in DOCUMENTS for text in said_in_passing(name)]
    wanted = {text for text in commands if MAKE.match(text)}
    names = {word for text in wanted for word in text.split() if "=" not in word} - {"make"}
    assert len(names) > 5
    run = subprocess.run(
        ["make", "-n", *sorted(names)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr


def test_every_entry_of_the_tables_is_in_a_document() -> None:
    texts = {name: (ROOT / name).read_text("utf-8") for name in DOCUMENTS}
    whole = "\n".join(texts.values())
    commands = {c.text for name in DOCUMENTS for block in shell_blocks(name) for c in block}
    assert set(doc_tables.NOT_RUN) <= commands
    assert set(doc_tables.CODES) <= commands
    assert all(any(c.startswith(start) for c in commands) for start in doc_tables.SERVICES)
    assert [place for place in doc_tables.PLACES if not re.search(place, whole)] == []
    assert set(doc_tables.NOT_RUN_PYTHON) <= {name for name in DOCUMENTS if python_of(name)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_said_in_passing_exists(document: str) -> None:
    """Targets are looked at above."""
    ours = {path.stem for path in (ROOT / "caliber_crawler" / "commands").glob("*.py")}
    for text in said_in_passing(document):
        words = [word for word in shlex.split(text.replace("...", "")) if "=" not in word]
        if words[0] == "scrapy":
            assert words[1] in ours | {"settings", "version"}, f"{document}: {text}"
        elif words[0] == "python":
            assert importlib.util.find_spec(words[2]), f"{document}: {text}"
