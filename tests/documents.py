"""The commands of the documents: what stands in their blocks of code, and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

SHELL = ("console", "sh", "bash")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(^|\s{2,})# .*$")


@dataclass
class Command:
    """One command of a document.

    text: as it stands there, without prompt and comment, continued lines joined by line ends.
    typed: what is typed into it (`>>> ...`), each with the lines that the document shows for it.
    under: what its block exported before.
    """

    document: str
    line: int
    text: str
    typed: list[tuple[str, list[str]]] = field(default_factory=list)
    under: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Commands with the same key do the same."""
        return (self.under, self.text, *(said for said, _ in self.typed))

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Block:
    """A fenced block of code, and the line of the document after which its text begins."""

    document: str
    line: int
    language: str
    text: str

    def commands(self) -> list[Command]:
        """Those of a block in one of the languages in `SHELL`."""
        found: list[Command] = []
        goes_on = False
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            if goes_on:
                found[-1].text += "\n" + line.removeprefix("> ")
            elif self.language != "console" and line.strip() and not line.startswith("#"):
                found.append(Command(self.document, number, _COMMENT.sub("", line)))
            elif line.startswith("$ "):
                found.append(Command(self.document, number, _COMMENT.sub("", line[2:])))
            elif line.startswith(">>> "):
                found[-1].typed.append((_COMMENT.sub("", line[4:]), []))
            elif found and found[-1].typed:
                found[-1].typed[-1][1].append(line)
            goes_on = line.endswith("\\")
        for command in found:
            before = found[: found.index(command)]
            command.under = " ".join(c.text for c in before if c.text.startswith("export "))
        return found


def documents() -> list[Path]:
    """docs/*.md, SECURITY.md and README.md.

    A command is run in the first one that has it. So the quick start is run whole; the README is
    last, for it has some of each, and tests that run beside one another are to have about as much
    to do.
    """
    first = ROOT / "docs" / "quick-start.md"
    rest = [path for path in sorted((ROOT / "docs").glob("*.md")) if path != first]
    return [first, *rest, ROOT / "SECURITY.md", ROOT / "README.md"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document, in order."""
    text = (ROOT / document).read_text("utf-8")
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in _FENCE.finditer(text)
    ]


def shell_blocks(document: str) -> list[list[Command]]:
    """The commands of a document, block by block."""
    return [block.commands() for block in blocks(document) if block.language in SHELL]


def python_of(document: str) -> str:
    """All Python of a document in one, since a later block may rest on an earlier one."""
    return "\n".join(block.text for block in blocks(document) if block.language == "python")


def said_in_passing(document: str) -> set[str]:
    """What stands in code font within the text and looks like a command of ours."""
    text = _FENCE.sub("", (ROOT / document).read_text("utf-8"))
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    return {span for span in spans if re.match(r"(\w+=\S* )*(make|scrapy|python -m) [a-z]", span)}
