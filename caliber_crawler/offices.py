"""What stands behind a name in a byline and is no person: an organisation, an office, a place."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale

from caliber_crawler.dates import LOCALES
from caliber_crawler.text import fold

# Last words of what is no person: an organisation, an office. A name before it would be long.
_NO_PERSON = frozenset(
    map(
        fold,
        (
            "news press agency times post journal media radio television tv channel newspaper "
            "magazine institute university center centre academy ministry council association "
            "foundation studio team desk newsroom service department bureau president minister "
            "chairman chairwoman director editor editor-in-chief analyst expert correspondent "
            "reporter journalist columnist observer ambassador professor secretary spokesman "
            "spokeswoman spokesperson commissioner deputy admin administrator новости агентство "
            "пресс радио телевидение институт университет центр академия министерство совет "
            "редакция президент вице-президент министр премьер-министр председатель директор "
            "редактор аналитик эксперт корреспондент журналист обозреватель политолог посол "
            "профессор секретарь депутат админ администратор agentliyi xəbərlər institutu "
            "universiteti mərkəzi nazirliyi redaksiya prezident prezidenti naziri "
            "direktor redaktor analitik ekspert müxbir jurnalist səfir deputat գործակալություն "
            "լրագրող թղթակից խմբագիր խմբագրություն նախագահ նախարար վերլուծաբան "
        ).split(),
    )
)
# Agencies, cities and regions as a whole; countries are known anyway.
_NO_PERSONS = frozenset(
    map(
        fold,
        (
            "Reuters", "AFP", "Agence France-Presse", "AP", "BBC", "CNN", "DPA", "EFE", "ANSA",
            "UPI", "Xinhua", "Bloomberg", "Al Jazeera", "Al-Jazeera", "AZERTAC", "AZERTAG",
            "APA", "Trend", "Report", "Interfax", "TASS", "Sputnik", "Anadolu", "Euronews",
            "Euractiv", "Politico", "Axios", "Deutsche Welle", "Radio Liberty", "Armenpress",
            "Рейтер", "АФП", "АЗЕРТАДЖ", "ТАСС", "Интерфакс", "Анадолу", "Спутник", "Արմենպրես",
            "New York", "Washington DC", "Los Angeles", "San Francisco", "Tel Aviv",
            "Abu Dhabi", "New Delhi", "Hong Kong", "St Petersburg", "St. Petersburg",
            "Saint Petersburg", "Nizhny Novgorod", "Buenos Aires", "Rio de Janeiro",
            "Mexico City", "Cape Town", "Kuala Lumpur", "Capitol Hill", "White House",
            "Middle East", "South Caucasus", "Central Asia", "Европейский Союз", "Южная Корея",
            "Северная Корея", "Нижний Новгород", "Абу Даби", "Южный Кавказ",
            "Baş Nazir",  # a minister; alone, the word is a surname as well
        ),
    )
)  # fmt: skip
# What persons are called, in any case; some of these words are surnames, too.
_OFFICES = frozenset(
    map(
        fold,
        (
            "analyst expert correspondent reporter journalist columnist observer commentator "
            "contributor editor writer author blogger historian economist lawyer scholar "
            "researcher fellow scientist orientalist publicist diplomat ambassador professor "
            "lecturer director president chairman chairwoman head founder minister "
            "secretary spokesman spokeswoman spokesperson commissioner deputy member "
            "colonel adviser advisor consultant specialist photographer photojournalist "
            "philosopher sociologist psychologist poet doctor "
            "аналитик эксперт корреспондент спецкор собкор военкор журналист журналистка "
            "обозреватель политолог редактор комментатор колумнист публицист блогер историк "
            "востоковед экономист юрист адвокат философ социолог психолог филолог писатель поэт "
            "доктор кандидат профессор доцент академик сотрудник советник директор президент "
            "председатель глава руководитель основатель член депутат посол дипломат министр "
            "секретарь полковник генерал специалист консультант конфликтолог заместитель "
            "заведующий фотограф фотокорреспондент "
            "analitik ekspert müxbir müxbiri jurnalist redaktor redaktoru şərhçi şərhçisi "
            "politoloq tarixçi iqtisadçı hüquqşünas deputat səfir yazıçı direktor direktoru sədri "
            "tədqiqatçı araşdırmaçı icmalçı publisist yazar doktoru "
            "վերլուծաբան լրագրող թղթակից խմբագիր քաղաքագետ փորձագետ պատմաբան տնտեսագետ մեկնաբան "
            "իրավաբան հրապարակախոս գիտնական պրոֆեսոր դոցենտ տնօրեն նախագահ պատգամավոր դեսպան "
            "արևելագետ "
        ).split(),
    )
)
# Words that make a sentence of what might else be an office.
_SENTENCE = frozenset(
    "who whom which that he she it they said says say told tells was were is are has had have will "
    "would can could been be did does not "
    "который которая которые что сказал сказала заявил заявила отметил отметила считает говорит "
    "был была были будет это он она dedi deyib bildirib idi ասաց է էր որը".split()
)
_PREPOSITIONS = frozenset("of at in for on with from to the by по в на при из из-за и və".split())
_LONGEST_OFFICE = 10  # words
_BEFORE_OFFICE = 4  # words, as in "senior research fellow"
_MARKS = ".,:;!?…«»\"“”'’()"


def behind_office(text: str, *, sure: bool) -> str | None:
    """What a text says behind an office ("of the institute"), "" when nothing; None when it is no
    office ("special correspondent in Brussels", "политолог").

    `sure` says that only names and offices can stand here; otherwise what might be a sentence is no
    office.
    """
    words = text.split()
    if not 1 <= len(words) <= _LONGEST_OFFICE or text[-1] in "!?…:;":
        return None
    keys = [fold(word).strip(_MARKS) for word in words]
    if not _SENTENCE.isdisjoint(keys):
        return None
    named = (n for n, key in enumerate(keys) if not _OFFICES.isdisjoint(key.split("-")))
    at = next(named, None)
    if at is None or at > _BEFORE_OFFICE:
        return None
    while at + 1 < len(keys) and keys[at + 1] in _OFFICES:
        at += 1
    behind = words[at + 1 :]
    if behind and not sure:
        if text.endswith("."):
            return None
        if keys[at + 1] not in _PREPOSITIONS and not all(
            word[0].isupper() or key in _PREPOSITIONS
            for word, key in zip(behind, keys[at + 1 :], strict=True)
        ):
            return None
    return " ".join(behind)


def is_no_person(name: str) -> bool:
    """Whether what is built like a name means an organisation, an office or a place."""
    key = fold(name)
    if key.rpartition(" ")[2] in _NO_PERSON or key in _NO_PERSONS:
        return True
    return " " in key and key in _countries()


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    """The folded names of countries in the site's languages."""
    names = (Locale.parse(locale).territories.values() for locale in LOCALES)
    return frozenset(fold(name) for values in names for name in values)
