"""Lists that go on where the crawler may not: noted, so that updates need not try each time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from caliber_crawler import counters
from caliber_crawler.reach import OFF_SITE
from caliber_crawler.store.walks import Bar

if TYPE_CHECKING:
    from caliber_crawler.addon import CaliberAddon

# So long is it believed that a list cannot go on without what may not be asked for: what was kept
# from being asked may not have been what the list needs.
_TRIED_ANEW = timedelta(days=7)
_LONGEST_WHY = 300


async def note(addon: CaliberAddon, key: str, reason: str, why: str, url: str) -> None:
    """Note of a list, by its address without origin, that it needs what may not be asked for."""
    addon.count(counters.LISTS_BARRED)
    store = addon.store
    if store is not None:
        bar = Bar(reason, why[:_LONGEST_WHY], url, addon.server_now())
        await addon.patiently(lambda: store.walks.bar(key, bar))


async def holds(addon: CaliberAddon, bar: Bar) -> bool:
    """Whether an address may still not be asked for, as far as is known and was not long ago."""
    if addon.server_now() - bar.at > _TRIED_ANEW:
        return False
    if bar.reason == OFF_SITE:
        return addon.reach.refusal(bar.url) is not None
    try:
        return await addon.forbids(bar.url)
    except IgnoreRequest:  # its host does not tell
        return True
