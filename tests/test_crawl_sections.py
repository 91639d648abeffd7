"""`scrapy crawl sections` from start to end: a real site, a real database, a real process."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.request import urlopen

import pytest
from pymongo.database import Database

from caliber_crawler.health import split
from caliber_crawler.items import ARTICLE_FIELDS
from demo_site import Edit, SiteConfig, serve
from demo_site.messages import Answer, Request
from tests.conftest import Scrapy
from tests.expected import assert_is, first_lists

Documents = Database[dict[str, Any]]


@pytest.mark.parametrize("seed", [3, 4])
def test_takes_exactly_what_the_first_lists_name(
    scrapy: Scrapy, database: Documents, seed: int
) -> None:
    with serve(SiteConfig(articles=120, seed=seed)) as site:
        run = scrapy.crawl("sections", "render=http", "language=en,ru", CALIBER_BASE_URL=site.url)
        truths = first_lists(site, "en") | first_lists(site, "ru")
        assert run.code == 0, run.err
        assert run.verdict.startswith("caliber-crawler: healthy")

        records = run.records
        assert Counter(r["id"] for r in records) == Counter(dict.fromkeys(truths, 1))
        stored = {document["_id"]: document for document in database.articles.find()}
        assert stored.keys() == truths.keys()
        for record in records:
            truth, lists = truths[record["id"]]
            assert list(record) == list(ARTICLE_FIELDS)
            assert_is(record, site, truth)
            # The page names one section, the lists that show the article are the others.
            assert {s["slug"] for s in record["sections"]} == lists | {truth.sections[0][0]}
            document = stored[record["id"]]
            assert document["id"] == record["id"]
            assert document["body"] == record["body"]
            assert document["published_at"] == truth.published
            assert document["sections"] == record["sections"]
        articles = [hit for hit in site.log if "/post/" in hit.path]
        assert max(Counter(hit.path for hit in articles).values()) == 1

    crawl = database.crawls.find_one()
    assert crawl is not None
    assert (crawl["status"], crawl["reason"], crawl["exit_code"]) == ("finished", "finished", 0)
    assert crawl["spider"] == "sections"
    assert crawl["arguments"] == {"language": "en,ru", "render": "http"}
    assert crawl["counts"]["articles/new"] == len(truths)
    assert crawl["counts"]["requests"] == len(site.log)
    assert crawl["coverage"]["title"] == 1.0
    assert 0 < crawl["coverage"]["authors"] < 1
    assert crawl["versions"]["scrapy"].startswith("2.19")
    assert split(crawl["workers"][0]["counts"]) == (crawl["counts"], crawl["sections"])
    assert {r["crawl"]["id"] for r in records} == {crawl["_id"]}


def test_finds_an_edition_with_an_unknown_prefix(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=60, seed=5, arm_prefix="hy")) as site:
        run = scrapy_without_store.crawl(
            "sections", "render=http", "language=arm", CALIBER_BASE_URL=site.url
        )
        truths = first_lists(site, "hy")
        assert run.code == 0, run.err
        assert {r["id"] for r in run.records} == truths.keys()
        for record in run.records:
            assert_is(record, site, truths[record["id"]][0])


def test_second_crawl_says_unchanged_and_keeps_history(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=40, seed=6)) as site:
        first = scrapy.crawl("sections", "render=http", "section=world", CALIBER_BASE_URL=site.url)
        before = {d["_id"]: d for d in database.articles.find()}
        second = scrapy.crawl(
            "sections", "render=http", "section=world", "mode=full", CALIBER_BASE_URL=site.url
        )
        after = {d["_id"]: d for d in database.articles.find()}

    assert (first.code, second.code) == (0, 0)
    assert {r["crawl"]["outcome"] for r in first.records} == {"new"}
    assert {r["crawl"]["outcome"] for r in second.records} == {"unchanged"}
    assert "0 new, 0 changed" in second.verdict
    assert before.keys() == after.keys()
    for key, old in before.items():
        new = after[key]
        same = ("first_seen_at", "changed_at", "revision", "content_hash", "published_at", "body")
        assert [new[name] for name in same] == [old[name] for name in same]
        assert new["last_seen_at"] > old["last_seen_at"]
        assert new["views"] == old["views"] + 1
    assert database.revisions.count_documents({}) == 0
    assert database.crawls.count_documents({}) == 2


def test_an_edit_makes_a_revision_and_hidden_parts_wipe_nothing(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=40, seed=7)) as site:
        edited = next(t for t in site.first_list("en", "world") if t.authors and t.paragraphs)
        scrapy.crawl("sections", "render=http", "section=world", CALIBER_BASE_URL=site.url)
        site.knobs.edited[edited.slug] = Edit(title="Quite another headline", paragraph="More.")
        site.knobs.hide[edited.slug] = {"time", "byline"}
        run = scrapy.crawl("sections", "render=http", "section=world", CALIBER_BASE_URL=site.url)

    assert run.code == 0, run.err
    document = database.articles.find_one({"_id": f"en/{edited.slug}"})
    assert document is not None
    assert document["title"] == "Quite another headline"
    assert document["body"].endswith("\n\nMore.")
    assert document["authors"] == edited.authors
    assert document["published_at"] == edited.published
    assert document["revision"] == 2
    assert document["changed_at"] == document["last_seen_at"] > document["first_seen_at"]
    assert document["crawl"]["outcome"] == "changed"
    assert set(document["extraction"]["missing"]) >= {"published_at", "authors"}
    [revision] = database.revisions.find()
    assert revision["article_id"] == document["_id"]
    assert revision["title"] == edited.title
    assert revision["body"] == "\n\n".join(edited.paragraphs)
    outcomes = Counter(r["crawl"]["outcome"] for r in run.records)
    assert outcomes["changed"] == 1


def test_all_forms_of_an_address_are_one_article(scrapy: Scrapy, database: Documents) -> None:
    with serve(SiteConfig(articles=40, seed=8, cards=5)) as site:
        target = site.world.article("en", 30)  # on no first list by itself
        assert target.slug not in {t.slug for t, _ in first_lists(site, "en").values()}
        url = site.url + target.path
        forms = [
            f"{url}/",
            f"{url}?utm_source=tg&utm_medium=x",
            f"{url}?fbclid=abc#comments",
            url.replace("http://", "HTTP://"),
            url.replace("/post/", "/%70ost/"),
        ]
        site.knobs.extra_cards = {"world": forms[:3], "sport": forms[3:]}
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
        fetched = [hit for hit in site.log if target.slug in hit.path]

    assert run.code == 0, run.err
    [record] = [r for r in run.records if r["slug"] == target.slug]
    assert record["url"] == url
    # A scheme in capitals is no other address by the standard, so it makes no alias.
    assert set(record["aliases"]) == set(forms) - {url.replace("http://", "HTTP://")}
    assert {s["slug"] for s in record["sections"]} >= {"world", "sport"}
    assert len(fetched) == 1
    assert database.articles.count_documents({"slug": target.slug}) == 1


def test_the_same_story_under_two_addresses_is_linked_and_exported_once(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=40, seed=9, reposts=4)) as site:
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
        truths = first_lists(site, "en")
    assert run.code == 0, run.err
    texts = Counter((t.title, tuple(t.paragraphs)) for t, _ in truths.values())
    repeated = sum(number - 1 for number in texts.values())
    assert repeated >= 2
    duplicates = list(database.articles.find({"duplicate_of": {"$ne": None}}))
    assert len(duplicates) == repeated
    assert database.articles.count_documents({}) == len(truths)
    for duplicate in duplicates:
        original = database.articles.find_one({"_id": duplicate["duplicate_of"]})
        assert original is not None
        assert original["content_hash"] == duplicate["content_hash"]
        assert original["duplicate_of"] is None
    exported = {r["id"] for r in run.records}
    assert exported == truths.keys() - {d["_id"] for d in duplicates}


def test_duplicates_are_found_without_a_store_too(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=40, seed=9, reposts=4)) as site:
        run = scrapy_without_store.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
        truths = first_lists(site, "en")
    texts = {(t.title, tuple(t.paragraphs)) for t, _ in truths.values()}
    assert run.code == 0, run.err
    assert len(run.records) == len(texts) < len(truths)
    assert not (scrapy_without_store.folder / ".caliber").exists()


def test_limit_counts_articles_of_each_section(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=80, seed=10)) as site:
        run = scrapy_without_store.crawl(
            "sections", "render=http", "limit=3", CALIBER_BASE_URL=site.url
        )
        named = {t.slug for s, _ in site.sections("en") for t in site.first_list("en", s)[:3]}
    assert run.code == 0, run.err
    assert {r["slug"] for r in run.records} == named


def test_since_and_until_are_whole_days_of_the_site(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=200, seed=11)) as site:
        truths = [t for t, _ in first_lists(site, "en").values()]
        day = sorted(t.published for t in truths)[len(truths) // 2].date()
        before = day - timedelta(days=1)
        run = scrapy_without_store.crawl(
            "sections", "render=http", f"since={before}", f"until={day}", CALIBER_BASE_URL=site.url
        )
    wanted = {t.slug for t in truths if before <= t.published.date() <= day}
    assert run.code == 0, run.err
    assert wanted
    assert len(wanted) < len(truths)
    assert {r["slug"] for r in run.records} == wanted


def test_since_decides_by_the_page_when_the_card_has_no_time(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=60, seed=12, cards=4)) as site:
        old = site.world.article("en", 50)
        site.knobs.raw["/en/category/world"] = (
            200,
            {"Content-Type": "text/html; charset=utf-8"},
            f'<div class="float_block"><a href="{old.path}"><h2>x</h2></a></div>'.encode(),
        )
        newest = site.world.article("en", 0).published.date()
        run = scrapy_without_store.crawl(
            "sections", "render=http", "section=world", f"since={newest}", CALIBER_BASE_URL=site.url
        )
    assert old.published.date() < newest
    assert run.code == 0, run.err
    assert not run.feed.exists()
    assert re.search(r"articles/out_of_range +1  ", run.err)


def test_sections_without_the_editions_prefix_are_followed(scrapy_without_store: Scrapy) -> None:
    header = {"Content-Type": "text/html; charset=utf-8"}
    with serve(SiteConfig(articles=40, seed=13)) as site:
        truths = site.first_list("en", "world")
        navigation = '<a href="/category/dunya">WORLD</a><a href="/post/x">not a section</a>'
        card = (
            '<div class="float_block"><a href="{}"><h2 class="float_block_title">x</h2></a></div>'
        )
        other = site.world.article("ru", 1).path
        cards = "".join(card.format(path) for path in (*(t.path for t in truths), other))
        site.knobs.raw["/en/"] = (200, header, navigation.encode())
        site.knobs.raw["/category/dunya"] = (200, header, (navigation + cards).encode())
        run = scrapy_without_store.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert {r["slug"] for r in run.records} == {t.slug for t in truths}
    assert all({"slug": "dunya", "name": "WORLD"} in r["sections"] for r in run.records)
    assert re.search(r"cards/other_edition +1  ", run.err)


def test_sections_that_lead_to_the_home_page_are_unknown(scrapy_without_store: Scrapy) -> None:
    with serve(SiteConfig(articles=20, seed=15)) as site:
        for slug in ("nosuch", "typo"):
            site.knobs.redirect[f"/en/category/{slug}"] = "/en/"
        run = scrapy_without_store.crawl(
            "sections", "render=http", "section=nosuch,typo", CALIBER_BASE_URL=site.url
        )
    assert run.code == 2, run.err
    assert re.search("unknown section (nosuch, typo|typo, nosuch);", run.verdict)
    assert not run.feed.exists()
    assert run.counts["lists/read"] == 0


def test_an_edition_whose_home_page_leads_to_another_ones_is_told(
    scrapy: Scrapy, database: Documents
) -> None:
    with serve(SiteConfig(articles=20, seed=16)) as site:
        site.knobs.redirect["/"] = "/en/"
        asked, answer = [], site.answer

        def note(request: Request) -> Answer:
            asked.append(request.headers)
            return answer(request)

        site.answer = note  # type: ignore[method-assign]
        run = scrapy.crawl("sections", "render=http", "language=en,ru", CALIBER_BASE_URL=site.url)
        wanted = first_lists(site, "en").keys()
    assert run.code == 3, run.err
    assert {r["id"] for r in run.records} == wanted
    [reject] = database.rejects.find()
    assert (reject["reason"], reject["crawl"]["requested_url"]) == ("no_sections", f"{site.url}/")
    assert reject["detail"].endswith("no section of the edition ru")
    # By which a site may choose the edition.
    assert not [headers for headers in asked if "Accept-Language" in headers]


def test_home_pages_may_be_there_without_a_slash_only(scrapy: Scrapy) -> None:
    header = {"Content-Type": "text/html; charset=utf-8"}
    with serve(SiteConfig(articles=20, seed=17)) as site:
        for home in ("/en", "/arm"):
            with urlopen(f"{site.url}{home}/") as page:
                html = page.read().replace(b'/arm/"', b'/arm"').replace(b'/en/"', b'/en"')
            site.knobs.raw[home] = (200, header, html)
            site.knobs.raw[f"{home}/"] = (404, header, b"<h1>Not found</h1>")
        site.log.clear()
        run = scrapy.crawl("sections", "render=http", "language=en,arm", CALIBER_BASE_URL=site.url)
        truths = first_lists(site, "en") | first_lists(site, "arm")
        homes = Counter(hit.path for hit in site.log)
    assert run.code == 0, run.err
    assert {r["id"] for r in run.records} == truths.keys()
    assert homes["/en"] == homes["/en/"] == 2  # for its own sake, and for the switch
    assert (homes["/arm"], homes["/arm/"]) == (1, 0), "the switch has its address"


def test_an_edition_without_a_prefix_of_its_own_is_not_taken_for_the_russian_one(
    scrapy: Scrapy, database: Documents
) -> None:
    header = {"Content-Type": "text/html; charset=utf-8"}
    with serve(SiteConfig(articles=20, seed=17)) as site:
        with urlopen(f"{site.url}/en/") as page:
            html = page.read()
        assert b'/arm/"' in html
        site.knobs.raw["/en/"] = (200, header, html.replace(b'/arm/"', b'/?lang=arm"'))
        run = scrapy.crawl("sections", "render=http", "language=arm", CALIBER_BASE_URL=site.url)
    assert (run.code, run.records) == (3, [])
    [reject] = database.rejects.find()
    assert reject["reason"] == "unknown_edition"
    assert f"'arm' is at {site.url}/?lang=arm" in reject["detail"]


@pytest.mark.parametrize("wanted", [["section=world"], []])
def test_further_pages_of_a_list_are_no_lists_of_their_own(
    scrapy_without_store: Scrapy, wanted: list[str]
) -> None:
    header = {"Content-Type": "text/html; charset=utf-8"}
    with serve(SiteConfig(articles=40, seed=14)) as site:
        pages = "".join(f'<a href="/en/category/world?page={n}">{n}</a>' for n in (2, 3))
        cards = "".join(
            f'<div class="float_block"><a href="{t.path}">{t.title}</a></div>'
            for t in site.first_list("en", "world")
        )
        navigation = f'<a href="/en/category/world">WORLD</a>{pages}'
        site.knobs.raw["/en/"] = (200, header, navigation.encode())
        site.knobs.raw["/en/category/world"] = (200, header, (pages + cards).encode())
        run = scrapy_without_store.crawl(
            "sections", "render=http", *wanted, CALIBER_BASE_URL=site.url
        )
        asked = [hit.path for hit in site.log if "/category/" in hit.path]
    assert run.code == 0, run.err
    assert asked == ["/en/category/world"]
    assert run.counts["lists/read"] == 1


def test_sections_below_sections(scrapy: Scrapy, database: Documents) -> None:
    """So the site's system writes them; one that is nested in another way is told of."""
    inner = "/en/category/world/culture"
    with serve(SiteConfig(articles=40, seed=12)) as site:
        html = {"Content-Type": "text/html; charset=utf-8"}
        for path, address in (("/en/", "/en/"), ("/en/category/culture", inner)):
            with urlopen(site.url + path) as answer:
                page = answer.read().replace(b"/en/category/culture", inner.encode())
            odd = b'<a href="/en/category/a/b/c/d">D</a></body>'
            site.knobs.raw[address] = (200, html, page.replace(b"</body>", odd))
        wanted = {t.slug for t in site.first_list("en", "culture")}
        site.log.clear()
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
        assert run.code == 0, run.err
        assert [hit.path for hit in site.log].count(inner) == 1
        assert run.counts["lists/odd_links"] == 1
        assert "/en/category/a/b/c/d: it may be a section" in run.err
        named = {r["slug"]: {s["slug"] for s in r["sections"]} for r in run.records}
        assert all("world/culture" in named[slug] for slug in wanted)
        crawl = database.crawls.find_one()
        assert crawl is not None
        assert crawl["sections"]["en/world/culture"]["lists"] == 1

        site.log.clear()
        run = scrapy.crawl(
            "sections", "section=/world/culture/", "render=http", CALIBER_BASE_URL=site.url
        )
        assert run.code == 0, run.err
        assert [hit.path for hit in site.log] == ["/robots.txt", inner]
        assert run.counts["lists/odd_links"] == 0, "who names sections is not told of others"
    options = ("-o", str(scrapy.folder / "culture.jsonl"), "--section", "world/culture")
    done = scrapy("export", *options)
    assert done.code == 0, done.err
    assert len((scrapy.folder / "culture.jsonl").read_text().splitlines()) == len(wanted)
    done = scrapy("report", "-o", "r.html", "--section", "world/culture")
    assert done.code == 0, done.err
    assert "world/culture" in (scrapy.folder / "r.html").read_text("utf-8")
