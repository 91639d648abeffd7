"""What is to be done with one article that was seen: which record it meets, and how.

Nothing here reads or writes: `articles` does, and asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from caliber_crawler.identity import Fate, is_another_story, is_edit
from caliber_crawler.items import Article, CrawlInfo
from caliber_crawler.records import aside, changes, first_seen, meet
from caliber_crawler.revisit import Pace
from caliber_crawler.similarity import Words
from caliber_crawler.site import identity_of
from caliber_crawler.store.clocks import is_ahead, put_right
from caliber_crawler.store.documents import (
    Move,
    Stored,
    crawl_of,
    new_internal,
    next_internal,
    put_off,
    with_looks,
    with_move,
)
from caliber_crawler.store.known import Known, Suspect, fate_of

# An update holds only while these are as they were read. `crawl` changes with every save.
_GUARDS = (
    "revision", "crawl", "sections", "aliases", "status", "duplicate_of", "near_duplicate_of",
)  # fmt: skip

# What was found out on the way, for counters.
MOVED = "moved"
RETURNED = "returned"
OVERTAKEN = "overtaken"
OLD_ADDRESS = "old_address"
CANONICAL_IGNORED = "canonical_ignored"
REDIRECT_IGNORED = "redirect_ignored"
UNDECIDED = "undecided"
MENDED = "mended"
MOVED_BACK = "moved_back"
SAME_TEXT = "same_text"


@dataclass(slots=True)
class Plan:
    """One article on its way: the record it meets (None: nobody has stored it before), and what is
    to be written. `is_aside`: its text says nothing of how the article is now. `is_back`: it is at
    home again where it was seen, and no more at the address that the record has. `at` is the
    present, if it is known: records from beyond it were told by a clock that was ahead.
    """

    seen: Article
    old: Stored | None
    notes: list[str] = field(default_factory=list)
    move: Move | None = None
    is_aside: bool = False
    is_back: bool = False
    at: datetime | None = None
    new: Stored | None = None
    changes: list[str] = field(default_factory=list)
    _words: Words | None = None

    @classmethod
    def of(cls, article: Article, known: Known, at: datetime | None = None) -> Plan:
        """Match an article with the record that its addresses lead to."""
        old = known.match(article)
        plan = cls(article, old, at=at)
        page = article.page
        if old and page and page.url and page.url != article.url and old is known.at(article.url):
            plan._doubt_canonical(page.url, known)
        if old and known.own(article) is None and known.at(article.url) is None:
            plan._doubt_redirect(known)
        if plan.old and plan.old.article.crawl:
            before = plan.old.article.crawl["fetched_at"]
            if crawl_of(article)["fetched_at"] < before and not is_ahead(before, at):
                plan.is_aside = True
                plan.notes.append(OVERTAKEN)
        return plan

    def _doubt_canonical(self, fetched: str, known: Known) -> None:
        """Take the page's own address when another story stands under its canonical one."""
        own, seen = identity_of(fetched), self.seen
        if own is None or self.old is None or not is_another_story(seen, self.old.article):
            return
        aliases = [alias for alias in seen.aliases if alias not in (own.url, seen.url)]
        self.seen = replace(
            seen, id=own.id, url=own.url, language=own.language, slug=own.slug, aliases=aliases
        )
        self.old = known.own(self.seen)
        self.notes.append(CANONICAL_IGNORED)

    def _doubt_redirect(self, known: Known) -> None:
        """Take an article for one of its own that stands where another one's address leads.

        So a site may answer for what was removed: by its latest story.
        """
        if self.old is None or not is_another_story(self.seen, self.old.article):
            return
        aliases = [alias for alias in self.seen.aliases if known.at(alias) is None]
        self.seen, self.old = replace(self.seen, aliases=aliases), None
        self.notes.append(REDIRECT_IGNORED)

    @property
    def words(self) -> Words:
        """What the article says, taken apart once."""
        if self._words is None:
            self._words = Words.of(self.seen)
        return self._words

    def judge(self, likely: Sequence[Suspect], fates: Mapping[str, Fate]) -> str | None:
        """Decide of which suspect, if any, the article is another version.

        Returns an address that must be asked for first.
        """
        for suspect in likely:
            record = suspect.stored.article
            if record.id == self.seen.id or record.url == self.seen.url:
                self.old = suspect.stored  # another worker stored it a moment ago
                return None
            fate = fate_of(suspect.stored, self.seen, fates)
            if fate is None:
                return record.url
            if fate == "unknown":
                self.notes.append(UNDECIDED)
            same = record.content_hash == self.seen.content_hash
            if is_edit(suspect.suspicion, fate, same_words=same):
                self.old, self.move = suspect.stored, _move(self.seen, suspect, fate)
                self.notes.append(MOVED)
                return None
        return None

    @property
    def is_at_old_address(self) -> bool:
        """Whether the article was seen at an address that it had before, with other words than now.

        Nothing led from its present address there, and that one is not known to be gone.
        """
        if self.old is None or self.is_aside:
            return False
        seen, record = self.seen, self.old.article
        elsewhere = seen.url != record.url and seen.url in record.aliases
        holds = record.status == "live" and self.old.internal["missing"] is None
        other = seen.content_hash != record.content_hash
        return elsewhere and holds and other and record.url not in seen.aliases

    @property
    def is_at_other_address(self) -> bool:
        """Whether it says at an address that it had before what it says at its present one.

        Both may show it, or it moved back.
        """
        if self.old is None or self.is_aside or not self.old.internal["moves"]:
            return False
        seen, record = self.seen, self.old.article
        elsewhere = seen.url != record.url and seen.url in record.aliases
        holds = record.status == "live" and self.old.internal["missing"] is None
        same = seen.content_hash == record.content_hash
        return elsewhere and holds and same and record.url not in seen.aliases

    def settle_address(self, fate: Fate, *, is_old_text: bool) -> None:
        """Take the address where it was seen for its own, or set aside what is shown there.

        `fate` is that of the address that the record has.
        """
        self.is_back = fate in ("gone", "moved")
        if is_old_text and not self.is_back:
            self.is_aside = True
            self.notes.append(OLD_ADDRESS)

    @property
    def is_replaced(self) -> bool:
        """Whether quite another story than the stored one stands under the article's own address.

        An editor may do that. So does a site that shows one page for all addresses.
        """
        if self.old is None or self.is_aside or not self.seen.body:
            return False
        record = self.old.article
        other = self.seen.content_hash != record.content_hash
        return other and is_another_story(self.seen, record)

    def fill(self, pace: Pace) -> None:
        """Make the document that is to be stored."""
        seen, old = self.seen, self.old
        at = crawl_of(seen)["fetched_at"]
        if old is None:
            record = first_seen(seen, at)
            record.duplicate_of = record.near_duplicate_of = None
            self.new = Stored(record, new_internal(record, at, pace, self.words), self.words)
        elif self.is_aside:
            internal = old.internal
            if OVERTAKEN not in self.notes:  # its turn is over all the same
                internal = {**internal, "visit": put_off(old, at, pace, keep=True)}
                internal = with_looks(internal, self._elsewhere(old.article.url), at)
            self.new = Stored(aside(old.article, seen), internal)
        else:
            crawl = old.article.crawl
            if self.at is not None and is_ahead(crawl and crawl["fetched_at"], self.at):
                # The guard is made of what was read: `old` stays as it is.
                old = put_right(old, at)
                self.notes.append(MENDED)
            self._meet(old, pace)

    def _meet(self, old: Stored, pace: Pace) -> None:
        # An old address that leads to the new one is a redirect like any other: nothing to be seen.
        seen, moved = self.seen, self.move is not None and self.move["reason"] != "moved"
        crawl, before = crawl_of(seen), old.internal["printed_at"]
        at = crawl["fetched_at"]
        lost = self.is_back or old.internal["missing"] is not None
        record = meet(old.article, seen, at, printed_at=before, moved=moved, lost=lost)
        self.changes = changes(old.article, record, seen, printed_at=before, moved=moved)
        if record.content_hash != old.article.content_hash:
            record.duplicate_of = record.near_duplicate_of = None
        if not self.changes and _is_same_fetch(crawl, old.article.crawl):
            record.crawl = old.article.crawl
        if old.article.status == "gone":
            self.notes.append(RETURNED)
        internal = next_internal(old, record, seen, at, pace)
        if self.move is None and record.url != old.article.url:
            self.move = _led(seen, old.article)
            if self.move["reason"] == "known":
                self.notes.append(MOVED_BACK)
        looked = self._elsewhere(record.url)
        if self.move:
            internal = with_move(internal, self.move)
            if self.move["reason"] in ("alive", "moved"):  # it was asked for, and is there
                looked.append(self.move["from_url"])
        self.new = Stored(record, with_looks(internal, looked, at) if looked else internal)

    def _elsewhere(self, url: str | None) -> list[str]:
        """The addresses at which the article was seen, all but its own."""
        return [address for address in addresses_of(self.seen) if address != url]

    @property
    def guard(self) -> dict[str, Any]:
        """What the stored document must be like for the update that was made from it."""
        if self.old is None:
            raise RuntimeError("a new article has no document before it")
        fields = {name: getattr(self.old.article, name) for name in _GUARDS}
        missing = self.old.internal["missing"]
        return {"_id": self.old.article.id, **fields, "internal.missing": missing}

    @property
    def result(self) -> Article:
        """The record for the caller; the outcome of a reading that was set aside is its own."""
        if self.new is None:
            raise RuntimeError(f"nothing was planned for {self.seen.id}")
        record = self.new.article
        if self.is_aside and record.crawl is not None:
            return replace(record, crawl={**record.crawl, "outcome": "unchanged"})
        return record


def addresses_of(article: Article) -> list[str]:
    """All addresses that an article is known by."""
    return [address for address in (article.url, *article.aliases) if address]


def _move(seen: Article, suspect: Suspect, fate: Fate) -> Move:
    crawl, like = crawl_of(seen), suspect.suspicion.likeness
    return {
        "url": seen.url or "",
        "from_url": suspect.stored.article.url or "",
        "reason": fate,
        "score": suspect.suspicion.score,
        "kept": round(max(like.kept, like.taken), 3),
        "title": round(like.title, 3),
        "at": crawl["fetched_at"],
        "crawl_id": crawl["id"],
    }


def _led(seen: Article, record: Article) -> Move:
    """The move of an article whose new address is known for its own by addresses alone."""
    by_link = seen.page is not None and seen.page.url not in (None, seen.url)
    known = seen.url in record.aliases
    crawl = crawl_of(seen)
    return {
        "url": seen.url or "",
        "from_url": record.url or "",
        "reason": "known" if known else "canonical" if by_link else "redirect",
        "score": 1.0,
        "kept": None,
        "title": None,
        "at": crawl["fetched_at"],
        "crawl_id": crawl["id"],
    }


def _is_same_fetch(crawl: CrawlInfo, other: CrawlInfo | None) -> bool:
    """Whether a save met what an earlier save of the same page left, before it was cut off."""
    if other is None:
        return False
    return {**crawl, "outcome": ""} == {**other, "outcome": ""}
