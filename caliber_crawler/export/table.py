"""CSV: one row a record, for spreadsheets and whatever reads tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, Any

from caliber_crawler.items import ARTICLE_FIELDS, json_line, plain

# What a spreadsheet takes for the beginning of a formula. Apostrophes before it count too: else one
# could not tell a text that had an apostrophe from one that was given it.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


class CsvWriter:
    """A header, then a row for each record: UTF-8 without BOM, rows end with CR LF (RFC 4180).

    Nested values are JSON text, times ISO 8601 with offset ``+00:00``, None is an empty cell.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", newline="")
        self._rows = csv.writer(self._text, lineterminator="\r\n")
        self._rows.writerow(ARTICLE_FIELDS)

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._rows.writerows([cell(record[name]) for name in ARTICLE_FIELDS] for record in records)

    def close(self) -> None:
        self._text.close()


def cell(value: object) -> object:
    """What stands in a cell for a value of a record.

    >>> cell("=1+1"), cell("'=1"), cell("'tis"), cell(-1)
    ("'=1+1", "''=1", "'tis", -1)
    """
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, datetime):
        return plain(value)
    if isinstance(value, Mapping | Sequence):
        return json_line(value)
    return value


def text_of(cell: str) -> str:
    """The text that a cell stands for: without the apostrophe that `cell` puts before formulas.

    >>> text_of("'=1+1"), text_of("''=1"), text_of("'tis")
    ('=1+1', "'=1", "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
