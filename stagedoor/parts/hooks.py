"""Opens the private hooks listener. It serves before MediaMTX starts, and admits streams once they are loaded."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from control_plane.base.signing import Keyring
from control_plane.observe.metrics import Metrics
from hooks.listener import HooksListener
from hooks.metrics import HookMetrics
from hooks.until_loaded import UntilLoaded
from stagedoor.listening import listen_to_media_server
from stagedoor.listening.open_files import hook_connections


@dataclass(frozen=True, slots=True)
class Hooks:
    streams: UntilLoaded
    serve: Callable[[socket.socket], Awaitable[Callable[[], Awaitable[None]]]]
    """Start serving on a socket. Returns a function that stops it; leaving the part stops it too."""


@asynccontextmanager
async def hooks(keyring: Keyring, metrics: Metrics, open_files: int) -> AsyncIterator[Hooks]:
    streams = UntilLoaded()
    listener = HooksListener(keyring, streams.decide, streams.hint, HookMetrics(metrics))
    runner = web.ServerRunner(web.Server(listener.handle, access_log=None, tcp_keepalive=False))
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)

        async def serve(on: socket.socket) -> Callable[[], Awaitable[None]]:
            stop = await listen_to_media_server(runner, on, hook_connections(open_files))
            stack.push_async_callback(stop)
            return stop

        yield Hooks(streams, serve)
