"""Where the programs are that people would use instead: an environment of their own.

`make bench` sets it up (`scripts/setup_bench.sh`) of `benchmarks/requirements.txt`. No process of
ours imports any of them: scripts of this folder are run there, which read and write JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.redis_server import Redis

PYTHON = str(ROOT / ".venv-bench" / "bin" / "python")
SCRAPY = [PYTHON, "-m", "scrapy"]
_REDIS_SPIDER = str(Path(__file__).with_name("redis_spider.py"))
START_KEY, ITEMS_KEY = "redis_articles:start_urls", "redis_articles:items"


def ask(script: str, given: Any, *arguments: str, python: str = PYTHON) -> Any:
    """Run a script of this folder to its end; JSON goes in and comes out.

    `RuntimeError` with what it said when it fails.
    """
    # -P: the folder's own modules must not stand in for packages of the same name.
    command = [python, "-P", str(Path(__file__).with_name(script)), *arguments]
    done = subprocess.run(
        command,
        input=json.dumps(given),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def versions(*packages: str) -> str:
    """Names and versions of what is installed there, as text."""
    code = (
        "import sys; from importlib.metadata import version; "
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    found = subprocess.run(
        [PYTHON, "-c", code, *packages], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def redis_crawl(redis: Redis, *options: str, **settings: object) -> list[str]:
    """Command of one worker of Scrapy with scrapy-redis."""
    given = {"REDIS_URL": redis.url} | settings
    pairs = [part for name, value in given.items() for part in ("-s", f"{name}={value}")]
    return [*SCRAPY, "runspider", _REDIS_SPIDER, *pairs, *options]


def push_urls(redis: Redis, urls: Iterable[str]) -> None:
    """Forget what earlier crawls left, and put start addresses into Redis as its page says."""
    redis.ask("FLUSHALL")
    redis.push(START_KEY, (json.dumps({"url": url}) for url in urls))
