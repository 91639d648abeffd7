"""The rules: what looks wrong in any crawl, and what differs from the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from caliber_crawler import counters
from caliber_crawler.health import findings
from caliber_crawler.health.chance import CHANCE, FEW, drifted, total
from caliber_crawler.health.figures import (
    CARD_FIELDS,
    FALLBACK,
    HOLLOW,
    NO_ARTICLE,
    SAME_TEXT,
    Figures,
    first_page,
    lacking,
    split,
    together,
)
from caliber_crawler.health.findings import Finding
from caliber_crawler.pages.article import EXPECTED

# Without history: so many articles, half of them without a date; so many cards, all without
# a title.
_ENOUGH_ARTICLES = 6
_ENOUGH_CARDS = 20
# Crawls that read fewer articles are judged together with those of the last two days before them.
_WINDOWS = (20, 60)
_WINDOW_SPAN = timedelta(hours=48)
_CHANCE_OF_HOLLOW = 5e-3
_HABITS_SPAN = timedelta(days=7)
_FULL_LIST = 6
_MANY_SECTIONS = 4
_NEWS_SPAN = timedelta(days=14)
_NEWS_NUMBER = 20
_LEAST_PAUSE = timedelta(hours=24)


@dataclass(frozen=True)
class Expecting:
    """How much is asked of the past before it is learned from.

    `crawls` healthy crawls and, for fields of articles, `articles` read in them. `pauses` is how
    many times the longest pause between new articles may pass; 0 for any time.
    """

    crawls: int = 3
    articles: int = 60
    pauses: float = 3.0


def at_once(counts: Mapping[str, int]) -> list[Finding]:
    """What can be told without any history; `counts` are those of a crawl, with its sections."""
    others, sections = split(counts)
    crawl = Figures(datetime.min, others, sections)  # noqa: DTZ901 - no rule here asks for it
    found = []
    leasts = {HOLLOW: FEW, "published_at": _ENOUGH_ARTICLES, NO_ARTICLE: FEW, SAME_TEXT: FEW}
    for what, least in leasts.items():
        part = crawl.part(what)
        if part[0] >= FEW and part[1] >= least and 2 * part[0] >= part[1]:
            found.append(findings.of_articles(what, crawl, part))
    # That no card has a time tells nothing: lists may print "2 hours ago", or none at all.
    parts = {name: lacking(section, "title") for name, section in sections.items()}
    number, cards = total(list(parts.values()))
    if number == cards >= _ENOUGH_CARDS:
        found.append(findings.of_cards("title", parts))
    return found + _growth(crawl)


def _growth(crawl: Figures) -> list[Finding]:
    """Lists that were scrolled to their end, and not one of them brought more than its first page.

    Short lists have different lengths; these have as many cards each as a page holds. Beside them
    there may be shorter ones, which have no more.
    """
    first = {name: first_page(section) for name, section in crawl.sections.items()}
    walked = {name: cards for name, cards in first.items() if cards}
    ended = crawl.count(counters.LISTS_ENDED, "end")
    # The first batch of each is what is there before it is scrolled.
    batches = crawl.count(counters.LISTS_SCROLLED)
    if len(walked) < FEW or ended < len(walked) or not 0 < batches <= len(walked):
        return []
    page = max(walked.values())
    full = [name for name, cards in walked.items() if cards == page]
    grew_over_http = crawl.count(counters.LISTS_BATCHES)
    if page < _FULL_LIST or len(full) < FEW or grew_over_http:
        return []
    return [findings.of_growth(page, sorted(full))]


def compare(
    crawl: Figures,
    past: Sequence[Figures],
    news: Sequence[datetime] = (),
    expecting: Expecting | None = None,
) -> list[Finding]:
    """What differs from the past.

    `past` are comparable crawls that came to their end, newest first; `news` is when comparable
    crawls found new articles, of the last weeks, oldest first.
    """
    expecting = expecting or Expecting()
    sound = [figures for figures in past if figures.sound]
    if len(sound) < expecting.crawls:
        return []
    found = [*_lists(crawl, sound, expecting), *_sections(crawl, sound, expecting)]
    found += _cards(crawl, sound, expecting)
    for what in (HOLLOW, *EXPECTED, FALLBACK, NO_ARTICLE, *findings.TROUBLES):
        if what != "body" or not any(finding.rule == HOLLOW for finding in found):
            found += _articles(what, crawl, past, expecting)
    return found + _silence(crawl, past, news, expecting)


def _lists(crawl: Figures, sound: Sequence[Figures], expecting: Expecting) -> list[Finding]:
    """Lists that are much shorter than they ever were. Empty ones are told without history."""
    found = []
    for section, seen in crawl.sections.items():
        pages = [first_page(f.sections[section]) for f in sound if section in f.sections]
        usual = [number for number in pages if number is not None]
        now = first_page(seen)
        if not now or len(usual) < expecting.crawls or median(usual) < _FULL_LIST:
            continue
        if now < median(usual) / 2 and now < min(usual):
            found.append(findings.of_list(section, now, median(usual)))
    return found


def _sections(crawl: Figures, sound: Sequence[Figures], expecting: Expecting) -> list[Finding]:
    """A navigation that lost half of its sections. That an editor removes one is no finding, and
    lists that could not be had are failures."""
    usual = [figures.walked for figures in sound if figures.walked]
    now, failed = crawl.walked, crawl.count(counters.FAILED_REQUESTS)
    if not now or failed or len(usual) < expecting.crawls or median(usual) < _MANY_SECTIONS:
        return []
    if now >= median(usual) / 2 or now >= min(usual):
        return []
    known = {name for figures in sound[: expecting.crawls] for name in figures.sections}
    return [findings.of_sections(now, median(usual), sorted(known - set(crawl.sections)))]


def _cards(crawl: Figures, sound: Sequence[Figures], expecting: Expecting) -> list[Finding]:
    """Cards that lost their time, title or link, section by section."""
    found = []
    for field in CARD_FIELDS:
        parts: dict[str, tuple[int, int]] = {}
        usual: list[tuple[int, int]] = []
        for section, seen in crawl.sections.items():
            past = [lacking(f.sections[section], field) for f in sound if section in f.sections]
            now = lacking(seen, field)
            if len(past) >= expecting.crawls and drifted(*now, past, _ENOUGH_CARDS):
                parts[section] = now
                usual += past
        if parts:
            found.append(findings.of_cards(field, parts, total(usual)))
    return found


def _articles(
    what: str, crawl: Figures, past: Sequence[Figures], expecting: Expecting
) -> list[Finding]:
    """A field that more articles lack than ever, more of them on the fallback, or none at all;
    more failures, more rejects.

    Crawls that read little are judged together with those just before them.
    """
    if not crawl.part(what)[0]:
        return []
    for size in _WINDOWS:
        window, rest = [crawl], list(past)
        while rest and sum(figures.part(what)[1] for figures in window) < size:
            if crawl.at - rest[0].at > _WINDOW_SPAN:
                break
            window.append(rest.pop(0))
        sound = [figures for figures in rest if figures.sound]
        usual = [figures.part(what) for figures in sound]
        now = total([figures.part(what) for figures in window])
        if len(usual) < expecting.crawls or (_has_habits(what, usual) and not _weeks(sound)):
            continue
        least, chance = expecting.articles, CHANCE
        if what == HOLLOW:  # nothing at all in a body is odd in itself
            least, chance = least // 2, _CHANCE_OF_HOLLOW
        if drifted(*now, usual, least, chance):
            told = findings.of_troubles if what in findings.TROUBLES else findings.of_articles
            return [told(what, together(window), now, total(usual))]
    return []


def _has_habits(what: str, usual: Sequence[tuple[int, int]]) -> bool:
    """Whether editors leave a field out at times, more so on some days of the week perhaps."""
    return what in EXPECTED and total(usual)[0] > 0


def _weeks(sound: Sequence[Figures]) -> bool:
    return sound[0].at - sound[-1].at >= _HABITS_SPAN


def _silence(
    crawl: Figures, past: Sequence[Figures], news: Sequence[datetime], expecting: Expecting
) -> list[Finding]:
    """No new article for several times the longest pause of weeks, nights and weekends included."""
    news = [at for at in news if at < crawl.at]
    lists_answer = crawl.count(counters.CARDS_SEEN)
    if crawl.count(counters.ARTICLES_NEW) or not lists_answer or not expecting.pauses:
        return []
    if len(news) < _NEWS_NUMBER or news[-1] - news[0] < _NEWS_SPAN:
        return []
    longest = max(later - earlier for earlier, later in pairwise(news))
    pause = crawl.at - news[-1]
    looked = sum(figures.at > news[-1] for figures in past) + 1
    if pause <= max(_LEAST_PAUSE, expecting.pauses * longest) or looked < FEW:
        return []
    return [findings.of_silence(pause, longest, looked)]
