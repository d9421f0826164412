"""The client of a request, as the list of sessions shows it: address, country, app and device."""

from __future__ import annotations

import re

from aiohttp import web

from api.contract.client import Client
from api.http.address import is_trusted_proxy
from control_plane.accounts.caller import Use
from control_plane.config.settings import Settings

LONGEST_DEVICE = 200
"""Characters of a User-Agent that are kept. Fewer: similar devices look the same. More: larger rows."""
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_UNKNOWN_COUNTRIES = {"XX", "ZZ"}
"""What proxies send for an address without a country."""


def client_use(request: web.Request, client: Client, address: str, settings: Settings) -> Use:
    device = request.headers.get("User-Agent", "")[:LONGEST_DEVICE]
    if not device.isprintable():  # aiohttp decodes bytes that are not UTF-8 to surrogates, which PostgreSQL refuses
        device = "".join(letter for letter in device if letter.isprintable())
    return Use(address=address, country=_country(request, settings), app=client.value, device=device)


def _country(request: web.Request, settings: Settings) -> str:
    """From the proxy that connects to us only: any client can send the header."""
    if not settings.country_header or not is_trusted_proxy(request.remote or "", settings.trusted_proxies):
        return ""
    country = request.headers.get(settings.country_header, "").strip().upper()
    return country if _COUNTRY.fullmatch(country) and country not in _UNKNOWN_COUNTRIES else ""
