"""Whether a crawl of the schedule could be started: its spider, arguments and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from scrapy.spiderloader import get_spider_loader

from caliber_crawler.config import Config
from caliber_crawler.errors import ConfigError
from caliber_crawler.scrapy_settings import check_scrapys, no_setting
from caliber_crawler.spiders.base import CaliberSpider

if TYPE_CHECKING:
    from scrapy.settings import Settings

    from caliber_crawler.schedule.reading import Path

_COMMON = ("CRAWL_ID", "MONGODB_URI", "MONGODB_DATABASE", "MONGODB_DATA_DIR")
_OF_OTHERS = ("PLAYWRIGHT_",)  # of packages that declare no defaults


class Checker:
    """Says what is wrong with a crawl, as `reading.Check` has it, before anything is started."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loader = get_spider_loader(settings)

    def __call__(
        self, spider: str, arguments: Mapping[str, str], settings: Mapping[str, str]
    ) -> Iterator[tuple[Path, str]]:
        yield from self._names(settings)
        config = self._config({})
        try:
            config = self._config(settings)
        except ConfigError as error:
            name = str(error).partition("=")[0]
            yield ("settings", name) if name in settings else ("settings",), str(error)
        if spider not in self._loader.list():
            names = ", ".join(sorted(self._loader.list()))
            yield ("spider",), f"no spider {spider!r}; there are {names}"
        else:
            yield from self._arguments(self._loader.load(spider), arguments, config)

    def _names(self, settings: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
        for name in settings:
            if name in _COMMON:
                why = "the scheduler gives each run its own" if name == "CRAWL_ID" else (
                    "is the scheduler's, for all crawls; set it where that is started"
                )  # fmt: skip
                yield ("settings", name), f"{name}: {why}"
            elif name not in self._settings and not name.startswith(_OF_OTHERS):
                yield ("settings", name), no_setting(name)

    def _config(self, settings: Mapping[str, str]) -> Config:
        together = self._settings.copy()
        together.frozen = False
        together.update(dict(settings), priority="cmdline")
        check_scrapys(together)
        return Config.from_settings(together)

    def _arguments(
        self, spidercls: type[object], arguments: Mapping[str, str], config: Config
    ) -> Iterator[tuple[Path, str]]:
        if not issubclass(spidercls, CaliberSpider):
            return
        kind = spidercls.arguments_class
        unknown = set(arguments) - {item.name for item in fields(kind)}
        known = {name: value for name, value in arguments.items() if name not in unknown}
        for name in sorted(unknown):
            allowed = ", ".join(item.name for item in fields(kind))
            yield ("arguments", name), f"unknown argument {name}; allowed are {allowed}"
        try:
            kind.parse(known, config).check_complete()
        except ConfigError as error:
            named = [name for name in known if str(error).startswith((f"{name}=", f"{name}:"))]
            yield ("arguments", *named[:1]), str(error)
