"""Which settings hold secrets. They are kept by `secrecy` before anything is done with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from scrapy.settings import BaseSettings, get_settings_priority

from caliber_crawler import saying
from caliber_crawler.secrecy import SHORT, has_secret, keep, keep_logins
from caliber_crawler.settings import proxies

if TYPE_CHECKING:
    from collections.abc import Iterable

URI = "MONGODB_URI"
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASS|PASSWD|PASSWORD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS|API_KEY|ACCESS_KEY)(?:_|$)",
    re.IGNORECASE,
)
_HOST = r"(?:[\w.-]+|\[[0-9a-f:.%]+\]|%2f[\w.%-]+)(?::\d{1,5})?"
# Of a URI without the scheme: nothing but hosts, a database and options.
_NO_LOGIN = re.compile(rf"(?ias)(?:{_HOST}(?:,{_HOST})*)?(?:/[\w.-]*)?(?:\?.*)?")
_OPTION = re.compile(
    r"[?&;][^=&;]*(?:password|token|secret|properties)[^=&;]*=([^&]*)", re.IGNORECASE
)


def guard(settings: BaseSettings) -> None:
    """Keep the secrets of these settings and of the system's proxies, and see to it that logs
    and tracebacks hide them. May be called again."""
    saying.install()
    for address in proxies().values():
        keep_logins(address if "://" in address else f"http://{address}")
    default = get_settings_priority("default")
    for name, value in settings.items():
        if (settings.getpriority(name) or 0) > default:  # Scrapy's own "guest" is no secret
            _keep(name, value)


def is_secret(name: str, value: object) -> bool:
    """Whether a setting is to be seen by nobody: by its name, or by what it holds."""
    return name == URI or _SECRET_NAME.search(name) is not None or has_secret(str(value))


def _keep(name: str, value: object) -> None:
    for key, text in _texts(name, value):
        keep_logins(text)
        if _SECRET_NAME.search(key):
            keep([text])
        if key == URI:
            _keep_uri(text.strip())


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """The texts in a setting, each with the name nearest to it. Keys count: those of FEEDS are
    addresses."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping | BaseSettings):
        inner = {str(key): held for key, held in value.items()}
        user, password = inner.get("username"), inner.get("password")
        if isinstance(user, str) and isinstance(password, str):
            keep([password], user)
        for key, held in inner.items():
            yield name, key
            yield from _texts(key, held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _texts(name, held)


def _keep_uri(uri: str) -> None:
    """The secrets of MONGODB_URI, also when it is none."""
    rest = uri.partition("://")[2] or uri
    login, at, _ = rest.rpartition("@")
    if at:
        user, _, password = login.partition(":")
        # Where a password holds an unencoded @, parsers end it at the first or at the last one.
        keep(_parts(password, "@"), user)
    elif not _NO_LOGIN.fullmatch(rest):
        keep([uri, rest, *_parts(rest.partition(":")[2], "/?")])
    for match in _OPTION.finditer(uri):
        keep([match[1], *(pair.partition(":")[2] for pair in match[1].split(","))])


def _parts(text: str, ends: str) -> Iterable[str]:
    parts = {text.partition(end)[0] for end in ends}
    return {text, *(part for part in parts if len(part) >= SHORT)}
