"""From a few exchanges to a rule.

Every field of the requests must be explained: it stays, or it follows from something that is known
before the request is made. A field that nothing explains means that there is no rule; nothing is
guessed. Two requests show what varies. Where an explanation may be chance, because it finds a short
value somewhere in an answer or in a card, a third one has to bear it out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from urllib.parse import urljoin

from caliber_crawler.errors import LostThread
from caliber_crawler.items import Card
from caliber_crawler.listing.answers import Format, Reading, find_format, read_answer
from caliber_crawler.listing.exchange import Exchange, FieldName, Request, Shape, take_apart
from caliber_crawler.listing.rule import (
    SAME_ORIGIN,
    ListRule,
    Source,
    Step,
    first_request,
    last_value,
    next_request,
)
from caliber_crawler.site import Site

LEAST_EXCHANGES = 2
# An answer holds hundreds of counters, ids and numbers, so values of fewer characters than this are
# likely to be among them by chance.
_LONG = 6

# Names of values that belong to one visit, so that they are read from the page again each time.
_PERSONAL = re.compile(r"token|csrf|nonce|session|hash|sign|verif|auth|_key|apikey", re.IGNORECASE)
# So do moments: in seconds or milliseconds since 1970, or a day with or without a time.
_MOMENT = re.compile(r"[1-9](?:[0-9]{9}|[0-9]{12})|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
# First values of scripts that begin the same way at each visit.
_BEGINNINGS = frozenset({"0", "1", "-1", "*", "first", "start"})
_IN_LIST = re.compile(r"(?:^|\.)\d+(?:\.|$)")
_MOST_FIELDS = 64
_FIRST_NAMES = ("url", "path", "slug")
# An editor's card at the end of a list may lack what the others have, so that the script takes the
# value from one before it.
_LAST_CARDS = 5


@dataclass(frozen=True)
class Batch:
    """What one scroll brought: the `cards` that appeared and the exchanges that went before."""

    cards: Sequence[Card]
    exchanges: Sequence[Exchange]


@dataclass(frozen=True)
class Lesson:
    """A rule, or why there is none.

    `requests` is how many of those seen brought cards.
    With a rule come `check`, the latest request seen as the rule makes it, `expected`, the articles
    in its answer, and `go_on`, the request after it; None when that answer ends the list.
    """

    rule: ListRule | None
    why: str = ""
    check: Step | None = None
    expected: frozenset[str] = frozenset()
    go_on: Step | None = None
    requests: int = 0


class _Unexplained(Exception):
    """A field or a request that nothing explains; the text says which."""


def learn(page: Reading, page_url: str, batches: Sequence[Batch], site: Site) -> Lesson:
    """Infer the rule of a list from its page and the first batches that scrolling brought.

    `page` is the page as it was before any scrolling. All cards that appeared must be in it or in
    the answers: what a list has from elsewhere (a text within its script) would be missing when it
    is walked over HTTP.
    """
    exchanges: Sequence[Exchange] = ()
    try:
        fmt, exchanges = _list_exchanges(page_url, batches, site)
        lesson = _infer(page, page_url, batches, fmt, exchanges, site)
    except _Unexplained as reason:
        lesson = Lesson(None, str(reason))
    return replace(lesson, requests=len(exchanges))


def _infer(
    page: Reading,
    page_url: str,
    batches: Sequence[Batch],
    fmt: Format,
    exchanges: Sequence[Exchange],
    site: Site,
) -> Lesson:
    if len(exchanges) < LEAST_EXCHANGES:
        raise _Unexplained(f"{len(exchanges)} requests brought cards, {LEAST_EXCHANGES} are needed")
    readings = [page]
    for exchange in exchanges:
        reading = read_answer(exchange.answer, fmt, page_url, site)
        if reading is None:
            raise _Unexplained("an answer is of another kind than the others")
        readings.append(reading)
    had = {card.url for reading in readings for card in reading.cards}
    if any(card.url not in had for batch in batches for card in batch.cards):
        raise _Unexplained("cards appeared that neither the page nor an answer held")
    shapes = [take_apart(exchange.request) for exchange in exchanges]
    if any(len(shape.fields) > _MOST_FIELDS for shape in shapes):
        raise _Unexplained(f"the requests have more than {_MOST_FIELDS} fields")
    facts = _Facts(readings, page_url)
    next_url = facts.next_url([exchange.request.url for exchange in exchanges])
    if next_url is not None and next_url.begins_as_seen:
        # What explains the first address as well is better, and may take a third request.
        try:
            rule = _rule(facts, shapes, fmt, None, site)
            lesson = _replayed(rule, readings, shapes, page_url, site)
            if not rule.begins_as_seen:
                return lesson
        except _Unexplained:
            if len(shapes) < 3:
                raise
    rule = _rule(facts, shapes, fmt, next_url, site)
    return _replayed(rule, readings, shapes, page_url, site)


def _rule(
    facts: _Facts, shapes: Sequence[Shape], fmt: Format, next_url: Source | None, site: Site
) -> ListRule:
    """The rule that explains the requests; with `next_url` all but their addresses."""
    fixed = shapes if next_url is None else [_without_address(s) for s in shapes]
    if any(shape.outline != fixed[0].outline for shape in fixed):
        raise _Unexplained("the requests have different fields")
    constants: dict[FieldName, Any] = {}
    sources: dict[FieldName, Source] = {}
    for name in fixed[0].fields:
        values = [shape.fields[name] for shape in fixed]
        source = facts.explain(name, values)
        if source is None:
            constants[name] = values[0]
        else:
            sources[name] = _typed(source, values) if name[0] == "json" else source
    if next_url is None and not any(s.kind not in ("page", "clock") for s in sources.values()):
        raise _Unexplained("the requests do not differ, so they cannot tell how far the list is")
    first = shapes[0]
    origin = SAME_ORIGIN if first.origin == site.base else first.origin
    return ListRule(first.method, origin, first.body_kind, fmt, constants, sources, next_url)


def _replayed(
    rule: ListRule, readings: Sequence[Reading], shapes: Sequence[Shape], page_url: str, site: Site
) -> Lesson:
    """Make every request seen by the rule and compare; the last one is what is to be checked."""
    step = first_request(rule, readings[0], page_url, site.base, 0)
    for k, shape in enumerate(shapes):
        if step is None or not _alike(rule, take_apart(step.request), shape):
            raise _Unexplained(f"the rule does not make request {k + 1} as it was seen")
        last = step
        try:
            step = next_request(rule, step.state, readings[k + 1], page_url, site.base, 0)
        except LostThread as error:
            raise _Unexplained(str(error)) from error
    expected = frozenset(card.url for card in readings[-1].cards)
    return Lesson(rule, "", last, expected, step)


def _alike(rule: ListRule, made: Shape, seen: Shape) -> bool:
    moving = {name for name, source in rule.sources.items() if source.kind == "clock"}

    def compared(shape: Shape) -> dict[FieldName, Any]:
        """Only JSON tells a number from a text."""
        return {
            name: value if name[0] == "json" else str(value)
            for name, value in shape.fields.items()
            if name not in moving
        }

    return made.method == seen.method and compared(made) == compared(seen)


def _typed(source: Source, values: Sequence[Any]) -> Source:
    """The source with the type that its values have in JSON, where that is the same each time."""
    kinds = {type(value).__name__ for value in values}
    return replace(source, cast=kinds.pop()) if kinds in ({"int"}, {"str"}) else source


def _list_exchanges(
    page_url: str, batches: Sequence[Batch], site: Site
) -> tuple[Format, list[Exchange]]:
    """The format of the answers that brought cards, and those exchanges in order."""
    fmt: Format | None = None
    found: list[Exchange] = []
    shown = [card for batch in batches for card in batch.cards]
    for batch in batches:
        for exchange in batch.exchanges:
            if exchange.answer.status != 200:
                continue  # the script asked again, or will
            this = find_format(exchange.answer, shown, page_url, site)
            if this is None:
                continue
            if fmt is None:
                fmt = this
            if this.kind == fmt.kind and exchange.request not in [e.request for e in found]:
                found.append(exchange)
    # Of two requests at once the later one may be answered first.
    found.sort(key=lambda exchange: exchange.asked)
    if fmt is None:
        raise _Unexplained("no answer holds the cards that appeared")
    return fmt, found


def _without_address(shape: Shape) -> Shape:
    fields = {name: v for name, v in shape.fields.items() if name[0] not in ("path", "query")}
    return Shape(shape.method, shape.origin, shape.body_kind, fields)


class _Facts:
    """What is known before each request: ``readings[k]`` came before request ``k``."""

    def __init__(self, readings: Sequence[Reading], page_url: str) -> None:
        self._readings = readings
        self._page_url = page_url
        counts = [len(reading.entries) for reading in readings]
        self._cards_before = [sum(counts[: k + 1]) for k in range(len(counts))]

    def next_url(self, urls: Sequence[str]) -> Source | None:
        """The value that names the whole next address, in the page and in each answer."""

        def names(reading: Reading, url: str) -> list[str]:
            return [
                name
                for name, value in reading.values.items()
                if isinstance(value, str) and _leads_to(value, url, self._page_url)
            ]

        later = [names(r, url) for r, url in zip(self._readings[1:], urls[1:], strict=False)]
        common = _in_all(later)
        if not common:
            return None
        first = names(self._readings[0], urls[0])
        if first:
            return Source("answer", common[0], first[0])
        # The page's script makes the first address itself; it is taken as it was seen.
        return Source("answer", common[0], "", urls[0], stays=_is_no_place(urls))

    def explain(self, name: FieldName, values: Sequence[Any]) -> Source | None:
        """The source of a field; None when it simply stays. Raises when nothing explains it."""
        if all(value == values[0] for value in values):
            return self._personal(name, values[0])
        step = _step(values)
        if step is not None and step.by == 1:
            return step
        found = self._count(values) or self._found(name, values, step)
        # Any two numbers are some distance apart, so only a third one makes a step of it.
        if found is None and step is not None and len(values) > 2:
            found = step
        found = found or _clock(values)
        if found is None:
            shown = ", ".join(str(value)[:40] for value in values)
            raise _Unexplained(f"{name[0]} {name[1]!r} follows from nothing seen: {shown}")
        return found

    def _personal(self, name: FieldName, value: Any) -> Source | None:
        """A constant that belongs to the visit and that the page names."""
        text = str(value)
        if len(text) < 6:
            return None
        personal = _MOMENT.fullmatch(text) or _PERSONAL.search(name[1])
        for key, known in self._readings[0].values.items():
            if str(known) == text and (personal or _PERSONAL.search(key)):
                return Source("page", key)
        return None

    def _count(self, values: Sequence[Any]) -> Source | None:
        """An offset: it stays right when a later batch is shorter, as a step would not.

        Where both fit, neither is trusted to be the larger one: cards beside the list's own (most
        read ones, an advert) are counted, too, and what an offset skips nobody would miss.
        """
        numbers = _integers(values)
        if numbers is None:
            return None
        differences = {n - c for n, c in zip(numbers, self._cards_before, strict=False)}
        if len(differences) != 1:
            return None
        step = _step(values)
        by = step.by if step is not None and step.by > 0 else 0
        return Source("count", start=differences.pop(), by=by, at=numbers[0])

    def _found(self, name: FieldName, values: Sequence[Any], step: Source | None) -> Source | None:
        """Where the values are found in what came before; raises while that may be chance."""
        found = self._last(values) or self._answer(values)
        if found is None or all(len(str(value)) >= _LONG for value in values[1:]):
            return found
        if len(values) < 3:
            raise _Unexplained(
                f"{name[0]} {name[1]!r} is found in {found.kind} {found.name}, perhaps by chance: "
                "a third request is needed"
            )
        # Numbers at equal distances are offsets rather than what some object of a list counts.
        return step if step and found.kind == "answer" and _IN_LIST.search(found.name) else found

    def _last(self, values: Sequence[Any]) -> Source | None:
        """A value of the last card: of the page for the first request, of answers for the rest."""

        def names(reading: Reading, value: Any) -> list[str]:
            if not reading.entries:
                return []
            last = reading.entries[: -_LAST_CARDS - 1 : -1]
            own = (name for entry in last for name in entry.values)
            known = dict.fromkeys([*_FIRST_NAMES, *own])
            return [key for key in known if str(last_value(reading, key)) == str(value)]

        later = [names(r, v) for r, v in zip(self._readings[1:], values[1:], strict=False)]
        common, first = _in_all(later), names(self._readings[0], values[0])
        return Source("last", common[0], first[0]) if common and first else None

    def _answer(self, values: Sequence[Any]) -> Source | None:
        """A value of the previous answer; the first one from the page, or as it was seen."""

        def names(reading: Reading, value: Any) -> list[str]:
            return [key for key, known in reading.values.items() if str(known) == str(value)]

        later = [names(r, v) for r, v in zip(self._readings[1:], values[1:], strict=False)]
        common = _in_all(later)
        if not common:
            return None
        first = names(self._readings[0], values[0])
        if first:
            return Source("answer", common[0], first[0])
        stays = str(values[0]) in _BEGINNINGS
        return Source("answer", common[0], "", values[0], stays=stays)


def _in_all(lists: Sequence[Sequence[str]]) -> list[str]:
    """Names in every list, in the order of the first."""
    if not lists:
        return []
    return [name for name in lists[0] if all(name in other for other in lists[1:])]


def _leads_to(value: str, url: str, page_url: str) -> bool:
    if "/" not in value and "?" not in value:
        return False
    try:
        return urljoin(page_url, value) == url
    except ValueError:
        return False


def _is_no_place(urls: Sequence[str]) -> bool:
    """Whether the first address says nothing that the later ones do not: it names no place."""
    first, *later = (take_apart(Request("GET", url)).fields for url in urls)
    return all(first.items() <= one.items() for one in later) and not any(
        map(_MOMENT.fullmatch, map(str, first.values()))
    )


def _integers(values: Sequence[Any]) -> list[int] | None:
    numbers = []
    for value in values:
        text = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,15}", text):
            return None
        numbers.append(int(text))
    return numbers


def _step(values: Sequence[Any]) -> Source | None:
    """Numbers that are the same distance apart."""
    numbers = _integers(values)
    if numbers is None:
        return None
    by = numbers[1] - numbers[0]
    if by == 0 or any(b - a != by for a, b in pairwise(numbers)):
        return None
    return Source("step", start=numbers[0], by=by)


def _clock(values: Sequence[Any]) -> Source | None:
    """Moments in milliseconds, each later than the one before, as scripts add against caches."""
    numbers = _integers(values)
    if numbers is None or any(number < 10**12 for number in numbers):
        return None
    rising = all(b > a for a, b in pairwise(numbers))
    near = numbers[-1] - numbers[0] < 3_600_000
    return Source("clock") if rising and near else None
