"""JSON lines: the same bytes as a crawl's feed writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

from caliber_crawler.items import json_line


class LinesWriter:
    """One record a line (`items.json_line`), UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        for record in records:
            self._file.write(f"{json_line(record)}\n".encode())

    def close(self) -> None:
        self._file.close()
