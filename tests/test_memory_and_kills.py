"""Short forms of the soak tests."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from pymongo.database import Database

from tests.conftest import Scrapy
from tests.crawls import kill_and_crawl_again, peak_memory


def test_memory_stays_flat(scrapy: Scrapy) -> None:
    few, many = peak_memory(scrapy, 150), peak_memory(scrapy, 900)
    assert many < few * 1.15


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_crawls_leave_nothing_half_done(
    scrapy: Scrapy, database: Database[dict[str, Any]], number: signal.Signals
) -> None:
    kill_and_crawl_again(scrapy, database, number, moments=3, seed=3)
