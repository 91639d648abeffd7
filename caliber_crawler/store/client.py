"""The connection to MongoDB, and the one border at which its driver's errors become ours.

Whatever is said about a connection goes through `redact`: no message carries a password.
"""

from __future__ import annotations

import asyncio
import datetime
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from caliber_crawler.errors import ConfigError, StoreError, StoreUnavailable
from caliber_crawler.secrecy import HIDDEN, hide

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]

SOCKET_TIMEOUT_MS = 60_000  # an answer that takes longer will not come: a cut cable looks like this
GRACE_S = 0.5  # the driver's own timeout comes first, it knows what happened

AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13
# Codes of the server's state rather than of the request. Most arrive as ConnectionFailure anyway.
UNAVAILABLE_CODES = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        189,  # PrimarySteppedDown
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        14031,  # OutOfDiskSpace
    }
)

SCHEMES = ("mongodb://", "mongodb+srv://")
_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|%2[Ff][\w.%-]+\.sock|[\w.-]+)(?::\d{1,5})?"
# Greedy up to the last @: a password that was not percent-encoded may hold anything.
_URI = re.compile(
    r"(?P<scheme>mongodb(?:\+srv)?)://(?:(?P<login>.*)@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?P<path>/[\w.-]*)?(?P<query>\?.*)?",
    re.DOTALL | re.ASCII,
)
_PLAIN_USER = re.compile(r"(?:[\w.+-]|%40)*", re.ASCII)
_SECRET_OPTION = re.compile(r"((?:password|token|secret|properties)[^=&]*=)[^&]*", re.IGNORECASE)


def redact(uri: str) -> str:
    """The URI without secrets, for messages and logs.

    Only what is recognised as harmless is shown: of a URI that does not have the form of one,
    nothing but ``***``.

    >>> redact("mongodb://ann:p@ss/word@db.example:27017/caliber?tls=true")
    'mongodb://ann:***@db.example:27017/caliber?tls=true'
    >>> redact("mongodb://ann:secret")
    '***'
    """
    parts = _URI.fullmatch(uri)
    if parts is None:
        return HIDDEN
    login = ""
    if parts["login"] is not None:
        login = f"{_user(parts)}:{HIDDEN}@" if ":" in parts["login"] else f"{_user(parts)}@"
    query = _SECRET_OPTION.sub(rf"\1{HIDDEN}", parts["query"] or "")
    return f"{parts['scheme']}://{login}{parts['hosts']}{parts['path'] or ''}{query}"


async def connect(
    uri: str, *, timeout_ms: int = 5000, app_name: str = "caliber-crawler"
) -> AsyncMongoClient[Document]:
    """A client that has reached its server and was let in; the caller closes it.

    Times are read as aware UTC. A write is answered when it is in the journal on disk, on a
    replica set with most of its members, unless the URI says otherwise: a crawl acknowledges
    work because it is stored. Raises `ConfigError` for an impossible URI and `StoreUnavailable`
    after at most `timeout_ms` (and half a second).
    """
    client = _client(uri, timeout_ms, app_name)
    trouble: str
    try:
        async with asyncio.timeout(timeout_ms / 1000 + GRACE_S):
            await client.admin.command("ping")
            # A ping is answered without login. This is not, and takes any user.
            await client.admin.command(
                {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True}
            )
    except TimeoutError:
        trouble = f"{_place(uri)} does not answer within {timeout_ms / 1000:g} s; {_START_OR_SET}"
    except (PyMongoError, OSError) as error:
        trouble = _why_not_connected(uri, error)
    except BaseException:
        await client.close()
        raise
    else:
        return client
    await client.close()
    # Outside of the handler, so that no traceback leads to the driver's exception and its client.
    raise StoreUnavailable(trouble)


@contextmanager
def driver_errors(what: str) -> Iterator[None]:
    """Inside, errors of the driver become `StoreUnavailable` or `StoreError`.

    `what` is being done there, as in "storing an article". To handle an error of the driver, such
    as a duplicate key that decides a race, catch it inside.
    """
    try:
        yield
    except (PyMongoError, BSONError, OverflowError) as error:
        raise translate(error, what) from error


def translate(error: Exception, what: str) -> StoreError:
    """Our error for one of the driver: `StoreUnavailable` when the server, not the request, failed.

    The request failed also when a document is too large, or has a value that MongoDB cannot hold.
    """
    message = hide(f"{what}: {_in_short(error)}")
    if isinstance(error, OperationFailure) and error.code in {UNAUTHORIZED, AUTHENTICATION_FAILED}:
        return StoreUnavailable(
            f"{message}; let the user of MONGODB_URI read and write MONGODB_DATABASE"
        )
    if isinstance(error, ConnectionFailure | WTimeoutError) or (
        isinstance(error, OperationFailure) and error.code in UNAVAILABLE_CODES
    ):
        return StoreUnavailable(f"MongoDB was lost while {message}; see that it runs")
    return StoreError(message)


_START_OR_SET = "start it, or set MONGODB_URI to one that runs (empty: an embedded server)"


def _client(uri: str, timeout_ms: int, app_name: str) -> AsyncMongoClient[Document]:
    parts = _URI.fullmatch(uri)
    given = parts["query"].lower() if parts and parts["query"] else ""
    options: Document = {
        "serverSelectionTimeoutMS": timeout_ms,
        "connectTimeoutMS": timeout_ms,
        "socketTimeoutMS": SOCKET_TIMEOUT_MS,
        "appname": app_name,
        "retryWrites": True,
        "uuidRepresentation": "standard",
    }
    # Journal alone would mean the primary's, which on a replica set may be lost with it: a write
    # concern that names no number of members does not get the server's default.
    if not re.search(r"[?&;]w=", given):
        options["w"] = "majority"
    if re.search(r"[?&;]w=0+(?![^&;])", given):
        raise ConfigError(
            f"MONGODB_URI ({redact(uri)}) has w=0: MongoDB would not answer writes, so nobody "
            "could know what is stored, or who has which page; leave it out (majority), or set w=1"
        )
    if not re.search(r"[?&;]j(ournal)?=", given):
        options["journal"] = True
    options = {
        name: value
        for name, value in options.items()
        if not re.search(rf"[?&;]{name.lower()}=", given)
    }
    try:
        if not uri.startswith(SCHEMES):  # the driver would take it for a host
            raise ConfigurationError
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", UserWarning
            )  # of an unknown option the driver only warns
            return AsyncMongoClient(uri, tz_aware=True, tzinfo=datetime.UTC, **options)
    except (ConfigurationError, ValueError, TypeError, OSError, UserWarning) as error:
        reason = _without_secrets(str(error), uri)
    raise ConfigError(
        f"MONGODB_URI ({redact(uri)}) cannot be used: {reason}; it looks like "
        "mongodb://user:password@host:27017, with user and password percent-encoded"
    )


def _user(parts: re.Match[str]) -> str:
    """The user as written in the URI. Hidden if a slip may have put more into its place."""
    user = (parts["login"] or "").partition(":")[0]
    return user if _PLAIN_USER.fullmatch(user) else HIDDEN


def _place(uri: str) -> str:
    parts = _URI.fullmatch(uri)
    return f"MongoDB at {parts['hosts'] if parts else HIDDEN}"


def _why_not_connected(uri: str, error: Exception) -> str:
    parts = _URI.fullmatch(uri)
    if isinstance(error, OperationFailure) and parts is not None:
        if error.code == AUTHENTICATION_FAILED:
            return (
                f"{_place(uri)} refuses user {unquote(_user(parts))} or its password; "
                "correct MONGODB_URI (a user of another database needs ?authSource=its-database)"
            )
        if error.code == UNAUTHORIZED:
            return f"{_place(uri)} wants a login: set MONGODB_URI to mongodb://user:password@…"
    reason = _without_secrets(_in_short(error), uri)
    return f"{_place(uri)} does not answer: {reason}; {_START_OR_SET}"


def _in_short(error: Exception) -> str:
    """The driver's words without timeouts, topology and whole documents."""
    if isinstance(error, BulkWriteError):
        failures = (error.details or {}).get("writeErrors") or [{}]
        return f"{len(failures)} writes failed, the first: {failures[0].get('errmsg', '?')}"
    text = str(error) or type(error).__name__
    return re.split(r" \(configured timeouts|, Timeout: |, full error: ", text)[0]


def _without_secrets(reason: str, uri: str) -> str:
    """The driver's reason, or a vaguer one where the driver's might repeat a secret of the URI."""
    parts = _URI.fullmatch(uri)
    if parts is None:
        if not uri.startswith(SCHEMES):
            return f"it must begin with {' or '.join(SCHEMES)}"
        return "its host and port cannot be read"
    password = (parts["login"] or "").partition(":")[2]
    options = _SECRET_OPTION.finditer(parts["query"] or "")
    secrets = {password, *(option[0].partition("=")[2] for option in options)}
    secrets |= {unquote(secret) for secret in secrets}
    if any(secret in reason for secret in secrets if secret):
        return "the driver refuses it, in words that cannot be shown without a secret"
    return reason
