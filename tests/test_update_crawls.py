"""What an update costs: `scrapy crawl sections` on what a crawl before it stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import urlopen

import pytest
from pymongo.database import Database

from demo_site import Edit, Post, ServedSite, SiteConfig, serve
from demo_site.messages import Answer, Request, text_answer
from demo_site.world import NEWEST
from tests.conftest import Run, Scrapy, wait_until

Documents = Database[dict[str, Any]]
SECTIONS = ("politics", "world", "economy", "society", "culture")


def post(site: ServedSite, number: int, section: str) -> None:
    """Put a new article on top of a section."""
    text = f"Item {number} of the {section} desk says that hall {number} opens in week {number}."
    at = NEWEST + timedelta(hours=1, minutes=number)
    site.knobs.posted[f"posted-{number}"] = Post(f"Hall {number} opens", (text,), at, (section,))


def asked(site: ServedSite) -> Counter[str]:
    """Paths asked for since the last call, articles as one, without robots.txt."""
    paths = Counter("/post/" if "/post/" in hit.path else hit.path for hit in site.log)
    site.log.clear()
    del paths["/robots.txt"]
    return paths


@pytest.mark.parametrize("first", ["render=http", "render=auto"])
def test_five_new_articles_in_five_sections(
    scrapy: Scrapy, database: Documents, first: str
) -> None:
    lists = Counter([f"/en/category/{section}" for section in SECTIONS])
    with serve(SiteConfig(articles=50, seed=3)) as site:
        listed = {t.slug for section in SECTIONS for t in site.first_list("en", section)}
        for number in range(len(listed), 50):
            post(site, number, SECTIONS[number % 5])

        def crawl(*arguments: str) -> Run:
            run = scrapy.crawl(
                "sections", f"section={','.join(SECTIONS)}", *arguments,
                CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
            )  # fmt: skip
            assert run.code == 0, run.err
            return run

        crawl(first, "mode=full")
        assert database.articles.count_documents({}) == 50
        asked(site)
        crawl()
        assert asked(site) == lists, "nothing is new"
        for number, section in enumerate(SECTIONS, 100):
            post(site, number, section)
        run = crawl()
        assert asked(site) == lists + Counter({"/post/": 5}), "five are new"
        assert {record["slug"] for record in run.records} == {
            f"posted-{n}" for n in range(100, 105)
        }
    assert database.articles.count_documents({}) == 55


# Lists that end above what is known

MORE = "/ajax/list"
NOTHING = (200, {"Content-Type": "text/html; charset=utf-8"}, b"")


def scroll_world(scrapy: Scrapy, site: ServedSite, *arguments: str) -> Run:
    return scrapy.crawl(
        "sections", "section=world", *arguments, CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1"
    )


@pytest.mark.parametrize("mode", ["update", pytest.param("full", marks=pytest.mark.soak)])
def test_a_list_that_ends_above_all_that_is_known_is_walked_again(
    scrapy: Scrapy, database: Documents, mode: str
) -> None:
    with serve(SiteConfig(articles=60, seed=3, cards=5)) as site:
        assert scroll_world(scrapy, site).code == 0
        for number in range(100, 108):  # the first page and some
            post(site, number, "world")
        site.knobs.raw[MORE] = NOTHING
        early = scroll_world(scrapy, site, f"mode={mode}")
        site.knobs.raw.clear()
        again = scroll_world(scrapy, site)
        at_last = scroll_world(scrapy, site)
    assert early.code == 4, early.err
    assert (len(early.records), early.counts["rejected/list_ends_early"]) == (5, 1)
    assert early.counts["lists/ended/unfinished"] == 1
    assert again.code == 0, again.err
    assert {record["slug"] for record in again.records} == {f"posted-{n}" for n in (100, 101, 102)}
    assert again.counts["lists/taken_up"] == 1
    assert (at_last.code, at_last.records) == (0, [])
    assert "doubted_since" not in (database.walks.find_one() or {})


@pytest.mark.soak
def test_a_list_whose_older_articles_were_removed_is_believed_after_a_day(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=60, seed=3, cards=5)) as site:
        scroll_world(scrapy, site)
        site.knobs.removed |= {t.slug for t in site.world.in_section("en", "world")}
        for number in range(100, 103):
            post(site, number, "world")
        codes = [scroll_world(scrapy, site).code]
        noted = database.walks.find_one() or {}
        yesterday = noted["doubted_since"] - timedelta(hours=25)
        database.walks.update_one({}, {"$set": {"doubted_since": yesterday}})
        codes.append(scroll_world(scrapy, site).code)
    assert codes == [4, 0]


# The home page

WORLD = "/en/category/world"


def crawl_world(scrapy: Scrapy, site: ServedSite, *arguments: str, **settings: str) -> Run:
    return scrapy.crawl(
        "sections", "section=world", "render=http", *arguments,
        CALIBER_BASE_URL=site.url, **settings,
    )  # fmt: skip


@pytest.mark.parametrize(("failing", "code"), [(1, 4), (3, 3)])
def test_what_is_new_fails(scrapy: Scrapy, database: Documents, failing: int, code: int) -> None:
    """One page that fails in an hour without news is no sign that nothing can be collected."""
    with serve(SiteConfig(articles=30, seed=3)) as site:
        crawl_world(scrapy, site, "render=http")
        for number in range(100, 100 + failing):
            post(site, number, "world")
            site.knobs.status[f"/en/post/posted-{number}"] = 404
        run = crawl_world(scrapy, site, "render=http")
    assert run.code == code, run.err
    shown = "0 articles taken, but" if code == 4 else "nothing collected:"
    assert f"{shown} {failing} requests failed" in run.verdict


def pages_of(site: ServedSite) -> list[str]:
    """Paths of lists and home pages asked for since the last call, robots.txt left out."""
    return sorted(path for path in asked(site).elements() if path != "/post/")


def test_home_pages_are_read_again_after_a_while_and_by_full_crawls(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=40, seed=49)) as site:

        def pages(*arguments: str, **settings: str) -> list[str]:
            run = crawl_world(scrapy, site, *arguments, **settings)
            assert run.code == 0, run.err
            return pages_of(site)

        assert pages() == ["/en/", WORLD]
        assert pages() == [WORLD]
        assert pages(NAVIGATION_HOURS="0") == ["/en/", WORLD]
        assert pages("mode=full") == ["/en/", WORLD]
        long_ago = {"$set": {"read_at": datetime.now(UTC) - timedelta(hours=7)}}
        assert database["navigation"].update_one({}, long_ago).matched_count == 1
        assert pages() == ["/en/", WORLD]


def test_a_home_page_in_another_language_is_told_and_read_again(
    scrapy: Scrapy, database: Documents
) -> None:
    """Its sections are another edition's, so that nothing is new for as long as they are known."""
    with serve(SiteConfig(articles=30, seed=53)) as site:

        def update(*arguments: str) -> Run:
            return scrapy.crawl("sections", "render=http", *arguments, CALIBER_BASE_URL=site.url)

        with urlopen(f"{site.url}/") as answer:
            russian = answer.read()
        site.knobs.raw["/en/"] = (200, {"Content-Type": "text/html; charset=utf-8"}, russian)
        run = update()
        assert run.code == 3, run.err
        assert "8 of 8 lists show another edition's articles only" in run.verdict
        assert run.counts["lists/other_edition"] == 8
        # Whichever edition comes first has the lists, and the other one none.
        database["navigation"].delete_many({})
        site.knobs.delay_of["/en/"] = 1.0
        run = update("language=en,ru")
        assert run.code == 3, run.err
        assert run.counts["lists/other_edition"] == 8
        assert "the edition ru already, so en does not get it" in run.err
        assert [page["_id"] for page in database["navigation"].find()] == ["/"]
        site.knobs.raw.clear()
        assert update().code == 0
    assert database.articles.count_documents({"language": "en"}) == 30


def test_one_page_for_all_addresses_is_told_and_replaces_nothing(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=20, seed=54)) as site:
        run = scrapy.crawl("sections", "render=http", "mode=full", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        for number in range(20):
            slug = site.world.article("en", number).slug
            text = "Works at the site go on until noon, and readers are asked for patience."
            site.knobs.edited[slug] = Edit(title="Technical works", text=(text,))
        run = scrapy.crawl("refresh", "newer_than=3650d", CALIBER_BASE_URL=site.url)
        assert run.code == 3, run.err
        assert "of 20 article pages show another article's words" in run.verdict
        # What came by itself before the others looked like an edit.
        edited = database.articles.count_documents({"title": "Technical works"})
        assert edited <= 1
        assert run.counts["articles/same_text"] == 20 - edited
        site.knobs.edited.clear()
        run = scrapy.crawl("refresh", "newer_than=3650d", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        for number in range(20):
            truth = site.truth("en", site.world.article("en", number).slug)
            stored = database.articles.find_one({"slug": truth.slug})
            assert stored is not None
            assert (stored["title"], stored["status"]) == (truth.title, "live")


def test_sections_that_an_older_version_noted_are_read_anew(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=20, seed=49)) as site:
        crawl_world(scrapy, site)
        noted = [{"url": f"{site.url}{WORLD}", "slug": "world", "name": "WORLD"}]
        database["navigation"].update_one({}, {"$set": {"sections": noted}})
        asked(site)
        run = crawl_world(scrapy, site)
        assert run.code == 0, run.err
        assert pages_of(site) == ["/en/", WORLD]


def test_a_section_that_moved_has_the_home_page_read_again(
    scrapy: Scrapy, database: Documents
) -> None:
    """The one that is named instead is taken in the same crawl."""
    with serve(SiteConfig(articles=60, seed=50)) as site:
        crawl_world(scrapy, site)
        said = database["navigation"].find_one()
        assert said is not None
        for entry in said["sections"]:
            if entry["slug"] == "world":
                entry["path"] = entry["path"].replace("world", "the-old-world")
        database["navigation"].replace_one({}, said)
        asked(site)
        run = crawl_world(scrapy, site)
        assert run.code == 0, run.err
        assert pages_of(site) == ["/en/", "/en/category/the-old-world", WORLD]
    assert re.search(r"lists/gone +1  ", run.err)


def test_a_section_that_is_gone_for_good_is_told(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=60, seed=51)) as site:
        crawl_world(scrapy, site)
        asked(site)
        site.knobs.raw[WORLD] = (404, {}, b"<h1>Not found</h1>")
        run = crawl_world(scrapy, site)
        assert pages_of(site) == ["/en/", WORLD, WORLD]
    assert run.code == 2
    assert "unknown section world" in run.err
    assert database["navigation"].count_documents({}) == 1


def test_a_section_that_leads_to_the_home_page_is_gone(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=30, seed=51)) as site:
        assert scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url).code == 0
        before = {d["_id"]: d["sections"] for d in database.articles.find()}
        site.knobs.redirect[WORLD] = "/en/"
        run = crawl_world(scrapy, site)
    assert run.code == 2, run.err
    assert "unknown section world" in run.verdict
    assert run.counts["lists/gone"] == 1
    assert {d["_id"]: d["sections"] for d in database.articles.find()} == before
    rejects = [(r["url"], r["detail"]) for r in database.rejects.find()]
    assert rejects[0][0] == f"{site.url}{WORLD}"
    assert f"leads to {site.url}/en/; navigation names culture" in rejects[0][1]


def test_sections_are_remembered_when_the_site_has_another_origin(
    scrapy: Scrapy, database: Documents
) -> None:
    for seed in (52, 52):
        with serve(SiteConfig(articles=40, seed=seed)) as site:
            run = crawl_world(scrapy, site)
            assert run.code == 0, run.err
            pages = pages_of(site)
    assert pages == [WORLD]


def test_cards_without_a_time_that_is_understood_open_no_list(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=120, seed=55)) as site:
        with urlopen(f"{site.url}{WORLD}") as answer:
            page = answer.read()
        print_ = re.compile(rb'(class="float_block_time">)[^<]+')
        html = {"Content-Type": "text/html; charset=utf-8"}
        runs = []
        for hours in (2, 3, 4):
            site.knobs.raw[WORLD] = (200, html, print_.sub(rb"\g<1>%d hours ago" % hours, page))
            runs.append(crawl_world(scrapy, site))
    assert [run.code for run in runs] == [0, 0, 0], runs[0].verdict
    assert runs[0].counts["times/unknown"] == len(runs[0].records) == 20
    assert [run.counts["lists/ended/known"] for run in runs] == [0, 1, 1]
    assert [run.records for run in runs[1:]] == [[], []]


# Walks that were cut short


def test_a_section_without_an_article_opens_no_other_list(
    scrapy: Scrapy, database: Documents
) -> None:
    """It may stay without one for good, and so the crawl's exit code is 3 each time."""
    with serve(SiteConfig(articles=60, seed=55)) as site:
        html = {"Content-Type": "text/html; charset=utf-8"}
        empty = b"<html><body><p>Soon to come.</p></body></html>"
        site.knobs.raw["/en/category/culture"] = (200, html, empty)
        runs = [
            scrapy.crawl(
                "sections", "section=world,culture", "render=http", CALIBER_BASE_URL=site.url
            )
            for _ in range(2)
        ]
    for run in runs:
        assert run.code == 3, run.err
        assert "1 list pages without cards" in run.verdict
    ends = [{name: n for name, n in run.counts.items() if "ended" in name} for run in runs]
    assert ends == [
        {"lists/ended/first_page": 2},
        {"lists/ended/first_page": 1, "lists/ended/known": 1},
    ]
    ended = {d["_id"]: d["ended_by"] is not None for d in database["walks"].find()}
    assert ended == {WORLD: True, "/en/category/culture": False}
    assert runs[1].counts["lists/taken_up"] == 0


def world_of(site: ServedSite) -> set[str]:
    return {truth.slug for truth in site.world.in_section("en", "world")}


def stored(database: Documents) -> set[str]:
    return {record["slug"] for record in database.articles.find({}, {"slug": 1})}


def test_the_rest_of_a_list_that_failed_is_taken_by_the_next_update(
    scrapy: Scrapy, database: Documents
) -> None:
    """The newest articles are stored then, and are not where the known begins."""
    later = "/ajax/list?lang=en&category=world&page=4"
    with serve(SiteConfig(articles=200, seed=61, cards=10)) as site:
        site.knobs.status[later] = 500
        run = crawl_world(scrapy, site, "render=auto", RETRY_TIMES="0")
        assert run.code == 4, run.err
        assert 20 < len(stored(database)) < len(world_of(site))
        site.knobs.status.clear()
        run = crawl_world(scrapy, site, "render=auto")
        assert run.code == 0, run.err
        assert stored(database) == world_of(site)
        site.log.clear()
        run = crawl_world(scrapy, site, "render=auto")
        assert pages_of(site) == [WORLD], "and the one after it stops at once"
        assert run.counts["lists/taken_up"] == 0


def test_an_update_that_failed_is_made_up_for_as_far_as_it_is_needed(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=400, seed=62, cards=10)) as site:
        first = crawl_world(scrapy, site, "render=auto")
        assert first.code == 0, first.err
        batches = first.counts["lists/batches"]
        for number in range(100, 135):
            post(site, number, "world")
        site.knobs.status["/ajax/list?lang=en&category=world&page=3"] = 500
        run = crawl_world(scrapy, site, RETRY_TIMES="0")
        assert run.code == 4, run.err
        assert len(run.records) == 20
        site.knobs.status.clear()
        run = crawl_world(scrapy, site)
        assert run.counts["lists/ended/first_page"] == 1, "the rule is forgotten, and is no help"
        assert (run.counts["lists/taken_up"], len(run.records)) == (1, 0)
        run = crawl_world(scrapy, site, "render=auto")
    assert run.code == 0, run.err
    assert run.counts["lists/taken_up"] == run.counts["lists/ended/known"] == 1
    assert "an earlier walk did not come to its end" in run.err
    assert len(run.records) == 15
    assert run.counts["lists/batches"] + run.counts["lists/scrolled"] <= 10 < batches


def test_a_new_crawl_takes_what_a_killed_one_left(scrapy: Scrapy, database: Documents) -> None:
    """Nobody resumes the killed one."""
    with serve(SiteConfig(articles=200, seed=63, cards=10)) as site:
        learned = crawl_world(scrapy, site, "render=auto")
        assert learned.counts["rules/learned"] == 1, learned.err
        for name in ("articles", "walks"):
            database[name].delete_many({})
        site.knobs.delay = 0.05
        process = scrapy.start(
            "crawl",
            "sections",
            "-a",
            "section=world",
            "-a",
            "render=http",
            CALIBER_BASE_URL=site.url,
        )
        wait_until(lambda: len(stored(database)) >= 25, what="some articles are stored")
        process.kill()
        process.communicate()
        site.knobs.delay = 0.0
        assert len(stored(database)) < len(world_of(site))
        run = crawl_world(scrapy, site)
        assert run.code == 0, run.err
        assert stored(database) == world_of(site)


def test_what_other_spiders_stored_is_not_where_a_list_ends(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=120, seed=64, cards=10)) as site:
        assert scrapy.crawl("feed", CALIBER_BASE_URL=site.url).code == 0
        assert 0 < len(stored(database) & world_of(site)) < len(world_of(site))
        few = crawl_world(scrapy, site, "render=auto", "limit=15")
        assert few.code == 0, few.err
        run = crawl_world(scrapy, site, "render=auto")
        assert run.code == 0, run.err
        assert world_of(site) <= stored(database)

        # Nor later on: of forty new articles the feed names thirty, which the list shows first.
        for number in range(100, 140):
            post(site, number, "world")
        assert scrapy.crawl("feed", CALIBER_BASE_URL=site.url).code == 0
        names = [database[name].full_name for name in ("cards", "walks")]
        database.command("profile", 1, filter={"op": "update", "ns": {"$in": names}})
        run = crawl_world(scrapy, site)
        database.command("profile", 0)
        assert run.code == 0, run.err
        written = [said["ns"] for said in database["system.profile"].find()]
        assert written[:2] == names[::-1], "a kill in between must not leave it for walked"
        missed = {f"posted-{number}" for number in range(100, 110)}
        assert {record["slug"] for record in run.records} == missed
        asked(site)
        crawl_world(scrapy, site)
        assert pages_of(site) == [WORLD], "and the next one stops at once"


# Links of the navigation that lead nowhere


def test_dead_links_of_the_navigation_settle(scrapy: Scrapy, database: Documents) -> None:
    """They are told once for each reading of the home page, and cost nothing in between."""
    dead = ["/en/category/culture", "/en/category/sport"]
    with serve(SiteConfig(articles=60, seed=66)) as site:

        def update(*arguments: str, **settings: str) -> tuple[Run, Counter[str]]:
            run = scrapy.crawl(
                "sections", "render=http", *arguments, CALIBER_BASE_URL=site.url, **settings
            )
            return run, asked(site)

        assert update()[0].code == 0
        for path in dead:
            site.knobs.raw[path] = (404, {}, b"<h1>Not found</h1>")
        run, paths = update()
        assert run.code == 4, run.err
        assert (paths["/en/"], paths[dead[0]], paths[dead[1]]) == (1, 2, 2), "asked once more"
        assert run.counts["lists/gone"] == run.counts["lists/unknown_section"] == 2
        told = [r["detail"] for r in database.rejects.find({"reason": "unknown_section"})]
        assert len(told) == 2
        assert all("navigation names culture, economy" in detail for detail in told)
        for _ in range(2):
            run, paths = update()
            assert run.code == 0, run.err
            assert not {"/en/", *dead} & paths.keys(), "nor by the links of other sections' pages"
            assert len(paths - Counter({"/post/": 99})) == 6
            assert run.counts["lists/left_out"] == 2
            assert f"{site.url}{dead[0]}: pages link it, and it was not there" in run.err
        run, paths = update("section=world,culture")
        assert run.code == 4, "who names it is told"
        assert (paths["/en/"], paths[dead[0]]) == (1, 1)
        run, paths = update(NAVIGATION_HOURS="0")
        assert run.code == 4
        assert [paths[path] for path in ("/en/", *dead)] == [1, 1, 1]
        site.knobs.raw.clear()
        assert update("mode=full")[0].code == 0
        run, paths = update()
        assert (run.code, len(paths), run.counts["lists/left_out"]) == (0, 8, 0)


@pytest.mark.soak
def test_a_site_that_lost_half_of_its_sections_is_looked_at_again(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=60, seed=67)) as site:
        for section in SECTIONS:
            site.knobs.raw[f"/en/category/{section}"] = (404, {}, b"<h1>Not found</h1>")
        assert scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url).code == 4
        site.knobs.raw.clear()
        asked(site)
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
        paths = asked(site)
        assert run.code == 0, run.err
        assert (paths["/en/"], paths[WORLD]) == (1, 1)

        for section in SECTIONS:  # for good
            site.knobs.raw[f"/en/category/{section}"] = (404, {}, b"<h1>Not found</h1>")
        for homes in (1, 1, 0):
            run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
            assert asked(site)["/en/"] == homes
        assert (run.code, run.counts["lists/left_out"]) == (0, 5), run.err


def test_an_edition_with_another_prefix_than_its_label_is_remembered(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=30, seed=68)) as site:
        html = {"Content-Type": "text/html; charset=utf-8"}
        for path in ("/en/", "/arm/"):
            with urlopen(site.url + path) as answer:
                page = answer.read().replace(b"/arm", b"/am")
            site.knobs.raw[path.replace("arm", "am")] = (200, html, page)
        for section, _ in site.sections("arm"):
            with urlopen(f"{site.url}/arm/category/{section}") as answer:
                page = answer.read().replace(b"/arm/", b"/am/")
            site.knobs.raw[f"/am/category/{section}"] = (200, html, page)
        asked(site)
        runs = []
        for _ in range(2):
            run = scrapy.crawl(
                "sections", "language=en,arm", "render=http", "limit=1", CALIBER_BASE_URL=site.url
            )
            runs.append((run, asked(site)))
    (_, first), (second, paths) = runs
    assert first["/en/"] >= 1
    assert first["/am/"] == 1
    assert not {"/en/", "/am/"} & paths.keys(), second.err
    lists = [path for path in paths if path.startswith("/am/category/")]
    assert len(lists) == len(site.sections("arm"))


# Lists that go on where robots.txt, or SITE_HOSTS, lets nobody


def test_a_list_that_robots_txt_keeps_from_growing_is_not_opened_each_time(
    scrapy: Scrapy, database: Documents
) -> None:
    """Its first page is all that is wanted, the exit code says so, and a change is noticed."""
    sections = ("world", "politics", "economy")
    with serve(SiteConfig(articles=120, seed=69, cards=8)) as site:

        def update(*arguments: str) -> tuple[Run, Counter[str]]:
            run = scrapy.crawl(
                "sections", f"section={','.join(sections)}", *arguments,
                CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
            )  # fmt: skip
            return run, asked(site)

        robots = site.knobs.robots
        site.knobs.robots = "User-agent: *\nDisallow: /ajax/\n"
        run, _ = update()
        assert run.code == 4, run.err
        assert run.counts["lists/barred"] == run.counts["browser/failed"] == 3
        firsts = stored(database)
        for _ in range(2):
            run, paths = update()
            assert run.code == 4, run.err
            assert "0 articles taken, but 3 pages rejected (3 forbidden_by_robots)" in run.verdict
            assert paths == Counter([f"/en/category/{s}" for s in sections]), "no browser"
            assert run.counts["lists/barred"] == 3
        assert run.counts["lists/ended/known"] == 3
        post(site, 100, "world")
        run, _ = update()
        assert (run.code, len(run.records)) == (4, 1), run.err
        site.knobs.robots = "User-agent: *\nDisallow: /ajax/list\nDisallow: /somewhere\n"
        assert update()[1].keys() == {f"/en/category/{s}" for s in sections}
        site.knobs.robots = robots
        run, _ = update()
        assert run.code == 0, run.err
        assert firsts < stored(database)
        wanted = {t.slug for s in sections for t in site.world.in_section("en", s)}
        assert wanted <= stored(database), "what was behind first pages is made up for"
        run, paths = update()
        assert (run.code, sum(paths.values())) == (0, 3), run.err

        # Later on it forbids what rules ask for.
        for number in range(200, 260):
            post(site, number, sections[number % 3])
        site.knobs.robots = "User-agent: *\nDisallow: /ajax/\n"
        for codes in ("first", "again"):
            run, paths = update()
            assert run.code == 4, (codes, run.err)
            assert "3 forbidden_by_robots" in run.verdict
            assert run.counts["lists/barred"] == 3
            assert len(paths - Counter({"/post/": 99})) == 3, "no browser"
        site.knobs.robots = robots
        run, _ = update()
        assert run.code == 0, run.err
        assert {f"posted-{number}" for number in range(200, 260)} <= stored(database)


@pytest.mark.soak
def test_a_list_that_needs_another_host_is_not_opened_each_time(
    scrapy: Scrapy, database: Documents
) -> None:
    other = "http://api.localhost:1/list"
    with serve(SiteConfig(articles=60, seed=70, host="127.0.0.1")) as site:
        at = datetime.now(UTC)
        bar = {"reason": "off_site", "detail": "x", "url": other, "at": at, "walked": False}
        database["walks"].insert_one(
            {"_id": WORLD, "reach": {}, "open_since": None, "ended_by": "c", "barred": bar}
        )

        def update(**settings: str) -> tuple[Run, Counter[str]]:
            run = crawl_world(scrapy, site, "render=browser", SCROLL_QUIET_SECONDS="1", **settings)
            return run, asked(site)

        run, paths = update()
        assert run.code == 4, run.err
        assert paths[WORLD] == run.counts["lists/barred"] == run.counts["rejected/off_site"] == 1
        for change in ({"at": at - timedelta(days=8)}, {}):
            set_to = {f"barred.{name}": value for name, value in (bar | change).items()}
            database["walks"].update_one({"_id": WORLD}, {"$set": set_to})
            hosts = {} if change else {"SITE_HOSTS": "api.localhost:1"}
            run, paths = update(**hosts)
            assert run.code == 0, run.err
            assert paths[WORLD] == 2, "it is opened"
            walked = database["walks"].find_one({"_id": WORLD})
            assert walked is not None
            assert "barred" not in walked


# Rules whose tokens are a session's


class Sessions:
    """A site that begins a session for each visitor without a cookie, and takes a token of its
    pages from that session only."""

    def __init__(self, site: ServedSite) -> None:
        self._answer = site.answer
        self.refused = 0
        self.refuses_all = False
        site.answer = self.answer  # type: ignore[method-assign]

    def answer(self, request: Request) -> Answer:
        cookie = re.search(r"SID=(\w+)", request.headers.get("Cookie", ""))
        if request.path == "/ajax/list":
            held = cookie and _token(cookie[1]) == request.query.get("user_hash")
            if not held or self.refuses_all:
                self.refused += 1
                return text_answer(200, "Hacking attempt!")
        answer = self._answer(request)
        if not request.path.startswith("/en/category/"):
            return answer
        sid = cookie[1] if cookie else secrets.token_hex(8)
        head = f'<meta name="login-hash" content="{_token(sid)}"></head>'
        body = answer.body.replace(b"</head>", head.encode())
        headers = (
            {**answer.headers} if cookie else {**answer.headers, "Set-Cookie": f"SID={sid}; Path=/"}
        )
        return Answer(answer.status, body, headers)


def _token(sid: str) -> str:
    return hashlib.sha256(sid.encode()).hexdigest()[:16]


def test_lists_asked_for_at_once_begin_a_session_each(scrapy: Scrapy, database: Documents) -> None:
    """The last cookie counts, so the tokens of the other lists' pages are void."""
    sections = SECTIONS[:4]
    with serve(SiteConfig(articles=120, seed=71, cards=8)) as site:

        def update(*arguments: str) -> Run:
            return scrapy.crawl(
                "sections", f"section={','.join(sections)}", *arguments,
                CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
            )  # fmt: skip

        assert update().code == 0
        rules = {rule["_id"] for rule in database["list_rules"].find()}
        assert len(rules) == 4
        of_the_page = {
            "kind": "page", "name": "meta@login-hash", "first": "", "start": None, "by": 0,
            "cast": "", "at": 0, "stays": False,
        }  # fmt: skip
        sources = {"$push": {"rule.sources": ["query", "user_hash", of_the_page]}}
        database["list_rules"].update_many({}, sources)
        for number in range(100, 160):
            post(site, number, sections[number % 4])
        sessions = Sessions(site)
        site.knobs.delay_of.update({f"/en/category/{section}": 0.5 for section in sections})
        run = update("render=http")
        assert run.code == 0, run.err
        assert sessions.refused == run.counts["lists/visited_again"] > 0
        assert run.counts["rules/broken"] == 0
        assert {f"posted-{number}" for number in range(100, 160)} <= stored(database)

        # A rule that is refused with tokens of its own is broken, as before.
        for number in range(200, 240):
            post(site, number, sections[number % 4])
        sessions.refuses_all = True
        run = update("render=http")
        assert run.code == 4, run.err
        assert run.counts["rules/broken"] == run.counts["rejected/list_rule_broken"] == 4
        assert run.counts["lists/visited_again"] == 4
