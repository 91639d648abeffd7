"""Where the crawler may go: hosts, ports and addresses in all their spellings."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caliber_crawler.browser import ways
from caliber_crawler.errors import ConfigError
from caliber_crawler.reach import Reach, hosts_of, networks_of

SITE = Reach("https://caliber.az")


@pytest.mark.parametrize(
    "url",
    [
        "https://caliber.az/en/post/x",
        "http://caliber.az/",
        "https://www.caliber.az/",
        "https://CALIBER.az.:443/x?y#z",
        "http://user@caliber.az/",
    ],
)
def test_the_site_is_within_reach(url: str) -> None:
    assert SITE.refusal(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://other.example/", "other.example"),
        ("https://media.caliber.az/x", "media.caliber.az"),
        ("https://caliber.az.evil.example/", "caliber.az.evil.example"),
        ("https://evilcaliber.az/", "evilcaliber.az"),
        ("https://caliber.az@evil.example/", "evil.example"),
        ("https://caliber.az\\@evil.example/", "evil.example"),
        ("https://caliber.az:8443/", "caliber.az:8443"),
        ("http://caliber.az:22/", "caliber.az:22"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://2130706433/", "2130706433"),
        ("http://0x7f.1/", "0x7f.1"),
        ("http://0177.0.0.1/", "0177.0.0.1"),
        ("http://[::ffff:169.254.169.254]/", "::ffff:"),
        ("http://localhost/", "localhost"),
        ("file:///etc/passwd", "file is neither http nor https"),
        ("ftp://caliber.az/x", "ftp is neither"),
        ("data:text/html,x", "data is neither"),
        ("//caliber.az/", "no scheme is neither"),
        ("http://[::1", "no address that can be read"),
        ("http://caliber.az:99999/", "no address that can be read"),
        ("", "no scheme"),
    ],
)
def test_all_else_is_not(url: str, why: str) -> None:
    assert why in (SITE.refusal(url) or "")


def test_a_host_and_port_of_its_own_and_no_other_port() -> None:
    reach = Reach("http://127.0.0.1:8000", ["media.example", "cdn.example:8443", "[::1]:81"])
    for url in (
        "http://127.0.0.1:8000/x",
        "https://media.example/",
        "https://cdn.example:8443/",
        "http://[::1]:81/",
        "http://[0:0:0:0:0:0:0:1]:81/",
    ):
        assert reach.refusal(url) is None
    for url in ("http://127.0.0.1/", "http://127.0.0.1:8001/", "https://cdn.example/"):
        assert reach.refusal(url) is not None


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 127.255.0.9 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0
    192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.5 224.0.0.1 239.255.255.250 240.0.0.1
    255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 2002:7f00:1:: 2002:a00:1::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1
    fd00:ec2::254 ff02::1 ff0e::1 100::1 localhost 2130706433 0x7f.1 0177.0.0.1""".split(),
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not SITE.may_connect(address)


@pytest.mark.parametrize(
    "address",
    """1.1.1.1 93.184.216.34 2606:4700::1111 ::ffff:1.1.1.1 64:ff9b::101:101
    2002:101:101::1""".split(),
)
def test_public_addresses(address: str) -> None:
    assert SITE.may_connect(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_an_ipv4_address_stays_private_within_ipv6(address: object) -> None:
    number = int(address)  # type: ignore[call-overload]
    for prefix in ("::ffff:", "64:ff9b::"):
        assert not SITE.may_connect(f"{prefix}{number >> 16:x}:{number & 0xFFFF:x}")
    assert not SITE.may_connect(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")


def test_what_is_named_twice_is_there_once() -> None:
    """Chromium is started anew when these change."""
    reach = Reach("https://caliber.az", ["www.caliber.az"])
    reach.admit("http://caliber.az/en/")
    assert [place.host for place in reach.places] == ["caliber.az", "www.caliber.az"]


def test_what_the_operator_names_may_be_private() -> None:
    loopback = Reach("http://127.0.0.1:8000")
    assert loopback.may_connect("127.0.0.1")
    for address in ("127.0.0.2", "10.0.0.1", "::1", "169.254.169.254"):
        assert not loopback.may_connect(address)
    assert Reach("http://localhost:1").may_connect("::1")
    assert not Reach("http://localhost:1").may_connect("127.0.0.2")
    assert not Reach("http://127.0.0.1.nip.example").may_connect("127.0.0.1")
    assert Reach("http://[fd00::1]").may_connect("fd00::1")
    behind = Reach("http://mirror.lan", networks=[ip_network("10.0.0.0/24")])
    assert behind.may_connect("10.0.0.9")
    assert not behind.may_connect("10.0.1.9")


@given(st.text())
def test_any_text_is_refused_or_the_site(url: str) -> None:
    assert SITE.refusal(url)
    SITE.may_connect(url)


@pytest.mark.parametrize(
    "value", ["https://x.example", "a/b", "*.x.example", "x:99999", "a@b", ":1", "\udcff"]
)
def test_impossible_hosts(value: str) -> None:
    with pytest.raises(ConfigError, match="SITE_HOSTS"):
        hosts_of(value)


def test_hosts_and_networks_are_lists() -> None:
    assert hosts_of(" a.example, b.example:81 ,") == ("a.example", "b.example:81")
    assert networks_of("10.0.0.0/8,fd00::/8") == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    with pytest.raises(ConfigError, match="SITE_NETWORKS"):
        networks_of("10.0.0.1/8")


def test_chromium_is_told_these_ways_only() -> None:
    reach = Reach("http://127.0.0.1:8000", ["media.example:81"])
    addresses = {"127.0.0.1": "127.0.0.1", "media.example": "2606:4700::1111"}
    rules = (
        "MAP 127.0.0.1:8000 127.0.0.1:8000, MAP media.example:81 [2606:4700::1111]:81, "
        "MAP * ~NOTFOUND"
    )
    options = ways.options(reach.places, addresses, {})
    assert options == ["--no-proxy-server", f"--host-resolver-rules={rules}"]
