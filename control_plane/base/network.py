"""Hosts and addresses: which are loopback, private or public, and which belong to this machine."""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Iterable

import psutil

ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
"""Bind addresses of a listener that accepts connections on every interface."""
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10")
)
"""RFC 1918 and link-local. Python's `is_private` includes more, such as networks that are reserved for
documentation."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_FAMILIES = {socket.AF_INET, socket.AF_INET6}


@functools.lru_cache(maxsize=1024)  # called for every request
def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses. Names are not resolved."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def is_private(host: str) -> bool:
    """True for private addresses, and for `.local` names."""
    if host.lower().endswith(".local"):
        return True
    address = parse_address(host)
    return address is not None and any(address in network for network in _PRIVATE)


def own_addresses() -> list[str]:
    """Addresses of the interfaces that are up, without loopback. The address of the default route comes first."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        entry.address.partition("%")[0]
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if name in up and entry.family in _FAMILIES and not is_loopback(entry.address)
    ]
    first = _way_out()
    return sorted(found, key=lambda address: address != first)


def lan_address(addresses: Iterable[str]) -> str | None:
    """The first private IPv4 address, by which machines on the same network reach this one; None without one."""
    return next((address for address in addresses if ":" not in address and is_private(address)), None)


def public_address(addresses: Iterable[str], bind: str) -> str | None:
    """The first public address at which a listener bound to `bind` (one of ANY) can be reached; None without one."""
    reached = (address for address in addresses if bind != "0.0.0.0" or ":" not in address)  # noqa: S104
    return next((address for address in reached if ipaddress.ip_address(address).is_global), None)


def parse_address(text: str) -> Address | None:
    """Parse an address into the form in which addresses are compared; None when the text is no address. An IPv4-mapped
    IPv6 address, which a listener on `::` sees, becomes the IPv4 address. A zone is dropped."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    return address if address.version == 4 else address.ipv4_mapped or address


def parse_network(text: str) -> Network:
    """Parse a network. An IPv4-mapped IPv6 network becomes the IPv4 network, as in `parse_address`. Raises
    ValueError."""
    network = ipaddress.ip_network(text)
    if network.version == 6 and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        assert mapped is not None, "it lies in ::ffff:0:0/96"
        return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED.prefixlen))
    return network


def _way_out() -> str:
    """The address of the interface with the default route; "" without one. Sends no packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
