"""The examples in deploy/ are sound, and docs/scheduling.md knows every key."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from caliber_crawler.schedule import reading
from caliber_crawler.schedule.checks import Checker
from caliber_crawler.schedule.cron import Cron
from caliber_crawler.schedule.source import Source
from caliber_crawler.store import watchdog
from tests.conftest import ROOT
from tests.schedules import project_settings

DEPLOY = ROOT / "deploy"
CHECKER = Checker(project_settings())
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer"))


def checked_command(words: list[str]) -> None:
    """A ``crawl`` of a line: its spider and arguments are the program's."""
    assert words[0] == "crawl"
    arguments = dict(value.split("=", 1) for option, value in pairwise(words) if option == "-a")
    assert list(CHECKER(words[1], arguments, {})) == []
    assert len(words) == 2 + 2 * len(arguments)


def test_the_schedule() -> None:
    schedule = Source(DEPLOY / "schedule.toml", CHECKER).load()
    assert list(schedule.entries) == ["news", "feed", "refresh", "whole"]
    # Those that take the same lock wait for one another: `whole`, for days, would hold up `news`.
    locking = [entry.spider for entry in schedule.entries.values() if not entry.apart]
    assert len(set(locking)) == len(locking)


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "scheduling.md").read_text("utf-8")
    for key in ("zone", "name", *reading._ENTRY):
        assert re.search(rf"^\| `{key}` \|", text, re.MULTILINE), key


def test_the_crontab() -> None:
    lines = [
        line
        for line in (DEPLOY / "crontab").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    names = dict(line.split("=", 1) for line in lines[:-1])
    *fields, command = lines[-1].split(None, 5)
    Cron(" ".join(fields), ZoneInfo(names["CRON_TZ"])).after(datetime(2026, 6, 25, tzinfo=UTC))
    assert "%" not in command  # cron would take it for a line end
    words = command.partition(" 2>&1 | ")[0].split()
    checked_command(words[words.index("crawl") :])


def read_unit(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DEPLOY / name).read_text("utf-8"))
    return unit


@pytest.mark.parametrize("name", UNITS)
def test_units_of_systemd(name: str, tmp_path: Path) -> None:
    """By systemd itself where it is installed: it wants the program to exist."""
    unit = read_unit(name)
    assert unit["Unit"]["Description"]
    if name.endswith(".timer"):
        assert unit["Timer"]["OnCalendar"].endswith(" Asia/Baku")
        assert (DEPLOY / name).with_suffix(".service").exists()
    else:
        words = unit["Service"]["ExecStart"].split()[1:]
        if words[0] == "schedule":
            assert (ROOT / words[1]).exists()
        elif words != ["-m", "caliber_crawler.store"]:
            checked_command(words)
    if (systemd := shutil.which("systemd-analyze")) is None:
        return
    for other in UNITS:
        program = re.sub(
            r"/srv/\S+/(scrapy|python)", sys.executable, (DEPLOY / other).read_text("utf-8")
        )
        (tmp_path / other).write_text(program)
    run = subprocess.run(
        [systemd, "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    ours = [line for line in run.stderr.splitlines() if "caliber" in line or str(tmp_path) in line]
    assert ours == []


def test_the_embedded_server_has_a_unit_of_its_own() -> None:
    """In that of a crawl it would be killed with SIGKILL at each end of it (KillMode=mixed)."""
    name = "caliber-store.service"
    for user in ("caliber-crawl.service", "caliber-schedule.service"):
        unit, store = read_unit(user), read_unit(name)
        for key in ("After", "Wants", "PartOf"):
            assert name in unit["Unit"][key].split()
        for key in ("User", "WorkingDirectory", "EnvironmentFile"):  # so it is the same folder
            assert unit["Service"][key] == store["Service"][key]
    assert (store["Service"]["Type"], store["Service"]["KillMode"]) == ("notify", "control-group")
    assert int(store["Service"]["TimeoutStopSec"]) > watchdog.STOP_LIMIT_S


def test_the_job_of_kubernetes() -> None:
    job: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    spec = job["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    Cron(spec["schedule"], ZoneInfo(spec["timeZone"]))
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    (container,) = pod["containers"]
    checked_command(container["args"])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_compose_runs_the_schedule() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    command, path = services["schedule"]["command"]
    assert command == "schedule"
    assert (ROOT / path).exists()
    assert services["schedule"]["volumes"] == ["./deploy:/app/deploy:ro"]


def test_logs_of_containers_are_bounded() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    for name, service in services.items():
        assert {"max-size", "max-file"} <= service["logging"]["options"].keys(), name


def test_containers_run_as_a_plain_user_with_a_read_only_file_system() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    [user] = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert int(user) > 0
    assert any(line.startswith(f"RUN useradd --uid {user} --create-home crawler") for line in lines)
    # It can read the code, whatever the modes of the checkout.
    copied = max(n for n, line in enumerate(lines) if line.startswith("COPY "))
    assert copied < lines.index("RUN chmod -R a+rX /app") < lines.index(f"USER {user}")
    # Who the user is, is settled before anything is run.
    entry = next(n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    assert lines.index(f"USER {user}") < entry

    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    for service in services.values():
        assert "no-new-privileges:true" in service["security_opt"]
        assert not {"privileged", "ports", "network_mode", "pid"} & set(service)
    for name in ("worker", "schedule"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["cap_add"] == ["SYS_ADMIN"]
        assert service["tmpfs"] == ["/tmp", f"/home/crawler:uid={user},mode=0700"]
        assert "user" not in service  # the image's

    job = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {"fsGroup": int(user)}
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/tmp", "/home/crawler", "/dev/shm"}
