"""What is known of a response beside its body."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scrapy.http import HtmlResponse

from caliber_crawler.responses import page_of


@pytest.mark.parametrize("off", [timedelta(hours=-30), timedelta(0), timedelta(minutes=20)])
def test_a_page_is_of_the_time_that_its_server_tells(off: timedelta) -> None:
    said = (datetime.now(UTC) + off).replace(microsecond=0)
    assert page_of(_answer(format_datetime(said, usegmt=True))).at == said


@pytest.mark.parametrize(
    "header", ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_of_which_time_a_page_is_nobody_knows_where_that_is_years_off(header: str) -> None:
    assert page_of(_answer(header)).at is None


@pytest.mark.parametrize("header", ["", "now", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_where_it_tells_nothing_a_page_is_of_now(header: str) -> None:
    before = datetime.now(UTC)
    at = page_of(_answer(header)).at
    assert at is not None
    assert before <= at <= datetime.now(UTC)


def _answer(date: str) -> HtmlResponse:
    return HtmlResponse("https://caliber.az/en/", headers={"Date": date}, body=b"<p>x</p>")
