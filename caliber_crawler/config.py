"""The crawler's settings as typed, checked values."""

from __future__ import annotations

import math
import os
import re
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.utils.conf import closest_scrapy_cfg

from caliber_crawler.errors import ConfigError
from caliber_crawler.limits import DEEPEST, MOST_CARDS, Limits
from caliber_crawler.reach import Network, Reach, hosts_of, networks_of
from caliber_crawler.revisit import Pace
from caliber_crawler.secret_settings import guard
from caliber_crawler.site import Site
from caliber_crawler.text import is_whole

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

OFF = "off"
OVERLAPS = ("refuse", "allow")
PROGRESS = ("auto", "lines", "off")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,119}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_MOST = 1e6  # of any unit: what is more is a slip
_DATABASE = re.compile(r"[^/\\. \"$*<>:|?\x00]{1,63}")
_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,4})?")


@dataclass(frozen=True)
class Learning:
    """From how many past crawls is learned what is usual (0: from none), and none before `since`;
    after how many times the longest pause the lack of new articles is told (0: never)."""

    crawls: int
    since: datetime | None
    pauses: float


@dataclass(frozen=True)
class Config:
    """Values of the settings in docs/settings.md. `crawl_id` is "" when the run shall make one,
    `prometheus_port` 0 when no metrics shall be served."""

    site: Site
    hosts: tuple[str, ...]
    networks: tuple[Network, ...]
    ca_file: Path | None
    languages: tuple[str, ...]
    mongodb_uri: str
    mongodb_database: str
    mongodb_data_dir: Path
    mongodb_retry_seconds: float
    crawl_id: str
    download_delay: float
    overlap: str
    contact: str
    chromium: str
    scroll_quiet: float
    browser_patience: float
    max_batches: int
    navigation: timedelta
    lease_seconds: float
    attempts: int
    stay: bool
    backoff_first: float
    backoff_most: float
    robots_lasting: timedelta
    robots_patience: float
    pace: Pace
    health: Learning
    limits: Limits
    most_headers: int
    progress: str
    progress_line_seconds: float
    prometheus_host: str
    prometheus_port: int
    prometheus_textfile: Path | None

    @property
    def store_is_off(self) -> bool:
        """Whether there is to be no database at all."""
        return self.mongodb_uri == OFF

    def reach(self) -> Reach:
        """Where a crawl with this configuration may go."""
        return Reach(self.site.base, self.hosts, self.networks)

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Config:
        """Read and check; `ConfigError` names the setting, its value and what is allowed.

        The secrets of the settings are kept from then on, see `secret_settings`.
        """
        guard(settings)
        site = Site.from_settings(str(settings["CALIBER_BASE_URL"]), str(settings["SITE_TIMEZONE"]))
        uri = str(settings["MONGODB_URI"] or "").strip()
        return cls(
            site=site,
            hosts=hosts_of(str(settings["SITE_HOSTS"] or "")),
            networks=networks_of(str(settings["SITE_NETWORKS"] or "")),
            ca_file=_authorities(settings, "TLS_CA_FILE"),
            languages=_languages(str(settings["SITE_LANGUAGES"])),
            mongodb_uri=OFF if uri.lower() == OFF else uri,
            mongodb_database=_database(str(settings["MONGODB_DATABASE"])),
            mongodb_data_dir=data_dir(settings["MONGODB_DATA_DIR"]),
            mongodb_retry_seconds=_seconds(settings, "MONGODB_RETRY_SECONDS"),
            crawl_id=_crawl_id(str(settings["CRAWL_ID"] or "")),
            download_delay=_seconds(settings, "CLUSTER_DOWNLOAD_DELAY"),
            overlap=_choice(settings, "CRAWL_OVERLAP", OVERLAPS),
            contact=str(settings["CRAWLER_CONTACT"] or "").strip(),
            scroll_quiet=_seconds(settings, "SCROLL_QUIET_SECONDS"),
            browser_patience=_seconds(settings, "BROWSER_PATIENCE_SECONDS", least=0.1),
            max_batches=_whole(settings, "LIST_MAX_BATCHES"),
            navigation=timedelta(hours=_number(settings, "NAVIGATION_HOURS", "hours")),
            chromium=str(settings["CHROMIUM_EXECUTABLE"] or "").strip(),
            lease_seconds=_seconds(settings, "FRONTIER_LEASE_SECONDS", least=1),
            attempts=_whole(settings, "FRONTIER_ATTEMPTS"),
            stay=_choice(settings, "FRONTIER_STAY", ("no", "yes")) == "yes",
            backoff_first=_seconds(settings, "BACKOFF_FIRST_SECONDS"),
            backoff_most=_seconds(settings, "BACKOFF_MOST_SECONDS"),
            robots_lasting=timedelta(hours=_number(settings, "ROBOTS_HOURS", "hours", 0.0001)),
            robots_patience=_seconds(settings, "ROBOTS_PATIENCE_SECONDS"),
            pace=_pace(settings),
            health=_learning(settings, site),
            limits=_limits(settings),
            most_headers=_whole(settings, "RESPONSE_MAX_HEADERS"),
            progress=_choice(settings, "PROGRESS", PROGRESS),
            progress_line_seconds=_seconds(settings, "PROGRESS_LINE_SECONDS", least=0.1),
            prometheus_host=str(settings["PROMETHEUS_HOST"] or "").strip() or "127.0.0.1",
            prometheus_port=_port(settings, "PROMETHEUS_PORT"),
            prometheus_textfile=_path(settings, "PROMETHEUS_TEXTFILE"),
        )


def _learning(settings: BaseSettings, site: Site) -> Learning:
    given, since = str(settings["HEALTH_SINCE"] or "").strip(), None
    try:
        if given:
            since = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigError(
            f"HEALTH_SINCE={given!r}: give a day, 2026-06-25, or an instant, 2026-06-25T18:00+04:00"
        ) from None
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=site.zone)
    crawls = (
        0 if str(settings["HEALTH_CRAWLS"]).strip() == "0" else _whole(settings, "HEALTH_CRAWLS")
    )
    return Learning(crawls, since, _number(settings, "HEALTH_PAUSES", "how many times"))


def _seconds(settings: BaseSettings, name: str, least: float = 0) -> float:
    return _number(settings, name, "seconds", least)


def _number(settings: BaseSettings, name: str, unit: str, least: float = 0) -> float:
    value = settings[name]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (least <= number <= _MOST):
        raise ConfigError(f"{name}={value!r}: give {unit}, a number of {least:g} or more")
    return number


def _pace(settings: BaseSettings) -> Pace:
    least = timedelta(hours=_number(settings, "REFRESH_LEAST_HOURS", "hours"))
    most = timedelta(days=_number(settings, "REFRESH_MOST_DAYS", "days"))
    if most < least:
        raise ConfigError(
            f"REFRESH_MOST_DAYS={settings['REFRESH_MOST_DAYS']!r} is less than "
            f"REFRESH_LEAST_HOURS={settings['REFRESH_LEAST_HOURS']!r}"
        )
    return Pace(least, most)


def _whole(settings: BaseSettings, name: str, most: int = 10**12) -> int:
    text = str(settings[name]).strip()
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= most:
        allowed = "1 or more" if most == 10**12 else f"1 to {most}"
        raise ConfigError(f"{name}={settings[name]!r}: give a whole number of {allowed}")
    return int(text)


def _limits(settings: BaseSettings) -> Limits:
    # Scrapy's own, which it does not check; 0 means "no limit" to it.
    _whole(settings, "DOWNLOAD_MAXSIZE")
    _whole(settings, "REDIRECT_MAX_TIMES")
    _seconds(settings, "DOWNLOAD_TIMEOUT", least=0.1)
    return Limits(
        tags=_whole(settings, "PAGE_MAX_TAGS"),
        depth=_whole(settings, "PAGE_MAX_DEPTH", DEEPEST),
        cards=_whole(settings, "LIST_MAX_CARDS", MOST_CARDS),
        sections=_whole(settings, "LIST_MAX_SECTIONS"),
        text=_whole(settings, "ARTICLE_MAX_TEXT"),
        field=_whole(settings, "ARTICLE_MAX_FIELD"),
        entries=_whole(settings, "ARTICLE_MAX_ENTRIES"),
    )


def _port(settings: BaseSettings, name: str) -> int:
    text = str(settings[name] or "0").strip()
    if not _DIGITS.fullmatch(text) or int(text) > 65535:
        raise ConfigError(f"{name}={settings[name]!r}: give a port, 1 to 65535; empty or 0: none")
    return int(text)


def _path(settings: BaseSettings, name: str) -> Path | None:
    value = settings[name]
    return _folder(name, value) if str(value or "").strip() else None


def data_dir(value: object) -> Path:
    """The folder that MONGODB_DATA_DIR names. A relative path is meant from the project's folder,
    so that a command has the same database wherever in the project it is started.

    Raises `ConfigError`.
    """
    project = closest_scrapy_cfg()
    return (Path(project).parent if project else Path.cwd()) / _folder("MONGODB_DATA_DIR", value)


def _folder(name: str, value: object) -> Path:
    text = str(value or "").strip()
    if not text:
        raise ConfigError(f"{name}={value!r}: give a folder")
    try:
        os.fsencode(text)
        if "\0" in text:
            raise ValueError(text)
        return Path(text).expanduser()
    except ValueError:
        raise ConfigError(f"{name}={value!r} holds characters that no path can have") from None
    except RuntimeError:
        raise ConfigError(
            f"{name}={value!r}: there is no such user; give a path, or ~ for your own home"
        ) from None


def _authorities(settings: BaseSettings, name: str) -> Path | None:
    path = _path(settings, name)
    if path is None:
        return None
    path = path.absolute()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        why = "it holds no certificate that can be read"
    except OSError as error:
        why = error.strerror or str(error)
    else:
        return path
    raise ConfigError(f"{name}={str(path)!r}: {why}; give a file of certificates in PEM form")


def _choice(settings: BaseSettings, name: str, allowed: tuple[str, ...]) -> str:
    value = str(settings[name]).strip().lower()
    if value not in allowed:
        raise ConfigError(f"{name}={settings[name]!r}: allowed are {', '.join(allowed)}")
    return value


def _database(value: str) -> str:
    if not _DATABASE.fullmatch(value) or not is_whole(value):
        raise ConfigError(f"MONGODB_DATABASE={value!r} is no name that MongoDB takes")
    return value


def _crawl_id(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise ConfigError(
            f"CRAWL_ID={value!r}: allowed are up to 120 letters, digits and . _ : - "
            "with a letter or digit first"
        )
    return value


def _languages(value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip().lower() for part in value.split(",") if part.strip()))
    if not names or not all(map(_LANGUAGE.fullmatch, names)):
        raise ConfigError(f"SITE_LANGUAGES={value!r}: give names of editions such as en,ru,arm")
    return names
