"""What an export is written as: format and compression, by its name and by what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from caliber_crawler.errors import ArgumentError
from caliber_crawler.export.streams import Sink, compressed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

STDOUT = "-"
FORMATS = ("jsonl", "csv", "parquet")
_ENDINGS = {
    ".jsonl": "jsonl", ".jl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet",
}  # fmt: skip
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_ALLOWED = "allowed are .jsonl and .csv, each also with .gz or .zst, and .parquet"


class Writer(Protocol):
    """Writes records in one format."""

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Add records, in the order of their fields."""

    def close(self) -> None:
        """Write what a whole file needs at its end."""


@dataclass(frozen=True, slots=True)
class Form:
    """`format` is one of `FORMATS`, `compression` of the whole file gzip, zstd or empty."""

    format: str
    compression: str = ""


def form_of(name: str, given: str | None) -> Form:
    """The form of a file by its name and the format that was given, if any.

    Raises `ArgumentError` when neither tells the format, when they contradict each other, and for
    Parquet within another compression.
    """
    if name == STDOUT:
        return Form(given or FORMATS[0])
    path = PurePath(name)
    compression = _COMPRESSIONS.get(path.suffix.lower(), "")
    ending = path.with_suffix("").suffix if compression else path.suffix
    told = _ENDINGS.get(ending.lower())
    if told is None and given is None:
        raise ArgumentError(
            f"{name}: no format has this ending; {_ALLOWED}, or say --format {'|'.join(FORMATS)}"
        )
    if told and given and told != given:
        raise ArgumentError(f"{name}: the ending says {told}, --format says {given}")
    form = Form(given or told or "", compression)
    if form.format == "parquet" and compression:
        raise ArgumentError(
            f"{name}: Parquet is compressed inside (zstd); leave {path.suffix} away"
        )
    return form


def writer_of(form: Form, sink: Sink) -> Writer:
    """The writer of a form, which writes into `sink`."""
    # Imported where they are used: Parquet's library takes long to load.
    if form.format == "parquet":
        from caliber_crawler.export.parquet import ParquetWriter

        return ParquetWriter(sink)
    if form.format == "csv":
        from caliber_crawler.export.table import CsvWriter

        return CsvWriter(compressed(sink, form.compression))
    from caliber_crawler.export.lines import LinesWriter

    return LinesWriter(compressed(sink, form.compression))
