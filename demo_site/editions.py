"""The three editions of the site: addresses, section names, printed times, fixed texts."""

from dataclasses import dataclass
from datetime import datetime

from demo_site.config import SiteConfig
from demo_site.words import Words
from demo_site.words_en import ENGLISH
from demo_site.words_hy import ARMENIAN
from demo_site.words_ru import RUSSIAN


@dataclass(frozen=True, eq=False)
class Edition:
    """One edition; equal only to itself, so that caches may have it in their keys.

    language: its name as in addresses (`en`, `arm`); `ru`, whose addresses have no prefix.
    prefix: what its addresses start with: `/en`, or nothing.
    html_lang: BCP 47 language of its text.
    switch: text of the link that leads to it.
    sections: (slug, label) of each of the eight, in one order in all editions.
    months: month names as printed in a time, January first.
    """

    language: str
    prefix: str
    html_lang: str
    switch: str
    words: Words
    sections: tuple[tuple[str, str], ...]
    months: tuple[str, ...]
    views: str
    search: str
    terms: str
    share: str
    more: str
    not_found: str
    too_short: str

    @property
    def home(self) -> str:
        return f"{self.prefix}/"

    def post_path(self, slug: str) -> str:
        return f"{self.prefix}/post/{slug}"

    def section_path(self, slug: str) -> str:
        return f"{self.prefix}/category/{slug}"

    def print_time(self, moment: datetime) -> str:
        """`moment` as the pages print it: `02 April 2025 13:24`."""
        month = self.months[moment.month - 1]
        return f"{moment.day:02} {month} {moment.year} {moment.hour:02}:{moment.minute:02}"


_ENGLISH = Edition(
    language="en",
    prefix="/en",
    html_lang="en",
    switch="en",
    words=ENGLISH,
    sections=(
        ("politics", "POLITICS"),
        ("world", "WORLD"),
        ("economy", "ECONOMY"),
        ("society", "SOCIETY"),
        ("culture", "CULTURE"),
        ("sport", "SPORT"),
        ("technology", "TECHNOLOGY"),
        ("opinion", "OPINION"),
    ),
    months=tuple(
        "January February March April May June July August September "
        "October November December".split()
    ),
    views="Views",
    search="Search the news",
    terms="Whoever uses these texts has to link to this site.",
    share="Share this story",
    more="More from this section",
    not_found="Page not found",
    too_short="Please enter three letters or more",
)

_RUSSIAN = Edition(
    language="ru",
    prefix="",
    html_lang="ru",
    switch="ru",
    words=RUSSIAN,
    sections=(
        ("politika", "ПОЛИТИКА"),
        ("mir", "МИР"),
        ("ekonomika", "ЭКОНОМИКА"),
        ("obschestvo", "ОБЩЕСТВО"),
        ("kultura", "КУЛЬТУРА"),
        ("sport", "СПОРТ"),
        ("tehnologii", "ТЕХНОЛОГИИ"),
        ("mneniya", "МНЕНИЯ"),
    ),
    months=tuple(
        "Января Февраля Марта Апреля Мая Июня Июля Августа Сентября Октября Ноября Декабря".split()
    ),
    views="Просмотров",
    search="Поиск по новостям",
    terms="Кто берёт эти тексты, ставит ссылку на этот сайт.",
    share="Поделиться новостью",
    more="Ещё в этом разделе",
    not_found="Страница не найдена",
    too_short="Введите три буквы или больше",
)


def _third_edition(prefix: str) -> Edition:
    return Edition(
        language=prefix,
        prefix=f"/{prefix}",
        html_lang="hy",
        switch="arm",
        words=ARMENIAN,
        sections=(
            ("qaghaqakanutyun", "ՔԱՂԱՔԱԿԱՆՈՒԹՅՈՒՆ"),
            ("ashkharh", "ԱՇԽԱՐՀ"),
            ("tntesutyun", "ՏՆՏԵՍՈՒԹՅՈՒՆ"),
            ("hasarakutyun", "ՀԱՍԱՐԱԿՈՒԹՅՈՒՆ"),
            ("mshakuyt", "ՄՇԱԿՈՒՅԹ"),
            ("sport", "ՍՊՈՐՏ"),
            ("tekhnologia", "ՏԵԽՆՈԼՈԳԻԱ"),
            ("karciq", "ԿԱՐԾԻՔ"),
        ),
        months=tuple(
            "Հունվարի Փետրվարի Մարտի Ապրիլի Մայիսի Հունիսի Հուլիսի Օգոստոսի Սեպտեմբերի "
            "Հոկտեմբերի Նոյեմբերի Դեկտեմբերի".split()
        ),
        views="Դիտումներ",
        search="Որոնում",
        terms="Նյութերն օգտագործելիս հղումը պարտադիր է։",
        share="Կիսվել",
        more="Այս բաժնում",
        not_found="Էջը չի գտնվել",
        too_short="Գրեք երեք կամ ավելի տառ",
    )


def editions(config: SiteConfig) -> dict[str, Edition]:
    """Language to edition, in the order in which the switch names them."""
    third = _third_edition(config.arm_prefix)
    return {edition.language: edition for edition in (_RUSSIAN, _ENGLISH, third)}
