"""Which workers are known to be dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from caliber_crawler import workers
from caliber_crawler.workers import arrive, is_dead, pid_namespace


def worker(**more: Any) -> dict[str, Any]:
    return {
        "id": "w", "host": socket.gethostname(), "pid": os.getpid(), "ended_at": None, **more
    }  # fmt: skip


def test_a_process_that_is_gone_is_dead_and_one_that_runs_is_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not is_dead(worker(pid=process.pid))
    process.communicate(b"\n")
    assert is_dead(worker(pid=process.pid))


def test_of_other_machines_and_of_those_that_left_nothing_is_known() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not is_dead(worker(pid=gone.pid, host="elsewhere"))
    assert not is_dead(worker(pid=gone.pid, ended_at=datetime.now(UTC)))


def test_numbers_are_meant_within_their_namespace() -> None:
    """Containers with the network of their host have its name, and processes of their own."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert is_dead(worker(pid=gone.pid, pid_namespace=pid_namespace()))
    assert is_dead(worker(pid=gone.pid, pid_namespace=None))
    assert not is_dead(worker(pid=gone.pid, pid_namespace="pid:[1]"))
    assert not is_dead(worker(id="another", pid_namespace="pid:[1]"))
    assert (pid_namespace() or "").startswith("pid:[")


def test_copies_of_a_machine_have_its_name_and_processes_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    there = worker(pid=gone.pid, pid_namespace=pid_namespace())
    assert is_dead(there)
    other = tmp_path / "boot_id"
    other.write_text("8a51\n")
    monkeypatch.setattr(workers, "_BOOT", other)
    assert not is_dead(there)


def test_a_worker_with_the_number_of_this_process_is_this_one_or_dead() -> None:
    """A container that is started again gives its processes the same numbers."""
    assert not is_dead(worker(id=arrive("w")))
    assert not is_dead(worker(id=arrive("a second crawl of this process")))
    assert is_dead(worker(id="another"))
