"""``python -m caliber_crawler.store``: keep the embedded server up to look into the database.

Prints the server's address for `mongosh`, Compass or a script, and stays until Ctrl-C. The password
is in a file that only this user can read; it is printed with ``--with-password``.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path

from caliber_crawler import settings
from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store.access import KEY_FILE
from caliber_crawler.store.server import EmbeddedServer

LOOK_AGAIN_S = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m caliber_crawler.store",
        description="Keep the embedded MongoDB server up and print its address; Ctrl-C ends it.",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(settings.MONGODB_DATA_DIR),
        help="files of the server (default: MONGODB_DATA_DIR, now %(default)s)",
    )
    parser.add_argument(
        "--with-password",
        action="store_true",
        help="print the whole address, for a program; anybody who reads it can use the database",
    )
    arguments = parser.parse_args()
    server = EmbeddedServer(arguments.data_dir)
    try:
        address = server.acquire()
        if not arguments.with_password:
            address = re.sub(r":[^:@]*@", "@", address)
            file = (arguments.data_dir / KEY_FILE).expanduser().resolve()
            print(f"The password is the text in {file}", file=sys.stderr)  # noqa: T201
        print(address, flush=True)  # noqa: T201 - this is the command's output
    except StoreUnavailable as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    try:
        # Blocked, so that neither signal ends the process before the server was left.
        stop = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        trouble = ""
        while signal.sigtimedwait(stop, LOOK_AGAIN_S) is None:
            trouble = _look_after(server, trouble)
    finally:
        server.release()
    return 0


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
