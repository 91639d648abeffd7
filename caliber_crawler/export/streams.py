"""Bytes on their way to a file: counted, hashed, and compressed."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
from typing import IO, Any, cast

from caliber_crawler.files import write_all

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BUFFER = 256 * 1024
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


class Sink(io.RawIOBase):
    """Passes bytes on to an unbuffered file; `size` and `sha256` are of all that went through.

    Raises the OSError of the file. After `abandon` everything is swallowed, so that writers may be
    left as they are.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file: io.FileIO | None = file
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The checksum so far, hexadecimal."""
        return self._hash.hexdigest()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._file is not None:
            write_all(self._file, view)
            self._hash.update(view)
            self.size += len(view)
        return len(view)

    def abandon(self) -> None:
        """Let nothing more through."""
        self._file = None


def compressed(sink: Sink, compression: str) -> IO[bytes]:
    """A buffered file that compresses into `sink` with gzip or zstd, or not when it is empty.

    The same bytes give the same file at any time and under any name. To be closed by its user.
    """
    inner: IO[bytes] | Sink = sink
    if compression == "gzip":
        inner = cast(
            "IO[bytes]",
            gzip.GzipFile("", "wb", compresslevel=_GZIP_LEVEL, fileobj=sink, mtime=0),
        )
    elif compression == "zstd":
        inner = cast("IO[bytes]", zstd.ZstdFile(sink, "wb", level=_ZSTD_LEVEL))
        inner.write(b"")  # without any write it would leave a file without a frame
    return io.BufferedWriter(cast("io.RawIOBase", inner), _BUFFER)
