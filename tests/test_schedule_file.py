"""A schedule's file: cron expressions and zones, what is refused and on which line, which run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from caliber_crawler.commands.schedule import next_runs
from caliber_crawler.errors import ConfigError, ScheduleError
from caliber_crawler.schedule.checks import Checker
from caliber_crawler.schedule.cron import Cron
from caliber_crawler.schedule.entries import Entry, Schedule
from caliber_crawler.schedule.plan import Due, decide, next_run, overdue
from caliber_crawler.schedule.reading import read
from caliber_crawler.schedule.source import Source
from tests.schedules import project_settings

ENTRY = '[crawl.news]\nspider = "sections"\ncron = "5 * * * *"\n'
HEAD = f'zone = "UTC"\n{ENTRY}'
BAD_SETTINGS = 'CLUSTER_DOWNLOAD_DELAY = -1\nMONGODB_URI = "mongodb://x"'


def checked(text: str, **given: str) -> Schedule:
    return read(text, source="s.toml", name="s", check=Checker(project_settings(**given)))


def fires(text: str, zone: str, start: datetime, number: int) -> list[str]:
    """Times in UTC, as day and time."""
    cron, found = Cron(text, ZoneInfo(zone)), []
    for _ in range(number):
        start = cron.after(start)
        assert start.tzinfo is UTC
        found.append(f"{start:%d %H:%M}")
    return found


def test_a_schedule_of_baku_on_a_machine_set_to_utc() -> None:
    start = datetime(2026, 6, 25, 12, tzinfo=UTC)
    assert fires("30 9 * * *", "Asia/Baku", start, 2) == ["26 05:30", "27 05:30"]
    assert fires("0 1 * * 1", "Asia/Baku", start, 1) == ["28 21:00"]  # Monday there, Sunday here


@pytest.mark.parametrize(
    ("cron", "found"),
    [
        # 2:30 does not exist on the 29th: at the first instant after the gap, which is 3:00.
        ("30 2 * * *", ["29 01:00", "30 00:30", "31 00:30"]),
        ("0 * * * *", ["28 23:00", "29 00:00", "29 01:00", "29 02:00"]),
        ("*/30 * * * *", ["28 22:30", "28 23:00", "28 23:30", "29 00:00", "29 00:30", "29 01:00"]),
        ("0 2,3 * * *", ["29 01:00", "30 00:00", "30 01:00"]),
    ],
)
def test_a_clock_put_forward(cron: str, found: list[str]) -> None:
    start = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert fires(cron, "Europe/Berlin", start, len(found)) == found


@pytest.mark.parametrize(
    ("cron", "found"),
    [
        # 2:30 comes twice on the 25th, and counts once.
        ("30 2 * * *", ["25 00:30", "26 01:30", "27 01:30"]),
        ("0 * * * *", ["24 23:00", "25 00:00", "25 01:00", "25 02:00"]),
        ("*/30 * * * *", ["24 22:30", "24 23:00", "24 23:30", "25 00:00", "25 00:30", "25 01:00"]),
        ("0 2,3 * * *", ["25 00:00", "25 02:00", "26 01:00"]),
    ],
)
def test_a_clock_put_back(cron: str, found: list[str]) -> None:
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert fires(cron, "Europe/Berlin", start, len(found)) == found


def test_fields_are_those_of_cron() -> None:
    start = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
    assert (
        fires("0 0 * * 0", "UTC", start, 1) == fires("0 0 * * 7", "UTC", start, 1) == ["29 00:00"]
    )
    assert fires("0 0 * * mon-wed", "UTC", start, 2) == ["30 00:00", "01 00:00"]
    assert fires("0 0 27 * 4", "UTC", start, 2) == ["26 00:00", "27 00:00"]  # the 27th or Thursday
    assert fires("@daily", "UTC", start, 1) == ["26 00:00"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 0 * *", "has 4 fields"),
        ("* * * * * *", "has 6 fields"),
        ("61 * * * *", "its minute is none"),
        ("0 24 * * *", "its hour is none"),
        ("0 0 31 2 *", "its day-of-month is none"),
        ("0 0 * 13 *", "its month is none"),
        ("0 0 * * 8", "its day-of-week is none"),
        ("@yearly", "has 1 fields"),
    ],
)
def test_cron_expressions_that_are_none(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Cron(text, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["s.toml:1: no crawl is named"]),
        ("zone = ", ["s.toml:1: Invalid value"]),
        (f"{HEAD}\n{ENTRY}", ["s.toml:6: Cannot declare ('crawl', 'news') twice"]),
        (ENTRY, ["s.toml:1: no zone"]),
        (f'zone = "Asia/Bakuu"\n{ENTRY}', ["s.toml:1: zone = 'Asia/Bakuu' is not known"]),
        (f'{ENTRY}zone = "../../etc"\n', ["s.toml:4: zone = '../../etc' is not known"]),
        (f'zone = "UTC"\nzones = 1\n{ENTRY}', ["s.toml:2: unknown key 'zones'"]),
        (f'zone = "UTC"\n# a remark\n\n{ENTRY}ovrlap = 1', ["s.toml:7: unknown key 'ovrlap'"]),
        (f'{HEAD}overlap = "never"', ["s.toml:5: overlap = 'never': allowed are"]),
        (f'{HEAD}missed = "twice"', ["s.toml:5: missed = 'twice': allowed are"]),
        (f'{HEAD}limit = "soon"', ["s.toml:5: limit = 'soon': give a time as"]),
        (f'{HEAD}limit = "0s"', ['s.toml:5: limit = "0s" is no time']),
        (
            f'{HEAD}settings = {{ LOG_LEVEL = "loud" }}',
            ["s.toml:5: LOG_LEVEL='loud': give DEBUG, INFO,"],
        ),
        (
            f"{HEAD}settings = {{ CONCURRENT_REQUESTS = 0 }}",
            ["s.toml:5: CONCURRENT_REQUESTS='0': give a whole number of 1 or more"],
        ),
        (f"{HEAD}grace = 5", ["s.toml:5: grace = 5: give a time as"]),
        (f'{HEAD}resume = "no"', ["s.toml:5: resume = 'no': give true or false"]),
        (f"{HEAD}arguments = 3", ["s.toml:5: arguments is to be a table"]),
        (
            'zone = "UTC"\n[crawl.news]\n',
            ["s.toml:2: cron is missing", "s.toml:2: spider is missing"],
        ),
        (
            'zone = "UTC"\n[crawl."a b"]\nspider = "feed"\ncron = "@daily"',
            ["s.toml:2: crawl 'a b'"],
        ),
        (
            'zone = "UTC"\n[crawl.a]\nspider = "sectoins"\ncron = "0 99 * * *"',
            [
                "s.toml:3: no spider 'sectoins'; there are articles,",
                "s.toml:4: cron = '0 99 * * *'",
            ],
        ),
        (
            f'{HEAD}arguments = {{ limit = 3, langauge = "en" }}',
            ["s.toml:5: unknown argument langauge; allowed are language,"],
        ),
        (
            f'{HEAD}[crawl.news.arguments]\nlimit = 3\nlanguage = [\n  "en",\n  "xx",\n]',
            ["s.toml:7: language=xx: allowed are en, ru, arm"],
        ),
        (
            f'zone = "UTC"\n{ENTRY.replace("sections", "articles")}',
            ["s.toml:2: nothing to fetch: give url="],
        ),
        (
            f'{HEAD}[crawl.news.settings]\nCRAWL_ID = "x"\nMONGODB_URL = 3\n{BAD_SETTINGS}',
            [
                "s.toml:6: CRAWL_ID: the scheduler gives",
                "s.toml:7: there is no setting MONGODB_URL; did you mean MONGODB_URI?",
                "s.toml:8: CLUSTER_DOWNLOAD_DELAY='-1': give seconds",
                "s.toml:9: MONGODB_URI: is the scheduler's",
            ],
        ),
    ],
)
def test_files_that_cannot_be_used(text: str, problems: list[str]) -> None:
    with pytest.raises(ScheduleError) as caught:
        checked(text)
    found = caught.value.problems
    assert len(found) == len(problems), found
    for one, expected in zip(found, problems, strict=True):
        assert one.startswith(expected)


def test_refresh_needs_a_database() -> None:
    text = f'zone = "UTC"\n{ENTRY.replace("sections", "refresh")}'
    checked(text)
    with pytest.raises(ScheduleError, match=r"s.toml:2: refresh visits stored articles"):
        checked(text, MONGODB_URI="off")


def test_all_that_a_file_can_say() -> None:
    schedule = checked(
        'name = "archive"\nzone = "Asia/Baku"\n'
        "[crawl.a]\n"
        'spider = "sections"\ncron = "5 * * * *"\nzone = "Europe/Berlin"\n'
        'arguments = { language = ["en", "ru"], limit = 5 }\n'
        "settings = { ROBOTSTXT_OBEY = true, CONCURRENT_REQUESTS = 4, PLAYWRIGHT_X = 1,"
        ' FEEDS = { "a.jsonl" = { format = "jsonl" } } }\n'
        'overlap = "queue"\nmissed = "skip"\ngrace = "2h"\njitter = "90s"\n'
        'limit = "none"\nstop_grace = "2m"\nresume = false\n'
        f"[crawl.b]\n{ENTRY.partition(']')[2]}"
    )
    assert schedule.name == "archive"
    one, other = schedule.entries.values()
    assert str(one.cron) == "5 * * * * Europe/Berlin"
    assert one.arguments == {"language": "en,ru", "limit": "5"}
    assert one.settings["FEEDS"] == '{"a.jsonl": {"format": "jsonl"}}'
    assert one.settings["ROBOTSTXT_OBEY"] == "true"
    assert (one.overlap, one.missed, one.resume, one.limit) == ("queue", "skip", False, None)
    assert one.jitter == timedelta(seconds=90)
    assert (one.grace, one.stop_grace) == (timedelta(hours=2), timedelta(minutes=2))
    assert str(other.cron) == "5 * * * * Asia/Baku"
    assert (other.overlap, other.missed, other.resume) == ("skip", "once", True)
    assert (other.grace, other.limit) == (timedelta(hours=1), timedelta(days=1))


def test_a_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "the news.toml"
    source = Source(path, Checker(project_settings()))
    with pytest.raises(ScheduleError, match="cannot be read: No such file"):
        source.load()
    assert not source.changed()
    path.write_text(f'zone = "UTC"\n{ENTRY}', "utf-8-sig")
    assert source.changed()
    assert source.load().name == "the-news"
    assert not source.changed()
    path.write_bytes(b'zone = "UTC" # \xff\n')
    with pytest.raises(ScheduleError, match="it is not UTF-8"):
        source.load()
    assert not source.changed()  # it was said once that it is broken


def entry(**values: Any) -> Entry:
    return Entry("e", "sections", Cron("0 * * * *", ZoneInfo("UTC")), **values)


NOON = datetime(2026, 6, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_jitter_is_the_same_after_a_restart_and_never_puts_off_beyond_the_next_run() -> None:
    jittered = entry(jitter=timedelta(hours=5))
    starts, after = [], NOON
    for _ in range(48):
        run = next_run(jittered, after)
        assert run == next_run(jittered, after)
        assert run.at <= run.start < run.at + HOUR
        starts.append(run.start - run.at)
        after = run.at
    assert len(set(starts)) > 40
    assert next_run(entry(), NOON) == Due(NOON + HOUR, NOON + HOUR)


def test_runs_that_are_due_late_and_missed() -> None:
    assert overdue(entry(), NOON, NOON + HOUR - timedelta(seconds=1)) == []
    runs = overdue(entry(), NOON, NOON + 3 * HOUR)
    assert [run.at for run in runs] == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
    on_time = decide(entry(missed="skip"), runs, NOON + 3 * HOUR + timedelta(seconds=60))
    assert (on_time.run, on_time.late, on_time.missed) == (runs[-1], False, 2)
    late = NOON + 3 * HOUR + timedelta(minutes=30)
    once = decide(entry(), runs, late)
    assert (once.run, once.late, once.missed) == (runs[-1], True, 2)
    skipped = decide(entry(missed="skip"), runs, late)
    assert (skipped.run, skipped.missed) == (None, 3)
    too_late = decide(entry(grace=timedelta(minutes=29)), runs, late)
    assert (too_late.run, too_late.missed) == (None, 3)


def test_next_runs_are_told_in_the_zone_and_in_utc() -> None:
    schedule = checked(f'zone = "Asia/Baku"\n{ENTRY}arguments.language = "ru"')
    assert next_runs(schedule, NOON, 2) == (
        "news: 5 * * * * Asia/Baku: crawl sections -a language=ru\n"
        "  Thu 2026-06-25 16:05 +04 = Thu 2026-06-25 12:05 UTC\n"
        "  Thu 2026-06-25 17:05 +04 = Thu 2026-06-25 13:05 UTC"
    )
