from __future__ import annotations

import pytest

from crawlers.addresses import AddressRules, rules_for
from monitor.settings import parse_private

PUBLIC = AddressRules()


@pytest.mark.parametrize("host", ["8.8.8.8", "149.154.167.99", "2001:4860:4860::8888"])
def test_a_public_address_may_be_reached(host: str) -> None:
    assert PUBLIC.permit(host, 443)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
     "100.64.0.1", "0.0.0.0",  # noqa: S104
     "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1",
     "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "2002:7f00:1::", "2001:db8::1",
     "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.88.99.1", "198.51.100.1", "203.0.113.1",
     "2001::1", "2001:1ff::1", "3fff::1", "5f00::1", "100::1", "64:ff9b:1::1",
     "::8.8.8.8", "fec0::1", "4000::1", "64:ff9b::c058:6301", "::ffff:192.0.0.9",
     "localhost", "example.org", "", "1.2.3", "2130706433"],
)  # fmt: skip
def test_any_other_address_may_not(host: str) -> None:
    assert not PUBLIC.permit(host, 80)


def test_a_public_address_in_another_form_may_be_reached() -> None:
    assert PUBLIC.permit("64:ff9b::808:808", 80)
    assert PUBLIC.permit("::ffff:8.8.8.8", 80)
    assert PUBLIC.permit("2002:808:808::1", 80)


@pytest.mark.parametrize("host", ["2001:200::1", "2a00::1", "3ffe::1", "192.0.1.1", "192.88.98.1"])
def test_the_neighbours_of_special_blocks_are_public(host: str) -> None:
    assert PUBLIC.permit(host, 443)


def test_a_source_on_an_opened_special_block_may_reach_it() -> None:
    assert rules_for("http://192.0.0.9/", ("192.0.0.9",)).permit("192.0.0.9", 80)


@pytest.mark.parametrize(
    ("entry", "host", "port", "may"),
    [
        ("127.0.0.1:8101", "127.0.0.1", 8101, True),
        ("127.0.0.1:8101", "127.0.0.1", 8102, False),
        ("127.0.0.1:8101", "::ffff:127.0.0.1", 8101, True),
        ("127.0.0.1", "127.0.0.1", 9, True),
        ("127.0.0.1", "127.0.0.2", 9, False),
        ("10.0.0.0/8", "10.200.1.1", 80, True),
        ("10.0.0.0/8", "11.0.0.1", 80, True),
        ("10.0.0.0/8", "172.16.0.1", 80, False),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("[::1]:80", "127.0.0.1", 80, False),
    ],
)
def test_a_private_address_is_opened_by_its_entry_only(
    entry: str, host: str, port: int, may: bool
) -> None:
    assert AddressRules((parse_private(entry),)).permit(host, port) is may


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8101/forum/", "http://localhost:8101/", "http://[::1]:8101/"],
)
def test_a_source_on_an_opened_address_may_reach_what_was_opened(url: str) -> None:
    rules = rules_for(url, ("127.0.0.1:8101", "[::1]:8101", "127.0.0.1:9000"))
    assert rules.permit("127.0.0.1", 9000)
    assert not rules.permit("127.0.0.1", 9001)


@pytest.mark.parametrize(
    "url",
    ["https://forum.example/", "https://8.8.8.8/", "http://127.0.0.1:8102/", "http://127.0.0.1/",
     "http://127.0.0.1.nip.example:8101/", "http://[::1", "", "@channel"],
)  # fmt: skip
def test_any_other_source_may_reach_public_addresses_only(url: str) -> None:
    rules = rules_for(url, ("127.0.0.1:8101", "10.0.0.0/8"))
    assert not rules.permit("127.0.0.1", 8101)
    assert not rules.permit("10.0.0.1", 80)
    assert rules.permit("8.8.8.8", 80)
