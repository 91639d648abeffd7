"""What ``make setup`` does with an environment that is there, and what it says of what is missing.

Python, apt and `id` are scripts of the test that write down how they were called.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Stands for the system's Python, and for that of an environment. What it finds in its folder `on`
# decides how it answers.
PYTHON = """#!/bin/sh
echo "python $*" >>"{log}"
case "$*" in
    "-m venv .venv")
        [ ! -e "{on}/no-venv" ] || {{ echo "ensurepip is not available"; exit 1; }}
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        echo "VIRTUAL_ENV=\\"$PWD/.venv\\"" >.venv/bin/activate ;;
    *"import find_mongod"*) [ -e "{on}/mongod" ] && echo true ;;
    "-c import sys; sys.exit(sys.version_info < (3, 11))")
        case "$0" in *.venv*) [ ! -e "{on}/old" ] ;; esac ;;
    "-m scripts.has_chromium") [ -e "{on}/chromium" ] ;;
    -c*) exec {real} "$@" ;;
esac
"""
LOGGING = '#!/bin/sh\necho "{name} $*" >>"{log}"\n'


@dataclass
class Project:
    """A folder with `scripts/setup.sh` in it. `calls` are those of the last run."""

    folder: Path
    on: Path

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def calls(self) -> list[str]:
        return (self.on / "log").read_text().splitlines()

    def setup(self, *, is_root: bool = False) -> subprocess.CompletedProcess[str]:
        (self.on / "log").write_text("")
        (self.on / "bin" / "id").write_text(f"#!/bin/sh\necho {0 if is_root else 1000}\n")
        return subprocess.run(
            ["bash", "scripts/setup.sh"],
            cwd=self.folder, env={"PATH": f"{self.on / 'bin'}:/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder, on = tmp_path / "project", tmp_path / "on"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", folder / "scripts")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).write_text("one\n")
    (on / "bin").mkdir(parents=True)
    log = on / "log"
    programs = {
        "python3.11": PYTHON.format(log=log, on=on, real=sys.executable),
        "apt-get": LOGGING.format(name="apt-get", log=log),
        "id": "",
    }
    for name, text in programs.items():
        (on / "bin" / name).write_text(text)
        (on / "bin" / name).chmod(0o755)
    (on / "mongod").touch()
    (on / "chromium").touch()
    return Project(folder, on)


def test_an_environment_is_made_once(project: Project) -> None:
    run = project.setup()
    assert run.returncode == 0, run.stderr
    assert run.stderr == "setup: installing Python packages\n"
    assert "python -m venv .venv" in project.calls
    run = project.setup()
    assert (run.returncode, run.stderr) == (0, "")
    assert not [call for call in project.calls if "venv" in call or "install" in call]


def test_why_none_can_be_made(project: Project) -> None:
    (project.on / "no-venv").touch()
    run = project.setup()
    assert run.returncode == 1
    assert "ensurepip is not available\n" in run.stderr
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"where python{version}-venv is missing (Debian, Ubuntu), install it" in run.stderr
    assert not project.venv.exists()


@pytest.mark.parametrize("slip", ["moved", "within", "old"])
def test_one_that_will_not_do_is_made_anew(project: Project, slip: str) -> None:
    project.setup()
    (project.venv / "left").touch()
    activate = project.venv / "bin" / "activate"
    if slip == "moved":
        activate.write_text('VIRTUAL_ENV="/srv/elsewhere/.venv"\nexport VIRTUAL_ENV\n')
        said = "it was made for another folder"
    elif slip == "within":  # a folder whose name ends as this one's
        activate.write_text(f"    export VIRTUAL_ENV=/srv{project.venv}\n")
        said = "it was made for another folder"
    else:
        (project.on / "old").touch()
        said = "its Python is older than 3.11"
    run = project.setup()
    assert run.returncode == 0, run.stderr
    assert f"setup: making .venv anew: {said}\n" in run.stderr
    assert not (project.venv / "left").exists()


@pytest.mark.parametrize(
    "line", ['VIRTUAL_ENV="{}"', "    export VIRTUAL_ENV={}", "VIRTUAL_ENV='{}'"]
)
def test_one_for_this_folder_stays(project: Project, line: str) -> None:
    """As Python 3.11, Python 3.13 and virtualenv write it down."""
    project.setup()
    (project.venv / "left").touch()
    (project.venv / "bin" / "activate").write_text(f"{line.format(project.venv)}\n")
    run = project.setup()
    assert (run.returncode, run.stderr) == (0, "")
    assert (project.venv / "left").exists()


def test_a_link_is_trusted_and_what_it_leads_to_never_removed(
    project: Project, tmp_path: Path
) -> None:
    """A second work tree may share the environment of the first."""
    project.setup()
    other = tmp_path / "other"
    project.venv.rename(other)
    project.venv.symlink_to(other)
    run = project.setup()
    assert (run.returncode, run.stderr) == (0, "")
    (project.on / "old").touch()
    run = project.setup()
    assert run.returncode == 1
    assert ".venv is a link to an environment that will not do" in run.stderr
    assert project.venv.is_symlink()
    assert (other / "bin" / "python").exists()


def test_chromium_is_looked_for_anew_when_packages_changed(project: Project) -> None:
    """Another Playwright looks for another one. At other times what was found or not is kept."""
    project.setup()
    (project.on / "chromium").unlink()
    assert project.setup().stderr == ""
    for text in ("two", "three"):
        (project.folder / "requirements.txt").write_text(text)
        for is_tried in (True, False):
            run = project.setup()
            assert "no Chromium to be had" in run.stderr
            tried = any(call.startswith("python -m playwright install") for call in project.calls)
            assert tried == is_tried


@pytest.mark.parametrize("is_root", [True, False])
def test_root_gets_the_libraries_of_chromium_too(project: Project, is_root: bool) -> None:
    (project.on / "chromium").unlink()
    project.setup(is_root=is_root)
    fetched = [call for call in project.calls if call.startswith("python -m playwright install")]
    deps = "--with-deps " if is_root else ""
    assert fetched == [f"python -m playwright install {deps}chromium"]


def test_it_says_early_that_there_is_no_mongodb(project: Project) -> None:
    (project.on / "mongod").unlink()
    run = project.setup()
    assert run.returncode == 0
    assert "no MongoDB server to be had" in run.stderr
    assert "set MONGODB_URI to a running MongoDB" in run.stderr
