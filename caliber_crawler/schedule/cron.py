"""When a cron expression fires, in the zone that the schedule names."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from caliber_crawler.errors import ConfigError

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_FIELDS = 5
_ANY = datetime(2024, 1, 1, tzinfo=UTC)


class Cron:
    """A cron expression of five fields, meant in `zone`. Weekdays are cron's: 0 and 7 are Sunday.

    Clock changes are met as Debian's cron meets them. An expression with a fixed hour fires once a
    day on every day: at the first instant after the gap when its time does not exist, and the first
    time when it comes twice. One whose minute or hour begins with ``*`` goes by elapsed time.
    """

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        """Raises `ConfigError`, which names the field."""
        self.text = " ".join(text.split())
        self.zone = zone
        self._fields = _WORDS.get(self.text.lower(), self.text)
        number = len(self._fields.split())
        if number != _FIELDS:
            raise ConfigError(
                f"{text!r} has {number} fields; give minute, hour, day of the month, month and "
                f"weekday, or one of {', '.join(_WORDS)}"
            )
        try:
            next(CronSim(self._fields, _ANY))
        except CronSimError as error:
            field = str(error).removeprefix("Bad ")
            raise ConfigError(f"{text!r}: its {field} is none") from None
        except StopIteration:
            raise ConfigError(f"{text!r} never fires") from None

    def after(self, instant: datetime) -> datetime:
        """The first time it fires after an instant, in UTC.

        >>> cron = Cron("30 9 * * *", ZoneInfo("Asia/Baku"))
        >>> cron.after(datetime(2026, 6, 25, 5, 30, tzinfo=UTC)).isoformat()
        '2026-06-26T05:30:00+00:00'
        """
        return next(CronSim(self._fields, instant.astimezone(self.zone))).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.text} {self.zone.key}"
