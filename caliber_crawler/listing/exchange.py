"""What a browser saw: requests of a list for more, with their answers, as flat fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

# A field's name says where in the request it stands: ("path", "2"), ("query", "page"),
# ("form", "last_id"), ("json", "filter.after"), ("header", "x-csrf-token").
FieldName = tuple[str, str]

_BOUNDARY = "caliber-crawler-form"
# Set by the browser itself. All other headers were set by the page's script, and the server may
# insist on them.
_BROWSER_HEADERS = frozenset(
    "accept-encoding accept-language cache-control connection content-length cookie dnt host "
    "if-modified-since if-none-match origin pragma priority referer te upgrade-insecure-requests "
    "user-agent".split()
)


@dataclass(frozen=True)
class Request:
    """One request for more: absolute `url`, `body` as text ("" for none), headers in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back: `body` as bytes, `content_type` the header ("" if none), `at` the instant
    of the answer as far as it is known."""

    status: int
    content_type: str
    body: bytes
    at: datetime | None = None


@dataclass(frozen=True)
class Exchange:
    """A request and its answer; `asked` tells the order in which requests were made."""

    request: Request
    answer: Answer
    asked: int = 0


@dataclass(frozen=True)
class Shape:
    """A request taken apart: what stays (`method`, `origin`, `body_kind`) and its `fields`.

    `body_kind` is ``""``, ``form``, ``multipart``, ``json`` or ``raw``; a raw body is one field.
    JSON leaves keep their type.
    """

    method: str
    origin: str
    body_kind: str
    fields: dict[FieldName, Any]

    @property
    def outline(self) -> tuple[Any, ...]:
        """Equal for requests that differ in the values of their fields only."""
        return self.method, self.origin, self.body_kind, tuple(sorted(self.fields))


def take_apart(request: Request) -> Shape:
    """The request as flat fields. `put_together` is its inverse up to percent-encoding."""
    parts = urlsplit(request.url)
    fields: dict[FieldName, Any] = {
        ("path", str(i)): segment for i, segment in enumerate(parts.path.split("/")[1:])
    }
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        fields[_free(fields, "query", name)] = value
    for name, value in request.headers.items():
        lower = name.lower()
        if lower not in _BROWSER_HEADERS and not lower.startswith(("sec-", ":", "proxy-")):
            fields["header", lower] = value
    kind = _body_kind(request)
    if kind == "multipart":  # its boundary is drawn anew for each request
        fields.pop(("header", "content-type"), None)
    if kind in ("form", "multipart"):
        pairs = parse_qsl(request.body, keep_blank_values=True)
        for name, value in pairs if kind == "form" else _multipart(request.body):
            fields[_free(fields, "form", name)] = value
    elif kind == "json":
        for path, leaf in leaves(json.loads(request.body)):
            fields["json", path] = leaf
    elif kind == "raw":
        fields["raw", ""] = request.body
    origin = f"{parts.scheme}://{parts.netloc}"
    return Shape(request.method.upper(), origin, kind, fields)


def put_together(shape: Shape) -> Request:
    """The request that `take_apart` would take apart into this shape."""
    path = "/" + "/".join(
        str(value) for (place, _), value in shape.fields.items() if place == "path"
    )
    query = urlencode(_pairs(shape, "query"))
    headers = {name: str(v) for (place, name), v in shape.fields.items() if place == "header"}
    body = ""
    if shape.body_kind == "form":
        body = urlencode(_pairs(shape, "form"))
    elif shape.body_kind == "multipart":
        headers["content-type"] = f"multipart/form-data; boundary={_BOUNDARY}"
        body = "".join(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in _pairs(shape, "form")
        )
        body += f"--{_BOUNDARY}--\r\n"
    elif shape.body_kind == "json":
        body = json.dumps(_grow(shape), ensure_ascii=False, separators=(",", ":"))
    elif shape.body_kind == "raw":
        body = str(shape.fields["raw", ""])
    origin = urlsplit(shape.origin)
    url = urlunsplit(
        (origin.scheme, origin.netloc, quote(path, safe="/%:@!$&'()*+,;=~"), query, "")
    )
    return Request(shape.method, url, headers, body)


def leaves(value: Any, path: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """All scalars and empty containers of a JSON value with their dotted paths: ``items.0.id``.

    Deeper than 20 levels nothing is read, so that hostile nesting ends.
    """
    if depth > 20:
        return []
    if isinstance(value, dict) and value:
        pairs = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list) and value:
        pairs = [(str(i), inner) for i, inner in enumerate(value)]
    else:
        return [(path, value)]
    found: list[tuple[str, Any]] = []
    for name, inner in pairs:
        step = _step(name)
        found += leaves(inner, f"{path}.{step}" if path else step, depth + 1)
    return found


def _step(name: str) -> str:
    """A name within a path. A dot in it would read as a step, and an empty one as none, so both are
    written with another sign."""
    return name.replace(".", "\u2024") or "\u2205"


def _name(step: str) -> str:
    """The inverse of `_step`."""
    return "" if step == "\u2205" else step.replace("\u2024", ".")


_INDEX = re.compile(r"[0-9]{1,9}")


def lookup(value: Any, path: str) -> Any:
    """The value at a dotted path; None when there is none. The empty path is the value itself."""
    for step in path.split(".") if path else ():
        name = _name(step)
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _body_kind(request: Request) -> str:
    if not request.body:
        return ""
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if stated == "application/x-www-form-urlencoded":
        return "form"
    if stated == "multipart/form-data":
        return "multipart"
    try:
        decoded = json.loads(request.body)
    except (ValueError, RecursionError):
        # Scripts send forms under other names too; a body of name=value pairs is one.
        return "form" if _is_form(request.body) else "raw"
    return "json" if isinstance(decoded, dict | list) else "raw"


def _multipart(body: str) -> list[tuple[str, str]]:
    """Names and values of the text parts of a multipart body, in order."""
    boundary = body.partition("\n")[0].strip()
    found = []
    for part in body.split(boundary)[1:-1] if boundary else ():
        head, _, value = part.partition("\r\n\r\n")
        name = re.search(r'name="([^"]*)"', head)
        if name:
            found.append((name[1], value.removesuffix("\r\n")))
    return found


def _is_form(body: str) -> bool:
    return "=" in body and not body.startswith(("-", "<")) and "\n" not in body


def _free(fields: Mapping[FieldName, Any], place: str, name: str) -> FieldName:
    """A name for a parameter that comes more than once: ``tag``, ``tag#1``, ``tag#2``."""
    number, key = 0, (place, name)
    while key in fields:
        number += 1
        key = (place, f"{name}#{number}")
    return key


def _pairs(shape: Shape, place: str) -> list[tuple[str, str]]:
    return [
        (name.partition("#")[0], str(value))
        for (where, name), value in shape.fields.items()
        if where == place
    ]


def _grow(shape: Shape) -> Any:
    """The JSON value whose leaves are the shape's json fields."""
    tree: dict[str, Any] = {}
    for (place, path), value in shape.fields.items():
        if place == "json":
            *steps, last = path.split(".")
            node = tree
            for step in steps:
                # Two names may be written alike: one that holds our signs, and one with a dot.
                if not isinstance(node.get(step), dict):
                    node[step] = {}
                node = node[step]
            node[last] = value
    return _lists(tree)


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    grown = {_name(step): _lists(inner) for step, inner in node.items()}
    if grown and list(grown) == [str(i) for i in range(len(grown))]:
        return list(grown.values())
    return grown
