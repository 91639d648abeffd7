"""Every page in tests/fixtures is read as its record says, and the command that makes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caliber_crawler.fixtures import Fixture
from demo_site import SiteConfig, serve
from tests.conftest import Scrapy

FOLDERS = sorted(path.parent for path in (Path(__file__).parent / "fixtures").glob("*/meta.json"))


def test_there_are_fixtures_of_all_editions_and_of_a_changed_layout() -> None:
    names = {folder.name.partition("-")[0] for folder in FOLDERS}
    assert {"en", "ru", "arm", "list", "not"} <= names
    assert any(folder.name.endswith("renamed-classes") for folder in FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_pages_are_read_as_they_were(folder: Path) -> None:
    fixture = Fixture(folder)
    assert fixture.read() == fixture.expected


@pytest.mark.parametrize("edition", ["en", "ru", "arm"])
def test_renamed_classes_lose_nothing(edition: str) -> None:
    whole, renamed = (
        Fixture(FOLDERS[0].parent / f"{edition}-{kind}").expected["record"]
        for kind in ("1", "renamed-classes")
    )
    assert renamed.pop("extraction")["method"] == "fallback"
    assert whole.pop("extraction")["method"] == "template"
    assert renamed == whole


def test_the_command_keeps_a_page_of_the_site(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=10, seed=1)) as site:
        truth = site.world.article("en", 1)
        run = scrapy("fixture", site.url + truth.path, CALIBER_BASE_URL=site.url)
        folder = scrapy.folder / "tests" / "fixtures" / truth.slug[:80]
        assert run.code == 0, run.err
        assert truth.title in run.out
        assert Fixture(folder).read() == Fixture(folder).expected
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        assert (meta["url"], meta["zone"]) == (site.url + truth.path, "Asia/Baku")
        missing = scrapy("fixture", f"{site.url}/en/post/none", CALIBER_BASE_URL=site.url)
        assert (missing.code, "404" in missing.out) == (1, True)


def test_the_command_takes_a_saved_page(scrapy: Scrapy) -> None:
    source = FOLDERS[0] / "page.html"
    address = "https://caliber.az/en/post/a-saved-page"
    run = scrapy("fixture", str(source), "--url", address, "--into", "kept", "--name", "mine")
    assert run.code == 0, run.err
    record = Fixture(scrapy.folder / "kept" / "mine").expected["record"]
    assert (record["id"], record["url"]) == ("en/a-saved-page", address)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage"),
        (["no/such/file", "--url", "https://caliber.az/x"], "no/such/file: No such file"),
        ([str(FOLDERS[0] / "page.html")], "--url"),
    ],
)
def test_bad_usage_is_refused(scrapy: Scrapy, arguments: list[str], said: str) -> None:
    run = scrapy("fixture", *arguments)
    assert run.code == 2
    assert said in run.out + run.err
