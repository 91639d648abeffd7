"""Known vulnerabilities of what requirements-dev.lock names: `make audit`, a part of `make lint`.

pip-audit asks the package index's service of known vulnerabilities. Exit code 1 when a package has
one. What could not be asked is said, package by package or in one line; with ``--strict`` that is
exit code 1, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
_SECONDS = 120


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.audit", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail for what cannot be checked")
    strict = parser.parse_args().strict
    said, why = audit(LOCK)
    if said is None:
        print(f"audit: NOT CHECKED for known vulnerabilities: {why}", file=sys.stderr)
        return int(strict)
    bad, unchecked, number = sort_out(said)
    for line in bad:
        print(f"audit: {line}", file=sys.stderr)
    if unchecked:
        some = "" if len(unchecked) == number else f" ({', '.join(unchecked)})"
        print(
            f"audit: NOT CHECKED for known vulnerabilities: {len(unchecked)} of {number} packages"
            f"{some}; the index's service does not know them or does not answer",
            file=sys.stderr,
        )
    print(f"audit: {number - len(unchecked)} of {number} packages checked, {len(bad)} findings")
    return int(bool(bad) or (strict and bool(unchecked)))


def audit(lock: Path) -> tuple[dict[str, Any] | None, str]:
    """What pip-audit says of a lock file, as its JSON; None and why when it says nothing."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes"]
    options = ["--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        run = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {_SECONDS} seconds"
    try:
        said: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        return None, (run.stderr.strip().splitlines() or ["no output"])[-1][:300]
    return said, ""


def sort_out(said: dict[str, Any]) -> tuple[list[str], list[str], int]:
    """Lines for packages with vulnerabilities, names of those not checked, number of all."""
    packages = said["dependencies"]
    bad = [
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        f" (mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'})"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    unchecked = [package["name"] for package in packages if "skip_reason" in package]
    return bad, unchecked, len(packages)


if __name__ == "__main__":
    sys.exit(main())
