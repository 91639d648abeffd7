"""`scrapy fixture`: keep a page as an example that tests hold the code to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.commands import fetch
from scrapy.exceptions import UsageError

from caliber_crawler.config import Config
from caliber_crawler.debugging import WithoutStore
from caliber_crawler.fixtures import Fixture, name_of
from caliber_crawler.pages.html import Page
from caliber_crawler.responses import page_of

if TYPE_CHECKING:
    from scrapy.http import Response


class Command(WithoutStore, fetch.Command):
    """Touches no database. Exit code 1 when the page could not be had."""

    def syntax(self) -> str:
        return "[options] <address | file --url address>"

    def short_desc(self) -> str:
        return "Keep a page and the record read from it as an example for the tests"

    def long_desc(self) -> str:
        return (
            "Fetches a page (or takes a saved one) and writes it with its address, its header and "
            "the record that is read from it into a folder below tests/fixtures. Read the record "
            "before you keep it: the tests hold the code to it."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--into", type=Path, default=Path("tests/fixtures"), metavar="FOLDER")
        parser.add_argument("--name", help="of the fixture's folder; by default the page's slug")
        parser.add_argument("--url", help="address of a saved page")
        parser.add_argument("--content-type", default="text/html; charset=utf-8", metavar="HEADER")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        self._options = opts
        self._written = False
        if len(args) == 1 and opts.url:
            try:
                body = Path(args[0]).read_bytes()
            except OSError as error:
                raise UsageError(f"{args[0]}: {error.strerror}", print_help=False) from None
            self._write(Page(opts.url, body, opts.content_type))
            return
        if len(args) == 1 and Path(args[0]).is_file():
            message = f"{args[0]} is a saved page: say with --url which address it was fetched from"
            raise UsageError(message, print_help=False)
        super().run(args, opts)
        if not self._written:
            self.exitcode = 1

    def _print_response(self, response: Response, opts: argparse.Namespace) -> None:
        if response.status >= 400:
            print(f"the site answered with {response.status}; nothing is kept")
            return
        self._write(page_of(response))

    def _write(self, page: Page) -> None:
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        site = Config.from_settings(self.settings).site
        name = self._options.name or name_of(page.url)
        fixture = Fixture.write(self._options.into / name, page, site)
        self._written = True
        found: dict[str, Any] = fixture.expected
        record = found.get("record")
        print(f"{fixture.folder}: ", end="")
        if record is None:
            print(f"no article ({found['not_an_article']})")
            return
        how = record["extraction"]
        print(
            f"{record['title']!r}, {record['published_at']}, {record['word_count']} words, "
            f"{how['method']} {how['layout']}, missing: {', '.join(how['missing']) or 'nothing'}"
        )
