"""Cells of CSV and types of Parquet, without a database."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caliber_crawler.errors import ArgumentError
from caliber_crawler.export.forms import Form, form_of
from caliber_crawler.export.schema import arrow_type, record_schema
from caliber_crawler.export.table import CsvWriter, cell, text_of
from caliber_crawler.items import ARTICLE_FIELDS, Article, Extraction


@given(st.text() | st.text("'=+-@\t\r\n "))
def test_no_text_is_a_formula_and_every_text_comes_back(text: str) -> None:
    written = cell(text)
    assert isinstance(written, str)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert text_of(written) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_every_text_comes_back_from_a_file(texts: list[str]) -> None:
    file = io.BytesIO()
    file.close = lambda: None  # type: ignore[method-assign]
    writer = CsvWriter(file)
    writer.write([Article(id="en/a", body=text).document() for text in texts])
    writer.close()
    rows = csv.DictReader(io.StringIO(file.getvalue().decode(), newline=""))
    assert [text_of(row["body"]) for row in rows] == texts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (-5, -5),
        (
            datetime(2024, 5, 3, 12, tzinfo=timezone(timedelta(hours=4))),
            "2024-05-03T08:00:00+00:00",
        ),
        (["=a"], '["=a"]'),
        ([], "[]"),
        ({"ru": None}, '{"ru": null}'),
        ({"at": datetime(2024, 5, 3, tzinfo=UTC)}, '{"at": "2024-05-03T00:00:00+00:00"}'),
    ],
)
def test_cells_of_other_values(value: object, expected: object) -> None:
    assert cell(value) == expected


def test_the_schema_has_every_field_of_the_record() -> None:
    schema = record_schema()
    assert schema.names == list(ARTICLE_FIELDS)
    instant = pa.timestamp("ms", tz="UTC")
    assert schema.field("published_at").type == instant
    assert schema.field("alternates").type == pa.map_(pa.string(), pa.string())
    assert schema.field("crawl").type.field("fetched_at").type == instant
    reference = pa.struct([("slug", pa.string()), ("name", pa.string())])
    assert schema.field("sections").type == pa.list_(reference)
    names = [field.name for field in schema.field("extraction").type]
    assert names == list(Extraction.__annotations__)


@pytest.mark.parametrize("hint", [object, set[str], bytes])
def test_types_without_a_form_are_refused(hint: Any) -> None:
    with pytest.raises(TypeError, match="no type of Arrow"):
        arrow_type(hint)


@pytest.mark.parametrize(
    ("name", "given", "form"),
    [
        ("a.jsonl", None, Form("jsonl")),
        ("a.JSONL.GZ", None, Form("jsonl", "gzip")),
        ("a.b.ndjson.zst", None, Form("jsonl", "zstd")),
        ("folder.csv/a.jl", None, Form("jsonl")),
        ("a.csv.gz", "csv", Form("csv", "gzip")),
        ("a.parquet", None, Form("parquet")),
        ("a", "parquet", Form("parquet")),
        ("a.txt.zst", "csv", Form("csv", "zstd")),
        ("-", None, Form("jsonl")),
        ("-", "parquet", Form("parquet")),
    ],
)
def test_forms(name: str, given: str | None, form: Form) -> None:
    assert form_of(name, given) == form


@pytest.mark.parametrize("name", ["a", "a.json", "a.gz", "a.csv.bz2", "csv", ".jsonl", "jsonl.gz"])
def test_endings_that_tell_no_format(name: str) -> None:
    with pytest.raises(ArgumentError, match="no format has this ending"):
        form_of(name, None)
