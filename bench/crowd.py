"""Idle viewers on live sockets, in a process of their own: `python -m bench.crowd`.

They read and drop frames, answer pings, and disconnect together.
"""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any, cast

import uvloop

from bench.processes import configuration, say, stdin
from control_plane.base.child_start import give_way

ABREAST = 50
"""Number of sockets that join at the same time."""
PING, PONG = b"\x89\x00", b"\x8a\x80\x00\x00\x00\x00"
NICE = 19
"""Lowest priority, so that the crowd does not take CPU from the measured server."""


class Viewer(asyncio.BufferedProtocol):
    """One viewer. `joined` resolves when the server accepts the WebSocket upgrade."""

    buffer = memoryview(bytearray(1 << 16))
    """Shared by all viewers: received data is not kept."""
    received_bytes = 0
    lost = 0

    def __init__(self, request: bytes) -> None:
        self.joined = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses
        self._transport.write(self._request)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        Viewer.received_bytes += nbytes
        data = bytes(self.buffer[:nbytes])
        if not self.joined.done():
            if data.startswith(b"HTTP/1.1 101"):
                self.joined.set_result(None)
            else:
                self.joined.set_exception(ConnectionError(data[:200].decode(errors="replace")))
        if PING in data and self._transport is not None:
            self._transport.write(PONG)

    def connection_lost(self, error: Exception | None) -> None:
        Viewer.lost += 1
        if not self.joined.done():
            self.joined.set_exception(ConnectionError("the server closed the connection"))


async def join(port: int, path: str, slots: asyncio.Semaphore) -> asyncio.Transport:
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()
    async with slots:
        transport, viewer = await asyncio.get_running_loop().create_connection(
            lambda: Viewer(request), "127.0.0.1", port
        )
        await viewer.joined
    return transport


async def sit(config: dict[str, Any], leaving: asyncio.StreamReader) -> None:
    slots = asyncio.Semaphore(ABREAST)
    joins = [join(config["port"], config["path"], slots) for _ in range(config["sockets"])]
    transports = await asyncio.gather(*joins)
    give_way(NICE)  # not before: on a busy machine a thousand joins would take minutes
    say(joined=len(transports))
    Viewer.received_bytes = 0
    await leaving.read()
    say(received_bytes=Viewer.received_bytes, lost=Viewer.lost)
    for transport in transports:
        transport.abort()


async def main() -> None:
    leaving = await stdin()
    await sit(await configuration(leaving), leaving)


if __name__ == "__main__":
    uvloop.run(main())
