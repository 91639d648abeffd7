"""``python -m caliber_crawler.store``: keep the embedded server up to look into the database.

Prints the server's address for `mongosh`, Compass or a script, and stays until Ctrl-C or SIGTERM.
The password is in a file that only this user can read; it is printed with ``--with-password``.

As a service (deploy/caliber-store.service) it tells systemd when the server answers.
"""

from __future__ import annotations

import argparse
import re
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from caliber_crawler import settings
from caliber_crawler.config import data_dir
from caliber_crawler.errors import ConfigError, StoreUnavailable
from caliber_crawler.store.access import KEY_FILE
from caliber_crawler.store.server import EmbeddedServer

LOOK_AGAIN_S = 2.0


def main() -> int:
    shown = settings.MONGODB_DATA_DIR.replace("%", "%%")
    parser = argparse.ArgumentParser(
        prog="python -m caliber_crawler.store",
        description="Keep the embedded MongoDB server up and print its address; Ctrl-C ends it.",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        help=f"files of the server (default: MONGODB_DATA_DIR, now {shown})",
    )
    parser.add_argument(
        "--with-password",
        action="store_true",
        help="print the whole address, for a program; anybody who reads it can use the database",
    )
    arguments = parser.parse_args()
    try:
        folder = arguments.data_dir or data_dir(settings.MONGODB_DATA_DIR)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    server = EmbeddedServer(folder)
    try:
        address = server.acquire()
        if not arguments.with_password:
            address = re.sub(r":[^:@]*@", "@", address)
            file = (folder / KEY_FILE).expanduser().resolve()
            print(f"The password is the text in {file}", file=sys.stderr)  # noqa: T201
        print(address, flush=True)  # noqa: T201 - this is the command's output
    except StoreUnavailable as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    try:
        # Blocked, so that neither signal ends the process before the server was left.
        stop = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        _tell_systemd()
        trouble = ""
        while signal.sigtimedwait(stop, LOOK_AGAIN_S) is None:
            trouble = _look_after(server, trouble)
    finally:
        server.release()
    return 0


def _tell_systemd() -> None:
    """Say that the server answers, where a unit of the type "notify" waits for that (sd_notify)."""
    if address := settings.notify_socket():
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            # An address with @ is one of the kernel's own, which begins with a zero byte.
            to.sendto(b"READY=1", re.sub("^@", "\0", address))


def _look_after(server: EmbeddedServer, known: str) -> str:
    """Start it again if it is gone; why that cannot be, said once. `known` is what was said."""
    trouble = ""
    try:
        server.revive()
    except StoreUnavailable as error:
        trouble = str(error)
        if trouble != known:
            print(f"{trouble}; trying again", file=sys.stderr, flush=True)  # noqa: T201
    return trouble


if __name__ == "__main__":
    sys.exit(main())
