"""What a check says, and how it is run: with a deadline, and never with a traceback.

Standard library only, see `__main__`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from caliber_crawler.errors import CaliberError

T = TypeVar("T")

OK, ATTENTION, BROKEN = "ok", "attention", "broken"
STATES = (OK, ATTENTION, BROKEN)

REPORT_IT = "run it again; if it stays so, report it with this line"


@dataclass(frozen=True)
class Finding:
    """One line of the report: `check` is the short name of what was looked at, `state` one of
    `STATES`, `found` what is the case and `advice` what to do about it ("" when all is well)."""

    check: str
    state: str
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, OK, found)


def attention(check: str, found: str, advice: str) -> Finding:
    return Finding(check, ATTENTION, found, advice)


def broken(check: str, found: str, advice: str) -> Finding:
    return Finding(check, BROKEN, found, advice)


def of_error(check: str, error: Exception, advice: str = REPORT_IT) -> Finding:
    """The finding for an error. Our own say after a semicolon what to do; else it is `advice`."""
    said = " ".join(str(error).split())
    if not isinstance(error, CaliberError):
        return broken(check, f"{type(error).__name__}: {said}".rstrip(": "), advice)
    found, semicolon, rest = said.partition("; ")
    return broken(check, found, rest if semicolon else advice)


def shown(finding: Finding) -> str:
    """A finding for people: one line, and one more when there is something to do."""
    width = max(map(len, STATES))
    text = f"{finding.state:<{width}}  {finding.check}: {finding.found}"
    return f"{text}\n{'':<{width}}  -> {finding.advice}" if finding.advice else text


async def examined(
    check: str,
    examine: Callable[[], Awaitable[Sequence[Finding]]],
    seconds: float,
    advice: str = REPORT_IT,
) -> list[Finding]:
    """What a check finds; that it is broken when it raises, or takes longer than `seconds`, which
    is when `advice` is given."""
    try:
        async with asyncio.timeout(seconds):
            return list(await examine())
    except TimeoutError:
        return [broken(check, f"no answer within {seconds:g} seconds", advice)]
    except Exception as error:  # whatever it is, the other checks are made all the same
        return [of_error(check, error)]


async def in_thread(function: Callable[[], T]) -> T:
    """What a blocking function returns or raises.

    Unlike a thread of the event loop's, this one is waited for by nobody: a hanging disk or name
    server does not keep the program from ending.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # type: ignore[arg-type]

    def work() -> None:
        try:
            outcome: tuple[T | None, Exception | None] = (function(), None)
        except Exception as error:  # handed on to who waits
            outcome = (None, error)
        with suppress(RuntimeError):  # nobody waits any more, the loop is closed
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=work, daemon=True).start()
    return await done
