"""``python -m caliber_crawler.doctor``: Python and packages, for when `scrapy` does not even start.

A package that is missing keeps every command of Scrapy's from being loaded, so this needs nothing
but the standard library and `packaging`.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Print what is found. Returns the exit code: 1 when something is broken."""
    try:
        from caliber_crawler.doctor import machine
        from caliber_crawler.doctor.findings import BROKEN, shown
    except ModuleNotFoundError as error:
        sys.stdout.write(f"broken     packages: {error.name} is missing\n")
        sys.stdout.write("           -> run `make setup`, and activate .venv\n")
        return 1
    findings = [*machine.python(), *machine.packages(machine.wanted())]
    for finding in findings:
        sys.stdout.write(f"{shown(finding)}\n")
    return int(any(finding.state == BROKEN for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
