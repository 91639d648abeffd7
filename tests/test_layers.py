"""The import rules of docs/architecture.md, checked on the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "caliber_crawler"
MODULES = sorted(PACKAGE.rglob("*.py"))

DATA = {"items", "site", "errors", "counters", "limits", "secrecy"}
RULES = {
    "pages",
    "text",
    "offices",
    "dates",
    "people",
    "dedupe",
    "records",
    "reach",
    "listing",
    "similarity",
    "identity",
    "revisit",
    "report",
    "health",
}
SERVICES = {"store", "browser", "files", "export"}

LAYER = dict.fromkeys(DATA, 0) | dict.fromkeys(RULES, 1) | dict.fromkeys(SERVICES, 2)
GLUE = 3


def _name(path: Path) -> str:
    """First part of a module's name below the package: ``pages``, ``items``, ``store``."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _layer(name: str) -> int:
    return LAYER.get(name, GLUE)


def _imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            # `from caliber_crawler import text` imports a module too.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _uses(path: Path, *packages: str) -> set[str]:
    return {name for name in _imports(path) if name.partition(".")[0] in packages}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    # What is started as a command puts things together, wherever it is.
    own = GLUE if path.name == "__main__.py" else _layer(_name(path))
    for name in _imports(path):
        first, _, rest = name.partition(".")
        if first == "caliber_crawler" and rest and (PACKAGE / f"{rest.split('.')[0]}.py").exists():
            other = rest.split(".")[0]
            assert _layer(other) <= own, f"imports {name} from a lower layer"
        elif first == "caliber_crawler" and rest and (PACKAGE / rest.split(".")[0]).is_dir():
            assert _layer(rest.split(".")[0]) <= own, f"imports {name} from a lower layer"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_driver_has_its_place(path: Path) -> None:
    name, source = _name(path), path.read_text("utf-8")
    if _layer(name) < GLUE:
        assert not _uses(path, "scrapy", "twisted"), "scrapy and twisted belong to the glue"
    if name != "store":
        assert not _uses(path, "pymongo", "bson", "gridfs"), "MongoDB lives in store/"
    if name != "export":
        assert not _uses(path, "pyarrow"), "formats of exports live in export/"
    if name != "report":
        assert not _uses(path, "jinja2", "markupsafe"), "pages for people are made in report/"
    if name != "browser" and _layer(name) < GLUE:
        assert not _uses(path, "playwright", "scrapy_playwright")
    if name != "pages":
        assert not re.search(r"\.(css|xpath)\(", source), "selectors live in pages/"
    if name != "settings":
        assert "environ" not in source, "the environment is read in settings only"
    if _layer(name) < 2:
        clock = re.search(r"\b(now|utcnow|today|time\.time|monotonic)\(\)", source)
        assert not clock, "rules have no clock"
        assert not _uses(path, "asyncio", "socket", "subprocess", "requests", "urllib.request")


def test_the_map_names_every_module() -> None:
    text = (PACKAGE / "__init__.py").read_text("utf-8")
    names = {_name(path) for path in MODULES} - {"__init__"}
    missing = {name for name in names if f"`{name}`" not in text and f"`{name}/`" not in text}
    assert not missing
