"""Times as pages print them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_datetime
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.dates import (
    names_a_day,
    parse_http_date,
    parse_iso,
    parse_on_card,
    parse_printed,
    parse_relative,
)

BAKU = ZoneInfo("Asia/Baku")


def printed(text: str | None) -> tuple[str, bool] | None:
    """The wall-clock time in Baku and whether there was a clock."""
    found = parse_printed(text, BAKU)
    if found is None:
        return None
    assert found.instant.tzinfo is UTC
    return found.instant.astimezone(BAKU).isoformat(), found.has_clock


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo"])
def machine_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine's own zone, which must not matter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("text", "day", "clock"),
    [
        ("20 Mart 2024", "2024-03-20", None),
        ("5 avqust 2024, 09:05", "2024-08-05", "09:05"),
        ("28 Dekabr 2023", "2023-12-28", None),
        ("1 İyun 2024", "2024-06-01", None),
        ("15 IYUL 2024", "2024-07-15", None),
        ("11 мая 2024", "2024-05-11", None),
        ("13 авг. 2024 19:13", "2024-08-13", "19:13"),
        ("3 մայիսի 2024", "2024-05-03", None),
        ("May 3, 2024 - 17:20", "2024-05-03", "17:20"),
    ],
)
def test_month_names(machine_zone: str, text: str, day: str, clock: str | None) -> None:
    expected = f"{day}T{clock or '00:00'}:00+04:00"
    assert printed(text) == (expected, clock is not None), machine_zone


@pytest.mark.parametrize(
    "text",
    [
        "02 April 2025 13:24",
        "02 АПРЕЛЯ 2025 13:24",
        "02\xa0April\u200b 2025 13\u2060:24",
        "13:24 02 April 2025",
        "02 April 2025 | 13:24",
        "02 April 2025, 13.24",
        "02.04.2025 13:24",
        "2-04-2025, 13:24",
        "02 Apr 2025 13:24",
        "2nd April 2025, 13:24",
        "April 2nd, 2025 at 1:24 p.m.",
        "Wednesday, 2 April 2025, 1:24 PM",
        "2 апреля 2025 года, 13:24",
        "2 апр. 2025 г. в 13:24",
        "2 aprel 2025-ci il, saat 13:24",
        "2025-ci il 2 aprel 13:24",
        "Çərşənbə, 2 Aprel 2025, 13:24",
        "2025թ. ապրիլի 2, 13:24",
        "02 Ապրիլի 2025 13:24",
        "02 ապրիլ, 2025թ. 13:24",
        "2 ապրիլ 2025, 13\u058924",
        "2 ապրիլ 2025, 13\u058924\u058900",
        "Published: 02 April 2025 13:24",
        "Опубликовано: 2 апреля 2025, 13:24",
        "Дата публикации: 02.04.2025 13:24",
        "2025-04-02T13:24:00",
        "2025-04-02 13:24",
        "\u200b2025-04-02T13:24+04:00\ufeff",
        "2025-04-02T09:24:00Z",
        "2025-04-02T05:24:00-0400",
    ],
)
def test_one_time_in_many_forms(text: str) -> None:
    assert printed(text) == ("2025-04-02T13:24:00+04:00", True)


@pytest.mark.parametrize(
    "text",
    [
        "Updated: 02 April 2025 13:24", "Published 02 April 2025, updated 3 April 2025",
        None, "", "  ", "today", "сегодня, 13:24", "13:24", "2 hours ago", "May 2025", "02 April",
        "Updated 02 April 2025 13:24", "02 April 2025 13:24 edit", "until 3 May 2024",
        "31 February 2025", "0 April 2025", "02 April 2025 25:10", "02 April 2025 13:60",
        "02/04/2025 13:24", "2.4.25", "02 Smarch 2025", "02 ma 2025", "02 April 1825", "20250402",
        "02 April 2025 - 03 April 2025", "0001-01-01T00:00:00+04:00", "9999-12-31T23:59:59-04:00",
        "2025-13-01", "2 April 2025 13:24 UTC", "x" * 10_000, "2025-04-02 and more",
        "02-04.2025 13:24",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_no_time(text: str | None) -> None:
    assert printed(text) is None


AFTERNOON = datetime(2026, 6, 25, 12, 30, tzinfo=UTC)  # half past four in Baku


def on_card(text: str, at: datetime | None = AFTERNOON) -> str | None:
    found = parse_on_card(text, BAKU, at)
    return f"{found.instant.astimezone(BAKU):%d.%m. %H:%M}" if found else None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Today, 14:35", "25.06. 14:35"), ("Today at 2:35 pm", "25.06. 14:35"),
        ("TODAY 14:35", "25.06. 14:35"), ("14:35, today", "25.06. 14:35"),
        ("Сегодня, 14:35", "25.06. 14:35"), ("Вчера в 12:10", "24.06. 12:10"),
        ("Yesterday, 23:59", "24.06. 23:59"), ("Այսօր, 14։35", "25.06. 14:35"),
        ("Երեկ, ժամը 12:10", "24.06. 12:10"), ("Bugün, 09:05", "25.06. 09:05"),
        ("BU GÜN 09:05", "25.06. 09:05"), ("Dünən saat 12:10", "24.06. 12:10"),
        ("25 June 2026 14:35", "25.06. 14:35"), ("Today, 16:33", "25.06. 16:33"),
        # What is yet to come was printed on another day; which day it is must be said, once.
        ("Today, 17:00", None), ("14:35", None), ("Today", None), ("Yesterday", None),
        ("Today, 25:10", None), ("Today, yesterday 14:35", None), ("Updated today, 14:35", None),
        ("2 hours ago", None), ("Monday, 14:35", None), ("Today, 14:35 - 15:00", None),
        ("today " * 30 + "14:35", None),
    ],
)  # fmt: skip
def test_days_that_have_names_are_those_near_the_answer(text: str, meant: str | None) -> None:
    assert on_card(text) == meant
    assert on_card(text, None) == (meant if "2026" in text else None)


def test_days_turn_at_midnight_of_the_zone_and_are_not_known_just_after_it() -> None:
    """A page may be made before midnight and answered with after it."""
    midnight = datetime(2026, 6, 25, 20, tzinfo=UTC)
    said = {minutes: midnight + timedelta(minutes=minutes) for minutes in (-1, 1, 14, 16)}
    assert {m: on_card("Yesterday, 12:10", at) for m, at in said.items()} == {
        -1: "24.06. 12:10", 1: None, 14: None, 16: "25.06. 12:10",
    }  # fmt: skip
    assert names_a_day("Yesterday, 12:10")
    assert not names_a_day("2 hours ago")


@pytest.mark.parametrize(
    "at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
)
def test_odd_clocks_of_servers_raise_nothing(at: datetime) -> None:
    assert parse_relative("Today, 23:59", BAKU, at) is None
    assert parse_relative("Yesterday, 00:20", BAKU, at) is None


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("Thu, 26 Nov 2026 22:10:00 GMT", datetime(2026, 11, 26, 22, 10, tzinfo=UTC)),
        ("Thu, 26 Nov 2026 22:10:00 +0400", datetime(2026, 11, 26, 18, 10, tzinfo=UTC)),
        ("Thu, 26 Nov 2026 22:10:00", datetime(2026, 11, 26, 22, 10, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Thu, 99 Nov 2026 22:10:00 GMT", None),
        ("now", None),
        ("", None),
    ],
)
def test_dates_of_headers(header: str, meant: datetime | None) -> None:
    assert parse_http_date(header) == meant


def test_an_offset_in_the_text_wins() -> None:
    found = parse_printed("2024-05-03T01:30:05.123456+04:00", ZoneInfo("Asia/Tokyo"))
    assert found is not None
    assert found.instant == datetime(2024, 5, 2, 21, 30, 5, 123000, UTC)


def test_a_day_alone_has_no_clock() -> None:
    assert printed("2025-04-02") == ("2025-04-02T00:00:00+04:00", False)
    assert printed("2025-04-02T00:00") == ("2025-04-02T00:00:00+04:00", True)
    assert printed("2025-04-02T1324") == ("2025-04-02T13:24:00+04:00", True)


def test_words_are_no_iso() -> None:
    assert parse_iso("02 April 2025", BAKU) is None


def test_the_zone_is_the_one_given() -> None:
    found = parse_printed("02 April 2025 13:24", ZoneInfo("Europe/Berlin"))
    assert found is not None
    assert found.instant == datetime(2025, 4, 2, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize("locale", ["en", "ru", "az", "hy"])
@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("form", ["dd MMMM yyyy HH:mm", "d LLLL yyyy, HH:mm", "d MMM yyyy HH:mm"])
def test_every_month_of_every_language(locale: str, month: int, form: str) -> None:
    at = datetime(2024, month, 9, 8, 7, tzinfo=BAKU)
    text = format_datetime(at, form, tzinfo=BAKU, locale=locale)
    for shown in (text, text.upper(), text.title()):
        assert printed(shown) == (at.isoformat(), True), shown


date_like = st.lists(
    st.one_of(
        st.sampled_from(
            "april мая iyun ապրիլի 02 2025 13:24 , . : - T Z +04:00 st ci il г am".split()
        ),
        st.text(max_size=3),
    ),
    max_size=8,
).map(" ".join)


@given(text=st.one_of(date_like, st.text(max_size=30)))
@settings(max_examples=100, deadline=None)
def test_nothing_raises_and_nothing_comes_of_no_digits(text: str) -> None:
    found = parse_printed(text, BAKU)
    if not any(char.isnumeric() for char in text):
        assert found is None
    if found is not None:
        assert 1989 <= found.instant.year <= 2101


@given(
    day=st.dates(date(1990, 1, 2), date(2100, 12, 30)),
    clock=st.times(),
    locale=st.sampled_from(["en", "ru", "az", "hy"]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_printed_is_read(day: date, clock: clock_time, locale: str) -> None:
    # Noon or later: Baku once had daylight saving, and its clocks were changed at night.
    clock = clock.replace(hour=12 + clock.hour // 2, second=0, microsecond=0, fold=0)
    moment = datetime.combine(day, clock, BAKU)
    text = format_datetime(moment, "dd MMMM yyyy HH:mm", tzinfo=BAKU, locale=locale)
    found = parse_printed(text, BAKU)
    assert found is not None
    assert found.instant == moment
