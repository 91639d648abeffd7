"""A TCP proxy in front of a real mongod that tests slow down or cut off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on; `delay` seconds before each answer, nothing at all while `cut`.

    `cut` also closes the connections that are open, as a dead server would. Once a request has all
    the words of `swallow`, its answer is lost with the connection; `swallowed` counts such.
    """

    def __init__(self, target_port: int) -> None:
        self.delay = 0.0
        self.swallow: tuple[bytes, ...] = ()
        self.swallowed = 0
        self._target = target_port
        self._cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.port = 0

    def cut(self) -> None:
        """Close all connections and refuse new ones until `mend`."""
        self._cut = True
        self.loop.call_soon_threadsafe(self._close_all)

    def mend(self) -> None:
        """Pass bytes on again."""
        self._cut = False

    def _close_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        self._close_all()
        await server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, there_writer}
        doomed = asyncio.Event()
        await asyncio.gather(
            self._ask(reader, there_writer, doomed),
            self._answer(there_reader, writer, doomed),
        )
        self._writers -= {writer, there_writer}

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(ConnectionError, OSError):
            while data := await reader.read(65536):
                if self.swallow and all(word in data for word in self.swallow):
                    self.swallow = ()
                    doomed.set()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with suppress(ConnectionError, OSError):
            while data := await reader.read(65536):
                if doomed.is_set():
                    self.swallowed += 1
                    break
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        writer.close()


def through(uri: str, way: Proxy) -> str:
    """A server's URI by way of a proxy."""
    return uri.replace(f":{urlsplit(uri).port}", f":{way.port}")


@contextmanager
def proxy(target_port: int) -> Iterator[Proxy]:
    """A proxy in a thread of its own, gone with all its connections afterwards."""
    made = Proxy(target_port)
    started = threading.Event()
    stop = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(made.loop)
        made.loop.run_until_complete(made.serve(started, stop))
        made.loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(10)
    try:
        yield made
    finally:
        made.loop.call_soon_threadsafe(stop.set)
        thread.join(10)
