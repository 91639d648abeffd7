"""What counts as usual and what does not: the rules, without any crawl."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import comb
from typing import Any

import pytest

from caliber_crawler.health import Expecting, Figures, at_once, compare, in_section, split
from caliber_crawler.health.chance import at_least
from caliber_crawler.verdict import judge

NOW = datetime(2026, 6, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECTIONS = ("en/world", "en/sport", "en/culture", "en/politics", "en/society")
FULL = {"lists": 1, "cards_first": 20, "cards": 20}


def crawl(
    hours: float = 0,
    *,
    read: int = 0,
    sections: dict[str, dict[str, int]] | None = None,
    sound: bool = True,
    **missing: int,
) -> Figures:
    """A crawl that began so many hours ago, read so many articles, and missed fields in some."""
    counts = {"articles/read": read, "articles/new": read, "cards/seen": 100}
    counts |= {f"missing/{field}": number for field, number in missing.items()}
    seen = dict.fromkeys(SECTIONS, FULL) if sections is None else sections
    return Figures(NOW - hours * HOUR, counts, seen, sound)


def past(number: int = 8, read: int = 20, step: float = 1, **missing: int) -> list[Figures]:
    """Healthy crawls, one an hour, newest first."""
    return [crawl(n * step, read=read, **missing) for n in range(1, number + 1)]


def told(*args: Any, **kwargs: Any) -> list[tuple[str, str | None]]:
    return [(finding.rule, finding.field) for finding in compare(*args, **kwargs)]


# --- articles


def test_three_of_twenty_without_body_where_none_was() -> None:
    [finding] = compare(crawl(read=20, body=3), past())
    assert (finding.rule, finding.field) == ("missing", "body")
    assert finding.line == "body is missing from 3 of 20 articles (before: 0 of 160)"
    assert told(crawl(read=20, body=2), past()) == []


def test_three_of_twenty_with_nothing_in_their_body() -> None:
    """Videos without a word are known; pages without either are not."""

    def hollow(number: int, body: int) -> Figures:
        seen = crawl(read=20, body=body)
        return Figures(seen.at, {**seen.counts, "articles/hollow": number}, seen.sections)

    [finding] = compare(hollow(3, 4), past(body=1))
    assert (finding.rule, finding.field) == ("hollow", "body")
    assert finding.line == (
        "body is missing from 3 of 20 articles (no picture or video either) (before: 0 of 160)"
    )
    assert told(hollow(2, 4), past(body=1)) == []
    assert told(hollow(3, 4), past(3, read=12)) == [("hollow", "body")]
    assert told(hollow(3, 4), past(3, read=9)) == []
    assert told(hollow(0, 4), past(body=1)) == []


def test_sections_are_named_where_it_happened() -> None:
    sections = {"en/world": FULL | {"no_body": 2}, "en/sport": FULL | {"no_body": 3}}
    [finding] = compare(crawl(read=20, body=5, sections=sections | {"en/x": FULL}), past())
    assert finding.sections == ("en/sport", "en/world")
    assert "from 5 of 20 articles in en/sport, en/world (before" in finding.line
    assert finding.document() == {
        "rule": "missing", "field": "body", "sections": ["en/sport", "en/world"],
        "line": finding.line, "expected": "0 of 160", "seen": "5 of 20",
    }  # fmt: skip


def test_little_past_says_nothing() -> None:
    bad = crawl(read=20, body=20)
    assert told(bad, past(1, read=400)) == []
    assert told(bad, past(2, read=400)) == []
    assert told(bad, past(3, read=19)) == []
    assert told(bad, past(3, read=20)) == [("missing", "body")]


def test_what_was_always_so_is_usual() -> None:
    assert told(crawl(read=20, authors=16), past(step=24, authors=14)) == []
    assert told(crawl(read=20, authors=18), past(step=24, authors=14)) == []
    assert told(crawl(read=40, authors=40), past(step=24, authors=14)) == [("missing", "authors")]
    # What is not known is whether weekends are like that.
    assert told(crawl(read=40, authors=40), past(authors=14)) == []
    # Six in a hundred are a video or pictures and have no text; sometimes several in a row.
    videos = [crawl(8 * n, read=20, body=(0, 1, 2, 3)[n % 4]) for n in range(1, 40)]
    assert told(crawl(read=20, body=3), videos) == []
    assert told(crawl(read=20, body=12), videos) == [("missing", "body")]


def test_small_crawls_are_judged_together() -> None:
    """Of an hourly crawl that reads two articles, none alone would ever say anything."""
    before = [crawl(h, read=2) for h in range(5, 60)]
    after = [crawl(h, read=2, body=2) for h in range(4)]
    assert told(after[3], before) == []
    assert told(after[0], [*after[1:], *before]) == [("missing", "body")]
    # Mended: what was before is no reason to go on.
    assert told(crawl(-1, read=2), [*after, *before]) == []
    # Long ago is no reason either.
    assert told(crawl(-80, read=1, body=1), [*after, *before]) == []


def test_one_cannot_be_taught_by_what_was_wrong() -> None:
    bad = [crawl(h, read=20, body=10, sound=False) for h in range(1, 30)]
    good = [crawl(h, read=20) for h in range(30, 40)]
    assert told(crawl(read=20, body=10), bad + good) == [("missing", "body")]
    assert told(crawl(read=20, body=10), bad) == []  # nothing else is known any more


def test_fallback_and_pages_that_are_no_articles() -> None:
    counts = {"articles/read": 20, "articles/fallback": 4, "cards/seen": 9}
    [finding] = compare(Figures(NOW, counts, {}), past())
    assert finding.line == "4 of 20 article pages fit no layout (before: 0 of 160)"
    counts = {"articles/read": 20, "rejected/not_an_article_consent": 5, "cards/seen": 9}
    sections = {**dict.fromkeys(SECTIONS, FULL), "en/world": FULL | {"rejected": 5}}
    [finding] = compare(Figures(NOW, counts, sections), past())
    assert finding.line == (
        "5 of 25 article pages show no article in en/world (before: 0 of 160): 5 consent"
    )


def test_a_usual_year_is_quiet() -> None:
    """Two articles an hour, few at night, none of them wrong but by chance: no finding ever."""
    chance = random.Random(7)
    history: list[Figures] = []
    for hour in range(24 * 60):
        at = NOW + hour * HOUR
        night = at.hour < 7
        read = chance.choice((0, 0, 0, 1) if night else (0, 1, 2, 3, 4, 5))
        counts = {"articles/read": read, "articles/new": read, "cards/seen": 100}
        for field, rate in (("body", 0.03), ("images", 0.02), ("authors", 0.6), ("views", 0.005)):
            counts[f"missing/{field}"] = sum(chance.random() < rate for _ in range(read))
        sections = {s: FULL | {"cards_no_time": int(chance.random() < 0.01)} for s in SECTIONS}
        present = Figures(at, counts, sections)
        news = [f.at for f in reversed(history) if f.counts["articles/new"]]
        assert [f.line for f in compare(present, history[:200], news[-600:])] == []
        history.insert(0, present)


# --- lists


def test_a_quiet_night_is_healthy() -> None:
    assert compare(crawl(read=0), past()) == []


def test_a_list_that_is_much_shorter() -> None:
    sections = {**dict.fromkeys(SECTIONS, FULL), "en/sport": FULL | {"cards_first": 4}}
    [finding] = compare(crawl(sections=sections), past())
    assert finding.line == "4 cards on the first page of en/sport (usually 20)"
    assert finding.sections == ("en/sport",)
    assert told(crawl(sections=sections), past(2)) == []
    ups_and_downs = [crawl(h, sections=sections if h == 5 else None) for h in range(1, 9)]
    assert told(crawl(sections=sections), ups_and_downs) == []
    # Two workers read it, or a script fills it.
    twice = {"lists": 2, "cards_first": 24, "cards": 24}
    filled = {"lists": 1, "cards_first": 0, "cards": 20}
    assert told(crawl(sections={**sections, "en/sport": twice}), past()) == []
    assert told(crawl(sections={**sections, "en/sport": filled}), past()) == []


@pytest.mark.parametrize(
    ("what", "field"), [("cards_no_time", "time"), ("cards_no_title", "title")]
)
def test_cards_that_lost_something(what: str, field: str) -> None:
    sections = {**dict.fromkeys(SECTIONS, FULL), "en/world": FULL | {what: 20}}
    [finding] = compare(crawl(sections=sections), past())
    assert (finding.rule, finding.field, finding.sections) == ("cards", field, ("en/world",))
    assert finding.line == f"20 of 20 cards have no {field} in en/world (before: 0 of 160)"
    # Three cards are no evidence of anything.
    small = {"en/world": {"lists": 1, "cards_first": 3, "cards": 3, what: 3}}
    few = [crawl(h, sections={"en/world": {"lists": 1, "cards_first": 3}}) for h in range(1, 5)]
    assert told(crawl(sections=small), few) == []


def test_a_navigation_that_lost_half() -> None:
    two = dict.fromkeys(SECTIONS[:2], FULL)
    [finding] = compare(crawl(sections=two), past())
    assert finding.rule == "few_sections"
    assert finding.line == (
        "2 sections walked (usually 5); not named: en/culture, en/politics, en/society"
    )
    assert told(crawl(sections=dict.fromkeys(SECTIONS[:4], FULL)), past()) == []
    failed = crawl(sections=two)
    assert told(Figures(NOW, {**failed.counts, "requests/failed": 3}, two), past()) == []


# --- troubles


def troubled(hours: float = 0, *, failed: int = 0, of: int = 60, **rejected: int) -> Figures:
    counts = {"articles/read": 50, "articles/new": 50, "cards/seen": 100, "requests": of}
    counts |= {"requests/failed": failed} if failed else {}
    counts |= {f"rejected/{reason}": number for reason, number in rejected.items()}
    return Figures(NOW - hours * HOUR, counts, dict.fromkeys(SECTIONS, FULL))


def test_more_failures_than_ever_are_told() -> None:
    calm = [troubled(n) for n in range(1, 9)]
    [finding] = compare(troubled(failed=9), calm)
    assert (finding.rule, finding.field) == ("failures", None)
    assert finding.line == "failed of the requests: 9 of 60 (before: 0 of 480)"
    assert told(troubled(failed=5), calm) == []
    rough = [troubled(n, failed=8) for n in range(1, 200)]
    assert told(troubled(failed=12), rough) == []
    assert told(troubled(failed=40), rough) == [("failures", None)]
    unknown = [Figures(f.at, {"articles/read": 50}, f.sections) for f in calm]
    assert told(troubled(failed=9), unknown) == []


def test_more_rejects_than_ever_are_told_with_their_reasons() -> None:
    calm = [troubled(n) for n in range(1, 9)]
    [finding] = compare(troubled(http_404=9, no_response=4), calm)
    assert finding.rule == "rejects"
    assert finding.line == (
        "rejected of the pages: 13 of 63 (before: 0 of 400): 9 http_404, 4 no_response"
    )
    assert told(troubled(http_404=4), calm) == []
    [other] = compare(troubled(not_an_article_list=20), calm)
    assert other.rule == "no_article"


# --- no news


def weeks_of_news(days: int = 21) -> list[datetime]:
    """New articles hourly from 8 to 23, but for the nights and the Sundays."""
    start = NOW - timedelta(days=days)
    hours = (start + n * HOUR for n in range(days * 24))
    return [at for at in hours if at.hour >= 8 and at.weekday() != 6]


def test_no_news_for_far_longer_than_any_weekend() -> None:
    news = weeks_of_news()
    longest = max(later - earlier for earlier, later in pairwise(news))
    assert longest == 33 * HOUR
    last = news[-1]
    for hours, silent in ((12, False), (60, False), (98, False), (101, True)):
        at = last + hours * HOUR
        looks = [Figures(at - n * HOUR, {"cards/seen": 9}, {}) for n in range(1, 5)]
        present = Figures(at, {"cards/seen": 100}, {})
        assert [f.rule for f in compare(present, looks, news)] == ["silence"] * silent
    [finding] = compare(present, looks, news)
    assert finding.line == ("no new article for 101 hours, in 5 crawls (before: 33 hours at most)")
    assert told(present, looks, news, Expecting(pauses=0)) == []
    assert told(present, looks, weeks_of_news(10)) == []
    assert told(Figures(at, {"cards/seen": 9, "articles/new": 1}, {}), looks, news) == []


# --- without a past


def test_without_a_past_only_what_is_plainly_wrong() -> None:
    assert [f.line for f in at_once({"articles/read": 20, "missing/published_at": 10})] == [
        "published_at is missing from 10 of 20 articles"
    ]
    assert at_once({"articles/read": 20, "articles/hollow": 9, "missing/authors": 20}) == []
    assert at_once({"articles/read": 5, "missing/published_at": 5}) == []
    [finding] = at_once({"articles/read": 5, "articles/hollow": 3})
    assert (finding.rule, finding.field) == ("hollow", "body")
    assert at_once({"articles/read": 2, "articles/hollow": 2}) == []
    [finding] = at_once({"articles/read": 5, "articles/same_text": 3})
    assert finding.line == (
        "3 of 5 article pages show another article's words: is it one page for all?"
    )
    [finding] = at_once({"rejected/not_an_article_consent": 3, "rejected/http_404": 3})
    assert finding.line == "3 of 3 article pages show no article: 3 consent"
    [finding] = at_once(without("title"))
    assert (finding.field, finding.sections) == ("title", ("en/world",))
    assert at_once(without("time")) == [], 'lists may print "2 hours ago"'
    assert at_once({**without("title"), "sections/cards_first/en/world": 21}) == []


def test_lists_none_of_which_goes_on() -> None:
    lists = {
        f"sections/{what}/en/{name}": number
        for name in ("world", "sport", "culture")
        for what, number in (("lists", 1), ("cards_first", 20), ("cards", 20))
    }
    ended = {"lists/ended/end": 3, "lists/scrolled": 3}
    [finding] = at_once(lists | ended)
    assert (finding.rule, finding.sections) == ("no_growth", ("en/culture", "en/sport", "en/world"))
    assert "no card beyond the first 20 of each list" in finding.line
    assert at_once(lists | {**ended, "lists/ended/end": 2, "lists/ended/known": 1}) == []
    assert at_once(lists | {"lists/ended/end": 3}) == []  # over HTTP, by a rule
    assert at_once(lists | {**ended, "lists/scrolled": 4}) == []
    assert at_once(lists | ended | {"sections/cards_first/en/sport": 19}) == []


def test_short_lists_beside_those_that_do_not_go_on() -> None:
    numbers = {"world": 20, "sport": 20, "culture": 20, "chess": 7}
    lists = {
        f"sections/{what}/en/{name}": number
        for name, cards in numbers.items()
        for what, number in (("lists", 1), ("cards_first", cards), ("cards", cards))
    }
    ended = {"lists/ended/end": 4, "lists/scrolled": 4}
    [finding] = at_once(lists | ended)
    assert (finding.rule, finding.sections) == ("no_growth", ("en/culture", "en/sport", "en/world"))
    assert at_once(lists | ended | {"sections/cards_first/en/sport": 12}) == [], "two may be so"
    assert at_once(lists | {**ended, "lists/scrolled": 1, "lists/batches": 30}) == []


# --- figures


def test_counts_of_sections_are_told_apart() -> None:
    name = f"sections/{in_section('no_body', 'en', 'world')}"
    assert split({"articles/new": 2, name: 3, "sections/read/ru/mir": 1}) == (
        {"articles/new": 2},
        {"en/world": {"no_body": 3}, "ru/mir": {"read": 1}},
    )
    assert in_section("read", None, "world") is in_section("read", "en", None) is None


def test_chance() -> None:
    assert at_least(1, 1, 0.25) == pytest.approx(0.25)
    assert at_least(2, 3, 0.5) == pytest.approx(0.5)
    exact = sum(comb(2_900, k) * 1**k * 99 ** (2_900 - k) for k in range(40)) / 100**2_900
    assert at_least(40, 2_900, 0.01) == pytest.approx(1 - exact)
    assert at_least(2_900, 2_900, 0.001) == pytest.approx(0)


def test_more_failures_than_ever_are_no_other_exit_code() -> None:
    """What went wrong is exit code 4; how unusual it is stands beside it."""
    [finding] = compare(troubled(failed=9), [troubled(n) for n in range(1, 9)])
    stats = {"caliber/articles/new": 51, "caliber/requests/failed": 9}
    verdict = judge("finished", stats, findings=[finding])
    assert verdict.code == 4
    assert verdict.line == (
        "51 articles taken, but 9 requests failed; "
        "failed of the requests: 9 of 60 (before: 0 of 480)"
    )


def without(field: str) -> dict[str, int]:
    """The counts of a section whose cards all lack a field."""
    counted = ("lists", "cards_first", f"cards_no_{field}")
    return {f"sections/{what}/en/world": 20 for what in counted}


@pytest.mark.parametrize(
    ("counts", "doubted"),
    [
        ({"lists/without_cards": 1, "lists/read": 8}, False),
        ({"articles/read": 20, "articles/hollow": 20}, False),
        ({"lists/read": 8, "lists/other_edition": 4}, True),
        (without("title"), True),
    ],
)
def test_only_what_looks_wrong_with_lists_has_their_ends_doubted(
    counts: dict[str, int], doubted: bool
) -> None:
    stats = {f"caliber/{name}": number for name, number in (*counts.items(), ("articles/new", 9))}
    verdict = judge("finished", stats)
    assert (verdict.code, verdict.doubts_lists) == (3, doubted)


def test_cards_without_times_are_told_by_comparison_and_open_no_list() -> None:
    cards = {"lists": 1, "cards_first": 20, "cards": 20}
    past = [Figures(NOW - n * HOUR, {}, {"en/world": cards}) for n in range(1, 5)]
    lost = Figures(NOW, {}, {"en/world": {**cards, "cards_no_time": 20}})
    [finding] = compare(lost, past)
    assert (finding.rule, finding.field) == ("cards", "time")
    verdict = judge("finished", {"caliber/articles/new": 9}, findings=[finding])
    assert (verdict.code, verdict.doubts_lists) == (3, False)
