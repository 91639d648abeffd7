"""Messages by Slack, Telegram and mail when a crawl is not healthy, and once when one is again.

Spidermon's actions send them, with the names of its settings. Where they fall short of what such
messages need, the classes here say so. Nothing is imported before something is configured.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caliber_crawler.errors import ConfigError
from caliber_crawler.secrecy import hide
from caliber_crawler.text import line as in_one_line
from caliber_crawler.verdict import HEALTHY, Verdict

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

# Which settings a way to send needs, all of them or none.
_NEEDS = {
    "slack": ("SPIDERMON_SLACK_SENDER_TOKEN", "SPIDERMON_SLACK_RECIPIENTS"),
    "telegram": ("SPIDERMON_TELEGRAM_SENDER_TOKEN", "SPIDERMON_TELEGRAM_RECIPIENTS"),
    "mail": ("SPIDERMON_SMTP_HOST", "SPIDERMON_EMAIL_SENDER", "SPIDERMON_EMAIL_TO"),
}
# At DEBUG they log addresses and headers, which hold tokens.
_TALKATIVE = ("urllib3", "slack_sdk")
_CODES = range(7)
_SECONDS = 30
_SWITCHES = ("SPIDERMON_SMTP_ENFORCE_TLS", "SPIDERMON_SMTP_ENFORCE_SSL")
_MARKDOWN = str.maketrans({letter: f"\\{letter}" for letter in "_*`["})


@dataclass(frozen=True)
class Alert:
    """What is to be told. `before` is the document of the crawl before, when that one was not
    healthy and this one is."""

    spider: str
    crawl_id: str
    verdict: Verdict
    before: Mapping[str, Any] | None = None

    @property
    def subject(self) -> str:
        """One short line."""
        how = "healthy again" if self.before else f"exit code {self.verdict.code}"
        return f"caliber-crawler on {socket.gethostname()}: {self.spider}: {how}"

    @property
    def text(self) -> str:
        """Subject, verdict, which crawl, and what was wrong before. It shows no secret."""
        lines = [self.subject, "", in_one_line(self.verdict.line), "", f"Crawl {self.crawl_id}"]
        if self.before:
            said = self.before.get("verdict") or "it did not come to its end"
            lines.append(f"Crawl {self.before['_id']} before it: {in_one_line(said)}")
        return hide("\n".join(lines))


def check(settings: BaseSettings) -> list[str]:
    """The ways to send that are configured. Raises `ConfigError` for settings that do not do."""
    _codes(settings)
    ways = []
    for way, names in _NEEDS.items():
        missing = [name for name in names if not settings.get(name)]
        if len(missing) < len(names) and missing:
            raise ConfigError(f"alerts by {way} need {', '.join(missing)}, too")
        if not missing:
            ways.append(way)
    for name in ("ALERT_SLACK_API", "ALERT_TELEGRAM_API"):
        if not str(settings[name]).startswith(("http://", "https://")):
            raise ConfigError(f"{name}={settings[name]!r}: give an address, https://...")
    for name in _SWITCHES:
        if str(settings[name]).lower() not in ("0", "1", "true", "false"):
            raise ConfigError(f"{name}={settings[name]!r}: give 0 or 1")
    if settings.get("SPIDERMON_SMTP_PORT"):
        port = str(settings["SPIDERMON_SMTP_PORT"])
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 2**16:
            raise ConfigError(f"SPIDERMON_SMTP_PORT={port!r}: give the number of a port")
    return ways


def wanted(code: int, settings: BaseSettings) -> bool:
    """Whether an exit code is one to tell of."""
    return code in _codes(settings)


def send(alert: Alert, crawler: Crawler) -> None:
    """Send an alert by every way that is configured, if its verdict is one to tell of.

    Takes up to half a minute for each receiver. What cannot be sent is logged, without secrets.
    """
    settings = crawler.settings
    if not alert.before and not wanted(alert.verdict.code, settings):
        return
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for way in check(settings):
        try:
            _WAYS[way](alert, crawler)
        except Exception as error:  # whatever a service or the network does
            said = in_one_line(hide(f"{type(error).__name__}: {error}"))
            logger.error("The alert could not be sent by %s: %s", way, said)
        else:
            logger.info("Alert sent by %s", way)


def _slack(alert: Alert, crawler: Crawler) -> None:
    from slack_sdk import WebClient
    from spidermon.contrib.actions.slack import SendSlackMessage, SlackMessageManager

    class Manager(SlackMessageManager):  # type: ignore[misc]  # Spidermon has no types
        """Does not ask for the list of all users for a picture to send along."""

        def _get_icon_url(self) -> None:
            return None

    class Slack(SendSlackMessage):  # type: ignore[misc]
        """Sends a text as it is. Spidermon's would read it as a template, and attach statistics."""

        include_attachments = False

        def get_message(self) -> str:
            text = alert.text
            return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    action = Slack.from_crawler(crawler)
    manager = Manager(action.manager._client.token, action.manager.sender_name)
    manager._client = WebClient(manager._client.token, base_url=crawler.settings["ALERT_SLACK_API"])
    action.manager = manager
    action.run_action()


def _telegram(alert: Alert, crawler: Crawler) -> None:
    import requests
    from spidermon.contrib.actions.telegram import SendTelegramMessage

    api = str(crawler.settings["ALERT_TELEGRAM_API"]).rstrip("/")

    class Client:
        """Raises when a message was not taken. Spidermon's puts the text into an address as it is,
        where an ampersand ends it, and a single underscore makes Telegram refuse it."""

        def __init__(self, token: str) -> None:
            self._token = token

        def send_message(self, message: str, recipient: str) -> None:
            said = {"chat_id": recipient, "text": message, "parse_mode": "Markdown"}
            address = f"{api}/bot{self._token}/sendMessage"
            answer = requests.post(address, json=said, timeout=_SECONDS)
            if not answer.ok or not answer.json().get("ok"):
                raise RuntimeError(f"Telegram answered {answer.status_code}: {answer.text[:200]}")

    class Telegram(SendTelegramMessage):  # type: ignore[misc]
        def get_message(self) -> str:
            return alert.text.translate(_MARKDOWN)

    action = Telegram.from_crawler(crawler)
    action.manager._client = Client(crawler.settings["SPIDERMON_TELEGRAM_SENDER_TOKEN"])
    action.run_action()


def _mail(alert: Alert, crawler: Crawler) -> None:
    import smtplib
    import ssl
    from email.utils import formatdate, make_msgid

    from spidermon.contrib.actions.email import SendEmail

    settings = crawler.settings

    class Mail(SendEmail):  # type: ignore[misc]
        """Sends by the standard library. Spidermon's way uses a part of Scrapy that is going away,
        asks for a password where a relay needs none, and shows whom a blind copy goes to."""

        subject = "set below"
        body_html_template = None

        def get_subject(self) -> str:
            return alert.subject

        def get_body_text(self) -> str:
            return alert.text

        def get_body_html(self) -> str:
            return ""

        def send_message(self, message: Any, **kwargs: Any) -> None:
            del message["Bcc"]
            message["Date"], message["Message-ID"] = formatdate(), make_msgid()
            with self._connected() as server:
                if settings.getbool("SPIDERMON_SMTP_ENFORCE_TLS"):
                    server.starttls(context=ssl.create_default_context())
                if settings.get("SPIDERMON_SMTP_USER"):
                    server.login(
                        settings["SPIDERMON_SMTP_USER"], settings["SPIDERMON_SMTP_PASSWORD"]
                    )
                server.sendmail(
                    self.sender, [*self.to, *(self.cc or ()), *(self.bcc or ())], message.as_bytes()
                )

        def _connected(self) -> smtplib.SMTP:
            host, port = settings["SPIDERMON_SMTP_HOST"], int(settings["SPIDERMON_SMTP_PORT"] or 0)
            if not settings.getbool("SPIDERMON_SMTP_ENFORCE_SSL"):
                return smtplib.SMTP(host, port or 25, timeout=_SECONDS)
            context = ssl.create_default_context()  # checks who the server is
            return smtplib.SMTP_SSL(host, port or 465, timeout=_SECONDS, context=context)

    Mail(
        **{
            name: value
            for name, value in Mail.from_crawler_kwargs(crawler).items()
            if name in ("sender", "to", "cc", "bcc", "reply_to")
        },
        body_text="set above",
    ).run_action()


_WAYS: dict[str, Callable[[Alert, Crawler], None]] = {
    "slack": _slack, "telegram": _telegram, "mail": _mail,
}  # fmt: skip


def _codes(settings: BaseSettings) -> set[int]:
    given = str(settings["ALERT_CODES"])
    parts = [part.strip() for part in given.split(",") if part.strip()]
    allowed = {str(code) for code in _CODES if code != HEALTHY}
    if not allowed.issuperset(parts):
        raise ConfigError(f"ALERT_CODES={given!r}: give exit codes of 1 to 6, as 1,3,5")
    return set(map(int, parts))
