"""The file that an export goes to: seen under its name once it is whole, never before."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caliber_crawler.export.forms import Form, writer_of
from caliber_crawler.export.streams import Sink
from caliber_crawler.files import Claim, is_special

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


@dataclass(frozen=True, slots=True)
class Written:
    """A finished export: `bytes` is its size, `sha256` its checksum, hexadecimal."""

    records: int
    bytes: int
    sha256: str


class Output:
    """Takes records and ends with `finish`; leaving the context without it undoes everything.

    What goes to a pipe, a device or standard output is seen at once and stays.
    """

    def __init__(self, file: io.FileIO, claim: Claim | None, form: Form) -> None:
        self._claim = claim
        self._sink = Sink(file)
        self._writer = writer_of(form, self._sink)
        self._records = 0
        self._resources = ExitStack()
        self._resources.callback(file.close)
        if claim is not None:
            self._resources.callback(claim.discard)

    @classmethod
    def open(cls, path: Path | None, form: Form) -> Self:
        """Open a path, None for standard output. Raises `FileTaken` and OSError.

        What an export that was killed left beside the path goes away.
        """
        if path is None:
            return cls(io.FileIO(sys.stdout.fileno(), "w", closefd=False), None, form)
        if is_special(path):
            return cls(io.FileIO(path, "w"), None, form)
        claim = Claim.take(path)
        try:
            claim.empty()
            return cls(claim.file, claim, form)
        except BaseException:
            claim.discard()
            raise

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Add records. Raises OSError when the disk is full."""
        self._writer.write(records)
        self._records += len(records)

    def finish(self) -> Written:
        """Write the end and put the file in its place. Raises OSError; then it is undone."""
        self._writer.close()
        if self._claim is not None:
            self._claim.commit()
        return Written(self._records, self._sink.size, self._sink.sha256)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._sink.abandon()
        self._resources.close()
