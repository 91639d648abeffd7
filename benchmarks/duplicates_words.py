"""Two small grammars that build sentences word by word, for `benchmarks.duplicates_texts`.

The sentences mean nothing, but their words stand where words of the language stand.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_CONSONANTS = "b d f g h k l m n p r s t v z sh ch dr kr st".split()
_VOWELS = "a e i o u ai ei".split()


@dataclass(frozen=True)
class Grammar:
    """Of one language. A schema is a sentence without its full stop, names of `parts` in braces.

    words: those that a small change may put in.
    """

    schemas: Sequence[str]
    parts: Mapping[str, Callable[[random.Random], str]]
    words: Sequence[str]

    def sentence(self, rng: random.Random) -> str:
        """A sentence, capital first, full stop last; each part is drawn anew."""
        schema = rng.choice(self.schemas)
        text = re.sub(r"\{(\w+)\}", lambda match: self.parts[match[1]](rng), schema)
        return f"{text[0].upper()}{text[1:]}."

    def headline(self, rng: random.Random) -> str:
        """The first four to nine words of a sentence."""
        return " ".join(self.sentence(rng).split()[: rng.randrange(4, 10)]).rstrip(".,")

    def word(self, rng: random.Random, other_than: str) -> str:
        word = rng.choice(self.words)
        while word == other_than:
            word = rng.choice(self.words)
        return word


def _name(rng: random.Random) -> str:
    """An invented proper name."""
    syllables = (rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randrange(2, 4)))
    return "".join(syllables).capitalize() + rng.choice(("n", "r", "l", "sk", "t", ""))


def _russian_name(rng: random.Random) -> str:
    letters = "".join(
        rng.choice("бвгдзклмнпрст") + rng.choice("аеиоу") for _ in range(rng.randrange(2, 4))
    )
    return letters.capitalize() + rng.choice(("н", "р", "ев", "ин", "ский"))


# English

_NOUNS = (
    "accord airport alarm album amendment answer archive army arrest asset auction author "
    "balcony bank bargain barrier battery bazaar benefit bicycle bishop blockade border bottle "
    "boulder breakfast bridge broadcast budget cabinet cable camera campaign canal candidate "
    "captain cargo carpet castle cathedral ceiling ceremony champion chapter charity "
    "chemist cinema circuit citizen clinic coach coalition collapse college comet commission "
    "complaint concert conflict congress convoy corridor council court crane curfew "
    "customs dam deadline debate decree delegate deposit desert detective dialect diplomat "
    "disaster discovery dispute district doctor donation drought earthquake eclipse editor "
    "election embassy emperor engine envoy epidemic estate evidence exhibit expedition export "
    "fabric factory famine farmer festival fleet flood forest fortress fountain frigate "
    "frontier funeral furnace gallery garrison general glacier governor grain grant guard guest "
    "guitar harbour harvest headline helmet heritage highway hospital hostage hotel hurricane "
    "inflation inquiry insect inspector institute invoice island journal judge jury kiosk "
    "kitchen ladder landlord lawsuit lecture legend lender letter library licence lighthouse "
    "locomotive lottery machine magazine mandate manuscript marathon market mayor meadow medal "
    "merchant meteor migrant mill minister mission monument mosque motion museum needle "
    "negotiation nephew network novel nurse oasis observer officer opera opponent orchard "
    "orchestra outbreak oven painter palace parade parcel parliament patent patrol pavement "
    "peasant pension petition phone photograph pilot pipeline plague planet plot poet police "
    "pond port poster prayer premier prison prize profit protest province puppet quarry queue "
    "radar railway rally ransom rebel receipt reform refugee relic rent report "
    "reservoir resident rifle ritual river rocket roof rumour sailor salary sanction satellite "
    "scandal scholar school screen sculpture seminar senate sergeant servant shelter shepherd "
    "ship shortage siege signal soldier speech stadium statue storm strike student "
    "subway summit surgeon suspect symbol tariff tax teacher telescope temple theatre thief "
    "ticket timber tournament tower trader treaty trial tribe trophy truce tunnel union vaccine "
    "valley verdict vessel veteran village vineyard violin visa volcano vote voyage wage "
    "warehouse weapon wedding whale widow winery witness workshop"
).split()
_ADJECTIVES = (
    "abandoned absent academic ancient annual anxious bitter blind brief broken careful central "
    "cheap civil clumsy coastal cold colourful complex costly crowded cruel curious damp "
    "dangerous deaf delicate distant double dusty early eastern elderly elegant empty enormous "
    "exact exotic expensive famous federal fierce foreign forgotten fragile frozen future "
    "generous gentle giant global golden grateful guilty hidden hollow honest hostile hungry "
    "illegal immense inner invisible jealous joint joyful local lonely loud loyal lucky "
    "maritime military minor mobile modest moral muddy mutual narrow national nervous noble "
    "noisy northern nuclear odd official orbital outer painful pale patient peaceful polite "
    "poor popular precious private proud provincial public quiet rare reckless remote retired "
    "rigid royal rural rusty sacred salty savage secret senior severe shallow shy silent "
    "sincere sleepy slender solar solemn southern spare steep stubborn sudden swift temporary "
    "tender thick tidy tiny toxic tragic tropical urban urgent vague vast violent visible vocal "
    "weary western wicked wild wise wooden young"
).split()
_VERBS = (
    "abandoned abolished accused admired adopted advised approved arrested assembled attacked "
    "awarded banned blamed blessed blocked borrowed bought broke built burned buried called "
    "cancelled captured carried celebrated challenged checked chose claimed cleaned collected "
    "compared condemned confirmed copied counted crossed damaged decorated defended delayed "
    "denied described designed destroyed discovered discussed divided doubled drew drove "
    "emptied ended escorted evacuated examined exported feared filled financed fined flooded "
    "forgave founded freed guarded halted handed heated hid hired honoured ignored imported "
    "inspected insulted insured inspired interrupted invented invited joined judged kept "
    "launched led left lent liked loaded locked lost measured mended missed moved named noticed "
    "observed occupied offered opened ordered organised overtook paid painted pardoned planned "
    "planted praised predicted prepared printed promised protected proved published purchased "
    "pursued questioned raised ranked reached recalled recorded reduced refused registered "
    "rejected released remembered renewed rented repaired replaced reported rescued restored "
    "returned revealed ruined saved searched seized selected sheltered shipped showed signed "
    "sold split sponsored stole stopped studied supplied supported suspended tasted taught "
    "taxed tested thanked threatened tolerated towed traced traded translated trusted unveiled "
    "visited warned washed watched weighed welcomed won"
).split()
_ADVERBS = (
    "again almost already badly barely briefly calmly carefully cheaply daily deliberately "
    "easily early eventually finally formally frankly gladly gradually hastily hardly illegally "
    "jointly lately loudly mostly nearly never often openly partly patiently perhaps politely "
    "promptly proudly publicly quickly quietly rarely rather recently reluctantly secretly "
    "seldom silently slowly soon suddenly together twice unexpectedly usually warmly willingly "
    "yesterday"
).split()
_PREPOSITIONS = (
    "above across after against along around before behind beside beyond despite near under".split()
)


def _thing(rng: random.Random) -> str:
    noun, adjective = rng.choice(_NOUNS), rng.choice(_ADJECTIVES)
    return rng.choice((
        f"the {adjective} {noun}", f"the {noun}", f"every {adjective} {noun}", f"{_name(rng)}",
        f"{rng.randrange(2, 990)} {adjective} {noun}s", f"the {noun} of {_name(rng)}",
        f"{_name(rng)}'s {noun}", f"this {noun}", f"no {adjective} {noun}",
        f"its {adjective} {rng.choice(_NOUNS)} {noun}",
    ))  # fmt: skip


def _act(rng: random.Random) -> str:
    verb = rng.choice(_VERBS)
    return f"{rng.choice(_ADVERBS)} {verb}" if rng.random() < 0.4 else verb


def _where(rng: random.Random) -> str:
    return f"{rng.choice(_PREPOSITIONS)} {_thing(rng)}"


ENGLISH = Grammar(
    schemas=(
        "{thing} {act} {thing}",
        "{thing} {act} {thing} {where}",
        "{where} {thing} {act} {thing}",
        "{thing} {act} {thing}, and {thing} {act} {thing}",
        "{adverb}, {thing} {act} {thing} {where}",
        "while {thing} {act} {thing}, {thing} {act} {thing}",
        "{thing}, {adjective} and {adjective}, {act} {thing} {where}",
        "{name} {name} {act} {thing} because {thing} {act} {thing} {where}",
    ),
    parts={
        "thing": _thing,
        "act": _act,
        "where": _where,
        "name": _name,
        "adverb": lambda rng: rng.choice(_ADVERBS),
        "adjective": lambda rng: rng.choice(_ADJECTIVES),
    },
    words=(*_NOUNS, *_ADJECTIVES, *_ADVERBS),
)


# Russian: masculine nouns of the hard declension and adjectives on -ый, whose forms are regular

_RUSSIAN_NOUNS = (
    "автобус адрес аквариум актив альбом альманах аппарат архив аукцион аэродром балкон бассейн "
    "бензин билет блокнот бор бриллиант бульвар бюджет вагон вальс вердикт визит вокзал вопрос "
    "вулкан выбор гарнизон гастроном герб гимн город гранит гриб груз двор девиз декрет дефицит "
    "диалект диван дивиденд диплом договор доклад документ доход дуб жанр жетон журнал завод "
    "заказ закон залив замок запас зонт изумруд инстинкт институт интернат кабинет канал "
    "капитал карантин карниз картон каталог квартал кедр класс клуб ковчег кодекс комбинат "
    "комитет компас комплекс конверт конгресс контракт концерт коридор костюм кран кредит "
    "кризис курорт ландшафт лимит лозунг луг мандат манеж маршрут матч медальон мемуар метод "
    "митинг монолог монумент мост мотор народ недуг образ обряд обвал огород океан округ омут "
    "орган остров отдел отряд отчёт павильон памфлет парад паркет паром паспорт патент перрон "
    "пирс план погреб подвал поезд пожар полигон порт портрет посев пост поток приговор приказ "
    "принтер прогноз проект пролив протокол процент пруд разговор разрез район раскоп ранг "
    "расход реактор ремонт ресурс рецепт ринг роман рубин сад салон самолёт сбор свод сезон "
    "секрет семинар сертификат сигнал склад склон след совет сонет состав спор спрос стадион "
    "стол стимул сугроб тариф телеграф термин тест товар том трактат транспорт трон туман указ "
    "ультиматум университет устав факт факультет фарфор флот фонд фонтан форум фрегат характер "
    "холм храм цирк чемодан чулан шедевр шкаф шлюз шторм штраф экзамен экран экспорт элеватор "
    "эпизод эскиз этаж этап эфир ярус"
).split()
_RUSSIAN_ADJECTIVES = (
    "аварийный активный алый архивный бархатный бедный белый бесплатный бледный богатый "
    "будничный бурный важный ветреный вечный внезапный водный воздушный временный главный "
    "глиняный годный голодный гордый горный грубый грустный дальновидный деревянный длинный "
    "добрый дружный духовный единый жадный железный жёлтый забавный забытый заводный законный "
    "закрытый западный запасный зелёный знатный золочёный известный каменный квадратный конный "
    "краткосрочный красный круглый крупный крытый культурный лавровый ленивый лживый личный "
    "ложный лунный любимый малый медный мирный мнимый модный молочный морозный мраморный "
    "мрачный мутный нарядный народный невидимый нежный нервный новый нужный обильный обратный "
    "общественный огромный опасный опытный особый острый открытый отличный первый печальный "
    "пёстрый письменный плавный платный подводный полный популярный пороговый почётный "
    "правдивый праздный пригодный приятный прочный пыльный равный радостный разрушенный "
    "редкостный резервный ровный свежемолотый свободный северный секретный скромный славный "
    "сложный смелый смутный снежный солёный спорный срочный старый стеклянный странный тайный "
    "тёмный тёплый типовый трезвый трудный тусклый тяжёлый удобный узорный умный упорный "
    "условный учёный фарфоровый хитрый хвалёный холодный цветастый ценный частный честный "
    "чудный шёлковый шумный щедрый южный юный ясный"
).split()
_RUSSIAN_VERBS = (
    "обвинил обдумал обновил обошёл обрадовал осветил освоил отверг отклонил открыл отложил "
    "отменил отметил отремонтировал отыскал оценил передал переименовал перекрасил перенёс "
    "перечислил победил повторил поддержал подписал поднял подсчитал пожалел показал покинул "
    "получил помянул поправил поразил построил потерял похвалил почистил превысил предложил "
    "предсказал прервал признал принёс проверил продал продлил проиграл пропустил простил "
    "прочитал развеял разглядел разделил разобрал разрешил разыскал рассмотрел расширил "
    "рекламировал сберёг сдвинул сжёг скопировал скрыл сменил смутил снабдил снял собрал согрел "
    "создал сократил сопроводил сохранил спас списал сравнил срубил сторговал увеличил увёз "
    "углубил удвоил удивил укрепил украсил унаследовал уничтожил упомянул упростил уступил "
    "утвердил ускорил учёл финансировал хранил ценил чинил"
).split()
_RUSSIAN_ADVERBS = (
    "бережно бесплатно внезапно вовремя впервые вскоре вслепую вчера дважды дерзко дёшево долго "
    "едва ежедневно жадно заметно заново заранее зимой изредка иногда искренне кратко летом "
    "ловко медленно молча наверняка надолго наконец намеренно недавно нехотя ночью обычно "
    "однажды осторожно охотно официально повсюду поздно понемногу поровну потом почти прилюдно "
    "редко сегодня сгоряча скоро слегка случайно смело снова сообща тайно тихо утром частично "
    "честно шумно"
).split()
_ENDINGS = {"gen": ("ого", "а"), "dat": ("ому", "у"), "ins": ("ым", "ом"), "pre": ("ом", "е")}


def _russian_phrase(rng: random.Random, case: str = "nom") -> str:
    """A thing in a case (nominative, which is the accusative, too: `nom`)."""
    noun, adjective = rng.choice(_RUSSIAN_NOUNS), rng.choice(_RUSSIAN_ADJECTIVES)
    if case != "nom":
        of_adjective, of_noun = _ENDINGS[case]
        noun, adjective = noun + of_noun, adjective.removesuffix("ый") + of_adjective
    return noun if rng.random() < 0.4 else f"{adjective} {noun}"


def _russian_thing(rng: random.Random) -> str:
    phrase = _russian_phrase(rng)
    return rng.choice((
        phrase,
        f"{phrase} {_russian_name(rng)}",
        f"{phrase} {_russian_phrase(rng, 'gen')}",
        f"весь {phrase}",
        f"этот {phrase}",
        f"{rng.randrange(2, 990)}-й {rng.choice(_RUSSIAN_NOUNS)}",
    ))  # fmt: skip


def _russian_where(rng: random.Random) -> str:
    prepositions = (
        ("после", "gen"), ("возле", "gen"), ("вместо", "gen"), ("ради", "gen"),
        ("благодаря", "dat"), ("перед", "ins"), ("под", "ins"), ("вслед за", "ins"),
        ("на", "pre"), ("при", "pre"),
    )  # fmt: skip
    preposition, case = rng.choice(prepositions)
    return f"{preposition} {_russian_phrase(rng, case)}"


def _russian_act(rng: random.Random) -> str:
    verb = rng.choice(_RUSSIAN_VERBS)
    return f"{rng.choice(_RUSSIAN_ADVERBS)} {verb}" if rng.random() < 0.4 else verb


RUSSIAN = Grammar(
    schemas=(
        "{thing} {act} {thing}",
        "{thing} {act} {thing} {where}",
        "{where} {thing} {act} {thing}",
        "{thing} {act} {thing}, а {thing} {act} {thing}",
        "{adverb} {name} {name} {act} {thing} {where}",
        "когда {thing} {act} {thing}, {name} {act} {thing}",
        "{name} {act} {thing}, потому что {thing} {act} {thing}",
    ),
    parts={
        "thing": _russian_thing,
        "act": _russian_act,
        "where": _russian_where,
        "name": _russian_name,
        "adverb": lambda rng: rng.choice(_RUSSIAN_ADVERBS),
    },
    words=(*_RUSSIAN_NOUNS, *_RUSSIAN_ADJECTIVES, *_RUSSIAN_ADVERBS),
)
