"""The client's IP address, with trusted proxies and `X-Forwarded-For`, and the key by which rate limits count it."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence

from aiohttp import web

from control_plane.base.network import Address, Network, is_loopback, parse_address, parse_network
from control_plane.config.settings import Settings

SUBSCRIBER_BITS = 64
"""Prefix length of the IPv6 network that counts as one client: providers give each customer a /64 at least. With a
longer prefix a client avoids limits by changing its address; with a shorter one several customers share a limit."""
LONGEST_HOP = 64
"""Characters of an X-Forwarded-For entry that are parsed. Every address with brackets, zone and port is shorter."""

_HOP = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[0-9.]+))(?::[0-9]{1,5})?")
"""An address as proxies write it, with an optional port. An IPv6 address with a port has brackets."""


def client_address(request: web.BaseRequest, trusted_proxies: Sequence[str]) -> str:
    """The client's IP address in canonical form: the peer's address, or behind trusted proxies the last hop in
    X-Forwarded-For that is not a trusted proxy. If that hop is not an address: the proxy that reported it.
    "" without a peer."""
    peer = request.remote or ""
    if not trusted_proxies:
        return _canonical(peer)
    address = _parse_hop(peer)
    if address is None:
        return peer
    networks = _networks(tuple(trusted_proxies))
    hops = [hop for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",") if hop.strip()]
    while hops and _within(address, networks):
        hop = hops.pop().strip()
        reported = _parse_hop(hop) if len(hop) <= LONGEST_HOP else None
        if reported is None:
            break
        address = reported
    return str(address)


@functools.lru_cache(maxsize=4096)  # every call needs it
def _canonical(peer: str) -> str:
    address = _parse_hop(peer)
    return peer if address is None else str(address)


@functools.lru_cache(maxsize=4096)  # every call needs it
def limit_key(address: str) -> str:
    """The key for limits per address: an IPv4 or loopback address itself, the /64 network of any other IPv6 address."""
    parsed = parse_address(address)
    if parsed is None or parsed.version == 4 or parsed.is_loopback:
        return address if parsed is None else str(parsed)
    return str(ipaddress.ip_network((int(parsed), SUBSCRIBER_BITS), strict=False))


def is_trusted_proxy(address: str, trusted_proxies: Sequence[str]) -> bool:
    parsed = parse_address(address)
    return parsed is not None and _within(parsed, _networks(tuple(trusted_proxies)))


def is_limited(address: str, settings: Settings) -> bool:
    """Whether limits per address apply. They do not for loopback in development mode."""
    return not (settings.dev and is_loopback(address))


@functools.lru_cache(maxsize=4096)  # every call needs it
def _parse_hop(text: str) -> Address | None:
    text = text.strip('"')
    if hop := _HOP.fullmatch(text):
        text = hop["bracketed"] if hop["bracketed"] is not None else hop["plain"]
    return parse_address(text)


@functools.lru_cache(maxsize=16)  # a process has one value, tests have several
def _networks(trusted_proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(parse_network(network) for network in trusted_proxies)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
