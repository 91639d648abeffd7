"""Parquet: typed columns, compressed inside, in row groups of bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from caliber_crawler.export.schema import record_schema
from caliber_crawler.export.streams import Sink

# Whichever comes first ends a row group: readers take one at a time, and so does memory here.
ROWS = 20_000
BYTES = 32 * 1024 * 1024


class ParquetWriter:
    """Columns as `schema.record_schema`, zstd; row groups of `ROWS` rows or `BYTES` bytes."""

    def __init__(self, sink: Sink) -> None:
        self._schema = record_schema()
        self._file = pq.ParquetWriter(pa.PythonFile(sink, "w"), self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._waiting.append(pa.RecordBatch.from_pylist(list(records), schema=self._schema))
        rows = sum(batch.num_rows for batch in self._waiting)
        size = sum(batch.nbytes for batch in self._waiting)
        if rows >= ROWS or size >= BYTES:
            self._write_group()

    def close(self) -> None:
        if self._waiting:
            self._write_group()
        self._file.close()

    def _write_group(self) -> None:
        self._file.write_table(pa.Table.from_batches(self._waiting))
        self._waiting = []
