"""``python -m caliber_crawler.store``: keep the embedded server up to look into the database.

Prints the server's address for `mongosh`, Compass or a script, and stays until Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from caliber_crawler.errors import StoreUnavailable
from caliber_crawler.store.server import EmbeddedServer


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m caliber_crawler.store",
        description="Keep the embedded MongoDB server up and print its address; Ctrl-C ends it.",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".caliber/mongodb"),
        help="files of the server, as in MONGODB_DATA_DIR (default: %(default)s)",
    )
    server = EmbeddedServer(parser.parse_args().data_dir)
    try:
        print(server.acquire(), flush=True)  # noqa: T201 - this is the command's output
    except StoreUnavailable as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    try:
        # Blocked, so that neither signal ends the process before the server was left.
        stop = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        signal.sigwait(stop)
    finally:
        server.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
