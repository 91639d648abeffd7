"""Connecting to MongoDB: what is said when it fails, and that no password is ever said."""

from __future__ import annotations

import asyncio
import datetime
import gc
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from bson import ObjectId
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
)

from caliber_crawler.errors import ConfigError, StoreError, StoreUnavailable
from caliber_crawler.store.access import server_pid
from caliber_crawler.store.client import connect, driver_errors, redact, translate
from caliber_crawler.store.server import EmbeddedServer
from tests.mongods import free_port, start_mongod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3t-w0rd"


def everything_said(error: BaseException) -> str:
    """All that a log could show of it, hidden context included."""
    said = [str(error), repr(error), "".join(traceback.format_exception(error))]
    below = {error.__cause__, error.__context__} - {None}
    said.extend(everything_said(one) for one in below if one)
    return "\n".join(said)


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


def closes_while_connecting(test: Any) -> Any:
    """For a test that ends while the driver tries to connect.

    pymongo 4.20 then leaves a socket to the garbage collector: cancelled in `sock_connect`, it does
    not close it. This keeps the warning about it out of whatever test comes next.
    """
    test = pytest.mark.usefixtures("collected")(test)
    return pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")(test)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedServer(tmp_path_factory.mktemp("mongodb")) as uri:
        yield uri


@pytest.fixture(scope="module")
def guarded_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a `mongod` with users: ``ann``, whose password is `SECRET`."""
    folder = tmp_path_factory.mktemp("guarded")
    port = free_port()
    with start_mongod(folder, port, "--auth") as mongod:
        try:
            # Without login, from this machine, the first user may be made: one who rules.
            at = f"127.0.0.1:{port}"
            with MongoClient[dict[str, Any]](f"mongodb://{at}") as client:
                client.admin.command("createUser", "boss", pwd="b0ss", roles=["root"])
            with MongoClient[dict[str, Any]](f"mongodb://boss:b0ss@{at}") as client:
                roles = [{"role": "readWrite", "db": "caliber"}]
                client.admin.command("createUser", "ann", pwd=SECRET, roles=roles)
            yield port
        finally:
            mongod.terminate()


# Connecting


async def test_connects(uri: str) -> None:
    client = await connect(uri)
    try:
        moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
        document = {"_id": ObjectId(), "at": moment}
        await client.caliber.moments.insert_one(document)
        found = await client.caliber.moments.find_one({"_id": document["_id"]})
        assert found is not None
        assert found["at"] == moment
        assert found["at"].utcoffset() == datetime.timedelta(0)
        assert client.caliber.write_concern.document == {"w": "majority", "j": True}
        assert client.options.pool_options.appname == "caliber-crawler"
    finally:
        await client.close()


async def test_options_of_the_uri_come_first(uri: str) -> None:
    client = await connect(f"{uri}&journal=false&appName=mine&socketTimeoutMS=7000")
    try:
        assert client.write_concern.document == {"w": "majority", "j": False}
        assert client.options.pool_options.appname == "mine"
        assert client.options.pool_options.socket_timeout == 7
    finally:
        await client.close()


@pytest.mark.parametrize("options", ["w=0", "retryWrites=false&w=0&journal=false"])
async def test_writes_without_an_answer_are_refused(uri: str, options: str) -> None:
    with pytest.raises(ConfigError, match=r"has w=0: .* set w=1"):
        await connect(f"{uri}&{options}")


@closes_while_connecting
@pytest.mark.parametrize("login", ["", f"ann:{SECRET}@"])
async def test_dead_port(login: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        await connect(f"mongodb://{login}127.0.0.1:{port}", timeout_ms=300)
    assert time.monotonic() - begin < 5  # as it would be unasked
    said = everything_said(caught.value)
    assert f"MongoDB at 127.0.0.1:{port} does not answer" in said
    assert "refused" in said or "Connect call failed" in said
    assert "MONGODB_URI" in said
    assert "Topology" not in said
    assert SECRET not in said


@closes_while_connecting
async def test_server_that_accepts_and_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port} does not answer"):
            await connect(f"mongodb://127.0.0.1:{port}", timeout_ms=300)
        assert time.monotonic() - begin < 5  # as it would be unasked


@closes_while_connecting
async def test_host_that_does_not_exist() -> None:
    with pytest.raises(StoreUnavailable, match=r"MongoDB at db\.invalid:27017 does not answer"):
        await connect("mongodb://db.invalid:27017", timeout_ms=300)


@closes_while_connecting
async def test_cancelling_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        task = asyncio.create_task(connect(f"mongodb://127.0.0.1:{silent.getsockname()[1]}"))
        connection, _ = await asyncio.to_thread(silent.accept)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        connection.close()


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        SECRET,
        "localhost:27017",
        f"http://ann:{SECRET}@h",
        f"mongodb:/ann:{SECRET}@h",
        "mongodb://",
        f"mongodb://ann:{SECRET}",
        f"mongodb://ann:{SECRET}@",
        f"mongodb://ann:{SECRET}@/caliber",
        f"mongodb://ann:{SECRET}@h:port",
        f"mongodb://ann:{SECRET}@h:99999",
        f"mongodb://ann:x@h:{SECRET}/caliber",
        f"mongodb://ann:{SECRET}@more@h",
        f"mongodb://ann:{SECRET}/more@h",
        f"mongodb://ann:{SECRET}:more@h",
        f"mongodb://ann:{SECRET}%zz@h",
        f"mongodb://ann:{SECRET}@[::1",
        f"mongodb://ann:{SECRET}@h,,i",
        f"mongodb://ann:{SECRET}@h/?retryWrite=true",
        f"mongodb://ann:{SECRET}@h/?retryWrites=maybe",
        f"mongodb://ann:{SECRET}@h/?journal",
        f"mongodb://ann:x@h/?authMechanism=MONGODB-AWS&authMechanismProperties={SECRET}",
        f"mongodb+srv://ann:{SECRET}@h.example:27017",
    ],
)
async def test_malformed_uri(malformed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await connect(malformed, timeout_ms=300)
    said = everything_said(caught.value)
    assert "MONGODB_URI" in said
    assert SECRET not in said


# A server with users


async def test_right_password(guarded_port: int) -> None:
    client = await connect(f"mongodb://ann:{SECRET}@127.0.0.1:{guarded_port}")
    await client.caliber.articles.insert_one({})
    with (
        pytest.raises(StoreUnavailable, match=r"storing elsewhere.*MONGODB_DATABASE"),
        driver_errors("storing elsewhere"),
    ):
        await client.other.articles.insert_one({})
    await client.close()


async def test_wrong_password(guarded_port: int) -> None:
    wrong = "wr0ng-" + SECRET
    with pytest.raises(StoreUnavailable) as caught:
        await connect(f"mongodb://ann:{wrong}@127.0.0.1:{guarded_port}")
    said = everything_said(caught.value)
    assert f"MongoDB at 127.0.0.1:{guarded_port} refuses user ann" in said
    assert "authSource" in said
    assert wrong not in said


async def test_no_login_where_one_is_wanted(guarded_port: int) -> None:
    with pytest.raises(StoreUnavailable, match="wants a login: set MONGODB_URI"):
        await connect(f"mongodb://127.0.0.1:{guarded_port}")


def test_a_guarded_server_is_no_embedded_one(guarded_port: int) -> None:
    assert server_pid(guarded_port, SECRET) is None


# Redacting


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://h", "mongodb://h"),
        ("mongodb://h:27017/caliber?tls=true", "mongodb://h:27017/caliber?tls=true"),
        ("mongodb://a.b:1,c.d:2,[::1]:3/?w=1", "mongodb://a.b:1,c.d:2,[::1]:3/?w=1"),
        ("mongodb://%2Ftmp%2Fmongodb.sock/db", "mongodb://%2Ftmp%2Fmongodb.sock/db"),
        ("mongodb://ann@h/", "mongodb://ann@h/"),
        ("mongodb://ann%40corp:pw@h/", "mongodb://ann%40corp:***@h/"),
        ("mongodb://ann:@h/", "mongodb://ann:***@h/"),
        ("mongodb://:pw@h/", "mongodb://:***@h/"),
        ("mongodb+srv://ann:pw@cluster.example/db", "mongodb+srv://ann:***@cluster.example/db"),
        ("mongodb://ann:p@w:/?#[]@h:1/db", "mongodb://ann:***@h:1/db"),
        ("mongodb://ann:p\nw@h", "mongodb://ann:***@h"),
        ("mongodb://ann%3Apw@h", "mongodb://***@h"),
        ("mongodb://ann/pw@h", "mongodb://***@h"),
        ("mongodb://ann:pw", "***"),
        ("ann:pw@h", "***"),
        ("pw", "***"),
        ("mongodb://h/?tlsCertificateKeyFilePassword=pw&tls=true",
         "mongodb://h/?tlsCertificateKeyFilePassword=***&tls=true"),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:pw",
         "mongodb://h/?authMechanismProperties=***"),
    ],
)  # fmt: skip
def test_redact(uri: str, shown: str) -> None:
    assert redact(uri) == shown


FORMS = [
    "mongodb://ann:{}@db.example:27017/caliber?tls=true",
    "mongodb+srv://ann:{}@db.example/caliber",
    "mongodb://ann:{}@db.example,db2.example",
    "mongodb://ann:{}@",
    "mongodb://ann:{}@db.example:port/",
    "mongodb:ann:{}@db.example",
    "ann:{}@db.example",
    "mongodb://ann%3A{}@db.example",
    "mongodb://db.example/?tlsCertificateKeyFilePassword={}",
]
ENCODINGS = [str, quote, quote_plus, lambda text: quote(text, safe="")]


@given(
    password=st.text(min_size=1),
    form=st.sampled_from(FORMS),
    encode=st.sampled_from(ENCODINGS),
)
@example(password="@db.example/", form=FORMS[0], encode=str)
@example(password="x@y:z@", form=FORMS[0], encode=str)
@example(password="?a=b&c", form=FORMS[0], encode=str)
def test_password_is_never_shown(password: str, form: str, encode: Any) -> None:
    try:
        written = encode(password)
    except UnicodeEncodeError:  # half a surrogate pair cannot be percent-encoded
        written = password
    # An option ends at &, and nobody can tell that what follows was meant as password.
    assume("={}" not in form or "&" not in written)
    # Of a password that is part of the rest anyway nothing can be said.
    for secret in (password, written):
        assume(secret not in form.format("***") and secret not in "***@")
    shown = redact(form.format(written))
    assert password not in shown
    assert written not in shown


# The border


def raised_by(error: Exception) -> StoreError:
    with pytest.raises(StoreError) as caught, driver_errors("storing an article"):
        raise error
    assert "storing an article" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        NetworkTimeout("timed out"),
        NotPrimaryError("not primary"),
        OperationFailure("no space", 14031),
        OperationFailure("not allowed", 13),
    ],
)
def test_trouble_with_the_server_is_unavailability(error: Exception) -> None:
    assert isinstance(raised_by(error), StoreUnavailable)


@pytest.mark.parametrize(
    "error", [DuplicateKeyError("twice", 11000), OverflowError("8 bytes"), OperationFailure("no")]
)
def test_trouble_with_the_request_is_not(error: Exception) -> None:
    assert type(raised_by(error)) is StoreError


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), driver_errors("dividing"):
        raise ZeroDivisionError


def test_failed_bulk_is_told_in_short() -> None:
    failures = [{"errmsg": "too long", "op": {"body": "x" * 10_000}}, {"errmsg": "too"}]
    told = str(translate(BulkWriteError({"writeErrors": failures}), "storing"))
    assert told == "storing: 2 writes failed, the first: too long"


async def test_real_errors_of_the_driver(uri: str) -> None:
    client = await connect(uri)
    articles = client.caliber.refused
    try:
        await articles.insert_one({"_id": 1})
        for impossible in ({"_id": 1}, {"n": 2**64}, {"n": object()}, {"n": "x" * 17_000_000}):
            with pytest.raises(StoreError, match=r"^storing: ") as caught, driver_errors("storing"):
                await articles.insert_one(dict(impossible))
            assert type(caught.value) is StoreError
            assert len(str(caught.value)) < 1000
    finally:
        await client.close()


@closes_while_connecting
async def test_lost_server(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path)
    client = await connect(await asyncio.to_thread(embedded.acquire), timeout_ms=300)
    embedded.release()

    async def write() -> None:
        while True:  # until it has stopped
            with driver_errors("storing"):
                await client.caliber.articles.insert_one({})

    with pytest.raises(StoreUnavailable, match=r"^MongoDB was lost while storing"):
        await asyncio.wait_for(write(), 30)
    await client.close()
