"""Which hosts are loopback, private or public."""

from __future__ import annotations

import pytest

from control_plane.base.network import is_loopback, is_private, lan_address, own_addresses, public_address

PUBLIC = [
    *("203.0.113.7", "8.8.8.8", "172.32.0.1", "172.15.255.255", "192.169.0.1", "11.0.0.1", "100.64.0.1", "0.0.0.0"),
    *("2001:db8::1", "::", "::ffff:203.0.113.7", "fd00::2", "fec0::1"),
    *("live.example.com", "local", "10.0.0.1.example.com", "192.168.1.5.", "x.local.example.com", "notlocal", ""),
    *("0x0a000001", "167772161", "010.0.0.1", "10.1", "10.0.0.1:80", "[fe80::1]", "10.0.0.1/8"),
]


@pytest.mark.parametrize(
    "host", ["localhost", "app.localhost", "127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert not is_private(host)


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"),
        *("169.254.1.1", "fe80::1", "febf::1", "::ffff:10.0.0.1", "laptop.local", "Laptop.LOCAL", "a.b.local"),
    ],
)
def test_neighbours(host: str) -> None:
    assert is_private(host)
    assert not is_loopback(host)


@pytest.mark.parametrize("host", PUBLIC)
def test_other_addresses_are_neither_private_nor_loopback(host: str) -> None:
    assert not is_private(host)
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        (["192.168.1.20", "172.17.0.1"], "192.168.1.20"),
        (["203.0.113.7", "fe80::1", "10.0.0.5"], "10.0.0.5"),
        (["203.0.113.7", "fe80::1"], None),
        ([], None),
    ],
)
def test_the_address_for_neighbours_is_the_first_private_one(addresses: list[str], found: str | None) -> None:
    assert lan_address(addresses) == found


@pytest.mark.parametrize(
    ("addresses", "bind", "found"),
    [
        (["192.168.1.20", "8.8.8.8"], "0.0.0.0", "8.8.8.8"),
        (["192.168.1.20", "2606:4700::1"], "0.0.0.0", None),
        (["192.168.1.20", "2606:4700::1"], "::", "2606:4700::1"),
        (["192.168.1.20", "2606:4700::1"], "", "2606:4700::1"),
        (["192.168.1.20", "fe80::1", "100.64.0.1"], "::", None),
    ],
)
def test_a_public_address_counts_only_where_it_is_listened_to(
    addresses: list[str], bind: str, found: str | None
) -> None:
    assert public_address(addresses, bind) == found


def test_own_addresses_are_addresses_of_elsewhere_reachable_interfaces() -> None:
    assert not any(is_loopback(address) or "%" in address for address in own_addresses())
