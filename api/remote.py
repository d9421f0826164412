"""Whose request this is, on the network."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

from control_plane.network import is_loopback
from control_plane.settings import Settings


def client_address(request: web.Request, trusted_proxies: Sequence[str]) -> str:
    """The client's IP address: the peer's, or behind trusted proxies the last hop in X-Forwarded-For that is not one of them."""
    address = request.remote or ""
    if not trusted_proxies:
        return address
    networks = [ipaddress.ip_network(network) for network in trusted_proxies]
    hops = [hop.strip() for hop in ",".join(request.headers.getall("X-Forwarded-For", ())).split(",") if hop.strip()]
    while hops and _within(address, networks):
        address = hops.pop()
    return address


def is_limited(address: str, settings: Settings) -> bool:
    """Whether rates and numbers are limited for this client. A developer's own machine is not."""
    return not (settings.dev and is_loopback(address))


def _within(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
