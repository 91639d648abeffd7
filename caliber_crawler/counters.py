"""Names of what is counted, with their meaning. They appear in Scrapy's stats under ``caliber/``,
in the crawl's summary and, without the prefix, in the collection `crawls`. docs/counters.md is
made of this table.
"""

from __future__ import annotations

PREFIX = "caliber/"

ARTICLES_NEW = "articles/new"
ARTICLES_CHANGED = "articles/changed"
ARTICLES_UNCHANGED = "articles/unchanged"
ARTICLES_EXPORTED = "articles/exported"
TAKEN = "taken"  # one counter for each section and outcome below it: en/world/new
DUPLICATES_ADDRESS = "duplicates/address"
DUPLICATES_CONTENT = "duplicates/content"
DUPLICATES_NEAR = "duplicates/near"
ARTICLES_MOVED = "articles/moved"
ARTICLES_MOVED_BACK = "articles/moved_back"
ARTICLES_RETURNED = "articles/returned"
ARTICLES_OVERTAKEN = "articles/overtaken"
ARTICLES_OLD_ADDRESS = "articles/old_address"
ARTICLES_UNDECIDED = "articles/undecided"
ARTICLES_MENDED = "articles/mended"
ARTICLES_SAME_TEXT = "articles/same_text"
ADDRESSES_ASKED = "addresses/asked"
CANONICAL_IGNORED = "addresses/canonical_ignored"
REDIRECT_IGNORED = "addresses/redirect_ignored"
VISITS = "visits"  # one counter for each thing that a visit without text means, below it
VISITS_DUE = "visits/due"
VISITS_ELSEWHERE = "visits/elsewhere"
ROBOTS_READ = "robots/read"
ROBOTS_RETRIES = "robots/retries"
ROBOTS_KEPT = "robots/kept"
ROBOTS_NOT_RULES = "robots/not_rules"
REJECTED = "rejected"  # one counter for each reason below it
FAILED_REQUESTS = "requests/failed"
REFUSED = "requests/refused"  # one counter for each reason below it
LISTS_READ = "lists/read"
LISTS_WITHOUT_CARDS = "lists/without_cards"
LISTS_BATCHES = "lists/batches"
LISTS_SCROLLED = "lists/scrolled"
LISTS_ENDED = "lists/ended"  # one counter for each way to end below it
LISTS_ASKED_AGAIN = "lists/asked_again"
LISTS_VISITED_AGAIN = "lists/visited_again"
LISTS_CUT_OFF = "lists/cut_off"
LISTS_UNKNOWN = "lists/unknown_section"
LISTS_REMEMBERED = "lists/remembered"
LISTS_GONE = "lists/gone"
LISTS_LEFT_OUT = "lists/left_out"
LISTS_MOVED = "lists/moved"
LISTS_TAKEN_UP = "lists/taken_up"
LISTS_OTHER_EDITION = "lists/other_edition"
LISTS_BARRED = "lists/barred"
LISTS_ODD_LINKS = "lists/odd_links"
CARDS_SEEN = "cards/seen"
CARDS_REPEATED = "cards/repeated"
CARDS_KNOWN = "cards/known"
CARDS_BESIDE = "cards/beside"
CARDS_BROKEN = "cards/broken"
CARDS_OUT_OF_RANGE = "cards/out_of_range"
CARDS_OTHER_EDITION = "cards/other_edition"
RULES_LEARNED = "rules/learned"
RULES_BROKEN = "rules/broken"
RULES_UNKNOWN = "rules/unknown"
RULES_NONE = "rules/none"
BROWSER_RETRIES = "browser/retries"
BROWSER_FAILED = "browser/failed"
BROWSER_NO_SANDBOX = "browser/no_sandbox"
BROWSER_BLOCKED = "browser/blocked"  # one counter for each kind of request below it
FEED_DEAD = "feed/dead"
FEED_ODD_LINKS = "feed/odd_links"
FEED_UNDATED = "feed/undated"
FEED_OTHER_EDITION = "feed/other_edition"
ARTICLES_OUT_OF_RANGE = "articles/out_of_range"
ARTICLES_FALLBACK = "articles/fallback"
ARTICLES_PARTIAL = "articles/partial"
ARTICLES_HOLLOW = "articles/hollow"
ARTICLES_GARBLED = "articles/garbled"
ARTICLES_KEPT = "articles/text_kept"
PAGES_CUT_OFF = "pages/cut_off"
LIMITS = "limits"  # one counter for each limit below it
CUT = "cut"  # one counter for each field below it
CONFLICTS = "conflicts"  # one counter for each field below it
TIMES_ZULU = "times/zulu_meant_local"
TIMES_UNKNOWN = "times/unknown"
TIMES_WITHOUT_CLOCK = "times/without_clock"
VIEWS_UNKNOWN = "views/unknown"
TEASERS_LEFT_OUT = "teasers/left_out"
BOXES_LEFT_OUT = "boxes/left_out"
KEPT = "kept"  # one counter for each field below it
SECTIONS = "sections"  # below it what is counted, then the section (`health.in_section`)
MISSING = "missing"  # one counter for each field below it
ARTICLES_READ = "articles/read"
SIGHTINGS_ADDED = "sightings/added"
SIGHTINGS_LOST = "sightings/lost"
FRONTIER_ADDED = "frontier/added"
FRONTIER_KNOWN = "frontier/known"
FRONTIER_LEASED = "frontier/leased"
FRONTIER_STORED = "frontier/stored"
FRONTIER_RECLAIMED = "frontier/reclaimed"
FRONTIER_OVERTAKEN = "frontier/overtaken"
FRONTIER_FAILED = "frontier/failed"
FRONTIER_SET_ASIDE = "frontier/set_aside"
FRONTIER_FORGOTTEN = "frontier/forgotten"
FRONTIER_LOST = "frontier/lost"
CRAWLS_LOST = "crawls/lost"
FRONTIER_UNSERIALISABLE = "frontier/unserialisable"
POLITENESS_PAUSES = "politeness/pauses"
POLITENESS_LATE = "politeness/late"
POLITENESS_MENDED = "politeness/mended"
STORE_RETRIES = "store/retries"
STORE_REVIVED = "store/revived"
STORE_LOST = "store/lost"
STORE_REFUSED = "store/refused"
ITEM_ERRORS = "items/errors"
FEEDS_TORN = "feeds/torn"
FEEDS_ENDED = "feeds/ended"
FEEDS_UNFINISHED = "feeds/unfinished"
FEEDS_BESIDE = "feeds/beside"
FEEDS_LOST = "feeds/lost"
SCHEDULE_RUNS = "schedule/runs"
SCHEDULE_RESUMED = "schedule/resumed"
SCHEDULE_CAUGHT_UP = "schedule/caught_up"
SCHEDULE_MISSED = "schedule/missed"
SCHEDULE_SKIPPED = "schedule/skipped"
SCHEDULE_REPLACED = "schedule/replaced"
SCHEDULE_LIMITED = "schedule/limited"
SCHEDULE_KILLED = "schedule/killed"
SCHEDULE_UNSEEN = "schedule/unseen"
SCHEDULE_NOT_STARTED = "schedule/not_started"
SCHEDULE_MENDED = "schedule/mended"
SCHEDULE_GIVEN_UP = "schedule/given_up"

MEANING: dict[str, str] = {
    ARTICLES_READ: "article pages read into a record",
    ARTICLES_NEW: "records stored for the first time",
    ARTICLES_CHANGED: "records in which readers see a change since they were stored",
    ARTICLES_UNCHANGED: "records that say what was stored already",
    ARTICLES_EXPORTED: "records handed to the feeds (-o, -O)",
    TAKEN: "records taken, by edition, section of the page, and outcome",
    ARTICLES_FALLBACK: "article pages that no known layout fits, read by what they show",
    ARTICLES_PARTIAL: "article pages that were cut off at every attempt",
    ARTICLES_HOLLOW: "article pages with nothing in their body: no text, no picture, no embed",
    ARTICLES_GARBLED: "article pages with lost letters, which could not be put right",
    ARTICLES_KEPT: "stored texts that stand, because the page seen now was read less surely",
    PAGES_CUT_OFF: "pages, feeds and batches asked for again because their end was missing",
    LIMITS: "answers given up because they go beyond a limit, by limit (docs/settings.md)",
    CUT: "lists and fields of records cut at their limit, by field",
    CONFLICTS: "fields of which a page's head says something else than readers see, by field",
    ARTICLES_OUT_OF_RANGE: "articles left out because their time is outside since and until",
    DUPLICATES_ADDRESS: "articles taken already in this crawl under another address",
    DUPLICATES_CONTENT: "articles that repeat another one; stored with duplicate_of, not exported",
    DUPLICATES_NEAR: "new or changed articles that nearly repeat another one; linked and exported",
    ARTICLES_MOVED: "articles found under a new address by what they say: an editor changed it",
    ARTICLES_MOVED_BACK: "articles found under an address that they had before",
    ARTICLES_RETURNED: "articles that were gone and are there again",
    ARTICLES_OVERTAKEN: "pages fetched before the one that a record rests on; text not taken",
    ARTICLES_OLD_ADDRESS: "old addresses that still show what an article said then; not taken",
    ARTICLES_UNDECIDED: "articles kept apart because the fate of an old address is not known",
    ARTICLES_MENDED: "records told by a clock that had been ahead; their times are put right",
    ARTICLES_SAME_TEXT: "pages that show another article's words in place of their own; not taken",
    ADDRESSES_ASKED: "old addresses asked for to tell an edited article from another one",
    CANONICAL_IGNORED: "canonical links to another story, ignored",
    REDIRECT_IGNORED: "redirects to another story, which is a record of its own",
    VISITS: "visits to stored articles that brought no text, by what they mean",
    VISITS_DUE: "stored articles that the spider refresh found due",
    VISITS_ELSEWHERE: "former addresses of articles not found under their own, asked for",
    REJECTED: "pages not stored, by reason (collection rejects)",
    FAILED_REQUESTS: "requests that gave no usable page after all retries",
    ROBOTS_READ: "robots.txt read, also again in a long crawl",
    ROBOTS_RETRIES: "robots.txt waited for: it could not be had, so nothing else was asked for",
    ROBOTS_KEPT: "readings again that failed: the rules read before held on",
    ROBOTS_NOT_RULES: "robots.txt that were a page of HTML: nothing forbidden as far as they tell",
    REFUSED: "requests not made because they lead out of reach, by reason",
    LISTS_READ: "first pages of lists read",
    LISTS_BATCHES: "further batches of lists read over HTTP by a learned rule",
    LISTS_SCROLLED: "batches of lists read by scrolling in a browser",
    LISTS_ENDED: "lists walked, by the reason to stop",
    LISTS_ASKED_AGAIN: "answers without a card asked for once more before a list's end is believed",
    LISTS_VISITED_AGAIN: "lists whose page was fetched again since their rule's token was refused",
    LISTS_CUT_OFF: "first pages and batches of lists cut off at every attempt; taken as they are",
    RULES_LEARNED: "lists whose way of asking for more was learned and checked",
    RULES_BROKEN: "learned rules that did not hold any more",
    RULES_UNKNOWN: "stored rules of a form that this version does not know; learned anew",
    RULES_NONE: "lists that follow no rule and were scrolled to their end",
    BROWSER_RETRIES: "lists opened again because the browser failed",
    BROWSER_FAILED: "lists given up because the browser failed again",
    BROWSER_NO_SANDBOX: "starts of the browser without its sandbox, for an ordinary user",
    BROWSER_BLOCKED: "requests that the browser was not allowed to make, by kind",
    LISTS_WITHOUT_CARDS: "list pages without a single card: the layout may have changed",
    LISTS_UNKNOWN: "sections asked for that the site does not have",
    LISTS_REMEMBERED: "sections asked for without fetching the home page, which named them before",
    LISTS_GONE: "of those, sections that are not there any more: the home page is read again",
    LISTS_LEFT_OUT: "sections that were linked and not there: left out for a few hours",
    LISTS_MOVED: "sections whose address leads to another section, which is taken in their place",
    LISTS_TAKEN_UP: "lists whose earlier walk was cut short: gone back to what was known before it",
    LISTS_OTHER_EDITION: "lists of sections that show, or are, another edition's",
    LISTS_BARRED: "lists that go on where the crawler may not: only their first page can be had",
    LISTS_ODD_LINKS: "links that may lead to sections and are not understood; not followed",
    FEED_DEAD: "feeds that could not be had, are none, or name no article",
    FEED_ODD_LINKS: "entries of the feed that lead to no article of the site",
    FEED_UNDATED: "entries of the feed without a time that is understood",
    FEED_OTHER_EDITION: "feeds that name no article of the editions asked for",
    CARDS_SEEN: "cards on the lists read, and entries of the feed",
    CARDS_REPEATED: "cards of articles that another list or card named already",
    CARDS_KNOWN: "cards of stored articles that say what they said before; not fetched again",
    CARDS_BESIDE: "cards beside a section's list that name another section; not taken for its own",
    CARDS_BROKEN: "cards without a link to an article",
    CARDS_OUT_OF_RANGE: "cards left out because their time is outside since and until",
    CARDS_OTHER_EDITION: "cards left out because they lead to an edition not asked for",
    TIMES_UNKNOWN: "printed times that were not understood (kept as unknown)",
    TIMES_WITHOUT_CLOCK: "printed times that name a day only (taken as its first minute)",
    TIMES_ZULU: "printed local times that the page's head calls UTC (the printed one is taken)",
    VIEWS_UNKNOWN: "view counters that were not understood (kept as unknown)",
    TEASERS_LEFT_OUT: "paragraphs of bodies that only pointed to other articles",
    BOXES_LEFT_OUT: "boxes of bodies left out for their names although they hold sentences",
    MISSING: "records without a field, by field",
    KEPT: "stored fields that stand, because the page seen now does not show them, by field",
    SECTIONS: "what was seen of each section; in `sections` of the crawl (docs/health.md)",
    SIGHTINGS_ADDED: "later lists or addresses added to records stored before",
    SIGHTINGS_LOST: "later lists or addresses whose article is not stored, or cannot be changed",
    FRONTIER_ADDED: "requests added to the frontier",
    FRONTIER_KNOWN: "requests that the frontier of this crawl had already",
    FRONTIER_LEASED: "requests that this worker took on lease",
    FRONTIER_STORED: "articles not asked for again, because a killed worker had stored them",
    FRONTIER_RECLAIMED: "requests taken back from workers that died or fell silent",
    FRONTIER_OVERTAKEN: "requests that another worker got because this one was too slow",
    FRONTIER_FAILED: "requests kept in the frontier as failed, with their error",
    FRONTIER_SET_ASIDE: "requests given up because each worker that had them died",
    FRONTIER_FORGOTTEN: "requests removed of other crawls that nobody touched for thirty days",
    FRONTIER_LOST: "requests that somebody removed from the frontier while the crawl was at work",
    CRAWLS_LOST: "other crawls closed, killed ones that nobody touched for thirty days",
    FRONTIER_UNSERIALISABLE: "requests that could not be queued because they hold no plain data",
    POLITENESS_PAUSES: "answers by which the site asked all workers to slow down (429, 503)",
    POLITENESS_LATE: "turns given up because this worker came too late to them",
    POLITENESS_MENDED: "times that the row of requests was told by a clock that had been ahead",
    STORE_RETRIES: "batches written again because the database did not answer",
    STORE_REVIVED: "times that the embedded MongoDB was gone, and this crawl started it again",
    ITEM_ERRORS: "records lost to an error in a pipeline",
    FEEDS_TORN: "records that a killed writer left half written at a feed's end; cut off (-o)",
    FEEDS_ENDED: "last lines of feeds that lacked their line end and got it (-o)",
    FEEDS_UNFINISHED: "feeds of killed crawls that were kept as NAME.unfinished (-O)",
    FEEDS_BESIDE: "feeds written beside their file, because another process was writing that",
    FEEDS_LOST: "writes to feeds that failed; in JSON lines, records",
    STORE_LOST: "records that could not be written because the database was gone",
    STORE_REFUSED: "stored documents left as they are: MongoDB's check refuses any change of them",
    SCHEDULE_RUNS: "crawls that the scheduler started",
    SCHEDULE_RESUMED: "of these, unfinished crawls that went on",
    SCHEDULE_CAUGHT_UP: "of these, runs made up for after their time",
    SCHEDULE_MISSED: "runs not done because their time had passed",
    SCHEDULE_SKIPPED: "runs not done because an earlier one was at work or waiting",
    SCHEDULE_REPLACED: "crawls stopped because the next run was due",
    SCHEDULE_LIMITED: "crawls told to stop because their time was up",
    SCHEDULE_KILLED: "crawls killed because they did not stop when told to",
    SCHEDULE_UNSEEN: "crawls whose end no scheduler saw",
    SCHEDULE_NOT_STARTED: "runs whose process could not be started",
    SCHEDULE_MENDED: "times that runs were settled up to by a clock that had been ahead",
    SCHEDULE_GIVEN_UP: "unfinished crawls given up, since they could not start again and again",
}


REQUESTS = "requests"
"""Scrapy's number of requests sent, robots.txt included; stands among our counters in `crawls`."""


def stat(name: str, detail: str = "") -> str:
    """Scrapy's stats key of a counter, with what it is broken down by."""
    return f"{PREFIX}{name}/{detail}" if detail else PREFIX + name
