"""Feeds (-o, -O) in JSON lines and CSV: the same record as in MongoDB, one line or row each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scrapy.exporters import CsvItemExporter, JsonLinesItemExporter

from caliber_crawler.export.table import cell
from caliber_crawler.items import Article, json_line


class RecordLinesExporter(JsonLinesItemExporter):
    """One record a line, UTF-8 without BOM, fields in the record's order, None as ``null``.

    Times are ISO 8601 with offset. U+2028, U+2029 and U+0085 are escaped, so that readers which
    split on any Unicode line end see whole records. ``fields`` of the feed choose and rename.
    """

    def export_item(self, item: Any) -> None:
        whole = isinstance(item, Article) and self.fields_to_export is None
        record = item.document() if whole else self._chosen(item)
        self.file.write(f"{json_line(record)}\n".encode())

    def _chosen(self, item: Any) -> dict[str, Any]:
        return dict(self.get_serialized_fields(item, include_empty=True))


class RecordTableExporter(CsvItemExporter):
    """One record a row, cells as those of `scrapy export`: nested values as JSON, and an apostrophe
    before what a spreadsheet would take for a formula (docs/export.md says how to undo it)."""

    def export_item(self, item: Any) -> None:
        super().export_item(item.document() if isinstance(item, Article) else item)

    def serialize_field(self, field: Any, name: str, value: Any) -> Any:
        serializer = field.get("serializer")
        return serializer(value) if serializer else value

    def _build_row(self, values: Iterable[Any]) -> Iterable[Any]:
        return map(cell, values)
