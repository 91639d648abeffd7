"""Records as JSON lines, and instants as the database keeps them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.items import ARTICLE_FIELDS, Article, json_line, whole_milliseconds

BAKU = timezone(timedelta(hours=4))


def test_letters_are_readable_and_line_ends_are_not_raw() -> None:
    body = "ə Ё 😀 \u2028 \u2029 \x85 \r\n\t\x0b\x0c\x1c\x1e\x00 \ufeff"
    text = json_line({"body": body})
    assert "ə Ё 😀" in text
    assert text.splitlines() == [text]
    assert json.loads(text) == {"body": body}
    assert json.loads(text.encode("utf-8")) == {"body": body}


def test_half_of_a_surrogate_pair_can_be_written() -> None:
    text = json_line({"body": "a\ud83db"})
    assert json.loads(text.encode("utf-8")) == {"body": "a\ud83db"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2025, 4, 2, 13, 24, tzinfo=BAKU), "2025-04-02T09:24:00+00:00"),
        (datetime(2025, 4, 2, 9, 24, 0, 123000, UTC), "2025-04-02T09:24:00.123000+00:00"),
        (datetime(2025, 4, 2, 9, 24), "2025-04-02T09:24:00+00:00"),  # noqa: DTZ001
        (date(2025, 4, 2), "2025-04-02"),
        (None, None),
    ],
)
def test_times(value: object, shown: str | None) -> None:
    assert json.loads(json_line({"at": value})) == {"at": shown}


@pytest.mark.parametrize("value", [{1, 2}, b"x", object()])
def test_values_without_a_json_form_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        json_line({"value": value})


def test_the_order_of_fields_is_the_records() -> None:
    article = Article(title="T", views=0, published_at=datetime(2025, 4, 2, tzinfo=UTC))
    line = json_line(article.document())
    assert tuple(json.loads(line)) == ARTICLE_FIELDS
    assert ARTICLE_FIELDS[:4] == ("id", "url", "aliases", "language")
    assert json.loads(line)["description"] is None
    assert json.loads(line)["views"] == 0


def test_a_document_makes_the_record_again() -> None:
    article = Article(id="en/a", title="T", authors=["A"], views=2**63 - 1)
    assert Article.from_document(article.document()) == article
    assert Article.from_document({"id": "en/a", "_id": 1, "unknown": 2}) == Article(id="en/a")


def test_instants_are_utc_and_cut_to_milliseconds() -> None:
    at = datetime(2024, 5, 3, 1, 30, 5, 123_999, BAKU)
    found = whole_milliseconds(at)
    assert found == datetime(2024, 5, 2, 21, 30, 5, 123_000, UTC)
    assert found.tzinfo is UTC
    assert whole_milliseconds(found) == found


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without zone"):
        whole_milliseconds(datetime(2024, 5, 3))  # noqa: DTZ001


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.text(st.sampled_from('\u2028\u2029\x85\x0b\x1c\r\n\ud800\udc00"\\ ')),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(record=st.dictionaries(st.text(), json_values, max_size=4))
@settings(max_examples=100, deadline=None)
def test_every_record_is_one_line_and_comes_back(record: dict[str, object]) -> None:
    line = json_line(record)
    assert line.splitlines() == [line]
    written = json.loads(line.encode("utf-8"))
    # A pair of halves comes back as the one character that it means.
    assert written == json.loads(json.dumps(record))
