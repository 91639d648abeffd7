"""What a running crawl listens on: nothing but what it was asked for, and its database."""

from __future__ import annotations

import socket
from pathlib import Path

from demo_site import SiteConfig, serve
from tests.conftest import Scrapy, wait_until


def listening(processes: list[int]) -> set[tuple[str, int]]:
    """Addresses, as the kernel writes them, and ports at which processes await TCP connections."""
    inodes = set()
    for process in processes:
        for descriptor in Path(f"/proc/{process}/fd").glob("*"):
            try:
                inodes.add(str(descriptor.readlink()))
            except OSError:  # closed meanwhile
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def test_a_crawl_listens_on_nothing_it_was_not_asked_for(scrapy: Scrapy) -> None:
    loopback = "0100007F"
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics = free.getsockname()[1]
    with serve(SiteConfig(articles=60, seed=21, cards=10)) as site:
        site.knobs.delay_of["/ajax/list"] = 60
        process = scrapy.start(
            "crawl", "sections", "-a", "section=world", "-a", "render=browser",
            CALIBER_BASE_URL=site.url, MONGODB_URI="", MONGODB_DATA_DIR=str(scrapy.folder / "m"),
            PROMETHEUS_PORT=str(metrics),
        )  # fmt: skip
        # All are at work: the database, the crawl, the browser that scrolls.
        wait_until(lambda: any("/ajax/list" in hit.path for hit in site.log) or process.poll())
        commands = scrapy.processes()
        ports = listening(list(commands))
        process.terminate()
        run = scrapy.finish(process)
    assert any("--type=renderer" in command for command in commands.values()), run.err
    assert any("mongod" in command for command in commands.values())
    assert {address for address, _ in ports} == {loopback}
    assert metrics in {port for _, port in ports}
    assert len(ports) == 2
    wait_until(lambda: not scrapy.alive(), what="an end of all processes")
