"""Cleaning of text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler import text

# Texts in which everything that cleaning looks at is likely to occur.
_ODD = (
    "\xad\u200b\u200c\u200d\u200e\u2060\ufeff\ufe0f\u202f\xa0\u2028\u2029\x85\r\n\t\x00\x0b\x1c\ud800"
    "İIıi\u0307\u0327ée\u0301ßﬁև👨👩🏽❤"
)
odd_texts = st.text(st.one_of(st.sampled_from(_ODD + "ab ."), st.characters()), max_size=40)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Ba\xadku", "Baku"),
        ("a\xa0b", "a b"),
        ("x\u200by", "xy"),
        ("x\u2060y", "xy"),
        ("\ufeffz", "z"),
        ("p\u202fq", "p q"),
        ("x\u200e\u200fy", "xy"),
        ("x\u3164y", "xy"),
        ("a\ufffcb", "ab"),
        ("a\x00b\x07c", "abc"),
        ("half \ud83d pair", "half pair"),
        ("  two   words \t", "two words"),
        ("one\u2028two\x85three", "one two three"),
        ("e\u0301te\u0301", "été"),
        ("e\u200b\u0301", "é"),
        ("a\u200d b", "a b"),
    ],
)
def test_line(dirty: str, clean: str) -> None:
    assert text.line(dirty) == clean


@pytest.mark.parametrize("emoji", ["👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "👩🏽\u200d🚀"])
def test_joined_emoji_are_kept(emoji: str) -> None:
    assert text.line(f"so {emoji} be it") == f"so {emoji} be it"


def test_a_joiner_between_letters_goes() -> None:
    assert text.line("Ba\u200dku 👨\u200d and") == "Baku 👨 and"


def test_paragraphs_end_at_blank_lines() -> None:
    assert text.paragraphs(" a \n b\r\n\r\n \xa0\n\nc\x85d\u2029\u2029e\n") == ["a\nb", "c\nd", "e"]
    assert text.paragraphs(" \n\u200b\n ") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("İLHAM", "ilham"),
        ("BAKI", "bakı"),
        ("Bakı", "BAKİ"),
        ("caf\u00e9", "CAFE\u0301"),
        ("Ա\u0587", "ա\u0565\u0582"),
        ("МИР", " мир\u200b "),
        ("ﬁne", "FINE"),
    ],
)
def test_fold_makes_equal(one: str, other: str) -> None:
    assert text.fold(one) == text.fold(other)


def test_fold_keeps_apart_what_differs() -> None:
    assert len({text.fold(word) for word in ("Gəncə", "Gence", "Genc", "мир", "мира")}) == 5


@pytest.mark.parametrize(
    "furniture",
    [
        "Caliber.Az", "Views: 141", "Просмотров: 12 345", "Baxış: 7", "BAXIŞ 7", "Դիտումներ՝ 12",
        "print", "copy link", "Ссылка скопирована", "A+", "share-lineLiked the story?",
        "Liked the story? Share it on social media!", "Понравилась новость? Поделитесь!",
        "Advertisement", "— Реклама —", "REKLAM",
        "© Caliber.Az", "© 2025 Caliber.az. All rights reserved",
        "При использовании материалов гиперссылка на Caliber.az обязательна.",
        "Any use of materials is allowed only if there is a hyperlink to Caliber.az",
    ],
)  # fmt: skip
def test_furniture(furniture: str) -> None:
    assert text.is_boilerplate(furniture)


@pytest.mark.parametrize(
    "sentence",
    [
        "Views: 12 members disagreed",
        "Caliber.Az reports that",
        "Print media suffer",
        "A+ was given",
        "Реклама вернулась",
        "Liked the story? Many did.",
        "Any use of materials is a matter of law, Caliber.Az was told by a lawyer",
    ],
)
def test_sentences_are_no_furniture(sentence: str) -> None:
    assert not text.is_boilerplate(sentence)


@pytest.mark.parametrize(
    "shown", ["🔥", "🇦🇿", "❤\ufe0f", "👨\u200d👩\u200d👧", "1\ufe0f\u20e3", "🔥🔥"]
)
def test_emoji(shown: str) -> None:
    assert text.is_emoji(shown)


@pytest.mark.parametrize("shown", ["", " ", "1", "a", "🔥 hot", "\ufe0f", "\u200d", "🔥" * 50])
def test_what_is_more_than_emoji(shown: str) -> None:
    assert not text.is_emoji(shown)


def test_word_count_counts_what_has_letters_or_digits() -> None:
    assert text.word_count("North — road, 2025!", None, "Bakı\nşəhəri ...") == 5


@pytest.mark.parametrize("clean", [text.line, text.block, text.visible, text.fold])
@given(dirty=odd_texts)
@settings(max_examples=100, deadline=None)
def test_cleaning_is_idempotent(clean, dirty: str) -> None:
    assert clean(clean(dirty)) == clean(dirty)


@given(dirty=odd_texts)
@settings(max_examples=100, deadline=None)
def test_cleaning_invents_and_reorders_nothing(dirty: str) -> None:
    def letters(value: str) -> str:
        # Decomposed, so that composition by cleaning does not count as a change.
        return "".join(
            char for char in unicodedata.normalize("NFD", value) if char.isalnum()
        )  # fmt: skip

    cleaned = text.line(dirty)
    assert letters(cleaned) == letters(text.visible(dirty))
    assert set(cleaned) - {" "} <= set(unicodedata.normalize("NFC", text.visible(dirty)))
    assert cleaned == unicodedata.normalize("NFC", cleaned)
    assert "".join(text.block(dirty).split()) == "".join(cleaned.split())
    cleaned.encode("utf-8")


@given(st.text(st.sampled_from("ab  ~\t\n\x00\x1c\x7f"), max_size=8) | odd_texts)
@settings(max_examples=200)
def test_the_short_way_to_a_line_is_the_long_one(words: str) -> None:
    assert text.line(words) == " ".join(text.visible(words).split())


@given(st.text(st.sampled_from("абвəğşиıiЁ .,-—«»0123456789"), max_size=60))
@settings(max_examples=50)
def test_clean_words_stay_as_they_are(words: str) -> None:
    composed = unicodedata.normalize("NFC", " ".join(words.split()))
    assert text.line(composed) == composed


# --- letters read in a wrong encoding

SOUND = [
    "Институт солёного озера: «Так», — сказал он… 5 % бюджета, СССР» и ещё",
    "Երևանում քննարկել են նոր օրենքը․ «Սա կարևոր է», - ասել է նա։",
    "Bakıda yeni qanun müzakirə olundu. “Bu vacibdir”, – dedi o. Şəki, Gəncə",
    "Bakıda “Qafqaz gücü”nün təlimi, «Türk sözü»nə baxış – “Qarabağ”ın, “Kür”ün sahilində",
    "“ASAN XİDMƏTİ”NİN GÜNÜ: „Dəniz küləyi“nə, “Xəzər üçüncü”dür",
    "He said “it’s fine” – the café’s 5° … naïve façade, 10 µm, £5, Curaçao, Škoda",
]


@pytest.mark.parametrize("sound", SOUND)
def test_sound_letters_stay_as_they_are(sound: str) -> None:
    assert text.ungarbled(sound) == sound
    assert not text.is_garbled(sound)


@pytest.mark.parametrize("sound", SOUND)
@pytest.mark.parametrize("encoding", ["latin-1", "windows-1251"])
def test_utf8_read_in_another_encoding_is_put_right_or_marked(sound: str, encoding: str) -> None:
    garbled = sound.encode().decode(encoding, "replace")
    assert text.is_garbled(garbled)
    assert text.ungarbled(garbled) == sound or text.is_garbled(text.ungarbled(garbled))
    if "\ufffd" not in garbled:
        assert text.ungarbled(garbled) == sound


def test_endings_behind_quotation_marks_hide_no_lost_letters() -> None:
    assert text.is_garbled("“Türk gücü”nün tÉ™limi")
    assert text.is_garbled("sÃ»r Ð”Ð¾Ñ€Ð¾Ð³Ð°")
    assert text.is_garbled("gücü”€n")


def test_lost_letters_are_marked() -> None:
    assert text.is_garbled("Доро\ufffdа открыта")
    assert text.is_garbled("Èíñòèòóò ñîë¸íîãî îçåðà")


@given(st.text(st.sampled_from("абвРСəğşиıiЁ .,-—«»éüÄÐÑ"), max_size=60))
@settings(max_examples=200, deadline=None)
def test_putting_right_is_idempotent(words: str) -> None:
    assert text.ungarbled(text.ungarbled(words)) == text.ungarbled(words)
