"""ETag and Last-Modified of article pages, and whether a visitor's copy is still good."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple


class Version(NamedTuple):
    """What an article page is now. etag: with its quotes; modified: of second precision."""

    etag: str
    modified: datetime

    def headers(self) -> dict[str, str]:
        modified = format_datetime(self.modified.astimezone(UTC), usegmt=True)
        return {"ETag": self.etag, "Last-Modified": modified}

    def is_had(self, headers: Mapping[str, str]) -> bool:
        """Whether the visitor has it already; what If-None-Match says counts alone, if it is there.

        A date that is none says nothing.
        """
        tags = headers.get("If-None-Match")
        if tags is not None:
            known = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
            return "*" in known or self.etag in known
        try:
            since = parsedate_to_datetime(headers.get("If-Modified-Since", ""))
            return self.modified <= since
        except (TypeError, ValueError):  # the latter also for a date without a zone
            return False


class Versions:
    """Remembers what each article said when it was last asked for.

    The first version is as old as the article; each further one is a minute younger than the one
    before, whatever the clock says, so that the same story gives the same bytes.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Version] = {}

    def of(self, key: tuple[str, str], says: str, published: datetime) -> Version:
        """The version of the article of this key (language, slug) that says this."""
        etag = f'"{hashlib.sha256(says.encode("utf-8", "surrogatepass")).hexdigest()[:20]}"'
        known = self._known.get(key)
        if known is None or known.etag != etag:
            modified = published if known is None else known.modified + timedelta(minutes=1)
            known = self._known[key] = Version(etag, modified)
        return known
