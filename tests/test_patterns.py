"""Every regular expression of the package against texts that would take it for ever.

A pattern that tries things twice at each letter would not end within the lifetime of the machine;
one that takes the cube of the length takes minutes here. There is nothing to be measured. Squares
are for those patterns only that get short texts, which `test_limits` shows with long ones.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import string
from collections.abc import Iterator
from typing import Any

import pytest

import caliber_crawler

LENGTH = 1_500
SIGNS = (*string.punctuation, *" \t\naA1_", "и", "\u0301", "։", "՝", "—")
ENDS = ("", "!", "\x00", "x", "\n", " |")
# Pieces of our own patterns: what gets far into one and then fails.
WORDS = (
    "share_", "ad-", "advert_", "related-", "caliber . az ", "and ", "by: ", "A.-", "Anna-",
    "O'Anna", "1,111", "1 111 ", "12:30 ", "3 May ", "display : ", "url( ", "url('", "background:",
    'a="b"', "views 1 ", "the page ", "the requested ", "not found ", "404 ", "utm_", "/a", "../",
    "a.", "a:", "http://a/", "data:", "https://x.com/a/status/", "<html", "</body ", "[err] ", ": ",
    " - ", " -", " - a", " | ", ". . ", '""', '\\"', "{[", "\\u003c", "и ", "և ", "-cı il ", "th ",
    "%40", "password=", "?w=", "exclusively for ", ", for ", "sorry, ", "такой страницы ",
)  # fmt: skip


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """All compiled patterns that modules hold, in tuples and dictionaries, too."""
    for module in pkgutil.walk_packages(caliber_crawler.__path__, "caliber_crawler."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            inner = value.values() if isinstance(value, dict) else value
            held = inner if isinstance(value, tuple | list | dict) else [value]
            for number, pattern in enumerate(held):
                if isinstance(pattern, re.Pattern):
                    yield f"{module.name.partition('.')[2]}.{name}.{number}", pattern


ALL = dict(patterns())


def test_patterns_are_found() -> None:
    assert len(ALL) > 60


@pytest.mark.parametrize("name", ALL)
def test_a_pattern_ends(name: str) -> None:
    pattern = ALL[name]
    for piece in (*SIGNS, *WORDS):
        for end in ENDS:
            text: Any = piece * (LENGTH // len(piece)) + end
            if isinstance(pattern.pattern, bytes):
                text = text.encode()
            pattern.search(text)
            pattern.fullmatch(text)
