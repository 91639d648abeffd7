"""What ``make demo`` runs, with and without a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("browser", ["", pytest.param("/bin/false", marks=pytest.mark.soak)])
def test_the_demo_shows_what_was_stored(tmp_path: Path, browser: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHROMIUM_EXECUTABLE": browser}
    run = subprocess.run(
        [sys.executable, "-m", "scripts.demo"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "healthy" in run.stderr
    assert "Stored in MongoDB: " in run.stdout
    assert ("There is no Chromium" in run.stdout) == bool(browser)
    assert (tmp_path / ".caliber" / "demo" / "articles.jsonl").stat().st_size > 100_000


def test_without_a_database_it_says_why(tmp_path: Path) -> None:
    """A file stands in the way of the server's folder."""
    (tmp_path / ".caliber" / "demo").mkdir(parents=True)
    (tmp_path / ".caliber" / "demo" / "mongodb").touch()
    run = subprocess.run(
        [sys.executable, "-m", "scripts.demo"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    [line] = run.stderr.splitlines()
    assert "cannot hold the embedded MongoDB" in line
