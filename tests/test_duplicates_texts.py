"""The texts with which repetitions are measured are what they say."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import combinations

import pytest

from benchmarks.duplicates_texts import Text, changed, pairs, recurring_texts, varied_texts


def shingles(text: Text) -> set[tuple[str, ...]]:
    words = f"{text.title} {text.body}".lower().split()
    return set(zip(words, words[1:], words[2:], strict=False))


def test_varied_texts_are_of_all_lengths_and_share_nothing() -> None:
    texts = varied_texts(400, seed=3)
    assert varied_texts(400, seed=3) == texts != varied_texts(400, seed=4)
    words = sorted(len(text.body.split()) for text in texts)
    assert 80 <= words[200] <= 120
    assert 10 <= words[0] <= 20
    assert 400 <= words[-1] <= 610
    assert Counter(text.language for text in texts) == {"en": 200, "ru": 200}
    assert all(bool(re.search("[а-я]", t.body)) == (t.language == "ru") for t in texts)
    assert all(text.title and "\n\n\n" not in text.body for text in texts)
    found = [shingles(text) for text in texts]
    assert max(len(a & b) / len(a | b) for a, b in combinations(found, 2)) < 0.05


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_share_of_the_words_is_changed(share: float, language: str) -> None:
    rng = random.Random(5)
    for text in varied_texts(200, seed=5):
        if text.language != language:
            continue
        after = changed(text.body, share, rng)
        before, now = Counter(text.body.split()), Counter(after.split())
        number = max(1, round(share * before.total()))
        assert 1 <= max((before - now).total(), (now - before).total()) <= number
        assert abs(before.total() - now.total()) <= number
        assert after.count("\n\n") == text.body.count("\n\n")
        assert all(paragraph.strip() for paragraph in after.split("\n\n"))


def test_small_texts_are_changed_and_none_is_refused() -> None:
    rng = random.Random(1)
    assert all(changed("Word", 0.01, rng).strip() not in ("", "Word") for _ in range(20))
    with pytest.raises(ValueError, match="without words"):
        changed(" \n", 0.5, rng)


def test_recurring_texts_are_alike_but_never_the_same() -> None:
    texts = recurring_texts(60, seed=2)
    assert recurring_texts(60, seed=2) == texts
    assert len(texts) == 7
    for days in texts.values():
        found = [shingles(text) for text in days]
        alike = [len(a & b) / len(a | b) for a, b in combinations(found, 2)]
        assert len({text.body for text in days}) == len(days) == 60
        assert max(alike) < 0.7
        assert sorted(alike)[len(alike) // 2] > 0.05


def test_pairs_are_of_two_texts_of_one_language() -> None:
    texts = varied_texts(50)
    drawn = list(pairs(texts, 1_000, random.Random(1)))
    assert len(drawn) == 1_000
    assert all(a is not b and a.language == b.language for a, b in drawn)
    assert {text.title for pair in drawn for text in pair} == {text.title for text in texts}
    assert any(
        a.language != b.language
        for a, b in pairs(texts, 100, random.Random(1), same_language=False)
    )
