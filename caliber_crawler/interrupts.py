"""Signals that ask a crawl to end: noted from the beginning, then handled by Scrapy as always."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Interrupts:
    """Notes in `number` the first signal that asks this process to end.

    Scrapy listens once its loop runs, and again after each signal; until then nothing would know
    that a crawl was stopped, and one that is forced to end has nobody left to ask. A terminal that
    is closed (SIGHUP) counts as SIGTERM, unless the process was told not to mind (`nohup`).
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._noted: Callable[[int], None] | None = None

    def listen(self) -> None:
        """Note signals from now on; nothing else becomes of them before `follow_scrapy`."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, self._hang_up)

    def follow_scrapy(self) -> None:
        """Note signals and hand them to Scrapy, as soon as it listens. Call it before the start."""
        from twisted.internet import reactor

        # Scrapy puts its handlers in place when the reactor has started, by what was to be done
        # then after this; what is added while that is done comes last.
        later = cast("Any", reactor).addSystemEventTrigger
        later("after", "startup", lambda: later("after", "startup", self._wrap))

    def tell(self, noted: Callable[[int], None]) -> None:
        """Call `noted` with the signal, from within its handler; at once if there was one."""
        self._noted = noted
        if self.number is not None:
            noted(self.number)

    def _wrap(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.getsignal(number)

            def note(signum: int, frame: FrameType | None, previous: Any = previous) -> None:
                self._note(signum, frame)
                if callable(previous):
                    previous(signum, frame)

            signal.signal(number, note)
        if self.number is not None:
            self._pass_on(self.number, None)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = signum
            if self._noted is not None:
                self._noted(signum)

    def _hang_up(self, signum: int, frame: FrameType | None) -> None:
        # A shell and the kernel may both send it; the second one is not meant to force anything.
        if self.number is None:
            self._pass_on(signal.SIGTERM, frame)

    @staticmethod
    def _pass_on(signum: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signum)
        if callable(handler):
            handler(signum, frame)
