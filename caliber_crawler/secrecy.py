"""The secrets of this process, kept once and hidden in whatever is said, however they are spelled.

Messages are clean by construction where they are made; this is what stands behind that. Texts that
come from elsewhere (a driver, a browser, a traceback) and texts that outlive the process (records
of crawls, reports) go through `hide`.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
"""What stands in place of a secret."""

SHORT = 4  # what is shorter is hidden only where it stands alone: else no text could be read
# user:password@ in an address; up to the last @ before the path.
_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^\s:/?#@]*):(?P<password>[^\s/?#]*)@"
)
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<rest>[^\s]*)@")

_kept: set[str] = set()
_pattern: re.Pattern[str] | None = None


def keep(secrets: Iterable[str], user: str = "") -> None:
    """Hide these from now on, also as they are written in addresses, JSON, HTML and `repr`.

    With `user`, also as both are written in a header of HTTP or a login to a mail server.
    """
    global _pattern
    found = set()
    for secret in filter(None, secrets):
        plain = unquote(secret)
        forms = {secret, plain, unquote_plus(secret)}
        for name in {user, unquote(user)} - {""}:
            for pair in (f"{name}:{plain}", f"\0{name}\0{plain}"):
                for encode in (b64encode, urlsafe_b64encode):
                    forms.add(encode(pair.encode("utf-8", "replace")).decode().rstrip("="))
        found |= forms - {HIDDEN, ""}
    if found - _kept:
        _kept.update(found)
        _pattern = re.compile("|".join(map(_spelled, sorted(_kept, key=len, reverse=True))))


def keep_logins(text: str) -> None:
    """Keep the password of every ``scheme://user:password@`` in a text."""
    for match in _LOGIN.finditer(text):
        keep([match["password"]], match["user"])
    # A password that was not percent-encoded may hold a slash.
    for match in _AUTHORITY.finditer(text):
        user, _, password = match["rest"].partition(":")
        keep([password], user)


def hide(text: str) -> str:
    """The text with ``***`` for each secret that was kept, and for the password of any address.

    >>> keep(["p/w0rd"]); hide("p%2Fw0rd, p%252fw0rd, ftp://ann:other@host")
    '***, ***, ftp://ann:***@host'
    """
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    if "@" in text:
        text = _LOGIN.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", text)
    return text


def hidden_in(value: object) -> object:
    """Plain data with its texts so: of mappings the values, of lists and tuples (as lists) all."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {name: hidden_in(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden_in(inner) for inner in value]
    return value


def has_secret(text: str) -> bool:
    """Whether `hide` would change the text."""
    return hide(text) != text


def _spelled(secret: str) -> str:
    """A pattern for all spellings of a secret, each of its characters by itself: a text may be
    encoded in part, or more than once."""
    spelled = "".join(map(_character, secret))
    return spelled if len(secret) >= SHORT else rf"(?<![^\W_]){spelled}(?![^\W_])"


def _character(char: str) -> str:
    data = char.encode("utf-8", "surrogatepass")
    forms = ["".join(f"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in data)]
    if char == " ":
        forms.append(r"\+")
    if char in "\\'\"/":
        forms.append(rf"\\*{re.escape(char)}")
    if (named := escape(char)) != char:
        forms += [re.escape(named), f"&#{ord(char)};"]
    if not char.isascii() or not char.isprintable():
        units = char.encode("utf-16-be", "surrogatepass").hex()
        codes = [units[i : i + 4] for i in range(0, len(units), 4)]
        forms.append("".join(rf"\\+u{_any_case(code)}" for code in codes))
        forms.append(rf"\\+x{_any_case(f'{ord(char):02x}')}")
        forms.append(rf"\\+U{_any_case(f'{ord(char):08x}')}")
    if char == "\\":
        forms[-1] = r"\\+"
    # The character as it is comes last: some of its other forms begin with it, as "&amp;" does.
    return f"(?:{'|'.join([*forms, re.escape(char)])})"


def _any_case(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
