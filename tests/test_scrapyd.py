"""Under a real Scrapyd: build the egg as docs/scheduling.md says, deploy it, run a crawl."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo.database import Database

from demo_site import SiteConfig, serve
from tests.conftest import ROOT, wait_until

Documents = Database[dict[str, Any]]

# What goes into the package, and what its making reads.
_PARTS = ("caliber_crawler", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")
_CONFIG = """
[scrapyd]
bind_address = 127.0.0.1
http_port = {port}
poll_interval = 0.2
"""


def built_egg(folder: Path) -> Path:
    """The egg, made by the command that the document names, in a copy of the project."""
    source = folder / "source"
    source.mkdir()
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, source / part)
    command = 'python -c "from setuptools import setup; setup()" bdist_egg'
    assert command in (ROOT / "docs" / "scheduling.md").read_text("utf-8")
    made = subprocess.run(
        [sys.executable, "-c", "from setuptools import setup; setup()", "bdist_egg"],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (egg,) = (source / "dist").glob("*.egg")
    return egg


@contextmanager
def scrapyd(folder: Path, **settings: str) -> Iterator[str]:
    """Address of a Scrapyd of the test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    (folder / "scrapyd.conf").write_text(_CONFIG.format(port=port))
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapyd"],
            cwd=folder,
            env=environment | settings,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(
            lambda: process.poll() is not None or answers(url), seconds=60, what="Scrapyd's answer"
        )
        assert process.poll() is None, (folder / "output").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return bool(ask(f"{url}/daemonstatus.json")["status"] == "ok")
    except OSError:
        return False


def ask(url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
    """GET, or POST of a form, and the JSON that comes back."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    with urllib.request.urlopen(url, data, timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def upload(url: str, egg: Path) -> dict[str, Any]:
    """Send the egg as curl -F does."""
    mark = uuid.uuid4().hex
    body = b""
    for name, value in (("project", "caliber"), ("version", "1")):
        body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        body += f"{value}\r\n".encode()
    body += (
        f'--{mark}\r\nContent-Disposition: form-data; name="egg"; filename="{egg.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += egg.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    request = urllib.request.Request(
        f"{url}/addversion.json",
        body,
        {"Content-Type": f"multipart/form-data; boundary={mark}"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def test_a_crawl_under_scrapyd(
    tmp_path: Path, mongo_uri: str, database_name: str, database: Documents
) -> None:
    egg = built_egg(tmp_path)
    with serve(SiteConfig(articles=40, seed=19)) as site:
        wanted = {truth.slug for truth in site.first_list("en", "world")}
        settings = {
            "MONGODB_URI": mongo_uri,
            "MONGODB_DATABASE": database_name,
            "CLUSTER_DOWNLOAD_DELAY": "0",
        }
        with scrapyd(tmp_path / "scrapyd", **settings) as url:
            told = upload(url, egg)
            assert told["status"] == "ok", told
            assert told["spiders"] == 4
            names = ask(f"{url}/listspiders.json?project=caliber")["spiders"]
            assert set(names) == {"articles", "feed", "refresh", "sections"}
            form = {
                "project": "caliber",
                "spider": "sections",
                "setting": f"CALIBER_BASE_URL={site.url}",
                "section": "world",
                "render": "http",
                "jobid": "job-1",
            }
            assert ask(f"{url}/schedule.json", form)["jobid"] == "job-1"
            wait_until(
                lambda: ask(f"{url}/listjobs.json?project=caliber")["finished"],
                seconds=120,
                what="the end of the job",
            )
        log = (tmp_path / "scrapyd" / "logs" / "caliber" / "sections" / "job-1.log").read_text()
    crawl = database.crawls.find_one()
    assert crawl is not None, log
    assert (crawl["status"], crawl["exit_code"]) == ("finished", 0), log
    assert crawl["arguments"]["section"] == "world"
    assert {article["slug"] for article in database.articles.find()} == wanted
