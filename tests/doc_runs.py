"""Runs the commands of a document, one after the other in one shell, as a reader would."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests import doc_tables
from tests.conftest import Scrapy
from tests.documents import Command


@dataclass
class Ended:
    """What became of one command: its exit code, and what it wrote."""

    command: Command
    code: int | None
    out: str
    err: str

    @property
    def as_promised(self) -> bool:
        """Ended well; the shell, which goes on after an error, without one; nothing asked of the
        real site, should a document's settings lead there."""
        raised = bool(self.command.typed) and "Traceback" in self.err
        strayed = "https://caliber.az/robots.txt" in self.err
        return self.code == doc_tables.CODES.get(self.command.text, 0) and not raised | strayed

    def __str__(self) -> str:
        said = "\n".join(f"    {line}" for line in (self.out + self.err).splitlines()[-15:])
        return f"{self.command}\n    ended with {self.code}\n{said}"


def in_background(text: str) -> bool:
    return text.endswith(" &")


def service_of(text: str) -> str | None:
    """What a command says once it is up, if it runs until it is stopped."""
    for start, ready in doc_tables.SERVICES.items():
        if text == start or (in_background(text) and text.startswith(start)):
            return ready
    return None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def placed(text: str, places: dict[str, str]) -> str:
    """A text of a document with what stands for something put in its place."""
    for pattern, value in doc_tables.PLACES.items():
        text = re.sub(pattern, value.format(**places).replace("\\", r"\\"), text)
    if not shutil.which("jq"):  # it only shows what came
        text = re.sub(r"\| jq .*$", "| python -m json.tool --json-lines", text)
    return text


def script_of(blocks: list[list[Command]], places: dict[str, str]) -> str:
    """A script for bash that notes the exit code of each command in the file `codes`.

    What is started in the background is waited for at the end of its block; a service, that of the
    document, or when the document kills it. `kill %1` and `export` work, since all is one shell.
    """
    lines, services, number = ["set -o pipefail", 'codes() { echo "$1 $2" >>codes; }'], [], 0
    for block in blocks:
        waiting = []
        for command in block:
            text = placed(command.text, places)
            streams = f"<{number}.in >{number}.out 2>{number}.err"
            ready = service_of(command.text)
            if ready is not None:
                # Bash has what it starts with & ignore Ctrl-C, unlike that which a person starts.
                call = text.removesuffix(" &")
                lines.append(f"env --default-signal=INT {call} {streams} & pid{number}=$!")
                lines.append(
                    f"until cat {number}.out {number}.err | grep -q {ready!r} || "
                    f"! kill -0 $pid{number}; do sleep 0.05; done 2>/dev/null"
                )
                if in_background(text):
                    services.append(number)
                else:
                    lines.append(f"kill -INT $pid{number}; wait $pid{number}; codes {number} $?")
            elif in_background(text):
                lines.append(f"{text.removesuffix(' &')} {streams} & pid{number}=$!")
                waiting.append(number)
            else:
                lines.append(f"{{ {text}\n}} {streams}; codes {number} $?")
            number += 1
        lines += [f"wait $pid{n}; codes {n} $?" for n in waiting]
    killed = any(command.text.startswith("kill ") for block in blocks for command in block)
    for n in services:
        stop = "" if killed else f"kill -INT $pid{n}; "  # Ctrl-C once more would break its end off
        lines.append(f"{stop}wait $pid{n}; codes {n} $?")
    return "\n".join(lines) + "\n"


def run(
    blocks: list[list[Command]], scrapy: Scrapy, places: dict[str, str], *, seconds: float = 150
) -> list[Ended]:
    """Run the commands in the runner's folder, with its settings. Leaves no process behind."""
    folder = scrapy.folder
    commands = [command for block in blocks for command in block]
    for number, command in enumerate(commands):
        typed = "".join(f"{placed(said, places)}\n" for said, _ in command.typed)
        (folder / f"{number}.in").write_text(typed, "utf-8")
    (folder / "codes").write_text("")
    shell = subprocess.Popen(
        ["bash", "-c", script_of(blocks, places)],
        cwd=folder, env=environment(scrapy), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        shell.wait(seconds)
    finally:
        for process in scrapy.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shell.wait()
    codes = dict(line.split() for line in (folder / "codes").read_text().splitlines())
    return [
        Ended(command, int(codes[str(n)]) if str(n) in codes else None,
              read(folder / f"{n}.out"), read(folder / f"{n}.err"))
        for n, command in enumerate(commands)
    ]  # fmt: skip


def read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.exists() else ""


def environment(scrapy: Scrapy) -> dict[str, str]:
    """That of the runner, and `scrapy` and `python` of this environment first on the path."""
    found = scrapy.environment()
    path = f"{Path(sys.executable).parent}:{found['PATH']}"
    # Should a command lead to the real site all the same, it ends at a port where nobody is.
    return found | {"PATH": path, "https_proxy": "http://127.0.0.1:9"}


def check_session(ended: Ended, places: dict[str, str]) -> None:
    """What `scrapy shell` answered to each line is what the document shows below it.

    Where a document shows nothing, nothing is compared.
    """
    answers = [answer.rstrip("\n") for answer in ended.out.split(">>> ")[1:]]
    for (said, shown), answer in zip(ended.command.typed, answers, strict=False):
        expected = "\n".join(placed(line, places) for line in shown).strip()
        assert not expected or answer.strip() == expected, f"{ended.command}\n>>> {said}\n{answer}"
