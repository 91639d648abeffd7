"""Crawls of a site that leads elsewhere: a canary there must see nothing, not even a connection."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from scrapy import Request

from caliber_crawler.listing.answers import Format
from caliber_crawler.listing.rule import ListRule, Source
from caliber_crawler.middlewares import ProxyMiddleware
from caliber_crawler.store.rules import RuleStore
from demo_site import ServedSite, SiteConfig, serve
from tests.canary import canary, names
from tests.conftest import Run, Scrapy
from tests.pages import HEADER, article_html, card_html

Documents = Database[dict[str, Any]]
HTML = {"Content-Type": "text/html; charset=utf-8"}
WORLD = "/en/category/world"
RESOLVER = {"TWISTED_DNS_RESOLVER": "tests.canary.LoopbackResolver"}


def addresses(site: ServedSite, number: int) -> list[str]:
    return [truth.path for truth in site.first_list("en", "world")[:number]]


def port_of(site: ServedSite) -> int:
    port = urlsplit(site.url).port
    assert port is not None
    return port


def by_name(scrapy: Scrapy, site: ServedSite, port: int, *arguments: str) -> Run:
    """A crawl of a site under a name that only the name server at `port` knows."""
    options = [f"-s{name}={value}" for name, value in RESOLVER.items()]
    options += [part for argument in arguments[1:] for part in ("-a", argument)]
    process = scrapy.start(
        "crawl", arguments[0], "-O", str(scrapy.feed), *options,
        CALIBER_BASE_URL=f"http://site.example:{port_of(site)}", TEST_NAME_SERVER=str(port),
        SITE_NETWORKS="127.0.0.3/32",
    )  # fmt: skip
    return scrapy.finish(process)


# --- plain HTTP


def test_redirects_and_robots_lead_nowhere_else(scrapy: Scrapy, database: Documents) -> None:
    with canary() as bird, serve(SiteConfig(articles=40, seed=1)) as site:
        there = bird.port
        targets = [
            f"http://127.0.0.1:{there}/en/post/x",
            f"http://localhost:{there}/",
            f"http://2130706433:{there}/",
            f"http://0x7f.1:{there}/",
            f"http://[::ffff:127.0.0.1]:{there}/",
            f"http://127.0.0.1:{there}\\@127.0.0.1:{port_of(site)}/",
            f"//127.0.0.1:{there}/en/post/x",
            "http://169.254.169.254/latest/meta-data/",
            "https://caliber.example/",
        ]
        paths = addresses(site, len(targets) + 3)
        hop, refreshed, good = paths[len(targets) :]
        site.knobs.redirect |= dict(zip(paths, targets, strict=False))
        site.knobs.redirect[hop] = "/hop"
        site.knobs.redirect["/hop"] = bird.url
        refresh = f'<meta http-equiv="refresh" content="0; url={bird.url}/">'
        site.knobs.raw[refreshed] = (200, HTML, refresh.encode())
        site.knobs.redirect["/robots.txt"] = f"{bird.url}/robots.txt"
        urls = ",".join(site.url + path for path in paths)
        run = scrapy.crawl("articles", f"url={urls}", CALIBER_BASE_URL=site.url)
    assert bird.seen == []
    assert run.code == 4, run.err
    assert [record["url"] for record in run.records] == [site.url + good]
    rejects = {r["url"].removeprefix(site.url): r for r in database.rejects.find()}
    assert rejects.keys() == set(paths) - {good}
    assert {r["reason"] for r in rejects.values()} == {"off_site"}
    assert f"redirects to http://127.0.0.1:{there}/" in rejects[paths[0]]["detail"]
    assert run.counts["requests/refused/off_site"] == len(paths) - 1 + 1  # and robots.txt
    assert run.counts["rejected/off_site"] == len(paths) - 1
    assert run.counts["robots/retries"] == 0
    assert "/robots.txt leads away" in run.err


def test_a_feed_and_a_next_page_lead_nowhere_else(scrapy_without_store: Scrapy) -> None:
    scrapy = scrapy_without_store
    with canary() as bird, serve(SiteConfig(articles=40, seed=1)) as site:
        site.knobs.redirect["/rss.xml"] = f"{bird.url}/rss.xml"
        feed = scrapy.crawl("feed", CALIBER_BASE_URL=site.url)
        site.knobs.list_protocol = "none"
        with urlopen(site.url + WORLD, timeout=10) as page:
            html = page.read()
        following = f'<link rel="next" href="{bird.url}/more"></head>'.encode()
        site.knobs.raw[WORLD] = (200, HTML, html.replace(b"</head>", following, 1))
        run = scrapy.crawl("sections", "section=world", "render=http", CALIBER_BASE_URL=site.url)
    assert bird.seen == []
    assert feed.code != 0
    assert feed.counts["requests/refused/off_site"] == 1
    assert run.counts["requests/refused/off_site"] == 1
    assert "is none of the site's hosts (SITE_HOSTS)" in run.err
    assert run.code == 4
    assert run.records


async def test_a_learned_rule_leads_nowhere_else(
    scrapy: Scrapy, database: Documents, async_database: AsyncDatabase[dict[str, Any]]
) -> None:
    with canary() as bird, serve(SiteConfig(articles=40, seed=1)) as site:
        rule = ListRule(
            "GET", bird.url, "", Format("html"), {("path", "0"): "more"},
            {("query", "page"): Source("step", start=2, by=1)},
        )  # fmt: skip
        await RuleStore(async_database, "x").put(WORLD, rule, datetime.now(UTC))
        run = scrapy.crawl("sections", "section=world", "render=http", CALIBER_BASE_URL=site.url)
    assert bird.seen == []
    assert run.counts["requests/refused/off_site"] == 1
    assert run.counts["rules/broken"] == 1
    assert database.list_rules.count_documents({}) == 0
    assert [r["reason"] for r in database.rejects.find()] == ["list_rule_broken"]
    assert run.code == 4


def test_a_name_that_changes_its_address(scrapy: Scrapy, database: Documents) -> None:
    """Robots.txt is asked for at the right address; then the name leads to this machine."""
    with serve(SiteConfig(articles=40, seed=1, host="127.0.0.3")) as site:
        paths = addresses(site, 6)
        with (
            canary("127.0.0.1", port_of(site)) as bird,
            names("127.0.0.3", "127.0.0.1") as (port, asked),
        ):
            urls = ",".join(f"http://site.example:{port_of(site)}{path}" for path in paths)
            run = by_name(scrapy, site, port, "articles", f"url={urls}")
        assert next(hit.path for hit in site.log) == "/robots.txt"
    assert asked[:2] == ["127.0.0.3", "127.0.0.1"]
    assert bird.seen == []
    refused = [r for r in database.rejects.find() if r["reason"] == "private_address"]
    assert refused
    assert len(refused) + len(run.records) == len(paths)
    assert "leads to 127.0.0.1, which is no public address" in refused[0]["detail"]
    assert run.counts["requests/refused/private_address"] == len(refused)
    assert run.code == 4, run.err


def test_a_site_whose_name_leads_to_this_machine_is_not_waited_for(scrapy: Scrapy) -> None:
    with (
        canary() as bird,
        serve(SiteConfig(articles=10, seed=1)) as site,
        names("127.0.0.1") as (port, _),
    ):
        run = by_name(scrapy, site, port, "sections", "render=http")
        assert site.log == []
    assert bird.seen == []
    assert run.code == 1
    assert "could not start" in run.verdict
    assert "it leads to 127.0.0.1, which is no public address" in run.verdict
    assert run.counts["requests/refused/private_address"] == 2  # robots.txt, the home page
    assert run.counts["robots/retries"] == 0


def test_a_site_that_has_an_ipv6_address_only(scrapy: Scrapy) -> None:
    with serve(SiteConfig(articles=10, seed=1, host="::1")) as site:
        run = scrapy.crawl("sections", "render=http", CALIBER_BASE_URL=site.url)
    assert run.code == 0, run.err
    assert run.records


def test_a_name_that_leads_to_this_machine_by_ipv6_too(scrapy: Scrapy) -> None:
    with canary("::1") as bird, canary("127.0.0.1", bird.port) as other:
        urls = f"url=http://site.example:{bird.port}/en/post/x"
        run = scrapy(
            "crawl", "articles", "-a", urls, "-sTWISTED_DNS_RESOLVER=tests.canary.FixedResolver",
            CALIBER_BASE_URL=f"http://site.example:{bird.port}", ROBOTS_PATIENCE_SECONDS="0.1",
            TEST_ADDRESSES="::1,127.0.0.1,::ffff:127.0.0.1,fd00::1,fe80::1",
        )  # fmt: skip
    assert bird.seen == other.seen == []
    assert run.code == 1, run.err
    assert "which is no public address" in run.verdict
    assert run.counts["requests/refused/private_address"] > 0


def test_addresses_named_by_hand(scrapy_without_store: Scrapy) -> None:
    """`scrapy fetch` takes what a person names, and does not go where that redirects to."""
    scrapy, base = scrapy_without_store, {"CALIBER_BASE_URL": "http://127.0.0.1:1"}
    with canary() as bird, serve(SiteConfig(articles=40, seed=1)) as site:
        fetched = scrapy("fetch", "--nolog", f"{site.url}/en/", **base)
        site.knobs.redirect["/away"] = f"{bird.url}/"
        away = scrapy("fetch", f"{site.url}/away", **base)
        parsed = scrapy("parse", "--spider=articles", f"{bird.url}/en/post/x", **base)
    assert "<html" in fetched.out
    assert "none of the site's hosts" in away.err
    assert parsed.out.count("extraction") == 0
    assert bird.seen == []


# --- in the browser

ATTACKS = """
<script>
const there = 'THERE';
window.done = [];
fetch(there + '/fetch').catch(() => {});
fetch('/away').catch(() => {});
fetch('/away', {mode: 'no-cors'}).catch(() => {});
try { new WebSocket(there.replace('http', 'ws') + '/socket'); } catch (error) {}
try { new WebSocket('ws://' + location.host + '/socket'); } catch (error) {}
window.open(there + '/window');
window.open('/window');
navigator.serviceWorker && navigator.serviceWorker.register('/worker.js').catch(() => {});
navigator.sendBeacon(there + '/beacon', 'x');
navigator.sendBeacon('/away', 'x');
const worker = new Worker(URL.createObjectURL(new Blob(["fetch('" + there + "/worker')"])));
try {
  const call = new RTCPeerConnection({iceServers: [{urls: there.replace('http://', 'turn:')
    + '?transport=tcp', username: 'a', credential: 'b'}]});
  call.createDataChannel('x');
  call.createOffer().then(offer => call.setLocalDescription(offer));
} catch (error) {}
const file = document.createElement('a');
file.href = '/file'; file.download = 'x.bin'; document.documentElement.append(file); file.click();
const blank = document.createElement('a');
blank.href = '/blank'; blank.target = '_blank';
document.documentElement.append(blank); blank.click();
</script>
<iframe name="frame" src="/away"></iframe><iframe src="file:///etc/passwd"></iframe>
<script src="/away"></script><link rel="stylesheet" href="/away">
<link rel="preconnect" href="THERE">
<link rel="dns-prefetch" href="THERE"><link rel="prefetch" href="THERE/prefetch">
<img src="/away"><img src="THERE/image"><object data="THERE/object"></object>
"""


def test_a_page_in_the_browser_reaches_nothing_else(scrapy: Scrapy, database: Documents) -> None:
    with canary() as bird, serve(SiteConfig(articles=60, seed=21, cards=10)) as site:
        site.knobs.redirect["/away"] = f"{bird.url}/away"
        site.knobs.raw["/file"] = (200, {"Content-Type": "application/zip"}, bytes(1000))
        with urlopen(site.url + WORLD, timeout=10) as page:
            html = page.read()
        attacks = ATTACKS.replace("THERE", bird.url).encode()
        site.knobs.raw[WORLD] = (200, HTML, html.replace(b"<main", attacks + b"<main", 1))
        run = scrapy.crawl(
            "sections", "section=world", "render=browser",
            CALIBER_BASE_URL=site.url, SCROLL_QUIET_SECONDS="1",
        )  # fmt: skip
        whole = {truth.slug for truth in site.world.in_section("en", "world")}
        paths = {hit.path for hit in site.log}
    assert bird.seen == []
    assert run.code == 0, run.err
    assert {record["slug"] for record in run.records} == whole
    assert "/away" in paths  # so the redirects were followed, to nothing
    assert not paths & {"/window", "/worker.js", "/socket"}
    count = run.counts
    for kind in ("fetch", "redirect", "websocket", "popup", "download"):
        assert count[f"browser/blocked/{kind}"] > 0, kind
    assert scrapy.alive() == []


def test_a_list_that_redirects_the_browser_away(scrapy: Scrapy, database: Documents) -> None:
    class Later(dict[str, str]):
        """In place after the path was asked for once, by plain HTTP."""

        asked = 0

        def __contains__(self, path: object) -> bool:
            self.asked += path == WORLD
            return super().__contains__(path) and self.asked > 1

    with canary() as bird, serve(SiteConfig(articles=60, seed=21, cards=10)) as site:
        site.knobs.redirect = Later({WORLD: f"{bird.url}/"})
        run = scrapy.crawl("sections", "section=world", "render=browser", CALIBER_BASE_URL=site.url)
    assert bird.seen == []
    (reject,) = database.rejects.find()
    assert reject["reason"] == "off_site"
    assert bird.url in reject["detail"]
    assert run.counts["requests/refused/off_site"] == 1
    assert run.counts["browser/retries"] == 0
    assert run.code == 4
    assert len(run.records) == 10


def test_the_browser_is_pinned_to_an_address_that_was_looked_at(
    scrapy: Scrapy, database: Documents
) -> None:
    """By the time the browser is started the site's name leads to this machine."""
    with serve(SiteConfig(articles=60, seed=21, cards=10, host="127.0.0.3")) as site:
        with urlopen(site.url + WORLD, timeout=10) as page:
            named = page.read().replace(
                site.url.encode(), f"http://site.example:{port_of(site)}".encode()
            )
        site.knobs.raw[WORLD] = (200, HTML, named)
        with (
            canary("127.0.0.1", port_of(site)) as bird,
            names("127.0.0.3", "127.0.0.1") as (port, _),
        ):
            arguments = ("sections", "section=world", "render=browser")
            run = by_name(scrapy, site, port, *arguments)
    assert bird.seen == []
    told = {r["url"].rpartition("/")[2]: r for r in database.rejects.find()}
    assert {r["reason"] for r in told.values()} == {"private_address"}
    assert "site.example leads to 127.0.0.1" in told["world"]["detail"]
    assert "Browser chromium launched" not in run.err
    assert run.code == 4, run.err


def test_no_proxy_is_asked_for_this_machine(scrapy_without_store: Scrapy) -> None:
    """Nor is one by the browser. Nobody is at the proxy's port."""
    with serve(SiteConfig(articles=10)) as site:
        url = site.url + site.world.article("en", 0).path
        run = scrapy_without_store.crawl(
            "articles", f"url={url}", CALIBER_BASE_URL=site.url, http_proxy="http://127.0.0.1:9"
        )
    assert run.code == 0, run.err
    assert len(run.records) == 1


@pytest.mark.parametrize(
    ("url", "through"),
    [
        ("http://127.9.0.1:8000/x", None),
        ("http://[::1]:8000/x", None),
        ("http://LOCALHOST/x", None),
        ("https://localhost/x", None),
        ("https://caliber.az/x", "http://127.0.0.1:9"),
        ("http://10.0.0.1/x", "http://127.0.0.1:9"),
    ],
)
def test_what_a_proxy_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, url: str, through: str | None
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://ann:pw@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    request = Request(url)
    middleware = ProxyMiddleware()
    assert middleware.process_request(request) is None
    assert request.meta.get("proxy") == through
    assert (b"Proxy-Authorization" in request.headers) == (through is not None)
    named = Request(url, meta={"proxy": "http://of.its.own:1"})
    middleware.process_request(named)
    assert named.meta["proxy"] == "http://of.its.own:1"


def test_a_proxy_is_asked_for_the_site_only(scrapy_without_store: Scrapy) -> None:
    """Names are resolved by the proxy, so nothing but the hosts can be looked at."""
    scrapy, asked = scrapy_without_store, list[str]()
    script = (
        "<script>fetch('/ping'); fetch('/away').catch(() => {}); new Image().src = '/away';"
        "fetch('http://elsewhere.example/').catch(() => {})</script>"
        "<script src='/away'></script><link rel=preconnect href='http://hint.example'>"
    )

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = urlsplit(self.path).path
            listed = f"<main>{card_html('/en/post/north-road-reopens')}</main>"
            page = {
                "/en/": HEADER.replace("https://caliber.az", "http://site.example"),
                WORLD: script + listed,
                "/en/post/north-road-reopens": article_html(),
            }
            self.send_response(302 if path == "/away" else 200 if path in page else 404)
            self.send_header("Location", "http://elsewhere.example/")
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.get(path, "").encode())

        do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        run = scrapy.crawl(
            "sections", "section=world", "render=browser", SCROLL_QUIET_SECONDS="1",
            CALIBER_BASE_URL="http://site.example",
            http_proxy=f"http://127.0.0.1:{server.server_port}",
        )  # fmt: skip
        server.shutdown()
        thread.join()
    assert len(run.records) == 1, run.err
    assert "http://site.example/ping" in asked, run.err  # the browser came through, too
    assert "http://site.example/away" in asked
    assert {urlsplit(url).hostname for url in asked} == {"site.example"}
