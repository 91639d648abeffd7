"""One article page: how long ours and others take to read it, and how right each field is.

Three sets of the same articles, half English and half Russian:

* `full`: as the site serves them, with all head data that it can have: og tags, description,
  canonical link, hreflang, JSON-LD;
* `bare`: the same layout with nothing in the head but the title;
* `renamed`: full head data, but every class of the layout has another name, as on the day that the
  layout changes; ours goes by its fallback.
"""

from __future__ import annotations

import re
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from benchmarks import peers
from benchmarks.outcome import Bar, Outcome, markdown, spread
from benchmarks.pages_check import means, score
from demo_site import SiteConfig, Truth
from demo_site.messages import Request
from demo_site.site import Site as DemoSite

SETS = {
    "full": "known layout, full head",
    "bare": "known layout, bare head",
    "renamed": "unknown layout, full head",
}
# Of the reader → package whose version is told.
PEERS = {
    "trafilatura": "trafilatura",
    "newspaper4k": "newspaper4k",
    "news-please": "news-please",
    "readability": "readability-lxml",
}
READERS = ("ours", *PEERS)
_BASE = "https://caliber.az"
_HEAD_DATA = re.compile(
    r'<meta (?:name="description"|property="og:)[^>]*>|<link rel="(?:canonical|alternate)"[^>]*>'
    r'|<script type="application/ld\+json">.*?</script>',
    re.DOTALL,
)
_WARM_UP = 10
_SCORED = """
The same {number} pages for all, half English and half Russian. Columns after the time are per cent
of right answers, `-` where a program has no such field. Headline: whatever its quotation marks and
dashes look like; some heads hold an earlier one, as on the real site. Authors: the same names and
no others, none where nobody signed. Time: the instant; *no zone*: the site's clock without saying
so; *day only*: no more than that is right. Text: F1 of words (each as often as it comes; order,
case, punctuation and invisible characters apart), the mean of all pages; byline, captions and
lists of further articles are no part of it. Picture: the cover's address. Section: its label. Full
head: og tags, description, canonical link, hreflang, JSON-LD; bare: only `<title>`; unknown layout:
every class has another name.
""".strip()
_TIMED = """
Milliseconds are medians over the pages, of one page at a time, each program in a process of its own
after {warm} pages that do not count, and in turns. Ours makes the whole record (`parse_article`).
The others are called as their documentation shows, on the page's text and address, without network:
`trafilatura.bare_extraction` with metadata and without comments, newspaper4k's `Article.parse` with
the language given, `NewsPlease.from_html`, readability's `Document` (title and summary only).
{peers}.

Read with care: ours was written for this layout and is tested on this stand-in, the others are made
for any site.
""".strip()


@dataclass(frozen=True)
class Example:
    """One page as a reader gets it, and what is to be found."""

    url: str
    html: str
    language: str
    truth: Truth


@dataclass
class Reading:
    """Of one reader and set: median milliseconds a page in each round; means of `score`."""

    milliseconds: list[float]
    right: dict[str, float | None]


def compare(number: int, rounds: int) -> dict[tuple[str, str], Reading]:
    """(set, reader) → how they did. Each round runs every reader in a process of its own."""
    sets = {name: examples(name, number) for name in SETS}
    pages = [
        {"url": e.url, "html": e.html, "language": e.language} for es in sets.values() for e in es
    ]
    given = {"pages": pages, "warm": min(_WARM_UP, number)}
    times: dict[tuple[str, str], list[float]] = {(s, r): [] for s in SETS for r in READERS}
    found: dict[str, list[Any]] = {}
    order = list(READERS)
    for _ in range(rounds):
        for reader in order:
            python = sys.executable if reader == "ours" else peers.PYTHON
            answer = peers.ask("pages_read.py", given, reader, python=python)
            found[reader] = answer["found"]
            for i, name in enumerate(SETS):
                part = answer["ms"][i * number : (i + 1) * number]
                times[name, reader].append(statistics.median(part))
        order.append(order.pop(0))  # so that a drift of the machine's speed meets all alike
    return {
        (name, reader): Reading(
            times[name, reader],
            means(
                [
                    score(fields, example.truth, _BASE)
                    for fields, example in zip(
                        found[reader][i * number : (i + 1) * number], sets[name], strict=True
                    )
                ]
            ),
        )
        for i, name in enumerate(SETS)
        for reader in READERS
    }


def examples(name: str, number: int) -> list[Example]:
    """The pages of one set; English and Russian by turns."""
    site = DemoSite(SiteConfig(articles=2 * number, seed=1, json_ld=True))
    site.knobs.layout = "renamed" if name == "renamed" else "current"
    found = []
    for i in range(number):
        language = "ru" if i % 2 else "en"
        truth = site.world.article(language, i // 2)
        html = site.answer(Request("GET", _BASE, truth.path)).body.decode()
        if name == "bare":
            html = _HEAD_DATA.sub("", html)
        found.append(Example(_BASE + truth.path, html, language, truth))
    return found


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    number = 20 if quick else 200
    runs = compare(number, 1 if quick else 5)
    heads = (
        "",
        "ms",
        "headline",
        "authors",
        "time",
        "no zone",
        "day only",
        "text",
        "picture",
        "section",
        "views",
    )
    order = ("title", "authors", "published", "local", "day", "body", "image", "section", "views")
    parts = []
    for name, label in SETS.items():
        rows = [
            (reader, spread(run.milliseconds), *(_percent(run.right[key]) for key in order))
            for (of, reader), run in runs.items()
            if of == name
        ]
        parts += [f"**{label[0].upper()}{label[1:]}**", markdown(heads, rows)]
    parts += [
        _SCORED.format(number=number),
        _TIMED.format(warm=_WARM_UP, peers=peers.versions(*PEERS.values())),
    ]
    bars = [
        Bar.of(
            f"Reading one page, {SETS[name].partition(',')[0]}: speed",
            peer,
            [
                theirs / ours
                for theirs, ours in zip(
                    runs[name, peer].milliseconds, runs[name, "ours"].milliseconds, strict=True
                )
            ],
        )
        for name in ("full", "renamed")
        for peer in PEERS
    ]
    figures = [
        {"set": name, "reader": reader, "ms": run.milliseconds, "right": run.right}
        for (name, reader), run in runs.items()
    ]
    return Outcome("One article page", "\n\n".join(parts), figures, tuple(bars))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}".removesuffix("%")
