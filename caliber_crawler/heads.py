"""HTTP answers whose head does not end: given up at a limit, before they fill the memory.

Twisted bounds each line of a head, but not their number, nor the interim answers (1xx) before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.core.downloader.handlers.http11 import (
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
)
from scrapy.exceptions import DownloadFailedError
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, STATUS

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IAddress


class EndlessHead(Exception):
    """A head is longer than it may be."""


def factory(most: int) -> type[_LenientHTTP11ClientFactory]:
    """What makes the protocols of Twisted's connection pool; a head has `most` bytes at most."""

    class BoundedProtocol(_LenientHTTP11ClientProtocol):
        _head = 0

        def request(self, request: Any) -> Deferred[Any]:
            self._head = 0
            return super().request(request)

        def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
            parser = self._parser
            if parser is not None and parser.state in (STATUS, HEADER):
                # What came before this piece is of the head for sure.
                if self._head > most:
                    why = EndlessHead(f"a head of more than {most} bytes")
                    self._giveUp(Failure(why))  # type: ignore[no-untyped-call]
                    return
                self._head += len(data)
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    class BoundedFactory(_LenientHTTP11ClientFactory):
        def buildProtocol(self, addr: IAddress | None) -> BoundedProtocol:  # noqa: N802
            return BoundedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]

    return BoundedFactory


def is_endless(error: DownloadFailedError) -> bool:
    """Whether a download failed because of such a head."""
    reasons = getattr(error.__cause__, "reasons", ())
    return any(isinstance(reason.value, EndlessHead) for reason in reasons)
