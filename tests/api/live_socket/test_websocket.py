"""Framing of what the server sends (RFC 6455)."""

from __future__ import annotations

import pytest

from api.sockets.websocket import websocket_frame
from tests.api.live_socket.live import payloads


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, (1 << 16) - 1, 1 << 16, (1 << 16) + 1])
def test_frames_of_every_length_follow_each_other(size: int) -> None:
    text = b"x" * size
    assert payloads(websocket_frame(text) + websocket_frame(b"{}")) == [text, b"{}"]
