"""Where the embedded server's files are: one place for a project, wherever in it one stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from caliber_crawler.config import Config, data_dir
from tests.conftest import ROOT
from tests.schedules import project_settings


def test_a_relative_path_is_meant_from_the_projects_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in (ROOT, ROOT / "docs", ROOT / "tests" / "soak"):
        monkeypatch.chdir(folder)
        assert Config.from_settings(project_settings()).mongodb_data_dir == (
            ROOT / ".caliber" / "mongodb"
        )
        assert data_dir("data") == ROOT / "data"
    monkeypatch.chdir(tmp_path)  # no project
    assert data_dir(".caliber/mongodb") == tmp_path / ".caliber" / "mongodb"
    (tmp_path / "scrapy.cfg").touch()
    (tmp_path / "within").mkdir()
    monkeypatch.chdir(tmp_path / "within")
    assert data_dir(".caliber/mongodb") == tmp_path / ".caliber" / "mongodb"


def test_other_paths_are_meant_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_dir(str(tmp_path / "x")) == tmp_path / "x"
    assert data_dir("~/x") == tmp_path / "x"


def test_the_command_that_keeps_the_server_up_goes_there_too(tmp_path: Path) -> None:
    """Here a file is in the way, which it names."""
    (tmp_path / "scrapy.cfg").touch()
    (tmp_path / "data").touch()
    (tmp_path / "within").mkdir()
    run = subprocess.run(
        [sys.executable, "-m", "caliber_crawler.store"],
        cwd=tmp_path / "within", env={"PYTHONPATH": str(ROOT), "MONGODB_DATA_DIR": "data"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    assert str(tmp_path / "data") in run.stderr
