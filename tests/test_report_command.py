"""`scrapy report` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import html
from pymongo.database import Database

from tests.articles import fill
from tests.conftest import Scrapy

Documents = Database[dict[str, Any]]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def text_of(path: Path) -> str:
    return " ".join(html.fromstring(path.read_text("utf-8")).text_content().split())


def test_an_empty_database_gives_a_report_that_says_so(scrapy: Scrapy) -> None:
    run = scrapy("report", "-o", "report.html")
    assert run.code == 0, run.err
    size = (scrapy.folder / "report.html").stat().st_size
    assert run.out == f"report.html: 0 articles, 0 crawls, 0 edits, {size} bytes\n"
    assert "The database is empty" in text_of(scrapy.folder / "report.html")


def test_articles_are_selected_and_what_was_asked_for_is_told(
    scrapy: Scrapy, database: Documents
) -> None:
    fill(database, 300)  # every 15 minutes from 1 January 2024 10:00 in Baku
    run = scrapy(
        "report", "-o", "made/report.html", "--language", "en", "--section", "world,sport",
        "--since", "2024-01-02", "--until", "2024-01-03", "--top", "3", "--json",
    )  # fmt: skip
    assert run.code == 0, run.err
    path = scrapy.folder / "made" / "report.html"
    # 192 articles on those days, half of them in English, two of three in the sections.
    assert json.loads(run.out) == {
        "file": "made/report.html", "bytes": path.stat().st_size, "articles": 64, "crawls": 0,
        "revisions": 0,
    }  # fmt: skip
    page = html.fromstring(path.read_text("utf-8"))
    about = dict(zip(page.xpath("//dt/text()"), page.xpath("//dd/text()"), strict=True))
    assert about["Only days"] == "from 2 January 2024 to 3 January 2024"
    assert about["Only editions"] == "en"
    assert about["Only sections"] == "world, sport"
    assert about["Times and days"] == "of the zone Asia/Baku"
    assert database.name in about["Database"]
    assert len(page.xpath("//section[@id='viewed']//tbody/tr")) == 3
    assert page.xpath("//section[@id='articles']//tbody/tr/th/text()") == [
        "2 January 2024", "3 January 2024", "all",
    ]  # fmt: skip
    assert files(path.parent) == {"report.html"}


def test_a_report_takes_the_place_of_the_old_one(scrapy: Scrapy, database: Documents) -> None:
    path = scrapy.folder / "report.html"
    path.write_text("old")
    path.chmod(0o640)
    fill(database, 5)
    assert scrapy("report", "-o", "report.html").code == 0
    assert "5, published from 1 January 2024" in text_of(path)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say which file to write"),
        (["-o", "-"], "say which file to write"),
        (["report.html"], "unknown argument 'report.html'"),
        (["-o", "r.html", "--since", "yesterday"], "since='yesterday' is no date"),
        (["-o", "r.html", "--since", "2026-06-02", "--until", "2026-06-01"], "is after until"),
        (["-o", "r.html", "--language", "xx"], "language=xx: allowed are"),
        (["-o", "r.html", "--section", "a b"], "give names as they are in addresses"),
        (["-o", "r.html", "--top", "0"], "--top '0': give a whole number from 1 to 100"),
        (["-o", "r.html", "--top", "many"], "--top 'many'"),
        (["-o", "r.html", "-s", "MONGODB_URI=off"], "there is no database"),
        (["-o", "r.html", "-s", "SITE_TIMEZONE=Mars"], "SITE_TIMEZONE='Mars' is no time zone"),
    ],
)
def test_wrong_usage_is_told(scrapy: Scrapy, arguments: list[str], words: str) -> None:
    run = scrapy("report", *arguments)
    assert run.code == 2
    assert words in run.out + run.err
    assert files(scrapy.folder) == set()


def test_without_a_database_the_old_report_stays(scrapy: Scrapy) -> None:
    (scrapy.folder / "report.html").write_text("old")
    run = scrapy("report", "-o", "report.html", MONGODB_URI="mongodb://127.0.0.1:1")
    assert run.code == 1
    assert "MongoDB at 127.0.0.1:1 does not answer" in run.verdict
    assert (scrapy.folder / "report.html").read_text() == "old"
    assert files(scrapy.folder) == {"report.html"}


def test_a_file_that_cannot_be_written_is_told(scrapy: Scrapy) -> None:
    (scrapy.folder / "taken").mkdir()
    run = scrapy("report", "-o", "taken")
    assert run.code == 1
    assert run.verdict == "caliber-crawler: taken: taken is a folder; it is as it was"
    assert files(scrapy.folder / "taken") == set()


@pytest.fixture
def user(database: Documents) -> Iterator[tuple[str, str]]:
    """A user of the database with a password of letters that addresses write otherwise."""
    name, password = "ann", "geh/eim@4"
    roles = [{"role": "dbOwner", "db": database.name}]
    database.command("createUser", name, pwd=password, roles=roles)
    yield name, password
    database.command("dropUser", name)


def test_the_password_is_not_in_the_report(
    scrapy: Scrapy, database: Documents, user: tuple[str, str]
) -> None:
    name, password = user
    host = scrapy.settings["MONGODB_URI"].rpartition("@")[2].split("/")[0]
    secret = quote(password, safe="")
    uri = f"mongodb://{name}:{secret}@{host}/?authSource={database.name}"
    run = scrapy("report", "-o", "report.html", MONGODB_URI=uri)
    assert run.code == 0, run.err
    page = (scrapy.folder / "report.html").read_text("utf-8")
    assert f"mongodb://ann:***@{host}" in page
    assert secret not in page
    assert password not in page
