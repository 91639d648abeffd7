"""The documents say what the code does."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from caliber_crawler import counters, reach, settings, verdict
from caliber_crawler.items import ARTICLE_FIELDS
from caliber_crawler.spiders.arguments import (
    ArticlesArguments,
    FeedArguments,
    RefreshArguments,
    SectionsArguments,
)
from tests.documents import blocks, documents, name_of

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def _names(document: str) -> set[str]:
    """All names in code font in the first column of a document's tables."""
    rows = re.findall(r"^\|([^|]*)\|", (DOCS / document).read_text("utf-8"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_counter_is_documented_with_its_meaning() -> None:
    text = (DOCS / "counters.md").read_text("utf-8")
    constants = {name: value for name, value in vars(counters).items() if name.isupper()}
    del constants["PREFIX"], constants["MEANING"], constants["REQUESTS"]
    assert set(constants.values()) == counters.MEANING.keys()
    for name, meaning in counters.MEANING.items():
        assert re.search(
            rf"^\| `{re.escape(name)}(/[A-Z]+)?` \| {re.escape(meaning)} \|$", text, re.MULTILINE
        )


def test_every_reason_of_a_reject_is_documented() -> None:
    sources = "".join(path.read_text("utf-8") for path in ROOT.glob("caliber_crawler/**/*.py"))
    reasons = set(re.findall(r'reason="([a-z_]+)"', sources))
    reasons |= set(re.findall(r'self\.fetch\(\), "([a-z_]+)"', sources))
    reasons |= {f"not_an_article_{kind}" for kind in re.findall(r'NotAnArticle\("(\w+)"', sources)}
    reasons |= {f"not_a_list_{kind}" for kind in ("challenge", "consent", "maintenance")}
    reasons |= {reach.OFF_SITE, reach.PRIVATE_ADDRESS}
    assert len(reasons) >= 8
    assert reasons <= _names("counters.md")


def test_every_setting_is_documented_with_its_default() -> None:
    source = (ROOT / "caliber_crawler" / "settings.py").read_text("utf-8")
    ours = re.findall(r'^(\w+) = _from_environment\("\w+", "(.*)"\)$', source, re.MULTILINE)
    text = (DOCS / "settings.md").read_text("utf-8")
    assert len(ours) >= 12
    for name, default in ours:
        row = re.search(rf"^\| `{name}` \| (.*?) \|", text, re.MULTILINE)
        assert row, name
        assert hasattr(settings, name)
        if default:
            assert row[1] == f"`{default}`"


def test_every_field_of_the_record_is_documented() -> None:
    assert set(ARTICLE_FIELDS) <= _names("record.md")


@pytest.mark.parametrize(
    "arguments", [SectionsArguments, ArticlesArguments, FeedArguments, RefreshArguments]
)
def test_every_argument_is_documented(arguments: type) -> None:
    text = (DOCS / "spiders.md").read_text("utf-8")
    for item in fields(arguments):
        assert f"`{item.name}`" in text


def test_every_exit_code_is_documented() -> None:
    text = (DOCS / "exit-codes.md").read_text("utf-8")
    codes = {value for name, value in vars(verdict).items() if name.isupper()}
    for code in (code for code in codes if isinstance(code, int)):
        assert re.search(rf"^\| {code} \|", text, re.MULTILINE)


def _anchors(document: Path) -> set[str]:
    """The names that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {name.replace(" ", "-") for name in plain}


def test_links_between_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "SECURITY.md", *DOCS.glob("*.md")):
        text = document.read_text("utf-8")
        for target, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
            if target.startswith("http"):
                continue
            path = document.parent / target if target else document
            assert path.exists(), f"{document.name}: {target}"
            assert not heading or heading in _anchors(path), f"{document.name}: {target}#{heading}"


def test_figures_of_the_readme_are_those_of_the_benchmarks() -> None:
    """Each number of its table of figures stands in docs/benchmarks.md, as it is written there."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = text[text.index("Measured with `make bench`") : text.index("## Everyday use")]
    rows = [row for row in table.splitlines() if row.startswith("| ") and "|---" not in row]
    measured = (DOCS / "benchmarks.md").read_text("utf-8")
    for row in rows:
        for number in re.findall(r"\d[\d.,]*\d|\d", row):
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", measured), (row, number)


READERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}


def test_examples_of_data_can_be_read() -> None:
    found = [block for path in documents() for block in blocks(name_of(path))]
    examples = [block for block in found if block.language in READERS]
    assert {block.language for block in examples} == READERS.keys()
    for block in examples:
        assert READERS[block.language](block.text), f"{block.document}:{block.line}"


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name
