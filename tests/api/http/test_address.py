"""The client's address behind proxies, and the key by which limits count it."""

from __future__ import annotations

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from api.http.address import client_address, limit_key
from control_plane.base.network import is_loopback, is_private

TRUSTED = ["10.0.0.0/8", "fd00::/8"]
IPV4 = st.ip_addresses(v=4, network="203.0.113.0/24")
IPV6 = st.ip_addresses(v=6, network="2001:db8::/32")
PORTS = st.integers(0, 65535)


def asked(*lines: str, peer: str = "10.0.0.1", trusted: list[str] = TRUSTED) -> str:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    return client_address(make_mocked_request("GET", "/", headers=headers).clone(remote=peer), trusted)


def spellings(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> list[str]:
    """One address in the notations of proxies and kernels."""
    if isinstance(address, ipaddress.IPv4Address):
        mapped = ipaddress.IPv6Address(f"::ffff:{address}")
        return [f"{address}", f"{address}:{port}", f"::ffff:{address}", *spellings(mapped, port)]
    plain = [f"{address}", address.exploded, address.exploded.upper(), f"{address}%eth0"]
    return [*plain, *(f"[{one}]" for one in plain), *(f"[{one}]:{port}" for one in plain), f'"[{address}]:{port}"']


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        (["203.0.113.9:5123, 10.0.0.7:443"], "203.0.113.9"),
        (["203.0.113.9, [fd00::7]:443"], "203.0.113.9"),
        (["203.0.113.9, ::ffff:10.0.0.7"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9", "10.0.0.7"], "203.0.113.9"),
        (["10.0.0.7"], "10.0.0.7"),
    ],
)
def test_behind_trusted_proxies_it_is_the_last_that_is_none_of_them(lines: list[str], address: str) -> None:
    assert asked(*lines) == address
    assert asked(*lines, trusted=[]) == "10.0.0.1"


@pytest.mark.parametrize(
    "hop", ["unknown", "_hidden", "203.0.113.9:99999999", "203.0.113.9.", "٢.٢.٢.٢", "[203.0.113.9", "1" * 9000, "7"]
)
def test_a_hop_that_is_no_address_counts_as_the_proxy_that_reported_it(hop: str) -> None:
    assert asked(f"6.6.6.6, {hop}, 10.0.0.7") == "10.0.0.7"
    assert asked(hop) == "10.0.0.1"


@pytest.mark.parametrize("trusted", ["10.0.0.0/8", "::ffff:10.0.0.0/104"])
@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1"])
def test_a_proxy_is_trusted_in_either_form_of_its_address(peer: str, trusted: str) -> None:
    assert asked("203.0.113.9", peer=peer, trusted=[trusted]) == "203.0.113.9"


@given(IPV4 | IPV6, PORTS)
def test_one_address_has_one_form_however_it_is_written(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    assert {asked(spelling) for spelling in spellings(address, port)} == {str(address)}


@given(st.lists(IPV6, min_size=2, max_size=2), st.integers(0, 2**64 - 1))
def test_limits_count_ipv6_by_its_64_and_nothing_wider(pair: list[ipaddress.IPv6Address], host: int) -> None:
    one, other = pair
    neighbour = ipaddress.IPv6Address(int(one) >> 64 << 64 | host)
    assert limit_key(str(one)) == limit_key(str(neighbour))
    assert (limit_key(str(one)) == limit_key(str(other))) is (int(one) >> 64 == int(other) >> 64)


@given(st.lists(IPV4, min_size=2, max_size=2))
def test_limits_count_every_ipv4_address_for_itself(pair: list[ipaddress.IPv4Address]) -> None:
    one, other = pair
    assert (limit_key(str(one)) == limit_key(f"::ffff:{other}")) is (one == other)


def test_a_mapped_address_is_as_near_as_the_one_in_it() -> None:
    assert is_loopback("::ffff:127.0.0.1")
    assert is_private("::ffff:192.168.0.7")
    assert is_private("fe80::1%eth0")
    assert not is_loopback("::ffff:203.0.113.9")
    assert is_loopback(limit_key("::1"))
    assert is_loopback(asked(peer="::ffff:127.0.0.1", trusted=[]))
