"""Updates: what a crawl asks of the site for each article that is new since the one before."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

from benchmarks.crawl import SCRAPY
from benchmarks.duplicates_texts import Text, varied_texts
from benchmarks.measure import ROOT, environment, run
from benchmarks.outcome import Bar, Outcome, markdown
from caliber_crawler.store.server import EmbeddedServer
from demo_site import Post, ServedSite, SiteConfig, serve
from demo_site.world import NEWEST

SPIDER = Path(__file__).with_name("update_spider.py")
# Scrapy's own HTTP cache: it keeps validators and sends them along. Of what it has it would believe
# for a while that it is fresh; told that nothing is, it asks.
_CONDITIONAL = (
    ("HTTPCACHE_ENABLED", "True"),
    ("HTTPCACHE_POLICY", "scrapy.extensions.httpcache.RFC2616Policy"),
    ("HTTPCACHE_DIR", "httpcache"),
    ("DEFAULT_REQUEST_HEADERS", json.dumps({"Cache-Control": "max-age=0"})),
)
OURS, FULL, CONDITIONAL, KNOWN = "ours", "full", "conditional", "known"
WAYS = {
    OURS: "ours, `mode=update`",
    FULL: "plain spider, everything again",
    CONDITIONAL: "plain spider, `If-Modified-Since`",
    KNOWN: "plain spider, skips known addresses",
}
AGAINST = {
    FULL: "crawling everything again",
    CONDITIONAL: "a crawl with If-Modified-Since",
    KNOWN: "a spider that skips known articles",
}


@dataclass(frozen=True)
class Update:
    """One crawl after `new` articles were posted: requests by kind, and bytes of all answers.

    `articles` are requests for article pages, of which `unchanged` were answered 304; `lists` are
    all others: home page, lists, robots.txt.
    """

    way: str
    new: int
    lists: int
    articles: int
    unchanged: int
    sent: int

    @property
    def requests(self) -> int:
        return self.lists + self.articles


@dataclass(frozen=True)
class Updates:
    """`articles` were there before the first update."""

    articles: int
    found: list[Update]

    def of(self, way: str, new: int) -> Update:
        return next(one for one in self.found if (one.way, one.new) == (way, new))


def compare(articles: int, cards: int, rounds: Sequence[int]) -> Updates:
    """Crawl a site each way, then, each time so many articles were posted, each way again.

    Its lists grow by so many cards. All articles that were posted must have been taken by all.
    """
    found = []
    with (
        tempfile.TemporaryDirectory() as name,
        serve(SiteConfig(articles, cards=cards)) as site,
        EmbeddedServer(Path(name) / "mongodb") as uri,
    ):
        site.knobs.validators = True
        for way in WAYS:
            taken = _crawl(site, way, uri, Path(name), first=True)
            if len(taken) != articles:
                raise RuntimeError(f"{way}: {len(taken)} of {articles} articles taken at first")
        texts = iter(varied_texts(2 * sum(rounds), seed=7)[::2])  # English ones
        for new in rounds:
            posted = set(_post(site, new, texts))
            for way in WAYS:
                before = len(site.log)
                taken = _crawl(site, way, uri, Path(name))
                if not posted <= taken:
                    raise RuntimeError(f"{way}: {len(posted - taken)} of {new} new ones not taken")
                found.append(_update(way, new, site, before))
    return Updates(articles, found)


def _crawl(site: ServedSite, way: str, uri: str, folder: Path, *, first: bool = False) -> set[str]:
    """One crawl; returns the last parts of the addresses of what it took."""
    feed = folder / f"{way}.jsonl"
    options = ["-O", str(feed)]
    if way == OURS:
        # The first one learns how lists ask for more, which those after it follow.
        kind = ["mode=full", "render=auto"] if first else ["mode=update", "render=http"]
        arguments = [part for argument in kind for part in ("-a", argument)]
        run(
            [*SCRAPY, "crawl", "sections", *arguments, *options],
            environment(site.url, uri) | {"SCROLL_QUIET_SECONDS": "1"},
            folder,
        )
    else:
        options += ["-a", f"home={site.url}/en/"]
        if way == CONDITIONAL:
            options += [part for key, value in _CONDITIONAL for part in ("-s", f"{key}={value}")]
        if way == KNOWN:
            options += ["-a", f"seen={folder / 'seen.txt'}"]
        run([*SCRAPY, "runspider", str(SPIDER), *options], {"PYTHONPATH": str(ROOT)}, folder)
    with feed.open(encoding="utf-8") as lines:
        return {json.loads(line)["url"].rpartition("/")[2] for line in lines}


def _post(site: ServedSite, new: int, texts: Iterator[Text]) -> Iterator[str]:
    """Post so many articles, on top of all sections by turns; yields their slugs."""
    sections = cycle(slug for slug, _ in site.sections("en"))
    for text, section in zip(islice(texts, new), sections, strict=False):
        number = len(site.knobs.posted)
        at = NEWEST + timedelta(hours=1, minutes=number)
        slug = f"posted-{number}"
        paragraphs = tuple(text.body.split("\n\n"))
        site.knobs.posted[slug] = Post(text.title, paragraphs, at, (section,))
        yield slug


def _update(way: str, new: int, site: ServedSite, before: int) -> Update:
    hits = site.log[before:]
    articles = [hit for hit in hits if "/post/" in hit.path]
    return Update(
        way,
        new,
        lists=len(hits) - len(articles),
        articles=len(articles),
        unchanged=sum(hit.status == 304 for hit in articles),
        sent=sum(hit.sent for hit in hits),
    )


def measure(quick: bool) -> Outcome:
    """For `make bench`."""
    cards = 5 if quick else 20
    found = compare(100, cards, (5,)) if quick else compare(300, cards, (0, 5, 50))
    rows = [
        (
            WAYS[one.way],
            one.new,
            one.lists,
            one.articles,
            one.unchanged,
            one.requests,
            f"{one.requests / one.new:.1f}" if one.new else "",
            f"{one.sent / 1000:,.0f}",
        )
        for one in found.found
    ]
    heads = (
        "crawl",
        "new articles",
        "lists, home, robots.txt",
        "articles",
        "of them 304",
        "requests",
        "for each new one",
        "kB sent",
    )
    text = markdown(heads, rows)
    text += (
        f"\n\nRequests in the site's log, after a site of {found.articles} articles in 8 sections "
        "was crawled once and so many were posted; every crawl took all new ones. A list has "
        f"{cards} cards, the rest by further requests. The plain spider walks all lists to their "
        "end with the site's protocol written into it; the one with `If-Modified-Since` keeps "
        "validators in "
        "Scrapy's HTTP cache (`RFC2616Policy`, everything to be asked for again), the site sends "
        "`ETag` and `Last-Modified` for articles, not for lists; the one that skips known "
        "addresses does what scrapy-deltafetch does. kB are of bodies, without compression. What "
        "the others ask for grows with the archive, ours does not. Crawling everything again also "
        "sees edits of old articles, as does `If-Modified-Since`; with ours that is the spider "
        "`refresh`."
    )
    new = min(one.new for one in found.found if one.new)
    ours = found.of(OURS, new).requests
    bars = [
        Bar.of(
            f"Update of {found.articles} articles, {new} new: requests",
            against,
            [found.of(way, new).requests / ours],
        )
        for way, against in AGAINST.items()
    ]
    kept = {"articles": found.articles, "updates": [asdict(one) for one in found.found]}
    return Outcome("Updates", text, kept, tuple(bars))
