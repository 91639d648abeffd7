"""The rule by which a list asks for more, as plain data, and the requests that follow from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from caliber_crawler.errors import LostThread, UnknownRule
from caliber_crawler.listing.answers import Format, Reading
from caliber_crawler.listing.exchange import FieldName, Request, Shape, put_together

SAME_ORIGIN = ""
"""Origin of a rule whose requests go to the site itself, so that it holds for any base URL."""


@dataclass(frozen=True)
class Source:
    """Where the value of one varying field comes from.

    kind     value
    step     `start`, then `by` more each time (page numbers, offsets of equal batches)
    count    number of cards so far, plus `start`; with `by` no more than `at` for the first
             request, and `by` more than that for each one after it
    last     `name` among the values of the last card so far that has it (its id, time, ...; cards
             put in by an editor may have none); ``url``, ``path`` and ``slug`` are the last card's
             address and parts of that
    answer   `name` among the values of the previous answer (a cursor, a token, a "next" address)
    page     `name` among the values of the list's own page, read anew for each walk
    clock    a moment in milliseconds, which servers ignore (it only keeps caches away)

    For the first request `first` is looked up in the page in the same way (for ``last`` in the
    page's last card); where that is empty, `start` is taken, which is that of the day of learning
    unless it `stays` (as ``0`` for a first cursor). `cast` (``int``, ``str`` or nothing)
    is the type that the request has the value in, for JSON; a page's attributes are texts only.
    """

    kind: str
    name: str = ""
    first: str = ""
    start: Any = None
    by: int = 0
    cast: str = ""
    at: int = 0
    stays: bool = False

    def to_document(self) -> dict[str, Any]:
        """For storing."""
        return {
            "kind": self.kind,
            "name": self.name,
            "first": self.first,
            "start": self.start,
            "by": self.by,
            "cast": self.cast,
            "at": self.at,
            "stays": self.stays,
        }

    @property
    def begins_as_seen(self) -> bool:
        """Whether the first value was a place in the list as it was on the day of learning."""
        if self.kind == "step":
            return self.by < 0  # numbers that count down begin with how many there are
        return self.kind == "answer" and not self.first and not self.stays


@dataclass(frozen=True)
class ListRule:
    """How one list asks for more.

    `constants` and `sources` together name every field of the request. With `next_url` the whole
    address comes from there, and only headers and body are in the other two.
    """

    method: str
    origin: str
    body_kind: str
    format: Format
    constants: Mapping[FieldName, Any] = field(default_factory=dict)
    sources: Mapping[FieldName, Source] = field(default_factory=dict)
    next_url: Source | None = None

    def to_document(self) -> dict[str, Any]:
        """Plain data for storing."""
        return {
            "method": self.method,
            "origin": self.origin,
            "body_kind": self.body_kind,
            "format": self.format.to_document(),
            "constants": [[*name, value] for name, value in self.constants.items()],
            "sources": [[*name, source.to_document()] for name, source in self.sources.items()],
            "next_url": self.next_url.to_document() if self.next_url else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ListRule:
        """The inverse of `to_document`. Raises `UnknownRule` for anything else."""
        try:
            rule = cls(
                document["method"],
                document["origin"],
                document["body_kind"],
                Format.from_document(document["format"]),
                {(place, name): value for place, name, value in document["constants"]},
                {(place, name): Source(**source) for place, name, source in document["sources"]},
                Source(**document["next_url"]) if document["next_url"] else None,
            )
            rule._try()
        except Exception as error:  # whatever another version or a hand has written there
            raise UnknownRule(f"{type(error).__name__}: {error}") from error
        return rule

    def _try(self) -> None:
        """Raise for what no request could be made of, whatever pages and answers say."""
        keys = self.format.keys
        texts = [self.method, self.origin, self.body_kind, self.format.kind, self.format.path]
        texts += [self.format.prefix, *keys, *keys.values()]
        texts += [t for one in self._all for t in (one.kind, one.name, one.first, one.cast)]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("something is no text")
        for one in self._all:
            if one.kind in ("step", "count") and not all(
                type(number) is int for number in (one.start, one.by, one.at)
            ):
                raise TypeError(f"{one.kind} is no number")
        put_together(self._shape("", {**self.constants, **dict.fromkeys(self.sources, "1")}))
        urlsplit(self.origin)

    def _shape(self, base: str, fields: Mapping[FieldName, Any]) -> Shape:
        return Shape(self.method, self.origin or base, self.body_kind, _ordered(fields))

    @property
    def _all(self) -> list[Source]:
        return [*self.sources.values(), *filter(None, [self.next_url])]

    @property
    def needs_values(self) -> bool:
        """Whether a next request follows from more of an answer than the number of its cards."""
        counted = {"step", "count", "page", "clock"}
        return self.next_url is not None or any(
            source.kind not in counted for source in self.sources.values()
        )

    @property
    def goes_on_regardless(self) -> bool:
        """Whether the request after an answer without cards asks for what comes after it."""
        return any(source.kind == "step" for source in self.sources.values())

    @property
    def begins_as_seen(self) -> bool:
        """Whether the first request asks for what followed the page on the day of learning.

        Such a rule leads on within that visit. From a later page it would pass over what was
        posted since, and nobody would miss it.
        """
        return any(source.begins_as_seen for source in self._all)

    @property
    def is_of_a_visit(self) -> bool:
        """Whether its requests carry what the list's page of today says, a session's token perhaps,
        with which the server takes them from nobody else."""
        sources = self.sources.values()
        return any(s.kind == "page" or (s.kind == "answer" and s.first) for s in sources)

    def describe(self) -> str:
        """The rule in one line, for logs."""
        if self.next_url:
            varying = f"next address in {self.next_url.name}"
        else:
            varying = ", ".join(
                f"{place} {name}: {source.kind} {source.name}".rstrip()
                for (place, name), source in self.sources.items()
            )
        body = self.body_kind or "without body"
        first = ", first one as seen" if self.begins_as_seen else ""
        return f"{self.method} {body}, {varying}{first}; {self.format.kind}"


@dataclass(frozen=True)
class State:
    """How far a walk is: plain data. `page` holds the page's values that the rule needs."""

    index: int = 0
    cards: int = 0
    page: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """For storing and for a request's meta."""
        return {"index": self.index, "cards": self.cards, "page": dict(self.page)}


def first_request(rule: ListRule, page: Reading, url: str, base: str, now_ms: int) -> Step | None:
    """The request that follows the list's own page; None when the page lacks a value for it."""
    wanted = {s.name for s in rule.sources.values() if s.kind == "page"}
    state = State(0, len(page.entries), {n: page.values[n] for n in wanted if n in page.values})
    try:
        return _step(rule, state, page, url, base, now_ms)
    except LostThread:
        return None


def next_request(
    rule: ListRule, state: State, reading: Reading, url: str, base: str, now_ms: int
) -> Step | None:
    """The request that follows an answer; None when the answer says that there is no more.

    Raises `LostThread` when it does not say so, and yet no request can be made.
    """
    after = State(state.index + 1, state.cards + len(reading.entries), state.page)
    return _step(rule, after, reading, url, base, now_ms)


@dataclass(frozen=True)
class Step:
    """A request and the state in which its answer is to be read."""

    request: Request
    state: State


def value_of(source: Source, state: State, reading: Reading, now_ms: int) -> Any:
    """The value that a source gives; None when it gives none."""
    match source.kind:
        case "step":
            return source.start + source.by * state.index
        case "count":
            counted = source.start + state.cards
            return min(counted, source.at + source.by * state.index) if source.by else counted
        case "page":
            return state.page.get(source.name)
        case "clock":
            return now_ms
        case "last":
            name = source.first if state.index == 0 else source.name
            return last_value(reading, name)
        case "answer":
            if state.index == 0:
                return reading.values.get(source.first) if source.first else source.start
            return reading.values.get(source.name)
    return None


def last_value(reading: Reading, name: str) -> Any:
    """A value of the last card that has it; ``url``, ``path``, ``slug`` are of the last one."""
    if not reading.entries:
        return None
    last = reading.entries[-1]
    if name == "url":
        return last.card.url
    if name == "path":
        return urlsplit(last.card.url).path
    if name == "slug":
        return last.card.url.rpartition("/")[2]
    values = (entry.values.get(name) for entry in reversed(reading.entries))
    return next((value for value in values if not _is_end(value)), None)


def _step(
    rule: ListRule, state: State, reading: Reading, url: str, base: str, now_ms: int
) -> Step | None:
    fields: dict[FieldName, Any] = dict(rule.constants)
    for name, source in rule.sources.items():
        value = value_of(source, state, reading, now_ms)
        if _is_end(value) and source.kind == "last" and reading.entries:
            raise LostThread(f"no card of the answer has {source.name}")
        if _is_end(value):
            return None
        fields[name] = _cast(value, source.cast)
    try:
        request = put_together(rule._shape(base, fields))
        if rule.next_url is not None:
            address = value_of(rule.next_url, state, reading, now_ms)
            if _is_end(address) or not isinstance(address, str):
                return None
            request = Request(request.method, urljoin(url, address), request.headers, request.body)
        "".join((request.url, request.body, *request.headers.values())).encode()
    except ValueError:  # of what the answer says no address or body can be made
        return None
    return Step(request, state)


def _cast(value: Any, kind: str) -> Any:
    if kind == "str":
        return str(value)
    if kind == "int" and re.fullmatch(r"-?\d{1,18}", str(value)):
        return int(value)
    return value


def _is_end(value: Any) -> bool:
    """How answers say that nothing follows: null, an empty string, false."""
    return value is None or value is False or value == ""


def _ordered(fields: Mapping[FieldName, Any]) -> dict[FieldName, Any]:
    """Path segments in their order; the others as they come."""
    path = sorted((n for n in fields if n[0] == "path"), key=lambda name: int(name[1]))
    others: Sequence[FieldName] = [name for name in fields if name[0] != "path"]
    return {name: fields[name] for name in (*path, *others)}
