"""How a crawl of the schedule is started: its command line and what only its own user may see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scrapy.settings import get_settings_priority

from caliber_crawler.schedule.processes import Child, Listener
from caliber_crawler.secret_settings import is_secret
from caliber_crawler.settings import variables_passing_on

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from caliber_crawler.schedule.entries import Entry


class Launcher:
    """Starts crawls under the settings that the scheduler was started with."""

    def __init__(self, settings: BaseSettings) -> None:
        given = get_settings_priority("cmdline")
        self._settings = {
            name: _text(settings[name]) for name in settings if settings.getpriority(name) == given
        }

    async def start(self, entry: Entry, crawl_id: str, listener: Listener) -> Child:
        """Start a crawl. Raises OSError."""
        settings = {**self._settings, **entry.settings, "CRAWL_ID": crawl_id}
        secrets = {name: value for name, value in settings.items() if is_secret(name, value)}
        settings = {name: value for name, value in settings.items() if name not in secrets}
        options = [*_options("-a", entry.arguments), *_options("-s", settings)]
        return await Child.start(
            ["crawl", entry.spider, *options], variables_passing_on(secrets), listener
        )


def _options(option: str, values: Mapping[str, str]) -> list[str]:
    return [part for name, value in values.items() for part in (option, f"{name}={value}")]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
