"""What became of a request that this worker has on lease, as those who see it note it.

The scheduler asks once a request and all that it brought have been dealt with. What nobody noted
went well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from caliber_crawler.secrecy import hide

if TYPE_CHECKING:
    from scrapy import Request

LEASE = "frontier_key"
"""The key in a request's meta that tells which lease it is made under."""


class Refused(IgnoreRequest):
    """A request that was not made because it leads out of reach (`reach`).

    `reason` is the one of its reject.
    """

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def is_certain(error: BaseException | None) -> bool:
    """Whether a request that was not made would not be made another time either."""
    return isinstance(error, Refused) or is_forbidden(error)


def is_forbidden(error: BaseException | None) -> bool:
    """Whether robots.txt forbids a request."""
    return isinstance(error, IgnoreRequest) and "forbidden by robots" in str(error).lower()


class Outcomes:
    """Notes for each lease: the last error, and whether the work was left half done.

    `safe` is the number of requests on their way whose article is stored already, so that a kill
    does not make them be asked for again (`ArticleStore.stored_in`).
    """

    def __init__(self) -> None:
        self.safe = 0
        self._errors: dict[str, str] = {}
        self._unfinished: set[str] = set()

    def failed(self, request: Request, error: str) -> None:
        """The request, or what was to be made of its answer, failed."""
        key = request.meta.get(LEASE)
        if key is not None:
            self._errors[key] = hide(error)

    def fine(self, request: Request) -> None:
        """The request failed before and was answered now."""
        self._errors.pop(request.meta.get(LEASE, ""), None)

    def unfinished(self, request: Request) -> None:
        """The work was broken off by no fault of the page; somebody shall do it again."""
        key = request.meta.get(LEASE)
        if key is not None:
            self._unfinished.add(key)

    def take(self, key: str) -> tuple[str | None, bool]:
        """The error and whether the work is unfinished; forgets both."""
        error = self._errors.pop(key, None)
        unfinished = key in self._unfinished
        self._unfinished.discard(key)
        return error, unfinished
