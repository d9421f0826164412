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
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_FAMILIES = {socket.AF_INET, socket.AF_INET6}


@functools.lru_cache(maxsize=1024)  # asked for at every call
def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses; a name is not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def is_private(host: str) -> bool:
    """True for addresses that only a private network reaches, and for names that only such a network knows (`.local`)."""
    if host.lower().endswith(".local"):
        return True
    address = parse_address(host)
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


def parse_address(text: str) -> Address | None:
    """The address in a text, in the one form in which addresses are compared: an IPv4 address mapped into IPv6 is the IPv4 one (a listener
    on `::` sees those), and a zone says nothing about who it is. None for what is no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    return address if address.version == 4 else address.ipv4_mapped or address


def parse_network(text: str) -> Network:
    """Raises ValueError. A network of mapped addresses is the IPv4 network, as in `parse_address`."""
    network = ipaddress.ip_network(text)
    if network.version == 6 and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        assert mapped is not None, "it lies in ::ffff:0:0/96"
        return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED.prefixlen))
    return network


def _way_out() -> str:
    """The address of the interface with the default route; nothing is sent. "" where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
