"""Bylines and names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.people import (
    clean_authors,
    is_house,
    looks_like_name,
    parse_byline,
    persons,
    split_byline,
)
from caliber_crawler.text import visible


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("By Leyla Quliyeva", ["Leyla Quliyeva"]),
        ("BY LEYLA QULIYEVA", ["LEYLA QULIYEVA"]),
        ("By Ley\xadla\u200b\xa0Quliyeva", ["Leyla Quliyeva"]),
        ("By: A. One", ["A. One"]),
        ("By A. One and B. Two", ["A. One", "B. Two"]),
        ("By A. One, B. Two and C. Three", ["A. One", "B. Two", "C. Three"]),
        ("By A. One, A. One & A. ONE", ["A. One"]),
        ("By Leyla Quliyeva, Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva / Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva for Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, 3 May 2024", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva | May 3, 2024", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva.", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva (Caliber.Az)", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva – Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva - Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva  Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva and Caliber.Az", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, special to Caliber.Az", ["Leyla Quliyeva"]),
        ("By L. Q. (Ganja)", ["L. Q."]),
        # What stands behind a name and is no person.
        ("By Leyla Quliyeva, Ganja", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, Ganja, Azerbaijan", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, Saudi Arabia", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, New York", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, AFP", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva and Reuters", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva / Sky News", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, Vice President", ["Leyla Quliyeva"]),
        ("By Ahsan Nazir", ["Ahsan Nazir"]),
        ("Müəllif: Rauf Əliyev, Baş Nazir", ["Rauf Əliyev"]),
        ("Автор: Иван Петров, главный редактор", ["Иван Петров"]),
        ("Автор: Иван Петров, Главный Редактор", ["Иван Петров"]),
        ("Автор Иван Петров, Баку", ["Иван Петров"]),
        ("Автор: Иван Петров, Южная Корея", ["Иван Петров"]),
        ("Автор: Эмиль", ["Эмиль"]),
        ("Авторы: И.Петров, А.Сидорова", ["И.Петров", "А.Сидорова"]),
        ("By Caliber.Az", []),
        ("By Caliber.Az staff", []),
        ("Author: Caliber", []),
        ("Author: Leyla Quliyeva", ["Leyla Quliyeva"]),
        ("Written by J.R.R. Smith", ["J.R.R. Smith"]),
        ("By Martin Stone Jr.", ["Martin Stone Jr."]),
        ("By John Stone, PhD", ["John Stone"]),
        ("By Ahmed al-Rashid", ["Ahmed al-Rashid"]),
        ("By Ibrahim bin Salman", ["Ibrahim bin Salman"]),
        ("By Anna von der Berg", ["Anna von der Berg"]),
        ("By De Niro", ["De Niro"]),
        ("By Jean-Pierre d’Arc", ["Jean-Pierre d’Arc"]),
        ("By Jean-Pierre D’Arc", ["Jean-Pierre D’Arc"]),
        ("By Seán O'Brien", ["Seán O'Brien"]),
        ("By April Jones", ["April Jones"]),
        ("Автор: Иван Петров", ["Иван Петров"]),
        ("Автор Иван Петров", ["Иван Петров"]),
        ("Автор: И. Петров", ["И. Петров"]),
        ("Автор: И.А.Петров и Анна Сидорова", ["И.А.Петров", "Анна Сидорова"]),
        ("Подготовила Анна Сидорова", ["Анна Сидорова"]),
        ("Автор: Анна ван дер Берг", ["Анна ван дер Берг"]),
        ("Автор: Самир Ибрагимов, специально для Caliber.Az", ["Самир Ибрагимов"]),
        ("Текст: Иван Петров", ["Иван Петров"]),
        ("Müəllif: Vüsal Məmmədov", ["Vüsal Məmmədov"]),
        ("MÜƏLLİF: Vüsal Məmmədov və Elçin İsmayılov", ["Vüsal Məmmədov", "Elçin İsmayılov"]),
        ("Müəllif: Rauf Əliyev oğlu", ["Rauf Əliyev oğlu"]),
        ("Հեղինակ՝ Արամ Պետրոսյան", ["Արամ Պետրոսյան"]),
        ("Հեղինակներ՝ Արամ Պետրոսյան և Լիլիթ Սարյան", ["Արամ Պետրոսյան", "Լիլիթ Սարյան"]),
        # Offices and places as they are typed.
        ("By Leyla Quliyeva, political analyst", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, political analyst.", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva – political analyst", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva (military expert)", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, special correspondent in Brussels", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, Caliber.Az correspondent", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, correspondent, 3 May 2024", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, professor of political science, Ganja", ["Leyla Quliyeva"]),
        (
            "By Leyla Quliyeva, head of the Centre for Strategic and International Studies",
            ["Leyla Quliyeva"],
        ),
        ("By L. Quliyeva, analyst and columnist, and B. Two", ["L. Quliyeva", "B. Two"]),
        ("By Leyla Quliyeva in Brussels", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, in New York", ["Leyla Quliyeva"]),
        ("By A. One in Ganja and B. Two in Sheki", ["A. One", "B. Two"]),
        ("Leyla Quliyeva, political analyst, Caliber.Az", ["Leyla Quliyeva"]),
        ("Автор: Иван Петров, обозреватель", ["Иван Петров"]),
        ("Автор: Иван Петров, политолог, Тбилиси", ["Иван Петров"]),
        ("Автор: Иван Петров, доктор исторических наук", ["Иван Петров"]),
        ("Автор: Иван Петров, эксперт-международник", ["Иван Петров"]),
        ("Автор: Иван Петров из Баку", ["Иван Петров"]),
        ("Müəllif: Rauf Əliyev, siyasi şərhçi", ["Rauf Əliyev"]),
        ("Հեղինակ՝ Արամ Պետրոսյան, վերլուծաբան", ["Արամ Պետրոսյան"]),
        ("Автор: Рауф Алиев оглу", ["Рауф Алиев оглу"]),
        ("Автор: Лейла Алиева кызы", ["Лейла Алиева кызы"]),
        ("Հեղինակ՝ Արամ Պետրոսյան օղլու", ["Արամ Պետրոսյան օղլու"]),
        ("Հեղինակ` Արամ Պետրոսյան", ["Արամ Պետրոսյան"]),
        ("Հեղինակ։ Արամ Պետրոսյան", ["Արամ Պետրոսյան"]),
        ("By Dr. Leyla Quliyeva", ["Leyla Quliyeva"]),
        ("By Assoc. Prof. Dr. Leyla Quliyeva and Mr A. One", ["Leyla Quliyeva", "A. One"]),
        ("By Leyla Quliyeva PhD", ["Leyla Quliyeva"]),
        ("Автор: проф. Иван Петров", ["Иван Петров"]),
        ("Author: Dr. Quliyeva", ["Dr. Quliyeva"]),
        # Under an interview.
        ("Interviewed by Leyla Quliyeva", ["Leyla Quliyeva"]),
        ("Беседовала Анна Сидорова", ["Анна Сидорова"]),
        ("Интервью провёл И. Петров", ["И. Петров"]),
        ("Материал подготовила Анна Сидорова", ["Анна Сидорова"]),
        ("Söhbətləşdi: Vüsal Məmmədov", ["Vüsal Məmmədov"]),
        ("Hazırladı: Elçin İsmayılov", ["Elçin İsmayılov"]),
        ("Զրուցեց Արամ Պետրոսյանը", ["Արամ Պետրոսյանը"]),
        # The house's name is the label.
        ("Leyla Quliyeva, specially for Caliber.Az", ["Leyla Quliyeva"]),
        ("Leyla Quliyeva and A. One, Caliber.Az", ["Leyla Quliyeva", "A. One"]),
        ("Анна Сидорова, специально для Caliber.Az", ["Анна Сидорова"]),
        ("By Leyla Quliyeva (l.quliyeva@caliber.az)", ["Leyla Quliyeva"]),
        ("By Leyla Quliyeva, lq@caliber.az", ["Leyla Quliyeva"]),
        # The same conjunction as two letters.
        ("Հեղինակներ՝ Արամ Սարյան \u0565\u0582 Լիլիթ Սարյան", ["Արամ Սարյան", "Լիլիթ Սարյան"]),
    ],
)
def test_bylines(text: str, names: list[str] | None) -> None:
    assert parse_byline(text) == names


@pytest.mark.parametrize(
    "sentence",
    [
        "By Tuesday evening the road was open.",
        "By Tuesday",
        "By Friday.",
        "By Our Correspondent",
        "By 2030",
        "By October",
        "By Contrast.",
        "By Air, Land and Sea",
        "By Reuters",
        "By Associated Press",
        "By Special Correspondent",
        "By Anna Stone and Boris",
        "Авторы: Анна, Борис",
        "By Anna Stone (in Ganja)",
        "By Leyla's count, ten came.",
        "By Friday, officials said",
        "By Friday, political analyst",
        "By Tuesday evening Baku time",
        "By Leyla Quliyeva, officials said",
        "By Leyla Quliyeva, the analyst said",
        "By Leyla Quliyeva, analyst warns of snow",
        "By Leyla Quliyeva, who met the minister",
        "By Leyla Quliyeva, a minister in the cabinet, the road was opened",
        "By Leyla Quliyeva, an expert on roads in the north.",
        "By Leyla Quliyeva, snow",
        "By train in Switzerland",
        "Автор: Иван Петров, политолог, считает, что снег идёт",
        "Автор Иван Петров, политолог считает",
        "By the end of May",
        "Byron Smith",
        "By",
        "By.",
        "Author",
        "Authors of the report Smith and Jones",
        "Автор книги Иван Петров",
        "Автор закона получил премию.",
        "Текст Договора",
        "Подготовил доклад Иван",
        "Müəllif hüquqları qorunur",
        "Հեղինակ եղել է Արամը",
        "Leyla Quliyeva",
        "Baku, Caliber.Az",
        "South Caucasus, Caliber.Az",
        "The talks went on, he wrote for Caliber.Az",
        "Беседовала она с капитаном",
        "Interview by telephone",
        "By " + "Anna Stone, " * 30 + "Anna Stone",
    ],
)
def test_sentences_are_no_bylines(sentence: str) -> None:
    assert parse_byline(sentence) is None


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["By A. One"], ["A. One"]),
        (["Author: A. One and B. Two"], ["A. One", "B. Two"]),
        (["Caliber.Az"], []),
        (["Caliber.Az Editorial"], []),
        (["A. One, 3 May 2024"], ["A. One"]),
        (["A. One", "B. Two", "A. One"], ["A. One", "B. Two"]),
        (["A. One | Caliber.Az"], ["A. One"]),
        (["A. One, Ganja", "Reuters", "Sky News", "Admin", "South Korea"], ["A. One"]),
        (["One, Anna", "Vera"], ["Vera"]),
        (["A. One and desk@caliber.az"], ["A. One"]),
        (["admin", "https://x.com/a", "desk@caliber.az", "3 May 2024", "", "\u200b"], []),
    ],
)
def test_authors_of_metadata(values: list[str], names: list[str]) -> None:
    assert clean_authors(values) == names


def test_the_byline_is_taken_off_the_end() -> None:
    body = ["It snowed.", "By Leyla Quliyeva"]
    assert split_byline(body) == (["It snowed."], ["Leyla Quliyeva"])
    assert body == ["It snowed.", "By Leyla Quliyeva"]


def test_the_last_line_of_the_last_paragraph_can_be_the_byline() -> None:
    assert split_byline(["It snowed.\nBy Leyla Quliyeva"]) == (["It snowed."], ["Leyla Quliyeva"])


@pytest.mark.parametrize(
    "credit",
    [
        "Photos by Anna Stone",
        "Фото: АЗЕРТАДЖ",
        "Follow us",
        "#snow #road",
        "Updated at 15:40",
        "Обновлено в 15:40",
        "Join our Telegram channel: t.me/caliber",
        "Присоединяйтесь к нашему Telegram-каналу",
        "Наш Телеграм-канал",
        "Միացեք մեր ալիքին",
        "Мнение автора может не совпадать с позицией редакции.",
        "The views and opinions of guests are theirs; " + "the desk may think otherwise. " * 4,
    ],
)
def test_a_credit_behind_the_byline_hides_it_not(credit: str) -> None:
    by = "By Leyla Quliyeva"
    names = ["Leyla Quliyeva"]
    assert split_byline(["It snowed.", by, credit]) == (["It snowed.", credit], names)
    assert split_byline([f"It snowed.\n{by}", credit]) == (["It snowed.", credit], names)
    assert split_byline(["It snowed.", f"{by}\n{credit}"]) == (["It snowed.", credit], names)
    assert split_byline([by, "It snowed.", credit]) == ([by, "It snowed.", credit], None)
    assert split_byline([by, credit, credit]) == ([credit, credit], names)
    assert split_byline(["It snowed.", f"{by}\n{credit}\n{credit}", credit]) == (
        ["It snowed.", f"{credit}\n{credit}", credit],
        names,
    )
    assert split_byline([by, *[credit] * 9]) == ([by, *[credit] * 9], None)
    assert split_byline([credit]) == ([credit], None)


def test_a_label_may_stand_on_a_line_of_its_own() -> None:
    names = ["Leyla Quliyeva"]
    assert split_byline(["It snowed.", "Author:\nLeyla Quliyeva"]) == (["It snowed."], names)
    assert split_byline(["It snowed.\nAuthor:\nLeyla Quliyeva"]) == (["It snowed."], names)
    assert split_byline(["It snowed.\nAuthor:\nno name"]) == (
        ["It snowed.\nAuthor:\nno name"],
        None,
    )


def test_the_house_may_stand_in_the_line_below() -> None:
    by, names = "By Leyla Quliyeva", ["Leyla Quliyeva"]
    assert split_byline([f"It snowed.\n{by}\nCaliber.Az"]) == (["It snowed."], names)
    assert split_byline([f"{by}\nCaliber.Az"]) == ([], names)
    assert split_byline(["It snowed.", f"{by}\nCALIBER.AZ"]) == (["It snowed."], names)
    assert split_byline(["It snowed.\nAuthor:\nLeyla Quliyeva\nCaliber.Az"])[1] == names
    assert split_byline([f"{by}\nCaliber.Az", "#snow"]) == (["#snow"], names)
    assert split_byline(["It snowed.\nAuthor:\nCaliber.Az"]) == (["It snowed."], [])
    body = ["It snowed.\nCaliber.Az"]
    assert split_byline(body) == (body, None)


def test_an_office_may_stand_in_the_line_below() -> None:
    by, names = "By Leyla Quliyeva", ["Leyla Quliyeva"]
    assert split_byline([f"It snowed.\n{by}\npolitical analyst"]) == (["It snowed."], names)
    body = ["It snowed.\nBy noon it thawed.\npolitical analyst"]
    assert split_byline(body) == (body, None)


def test_each_person_may_have_a_line_or_a_paragraph() -> None:
    names = ["Leyla Quliyeva", "A. One"]
    one, two = (f"By {name}" for name in names)
    assert split_byline(["It snowed.", one, two]) == (["It snowed."], names)
    assert split_byline(["It snowed.", f"{one}\n{two}", "#snow"]) == (
        ["It snowed.", "#snow"],
        names,
    )
    assert split_byline(["It snowed.", one, "By Caliber.Az"]) == (["It snowed."], names[:1])
    assert split_byline([one, "It snowed.", two]) == ([one, "It snowed."], names[1:])
    many = ["It snowed.", *(f"By A. {name}" for name in "BCDEFG")]
    assert split_byline(many) == (["It snowed."], [f"A. {name}" for name in "BCDEFG"])


def test_bylines_elsewhere_are_text() -> None:
    body = ["By Leyla Quliyeva", "It snowed.\nBy Leyla Quliyeva\nand more."]
    assert split_byline(body) == (body, None)
    assert split_byline([]) == ([], None)


def test_the_house_alone_is_no_person() -> None:
    assert split_byline(["It snowed.", "By Caliber.Az"]) == (["It snowed."], [])
    for name in ("Caliber.Az", "CALIBER.AZ", "caliber az", "Калибр", "Caliber"):
        assert is_house(name), name
    assert not is_house("Caliber Smith")


def test_persons_are_named_once() -> None:
    assert persons(["İlham Ağa", "ILHAM AĞA", "B"]) == ["İlham Ağa", "B"]


def test_a_name_has_six_words_at_most() -> None:
    assert looks_like_name("Anna Maria van der Berg Stone")
    assert not looks_like_name("Anna Maria Luise van der Berg Stone")
    assert not looks_like_name("")
    assert not looks_like_name("von der Leyen")


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_nothing_raises_and_nothing_is_invented(rest: str) -> None:
    for name in parse_byline(f"By {rest}") or []:
        assert name
        assert set(name) - {" "} <= set(visible(rest))
    clean_authors([rest])


def test_long_lines_take_no_long_time() -> None:
    assert parse_byline("By " + "a-'" * 50_000) is None
    assert clean_authors(["A-a'" * 20_000]) == []
