"""MongoDB: the embedded server or one of the user's, and what is in the database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from caliber_crawler.config import Config
from caliber_crawler.doctor.findings import (
    ATTENTION,
    OK,
    Finding,
    attention,
    broken,
    examined,
    in_thread,
    of_error,
    ok,
)
from caliber_crawler.doctor.leftovers import leftovers
from caliber_crawler.doctor.machine import disk
from caliber_crawler.errors import CaliberError
from caliber_crawler.store import Store
from caliber_crawler.store.condition import VERSION, Condition, condition, try_to_write
from caliber_crawler.store.server import EmbeddedServer, find_mongod

_LEAST_VERSION = (5, 0)
_SECONDS = 20.0
_SLOW, _WRONG = timedelta(seconds=60), timedelta(minutes=10)
_SET_CLOCK = "set the clock: `timedatectl set-ntp true`, or that of the host of a container"


def clock(check: str, whose: str, ahead: timedelta, within: str) -> Finding:
    """What it means that a clock is so far before this machine's."""
    off = abs(ahead)
    if off < _SLOW:
        return ok(check, f"this machine's clock agrees with {whose} {within}")
    later = "behind" if ahead > timedelta() else "ahead of"
    found = f"this machine's clock is {timedelta(seconds=round(off.total_seconds()))} {later} "
    make = broken if off > _WRONG else attention
    return make(check, f"{found}{whose}", _SET_CLOCK)


class Database:
    """The checks of the database. `is_shared` says after them whether other crawls may be met in
    it. The embedded server is held until `release`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._server: EmbeddedServer | None = None
        self.is_shared = False

    def release(self) -> None:
        """Leave the embedded server."""
        if self._server is not None:
            self._server.release()

    async def examine(self) -> list[Finding]:
        """All of them, as far as one does not keep the next from being made."""
        config = self._config
        if config.store_is_off:
            said = "MONGODB_URI=off: no database, so crawls write feeds only and remember nothing"
            return [ok("mongodb", said)]
        findings = []
        if not config.mongodb_uri:
            folder = config.mongodb_data_dir
            findings += await examined(
                "data folder", lambda: in_thread(lambda: _folder(folder)), 10
            )
            findings += await examined("mongod", self._start, 60)
            if any(finding.state not in (OK, ATTENTION) for finding in findings):
                return findings
        try:
            store = await Store.open(
                config.mongodb_uri,
                config.mongodb_database,
                config.mongodb_data_dir,
                "",
                as_it_is=True,
            )
        except CaliberError as error:
            advice = "see docs/settings.md, MONGODB_URI"
            return [*findings, of_error("mongodb", error, advice)]
        try:
            return findings + await self._look(store)
        finally:
            await store.close()

    async def _start(self) -> list[Finding]:
        binary = await in_thread(find_mongod)
        self._server = EmbeddedServer(self._config.mongodb_data_dir)
        await in_thread(self._server.acquire)
        return [ok("mongod", f"the embedded server runs: {binary}")]

    async def _look(self, store: Store) -> list[Finding]:
        findings: list[Finding] = []
        seen: list[Condition] = []

        async def looking() -> list[Finding]:
            seen.append(await condition(store.database))
            return [server(seen[0], store.where)]

        async def writing() -> list[Finding]:
            await try_to_write(store.database)
            return [_concern(seen[0])]

        findings += await examined("mongodb", looking, _SECONDS)
        if not seen:
            return findings
        findings += await examined("mongodb writes", writing, _SECONDS)
        findings.append(_form(seen[0], store.database.name))
        findings.append(clock("mongodb clock", "MongoDB's", seen[0].ahead, "within a minute"))
        if (seen[0].form or 0) <= VERSION:
            lease = self._config.lease_seconds
            findings += await examined(
                "leftovers", lambda: leftovers(store, lease, seen[0].ahead), _SECONDS
            )
        self.is_shared = all(finding.state in (OK, ATTENTION) for finding in findings)
        return findings


def _folder(folder: Path) -> list[Finding]:
    [finding] = disk("data folder", folder, "the embedded server")
    if finding.state == OK and folder.exists():
        mode = folder.stat().st_mode & 0o777
        if mode & 0o077:
            found = f"{finding.found}; mode {mode:o}, so other users can look into it"
            advice = f"`chmod 700 {folder}` (each start of the server does it, too)"
            return [attention("data folder", found, advice)]
        return [ok("data folder", f"{finding.found}; mode {mode:o}")]
    return [finding]


def server(seen: Condition, where: str) -> Finding:
    """Whether a server will do."""
    kind = f"replica set {seen.replica_set!r}" if seen.replica_set else "a single server"
    found = f"MongoDB {seen.version} at {where}, {kind}"
    numbers = tuple(int(part) for part in seen.version.split(".")[:2] if part.isdigit())
    if numbers < _LEAST_VERSION:
        return broken("mongodb", found, "MongoDB 5.0 or newer is needed: upgrade that server")
    if not seen.is_primary:
        advice = "name all members in MONGODB_URI with ?replicaSet=NAME, without directConnection"
        return broken("mongodb", f"{found}; this member takes no writes", advice)
    return ok("mongodb", found)


def _concern(seen: Condition) -> Finding:
    words = ", ".join(f"{name}={value}" for name, value in sorted(seen.concern.items()))
    found = f"a document was written and removed; writes wait for {words or 'the default'}"
    if seen.concern.get("w") == 0 or seen.concern.get("j") is False:
        advice = (
            "leave w= and journal= out of MONGODB_URI: what a crawl takes for stored may be lost"
        )
        return attention("mongodb writes", found, advice)
    return ok("mongodb writes", found)


def _form(seen: Condition, name: str) -> Finding:
    if seen.form is None:
        return ok("mongodb form", f"database {name!r} is new; the first crawl sets it up")
    if seen.form > VERSION:
        found = f"database {name!r} has form {seen.form}, of a newer program; this knows {VERSION}"
        advice = (
            "upgrade caliber-crawler (git pull, make setup), or set MONGODB_DATABASE to another"
        )
        return broken("mongodb form", found, advice)
    if seen.form < VERSION:
        found = f"database {name!r} has form {seen.form}; this program's is {VERSION}"
        advice = "the next crawl brings it up to date: end crawls of older versions, and back it up"
        return attention("mongodb form", found, advice)
    return ok("mongodb form", f"database {name!r} has form {VERSION}, which is this program's")
