"""Scrapy's own settings, checked before a crawl begins.

Scrapy reads each where it needs it: a slip ends a crawl at its start with a traceback that does not
name the setting, and no room for a single request has it wait for ever.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.settings import default_settings

from caliber_crawler.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.settings import BaseSettings

_AT_LEAST_ONE = (
    "CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN", "CONCURRENT_ITEMS",
    "REACTOR_THREADPOOL_MAXSIZE",
)  # fmt: skip
# Their defaults are whole numbers; they need not be.
_NUMBERS = ("DOWNLOAD_DELAY", "DOWNLOAD_TIMEOUT", "DNS_TIMEOUT", "CLOSESPIDER_TIMEOUT_NO_ITEM")


def check_level(settings: BaseSettings) -> None:
    """Refuse a LOG_LEVEL that there is not, which Scrapy takes with a traceback."""
    level = settings["LOG_LEVEL"]
    if level not in logging.getLevelNamesMapping() and not isinstance(level, int):
        names = "DEBUG, INFO, WARNING, ERROR or CRITICAL"
        raise ConfigError(f"LOG_LEVEL={level!r}: give {names}")


def check_scrapys(settings: BaseSettings) -> None:
    """Refuse values of another kind than Scrapy's defaults. `ConfigError` names the setting."""
    check_level(settings)
    for name, default in vars(default_settings).items():
        # Only these are read: the look at a deprecated one is a warning.
        if not name.isupper() or not isinstance(default, int | float):
            continue
        value = settings.get(name)
        if value is None:
            continue
        read: Callable[[str], float] = settings.getfloat
        allowed = "a number"
        if isinstance(default, bool):
            read, allowed = settings.getbool, "True or False"
        elif isinstance(default, int) and name not in _NUMBERS:
            read, allowed = settings.getint, "a whole number"
        try:
            number = read(name)
        except (TypeError, ValueError):
            raise ConfigError(f"{name}={value!r}: give {allowed}") from None
        if name in _AT_LEAST_ONE and number < 1:
            raise ConfigError(f"{name}={value!r}: give a whole number of 1 or more")
    try:
        for status in settings.getlist("RETRY_HTTP_CODES"):
            int(status)
    except (TypeError, ValueError):
        value = settings["RETRY_HTTP_CODES"]
        raise ConfigError(f"RETRY_HTTP_CODES={value!r}: give numbers, a comma list") from None
