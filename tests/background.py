"""Work beside a test, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(seconds: float, look: Callable[[], None]) -> Iterator[None]:
    """Call `look` again and again, this far apart, as long as the block runs."""
    left = threading.Event()

    def watch() -> None:
        while not left.wait(seconds):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
