"""WebSocket framing: an event is framed once, and every socket gets the same bytes."""

from __future__ import annotations

import struct


def websocket_frame(payload: bytes) -> bytes:
    """A complete, unmasked text frame (RFC 6455 section 5.2), as servers send it."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload
