"""Whose request this is, on the network."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web


def client_address(request: web.Request, trusted_proxies: Sequence[str]) -> str:
    """The client's IP address: the peer's, or behind trusted proxies the last hop in X-Forwarded-For that is not one of them."""
    address = request.remote or ""
    if not trusted_proxies:
        return address
    networks = [ipaddress.ip_network(network) for network in trusted_proxies]
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while hops and _within(address, networks):
        address = hops.pop()
    return address


def _within(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
