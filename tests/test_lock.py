"""The lock files fit the lists that they were made from, and the audit of them tells all."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import audit

ROOT = Path(__file__).resolve().parent.parent
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def listed(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text("utf-8")
    return {canonicalize_name(package): version for package, version in _PINNED.findall(text)}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_what_is_listed_is_locked_within_its_bounds(name: str) -> None:
    versions = locked(f"{name}.lock")
    for requirement in listed(f"{name}.txt"):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.11"}):
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), (requirement, version)


def test_every_package_has_hashes_and_one_version() -> None:
    runtime, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert runtime.items() <= development.items()
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = re.sub(r"\\\n", "", (ROOT / name).read_text("utf-8"))
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert len(lines) == len(locked(name)) > 40
        assert all(re.search(r" --hash=sha256:[0-9a-f]{64}", line) for line in lines)
        assert "://" not in text


def package(name: str, **said: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": []} | said


def test_findings_and_what_was_not_checked_are_told_apart() -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}
    said = {
        "dependencies": [
            package("sound"),
            package("flawed", vulns=[flaw, {"id": "PYSEC-2", "fix_versions": []}]),
            {"name": "unknown", "skip_reason": "not found"},
        ]
    }
    assert audit.sort_out(said) == (
        [
            "flawed 1.0: PYSEC-1 (mended in 1.1, 2.0)",
            "flawed 1.0: PYSEC-2 (mended in no version yet)",
        ],
        ["unknown"],
        3,
    )


@pytest.mark.parametrize(
    ("said", "strict", "code"),
    [
        ({"dependencies": [package("a")]}, False, 0),
        ({"dependencies": [package("a", vulns=[{"id": "X", "fix_versions": []}])]}, False, 1),
        ({"dependencies": [{"name": "a", "skip_reason": "x"}]}, False, 0),
        ({"dependencies": [{"name": "a", "skip_reason": "x"}]}, True, 1),
        (None, False, 0),
        (None, True, 1),
    ],
)
def test_exit_codes_of_the_audit(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: dict[str, Any] | None,
    strict: bool,
    code: int,
) -> None:
    monkeypatch.setattr(audit, "audit", lambda lock: (said, "no answer"))
    monkeypatch.setattr(sys, "argv", ["audit", *(["--strict"] if strict else [])])
    assert audit.main() == code
    unchecked = said is None or "skip_reason" in said["dependencies"][0]
    assert ("NOT CHECKED" in capsys.readouterr().err) == unchecked


def test_a_lock_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    said, why = audit.audit(tmp_path / "missing.lock")
    assert said is None
    assert "missing.lock" in why
