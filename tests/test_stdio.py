"""Standard input, output and error that are closed, full, or read by nobody any more."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from demo_site import ServedSite, SiteConfig, serve
from tests.conftest import SCRAPY, Scrapy

Documents = Database[dict[str, Any]]


@pytest.fixture
def site() -> Iterator[ServedSite]:
    with serve(SiteConfig(articles=10, seed=1)) as served:
        yield served


def shell(scrapy: Scrapy, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A line of bash, in which `scrapy` is ours. With `pipefail`."""
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; scrapy() {{ {shlex.join(SCRAPY)} "$@"; }}; {command}'],
        cwd=scrapy.folder, env=scrapy.environment(**settings), capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "way", ["2>/dev/full", "2> >(head -c 1 >/dev/null)", "2>&-", "<&- >&- 2>&-"]
)
def test_a_crawl_whose_words_nobody_can_read(
    scrapy: Scrapy, site: ServedSite, database: Documents, way: str
) -> None:
    line = f"scrapy crawl sections -a render=http {way}"
    run = shell(scrapy, line, CALIBER_BASE_URL=site.url)
    assert run.returncode == 0, run.stderr
    [crawl] = database.crawls.find()
    assert (crawl["status"], crawl["exit_code"]) == ("finished", 0)
    assert database.articles.count_documents({}) == crawl["counts"]["articles/new"] > 0


@pytest.mark.parametrize(
    ("way", "why"), [(">/dev/full", "No space left on device"), ("| head -0", "Broken pipe")]
)
@pytest.mark.parametrize("command", ["crawls", "crawls --json", "doctor --offline"])
def test_a_table_that_nobody_can_read(scrapy: Scrapy, command: str, way: str, why: str) -> None:
    run = shell(scrapy, f"scrapy {command} {way}")
    assert run.returncode == 1, run.stderr
    assert run.stderr.splitlines() == [f"caliber-crawler: standard output: {why}"]


def test_an_export_that_cannot_tell_of_itself(scrapy: Scrapy, site: ServedSite) -> None:
    assert scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url).code == 0
    run = shell(scrapy, "scrapy export -o all.jsonl >/dev/full")
    assert (run.returncode, run.stderr) == (0, "")
    assert (scrapy.folder / "all.jsonl").stat().st_size


def test_letters_that_the_locale_lacks(scrapy_without_store: Scrapy) -> None:
    """As in a locale of ISO-8859-1; Scrapy's own commands print by themselves."""
    run = scrapy_without_store(
        "settings", "--get", "CRAWLER_CONTACT", CRAWLER_CONTACT="Баку ə", PYTHONIOENCODING="latin-1"
    )
    assert run.code == 0, run.err
    assert run.out == r"\u0411\u0430\u043a\u0443 \u0259" + "\n"
