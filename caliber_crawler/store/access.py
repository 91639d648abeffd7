"""The password of the embedded server: where it is kept, and logging in with it by hand.

It is in `KEY_FILE` of the data folder, which only its owner can read, and serves twice. `mongod`
takes it as its key file, so that its own user ``__system`` has this password, and `USER` has it, as
whom everyone works. `USER` is made, or gets the password anew, when the server starts. So folders
from before there were passwords go on working, as do those whose key file was lost.

For `caliber_crawler.store.watchdog`, so standard library and `bson` only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import socket
import struct
from pathlib import Path
from typing import Any

KEY_FILE = "access.key"
USER = "caliber"

OP_MSG = 2013
_LARGEST_REPLY = 16_000_000
_MECHANISM = "SCRAM-SHA-256"
_FEWEST_ROUNDS = 4096  # as the standard says; fewer would make the password easy to guess


class Refused(Exception):
    """The server refuses a command, or what answers does not know the password."""


def make_key(data_dir: Path) -> str:
    """The password of a folder; a new one when there is none or others could have read it.

    To be called by whoever is about to start the server. Raises `OSError`.
    """
    path = data_dir / KEY_FILE
    try:
        mode = path.stat().st_mode
        key = path.read_text("ascii").strip()
        if key and not mode & 0o077:
            return key
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    key = secrets.token_hex(32)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return key


def read_key(data_dir: Path) -> str:
    """The password of a folder whose server runs. Raises `OSError`."""
    return (data_dir / KEY_FILE).read_text("ascii").strip()


def server_pid(
    port: int, key: str, *, make_user: bool = False, timeout_s: float = 1.0
) -> int | None:
    """Process id of the `mongod` on this loopback port by its own word, once it has let us in.

    None when none answers, or one that does not know the password: it must show that it does. With
    `make_user` the user is made if the server does not know it yet.

    A few messages by hand instead of a driver's client, which would start threads and takes longer
    to import than `mongod` to start.
    """
    import bson  # takes longer than everything else here; mongod starts meanwhile

    try:
        try:
            return _pid_as(USER, "admin", port, key, timeout_s)
        except Refused:
            if not make_user:
                return None
        with _Talk(port, timeout_s) as talk:
            talk.log_in("__system", "local", key)
            _make_user(talk, key)
        return _pid_as(USER, "admin", port, key, timeout_s)
    except (Refused, OSError, struct.error, bson.errors.BSONError):
        return None  # nothing there, or something that is no mongod of ours
    except (LookupError, TypeError, ValueError):
        return None


def _pid_as(user: str, database: str, port: int, key: str, timeout_s: float) -> int:
    with _Talk(port, timeout_s) as talk:
        talk.log_in(user, database, key)
        return int(talk.command({"serverStatus": 1, "$db": "admin"})["pid"])


def _make_user(talk: _Talk, key: str) -> None:
    said = {"pwd": key, "roles": ["root"], "mechanisms": [_MECHANISM], "$db": "admin"}
    try:
        talk.command({"createUser": USER, **said})
    except Refused:  # it is there, with another password
        talk.command({"updateUser": USER, **said})


class _Talk:
    """A connection to a server on loopback, one message at a time."""

    def __init__(self, port: int, timeout_s: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> _Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def command(self, document: dict[str, Any]) -> dict[str, Any]:
        """Raises `Refused` when the server does not do it."""
        import bson

        command = bson.encode(document)
        self._socket.sendall(
            struct.pack("<iiiiIB", 21 + len(command), 1, 0, OP_MSG, 0, 0) + command
        )
        (length,) = struct.unpack("<i", self._stream.read(4))
        reply = self._stream.read(max(0, min(length, _LARGEST_REPLY) - 4))
        answer = bson.decode(reply[17:])
        if not answer["ok"]:
            raise Refused(str(answer.get("codeName")))
        return answer

    def log_in(self, user: str, database: str, password: str) -> None:
        """SCRAM-SHA-256 (RFC 7677), in which the server, too, shows that it knows the password."""
        ours = f"n={user},r={secrets.token_urlsafe(24)}"
        options = {"skipEmptyExchange": True}
        answer = self.command(
            {
                "saslStart": 1,
                "mechanism": _MECHANISM,
                "payload": b"n,," + ours.encode(),
                "options": options,
                "$db": database,
            }
        )
        theirs = bytes(answer["payload"]).decode("ascii")
        said = dict(part.split("=", 1) for part in theirs.split(","))
        rounds = int(said["i"])
        if rounds < _FEWEST_ROUNDS or not said["r"].startswith(ours.partition(",r=")[2]):
            raise Refused("what answers does not keep to the rules")
        salted = hashlib.pbkdf2_hmac(
            "sha256", password.encode(), base64.b64decode(said["s"]), rounds
        )
        last = f"c=biws,r={said['r']}"
        signed = f"{ours},{theirs},{last}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, mask, strict=True)))
        answer = self.command(
            {
                "saslContinue": 1,
                "conversationId": answer["conversationId"],
                "payload": last.encode() + b",p=" + proof,
                "$db": database,
            }
        )
        expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        if not hmac.compare_digest(bytes(answer["payload"]), b"v=" + base64.b64encode(expected)):
            raise Refused("what answers does not know the password")
