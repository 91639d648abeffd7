"""The settings: which cannot be used, and which are not as they are by default."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrapy.settings import BaseSettings, Settings, get_settings_priority

from caliber_crawler import alerts
from caliber_crawler.config import Config
from caliber_crawler.doctor.findings import Finding, attention, broken, ok
from caliber_crawler.errors import ConfigError
from caliber_crawler.scrapy_settings import check_names
from caliber_crawler.secret_settings import guard, is_secret
from caliber_crawler.settings import defaults
from caliber_crawler.text import line

_NAMES = re.compile(r"[A-Z][A-Z_]+")


@dataclass(frozen=True)
class Options:
    """The settings as far as they can be used: `settings` with the defaults for those that cannot,
    whose names are in `unusable`, and what they mean."""

    settings: Settings
    config: Config
    unusable: frozenset[str]

    def spoilt(self, *beginnings: str) -> str:
        """The unusable settings whose names begin so, as a list for people; "" for none."""
        return ", ".join(sorted(name for name in self.unusable if name.startswith(beginnings)))


def usable(given: Settings) -> tuple[Options, list[Finding]]:
    """The settings as far as they can be used, and a finding for each that cannot.

    Raises `ConfigError` when the defaults cannot be used either.
    """
    settings = given.copy()
    guard(settings)
    unusable: set[str] = set()
    findings = []
    while True:
        try:
            config = Config.from_settings(settings)
        except ConfigError as error:
            named = {name for name in _NAMES.findall(str(error)) if name in defaults} - unusable
            if not named:
                raise
            # The first is the one at fault, and others are named because they contradict it.
            for name in named:
                settings.set(name, defaults[name], priority="cmdline")
            unusable |= named
            findings.append(_unusable(error))
        else:
            break
    for check in (alerts.check, check_names):
        try:
            check(settings)
        except ConfigError as error:
            findings.append(_unusable(error))
    return Options(settings, config, frozenset(unusable)), findings


def differing(settings: BaseSettings) -> list[Finding]:
    """Which settings are not as they are by default. Those that may hold secrets are only named."""
    ours = {name for name, default in defaults.items() if str(settings[name]) != default}
    project = get_settings_priority("project")
    others = {name for name in settings if (settings.getpriority(name) or 0) > project}
    others -= defaults.keys()
    shown = [_shown(name, settings[name]) for name in sorted(ours | others)]
    if not shown:
        return [ok("settings", "all as they are by default")]
    return [ok("settings", f"not as by default: {', '.join(shown)}")]


def contact(config: Config, user_agent: str) -> list[Finding]:
    """Whether the site's operators can reach who runs this."""
    if config.contact:
        return [ok("contact", f"{config.contact} (part of the user agent)")]
    found = f"CRAWLER_CONTACT is empty, so {user_agent} names this machine's postmaster"
    advice = "set CRAWLER_CONTACT to a mail address or page at which the site's operators reach you"
    return [attention("contact", found, advice)]


def _unusable(error: ConfigError) -> Finding:
    advice = "correct it (docs/settings.md says what each means) or leave it out"
    return broken("settings", line(str(error)), advice)


def _shown(name: str, value: object) -> str:
    return name if is_secret(name, value) else f"{name}={line(str(value))[:100]}"
