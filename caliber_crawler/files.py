"""Files that nobody sees half done, with one writer each.

A file is written under another name beside its own, ``.NAME.part``, and renamed when it is whole.
Whoever writes holds a lock on that other name, so the right to write is one process's at a time;
the kernel gives it back when the process is killed, and what it had written lies there unlocked.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from caliber_crawler.errors import FileTaken

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_COMPRESSED = frozenset({".gz", ".zst", ".bz2", ".xz"})
_BLOCK = 64 * 1024
# MongoDB takes 16 MiB a record, and its escaped form in JSON is longer.
_LONGEST_LINE = 128 * 1024 * 1024


class Claim:
    """The right to write `target`, and `file`, the unbuffered file beside it that may replace it.

    `leftover` is the number of bytes that a killed writer left in `file`; they are still there.
    Leaving the context without `commit` is `discard`.
    """

    def __init__(self, target: Path, part: Path, file: FileIO) -> None:
        self.target = target
        self.part = part
        self.file = file
        self.leftover = os.fstat(file.fileno()).st_size

    @classmethod
    def take(cls, path: Path) -> Claim:
        """Claim a file, whether it exists or not; a symbolic link stays, its target is claimed.

        Raises `FileTaken` while another claim on it is held, by this process or another, and
        OSError where no file can be made.
        """
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        while True:
            file = FileIO(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file.fileno()), part.stat()):
                    return cls(target, part, file)
            except BlockingIOError:
                file.close()
                raise FileTaken(f"another process is writing {path}") from None
            except FileNotFoundError:
                pass
            except OSError:  # a file system that knows no locks
                file.close()
                raise
            # Its last holder renamed or removed it between our opening and locking it.
            file.close()

    def empty(self) -> None:
        """Forget what a killed writer left."""
        self.file.seek(0)
        self.file.truncate()

    def commit(self) -> None:
        """Put the written file in the place of the old one, once it is on disk; ends the claim.

        Raises OSError; then the old file is as it was, and the claim is still held.
        """
        os.fsync(self.file.fileno())
        if self.target.exists():
            shutil.copymode(self.target, self.part)
        self.part.replace(self.target)
        self.file.close()
        folder = os.open(self.target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def set_aside(self, path: Path) -> None:
        """Keep what was written under another name, in the place of what is there; ends the claim.

        The file that was claimed is as it was.
        """
        self.part.replace(path)
        self.file.close()

    def discard(self) -> None:
        """Remove what was written and end the claim; idempotent."""
        if not self.file.closed:
            self.part.unlink(missing_ok=True)
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()


def is_special(path: Path) -> bool:
    """Whether something is there that cannot be replaced by a file, such as a device or a pipe."""
    return path.exists() and not path.is_file() and not path.is_dir()


def beside(path: Path, word: str) -> Path:
    """Another name in the same folder, with the same endings.

    >>> beside(Path("news/out.2026.jsonl.gz"), "unfinished").name
    'out.2026.unfinished.jsonl.gz'
    """
    ending = path.suffix
    if ending in _COMPRESSED:
        ending = path.with_suffix("").suffix + ending
    return path.with_name(f"{path.name.removesuffix(ending)}.{word}{ending}")


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write every byte; raises OSError, and then some may be written."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


@dataclass(frozen=True, slots=True)
class Mended:
    """What `mend_lines` did: `cut` bytes taken away from offset `at` on, or a line end added."""

    cut: int = 0
    at: int = 0
    ended: bool = False


def mend_lines(file: FileIO) -> Mended:
    """Make a file of JSON lines end with a whole line, so that one can be added.

    A record without its line end gets it; a record that was cut off is taken away, and so are
    bytes that were promised to the file and never written. Raises ValueError, and changes nothing,
    where the last line is none of these: then the file is not ours to cut.
    """
    size = file.seek(0, os.SEEK_END)
    start = _last_line(file, size)
    if start == size:
        return Mended()
    file.seek(start)
    line = _read(file, size - start)
    if _is_record(line):
        file.seek(size)
        write_all(file, b"\n")
        return Mended(at=size, ended=True)
    if not line.startswith(b"{") and line.strip(b"\0"):
        raise ValueError(f"its last line, from byte {start} on, is no record")
    file.truncate(start)
    file.seek(start)
    return Mended(cut=size - start, at=start)


def _last_line(file: FileIO, size: int) -> int:
    """Where the line begins that the file ends in; `size` when it ends with a line end."""
    start = size
    while start > 0:
        end, start = start, max(0, start - _BLOCK)
        file.seek(start)
        found = _read(file, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        if size - start > _LONGEST_LINE:
            raise ValueError(f"its last line is longer than {_LONGEST_LINE} bytes")
    return 0


def _read(file: FileIO, size: int) -> bytes:
    """So many bytes, or all that are left."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
