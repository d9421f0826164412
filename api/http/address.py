"""Whose request this is, on the network."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence

from aiohttp import web

from control_plane.base.network import Address, Network, is_loopback, parse_address, parse_network
from control_plane.config.settings import Settings

SUBSCRIBER_BITS = 64
"""Of an IPv6 address: the network that one customer of a provider has at least. All addresses below it are at one client's choice."""
LONGEST_HOP = 64
"""Characters. The longest address with brackets, zone and port is shorter."""

_HOP = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[0-9.]+))(?::[0-9]{1,5})?")
"""As proxies write an address that may have a port; an IPv6 address without brackets has none."""


def client_address(request: web.BaseRequest, trusted_proxies: Sequence[str]) -> str:
    """The client's IP address in its canonical form: the peer's, or behind trusted proxies the last hop in X-Forwarded-For that is not one
    of them. A hop that is no address counts as the proxy that reported it. "" where there is no peer."""
    peer = request.remote or ""
    address = _parse_hop(peer)
    if address is None:
        return peer
    if trusted_proxies:
        networks = _networks(tuple(trusted_proxies))
        hops = [hop for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",") if hop.strip()]
        while hops and _within(address, networks):
            hop = hops.pop().strip()
            reported = _parse_hop(hop) if len(hop) <= LONGEST_HOP else None
            if reported is None:
                break
            address = reported
    return str(address)


@functools.lru_cache(maxsize=4096)  # asked for at every call
def limit_key(address: str) -> str:
    """What limits per address count by: an IPv4 address as it is, an IPv6 address by its /64. Loopback stays what it is."""
    parsed = parse_address(address)
    if parsed is None or parsed.version == 4 or parsed.is_loopback:
        return address if parsed is None else str(parsed)
    return str(ipaddress.ip_network((int(parsed), SUBSCRIBER_BITS), strict=False))


def is_trusted_proxy(address: str, trusted_proxies: Sequence[str]) -> bool:
    parsed = parse_address(address)
    return parsed is not None and _within(parsed, _networks(tuple(trusted_proxies)))


def is_limited(address: str, settings: Settings) -> bool:
    """Whether rates and numbers are limited for this client. A developer's own machine is not."""
    return not (settings.dev and is_loopback(address))


@functools.lru_cache(maxsize=4096)  # asked for at every call
def _parse_hop(text: str) -> Address | None:
    text = text.strip('"')
    if hop := _HOP.fullmatch(text):
        text = hop["bracketed"] if hop["bracketed"] is not None else hop["plain"]
    return parse_address(text)


@functools.lru_cache(maxsize=16)  # one setting; tests have others
def _networks(trusted_proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(parse_network(network) for network in trusted_proxies)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
