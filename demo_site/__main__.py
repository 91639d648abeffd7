"""Serve the stand-in site for people and other processes: `python -m demo_site --help`."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields

from demo_site.config import LIST_HEEDS, LIST_PROTOCOLS, LIST_TRIGGERS, SiteConfig
from demo_site.server import Hit, listening
from demo_site.site import Site


def _parser() -> argparse.ArgumentParser:
    default = SiteConfig()
    parser = argparse.ArgumentParser(
        prog="python -m demo_site",
        description="Serve a stand-in of the news site. Prints its address, stops on Ctrl-C.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default=default.host, help="address to listen on")
    add("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
    add("--articles", type=int, default=default.articles, help="stories of the English edition")
    add("--seed", type=int, default=default.seed, help="another seed, another site")
    add("--cards", type=int, default=default.cards, help="cards in a list before it grows")
    add("--delay", type=float, default=0.0, help="seconds before each answer")
    add("--list-protocol", choices=LIST_PROTOCOLS, default=default.list_protocol,
        help="how lists ask for more cards")  # fmt: skip
    add("--list-trigger", choices=LIST_TRIGGERS, default=default.list_trigger,
        help="where a reader has to be for a list to ask")  # fmt: skip
    add("--list-heeds", choices=LIST_HEEDS, default=default.list_heeds,
        help="what a list's script looks at")  # fmt: skip
    add("--list-box", action=argparse.BooleanOptionalAction, default=default.list_box,
        help="whether lists scroll in a box of their own")  # fmt: skip
    add("--arm-prefix", default=default.arm_prefix, help="address prefix of the third edition")
    add("--reposts", type=int, default=default.reposts, help="articles that are posted twice")
    for name in ("canonical", "hreflang", "json-ld"):
        add(f"--{name}", action=argparse.BooleanOptionalAction,
            default=getattr(default, name.replace("-", "_")),
            help="whether article pages carry it")  # fmt: skip
    add("--verbose", action="store_true", help="log requests to standard error")
    return parser


def _log(hit: Hit) -> None:
    print(f"{hit.method} {hit.path} {hit.status} {hit.agent}", file=sys.stderr, flush=True)


async def _serve(site: Site, config: SiteConfig, verbose: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with listening(site, config.host, config.port, _log if verbose else None) as url:
        print(url, flush=True)
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes. Exit code 0; 1 when the port cannot be had; 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not 0 <= options.delay <= 3600:
        parser.error("argument --delay: must be 0 to 3600 seconds")
    try:
        config = SiteConfig(
            **{item.name: getattr(options, item.name) for item in fields(SiteConfig)}
        )
    except ValueError as error:
        parser.error(str(error))
    site = Site(config)
    site.knobs.delay = options.delay
    try:
        asyncio.run(_serve(site, config, options.verbose))
    except OSError as error:
        print(f"demo_site: cannot listen on {config.host}:{config.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
