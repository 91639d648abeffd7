"""The forms of the site's addresses: canonical form, kind, edition, identity.

Facts behind the rules: an English article is ``/en/post/<slug>``, a Russian one ``/post/<slug>``
at the root; a section is ``/category/<slug>`` with the same prefixes; the prefix of further
editions is read from the pages' own switch, so any short lower-case prefix is accepted here. That
sections have others below them, ``/category/<slug>/<slug>``, is not known but likely: so the site's
system (DataLife Engine) writes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urljoin, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from w3lib.url import canonicalize_url

from caliber_crawler.errors import ConfigError
from caliber_crawler.limits import LONGEST_URL
from caliber_crawler.secrecy import HIDDEN

ROOT_LANGUAGE = "ru"
"""The edition whose addresses carry no prefix."""

HOUSE = "Caliber.az"
"""The publisher's name as the terms of use write it."""

SECTION_PATH = "/category/"
"""What every section's address contains: a cheap test before an address is looked at closely."""

Kind = Literal["article", "section", "home", "search", "other"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PREFIX = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,4})?")
# Sections below sections; what is deeper comes of relative links that are resolved wrongly.
_DEEPEST = 3
# Ends of an address below a section's that make it no section of its own: further pages and days of
# its list, and other forms of it.
_VIEW = re.compile(r"\d+|page|pages|feed|rss|amp|print|turbo|[^/]*\.[^/]*", re.IGNORECASE)
_KINDS: dict[str, Kind] = {"post": "article", "category": "section", "search": "search"}
# Parameters that only say where a visitor came from, or ask for the copy for phones. Any other
# parameter may choose the article (`?id=1` against `?id=2`), so it stays part of the address.
_TRACKING = re.compile(
    r"utm_.*|fbclid|gclid|gclsrc|gad_source|gad_campaignid|gbraid|wbraid|dclid|yclid|ymclid|"
    r"msclkid|twclid|ttclid|igshid|igsh|li_fat_id|rdt_cid|sccid|epik|"
    r"ysclid|srsltid|mibextid|tg_rhash|mc_cid|mc_eid|_openstat|_ga|_gl|__twitter_impression|"
    # of programs that count visitors or send letters: Matomo, Piano, HubSpot, Marketo
    r"(?:mtm|matomo|pk|piwik)_(?:campaign|cid|content|group|keyword|kwd|medium|placement|source)|"
    r"at_(?:medium|campaign\w*|custom\d*|link_\w+|format|creation|variant|platform|"
    r"network)|_hsenc|_hsmi|__hs(?:tc|sc|fp)|hsctatracking|mkt_tok|ref_src|ref_url|amp",
    re.IGNORECASE,
)
# What no address is to hold as it is: it would steer a terminal, change the order of letters, or
# end the attribute in which the address stands.
_UNSAFE = '\x00-\x20\x7f-\xa0\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"<>'
_TO_ENCODE = re.compile(f"[{_UNSAFE}]")
_ABSOLUTE = re.compile(rf"https?://[A-Za-z0-9.:-]+/[^\s\\{_UNSAFE}]*$")
_HOST_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*\.?|[0-9a-f:.]+(?:%\w+)?")
_ROOT_PATH = re.compile(rf"/(?:[^/.\s\\{_UNSAFE}][^.\s\\{_UNSAFE}]*)?$")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-]+)+|/")


@dataclass(frozen=True, slots=True)
class Address:
    """What an address of the site says about itself.

    `url` is canonical. `language` is the edition's prefix (`ROOT_LANGUAGE` when there is none) and
    `slug` the last part, of an article with what is left of the query, of a section below another
    one ``world/asia``; both are None where the kind has none.
    """

    url: str
    kind: Kind
    language: str | None = None
    slug: str | None = None

    @property
    def id(self) -> str | None:
        """Identity of an article, ``en/some-slug``; None for every other kind of page."""
        return f"{self.language}/{self.slug}" if self.kind == "article" else None

    @property
    def may_be_a_section(self) -> bool:
        """Whether it lies where sections do, and is none as far as is understood: neither one, nor
        a further page of one's list, nor what lies above all."""
        path = urlsplit(self.url).path
        _, found, below = path.partition(SECTION_PATH)
        is_view = any(map(_VIEW.fullmatch, below.split("/")))
        return self.kind == "other" and bool(found) and not is_view


@dataclass(frozen=True)
class Site:
    """The site behind one base URL. Instances are cheap to compare and hash.

    `base` is the origin without a trailing slash, `zone` the zone of the times printed on pages.
    """

    base: str
    zone: tzinfo

    @classmethod
    def from_settings(cls, base_url: str, zone: str) -> Site:
        """Check both settings; `ConfigError` names the one that is impossible and why."""
        # Where there is an @ there may be a password before it.
        shown = HIDDEN if "@" in unquote(base_url) else base_url
        try:
            parts = urlsplit(base_url.strip())
            port = parts.port
        except ValueError as error:
            why = "it cannot be read" if shown == HIDDEN else error
            raise ConfigError(f"CALIBER_BASE_URL={shown!r}: {why}") from None
        hostname = parts.hostname or ""
        if parts.scheme not in _DEFAULT_PORTS or not _HOST_NAME.fullmatch(hostname):
            raise ConfigError(
                f"CALIBER_BASE_URL={shown!r}: give an origin such as https://caliber.az"
            )
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError(
                f"CALIBER_BASE_URL={shown!r}: give scheme, host and port only, no path or user"
            )
        host = f"[{hostname}]" if ":" in hostname else hostname
        shown_port = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
        try:
            return cls(f"{parts.scheme}://{host}{shown_port}", ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(
                f"SITE_TIMEZONE={zone!r} is no time zone; give a name such as Asia/Baku"
            ) from None

    @property
    def host(self) -> str:
        """Host name without port, as `allowed_domains` wants it."""
        return urlsplit(self.base).hostname or ""

    def resolve(self, href: str, page_url: str | None = None) -> str | None:
        """Absolute http(s) address of a link; None for anything else (mail, script, broken).

        So it is for addresses of more than `LONGEST_URL` letters. Spaces, control characters, marks
        of direction, quotes and angle brackets are percent-encoded; all else stays as the page has
        it.
        """
        href = href.strip()
        if len(href) > LONGEST_URL:
            return None
        # Most links need not be taken apart: absolute ones, and paths from the site's root.
        if _ABSOLUTE.match(href):
            return href
        if _ROOT_PATH.match(href) and (page_url is None or page_url.startswith(f"{self.base}/")):
            return self.base + href
        try:
            url = urljoin(page_url or self.base + "/", href)
            scheme = urlsplit(url).scheme
        except ValueError:
            return None
        if scheme not in _DEFAULT_PORTS:
            return None
        return _TO_ENCODE.sub(lambda match: quote(match[0], errors="replace"), url)

    def canonical(self, href: str, page_url: str | None = None) -> str | None:
        """The one form of an address of this site; None when it is none of this site's.

        Undone are: http against https, ``www.``, case of the host, default port, trailing slash,
        doubled slashes, ``.`` and ``..``, fragment, tracking parameters, order of parameters, the
        ways to percent-encode, and ``amp`` before or after an article's address.
        """
        url = self.resolve(href, page_url)
        return _canonical(self.base, url) if url else None

    def address(self, href: str, page_url: str | None = None) -> Address | None:
        """Kind, edition and slug of an address; None when it is none of this site's."""
        url = self.canonical(href, page_url)
        return _classify(self.base, url) if url else None

    def beginnings(self, language: str) -> tuple[str, ...]:
        """How most links within an edition begin: a cheap test, which not all of them pass."""
        kinds = _KINDS if language == ROOT_LANGUAGE else (language,)
        return tuple(f"{origin}/{kind}/" for kind in kinds for origin in ("", self.base))

    def elsewhere(self, asked: str, found: str) -> Address | None:
        """Where a list's address led, when that is another page of the site than the list.

        Its slug under another prefix, with a query, before further parts, or in an address of
        another form still names the section. A search may be written in many ways; only a home page
        is surely none.
        """
        wanted, got = self.address(asked), self.address(found)
        if wanted is None or got is None or wanted.url == got.url:
            return None
        if wanted.kind != "section":
            return got if got.kind == "home" else None
        slug = unquote(wanted.slug or "").casefold()
        if got.kind == "section":
            return None if f"{unquote(got.slug or '').casefold()}/".startswith(f"{slug}/") else got
        if got.kind == "other":
            path = unquote(urlsplit(got.url).path).casefold()
            if f"/{slug}/" in f"{path}/":
                return None
        return got

    def home(self, language: str) -> str:
        """Address of an edition's home page, for editions whose prefix is the language's name."""
        return f"{self.base}/" if language == ROOT_LANGUAGE else f"{self.base}/{language}/"

    def section_url(self, language: str, slug: str) -> str:
        """Likely address of a section that no navigation named."""
        return f"{self.home(language)}category/{slug}"

    @property
    def feed_url(self) -> str:
        """Address of the site's feed."""
        return f"{self.base}/rss.xml"

    def search_url(self, language: str, words: str) -> str:
        """Address of an edition's search for some words."""
        return f"{self.home(language)}search/{quote(words, safe='')}"


def identity_of(url: str) -> Address | None:
    """What the canonical address of an article says of itself; None for any other address."""
    parts = urlsplit(url)
    address = _classify(f"{parts.scheme}://{parts.netloc}", url)
    return address if address.kind == "article" else None


def _endpoint(parts: SplitResult) -> tuple[str, int | None]:
    port = parts.port
    if port == _DEFAULT_PORTS.get(parts.scheme):
        port = None
    return (parts.hostname or "").removeprefix("www.").removesuffix("."), port


@lru_cache(maxsize=4096)
def _canonical(base: str, url: str) -> str | None:
    # Most links are canonical already, and settling percent-encoding is the slow part.
    plain = url.startswith(base + "/") and _PLAIN_PATH.fullmatch(url, len(base))
    if plain and "/amp" not in url:
        return url
    origin = urlsplit(base)
    try:
        if _endpoint(urlsplit(url)) != _endpoint(origin):
            return None
        # Path parameters (`;x`) are settled only on a second pass; further ones change nothing.
        for _ in range(4):
            before, url = url, _settled(origin, url)
            if url == before:
                break
    except ValueError:
        return None
    return url


def _settled(origin: SplitResult, url: str) -> str:
    # w3lib settles percent-encoding, the order of parameters and the fragment.
    parts = urlsplit(canonicalize_url(url))
    # What is kept is kept to the letter: decoding and encoding again could alter it.
    query = "&".join(part for part in parts.query.split("&") if not _is_tracking(part))
    path = "/" + "/".join(_segments(parts.path))
    return urlunsplit((origin.scheme, origin.netloc, path, query, ""))


def _is_tracking(parameter: str) -> bool:
    return _TRACKING.fullmatch(unquote_plus(parameter.partition("=")[0])) is not None


def _segments(path: str) -> list[str]:
    """The parts of a path without empty ones, dots and the mark of an article's amp copy."""
    segments: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del segments[-1:]
        elif part not in ("", "."):
            segments.append(part)
    if "post" in segments[:3]:
        if segments[0] == "amp":
            del segments[0]
        if segments[-1] == "amp" and len(segments) > segments.index("post") + 2:
            del segments[-1]
    return segments


def _is_no_part(segment: str) -> bool:
    """Whether a part of an address is no section below another one."""
    return segment in _KINDS or _VIEW.fullmatch(segment) is not None


@lru_cache(maxsize=4096)
def _classify(base: str, url: str) -> Address:
    # A canonical address is the base, a path, and a query where there is one.
    path, _, query = url[len(base) :].partition("?")
    segments = [part for part in path.split("/") if part]
    language = ROOT_LANGUAGE
    if segments and segments[0] not in _KINDS and _PREFIX.fullmatch(segments[0]):
        language = segments.pop(0)
    if not segments:
        return Address(url, "home", language)
    kind = _KINDS.get(segments[0], "other")
    below = segments[1:]
    deepest = _DEEPEST if kind == "section" else 1
    if kind == "other" or not 1 <= len(below) <= deepest or any(map(_is_no_part, below[1:])):
        return Address(url, "other")
    # The query left over may choose the article, so it is part of an article's identity.
    slug = "/".join(below)
    if kind == "article" and query:
        slug = f"{slug}?{query}"
    return Address(url, kind, language, slug)
