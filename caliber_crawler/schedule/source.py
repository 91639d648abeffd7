"""The schedule's file, read when it is asked for and again when it has changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from caliber_crawler.errors import ScheduleError
from caliber_crawler.schedule.reading import Check, read

if TYPE_CHECKING:
    from caliber_crawler.schedule.entries import Schedule


class Source:
    """A file that holds a schedule."""

    def __init__(self, path: Path, check: Check) -> None:
        self.path = path
        self._check = check
        self._mark: object = None

    def load(self) -> Schedule:
        """Read and check it. Raises `ScheduleError`."""
        self._mark = self._looks()
        try:
            text = self.path.read_text("utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ScheduleError([f"{self.path}: cannot be read: {reason}"]) from None
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", self.path.stem).strip("-_")[:40]
        return read(text, source=str(self.path), name=name, check=self._check)

    def changed(self) -> bool:
        """Whether it looks otherwise than when it was last loaded, well or not."""
        return self._looks() != self._mark

    def _looks(self) -> object:
        try:
            stat = self.path.stat()
        except OSError as error:
            return error.errno
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
