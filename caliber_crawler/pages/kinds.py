"""Pages that are no article although their address or status says so, told by what they show.

A page is one of these only when it has no sign of an article (a printed time, or head data that
describes one), so that an article about lost pages or about cookies stays an article.
"""

from __future__ import annotations

import re

from caliber_crawler.errors import NotAnArticle
from caliber_crawler.pages.html import Page, headings, words
from caliber_crawler.pages.section import CARD
from caliber_crawler.site import Site
from caliber_crawler.text import fold

# As the whole of a headline or a title, with or without the number and the publisher's name.
_NOT_FOUND = re.compile(
    r"(?:(?:error|oops|ошибка|xeta|xəta|սխալ)\W*)?(?:404\W*)?"
    r"(?:(?:the |this |requested )*(?:page|article|post|news|material)(?: you requested)? "
    r"(?:was |is |could |can ?)?(?:not|n't|no longer) (?:be )?(?:found|available|exists?)"
    r"|not found|(?:(?:the|this) )?(?:page|article|post|news|material|publication)"
    r"(?: you requested)? (?:(?:has been |was )?(?:deleted|removed)|does not exist|doesn't exist)"
    r"|(?:к сожалению,? )?(?:такой |запрашиваем\w+ |эта |этот |данн\w+ )*"
    r"(?:страниц\w|стать\w|материал|новост\w|публикаци\w) "
    r"(?:была |был |больше )?(?:не найден\w?|не существует|удал[её]н\w?|недоступн\w*)|не найдено"
    r"|(?:oops|упс)(?:\W+(?:something went wrong|что-то пошло не так))?|something went wrong"
    r"|sehife tapilmadi|səhifə tapilmadi|məqalə tapilmadi"
    r"|էջը (?:չի գտնվել|գտնված չէ|գոյություն չունի))"
    r"\W*(?:404\W*)?|(?:error\W*|ошибка\W*)?404",
)
_CHALLENGE = re.compile(
    r"just a moment|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human|"
    r"attention required|access denied|are you a robot|ddos[- ]protection|captcha|"
    r"проверка браузера|подтвердите, что вы не робот|доступ (?:запрещ[её]н|ограничен)"
)
_CONSENT = re.compile(
    r"cookies?\b|\bconsent|\bgdpr|we value your privacy|before you continue|"
    r"файл\w* куки|\bкуки\b|соглас\w+ на обработку|персональн\w+ данн\w+|çerez|քուքի"
)
# As the whole of a headline.
_BEFORE_IT = re.compile(
    r"just a moment|one moment,? please|attention required(?:\W+cloudflare)?|access denied|"
    r"checking your browser(?: before \w+(?: \w+)*)?|verify(?:ing)? (?:that )?you are (?:a )?human|"
    r"before you continue(?: to \w+(?:\W\w+)*)?|we value your privacy|проверка браузера|"
    r"подтвердите, что вы не робот|доступ (?:запрещ[её]н|ограничен)"
)
_READ = 4_000  # letters of a page's text that are looked at
_CONSENT_WORDS = 3


def what_it_is(
    page: Page, site: Site, *, has_frame: bool = False, title: str | None = None
) -> NotAnArticle:
    """The reason why a page without an article has none, as an error to be raised.

    `has_frame` says that an article's frame is there, `title` is the headline if one was found.
    """
    shown = headings(page, "h1", "h2", "title")
    shown = list(dict.fromkeys([title, *shown] if title else shown))
    excerpt = " ".join(shown[:3])[:200]
    address = site.address(page.url)
    if is_not_found(shown):
        return NotAnArticle("not_found", f"the page says that it lacks the article: {excerpt!r}")
    if address and address.kind == "home":
        return NotAnArticle("home", f"the home page: {excerpt!r}")
    if page.classes(CARD) and not has_frame:
        return NotAnArticle("list", f"a page of cards: {excerpt!r}")
    body = next(page.root.iter("body"), None)
    text = fold((words(body) or "")[:_READ]) if body is not None else ""
    if any(map(_CHALLENGE.search, map(fold, shown))) or (
        _CHALLENGE.search(text) and len(text) < 600
    ):
        return NotAnArticle("challenge", f"a check of visitors stands before it: {excerpt!r}")
    if len(_CONSENT.findall(text)) >= _CONSENT_WORDS or any(map(_CONSENT.search, map(fold, shown))):
        return NotAnArticle("consent", f"a question for consent stands before it: {excerpt!r}")
    if has_frame:
        return NotAnArticle("empty", f"an article's frame without headline and body: {excerpt!r}")
    return NotAnArticle("unknown", f"no article in the page: {excerpt!r}")


def is_not_found(titles: list[str]) -> bool:
    """Whether one of a page's titles as a whole says that there is no such page."""
    return any(
        len(title) < 120 and _NOT_FOUND.fullmatch(_without_publisher(fold(title)))
        for title in titles
    )


def stands_before(titles: list[str]) -> bool:
    """Whether a page's title as a whole belongs to no article: an error, a check, a question."""
    return is_not_found(titles) or any(
        len(title) < 120 and _BEFORE_IT.fullmatch(_without_publisher(fold(title)).strip("… "))
        for title in titles
    )


def _without_publisher(title: str) -> str:
    return re.sub(r"\s*[|–—·:-]+\s*caliber(?:\s*\.?\s*az)?$", "", title).strip(" .!")
