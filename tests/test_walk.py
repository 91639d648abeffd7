"""Lists walked to their end: real crawls with a real browser against every kind of list."""

from __future__ import annotations

import json
import re
from collections import Counter
from copy import copy
from typing import Any
from urllib.request import urlopen

import pytest
from pymongo.database import Database

from caliber_crawler.listing.answers import Format
from caliber_crawler.listing.rule import ListRule, Source
from caliber_crawler.verdict import PARTLY_FAILED
from demo_site import Edit, ServedSite, SiteConfig, Truth, serve
from demo_site.config import LIST_PROTOCOLS, ListProtocol
from tests.background import repeated
from tests.conftest import Run, Scrapy

Documents = Database[dict[str, Any]]

RULED = [name for name in LIST_PROTOCOLS if name not in ("signed", "none")]
SECTION = "/en/category/world"
HTML = {"Content-Type": "text/html; charset=utf-8"}


def world(site: ServedSite) -> list[Truth]:
    return list(site.world.in_section("en", "world"))


def assert_took(run: Run, truths: list[Truth], database: Documents | None = None) -> None:
    """The crawl went well and took these articles, each once, and nothing else."""
    assert run.code == 0, run.err
    wanted = Counter(f"{truth.language}/{truth.slug}" for truth in truths)
    assert Counter(record["id"] for record in run.records) == wanted
    if database is not None:
        assert {document["_id"] for document in database.articles.find({}, {})} == wanted.keys()


def assert_without_browser(run: Run) -> None:
    assert "[scrapy-playwright]" not in run.err
    assert not run.counts["lists/scrolled"]


def crawl(scrapy: Scrapy, site: ServedSite, *arguments: str, **settings: str) -> Run:
    return scrapy.crawl(
        "sections", "section=world", *arguments, CALIBER_BASE_URL=site.url, **settings
    )


# Rules


# All of them: with short lists below, with longer ones in tests/soak/test_walks.py.
@pytest.mark.parametrize("protocol", RULED[::3])
def test_a_rule_is_learned_in_a_few_batches_and_takes_the_whole_list(
    scrapy: Scrapy, database: Documents, protocol: ListProtocol
) -> None:
    seed = 100 + RULED.index(protocol)
    with serve(SiteConfig(articles=1000, seed=seed, list_protocol=protocol)) as site:
        run = crawl(scrapy, site, "render=auto")
        assert len(world(site)) == 350
        assert_took(run, world(site), database)
    count = run.counts
    assert (count["rules/learned"], count["rules/none"], count["rules/broken"]) == (1, 0, 0)
    assert count["lists/ended/end"] == 1
    assert 0 < count["lists/scrolled"] < 10
    assert count["lists/batches"] >= 10
    assert database.list_rules.count_documents({"_id": SECTION}) == 1
    assert scrapy.alive() == []


# The others in tests/soak/test_walks.py.
@pytest.mark.parametrize("protocol", RULED[::2])
def test_a_kept_rule_takes_the_whole_list_without_a_browser(
    scrapy: Scrapy, database: Documents, protocol: ListProtocol
) -> None:
    learn_and_keep(scrapy, database, protocol)


def learn_and_keep(scrapy: Scrapy, database: Documents, protocol: ListProtocol) -> None:
    seed = 200 + RULED.index(protocol)
    with serve(SiteConfig(articles=200, seed=seed, cards=4, list_protocol=protocol)) as site:
        first = crawl(scrapy, site, "render=auto")
        second = crawl(scrapy, site, "render=http", "mode=full")
        assert_took(first, world(site), database)
        assert_took(second, world(site), database)
    assert first.counts["rules/learned"] == 1
    assert second.counts["lists/ended/end"] == 1
    assert second.counts["rules/broken"] == 0
    assert_without_browser(second)


def test_a_list_without_a_rule_is_scrolled_to_its_end(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=1000, seed=31, list_protocol="signed")) as site:
        run = crawl(scrapy, site, "render=auto")
        assert_took(run, world(site), database)
    count = run.counts
    assert (count["rules/none"], count["rules/learned"], count["lists/batches"]) == (1, 0, 0)
    assert count["lists/ended/end"] == 1
    assert re.search(r"no rule found, scrolling on to the end: query 'sign' follows", run.err)
    assert database.list_rules.count_documents({}) == 0
    assert scrapy.alive() == []


def test_cards_that_a_script_adds_one_by_one_are_those_of_one_request(
    scrapy: Scrapy, database: Documents
) -> None:
    slowly = b"""new Promise(function (done) {
      var held = document.createElement('div');
      held.innerHTML = html;
      (function step() {
        if (!held.firstElementChild) { done(html.length > 0); return; }
        list.appendChild(held.firstElementChild);
        setTimeout(step, 150);
      })();
    })"""
    with serve(SiteConfig(articles=160, seed=44, cards=10)) as site:
        with urlopen(f"{site.url}{SECTION}") as answer:
            page = answer.read()
        assert page.count(b"return append(html)") == 1
        page = page.replace(b"return append(html)", b"return " + slowly)
        site.knobs.raw[SECTION] = (200, HTML, page)
        run = crawl(scrapy, site, "render=auto")
        assert len(world(site)) > 40
        assert_took(run, world(site), database)
    assert (run.counts["rules/learned"], run.counts["rules/none"]) == (1, 0)


def test_without_a_rule_and_a_browser_the_first_page_is_taken_and_that_is_said(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=200, seed=32)) as site:
        run = crawl(scrapy, site, "render=http")
        assert_took(run, site.first_list("en", "world"), database)
    assert run.counts["lists/ended/first_page"] == 1
    assert run.counts["lists/ended/end"] == 0
    assert "no rule is known for this list, so only its first page is taken" in run.err
    assert_without_browser(run)


def test_a_list_is_walked_without_a_store_as_well(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=400, seed=33, list_protocol="offset")) as site:
        run = crawl(scrapy_without_store, site, "render=auto")
        assert_took(run, world(site))
    assert run.counts["rules/learned"] == 1
    assert run.counts["lists/ended/end"] == 1
    assert scrapy_without_store.alive() == []


@pytest.mark.parametrize("stored", [{"rule": {"form": 99}}, {}])
def test_a_stored_rule_of_another_form_is_counted_and_learned_anew(
    scrapy: Scrapy, database: Documents, stored: dict[str, Any]
) -> None:
    """As a newer version may have left one."""
    database.list_rules.insert_one({"_id": SECTION, **stored})
    with serve(SiteConfig(articles=200, seed=35, cards=10)) as site:
        run = crawl(scrapy, site, "render=auto")
        assert_took(run, world(site), database)
        again = crawl(scrapy, site, "render=http", "mode=full")
    assert (run.counts["rules/unknown"], run.counts["rules/learned"]) == (1, 1)
    assert run.counts["rules/broken"] == 0
    assert "the stored rule is of no known form" in run.err
    assert (again.counts["rules/unknown"], again.counts["lists/ended/end"]) == (0, 1)


def test_a_rule_that_only_saw_where_its_list_began_does_not_lead_on_from_a_later_page(
    scrapy: Scrapy, database: Documents
) -> None:
    """It would pass over what was posted since, and the crawl would be healthy."""
    begins = Source("answer", "link@next", "", "/ajax/list?lang=en&category=world&page=4")
    rule = ListRule("GET", "", "", Format("html"), next_url=begins)
    database.list_rules.insert_one({"_id": SECTION, "rule": rule.to_document()})
    with serve(SiteConfig(articles=200, seed=33)) as site:
        run = crawl(scrapy, site, "render=http")
        assert_took(run, site.first_list("en", "world"), database)
    assert run.counts["lists/ended/first_page"] == 1
    assert (run.counts["lists/batches"], run.counts["rules/broken"]) == (0, 0)
    assert "was seen, not explained" in run.err


# The site changes


@pytest.mark.parametrize(
    "stale",
    [
        "not found",
        "nothing",
        "first page",
        pytest.param("another page", marks=pytest.mark.soak),
        pytest.param("JSON", marks=pytest.mark.soak),
    ],
)
def test_a_rule_that_went_stale_is_learned_again(
    scrapy: Scrapy, database: Documents, stale: str
) -> None:
    with serve(SiteConfig(articles=200, seed=34, cards=10)) as site:
        crawl(scrapy, site, "render=auto")
        assert database.list_rules.find_one({"_id": SECTION}) is not None
        site.knobs.list_protocol = "offset"
        first = "".join(
            f'<div class="float_block"><a href="{truth.path}">{truth.title}</a></div>'
            for truth in site.first_list("en", "world")
        )
        match stale:
            case "not found":
                site.knobs.status["/ajax/list"] = 404
            case "another page":
                page = b"<html><body><h1>We have moved</h1><a href='/en/'>home</a></body></html>"
                site.knobs.raw["/ajax/list"] = (200, HTML, page)
            case "nothing":
                site.knobs.raw["/ajax/list"] = (200, HTML, b"")
            case "JSON":
                site.knobs.raw["/ajax/list"] = (200, HTML, b'{"error": "no such action"}')
            case "first page":
                site.knobs.raw["/ajax/list"] = (200, HTML, first.encode())
        run = crawl(scrapy, site, "render=auto", "mode=full")
        assert_took(run, world(site), database)
    count = run.counts
    assert (count["rules/broken"], count["rules/learned"]) == (1, 1)
    assert count["lists/ended/end"] == 1
    assert "the rule of this list does not hold" in run.err
    rule = database.list_rules.find_one({"_id": SECTION})
    assert rule is not None
    assert "offset" in rule["description"]


@pytest.mark.parametrize("protocol", ["next", "cursor"])
def test_a_page_that_lacks_what_the_rule_needs_is_no_end(
    scrapy: Scrapy, database: Documents, protocol: ListProtocol
) -> None:
    with serve(SiteConfig(articles=120, seed=43, cards=5, list_protocol=protocol)) as site:
        crawl(scrapy, site, "render=auto")
        site.knobs.list_protocol = "page"
        run = crawl(scrapy, site, "render=auto", "mode=full")
        assert_took(run, world(site), database)
    count = run.counts
    assert (count["rules/broken"], count["rules/learned"]) == (1, 1)
    assert "does not hold: the page lacks what it needs to ask for more" in run.err


def test_a_rule_that_breaks_down_on_the_way_is_learned_again(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=300, seed=44, cards=5, list_trigger="bottom")) as site:
        site.knobs.status["/ajax/list?lang=en&category=world&page=9"] = (500, 3)
        run = crawl(scrapy, site, "render=auto")
        assert_took(run, world(site), database)
    count = run.counts
    assert (count["rules/broken"], count["rules/learned"]) == (1, 2)
    assert count["lists/ended/end"] == 1


def test_a_broken_rule_without_a_browser_leaves_the_list_unfinished(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=120, seed=45, cards=5)) as site:
        crawl(scrapy, site, "render=auto")
        site.knobs.status["/ajax/list"] = 404
        run = crawl(scrapy, site, "render=http", "mode=full")
        first = site.first_list("en", "world")
    assert run.code == PARTLY_FAILED, run.err
    assert {record["slug"] for record in run.records} == {truth.slug for truth in first}
    assert {n for n in run.counts if n.startswith("lists/ended")} == {"lists/ended/unfinished"}
    assert run.counts["rejected/list_rule_broken"] == 1
    assert database.list_rules.count_documents({}) == 0
    assert_without_browser(run)


def test_a_batch_that_never_comes_leaves_the_list_unfinished(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=200, seed=46, cards=5, list_trigger="bottom")) as site:
        site.knobs.delay_of["/ajax/list?lang=en&category=world&page=8"] = 6.0
        options = ("-s", "DOWNLOAD_TIMEOUT=1", "-s", "RETRY_TIMES=0", "-a", "section=world")
        run = scrapy(
            "crawl", "sections", "-O", str(scrapy.feed), *options, CALIBER_BASE_URL=site.url
        )
        assert run.code == PARTLY_FAILED, run.err
        assert {record["slug"] for record in run.records} == {t.slug for t in world(site)[:35]}
    assert {n for n in run.counts if n.startswith("lists/ended")} == {"lists/ended/unfinished"}
    assert run.counts["rejected/too_slow"] == 1


def page_number(site: ServedSite, number: int) -> str:
    return f"/ajax/list?lang=en&category=world&page={number}"


def test_a_batch_that_is_empty_amid_the_list_is_no_healthy_crawl(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=300, seed=48, cards=5, list_trigger="bottom")) as site:
        site.knobs.raw[page_number(site, 9)] = (200, HTML, b"")
        run = crawl(scrapy, site, "render=auto")
        assert 40 < len({record["slug"] for record in run.records}) < len(world(site))
    assert run.code == PARTLY_FAILED, run.err
    assert run.counts["rejected/list_rule_broken"] == 1
    assert "cards came after an answer that had none" in run.err


Raw = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json"}
EMPTY: Raw = (200, JSON, b'{"html": "", "next": null}')
REFUSED: Raw = (200, JSON, b'{"success": false, "html": "", "next": null, "message": "Later."}')
WORKS: Raw = (200, HTML, b"<html><body><h1>Technical works</h1></body></html>")


class Moment(dict[str, Raw]):
    """What a site answers in one bad moment: to one request for a path, by its number."""

    def __init__(self, path: str, number: int, answer: Raw) -> None:
        super().__init__({path: answer})
        self._left = number

    def __contains__(self, path: object) -> bool:
        self._left -= super().__contains__(path)
        return super().__contains__(path) and self._left == 0


SECOND = "/ajax/list/next/10?lang=en&category=world"  # after the first page's five cards


@pytest.mark.parametrize(
    ("protocol", "answer", "again"),
    [
        ("next", EMPTY, 1),
        ("next", REFUSED, 1),
        ("last_time", (200, HTML, b""), 2),  # so does this list end, and is asked again there, too
        ("last_time", WORKS, 2),
    ],
)
def test_an_answer_without_cards_in_a_bad_moment_is_no_end(
    scrapy: Scrapy, database: Documents, protocol: ListProtocol, answer: Raw, again: int
) -> None:
    path = "/ajax/list/before"
    with serve(SiteConfig(articles=120, seed=43, cards=5, list_protocol=protocol)) as site:
        crawl(scrapy, site, "render=auto")
        by_next = protocol == "next"
        site.knobs.raw = Moment(SECOND, 1, answer) if by_next else Moment(path, 2, answer)
        run = crawl(scrapy, site, "render=http", "mode=full")
        assert_took(run, world(site))
    count = run.counts
    assert (count["lists/asked_again"], count["rules/broken"]) == (again, 0)
    assert count["lists/ended/end"] == 1


def test_a_list_that_refuses_more_is_no_healthy_end(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=120, seed=43, cards=5, list_protocol="next")) as site:
        crawl(scrapy, site, "render=auto")
        site.knobs.raw[SECOND] = REFUSED
        run = crawl(scrapy, site, "render=http", "mode=full")
        assert len(run.records) == 10
    assert run.code == PARTLY_FAILED, run.err
    assert (run.counts["lists/asked_again"], run.counts["lists/ended/unfinished"]) == (1, 1)
    assert "the rule of this list does not hold: success: False" in run.err


@pytest.mark.parametrize("for_good", [False, True])
def test_a_refusal_while_a_list_is_scrolled_is_believed_the_second_time(
    scrapy_without_store: Scrapy, for_good: bool
) -> None:
    with serve(SiteConfig(articles=120, seed=43, cards=5, list_protocol="next")) as site:
        site.knobs.raw = {SECOND: REFUSED} if for_good else Moment(SECOND, 1, REFUSED)
        run = crawl(scrapy_without_store, site, "render=browser", SCROLL_QUIET_SECONDS="1")
        assert_took(run, world(site)[:10] if for_good else world(site))
    assert run.counts["browser/retries"] == 1
    assert "the list ends with another answer: success: False" in run.err


def body_of(site: ServedSite, path: str) -> bytes:
    with urlopen(site.url + path, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def test_a_batch_that_is_cut_off_once_is_had_whole(scrapy: Scrapy, database: Documents) -> None:
    """With a stated length that is the part's: only its last letter shows it."""
    with serve(SiteConfig(articles=120, seed=43, cards=5)) as site:
        crawl(scrapy, site, "render=auto")
        third = page_number(site, 3)
        whole = body_of(site, third)
        part = whole[: whole.index(b"float_block_title", len(whole) // 2) + 5]
        site.knobs.raw = Moment(third, 1, (200, HTML, part))
        run = crawl(scrapy, site, "render=http", "mode=full", BACKOFF_FIRST_SECONDS="0")
        assert_took(run, world(site))
    assert (run.counts["pages/cut_off"], run.counts["lists/cut_off"]) == (1, 0)


def test_batches_with_words_behind_their_last_tag_are_asked_for_again_once_in_a_crawl(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=120, seed=43, cards=5)) as site:
        for number in range(2, 2 + -(-len(world(site)) // 5)):
            path = page_number(site, number)
            if body := body_of(site, path):
                site.knobs.raw[path] = (200, HTML, body + b" More to come")
        crawl(scrapy, site, "render=auto")
        run = crawl(scrapy, site, "render=http", "mode=full", BACKOFF_FIRST_SECONDS="0")
        assert_took(run, world(site))
    assert (run.counts["pages/cut_off"], run.counts["lists/cut_off"]) == (2, 1)


@pytest.mark.parametrize("how", ["home page", "status 400", "a word"])
def test_a_list_that_ends_in_a_way_of_its_own_is_walked_to_its_end(
    scrapy: Scrapy, database: Documents, how: str
) -> None:
    offset = how == "a word"
    config = SiteConfig(
        articles=120, seed=49, cards=5, list_protocol="offset" if offset else "page"
    )
    with serve(config) as site:
        last = -(-len(world(site)) // 5)
        for number in range(last + 1, last + 5):
            match how:
                case "home page":
                    site.knobs.redirect[page_number(site, number)] = "/en/"
                case "status 400":
                    site.knobs.status[page_number(site, number)] = 400
        if offset:
            asked = f"/ajax/list/offset?lang=en&category=world&offset={len(world(site))}"
            site.knobs.raw[asked] = (200, HTML, b"END")
        run = crawl(scrapy, site, "render=auto", SCROLL_QUIET_SECONDS="1")
        assert_took(run, world(site), database)
    assert run.counts["lists/ended/end"] == 1
    assert run.counts["lists/ended/unfinished"] == 0


# Updates


def test_an_update_with_nothing_new_costs_one_request_for_each_list(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=200, seed=35, cards=10)) as site:
        sections = "section=world,sport"
        settings = {"CALIBER_BASE_URL": site.url}
        first = scrapy.crawl("sections", "render=auto", sections, **settings)
        sport = list(site.world.in_section("en", "sport"))
        everything = {truth.slug: truth for truth in (*world(site), *sport)}
        assert_took(first, list(everything.values()), database)
        before = len(site.log)
        second = scrapy.crawl("sections", "mode=update", sections, **settings)
        asked = [hit.path for hit in site.log[before:]]
    assert second.code == 0, second.err
    assert sorted(asked) == ["/en/category/sport", "/en/category/world", "/robots.txt"]
    assert second.records == []
    assert second.counts["lists/remembered"] == 2
    assert second.counts["lists/ended/known"] == 2
    assert_without_browser(second)


def test_an_update_takes_what_is_new_and_what_was_edited(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=160, seed=36, cards=8)) as site:
        new = world(site)[:2]
        site.knobs.removed |= {truth.slug for truth in new}
        crawl(scrapy, site, "render=auto")
        site.knobs.removed.clear()
        edited = world(site)[5]
        site.knobs.edited[edited.slug] = Edit(title="A headline that nobody had seen before")
        before = len(site.log)
        run = crawl(scrapy, site, "mode=update")
        hits = [hit.path for hit in site.log[before:]]
        assert_took(run, [*new, edited])
    fetched = Counter(path for path in hits if "/post/" in path)
    assert fetched == Counter(truth.path for truth in (*new, edited))
    lists = [path for path in hits if "list" in path or "category" in path]
    assert lists == [SECTION, "/ajax/list?lang=en&category=world&page=2"]
    outcomes = {record["slug"]: record["crawl"]["outcome"] for record in run.records}
    assert outcomes.pop(edited.slug) == "changed"
    assert set(outcomes.values()) == {"new"}
    assert run.counts["lists/ended/known"] == 1
    assert_without_browser(run)


# Reasons to stop


def test_a_limit_is_no_end(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=400, seed=37, cards=8)) as site:
        run = crawl(scrapy, site, "render=auto", "limit=30")
        assert_took(run, world(site)[:30])
    assert {n for n in run.counts if n.startswith("lists/ended")} == {"lists/ended/limit"}


def test_a_day_is_no_end(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=400, seed=38, cards=8)) as site:
        day = world(site)[60].published.date()
        run = crawl(scrapy, site, "render=auto", f"since={day}")
        wanted = [truth for truth in world(site) if truth.published.date() >= day]
        assert 60 < len(wanted) < 120
        assert_took(run, wanted)
    assert {n for n in run.counts if n.startswith("lists/ended")} == {"lists/ended/since"}


@pytest.mark.parametrize("render", ["auto", "browser"])
def test_a_ceiling_is_no_end(scrapy: Scrapy, render: str) -> None:
    with serve(SiteConfig(articles=400, seed=39, cards=30, list_trigger="bottom")) as site:
        run = crawl(scrapy, site, f"render={render}", LIST_MAX_BATCHES="3")
        # A browser that is slow to look may find two batches of 30 at once, which are one to it.
        assert len(run.records) in (90, 120, 150)
        assert_took(run, world(site)[: len(run.records)])
    assert {n for n in run.counts if n.startswith("lists/ended")} == {"lists/ended/ceiling"}


def test_a_list_that_got_shorter_when_it_was_learned_again_has_not_ended(
    scrapy: Scrapy, database: Documents
) -> None:
    """A check of visitors comes up half way and stays: a browser gets no batch at all."""
    check = b"<html><body><h1>Just a moment...</h1><p>Checking your browser.</p></body></html>"
    page = "/ajax/list?lang=en&category=world&page="
    with serve(SiteConfig(articles=200, seed=44, cards=10)) as site:
        first = crawl(scrapy, site, "render=auto")
        assert first.counts["rules/learned"] == 1
        site.knobs.delay_of |= {f"{page}{number}": 0.5 for number in (3, 4, 5)}
        site.log.clear()

        def check_visitors() -> None:
            if any(hit.path == f"{page}3" for hit in site.log):
                checked = {f"{page}{number}": (200, HTML, check) for number in range(2, 9)}
                site.knobs.raw |= checked

        with repeated(0.05, check_visitors):
            run = crawl(scrapy, site, "render=auto", "mode=full", SCROLL_QUIET_SECONDS="1")
    assert run.code == PARTLY_FAILED, run.err
    assert run.counts["lists/ended/unfinished"] == 1
    assert "the list ends before what was seen of it over HTTP" in run.err


# Scrolling


HARD: dict[str, dict[str, Any]] = {
    "slow batch": {"delay_of": {"/ajax/list?lang=en&category=world&page=4": 3.0}},
    "failing batch": {"status": {"/ajax/list?lang=en&category=world&page=3": (500, 1)}},
    "asks above the end": {"list_trigger": "above"},
    "asks at the end": {"list_trigger": "bottom"},
    "heeds one event in 200 ms": {"list_heeds": "throttled"},
    "observes its end": {"list_heeds": "observed"},
    "box": {"list_box": True},
    "box, asks above the end": {"list_box": True, "list_trigger": "above"},
    "form by POST, slow": {"list_protocol": "last_id", "delay_of": {"/ajax/list/after": (3.0, 1)}},
    "JSON by POST, failing": {
        "list_protocol": "json_post",
        "status": {"/ajax/list/objects": (500, 1)},
    },
}


# The others in tests/soak/test_walks.py.
@pytest.mark.parametrize(
    "name",
    [
        "heeds one event in 200 ms",
        "box",
        "form by POST, slow",
        pytest.param("slow batch", marks=pytest.mark.soak),
        pytest.param("asks above the end", marks=pytest.mark.soak),
    ],
)
def test_scrolling_brings_every_card(scrapy_without_store: Scrapy, name: str) -> None:
    scroll(scrapy_without_store, name)


def scroll(scrapy_without_store: Scrapy, name: str) -> None:
    with serve(SiteConfig(articles=280, seed=40 + len(name))) as site:
        for knob, value in HARD[name].items():
            setattr(site.knobs, knob, copy(value))
        run = crawl(scrapy_without_store, site, "render=browser", SCROLL_QUIET_SECONDS="2.5")
        assert len(world(site)) == 98
        assert_took(run, world(site))
        failed = [hit for hit in site.log if hit.status == 500]
        assert len(failed) == len(HARD[name].get("status", ()))
    count = run.counts
    assert count["lists/ended/end"] == 1
    assert (count["lists/batches"], count["rules/learned"]) == (0, 0)
    assert count["lists/scrolled"] >= 2
    assert scrapy_without_store.alive() == []


# Several lists


def test_lists_in_pages_beside_one_another_are_scrolled_to_their_ends(
    scrapy_without_store: Scrapy,
) -> None:
    """The page behind gets few frames, and an observer looks once a frame."""
    names = ("sport", "opinion")
    with serve(SiteConfig(articles=300, seed=12, cards=8, list_heeds="observed")) as site:
        run = scrapy_without_store.crawl(
            "sections", "render=browser", f"section={','.join(names)}",
            CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="2.5",
        )  # fmt: skip
        slugs = {t.slug for name in names for t in site.world.in_section("en", name)}
    assert run.code == 0, run.err
    assert {record["slug"] for record in run.records} == slugs
    assert run.counts["lists/ended/end"] == 2


@pytest.mark.parametrize("refused", ["by its status", "in its words"])
def test_lists_whose_script_is_not_let_in_are_no_healthy_crawl(
    scrapy: Scrapy, refused: str
) -> None:
    sections, words = "sport,opinion,culture", b'{"error": "Unauthenticated."}'
    with serve(SiteConfig(articles=100, seed=12, cards=6, list_protocol="json_post")) as site:
        if refused == "by its status":
            sections = "culture"
            site.knobs.status["/ajax/list/objects"] = 403
        else:
            answer = (200, {"Content-Type": "application/json"}, words)
            site.knobs.raw["/ajax/list/objects"] = answer
        run = scrapy.crawl(
            "sections", f"section={sections}", "mode=full",
            CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
        )  # fmt: skip
    if refused == "by its status":
        assert run.code == 4
        assert "1 browser_failed" in run.verdict
    else:
        assert run.code == 3, run.err
        assert "scrolling brought no card beyond the first 6 of each list" in run.verdict


def test_a_search_is_walked(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=600, seed=41, cards=5)) as site:
        articles = (site.world.article("en", i) for i in range(600))
        wanted = [truth for truth in articles if "baku" in truth.title.lower()]
        assert len(wanted) > 15
        run = scrapy.crawl("sections", "query=baku", "render=auto", CALIBER_BASE_URL=site.url)
        assert_took(run, wanted, database)
        assert not [hit for hit in site.log if "/category/" in hit.path]
    assert run.counts["rules/learned"] == 1
    assert run.counts["lists/ended/end"] == 1


def test_an_article_in_several_lists_is_fetched_once_and_knows_them_all(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=100, seed=42, cards=5)) as site:
        run = scrapy.crawl(
            "sections",
            "language=en,ru",
            "render=auto",
            CALIBER_BASE_URL=site.url,
            SCROLL_QUIET_SECONDS="2",
        )
        truths = {
            f"{language}/{truth.slug}": truth
            for language in ("en", "ru")
            for truth in (
                site.world.article(language, i) for i in range(site.world.count(language))
            )
        }
        assert_took(run, list(truths.values()), database)
        fetched = Counter(hit.path for hit in site.log if "/post/" in hit.path)
    assert fetched == Counter(truth.path for truth in truths.values())
    assert run.counts["lists/ended/end"] == run.counts["lists/read"] == 16
    records = {record["id"]: record for record in run.records}
    several = 0
    for document in database.articles.find():
        truth = truths[document["_id"]]
        shown = {slug for slug, _ in truth.sections}
        assert {section["slug"] for section in document["sections"]} == shown
        assert records[document["_id"]]["sections"] == document["sections"]
        several += len(shown) > 1
    assert several > 30


@pytest.mark.parametrize("render", ["auto", "browser"])
@pytest.mark.parametrize("above", [True, False])
def test_what_stands_beside_a_list_is_not_of_its_section(
    scrapy: Scrapy, database: Documents, render: str, above: bool
) -> None:
    """A box of what is most read, which grows while one scrolls."""
    start = b'<div class="float_block"'
    with serve(SiteConfig(articles=120, seed=42, cards=8)) as site:
        with urlopen(f"{site.url}/en/category/economy") as answer:
            cards = [start + card for card in answer.read().split(start)[1:8]]
        box = b"<aside id=popular><h3>Most read</h3>%s</aside>" % b"".join(cards[:5])
        script = b"""<script>(function () {
          var more = %s, box = document.getElementById('popular');
          addEventListener('scroll', function () {
            if (more.length) { box.insertAdjacentHTML('beforeend', more.shift()); }
          });
        })();</script>""" % json.dumps([card.decode() for card in cards[5:]]).encode()
        for path in (SECTION, "/en/category/sport"):
            with urlopen(site.url + path) as answer:
                page = answer.read()
            place = b'<div class="float_list"' if above else b"</body>"
            assert page.count(place) == 1
            page = page.replace(place, box + place).replace(b"</body>", script + b"</body>")
            site.knobs.raw[path] = (200, HTML, page)
        run = scrapy.crawl(
            "sections", f"render={render}", "section=world,sport",
            CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
        )  # fmt: skip
        listed = {
            f"en/{t.slug}": {slug for slug, _ in t.sections}
            for name in ("world", "sport", "economy")
            for t in site.world.in_section("en", name)
        }
    assert run.code == 0, run.err
    got = {record["id"]: {s["slug"] for s in record["sections"]} for record in run.records}
    asked = {"world", "sport"}
    for id_, slugs in got.items():
        assert slugs & asked == listed[id_] & asked, id_
    assert {id_ for id_, slugs in listed.items() if slugs & asked} < got.keys()
    assert run.counts["cards/beside"] >= 8
