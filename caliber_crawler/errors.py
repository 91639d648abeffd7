"""What can go wrong, as exceptions that say what to do next.

Everything the package raises on purpose is a `CaliberError`. Errors of a driver (MongoDB, the
browser) are translated into these at one border and never travel further up.
"""

from __future__ import annotations

from collections.abc import Sequence


class CaliberError(Exception):
    """Base of all errors that this package raises on purpose; `str(error)` is one message."""


class ConfigError(CaliberError):
    """A setting has an impossible value. The message names the setting and what is allowed."""


class ArgumentError(ConfigError):
    """A spider argument is unknown or impossible. The message says what is allowed."""


class ScheduleError(ConfigError):
    """A schedule's file cannot be used. `problems` say each ``file:line: reason``."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ScheduleTaken(CaliberError):
    """Another scheduler runs the schedule. The message says which."""


class NotAnArticle(CaliberError):
    """The page is of another kind (a list, the home page, an error text), so no record comes of it.

    `kind` is a short word for counters: ``list``, ``home``, ``challenge``, ``unknown``, ...
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class OverLimit(CaliberError):
    """An answer goes beyond a limit, so it is not read.

    `reason` is the short word of the reject and the counter: ``too_large``, ``too_many_tags``, ...
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class LostThread(CaliberError):
    """An answer of a list has cards, but none has what the next request is made from."""


class UnknownRule(CaliberError):
    """A stored rule of a list has no form that this version knows. The message says what is off."""


class BrowserUnavailable(CaliberError):
    """The browser cannot be started or does not answer. The message says what to look at."""


class StoreError(CaliberError):
    """MongoDB refused what was asked of it."""


class StoreUnavailable(StoreError):
    """MongoDB cannot be reached or started. The message says what to install, start or set."""


class FileTaken(CaliberError):
    """Another process is writing the file. The message names it."""


class Unserialisable(CaliberError):
    """A request holds what cannot be queued; the message names its address and the part."""
