"""What happens to a record between page and store: cleaning, checking, and meeting the stored one.

Pure functions. The pipelines, `scrapy shell`, `scrapy parse` and the store all use these, so that
all of them give the same record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from caliber_crawler import text
from caliber_crawler.dedupe import content_hash
from caliber_crawler.identity import is_told_anew
from caliber_crawler.items import Article, SectionRef
from caliber_crawler.limits import MOST_ALIASES, MOST_NAMES
from caliber_crawler.site import HOUSE

if TYPE_CHECKING:
    from datetime import datetime

# Shares of words by which a text that was guessed at counts as an edit of the one that was stored.
_MOST = 0.6
_ALIKE = 0.5

REQUIRED = ("id", "url", "title", "language")
"""Without these there is no record. Any other field may be missing."""


def clean(article: Article) -> Article:
    """Clean every text of the record in place, then count and hash it. Idempotent.

    Returns the same object. Authors and sections without anything left are dropped.
    """
    article.title = text.line(article.title or "") or None
    article.description = text.line(article.description or "") or None
    article.body = "\n\n".join(
        part for part in text.paragraphs(article.body) if not text.is_boilerplate(part)
    )
    article.authors = [name for name in map(text.line, article.authors) if name]
    named: list[SectionRef] = [
        {"slug": section["slug"], "name": text.line(section["name"]) or section["slug"] or ""}
        for section in article.sections
    ]
    article.sections = [section for section in named if section["name"]]
    for image in article.images:
        image["caption"] = text.line(image["caption"] or "") or None
    for link in article.links:
        link["text"] = text.line(link["text"])
    _count(article)
    if article.url:
        article.attribution = attribution(article.url)
    return article


def missing_required(article: Article) -> list[str]:
    """Names of the required fields that the record lacks, in the order of `REQUIRED`."""
    return [name for name in REQUIRED if not getattr(article, name)]


def attribution(url: str) -> str:
    """The hyperlink that the site's terms ask for with any use of its materials, as HTML."""
    return f'<a href="{escape(url)}">{HOUSE}</a>'


def first_seen(article: Article, at: datetime) -> Article:
    """The record of an article that no one has stored before, seen at an instant in UTC."""
    article.revision = 1
    article.first_seen_at = article.last_seen_at = at
    article.changed_at = None
    if article.views is not None:
        article.views_at = at
    _set_outcome(article, "new")
    return article


def meet(
    stored: Article,
    seen: Article,
    at: datetime,
    *,
    printed_at: datetime | None = None,
    moved: bool = False,
    lost: bool = False,
) -> Article:
    """The record after an article was seen again: a new object, both arguments stay as they are.

    What the page no longer says is kept from before, so a hidden date or a hollow page wipes
    nothing, and `trusted` says whose text stands. Identity, first-seen time and publication time
    stay what they first were, the latter unless it was read without a layout. Where the address
    tells another story since (`identity.is_told_anew`), date and content are that story's alone.
    The outcome in `crawl` is ``changed`` when `changes` names anything; `printed_at` is the date
    that the page printed before, `moved` that it is the version of a stored article under an
    address that it was not known by, `lost` that the address known before answers no more.
    """
    text = trusted(stored, seen)
    anew = text is seen and _is_told_anew(stored, seen, printed_at or stored.published_at)
    past = _without_content(stored) if anew else stored
    url = seen.url or stored.url if lost else _address(stored, seen)
    hollow = not text.body
    record = replace(
        seen,
        id=stored.id,
        url=url,
        language=seen.language or stored.language,
        slug=(seen.slug if url == seen.url else stored.slug) or stored.slug,
        aliases=_union(stored.aliases, [stored.url], seen.aliases, [seen.url], without=url),
        title=text.title or stored.title,
        description=text.description or seen.description or past.description,
        authors=_authors(past, seen, text),
        sections=add_sections(text.sections, past.sections if text is seen else seen.sections),
        published_at=_published(stored, seen, anew=anew),
        body=text.body or stored.body,
        images=text.images or past.images or seen.images,
        embeds=(text.embeds or stored.embeds) if hollow else text.embeds,
        links=(text.links or stored.links) if hollow else text.links,
        views=stored.views if seen.views is None else seen.views,
        views_at=stored.views_at if seen.views is None else at,
        alternates=_editions(past.alternates | seen.alternates),
        duplicate_of=stored.duplicate_of,
        near_duplicate_of=stored.near_duplicate_of,
        status="live",
        revision=stored.revision,
        first_seen_at=stored.first_seen_at,
        last_seen_at=max(at, stored.last_seen_at or at),
        changed_at=stored.changed_at,
        extraction=text.extraction or stored.extraction,
        crawl=seen.crawl or stored.crawl,
        attribution=attribution(url) if url else None,
    )
    if not seen.content_hash or record.title is not seen.title or record.body is not seen.body:
        _count(record)  # else it says what was counted when it was cleaned
    changed = changes(stored, record, seen, printed_at=printed_at, moved=moved)
    if changed:
        record.revision = stored.revision + 1
        record.changed_at = at
    _set_outcome(record, "changed" if changed else "unchanged")
    return record


def kept(seen: Article, record: Article) -> list[str]:
    """The fields that a page did not show and that `record` has from before."""
    missing = seen.extraction["missing"] if seen.extraction else []
    return [name for name in missing if getattr(record, name)]


def changes(
    stored: Article,
    record: Article,
    seen: Article,
    *,
    printed_at: datetime | None = None,
    moved: bool = False,
) -> list[str]:
    """The fields in which a reader sees another article than before; `record` is what `meet` gave.

    Words of headline and body, persons in the byline, the date as printed, and the address when the
    article moved. Views, pictures, markup, order and white space are none, nor is what the page
    does not say any more. Of pages that no layout fits only the words count: the rest is a guess.
    """
    found = []
    if record.content_hash != stored.content_hash:
        texts = (("title", stored.title, record.title), ("body", stored.body, record.body))
        found = [name for name, old, new in texts if (old or "").split() != (new or "").split()]
    sure = all(a.extraction and a.extraction["method"] == "template" for a in (stored, seen))
    if sure and trusted(stored, seen) is seen:
        if stored.authors and set(record.authors) != set(stored.authors):
            found.append("authors")
        if seen.published_at and printed_at and seen.published_at != printed_at:
            found.append("published_at")
    if moved:
        found.append("url")
    return found


def aside(stored: Article, seen: Article) -> Article:
    """The record after a reading that says nothing of how the article is now: a new object.

    Such are a fetch from before the one that the record rests on, and an old address of the article
    that goes on answering with what was said then. Its sections, editions and addresses are noted.
    """
    return replace(
        stored,
        aliases=_union(stored.aliases, seen.aliases, [seen.url], without=stored.url),
        sections=add_sections(stored.sections, seen.sections),
        alternates=_editions(seen.alternates | stored.alternates),
        page=seen.page,
    )


def _authors(stored: Article, seen: Article, text: Article) -> list[str]:
    """The persons: those of the trusted text, but those of a byline before a head's.

    A page that lost its text has lost its byline, too, and what its head says is no edit of that.
    """
    if text is seen and stored.authors and _from_head(seen) and not _from_head(stored):
        return stored.authors
    return text.authors or stored.authors or seen.authors


def _from_head(article: Article) -> bool:
    """Whether the persons are those that a page's head named, because there was no byline.

    Names that stayed from before are others than the head's.
    """
    named = article.extraction.get("head_authors") if article.extraction else None
    return named is not None and set(map(text.line, named)) == set(article.authors)


def _published(stored: Article, seen: Article, *, anew: bool) -> datetime | None:
    """When it was published: what was read first, but a layout's reading comes before a guess, and
    the date of the story that is told there `anew` before that of the former one."""
    if anew or (_method(stored) == "fallback" and _method(seen) == "template"):
        return seen.published_at or stored.published_at
    return stored.published_at or seen.published_at


def _is_told_anew(stored: Article, seen: Article, before: datetime | None) -> bool:
    """Whether another story stands there; a page that no layout fits does not tell. `before` is the
    date as printed before."""
    return _method(seen) == "template" and is_told_anew(seen, stored, before)


def _without_content(article: Article) -> Article:
    """An article that has nothing for a page to leave as it was."""
    return replace(article, description=None, authors=[], sections=[], images=[], alternates={})


def _method(article: Article) -> str | None:
    return article.extraction["method"] if article.extraction else None


def _address(stored: Article, seen: Article) -> str | None:
    """The record's address: the one seen now.

    One of two addresses that show the same text stays, so that they do not alternate, unless the
    one known before led to the other.
    """
    known = seen.url in stored.aliases and stored.url not in seen.aliases
    same = seen.content_hash == stored.content_hash and stored.status == "live"
    return stored.url if known and same else seen.url or stored.url


def trusted(stored: Article, seen: Article) -> Article:
    """Which of two readings of an article has the better text: the later one, but for

    * a page that was cut off, or whose letters are lost, where the stored one was not;
    * a page that no layout fits, where a layout read the stored one, unless it is clearly an edit:
      it says most of what was said before and either another headline of much the same words or
      something new between the paragraphs that were there.
    """
    before, now = stored.extraction, seen.extraction
    if before is None or now is None:
        return seen
    for flaw in ("partial", "garbled"):
        if bool(now.get(flaw)) != bool(before.get(flaw)):
            return stored if now.get(flaw) else seen
    guessed = now["method"] == "fallback" and before["method"] == "template"
    return stored if guessed and not _is_clearly_an_edit(stored, seen) else seen


def _is_clearly_an_edit(stored: Article, seen: Article) -> bool:
    said, says = _words(stored.body), _words(seen.body)
    if (said & says).total() < _MOST * said.total():
        return False  # another text, or a part of it
    old, new = _words(stored.title or ""), _words(seen.title or "")
    if old != new and 2 * (old & new).total() >= _ALIKE * (old.total() + new.total()):
        return True
    known = set(stored.body.split("\n\n"))
    there = [part in known for part in seen.body.split("\n\n")]
    return True in there and False in there[there.index(True) : -there[::-1].index(True) or None]


def _words(body: str) -> Counter[str]:
    return Counter(body.split())


def add_sections(first: list[SectionRef], more: Iterable[SectionRef]) -> list[SectionRef]:
    """Sections of both lists in order, each once; a known slug or name completes an unknown one.

    Two entries are one section when slugs are equal, or when one has no slug and names are equal.
    `MOST_NAMES` are kept.
    """
    result: list[SectionRef] = [{**section} for section in first]
    for section in more:
        for known in result:
            same_slug = section["slug"] is not None and known["slug"] == section["slug"]
            same_name = text.fold(known["name"]) == text.fold(section["name"])
            if same_slug or (same_name and None in (known["slug"], section["slug"])):
                known["slug"] = known["slug"] or section["slug"]
                break
        else:
            if len(result) < MOST_NAMES:
                result.append({**section})
    return result


def _count(article: Article) -> None:
    article.word_count = text.word_count(article.title, article.body)
    article.content_hash = content_hash(article.title, article.body)


def _set_outcome(article: Article, outcome: str) -> None:
    if article.crawl is not None:
        article.crawl = {**article.crawl, "outcome": outcome}


def _editions(alternates: dict[str, str]) -> dict[str, str]:
    return dict(islice(alternates.items(), MOST_NAMES))


def _union(*lists: Iterable[str | None], without: str | None) -> list[str]:
    found = dict.fromkeys(value for values in lists for value in values if value)
    found.pop(without or "", None)
    return list(found)[:MOST_ALIASES]
