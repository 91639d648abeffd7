"""TLS with real servers and certificates: who is trusted, plain and in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from scrapy.settings import Settings

from caliber_crawler.config import Config
from caliber_crawler.errors import ConfigError
from tests.canary import Authority, tls_site
from tests.conftest import Run, Scrapy
from tests.pages import article_html, card_html

ARTICLE, WORLD = "/en/post/north-road-reopens", "/en/category/world"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def right(authority: Authority) -> Iterator[tuple[str, list[str]]]:
    """A site whose certificate is made out to its address."""
    pages = {ARTICLE: article_html(), WORLD: f"<main>{card_html(ARTICLE)}</main>"}
    with tls_site(pages, authority.issue("127.0.0.1", "localhost")) as site:
        yield site


@pytest.fixture
def wrong(authority: Authority) -> Iterator[tuple[str, list[str]]]:
    """One whose certificate is made out to somebody else."""
    pages = {ARTICLE: article_html(), WORLD: f"<main>{card_html(ARTICLE)}</main>"}
    with tls_site(pages, authority.issue("other.example")) as site:
        yield site


def take(scrapy: Scrapy, base: str, **settings: str) -> Run:
    given = {"CALIBER_BASE_URL": base, "ROBOTS_PATIENCE_SECONDS": "0.1"} | settings
    options = [f"-s{name}={value}" for name, value in given.items()]
    process = scrapy.start(
        "crawl", "articles", "-a", f"url={base}{ARTICLE}", "-O", str(scrapy.feed), *options
    )
    return scrapy.finish(process)


def test_an_unknown_authority_is_refused_and_a_known_one_taken(
    scrapy_without_store: Scrapy, authority: Authority, right: tuple[str, list[str]]
) -> None:
    base, asked = right
    run = take(scrapy_without_store, base)
    assert asked == []
    assert run.code == 1
    assert "robots.txt cannot be had" in run.verdict
    assert "certificate verify failed" in run.verdict
    run = take(scrapy_without_store, base, TLS_CA_FILE=str(authority.file))
    assert run.code == 0, run.err
    assert len(run.records) == 1
    assert ARTICLE in asked


def test_a_certificate_of_another_host_is_refused(
    scrapy_without_store: Scrapy, authority: Authority, wrong: tuple[str, list[str]]
) -> None:
    base, asked = wrong
    run = take(scrapy_without_store, base, TLS_CA_FILE=str(authority.file))
    assert asked == []
    assert run.code == 1
    assert run.records == []


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"no certificate", "holds no certificate"), (b"", "holds no")],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "bad.pem"
    if content is not None:
        file.write_bytes(content)
    settings = Settings()
    settings.setmodule("caliber_crawler.settings")
    settings.set("TLS_CA_FILE", str(file))
    with pytest.raises(ConfigError, match=f"TLS_CA_FILE='{file}': .*{why}.*PEM"):
        Config.from_settings(settings)


@pytest.mark.parametrize("name", ["TLS_CA_FILE", "PROMETHEUS_TEXTFILE", "MONGODB_DATA_DIR"])
@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_cannot_be_a_path_is_refused(name: str, text: str) -> None:
    settings = Settings()
    settings.setmodule("caliber_crawler.settings")
    settings.set(name, text)
    with pytest.raises(ConfigError, match=f"^{name}=.* holds characters that no path can have"):
        Config.from_settings(settings)


SHOW = """
import scrapy

class Show(scrapy.Spider):
    name = "show"

    async def start(self):
        for url in {urls!r}:
            yield scrapy.Request(url, meta={{"playwright": True}}, errback=self.failed)

    def parse(self, response):
        print("SHOWN", response.url, "north-road-reopens" in response.text)

    def failed(self, failure):
        print("FAILED", failure.request.url, failure.getErrorMessage().partition("\\n")[0])
"""


def test_the_browser_trusts_the_same(
    scrapy_without_store: Scrapy,
    tmp_path: Path,
    authority: Authority,
    right: tuple[str, list[str]],
    wrong: tuple[str, list[str]],
) -> None:
    scrapy = scrapy_without_store
    spider, files = tmp_path / "show.py", Path(mkdtemp())  # Chromium wants a short name
    spider.write_text(SHOW.format(urls=[right[0] + WORLD, wrong[0] + WORLD]))
    given = {
        "CALIBER_BASE_URL": right[0],
        "SITE_HOSTS": wrong[0].removeprefix("https://"),
        "TMPDIR": str(files),
    }
    options = ("runspider", str(spider), "-s", "ROBOTSTXT_OBEY=0")
    run = scrapy(*options, **given)
    assert run.out.count("FAILED") == 2, run.err
    assert run.out.count("ERR_CERT_AUTHORITY_INVALID") == 2
    assert right[1] == wrong[1] == []
    run = scrapy(*options, **given, TLS_CA_FILE=str(authority.file))
    assert f"SHOWN {right[0]}{WORLD} True" in run.out, run.out + run.err
    assert f"FAILED {wrong[0]}{WORLD}" in run.out
    assert "ERR_CERT_COMMON_NAME_INVALID" in run.out
    assert wrong[1] == []
    assert not list(files.glob("caliber-home-*"))
    rmtree(files)
    assert run.counts["requests/refused/off_site"] == 0
