"""Which hosts are this machine, which are neighbours on a private network, and which are the public's."""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Iterable

import psutil

ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
"""What a listener binds to that takes connections from everywhere."""
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10")
)
"""RFC 1918 and link-local. Python's own `is_private` holds more, such as networks that are set aside for documentation."""
_FAMILIES = {socket.AF_INET, socket.AF_INET6}


@functools.lru_cache(maxsize=1024)  # asked for at every call
def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses; a name is not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_private(host: str) -> bool:
    """True for addresses that only a private network reaches, and for names that only such a network knows (`.local`)."""
    if host.lower().endswith(".local"):
        return True
    address = _address(host)
    return address is not None and any(address in network for network in _PRIVATE)


def own_addresses() -> list[str]:
    """Of the interfaces that are up, without the loopback's; the way out of this machine first."""
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
    """Under which neighbours reach this machine: of its addresses the first private one of IPv4, else None."""
    return next((address for address in addresses if ":" not in address and is_private(address)), None)


def public_address(addresses: Iterable[str], bind: str) -> str | None:
    """The first address by which everybody reaches a listener that is bound to `bind`, one of ANY."""
    reached = (address for address in addresses if bind != "0.0.0.0" or ":" not in address)  # noqa: S104
    return next((address for address in reached if ipaddress.ip_address(address).is_global), None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _way_out() -> str:
    """The address of the interface with the default route; nothing is sent. "" where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
