"""Feeds (-o, -O): whole records only, one writer for each file, nothing lost unseen.

-O writes beside the file and takes its place when the crawl closes the feed. -o adds to the file,
in JSON lines after mending the end that a killed writer left. While another process writes the
same file, a feed goes beside it, under the name of its worker. Standard output has none of this:
what it does not take is lost, and told.
"""

from __future__ import annotations

import io
import logging
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from shutil import copyfileobj
from typing import IO, TYPE_CHECKING, Any, cast

from scrapy.extensions.feedexport import FeedExporter
from w3lib.url import file_uri_to_path

from caliber_crawler import counters
from caliber_crawler.addon import CaliberAddon
from caliber_crawler.errors import FileTaken
from caliber_crawler.files import Claim, beside, is_special, mend_lines, write_all
from caliber_crawler.verdict import FEED_TROUBLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from scrapy import Spider
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

LINES = frozenset({"jsonlines", "jsonl", "jl"})
UNFINISHED = "unfinished"
_BUFFER = 64 * 1024


class _NotWhole(OSError):
    """What `store` of a feed raises that was not written as a whole: all is told by then."""


def _without_traceback(record: logging.LogRecord) -> bool:
    """Have Scrapy say in a line that a feed was not written, and why."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, _NotWhole) and isinstance(record.args, tuple):
        record.msg, record.args = f"{record.msg} (%s)", (*record.args, error)
        record.exc_info = record.exc_text = None
    return True


logging.getLogger(FeedExporter.__module__).addFilter(_without_traceback)


class FeedFile(io.RawIOBase):
    """What an exporter writes into. It never raises: `lost` is called for each write that failed,
    with the error, or None where nothing can be written any more.

    In JSON lines a write is one record: one that failed is taken back, so that none stands there
    in part, and the next one is tried. In other formats, and in a file that is not `ours` to take
    anything back from, nothing is written after a failure.
    """

    def __init__(
        self,
        file: io.FileIO | None,
        lost: Callable[[OSError | None], None],
        *,
        lines: bool,
        ours: bool = True,
    ) -> None:
        self._file = file
        self._lost = lost
        returns = file is not None and file.seekable()
        self._may_return = ours and returns
        self._goes_on = lines and (ours or not returns)  # nothing stays in a pipe that is left
        self._size = file.seek(0, io.SEEK_END) if file is not None and self._may_return else 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._file is None:
            self._lost(None)
            return len(view)
        try:
            write_all(self._file, view)
        except OSError as error:
            self._lost(error)
            self._take_back()
        else:
            self._size += len(view)
        return len(view)

    def _take_back(self) -> None:
        file = self._file
        if file is not None and self._may_return:
            file.truncate(self._size)
            file.seek(self._size)
        if not self._goes_on:
            self._file = None


class _Storage(ABC):
    """What the storages share: how a feed is opened, and that each failure is told.

    A feed that could not be written as a whole makes `store` raise, which Scrapy counts under
    ``feedexport/failed_count`` and the verdict names; what there is of it is kept.
    """

    _ours = True

    def __init__(
        self, addon: CaliberAddon, name: str | Path, feed_options: dict[str, Any] | None
    ) -> None:
        options = feed_options or {}
        self._addon = addon
        self._path = Path(name)
        self._overwrite = bool(options.get("overwrite", False))
        self._compressed = "postprocessing" in options
        self._lines = options.get("format") in LINES and not self._compressed
        self._file: io.FileIO | None = None
        self._error: _NotWhole | None = None

    def open(self, spider: Spider) -> IO[bytes]:
        """The file for the exporter; a failure is told now and raised by `store`."""
        try:
            self._file = self._opened()
        except OSError as error:
            self._failed(error)
        feed = FeedFile(self._file, self._lost, lines=self._lines, ours=self._ours)
        if self._lines:
            return cast("IO[bytes]", feed)
        return io.BufferedWriter(feed, _BUFFER)

    @abstractmethod
    def _opened(self) -> io.FileIO:
        """What is written into. Raises OSError."""

    def _lost(self, error: OSError | None) -> None:
        self._addon.count(counters.FEEDS_LOST)
        if error is not None:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        """The first error is told and is that of the feed."""
        if self._error is None:
            self._error = _NotWhole(str(error))
            self._addon.note(FEED_TROUBLE, f"{self._path.name}: {error.strerror or error}")
            logger.error("The feed %s cannot be written: %s", self._path, error)


class StdoutStorage(_Storage):
    """Scrapy's storage for standard output (``-o -:jsonl``). Whoever reads it may leave."""

    _ours = False  # it may be a file into which others write, too

    def __init__(self, addon: CaliberAddon, feed_options: dict[str, Any] | None = None) -> None:
        super().__init__(addon, "standard output", feed_options)

    @classmethod
    def from_crawler(
        cls, crawler: Crawler, uri: str, *, feed_options: dict[str, Any] | None = None
    ) -> Self:
        return cls(CaliberAddon.of(crawler), feed_options)

    def store(self, file: IO[bytes]) -> None:
        """Write what is left. Raises OSError when the feed is not whole."""
        file.flush()
        if self._error is not None:
            raise self._error

    def _opened(self) -> io.FileIO:
        sys.stdout.flush()
        return io.FileIO(sys.stdout.fileno(), "w", closefd=False)


class FeedStorage(_Storage):
    """Scrapy's storage for paths and ``file:`` addresses. One instance for each file."""

    def __init__(
        self, addon: CaliberAddon, uri: str, *, feed_options: dict[str, Any] | None = None
    ) -> None:
        name = file_uri_to_path(uri) if uri.startswith("file:") else uri
        super().__init__(addon, name, feed_options)
        self._claim: Claim | None = None

    @classmethod
    def from_crawler(
        cls, crawler: Crawler, uri: str, *, feed_options: dict[str, Any] | None = None
    ) -> Self:
        return cls(CaliberAddon.of(crawler), uri, feed_options=feed_options)

    @property
    def _replaces(self) -> bool:
        """Whether the file is written anew and takes the place of the old one.

        A compressed feed cannot be mended, so it is added to in a copy.
        """
        return self._claim is not None and (self._overwrite or self._compressed)

    def store(self, file: IO[bytes]) -> None:
        """Close the feed and put it in its place. Raises OSError when it is not whole."""
        file.flush()
        try:
            if self._error is None and self._replaces and self._claim is not None:
                self._claim.commit()
        except OSError as error:
            self._failed(error)
        if self._error is not None:
            if self._replaces and self._claim is not None:
                self._keep(self._claim)
            self._close()
            raise self._error
        self._close()

    def _close(self) -> None:
        if self._claim is not None:
            self._claim.discard()
        if self._file is not None:
            self._file.close()

    def _opened(self) -> io.FileIO:
        if is_special(self._path):
            return io.FileIO(self._path, "w" if self._overwrite else "a")
        self._claim = claim = self._claimed()
        if not self._replaces:
            return self._to_add_to(claim.target)
        if not self._overwrite and claim.target.exists():
            with claim.target.open("rb") as old:
                copyfileobj(old, claim.file)
        return claim.file

    def _claimed(self) -> Claim:
        """The right to write the path or one beside it. Raises OSError when there is none."""
        try:
            claim = Claim.take(self._path)
        except FileTaken as error:
            worker = self._addon.worker.id.replace(":", "-")
            other = beside(self._path, worker)
            logger.warning("%s; this one writes %s", error, other)
            self._addon.count(counters.FEEDS_BESIDE)
            self._path = other
            return self._surely(other)
        if not claim.leftover:
            return claim
        self._keep(claim)
        self._addon.count(counters.FEEDS_UNFINISHED)
        return self._surely(self._path)

    @staticmethod
    def _surely(path: Path) -> Claim:
        try:
            return Claim.take(path)
        except FileTaken as error:
            raise OSError(str(error)) from None

    def _keep(self, claim: Claim) -> None:
        """Keep an unfinished feed, without a record cut in two, as the only one of its file."""
        if self._lines:
            try:
                mend_lines(claim.file)
            except ValueError as error:
                logger.warning("%s: %s", claim.part, error)
        other = beside(claim.target, UNFINISHED)
        claim.set_aside(other)
        logger.warning("%s is unfinished; what there is of it is in %s", claim.target, other)

    def _to_add_to(self, target: Path) -> io.FileIO:
        if self._lines and target.exists():
            with io.FileIO(target, "r+") as file:
                self._mend(file, target)
        return io.FileIO(target, "a")

    def _mend(self, file: io.FileIO, target: Path) -> None:
        try:
            mended = mend_lines(file)
        except ValueError as error:
            raise OSError(f"{target} is no file of JSON lines: {error}") from None
        if mended.cut:
            logger.warning(
                "%s ended in a record that was cut off; its %s bytes from byte %s on are gone",
                target, mended.cut, mended.at,
            )  # fmt: skip
            self._addon.count(counters.FEEDS_TORN)
        if mended.ended:
            logger.warning("%s lacked its last line end; it is there now", target)
            self._addon.count(counters.FEEDS_ENDED)


def unopened(crawler: Crawler) -> str:
    """Why a crawl whose feeds Scrapy has tried to open cannot write all of them; else empty.

    One that its place refuses is open: `FeedStorage` tells of it.
    """
    wanted = crawler.settings.getdict("FEEDS")
    exporter = crawler.get_extension(FeedExporter)
    if not wanted or (exporter is not None and len(exporter.slots) >= len(wanted)):
        return ""
    return (
        f"a feed cannot be opened ({', '.join(map(str, wanted))}): see that its format and what "
        "its name has in %(...)s exist; the log has the cause"
    )
