"""`scrapy doctor`: what keeps a crawl from working on this machine, and what to do about it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from caliber_crawler.doctor.examination import Examination
from caliber_crawler.doctor.findings import ATTENTION, BROKEN, OK, Finding, shown
from caliber_crawler.saying import show, told
from caliber_crawler.secret_settings import guard
from caliber_crawler.verdict import COULD_NOT_START


class Command(ScrapyCommand):
    """Exit code 1 when something is broken, else 0."""

    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}  # noqa: RUF012 - as Scrapy declares it

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Check this machine, the settings, database, browser and site; say what helps"

    def long_desc(self) -> str:
        return (
            "Looks at Python and the packages, the settings, the terminal, the disk, Chromium, "
            "MongoDB (the embedded server is started as a crawl starts it), the site and the "
            "clocks. Each check is one line: ok, attention or broken, what was found, and below it "
            "what to do when it is not ok. The site is asked for robots.txt and one page at most, "
            "with the crawler's delay and user agent; --offline asks it nothing. No record is "
            "touched. Exit code 1 when something is broken, else 0."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--offline", action="store_true", help="ask nothing of the site")
        add(
            "--json",
            action="store_true",
            help="print one JSON array of {check, state, found, advice}",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError("give options only", print_help=False)
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it calls this
        guard(self.settings)
        findings: list[Finding] = []
        read = True

        def tell(finding: Finding) -> None:
            nonlocal read
            findings.append(finding)
            if not opts.json:
                read = read and show(told(shown(finding)))

        Examination(self.settings, tell).run(offline=opts.offline)
        if opts.json:
            read = show(json.dumps([_plain(finding) for finding in findings], indent=1))
        elif read:
            read = show(_sum(findings))
        if not read or any(finding.state == BROKEN for finding in findings):
            self.exitcode = COULD_NOT_START


def _plain(finding: Finding) -> dict[str, str]:
    return {name: told(value) for name, value in asdict(finding).items()}


def _sum(findings: list[Finding]) -> str:
    numbers = Counter(finding.state for finding in findings)
    return f"{numbers[BROKEN]} broken, {numbers[ATTENTION]} to look at, {numbers[OK]} ok"
