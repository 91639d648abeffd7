"""Chromium's sandbox: used where the system lets it be had, and missed aloud where it does not."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Error, async_playwright
from playwright.sync_api import sync_playwright

from caliber_crawler.browser.chromium import find_executable, launch, launch_options
from caliber_crawler.doctor.chromium import chromium
from caliber_crawler.doctor.findings import ATTENTION
from demo_site import SiteConfig, serve
from tests.conftest import Scrapy
from tests.test_browser_trouble import counter
from tests.test_doctor import config

# As Chromium says it where users may make no name spaces.
REFUSES = (
    "echo '[1:1:FATAL:content/browser/zygote_host/zygote_host_impl_linux.cc:128] No usable "
    "sandbox! If you are running on Ubuntu 23.10+' >&2; kill -TRAP $$"
)
# It starts, and no page of it ever lives.
PAGES_DIE = 'exec {real} --no-sandbox --no-zygote --renderer-cmd-prefix=/bin/false "$@"'
Make = Callable[[str], Path]


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """The arguments with which the browser was started, a line for each start."""
    return tmp_path / "starts"


@pytest.fixture
def make(tmp_path: Path, starts: Path) -> Make:
    """Makes a Chromium that does something else when it is started with its sandbox."""
    with sync_playwright() as playwright:
        real = shlex.quote(find_executable("") or playwright.chromium.executable_path)

    def make(script: str) -> Path:
        path = tmp_path / "chromium"
        path.write_text(
            f'#!/bin/sh\necho "$*" >> {starts}\n'
            f'case "$*" in *--no-sandbox*) exec {real} "$@";; esac\n'
            f"{script.format(real=real)}\n"
        )
        path.chmod(0o755)
        return path

    return make


def noted(starts: Path) -> list[str]:
    return starts.read_text().splitlines()


@pytest.mark.parametrize(("user", "sandbox"), [(0, False), (1000, True)])
def test_it_is_for_all_but_root(monkeypatch: pytest.MonkeyPatch, user: int, sandbox: bool) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    options = launch_options("", 30)
    assert options["chromium_sandbox"] is sandbox
    assert "--no-sandbox" not in options["args"]


@pytest.mark.parametrize(
    ("script", "told"),
    [(REFUSES, "the system does not let it have one"), (PAGES_DIE, "its pages die in it")],
)
async def test_where_it_cannot_be_had_the_browser_does_without(
    make: Make, starts: Path, script: str, told: str
) -> None:
    options = launch_options(str(make(script)), 30) | {"chromium_sandbox": True}
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await launch(playwright.chromium, options, complaints.append)
        page = await browser.new_page()
        assert await page.evaluate("1 + 1") == 2
        await browser.close()
    assert complaints == [told]
    first, second = noted(starts)
    assert "--no-sandbox" not in first
    assert "--no-sandbox" in second


async def test_what_ends_for_another_reason_is_not_started_again(make: Make, starts: Path) -> None:
    options = launch_options(str(make("echo 'no such library' >&2; exit 1")), 30)
    complaints: list[str] = []
    async with async_playwright() as playwright:
        with pytest.raises(Error):
            await launch(
                playwright.chromium, options | {"chromium_sandbox": True}, complaints.append
            )
    assert len(noted(starts)) == 1
    assert complaints == []


def test_a_crawl_says_so_and_counts_it(scrapy: Scrapy, make: Make) -> None:
    options = {**launch_options(str(make(REFUSES)), 30), "chromium_sandbox": True}
    with serve(SiteConfig(articles=200, seed=21, cards=10)) as site:
        run = scrapy(
            "crawl", "sections", "-a", "section=world", "-a", "render=browser",
            "-s", f"PLAYWRIGHT_LAUNCH_OPTIONS={json.dumps(options)}", CALIBER_BASE_URL=site.url,
        )  # fmt: skip
    assert run.code == 0, run.err
    assert counter(run, "browser/no_sandbox") == 1
    assert "Chromium runs without its sandbox: the system does not let it have one" in run.err


async def test_the_doctor_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    [finding] = await chromium(config(CHROMIUM_EXECUTABLE=str(make(REFUSES))))
    assert finding.state == ATTENTION
    assert "starts and shows a page, but without its sandbox" in finding.found
    assert "SECURITY.md" in finding.advice
