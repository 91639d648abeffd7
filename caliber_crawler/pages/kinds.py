"""Pages that are no article although their address or status says so, told by what they show.

A page is one of these only when it has no sign of an article (a printed time, or head data that
describes one), so that an article about lost pages or about cookies stays an article.
"""

from __future__ import annotations

import re

from caliber_crawler.errors import NotAnArticle
from caliber_crawler.pages.html import Page, headings, words
from caliber_crawler.pages.section import CARD, section_links
from caliber_crawler.site import Site
from caliber_crawler.text import fold

# How a page says that it lacks its article, in a folded title with its contractions written out.
_SORRY = (
    r"(?:(?:(?:we are )?sorry|oops|whoops|error|упс|ошибка|извините|простите|к сожалению|xeta|"
    r"xəta|təəssüf ki|bağişlayin|üzr istəyirik|սխալ|ներողություն|ցավոք)\W*)?(?:404\W*)?"
)
_PAGE = r"(?:(?:the|this|that|your|requested) ){0,3}(?:page|article|post|news|material|publication)"
_ASKED = (
    r"(?: (?:that )?you (?:requested|wanted|(?:are|were) (?:looking|searching) for|"
    r"(?:tried|are trying) to (?:reach|open|view|access|find)))?"
)
_LACKS = (
    r"(?:(?:(?:was|is|could|can|does|has) )?(?:not|no longer) (?:be |been )?"
    r"(?:found|available|exists?)|(?:is )?(?:(?:currently|temporarily|now) )?unavailable|"
    r"(?:(?:has|may have) been |was )?(?:deleted|removed))"
)
_SAYS_GONE = (
    rf"(?:{_PAGE}{_ASKED} {_LACKS}|we (?:can|could) not find {_PAGE}{_ASKED}"
    r"|(?:(?:такой|такая|запрашиваем\w+|запрошенн\w+|указанн\w+|эта|этот|данн\w+) ){0,3}"
    r"(?:страниц\w|стать\w|материал\w?|новост\w|публикаци\w)"
    r"(?:,? котор\w+ вы (?:ищете|искали|запросили),?)? "
    r"(?:(?:была|был|больше|уже|временно|сейчас) ){0,3}"
    r"(?:не найден\w?|не существует|удал[её]н\w?|недоступ\w+|отсутству\w+|нет)"
    r"|(?:(?:axtardiğiniz|axtarilan|istədiyiniz|bu|belə) ){0,3}"
    r"(?:səhifə|sehife|məqalə|xəbər|material) (?:tapilmadi|tapilmayib|tapilmamişdir|"
    r"mövcud deyil|əlçatan deyil|silinib|silinmişdir|yoxdur)"
    r"|(?:(?:ձեր|այս|այդ|փնտրած|որոնած|նման) ){0,3}(?:էջը?|նյութը|հոդվածը) (?:չի գտնվել|"
    r"չգտնվեց|գտնված չէ|գոյություն չունի|հասանելի չէ|հեռացվել է|ջնջվել է|չկա))"
)
# As the whole of a headline or a title, with or without the number and the publisher's name.
_NOT_FOUND = re.compile(
    rf"{_SORRY}(?:{_SAYS_GONE}"
    r"(?: (?:any ?more|right now|at the moment|here|on this (?:site|server|website)))?"
    r"|not found|nothing (?:was )?found|(?:по вашему запросу )?(?:ничего )?не найдено"
    r"|heç nə tapilmadi|ոչինչ չի գտնվել"
    r"|(?:oops|упс)(?:\W+(?:something went wrong|что-то пошло не так))?|something went wrong)"
    r"\W*(?:404\W*)?|(?:error\W*|ошибка\W*)?404",
)
# As its beginning. News may begin so, too, so it is asked where nothing else makes an article.
_BEGINS_NOT_FOUND = re.compile(rf"{_SORRY}{_SAYS_GONE}(?!\w)")
# What DataLife Engine shows with a good status in place of an article, in a box with this name.
_ERRORS = "berrors"
_MOST_ERRORS = 5
_NO_ACCESS = re.compile(
    r"по данному адресу публикаций на сайте не найдено|"
    r"данная страница для вас не ?доступна, возможно|"
    r"this page is not available for you,? perhaps"
)
_LACKING = re.compile(rf"{_NO_ACCESS.pattern}|(?:^|[.!:] ){_SAYS_GONE}(?!\w)")
_LONGEST_SAYING = 400
_WRITTEN_OUT = {"’": "'", "can't": "can not", "cannot": "can not", "n't": " not", "'re": " are"}
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
# As the whole of a headline or a title: the site is out of order, or somebody is at work on it.
_OUT_OF_ORDER = re.compile(
    r"(?:(?:the|this|our) )?(?:(?:web ?)?site|service|server)(?: is)? (?:(?:currently|temporarily|"
    r"now) )*(?:unavailable|not available|closed|down|offline|under maintenance)"
    r"(?: for (?:scheduled )?maintenance)?|(?:scheduled |site |under )?maintenance(?: mode)?|"
    r"(?:we are )?(?:currently )?(?:down for|under) (?:scheduled )?maintenance|technical works?|"
    r"we will be (?:right )?back(?: soon)?|(?:mysql|database)(?: fatal)? error|"
    r"error establishing a database connection|(?:50[0-4]\W+)?(?:internal server error|"
    r"bad gateway|service (?:temporarily )?unavailable|gateway time-?out)|"
    r"(?:на сайте )?(?:(?:ведутся|проводятся|идут) )?(?:технические|профилактические) работы"
    r"(?: на сайте)?|сайт (?:(?:временно|сейчас) )*(?:недоступен|закрыт|не работает|отключ[её]н|"
    r"на обслуживании|на реконструкции)|texniki işlər(?: aparilir| gedir)?|"
    r"sayt (?:müvəqqəti )?(?:işləmir|əlçatan deyil)|տեխնիկական աշխատանքներ"
)
# Anywhere in a page that says little else.
_SAYS_OUT_OF_ORDER = re.compile(
    r"(?:site|service|server) is (?:currently |temporarily )*(?:unavailable|down|under "
    r"maintenance)|error establishing a database connection|too many connections|"
    r"mysqli?_sql_exception|"
    r"ведутся технические работы|сайт временно (?:недоступен|закрыт|не работает)"
)
_READ = 4_000  # letters of a page's text that are looked at
_CONSENT_WORDS = 3
# What may be there in place of a list or a home page.
_IN_PLACE = frozenset({"challenge", "consent", "maintenance"})


def what_it_is(
    page: Page,
    site: Site,
    *,
    has_frame: bool = False,
    title: str | None = None,
    says_not_found: bool = False,
    by_address: bool = True,
) -> NotAnArticle:
    """The reason why a page without an article has none, as an error to be raised.

    `has_frame` says that an article's frame is there, `title` is the headline if one was found.
    `says_not_found`: that headline says that there is no such page, and nothing in the page makes
    an article of it. Home pages are told by their address, unless that is not to count.
    """
    shown = headings(page, "h1", "h2", "title")
    shown = list(dict.fromkeys([title, *shown] if title else shown))
    excerpt = " ".join(shown[:3])[:200]
    address = site.address(page.url)
    body = next(page.root.iter("body"), None)
    text = fold((words(body) or "")[:_READ]) if body is not None else ""
    lacks = says_not_found or is_not_found(shown) or has_error_box(page)
    if lacks or _NO_ACCESS.search(text):
        return NotAnArticle("not_found", f"the page says that it lacks the article: {excerpt!r}")
    if by_address and address and address.kind == "home":
        return NotAnArticle("home", f"the home page: {excerpt!r}")
    if page.classes(CARD) and not has_frame:
        return NotAnArticle("list", f"a page of cards: {excerpt!r}")
    if any(map(_CHALLENGE.search, map(fold, shown))) or (
        _CHALLENGE.search(text) and len(text) < 600
    ):
        return NotAnArticle("challenge", f"a check of visitors stands before it: {excerpt!r}")
    if len(_CONSENT.findall(text)) >= _CONSENT_WORDS or any(map(_CONSENT.search, map(fold, shown))):
        return NotAnArticle("consent", f"a question for consent stands before it: {excerpt!r}")
    if is_out_of_order(shown) or (_SAYS_OUT_OF_ORDER.search(text) and len(text) < 600):
        said = excerpt or text[:200]
        return NotAnArticle("maintenance", f"the site says that it is out of order: {said!r}")
    if has_frame:
        return NotAnArticle("empty", f"an article's frame without headline and body: {excerpt!r}")
    return NotAnArticle("unknown", f"no article in the page: {excerpt!r}")


def in_place_of_a_list(page: Page, site: Site) -> NotAnArticle | None:
    """What a page shows in place of the list or home page that was asked for, where it has nothing
    of theirs: a check of visitors, a question for consent, that the site is out of order.

    None where it is nothing of the kind, and where the page has the site's navigation and only
    names such things: scripts bring the cards of some lists, notices stand on pages as they are.
    """
    what = what_it_is(page, site, by_address=False)
    is_it = what.kind in _IN_PLACE and not is_the_sites_own(page, site)
    return what if is_it else None


def is_the_sites_own(page: Page, site: Site) -> bool:
    """Whether a page has the site's navigation: a notice of cookies is on each of those.

    Its title may still say that the question stands before all else.
    """
    titles = headings(page, "title", "h1")
    return bool(section_links(page, site)) and not (
        stands_before(titles) or is_out_of_order(titles)
    )


def is_not_found(titles: list[str], *, bare: bool = False) -> bool:
    """Whether one of a page's titles as a whole says that there is no such page.

    `bare` says that nothing else speaks for an article; then it may go on after saying so.
    """
    said = [_written_out(_without_publisher(fold(title))) for title in titles if len(title) < 120]
    return any(
        _NOT_FOUND.fullmatch(title) or (bare and _BEGINS_NOT_FOUND.match(title)) for title in said
    )


def has_error_box(page: Page) -> bool:
    """Whether a page shows an error box that says that there is no article."""
    boxes = page.classes(_ERRORS).get(_ERRORS, [])[:_MOST_ERRORS]
    return any(map(says_missing, map(words, boxes)))


def says_missing(shown: str | None) -> bool:
    """Whether a short text in an article's place says that there is no article."""
    if not shown or len(shown) > _LONGEST_SAYING:
        return False
    return _LACKING.search(_written_out(fold(shown))) is not None


def stands_before(titles: list[str]) -> bool:
    """Whether a page's title as a whole belongs to no article: an error, a check, a question."""
    return is_not_found(titles) or any(
        len(title) < 120 and _BEFORE_IT.fullmatch(_without_publisher(fold(title)).strip("… "))
        for title in titles
    )


def is_out_of_order(titles: list[str]) -> bool:
    """Whether one of a page's titles as a whole says that the site is out of order."""
    said = (_written_out(_without_publisher(fold(title))) for title in titles if len(title) < 120)
    return any(_OUT_OF_ORDER.fullmatch(title.strip("… ")) for title in said)


def _without_publisher(title: str) -> str:
    return re.sub(r"\s*[|–—·:-]+\s*caliber(?:\s*\.?\s*az)?$", "", title).strip(" .!")


def _written_out(title: str) -> str:
    """A title without contractions ("can't"), so that each is told in one way only."""
    for short, whole in _WRITTEN_OUT.items():
        title = title.replace(short, whole)
    return title
