"""What both push services have in common over HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from control_plane.base.clock import utc_now
from control_plane.push.model import Outcome, Result

CONNECTIONS = 50
"""Kept connections to a service, and messages under way. More: a service that hangs holds more. Fewer: a service that
answers slowly is sent to more slowly."""
DEADLINE_S = 10.0
"""Of one message. Longer: a batch waits longer for a service that hangs. Shorter: slow answers count as failures, and
their messages are sent twice."""
LARGEST_ERROR = 8 * 1024
LONGEST_RETRY_S = 6 * 3600.0
"""Limit of the time that a service asks us to wait."""


def new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the header Retry-After asks for, as a number or a date (RFC 9110). 0: it asks for nothing."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    left_s = (at.replace(tzinfo=at.tzinfo or dt.UTC) - utc_now()).total_seconds()
    return min(max(left_s, 0.0), LONGEST_RETRY_S)


async def read_start(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of an error's body."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ERROR:
            break
    return bytes(body[:LARGEST_ERROR])


def failed(error: Exception) -> Result:
    """A fault of the network. Its text may hold the address of a browser."""
    return Result(Outcome.RETRIED, type(error).__name__)
