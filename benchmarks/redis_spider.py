"""The peer with a shared queue: the plain spider on scrapy-redis, as its documentation has it.

Start addresses come from a list in Redis; its scheduler and its filter of duplicates are used.
Run by the peers' Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scrapy.http import Response
from scrapy_redis.spiders import RedisSpider

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.plain_spider import SETTINGS, read


class RedisArticlesSpider(RedisSpider):  # type: ignore[misc]
    """Takes the article pages whose addresses are pushed to Redis, and ends when none are left.

    The mixin's own `spider_idle` waits for further addresses, in steps of five seconds. Ending at
    once makes the times comparable. Its `redis_batch_size` says how many addresses it takes from
    the list into the shared queue when it has nothing to do; `-a redis_batch_size=N` sets it.
    """

    name = "redis_articles"
    custom_settings = SETTINGS | {
        "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
        "DUPEFILTER_CLASS": "scrapy_redis.dupefilter.RFPDupeFilter",
        # Otherwise the first worker that ends empties the queue of the others.
        "SCHEDULER_PERSIST": True,
    }

    def spider_idle(self) -> None:
        self.schedule_next_requests()

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield read(response)
