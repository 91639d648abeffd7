"""Serving a site on a socket: in a thread of this process, or in a process of its own."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from demo_site.config import SiteConfig
from demo_site.messages import Answer, Request
from demo_site.site import Site

_CLOSING_SECONDS = 0.5
"""How long open answers may take to end when the server stops."""

_PROCESS_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Hit:
    """One request that came in.

    at: of `time.monotonic()`, in seconds; wall: of `time.time()`. path: as sent, with the query.
    agent: the User-Agent header, empty when there was none. status: what was answered.
    sent: bytes of the answer's body.
    """

    at: float
    wall: float
    method: str
    path: str
    agent: str
    status: int
    sent: int = 0


class ServedSite(Site):
    """A site that is being served. `url` has no trailing slash; `log` is in order of arrival."""

    def __init__(self, config: SiteConfig) -> None:
        super().__init__(config)
        self.url = ""
        self.log: list[Hit] = []


class _Handler:
    """Answers aiohttp's requests from a site."""

    def __init__(self, site: Site, on_hit: Callable[[Hit], object] | None) -> None:
        self._site = site
        self._on_hit = on_hit

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        at, wall = time.monotonic(), time.time()
        read = await _read(request)
        answer = self._site.answer(read)
        if self._on_hit is not None:
            agent = request.headers.get("User-Agent", "")
            path, sent = request.raw_path, len(answer.body)
            self._on_hit(Hit(at, wall, request.method, path, agent, answer.status, sent))
        delay = self._site.delay(read)
        if delay:
            await asyncio.sleep(delay)
        if answer.promised is None:
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        return await _send_part(request, answer)


async def _read(request: web.BaseRequest) -> Request:
    path, _, query = request.raw_path.partition("?")
    body = (await request.read()).decode(errors="replace") if request.method == "POST" else ""
    return Request(
        method=request.method,
        base=f"http://{request.host}",
        path=unquote(path),
        query_string=query,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        form=dict(parse_qsl(body, keep_blank_values=True)),
        body=body,
        headers=request.headers,
    )


async def _send_part(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Promise more bytes than are sent, then close the connection."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = answer.promised
    response.force_close()
    await response.prepare(request)
    await response.write(answer.body)
    return response


@asynccontextmanager
async def listening(
    site: Site, host: str, port: int, on_hit: Callable[[Hit], object] | None
) -> AsyncIterator[str]:
    """Serve `site` on the running loop and yield its address.

    `OSError` when the address cannot be had.
    """
    runner = web.ServerRunner(
        web.Server(_Handler(site, on_hit), access_log=None), shutdown_timeout=_CLOSING_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_port = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"
    finally:
        await runner.cleanup()


@contextmanager
def serve(config: SiteConfig | None = None) -> Iterator[ServedSite]:
    """Serve a site from a thread of this process as long as the block runs.

    `OSError` when the host and port cannot be had.
    """
    config = config or SiteConfig()
    site = ServedSite(config)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        stop = asyncio.Event()
        async with listening(site, config.host, config.port, site.log.append) as url:
            site.url = url
            started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=work, name="demo-site", daemon=True)
    thread.start()
    try:
        loop, stop = started.result()
        try:
            yield site
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()


@contextmanager
def serve_process(config: SiteConfig | None = None) -> Iterator[str]:
    """Serve a site from a process of its own as long as the block runs; yields its address.

    `RuntimeError` when the process ends before it serves.
    """
    command = [sys.executable, "-m", "demo_site", *as_arguments(config or SiteConfig())]
    # The package may have been imported from a folder that the child would not look into.
    folders = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    process = subprocess.Popen(  # noqa: S603 - our own module, with checked numbers and words
        command, stdout=subprocess.PIPE, env=environment, text=True
    )
    with process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise RuntimeError(f"demo_site ended with exit code {process.wait()}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(_PROCESS_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def as_arguments(config: SiteConfig) -> list[str]:
    """Command-line arguments of `python -m demo_site` that give this configuration."""
    arguments = []
    for item in fields(config):
        option = item.name.replace("_", "-")
        value = getattr(config, item.name)
        if isinstance(value, bool):
            arguments.append(f"--{option}" if value else f"--no-{option}")
        else:
            arguments += [f"--{option}", str(value)]
    return arguments
