"""WebSocket frames (RFC 6455) that are written past aiohttp: an event is framed once, and every socket gets the same
bytes."""

from __future__ import annotations

import struct

PING = b"\x89\x00"


def websocket_frame(text: bytes) -> bytes:
    """A complete, unmasked text frame (section 5.2), as servers send it. Implements `Framing`."""
    size = len(text)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + text
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text


def pong(payload: bytes) -> bytes:
    """The answer to a ping, whose payload has at most 125 bytes."""
    return bytes((0x8A, len(payload))) + payload
