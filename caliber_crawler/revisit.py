"""When a stored article is to be visited again: often while it is young or changes, else rarely."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# A story of a month is settled; what is younger is looked at once more as soon as may be, because
# most edits come within hours.
_SETTLED = timedelta(days=30)
_FIRST_SHARE, _SHARE = 12, 16
_LONGER, _SHORTER = 2, 4


@dataclass(frozen=True)
class Pace:
    """The shortest and the longest time between two visits to one article."""

    least: timedelta = timedelta(hours=1)
    most: timedelta = timedelta(days=90)

    def first(self, age: timedelta) -> timedelta:
        """From the first visit to the second; `age` is that of the article at the first.

        None at all for a young article: it is due whenever somebody looks for what is due.
        """
        return timedelta() if age < _SETTLED else min(self.most, age / _FIRST_SHARE)

    def next(self, last: timedelta, age: timedelta, *, changed: bool) -> timedelta:
        """From a visit to the next one. `last` is the time that was planned up to this visit.

        It doubles while nothing changes, and is never less than a sixteenth of the article's age; a
        change brings it down to a quarter.
        """
        if changed:
            return max(self.least, min(last / _SHORTER, self.most))
        return min(self.most, max(self.least, last * _LONGER, age / _SHARE))


def age_of(published_at: datetime | None, at: datetime) -> timedelta:
    """The age of an article at an instant; zero when it is not known or in the future."""
    return max(timedelta(), at - published_at) if published_at else timedelta()
