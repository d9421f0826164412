"""Baseline of the auth callback: a bare aiohttp `web.Server` that reads the request and always answers 200.

Run as `python -m bench.bare`. With `per_s`, its loop also does what a simple live socket does: it writes `FRAME` to all
sockets on the second port `per_s` times a second, one write per socket, without yielding in between.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, cast

import uvloop
from aiohttp import web

from bench.processes import configuration, say, stdin

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FRAME = b"\x81\x7e\x01\x2c" + b"x" * 300


async def always(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response()


class Audience(asyncio.Protocol):
    def __init__(self, everybody: set[asyncio.Transport]) -> None:
        self._everybody = everybody
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses

    def data_received(self, data: bytes) -> None:
        if self._transport is not None and self._transport not in self._everybody:
            self._transport.write(SWITCHING)
            self._everybody.add(self._transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is not None:
            self._everybody.discard(self._transport)


async def fan_out(everybody: set[asyncio.Transport], per_s: float) -> None:
    due = time.monotonic()
    while True:
        due += 1 / per_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        for transport in everybody:
            transport.write(FRAME)


async def serve(config: dict[str, Any], leaving: asyncio.StreamReader) -> None:
    runner = web.ServerRunner(web.Server(always))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    everybody: set[asyncio.Transport] = set()
    sockets = await asyncio.get_running_loop().create_server(lambda: Audience(everybody), "127.0.0.1", 0, backlog=1024)
    telling = asyncio.create_task(fan_out(everybody, config["per_s"])) if config.get("per_s") else None
    say(port=runner.addresses[0][1], sockets_port=sockets.sockets[0].getsockname()[1])
    await leaving.read()
    if telling is not None:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
    sockets.close()
    await runner.cleanup()


async def main() -> None:
    leaving = await stdin()
    await serve(await configuration(leaving), leaving)


if __name__ == "__main__":
    uvloop.run(main())
