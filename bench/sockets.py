"""Baseline of memory per socket: a bare aiohttp application with idle WebSockets. Run as `python -m bench.sockets`."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from aiohttp import web

from bench.processes import configuration, say, stdin


async def idle(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for _ in socket:
        pass
    return socket


async def serve(config: dict[str, Any], leaving: asyncio.StreamReader) -> None:
    app = web.Application()
    app.router.add_get("/", idle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    say(port=runner.addresses[0][1])
    await leaving.read()


async def main() -> None:
    leaving = await stdin()
    await serve(await configuration(leaving), leaving)


if __name__ == "__main__":
    uvloop.run(main())
