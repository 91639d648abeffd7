"""Bylines and names: who wrote an article, as far as the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from itertools import islice

from caliber_crawler.dates import parse_printed
from caliber_crawler.offices import behind_office, is_no_person
from caliber_crawler.text import fold, line

# "By" in the site's languages, with or without a colon, and what stands under an interview: "talked
# to" (беседовал, söhbətləşdi, զրուցեց), "wrote down", "led the interview", "prepared".
_LABEL = re.compile(
    r"(?:(?:written |interview(?:ed)? |prepared |reported )?by|authors?|автор(?:ы)?|"
    r"(?:материал )?подготовил(?:а|и)?|(?:беседу )?записал(?:а|и)?|беседовал(?:а|и)?|"
    r"(?:интервью|беседу) (?:пров[её]л|провела|провели|взял(?:а|и)?)|текст|müəllif(?:lər)?|"
    r"hazırladı(?:lar)?|hazırlayan|söhbətləşdi|söhbət etdi|müsahibəni (?:apardı|götürdü)|"
    r"հեղինակ(?:ներ)?(?:ը)?|պատրաստեց|զրուցեց|հարցազրույցը վարեց)\b\s*[:：՝`´։—–-]?\s*",
    re.IGNORECASE,
)
# Labels of other languages than English are also ordinary words, so only a colon makes a byline.
_NEEDS_COLON = re.compile(r"(?:текст|authors?)\b(?!\s*:)", re.IGNORECASE)
# The last is the Armenian "and" written as two letters, U+0565 U+0582.
# A conjunction has spaces on both sides, since "И." is an initial, too.
# A long row of spaces is looked at once, from its beginning.
_BETWEEN = re.compile(
    r"(?:(?<!\s)\s++)?[,;&/|]\s*+(?:(?:and|и|və|և|\u0565\u0582)\s+)?"
    r"|(?<!\s)\s++(?:and|и|və|և|\u0565\u0582)\s+",
    re.IGNORECASE,
)
_FOR_HOUSE = re.compile(
    r"(?<![\s,])[\s,]++(?:(?:exclusively|especially|special(?:ly)?|специально)\s+)?(?:for|to|для)\s+"
    r"caliber(?:\s*\.?\s*az)?\.?$",
    re.IGNORECASE,
)
# Names without a label are a byline where the house stands behind them.
_SIGNED = re.compile(r",\s*+caliber\s?\.\s?az\.?$", re.IGNORECASE)
# The house behind a name: after a mark, in brackets or with no more than a space.
_BEHIND = re.compile(
    r"(?<=\w|\.)(?:\s++[–—-]\s*+caliber(?:\s?\.?\s?az)?|\s++caliber\s?\.\s?az)\.?$", re.IGNORECASE
)
_MAIL = re.compile(r"(?<!\s)\s*+[,(|]\s*+[^\s@(),|]{1,80}@[\w.-]{1,80}\)?$")
_IN_PLACE = re.compile(r"(?<!\s)\s++(?:reporting )?(?:in|from|из|в)\s++(\S.{0,60})")
_DEGREE = re.compile(r"(?<!\s)\s++ph\.?\s?d\.?$", re.IGNORECASE)
_MOST_TITLES = 4
_IN_BRACKETS = re.compile(r"(?<!\s)\s*+\(([^()]{1,60})\)$")
# What stands behind a byline now and then. It is no reason to overlook the byline.
_CREDIT = re.compile(
    r"(?:photos?|pictures?|images?|videos?|graphics?|sources?|translat(?:ed|ion)|edited|follow|subscribe|"
    r"join|(?:our |наш )?(?:telegram|телеграм)\w*|"
    r"фото\w*|видео\w*|источник\w*|перев[оё]\w+|подп\w+|следите|присоедин\w+|читайте нас|вступ\w+|"
    r"foto\w*|mənbə|tərcümə|abunə|izləyin|qoşulun|bizi|"
    r"լուսանկար\w*|տեսանյութ\w*|աղբյուր\w*|հետևեք|միացեք|բաժանորդագրվ\w+|"
    # when it was changed
    r"updated|last updated|обновлен[оа]|yenilənib|թարմացվել|"
    # whose opinion it is
    r"disclaimer|(?:the )?(?:views|opinions?) (?:and (?:views|opinions) )?(?:expressed|of)|"
    r"the author['’]s (?:views|opinions?)|мнени[ея],? |точка зрения|müəllifin fikri|"
    r"հեղինակի կարծիք\w*)\b",
    re.IGNORECASE,
)
_HASHTAGS = re.compile(r"#\w+(?:[\s,]++#\w+)*+")
_PARTICLES = frozenset(
    "de da del di du dos van von der den ter la le el al ul ibn bin bint abu "
    "де да дель ди ван фон дер ден ла ле эль аль ибн бин абу".split()
)
# Degrees and family suffixes that a comma may set apart from a name.
_TITLES = re.compile(r"(?:ph\.?d|m\.?d|m\.?a|dr|prof|jr|sr)\.?")
# What stands before a name and is no part of it.
_BEFORE_NAME = re.compile(
    r"(?:(?:assoc|prof|dr|mr|mrs|ms|проф|д-р|dos)\.|(?:assoc|prof|dr|mr|mrs|ms|д-р|professor)(?=\s))\s*+",
    re.IGNORECASE,
)
# Capitalised words that begin or fill such a sentence and are no part of a name.
_NO_NAMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday "
    "the of our to in on for with at from this that its his her their staff".split()
)
_PREFIX = re.compile(r"^(?:[dl]['’]|(?:al|el|ul|ad|an|ar|as|at|аль|эль|ад|ан|ар|ас|ат)-)")
_SUFFIXES = frozenset(
    map(
        fold,
        "oglu oğlu oghlu ogly oghli ogli qizi qızı gizi kizi kyzy "
        "оглы огли оглу кызы гызы кизи гызи "
        "օղլու օղլի օղլը օղլուն քըզը քըզի կըզը ղըզը ղըզի".split(),
    )
)
_HOUSE = re.compile(
    r"caliber(?:\s*\.?\s*az)?(?:\s+(?:news|staff|team|desk|editorial(?: team)?|редакция))?|калибр"
)
_INITIAL = re.compile(r"[^\W\d_]\.(?:-?[^\W\d_]\.)*")
_NAME_WORD = re.compile(r"(?:[^\W\d_]\.-?)*[^\W\d_]+(?:['’ʼ‘`-][^\W\d_]+)*\.?")
_BEFORE_DATE = re.compile(r"(?:(?<!\s)\s++)?[,;|/–—-]\s*+")
_COLON = re.compile(r"[:：՝`´։—–-]")  # also what is typed for the Armenian ones
# Where the first word of a name ends and another one begins; initials may stand without a space.
_NAME_END = re.compile(r"[\s.](?=\w)")
_LONGEST_BYLINE = 160
_LONGEST_CREDIT = 320  # as of a sentence about whose opinion it is
_LONGEST_VALUE = 2_000
_MOST_VALUES = 200
_MOST_CREDITS = 5  # paragraphs behind a byline
_LAST_LINES = 3  # of a paragraph: a label, the names, the house or a credit


def split_byline(paragraphs: list[str]) -> tuple[list[str], list[str] | None]:
    """Take the byline off the end of a body: its last paragraph, or the last line of that.

    There may be several, one for each person. What an editor puts under a text may stand behind and
    stays: credits ("Photos by ..."), hashtags, when it was changed, whose opinion it is. The house
    or an office in the line below the names goes.
    Returns the paragraphs without the byline and the persons named, which may be none when only the
    house signs; None instead of a list when the body does not end with a byline.
    """
    kept = list(paragraphs)
    names: list[str] | None = None
    at = len(kept) - 1
    first = max(0, at - _MOST_CREDITS)
    while at >= 0:
        lines = kept[at].rsplit("\n", _LAST_LINES)
        found = _take_byline(lines)
        if found is not None:
            names = found + (names or [])
            kept[at : at + 1] = filter(None, ["\n".join(lines)])
            at -= not lines
        elif names is None and at > first and all(map(_is_credit, lines)):
            at -= 1
        else:
            break
    return kept, None if names is None else persons(names)


def _take_byline(lines: list[str]) -> list[str] | None:
    """The persons of the last line, or of one before credits, which are taken off `lines`.

    A label may have the names in the next line, and the house or an office may stand below them.
    When there are none, what is left in `lines` means nothing.
    """
    behind: list[str] = []
    below = False
    while lines:
        names, taken = parse_byline(lines[-1]), 1
        if names is None and len(lines) > 1 and _is_label(lines[-2]):
            names, taken = parse_byline(" ".join(lines[-2:])), 2
        if names is not None:
            lines[-taken:] = reversed(behind)
            return names
        if len(lines) > 1 and _is_credit(lines[-1]):
            behind.append(lines.pop())
        elif not below and len(lines) > 1 and _is_below_names(lines[-1]):
            below = True
            lines.pop()
        else:
            break
    return None


def _is_below_names(text: str) -> bool:
    return is_house(text) or behind_office(text, sure=False) is not None


def _is_label(text: str) -> bool:
    """Whether a line is a label with its colon, so that the names are in the next one."""
    return len(text) <= _LONGEST_BYLINE and text[-1:] in ":：՝`։" and bool(_LABEL.fullmatch(text))


def _is_credit(text: str) -> bool:
    if len(text) > _LONGEST_CREDIT:
        return False
    return _CREDIT.match(text) is not None or _HASHTAGS.fullmatch(text) is not None


def parse_byline(text: str) -> list[str] | None:
    """The persons of ``By A. One and B. Two``; None when the text is no byline.

    A sentence that only begins like one ("By Tuesday evening the road was open.") is none: after
    the label every word must look like part of a name. A date behind the names is put aside, and
    so is a full stop when the words before it cannot be a sentence (two names at least), and so
    are the house, places, agencies and offices behind a name, also those in lower case ("political
    analyst") and without a comma ("in Brussels"), and degrees before it. A single word is a name
    only behind a colon ("By October"). Names before the house's are a byline without a label, too
    ("A. One, special to Caliber.Az").
    """
    if len(text) > 2 * _LONGEST_BYLINE:
        return None
    text = line(text)
    label = _LABEL.match(text)
    if len(text) > _LONGEST_BYLINE:
        return None
    if not label:
        signed = _SIGNED.search(text) or _FOR_HOUSE.search(text)
        return _named(text[: signed.start()], sure=False) if signed else None
    if _NEEDS_COLON.match(text):
        return None
    names = _without_full_stop(_without_date(text[label.end() :]).rstrip(" *"))
    found = _named(names, sure=_COLON.search(label[0]) is not None)
    return None if found is None else persons(found)


def clean_authors(values: Iterable[str]) -> list[str]:
    """Persons from metadata values such as ``By A. One``, ``Author: A. One and B. Two``.

    Dates, the house, agencies, places and repetitions are left out; the order stays.
    """
    names: list[str] = []
    for value in islice(values, _MOST_VALUES):
        text = line(value[:_LONGEST_VALUE])
        label = _LABEL.match(text)
        text = _without_date(text[label.end() :] if label else text)
        names += _named(text, sure=True, strict=False) or []
    return persons(names)


def _named(text: str, *, sure: bool, strict: bool = True) -> list[str] | None:
    """The persons in a list of names, and the house; None when it does not begin with one.

    `sure` says that a label with its colon or the page's head announces names: then a name may have
    one word, and what is behind an office any. `strict` gives None, too, when there is anything
    that is neither a person nor what may stand behind one: a place, an agency, an office.
    """
    found: list[str] = []
    words_alone = False  # it is a list of single words
    in_office = False  # what an office is of may have a conjunction
    for number, (whole, joined) in enumerate(_names_in(text)):
        part = _name_alone(whole, sure=sure)
        behind = None if looks_like_name(part) or not found else behind_office(part, sure=sure)
        if (joined and in_office) or behind is not None:
            in_office = in_office or bool(behind)
            continue
        in_office = False
        if is_house(part):
            found.append(part)
        elif found and _is_in_place(part):
            continue
        elif not looks_like_name(part) or (not number and is_no_person(part)):
            if strict:
                return None
        elif is_no_person(part):
            continue
        elif _NAME_END.search(part):
            found.append(part)
        elif not number:
            if not sure:
                return None
            words_alone = True
            found.append(part)
        elif words_alone or (joined and strict):  # "Veliyev, Samir", "Anna Stone and Boris"
            return None
        # Any other single word is a place or an agency.
    return found or None


def _name_alone(part: str, *, sure: bool) -> str:
    """A name without degrees before it, and without a place or an office behind it."""
    part = _DEGREE.sub("", part)
    rest = part
    for _ in range(_MOST_TITLES):
        title = _BEFORE_NAME.match(rest)
        if not title:
            break
        rest = rest[title.end() :]
    if rest is not part and _NAME_END.search(rest) and looks_like_name(rest):
        part = rest
    if looks_like_name(part):
        return part
    place = _IN_PLACE.search(part)
    name = part[: place.start()] if place else ""
    if place and _NAME_END.search(name) and looks_like_name(name) and looks_like_name(place[1]):
        return name
    name, dash, office = part.partition(" – ") if " – " in part else part.partition(" - ")
    if dash and looks_like_name(name) and behind_office(office, sure=sure) is not None:
        return name
    return part


def _is_in_place(part: str) -> bool:
    place = _IN_PLACE.fullmatch(f" {part}")
    return place is not None and looks_like_name(place[1])


def persons(names: Iterable[str]) -> list[str]:
    """The names once each, in order, without the house."""
    kept: dict[str, str] = {}
    for name in names:
        if not is_house(name):
            kept.setdefault(fold(name), name)
    return list(kept.values())


def is_house(name: str) -> bool:
    """Whether a name means the publisher: ``Caliber.Az`` alone is no person."""
    return _HOUSE.fullmatch(fold(name)) is not None


def looks_like_name(text: str) -> bool:
    """One to six words, each capitalised, an initial, or a particle that names carry."""
    words = text.split()
    if not 1 <= len(words) <= 6 or words[0] in _PARTICLES:
        return False
    last = words[-1]
    # A full stop ends a sentence; in a name it only follows an initial or a title.
    if last.endswith(".") and not (_INITIAL.fullmatch(last) or _TITLES.fullmatch(fold(last))):
        return False
    return all(map(_name_word, words)) and any(word[0].isupper() for word in words)


def _name_word(word: str) -> bool:
    key = fold(word)
    if key in _NO_NAMES:
        return False
    if key in _PARTICLES or key in _SUFFIXES or _INITIAL.fullmatch(word):
        return True
    word = _PREFIX.sub("", word)
    return word[:1].isupper() and _NAME_WORD.fullmatch(word) is not None


def _names_in(text: str) -> list[tuple[str, bool]]:
    """The parts of a list of names, and whether a conjunction stands before each."""
    text = _MAIL.sub("", _FOR_HOUSE.sub("", text)).strip()
    bracket = _IN_BRACKETS.search(text)
    if bracket and (
        is_house(bracket[1])
        or looks_like_name(bracket[1])
        or behind_office(bracket[1], sure=True) is not None
    ):
        text = text[: bracket.start()]
    found: list[tuple[str, bool]] = []
    at, joined = 0, False
    for mark in _BETWEEN.finditer(text):
        found.append((text[at : mark.start()], joined))
        at, joined = mark.end(), any(map(str.isalpha, mark[0])) or "&" in mark[0]
    found.append((_BEHIND.sub("", text[at:]), joined))
    return [(part, joined) for part, joined in found if part and not _TITLES.fullmatch(fold(part))]


def _without_date(text: str) -> str:
    """The text up to a comma, bar or dash behind which there is a date and nothing else."""
    if not any(map(str.isdigit, text)):
        return text
    for mark in _BEFORE_DATE.finditer(text):
        if parse_printed(text[mark.end() :], UTC):
            return text[: mark.start()]
    return text


def _without_full_stop(text: str) -> str:
    names = text.removesuffix(".")
    two_names = len(names.split()) > 1 and looks_like_name(names)
    return names if two_names and not looks_like_name(text) else text
