"""Scrapy's own settings, and the names of all, checked before a crawl begins.

Scrapy reads each where it needs it: a slip ends a crawl at its start with a traceback that does not
name the setting, and no room for a single request has it wait for ever.
"""

from __future__ import annotations

import logging
from difflib import get_close_matches
from typing import TYPE_CHECKING

from scrapy.settings import default_settings, get_settings_priority
from scrapy.utils.project import get_project_settings

from caliber_crawler import settings as ours
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
# So much alike are a name and what a slip makes of it. Names of packages that declare no defaults
# (Spidermon, scrapy-playwright) are less like one that is declared.
_ALIKE = 0.9


def check_names(settings: BaseSettings) -> None:
    """Refuse a name given on the command line that there is not and that is nearly one that there
    is. Others pass: extensions of people's own have settings that are declared nowhere."""
    given = get_settings_priority("cmdline")
    for name in settings:
        if settings.getpriority(name) == given and _meant(name):
            raise ConfigError(no_setting(name))


def no_setting(name: str) -> str:
    """That there is no such setting, and which one may be meant."""
    meant = _meant(name)
    return f"there is no setting {name}" + (f"; did you mean {meant}?" if meant else "")


def _meant(name: str) -> str:
    """The setting whose name an unknown one is nearly; "" when it is known, or like none."""
    if name in vars(default_settings) or name in vars(ours):
        return ""
    known = {*get_project_settings(), *filter(str.isupper, vars(ours))}
    return "" if name in known else "".join(get_close_matches(name.upper(), known, 1, _ALIKE))


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
