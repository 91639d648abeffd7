"""The frame of the benchmarks, and what they count by. `make bench` runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.kills import moments
from benchmarks.outcome import Bar, Outcome, markdown, spread
from benchmarks.page import write_page
from benchmarks.pages import examples
from benchmarks.pages_check import likeness, means, published, score
from demo_site.world import ZONE
from tests.conftest import ROOT

MACHINE = {
    "date": "2026-01-02",
    "processor": "2 cores, some",
    "memory": "4 GiB",
    "system": "Linux x86_64",
    "python": "3.11.9",
    "scrapy": "2.19.0",
}


def kept(folder: Path, name: str, outcome: Outcome, *, quick: bool = False) -> None:
    """A results file as a run leaves it."""
    found = {"name": name, "seconds": 12.3, "machine": MACHINE, "quick": quick}
    (folder / f"{name}.json").write_text(json.dumps(found | {"outcome": outcome.as_json()}))


def test_a_table_reads_well_as_text() -> None:
    assert markdown(("what", "ms"), [("a", 1), ("long name", "12.50")]).splitlines() == [
        "| what      |    ms |",
        "| --------- | ----: |",
        "| a         |     1 |",
        "| long name | 12.50 |",
    ]


def test_a_bar_is_the_median_with_the_least_and_the_most() -> None:
    assert Bar.of("speed", "other", [3.0, 1.0, 2.5]) == Bar("speed", "other", 2.5, 1.0, 3.0)


def test_a_spread_is_shown_where_there_is_one() -> None:
    assert spread([1234.5], 0) == "1,234"
    assert spread([1.0, 4.0, 2.0]) == "2.00 (1.00 to 4.00)"


def test_an_outcome_survives_json() -> None:
    outcome = Outcome("Title", "text", {"a": [1, None]}, (Bar("l", "o", 1.0, 0.5, 2.0),))
    assert Outcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


def test_the_page_holds_what_was_measured_in_the_order_asked_for(tmp_path: Path) -> None:
    kept(tmp_path, "second", Outcome("Second", "of two", {}))
    kept(tmp_path, "first", Outcome("First", "of one", {}))
    page = tmp_path / "page.md"
    write_page(tmp_path, ("first", "missing", "second"), page)
    text = page.read_text()
    assert text.index("## First\n\nof one\n") < text.index("## Second\n\nof two\n")
    assert "`make bench ARGS=second`, 2026-01-02: 2 cores, some, 4 GiB, Linux x86_64" in text
    assert "missing" not in text
    assert "short run" not in text
    assert "![" not in text  # nothing to draw
    assert not (tmp_path / "images").exists()


def test_a_page_of_short_runs_says_so(tmp_path: Path) -> None:
    kept(tmp_path, "first", Outcome("First", "of one", {}), quick=True)
    write_page(tmp_path, ("first",), tmp_path / "page.md")
    assert "short run" in (tmp_path / "page.md").read_text()


def test_every_benchmark_is_a_module_of_the_folder() -> None:
    for name in bench.BENCHMARKS:
        source = (ROOT / "benchmarks" / f"{name}.py").read_text()
        assert "\ndef measure(quick: bool) -> Outcome:" in source, name


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["--help"], 0, "politeness"), (["no-such"], 2, "no such benchmark: no-such")],
)
def test_usage(arguments: list[str], code: int, said: str) -> None:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_a_benchmark_that_fails_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks_bad.py").write_text("def measure(quick): raise RuntimeError('no disk')")
    (tmp_path / "benchmarks_good.py").write_text(
        "from benchmarks.outcome import Outcome\n"
        "def measure(quick): return Outcome('Good', f'quick: {quick}', {})\n"
    )
    from importlib import import_module

    monkeypatch.syspath_prepend(tmp_path)
    for name in ("bad", "good"):
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", import_module(f"benchmarks_{name}"))
    monkeypatch.setattr(bench, "BENCHMARKS", ("bad", "good"))
    results, page = tmp_path / "results", tmp_path / "page.md"
    code = bench.main(["--quick", "--results", str(results), "--page", str(page)])
    assert code == 1
    assert "bad failed: no disk" in capsys.readouterr().err
    assert [file.name for file in results.iterdir()] == ["good.json"]
    assert "## Good\n\nquick: True\n" in page.read_text()


# --- what the pages benchmark counts by

NOON = datetime(2026, 6, 25, 12, 0, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (NOON.isoformat(), "right"),
        ("2026-06-25T08:00:00+00:00", "right"),
        ("2026-06-25T12:00:00", "local"),
        ("2026-06-25T08:00:00", "day"),
        ("2026-06-25T12:00:00+00:00", "day"),
        ("2026-06-25", "day"),
        ("2026-06-24", "wrong"),
        ("2026-06-26T12:00:00+04:00", "wrong"),
        ("", "none"),
    ],
)
def test_a_time_is_right_as_an_instant_only(found: str, state: str) -> None:
    assert published(found, NOON) == state


def test_likeness_is_the_f1_of_words() -> None:
    assert likeness("", "") == 1
    assert likeness("One, two!", "two one") == 1
    assert likeness("to\u00adget\u200bher", "together") == 1
    assert likeness("one", "") == 0
    assert likeness("one two", "one one three") == pytest.approx(2 * 1 / 5)


def test_a_perfect_reader_is_right_about_everything() -> None:
    example = examples("full", 6)[1]
    truth = example.truth
    perfect = {
        "title": truth.title,
        "authors": truth.authors,
        "published": truth.published.isoformat(),
        "body": "\n\n".join(truth.paragraphs),
        "image": f"https://caliber.az{truth.images[0][0]}",
        "section": truth.sections[0][1].lower(),
        "views": truth.initial_views,
    }
    right = score(perfect, truth, "https://caliber.az")
    assert right.pop("day") == right.pop("local") == 0
    assert set(right.values()) == {1.0}
    later = score(
        perfect | {"published": (truth.published + timedelta(seconds=1)).isoformat()},
        truth,
        "https://caliber.az",
    )
    assert (later["published"], later["day"]) == (0, 1)
    assert score(perfect | {"title": truth.title.upper()}, truth, "")["title"] == 0
    quoted = {"title": "\u00abOne\u00bb \u2014 two"}
    plain = score(perfect | quoted, replace(truth, title='"One" - two'), "https://caliber.az")
    assert plain["title"] == 1
    assert means([right | {"views": None}, score(None, truth, "") | {"views": None}]) == (
        dict.fromkeys(right, 0.5) | {"views": None}
    )


def test_the_sets_differ_in_what_they_should() -> None:
    full, bare, renamed = (examples(name, 6)[0].html for name in ("full", "bare", "renamed"))
    for sign in ("application/ld+json", "og:image", 'rel="canonical"', "hreflang"):
        assert sign in full
        assert sign not in bare
        assert sign in renamed
    assert "post_body" in full
    assert "post_body" in bare
    assert "post_body" not in renamed


def test_kills_come_at_the_same_moments_each_time() -> None:
    when = moments(1_000, 10, seed=1)
    assert when == moments(1_000, 10, seed=1) != moments(1_000, 10, seed=2)
    assert [number for number, _ in when] == sorted({number for number, _ in when})
    assert all(50 <= number < 900 for number, _ in when)
