"""A site that means harm in every way at once, crawled to the end: the good articles are stored,
each attack is counted by its name, memory stays small, and nobody else is asked for anything.

Attacks by feeds are in tests/test_limits.py: no crawl of sections reads one.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from demo_site import SiteConfig, World
from tests.canary import Canary, canary, names
from tests.conftest import Scrapy
from tests.hostile import ANSI, FORMULA, Answer, HostileSite, hostile_site, page, redirect
from tests.memory import watched
from tests.pages import card_html
from tests.test_reach_crawl import ATTACKS, RESOLVER
from tests.test_untrusted_text import STEERING

Documents = Database[dict[str, Any]]

GOOD = 50
MOST_MIB = 400e6 / 2**20
MOST_CARDS = 150
SITE, FORBIDDEN = "127.0.0.3", "127.0.0.1"
LISTS = "/en/category/"
POSTS = "/en/post/"
OFF_SITE, PRIVATE, FAILED = "off_site", "private_address", "browser_failed"
# Reasons of rejects that are limits to an answer, and so are counted as such, too.
LIMITS = frozenset(
    "bad_encoding too_complex too_deep too_large too_many_encodings too_many_headers too_many_tags"
    " too_slow".split()
)
BOMBING = "bombing-list"
"""A list whose script asks for bombs: the browser waits for them as long as it may, twice."""


@dataclass
class Trap:
    """The site, the two canaries, and the reason of the reject that must come of each path."""

    site: HostileSite
    birds: list[Canary]
    expected: dict[str, str]
    sections: list[str]
    settings: dict[str, str]

    @property
    def wanted(self) -> Counter[str]:
        """How many rejects there must be, by reason."""
        return Counter(self.expected.values())


@contextmanager
def trap(without: str = "") -> Iterator[Trap]:
    """All attacks, but for the list `without`.

    The site goes by a name, since attacks by name need one; it is served on `SITE`.

    Of its further hosts one leads to loopback, where a canary has the site's own port, one to the
    metadata of a cloud, and one to the site until it was asked for something, then to the canary.
    """
    rebinding = [SITE]
    answers = {"inner": [FORBIDDEN], "metadata": ["169.254.169.254"], "rebinding": rebinding}
    with (
        hostile_site(GOOD, SITE, "site.example") as site,
        canary(FORBIDDEN, urlsplit(site.url).port or 0) as same_port,
        canary(FORBIDDEN) as other_port,
        names(SITE, **answers) as (name_server, _),
    ):
        hosts = {label: f"{label}.example:{same_port.port}" for label in answers}
        targets = {
            "to-metadata": ("http://169.254.169.254/latest/meta-data/", OFF_SITE),
            "to-loopback": (other_port.url, OFF_SITE),
            "to-loopback-same-port": (same_port.url, OFF_SITE),
            "to-localhost": (f"http://localhost:{other_port.port}/", OFF_SITE),
            "to-a-file": ("file:///etc/passwd", "http_302"),  # nobody follows that
            "to-loopback-by-name": (f"http://{hosts['inner']}/en/post/x", PRIVATE),
            "to-metadata-by-name": (f"http://{hosts['metadata']}/en/post/x", PRIVATE),
            "to-rebinding": (f"http://{hosts['rebinding']}/en/post/rebind", PRIVATE),
        }
        expected = {POSTS + name: reason for name, (_, reason) in targets.items()}
        for name, (target, _) in targets.items():
            site.further[POSTS + name] = redirect(lambda _, target=target: target)

        def rebind(_: str) -> str:
            rebinding[:] = [FORBIDDEN]
            return f"http://{hosts['rebinding']}/en/post/rebound"

        site.further[POSTS + "rebind"] = redirect(rebind)
        posts = {attack.path: attack for attack in site.of_kind("post")}
        lists = {a.path: a for a in site.of_kind("category") if a.name != without}
        site.instead["/en/"] = lists.pop(LISTS + "many-sections").path
        expected["/en/"] = "too_many_sections"
        for path, attack in (posts | lists).items():
            reason = FAILED if attack.name == BOMBING else attack.reason
            if reason is not None:
                expected[path] = reason
        attacked = [*targets, *(attack.name for attack in posts.values())]
        addresses = [POSTS + name for name in attacked]
        # A good one after each attack, so that each attack is met by others that are at work.
        for number, url in enumerate(site.good):
            addresses.insert(2 * number, urlsplit(url).path)
        site.further[LISTS + "all"] = whole(addresses)
        site.further[LISTS + "reaching"] = reaching(other_port.url, f"http://{hosts['inner']}")
        expected[LISTS + "reaching"] = FAILED  # a host of the site is not to be found
        site.further["/away"] = redirect(lambda _: other_port.url)
        site.further["/file"] = page(bytes(1_000), "Content-Type: application/zip")
        # What these lists name besides is not there.
        for name in ["a", *(f"card-{number}" for number in range(MOST_CARDS))]:
            expected[POSTS + name] = "http_404"
        sections = ["all", "reaching", *(attack.name for attack in lists.values())]
        settings = {
            "CALIBER_BASE_URL": site.url, "TEST_NAME_SERVER": str(name_server),
            "SITE_HOSTS": ",".join(hosts.values()), "SITE_NETWORKS": f"{SITE}/32",
        }  # fmt: skip
        yield Trap(site, [same_port, other_port], expected, sections, settings)


def whole(addresses: list[str]) -> Answer:
    """The list of all articles. Its cards mean no good either."""
    titles = (ANSI, FORMULA, "A story")
    cards = (card_html(path, title=titles[i % 3]) for i, path in enumerate(addresses))
    return page(f"<html><body>{''.join(cards)}</body></html>".encode())


def reaching(bird: str, inner: str) -> Answer:
    """A page that asks for everything that it must not have, by all means of a browser."""
    script = (
        f"<script>for (const to of ['{inner}', 'http://169.254.169.254/', 'http://localhost'])"
        " { fetch(to).catch(() => {}); new Image().src = to; }</script>"
    )
    attacks = ATTACKS.replace("THERE", bird) + script
    return page(f"<html><body>{attacks}{card_html('/en/post/card-0')}</body></html>".encode())


def crawl_to_the_end(scrapy: Scrapy, database: Documents, without: str = "") -> None:
    """Crawl all attacks, but for the list `without`."""
    table = scrapy.folder / "out.csv"
    with trap(without) as laid:
        process = scrapy.start(
            "crawl", "sections", "-O", str(scrapy.feed), "-O", str(table),
            "-a", f"section={','.join(laid.sections)}", "-a", f"limit={MOST_CARDS}",
            *(f"-s{name}={value}" for name, value in RESOLVER.items()), "-sRETRY_TIMES=0",
            DOWNLOAD_TIMEOUT="8", SCROLL_QUIET_SECONDS="1", BROWSER_PATIENCE_SECONDS="8",
            LIST_MAX_CARDS=str(MOST_CARDS), **laid.settings,
        )  # fmt: skip
        with watched(process.pid) as memory:
            run = scrapy.finish(process)
    site, expected, wanted = laid.site, laid.expected, laid.wanted
    assert [bird.seen for bird in laid.birds] == [[], []]
    assert scrapy.alive() == []
    assert {path.name for path in scrapy.folder.iterdir()} == {"out.jsonl", "out.csv"}
    # Each attack took place, and ended by its name.
    asked = {path.partition("~")[0] for path in site.log}
    assert {*expected} - {LISTS + "all"} <= asked, run.err
    assert {"/away", "/en/post/rebind"} <= asked
    assert not asked & {"/window", "/en/post/pop-0", "/download-0.zip", "/en/post/rebound"}
    assert {
        re.sub(r"^https?://[^/]*|[~?].*", "", reject["url"]): reject["reason"]
        for reject in database.rejects.find()
    } == expected
    (crawl,) = database.crawls.find()
    counts = Counter(crawl["counts"])
    assert below("rejected", counts) == wanted
    assert below("limits", counts) == {r: n for r, n in wanted.items() if r in LIMITS}
    assert below("requests/refused", counts) == {
        OFF_SITE: wanted[OFF_SITE],
        PRIVATE: wanted[PRIVATE] + 4,  # robots.txt of two hosts, and of those that pages ask for
    }
    for kind in ("popup", "download", "redirect", "websocket", "fetch", "image", "document"):
        assert counts[f"browser/blocked/{kind}"] > 0, kind
    readable = {site.url + a.path: a for a in site.of_kind("post") if a.reason is None}
    cut = Counter(name for attack in readable.values() for name in attack.cut)
    assert below("cut", counts) == cut | Counter(cards=1, sections=1)
    # All that can be read is stored, whole.
    stored = {document["url"]: document for document in database.articles.find()}
    assert stored.keys() == {*site.good, *readable}
    assert len(site.good) == GOOD
    world = World(SiteConfig(articles=GOOD, seed=3))
    for url, truth in zip(site.good, (world.article("en", i) for i in range(GOOD)), strict=True):
        assert stored[url]["title"] == truth.title
        assert stored[url]["body"] == "\n\n".join(truth.paragraphs)
    for url, attack in readable.items():
        assert tuple(stored[url]["extraction"].get("cut", ())) == attack.cut, attack.name
    assert stored[f"{site.url}{POSTS}formula"]["title"].startswith("=HYPERLINK(")
    # What pages say does no harm to those who look at it.
    usual = csv.field_size_limit(10**7)
    with table.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    csv.field_size_limit(usual)
    assert len(rows) == len(run.lines) == counts["articles/exported"]
    assert any(row["title"].startswith("'=HYPERLINK(") for row in rows)
    shown = [value for row in rows for value in row.values() if value]
    assert not [value for value in shown if value[0] in "=+-@\t\r" or STEERING.search(value)]
    assert not STEERING.search(run.err)
    # The end says what happened.
    assert (crawl["status"], crawl["exit_code"], run.code) == ("finished", 4, 4)
    often = ", ".join(f"{number} {reason}" for reason, number in wanted.most_common(2))
    assert f"{len(stored)} articles taken, but " in run.verdict
    assert f"{len(expected)} pages rejected ({often}" in run.verdict
    # VmHWM of the crawler, and of each process of the browser and its driver by itself.
    print(f"MiB: {memory.own:.0f}; browser {memory.together:.0f}", sorted(memory.children.values()))
    assert 0 < memory.own < MOST_MIB
    assert 0 < max(memory.children.values()) < MOST_MIB


def below(name: str, counts: Counter[str]) -> dict[str, int]:
    """The counters below one name."""
    return {k.removeprefix(f"{name}/"): n for k, n in counts.items() if k.startswith(f"{name}/")}


@pytest.mark.alone  # how many of the large pages are there at once depends on what runs beside it
def test_a_hostile_site_is_crawled_to_the_end(scrapy: Scrapy, database: Documents) -> None:
    """`make soak` has the one list more, which takes the browser half a minute."""
    crawl_to_the_end(scrapy, database, without=BOMBING)
