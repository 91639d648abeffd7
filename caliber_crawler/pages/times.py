"""Where a time may be printed: in a layout's time box, and round a line of any page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from itertools import islice

from lxml import etree

from caliber_crawler.dates import PrintedTime, parse_printed
from caliber_crawler.limits import LONGEST_LINE
from caliber_crawler.pages.html import BLOCKS, Element, attribute, words
from caliber_crawler.text import line

_LINKS = frozenset({"a"})
_NOT_IN_LINE = frozenset({"a", "script", "style", "template", "noscript", "svg"})
_MOST_STEPS = 1_000  # of one box
_BETWEEN = re.compile(r"(?:(?<!\s)\s++)?[|•·▪]\s*+|(?<!\s)\s++[–—/-]\s++")
# What the time of the last change is called. Before it there may be that of publication.
_CHANGE = re.compile(
    r"(?<!\W)\W*+\b(?:(?:last )?(?:updated|modified|edited)|обновл\w+|изменен\w*|"
    r"yenilən\w+|թարմաց\w+)\b",
    re.IGNORECASE,
)
_LONGEST_TIME = 80  # letters of a line that holds a printed time
_SMALL = 6  # elements within one that holds a printed time
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def times_round(
    element: Element, zone: tzinfo, without: Element | None
) -> Iterator[tuple[Element, str, PrintedTime]]:
    """The printed times in the small elements round one: element, text and meaning.

    The element `without` is passed over.
    """
    for near in _small_around(element):
        if near is not without:
            for shown in _times_in(near):
                if (printed := parse_printed(shown, zone)) is not None:
                    yield near, shown, printed


def shows_time(element: Element, zone: tzinfo) -> bool:
    """Whether there is a printed time in a small element, and not only in those round it."""
    return is_small(element) and any(parse_printed(one, zone) for one in _times_in(element))


def _small_around(element: Element) -> Iterator[Element]:
    """The largest small element round one, and all in it: a time may be in several."""
    while (parent := element.getparent()) is not None and is_small(parent):
        element = parent
    yield from islice(element.iter(), _SMALL)


def is_small(element: Element) -> bool:
    """Whether an element is small enough to hold a time and little else."""
    return sum(1 for _ in islice(element.iter(), _SMALL + 1)) <= _SMALL


def _times_in(element: Element) -> Iterator[str]:
    """The texts of a small element that may be a time."""
    for shown in time_texts(element):
        if len(shown) <= _LONGEST_TIME and _YEAR.search(shown):
            yield shown
            parts = _BETWEEN.split(shown)
            if len(parts) > 1:
                yield from filter(_YEAR.search, parts)


def time_texts(element: Element) -> list[str]:
    """What may be the time in the time box, likeliest first.

    An editor's link was once found in the box, so the whole comes before the text without links,
    and that before the box's own text. Below the time there may be that of the last change, so the
    first line is tried alone, and so is what stands before a word such as "updated"; what stands in
    further lines is not known. A machine's form is last, since readers do not see it.
    """
    own = line(" ".join(filter(None, [element.text, *(child.tail for child in element)])))
    stamps = [attribute(stamp, "datetime") for stamp in element.iter("time")]
    found = [words(element), words(element, without=_LINKS), own, _first_line(element), *stamps]
    texts = dict.fromkeys(filter(None, found))
    return list(dict.fromkeys(shown for text in texts for shown in _without_change(text)))


def _without_change(text: str) -> Iterator[str]:
    """A text, and what stands before the time of the last change in it."""
    yield text
    change = _CHANGE.search(text[:LONGEST_LINE])
    if change and change.start():
        yield text[: change.start()]


def _first_line(element: Element) -> str | None:
    """The first line of text in a box of several elements, without links."""
    if not len(element):
        return None
    pieces: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, inner in islice(walk, _MOST_STEPS):
        if inner is element:
            pieces.append(element.text or "" if event == "start" else "")
            continue
        if (inner.tag == "br" or inner.tag in BLOCKS) and any(map(str.strip, pieces)):
            break
        if event == "end":
            pieces.append(inner.tail or "")
        elif inner.tag in _NOT_IN_LINE:
            walk.skip_subtree()
        else:
            pieces.append(inner.text or "")
    return line("".join(pieces)[:LONGEST_LINE])
