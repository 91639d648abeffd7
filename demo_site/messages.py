"""What comes in and what goes out, as far as the site cares."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """A request as far as the site looks at it.

    base: `http://host:port` as the visitor named it. path: decoded. Of parameters in `query` and
    `form` that come twice, one is kept; `form` is the body read as one, whatever it is. headers:
    by their names in the usual spelling, `If-None-Match`.
    """

    method: str
    base: str
    path: str
    query_string: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """The names by which `Knobs` may know it: with what it asks for, and bare."""
        asked = self.query_string or self.body
        return (f"{self.path}?{asked}", self.path) if asked else (self.path,)


@dataclass(frozen=True)
class Answer:
    """A response. `promised`: the Content-Length to send when it is not that of `body`."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    promised: int | None = None


def text_answer(status: int, text: str, content_type: str = "text/html") -> Answer:
    return Answer(status, text.encode(), {"Content-Type": f"{content_type}; charset=utf-8"})


def json_answer(data: object) -> Answer:
    return text_answer(200, json.dumps(data, ensure_ascii=False), "application/json")


def redirect_answer(status: int, location: str) -> Answer:
    return Answer(status, b"", {"Location": location, "Content-Type": "text/html"})
