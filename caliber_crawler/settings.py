"""Settings of the project, the only place that reads the environment.

The settings of docs/settings.md may be given with ``-s NAME=value`` or as environment variables;
`config.Config` checks them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from urllib.request import getproxies

from scrapy.settings import default_settings

from caliber_crawler import __version__, stdio

stdio.ensure_open()  # here, since of all that is ours this is imported first

defaults: dict[str, str] = {}
"""What the settings that the environment may give are when it does not."""


def _from_environment(name: str, default: str) -> str:
    defaults[name] = default
    return os.environ.get(name, default)


_PASSED_ON = "CALIBER_PASSED_SETTINGS"


def variables_with(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that this one starts, with other values for some variables."""
    return os.environ | dict(variables)


def variables_passing_on(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that this one starts, with settings that no command line may
    show: those can be read by all users of a machine."""
    return variables_with({_PASSED_ON: json.dumps(dict(settings))} if settings else {})


def proxies() -> dict[str, str]:
    """Addresses of proxies by scheme, as Scrapy takes them from the environment."""
    return getproxies()


def notify_socket() -> str:
    """Where systemd hears that a unit of the type "notify" is ready; "" when it does not wait."""
    return os.environ.get("NOTIFY_SOCKET", "")


# --- of this crawler (docs/settings.md)

CALIBER_BASE_URL = _from_environment("CALIBER_BASE_URL", "https://caliber.az")
SITE_TIMEZONE = _from_environment("SITE_TIMEZONE", "Asia/Baku")
SITE_LANGUAGES = _from_environment("SITE_LANGUAGES", "en,ru,arm")
SITE_HOSTS = _from_environment("SITE_HOSTS", "")
SITE_NETWORKS = _from_environment("SITE_NETWORKS", "")
TLS_CA_FILE = _from_environment("TLS_CA_FILE", "")
MONGODB_URI = _from_environment("MONGODB_URI", "")
MONGODB_DATABASE = _from_environment("MONGODB_DATABASE", "caliber")
MONGODB_DATA_DIR = (
    _from_environment("MONGODB_DATA_DIR", ".caliber/mongodb") or defaults["MONGODB_DATA_DIR"]
)
MONGODB_RETRY_SECONDS = _from_environment("MONGODB_RETRY_SECONDS", "60")
CRAWL_ID = _from_environment("CRAWL_ID", "")
CLUSTER_DOWNLOAD_DELAY = _from_environment("CLUSTER_DOWNLOAD_DELAY", "1.0")
CRAWL_OVERLAP = _from_environment("CRAWL_OVERLAP", "refuse")
FRONTIER_LEASE_SECONDS = _from_environment("FRONTIER_LEASE_SECONDS", "30")
FRONTIER_ATTEMPTS = _from_environment("FRONTIER_ATTEMPTS", "5")
FRONTIER_STAY = _from_environment("FRONTIER_STAY", "no")
BACKOFF_FIRST_SECONDS = _from_environment("BACKOFF_FIRST_SECONDS", "2")
BACKOFF_MOST_SECONDS = _from_environment("BACKOFF_MOST_SECONDS", "300")
REFRESH_LEAST_HOURS = _from_environment("REFRESH_LEAST_HOURS", "1")
REFRESH_MOST_DAYS = _from_environment("REFRESH_MOST_DAYS", "90")
ROBOTS_HOURS = _from_environment("ROBOTS_HOURS", "24")
ROBOTS_PATIENCE_SECONDS = _from_environment("ROBOTS_PATIENCE_SECONDS", "120")
SCROLL_QUIET_SECONDS = _from_environment("SCROLL_QUIET_SECONDS", "5")
BROWSER_PATIENCE_SECONDS = _from_environment("BROWSER_PATIENCE_SECONDS", "30")
NAVIGATION_HOURS = _from_environment("NAVIGATION_HOURS", "6")
LIST_MAX_BATCHES = _from_environment("LIST_MAX_BATCHES", "10000")
PAGE_MAX_TAGS = _from_environment("PAGE_MAX_TAGS", "50000")
PAGE_MAX_DEPTH = _from_environment("PAGE_MAX_DEPTH", "256")
LIST_MAX_CARDS = _from_environment("LIST_MAX_CARDS", "1000")
LIST_MAX_SECTIONS = _from_environment("LIST_MAX_SECTIONS", "200")
ARTICLE_MAX_TEXT = _from_environment("ARTICLE_MAX_TEXT", "500000")
ARTICLE_MAX_FIELD = _from_environment("ARTICLE_MAX_FIELD", "1000")
ARTICLE_MAX_ENTRIES = _from_environment("ARTICLE_MAX_ENTRIES", "300")
RESPONSE_MAX_HEADERS = _from_environment("RESPONSE_MAX_HEADERS", "131072")
# Of Scrapy; from the environment, too, since they are limits like the others.
DOWNLOAD_TIMEOUT = _from_environment("DOWNLOAD_TIMEOUT", "60")
DOWNLOAD_MAXSIZE = _from_environment("DOWNLOAD_MAXSIZE", "4194304")
REDIRECT_MAX_TIMES = _from_environment("REDIRECT_MAX_TIMES", "10")
CHROMIUM_EXECUTABLE = _from_environment("CHROMIUM_EXECUTABLE", "")
HEALTH_CRAWLS = _from_environment("HEALTH_CRAWLS", "700")
HEALTH_SINCE = _from_environment("HEALTH_SINCE", "")
HEALTH_PAUSES = _from_environment("HEALTH_PAUSES", "3")
ALERT_CODES = _from_environment("ALERT_CODES", "1,2,3,4,5")
ALERT_SLACK_API = _from_environment("ALERT_SLACK_API", "https://slack.com/api/")
ALERT_TELEGRAM_API = _from_environment("ALERT_TELEGRAM_API", "https://api.telegram.org")
SPIDERMON_SLACK_SENDER_TOKEN = _from_environment("SPIDERMON_SLACK_SENDER_TOKEN", "")
SPIDERMON_SLACK_SENDER_NAME = _from_environment("SPIDERMON_SLACK_SENDER_NAME", "caliber-crawler")
SPIDERMON_SLACK_RECIPIENTS = _from_environment("SPIDERMON_SLACK_RECIPIENTS", "")
SPIDERMON_TELEGRAM_SENDER_TOKEN = _from_environment("SPIDERMON_TELEGRAM_SENDER_TOKEN", "")
SPIDERMON_TELEGRAM_RECIPIENTS = _from_environment("SPIDERMON_TELEGRAM_RECIPIENTS", "")
SPIDERMON_EMAIL_SENDER = _from_environment("SPIDERMON_EMAIL_SENDER", "")
SPIDERMON_EMAIL_TO = _from_environment("SPIDERMON_EMAIL_TO", "")
SPIDERMON_SMTP_HOST = _from_environment("SPIDERMON_SMTP_HOST", "")
SPIDERMON_SMTP_PORT = _from_environment("SPIDERMON_SMTP_PORT", "")
SPIDERMON_SMTP_USER = _from_environment("SPIDERMON_SMTP_USER", "")
SPIDERMON_SMTP_PASSWORD = _from_environment("SPIDERMON_SMTP_PASSWORD", "")
SPIDERMON_SMTP_ENFORCE_TLS = _from_environment("SPIDERMON_SMTP_ENFORCE_TLS", "0")
SPIDERMON_SMTP_ENFORCE_SSL = _from_environment("SPIDERMON_SMTP_ENFORCE_SSL", "0")
CRAWLER_CONTACT = _from_environment("CRAWLER_CONTACT", "")
PROGRESS = _from_environment("PROGRESS", "auto")
PROGRESS_LINE_SECONDS = _from_environment("PROGRESS_LINE_SECONDS", "60")
PROMETHEUS_HOST = _from_environment("PROMETHEUS_HOST", "127.0.0.1")
PROMETHEUS_PORT = _from_environment("PROMETHEUS_PORT", "")
PROMETHEUS_TEXTFILE = _from_environment("PROMETHEUS_TEXTFILE", "")

# --- of Scrapy

BOT_NAME = "caliber_crawler"
SPIDER_MODULES = ["caliber_crawler.spiders"]
NEWSPIDER_MODULE = "caliber_crawler.spiders"
COMMANDS_MODULE = "caliber_crawler.commands"

ADDONS = {"caliber_crawler.addon.CaliberAddon": 0}
EXTENSIONS = {
    "caliber_crawler.extensions.CrawlRecord": 0,
    "caliber_crawler.progress.Progress": 0,
    "caliber_crawler.prometheus.Prometheus": 0,
    "scrapy.extensions.logstats.LogStats": None,  # our lines say more
}
# The consoles are not even loaded, which would take a seventh of a start.
EXTENSIONS_BASE = {
    path: order
    for path, order in default_settings.EXTENSIONS_BASE.items()
    if not path.endswith((".RemoteControl", ".TelnetConsole"))
}
ITEM_PIPELINES = {
    "caliber_crawler.pipelines.CleanPipeline": 100,
    "caliber_crawler.pipelines.ValidatePipeline": 200,
    "caliber_crawler.pipelines.MongoPipeline": 300,
    "caliber_crawler.pipelines.DuplicatesPipeline": 400,
}
DOWNLOADER_MIDDLEWARES = {
    "caliber_crawler.middlewares.OutcomeMiddleware": 10,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    # It drops redirects without a word to anyone; ours refuses.
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "caliber_crawler.middlewares.ReachMiddleware": 50,
    "caliber_crawler.robots.RobotsMiddleware": 100,
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    "caliber_crawler.cookies.CookiesMiddleware": 700,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": None,
    "caliber_crawler.middlewares.ProxyMiddleware": 750,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "caliber_crawler.bounds.CompressionMiddleware": 590,
    "caliber_crawler.bounds.PageMiddleware": 585,  # as soon as a body is what the page says
    "caliber_crawler.middlewares.CutOffMiddleware": 560,  # between Scrapy's retries and compression
}
REQUEST_FINGERPRINTER_CLASS = "caliber_crawler.requests.CanonicalFingerprinter"
LOG_FORMATTER = "caliber_crawler.logs.ShortLogFormatter"
SPIDER_CONTRACTS = {
    "caliber_crawler.contracts.OnSiteContract": 10,
    "caliber_crawler.contracts.ArticlesContract": 20,
    "caliber_crawler.contracts.FollowsContract": 30,
}

# CRAWLER_CONTACT completes it (add-on): who runs this and where to complain.
USER_AGENT = f"caliber-crawler/{__version__}"
# Addresses choose the edition. By Scrapy's `Accept-Language: en` a site might lead to its English.
DEFAULT_REQUEST_HEADERS = {
    name: value
    for name, value in default_settings.DEFAULT_REQUEST_HEADERS.items()
    if name != "Accept-Language"
}
ROBOTSTXT_OBEY = True
# Only a page that leads on at once is a redirect. By Scrapy's 100 seconds an article that sends
# idle readers home after a minute is the home page, and a list that renews itself a loop.
METAREFRESH_MAXDELAY = 5
# CLUSTER_DOWNLOAD_DELAY rules: requests wait for their turn among those of all workers.
DOWNLOAD_DELAY = 0
# Scrapy starts this many tasks for every response, and our pages yield one item each.
CONCURRENT_ITEMS = 4
# Eight at a time are asked for; the others are on their way to the store.
CONCURRENT_REQUESTS = 24
CONCURRENT_REQUESTS_PER_DOMAIN = 8
# Scrapy's own asks for IPv4 addresses only.
TWISTED_DNS_RESOLVER = "scrapy.resolver.CachingHostnameResolver"
DOWNLOAD_WARNSIZE = 2 * 1024 * 1024
DOWNLOAD_VERIFY_CERTIFICATES = True
DOWNLOAD_HANDLERS = {
    "http": "caliber_crawler.handlers.BrowserOnDemandHandler",
    "https": "caliber_crawler.handlers.BrowserOnDemandHandler",
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}

FEED_EXPORT_ENCODING = "utf-8"
FEED_EXPORTERS = {
    "jsonlines": "caliber_crawler.exporters.RecordLinesExporter",
    "jsonl": "caliber_crawler.exporters.RecordLinesExporter",
    "jl": "caliber_crawler.exporters.RecordLinesExporter",
    "csv": "caliber_crawler.exporters.RecordTableExporter",
}
FEED_STORAGES = {
    "": "caliber_crawler.feeds.FeedStorage",
    "file": "caliber_crawler.feeds.FeedStorage",
    "stdout": "caliber_crawler.feeds.StdoutStorage",
}
# A crawl that finds nothing leaves the feed of the last one as it is.
FEED_STORE_EMPTY = False

# Scrapy's, and those by which Cloudflare says that the site's server gave it no answer for now: an
# odd one (520), none (521, 522, 523, 530), a late one (524), or none over TLS (525).
RETRY_HTTP_CODES = [500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 530, 408, 429]

LOG_LEVEL = _from_environment("LOG_LEVEL", "INFO")
# Two lists scroll at a time at most; each has a page of its own in one browser.
PLAYWRIGHT_MAX_PAGES_PER_CONTEXT = 2
PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT = 30_000
# Scrapy reads the source of every callback for it; the linter finds such generators before.
WARN_ON_GENERATOR_RETURN_VALUE = False
# A crawl spends most of its processor time in the event loop; this one takes a tenth less.
if sys.platform != "win32":  # where uvloop does not run
    ASYNCIO_EVENT_LOOP = "uvloop.Loop"
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False

globals().update(json.loads(os.environ.get(_PASSED_ON, "{}")))
