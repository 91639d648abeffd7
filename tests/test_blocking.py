"""Which requests a page in the browser may make, and what they wait for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from caliber_crawler.browser.blocking import Blocker
from caliber_crawler.reach import Reach

SITE = "https://caliber.az"


@dataclass(eq=False)
class Asked:
    """What the blocker looks at of Playwright's requests."""

    url: str
    resource_type: str
    headers: dict[str, str] = field(default_factory=dict)


class Gate:
    """A blocker, how often it took a turn, and what it counted."""

    def __init__(self) -> None:
        self.turns = 0
        self.counted: Counter[str] = Counter()
        self.blocker = Blocker(Reach(SITE), self._forbids, self._turn, self._blocked)

    async def blocks(self, url: str, kind: str, **headers: str) -> tuple[bool, Any]:
        request: Any = Asked(url, kind, headers)
        return await self.blocker(request), request

    async def _forbids(self, url: str) -> bool:
        if "unknown" in url:
            raise LookupError("its rules cannot be had")
        return "/ajax/" in url

    async def _turn(self) -> None:
        assert len(self.blocker.waiting) == 1
        self.turns += 1

    def _blocked(self, kind: str) -> None:
        self.counted[kind] += 1


NEEDED = ["document", "stylesheet", "script", "xhr", "fetch", "other"]


@pytest.mark.parametrize("kind", NEEDED)
async def test_what_a_list_may_need_waits_for_its_turn(kind: str) -> None:
    gate = Gate()
    assert not (await gate.blocks(f"{SITE}/x", kind))[0]
    assert gate.turns == 1
    assert not gate.blocker.waiting
    assert not gate.counted


@pytest.mark.parametrize("kind", ["image", "font", "eventsource", "ping", "cspreport"])
async def test_what_no_list_needs_is_not_asked_for(kind: str) -> None:
    gate = Gate()
    assert (await gate.blocks(f"{SITE}/x", kind))[0]
    assert gate.turns == 0
    assert gate.counted == {kind: 1}


async def test_what_is_for_pages_that_nobody_opens_is_not_asked_for() -> None:
    gate = Gate()
    purpose = {"sec-purpose": "prefetch;prerender"}
    assert (await gate.blocks(f"{SITE}/x", "other", **purpose))[0]
    assert gate.turns == 0
    assert gate.counted == {"prefetch": 1}


async def test_what_a_page_makes_itself_asks_nobody() -> None:
    gate = Gate()
    assert not (await gate.blocks("blob:https://caliber.az/1", "other"))[0]
    assert gate.turns == 0


@pytest.mark.parametrize("kind", NEEDED)
async def test_what_robots_txt_forbids_is_not_asked_for(kind: str) -> None:
    gate = Gate()
    blocked, request = await gate.blocks(f"{SITE}/ajax/list?page=2", kind)
    assert blocked
    assert gate.turns == 0
    assert gate.counted == {"forbidden": 1}
    assert request in gate.blocker.forbidden


async def test_without_rules_nothing_is_asked_for() -> None:
    gate = Gate()
    blocked, request = await gate.blocks(f"{SITE}/unknown", "fetch")
    assert blocked
    assert gate.blocker.lost[request] == "its rules cannot be had"
    assert request not in gate.blocker.forbidden


@pytest.mark.parametrize(
    ("url", "kind", "unnamed"),
    [
        ("https://api.caliber.az/list", "fetch", True),
        ("https://static.caliber.az/list.js", "script", True),
        ("https://caliber.az:8443/list", "xhr", True),
        ("https://media.caliber.az/a.webp", "image", False),
        ("https://code.jquery.com/jquery.js", "script", False),
        ("https://notcaliber.az/a.js", "script", False),
        ("https://caliber.az/list", "fetch", False),
    ],
)
async def test_what_is_on_hosts_of_the_site_that_nobody_named_is_remembered(
    url: str, kind: str, unnamed: bool
) -> None:
    gate = Gate()
    blocked, request = await gate.blocks(url, kind)
    assert blocked == ("//caliber.az/" not in url)
    assert (request in gate.blocker.unnamed) == unnamed
    assert not gate.turns or not blocked
