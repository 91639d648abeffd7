"""A scripted history of the site over twenty crawls, and what must be stored in the end.

Before every crawl editors do what those of the real site do; the script knows what that means for
the records. Odd crawls walk the sections to their ends, even ones visit stored articles again, and
200 stories have been there by the end. Everything follows from the seed.

Stories are renamed and posted before odd crawls only, so that every address is seen in a list
before a stored one is asked for again; edits, moved dates and removals come before any crawl.

    python -m tests.history [SEED]     plays it against a database of its own and prints the outcome
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pymongo import MongoClient

from caliber_crawler.store.server import EmbeddedServer
from demo_site import Post, ServedSite, SiteConfig, serve
from demo_site.knobs import RemovedAs
from tests.conftest import Scrapy
from tests.history_script import Script
from tests.history_texts import Text, slug_of
from tests.history_truth import Documents, Shown, Story, differences, kinds_done

CRAWLS = 20
STORIES = 200
_WORLD = 156  # the others are posted

Crawl = Callable[[str, str], Any]
"""Runs the crawl of a spider (`sections` or `refresh`) under an id, to its end."""


def config(seed: int) -> SiteConfig:
    """The site at the beginning; a list shows all of its section at once."""
    return SiteConfig(articles=_WORLD, seed=seed, cards=200)


class History:
    """The script, and what has become of each story up to the crawl that was played last.

    done: the kind of each event that has happened. troubles: what a crawl should have asked for
    and did not.
    """

    def __init__(self, site: ServedSite, seed: int) -> None:
        self.site = site
        self.done: list[str] = []
        self.troubles: list[str] = []
        slugs = (site.world.article("en", i).slug for i in range(_WORLD))
        self.stories = {slug: Story(slug) for slug in slugs}
        self._events = Script(self, seed).events
        self._read = 0  # entries of the site's log

    # Playing

    def play(self, crawl: Crawl, crawls: Iterable[int] = range(1, CRAWLS + 1)) -> None:
        """For each crawl: let editors do their part, run it, and note what it must have seen."""
        for number in crawls:
            self.edit_before(number)
            spider = "sections" if number % 2 else "refresh"
            crawl(spider, self.crawl_id(number))
            self.note(spider, self.crawl_id(number))

    def crawl_id(self, number: int) -> str:
        return f"history-{number:02}"

    def edit_before(self, number: int) -> None:
        """What happens between two crawls."""
        for kind, event in self._events.get(number, ()):
            event()
            self.done.append(kind)

    def note(self, spider: str, crawl_id: str) -> None:
        """What a correct crawl has seen of each story, and whether this one asked for it."""
        answered = self._answers()
        for story in self.stories.values():
            asked = sum(answered[f"/en/post/{slug}", 200] for slug in (story.slug, *story.old))
            known = story.seen is not None
            if story.removed:
                if spider == "refresh" and known:
                    self._missed(story, crawl_id, answered)
                continue
            if not known and spider == "refresh":
                continue
            if not answered[f"/en/post/{story.slug}", 200]:
                self.troubles.append(f"{crawl_id} did not ask for {story.slug}")
            shown = Shown.of(self.site.truth("en", story.slug))
            counter = "views" not in self.site.knobs.hide.get(story.slug, ())
            story.sees(shown, crawl_id, counter=counter)
            story.spare += max(0, asked - 1)

    def _missed(self, story: Story, crawl_id: str, answered: Counter[tuple[str, int]]) -> None:
        path = f"/en/post/{story.slug}"
        if not story.gone and not any(asked == path for asked, _ in answered):
            self.troubles.append(f"{crawl_id} did not ask for {story.slug}, which was removed")
        story.misses_it()

    def _answers(self) -> Counter[tuple[str, int]]:
        """(path, status) of each answer since this was last asked."""
        hits, self._read = self.site.log[self._read :], len(self.site.log)
        return Counter((unquote(hit.path.partition("?")[0]), hit.status) for hit in hits)

    # What editors do

    def change(self, story: Story, **changes: Any) -> None:
        """Edit an article; what was edited before stays. Arguments as of `Edit`."""
        story.edit = replace(story.edit, **changes)
        self.site.knobs.edited[story.slug] = story.edit

    def now(self, story: Story) -> Shown:
        return Shown.of(self.site.truth("en", story.slug))

    def paragraphs(self, story: Story) -> Text:
        return tuple(self.site.truth("en", story.slug).paragraphs)

    def rename(self, story: Story, title: str | None, old: str = "404", **changes: Any) -> None:
        """A new address; `old` says what the one before answers: 404, 301 or its text."""
        knobs = self.site.knobs
        slug = slug_of(title or self.now(story).title, f"r{len(self.done)}")
        if old != "text":
            knobs.edited.pop(story.slug, None)
        knobs.renamed[story.made] = slug
        if old == "301":
            knobs.renamed_redirects = {story.made, *_named(knobs.renamed_redirects)}
        if old == "text":
            knobs.renamed_keeps_old = {story.made, *_named(knobs.renamed_keeps_old)}
        story.old.append(story.slug)
        story.slug = slug
        if title is not None:
            changes["title"] = title
        self.change(story, **changes)

    def remove(self, story: Story, how: RemovedAs = "404") -> None:
        self.site.knobs.removed_as_of[story.slug] = how
        self.site.knobs.removed.add(story.slug)
        story.removed = True

    def bring_back(self, story: Story) -> None:
        self.site.knobs.removed.discard(story.slug)
        story.removed = False

    def post(self, story: Story, post: Post) -> None:
        self.site.knobs.posted[story.made] = post
        self.stories[story.made] = story


def crawls_of(scrapy: Scrapy, site: ServedSite) -> Crawl:
    """Real crawls, each in a process of its own; a crawl that is not healthy is an error."""
    arguments = {
        "sections": ("-a", "mode=full", "-a", "render=http"),
        "refresh": ("-a", "newer_than=3650d"),
    }

    def crawl(spider: str, crawl_id: str) -> None:
        run = scrapy(
            "crawl", spider, *arguments[spider], CALIBER_BASE_URL=site.url, CRAWL_ID=crawl_id
        )
        if run.code:
            raise AssertionError(f"{crawl_id} ({spider}) ended with {run.code}: {run.verdict}")

    return crawl


def compare(database: Documents, history: History) -> list[str]:
    """How what is stored differs from what the script knows to be true; empty when it does not."""
    return [*history.troubles, *differences(history.stories.values(), database, history.site.url)]


def _named(rule: bool | Set[str]) -> Set[str]:
    return frozenset() if isinstance(rule, bool) else rule


def main(seed: int = 1) -> int:
    """Play the history and print what differs. Exit code 1 when something does."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder, "mongo")) as uri,
        serve(config(seed)) as site,
        MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
    ):
        settings = {"MONGODB_URI": uri, "CLUSTER_DOWNLOAD_DELAY": "0"}
        history = History(site, seed)
        history.play(crawls_of(Scrapy(Path(folder), settings), site))
        found = compare(client["caliber"], history)
    print(kinds_done(history.done))
    print(f"{len(history.stories)} stories, {CRAWLS} crawls, {time.monotonic() - began:.0f} s")
    print("\n".join(found) or "everything is as it must be")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
