"""Reads the answer of another server, up to a limit."""

from __future__ import annotations

import aiohttp


async def read_whole(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """The body, in however many pieces it arrives. Raises ValueError if it has more than `largest` bytes."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > largest:
            raise ValueError("The answer is too large.")
    return bytes(body)
