"""The feed's exporter with records and with items of other kinds."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from caliber_crawler.exporters import RecordLinesExporter
from caliber_crawler.items import ARTICLE_FIELDS, Article


def test_a_record_is_written_with_all_fields_in_order() -> None:
    file = io.BytesIO()
    RecordLinesExporter(file).export_item(Article(id="en/a", title="Ə\u2028b"))
    raw = file.getvalue()
    assert raw.count(b"\n") == 1
    assert b"\\u2028" in raw
    assert "Ə".encode() in raw
    record = json.loads(raw)
    assert list(record) == list(ARTICLE_FIELDS)
    assert record["published_at"] is None


def test_fields_of_a_feed_choose_and_rename() -> None:
    file = io.BytesIO()
    at = datetime(2026, 6, 25, 13, 24, tzinfo=UTC)
    exporter = RecordLinesExporter(
        file, fields_to_export={"title": "headline", "published_at": "at"}
    )
    exporter.export_item(Article(id="en/a", title="T", published_at=at))
    assert json.loads(file.getvalue()) == {"headline": "T", "at": "2026-06-25T13:24:00+00:00"}


def test_other_items_are_written_too() -> None:
    file = io.BytesIO()
    RecordLinesExporter(file).export_item({"a": 1, "b": None})
    assert json.loads(file.getvalue()) == {"a": 1, "b": None}
