"""A report in a real browser: drawn, readable, silent, and asking nobody for anything."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from pymongo import AsyncMongoClient

from caliber_crawler.browser.chromium import launch_options
from scripts.report_story import Story, Told
from tests.conftest import Scrapy

# Colours in each box of a picture, and how bright its most frequent one is, 0 to 255.
_COLOURS = """async ([data, boxes]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + data;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  return boxes.map(({x, y, width, height}) => {
    const {data} = context.getImageData(x, y, Math.max(1, width), Math.max(1, height));
    const seen = new Map();
    for (let i = 0; i < data.length; i += 4) {
      const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
      seen.set(colour, (seen.get(colour) || 0) + 1);
    }
    const [most] = [...seen].sort((a, b) => b[1] - a[1])[0];
    return [seen.size, ((most >> 16) + ((most >> 8) & 255) + (most & 255)) / 3];
  });
}"""
_BOXES = """selector => [...document.querySelectorAll(selector)].map(one => {
  const {x, y, width, height} = one.getBoundingClientRect();
  return {x: x + scrollX, y: y + scrollY, width, height};
})"""
# What of the page, but for what scrolls within its own box, is wider than the window.
_TOO_WIDE = """() => [...document.querySelectorAll('body *')].filter(one =>
  !one.closest('.scroll > table') && one.getBoundingClientRect().right > innerWidth + 0.5
).map(one => one.outerHTML.slice(0, 200))"""
_LETTERS = """selector => [...document.querySelectorAll(selector)].map(one =>
  parseFloat(getComputedStyle(one).fontSize))"""
_CHARTS = "svg.chart, svg.small, svg.curve"


@pytest.fixture(scope="module")
def report(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Told]]:
    """A report of a day and a half of the stand-in, and what happened in them."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    folder = tmp_path_factory.mktemp("report")

    async def play() -> Told:
        async with AsyncMongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
            return await Story(client[name], articles=100, days=1.5).play()

    async def drop() -> None:
        async with AsyncMongoClient[dict[str, Any]](mongo_uri) as client:
            await client.drop_database(name)

    told = asyncio.run(play())
    scrapy = Scrapy(folder, {"MONGODB_URI": mongo_uri, "MONGODB_DATABASE": name})
    run = scrapy("report", "-o", "report.html")
    assert run.code == 0, run.err
    path = folder / "report.html"
    assert run.out == (
        f"report.html: {told.articles} articles, {told.crawls} crawls, {told.edits} edits, "
        f"{path.stat().st_size} bytes\n"
    )
    yield path, told
    asyncio.run(drop())


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options("", 60))
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, path: Path, width: int, scheme: Any
) -> AsyncIterator[tuple[Page, list[str]]]:
    """The report in a window so wide, and what the browser said and asked for."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    page = await context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(f"request: {request.url}"))
    await page.goto(path.as_uri())
    yield page, heard
    await context.close()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1000, "light"), (1000, "dark"), (360, "light"), (360, "dark")]
)
async def test_every_chart_is_drawn_and_nothing_is_asked_for(
    browser: Browser, report: tuple[Path, Told], width: int, scheme: str
) -> None:
    path, _ = report
    async with opened(browser, path, width, scheme) as (page, heard):
        shown = base64.b64encode(await page.screenshot(full_page=True)).decode()
        boxes = await page.evaluate(_BOXES, _CHARTS)
        marks = await page.evaluate(_BOXES, "svg.mark, svg.bar")
        whole = await page.evaluate(_BOXES, "html")
        assert heard == [f"request: {path.as_uri()}"]

        easel = await browser.new_page()
        charts = await easel.evaluate(_COLOURS, [shown, boxes])
        assert len(charts) > 20
        for (colours, ground), box in zip(charts, boxes, strict=True):
            assert colours >= 5, box
            assert box["width"] > 40, box
            assert (ground > 128) == (scheme == "light")
        assert all(number >= 2 for number, _ in await easel.evaluate(_COLOURS, [shown, marks]))
        ((_, ground),) = await easel.evaluate(_COLOURS, [shown, whole])
        assert (ground > 128) == (scheme == "light")


@pytest.mark.parametrize("width", [360, 700, 1400])
async def test_nothing_but_tables_scrolls_sideways(
    browser: Browser, report: tuple[Path, Told], width: int
) -> None:
    path, _ = report
    async with opened(browser, path, width, "light") as (page, _):
        await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert await page.evaluate(_TOO_WIDE) == []
        letters = await page.evaluate(_LETTERS, "svg.chart text, td, th, p, small, dd, figcaption")
        assert min(letters) >= 12


async def test_labels_of_an_axis_do_not_lie_over_one_another(
    browser: Browser, report: tuple[Path, Told]
) -> None:
    path, _ = report
    for width in (360, 1000):
        async with opened(browser, path, width, "light") as (page, _):
            charts = await page.evaluate(
                """() => [...document.querySelectorAll('svg.chart')].map(chart =>
                  [...chart.querySelectorAll('text.tick')].map(one => one.getBoundingClientRect())
                    .filter(box => box.width).map(({x, y, right, bottom}) => [x, y, right, bottom]))
                """
            )
            assert len(charts) > 5
            for boxes in charts:
                for i, (left, top, right, bottom) in enumerate(boxes):
                    for x, y, to_x, to_y in boxes[:i]:
                        apart = x >= right or left >= to_x or y >= bottom or top >= to_y
                        assert apart, (width, boxes)


async def test_a_report_can_be_printed_with_its_tables(
    browser: Browser, report: tuple[Path, Told]
) -> None:
    path, told = report
    async with opened(browser, path, 760, "light") as (page, _):
        hidden = page.locator("details table").first
        assert not await hidden.is_visible()
        await page.emulate_media(media="print")
        assert f"{told.articles:,}" in await page.locator("main").inner_text()
        assert not await page.locator("summary").first.is_visible()
        box = await hidden.bounding_box()
        assert box is not None
        assert box["height"] > 50
