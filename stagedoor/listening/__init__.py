"""The two listeners: connection limits, per-address limits, and timeouts for request heads and stalled writes.

aiohttp limits neither the time for a request's head nor the number of connections. This package adds both: timeouts in
a subclass of aiohttp's request handler, limits where connections are accepted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from control_plane.base.log_limit import LogLimit
from control_plane.config.ports import BACKLOG
from stagedoor.listening.door import Door, Limits
from stagedoor.listening.timeouts import HEAD_WITHIN_S, STALLED_S, Heads, Stalls, connections

log = logging.getLogger(__name__)

IDLE_HOOK_S = 0.05
"""When the hooks listener is full, a connection that has sent no head for this time may be evicted. MediaMTX sends its
head at once. Longer: clients that connect in bursts keep its calls out, and an encoder that is refused may not return."""


async def listen(
    runner: web.BaseRunner,
    listener: socket.socket,
    limits: Limits,
    head_within_s: float = HEAD_WITHIN_S,
    stalled_s: float = STALLED_S,
) -> Callable[[], Awaitable[None]]:
    """Serve public connections with a runner that is set up. Returns a function that stops listening."""
    door = Door(listener, connections(_server(runner), Heads(head_within_s), Stalls(stalled_s)), limits)
    door.start()
    return door.stop


async def listen_to_media_server(
    runner: web.BaseRunner, listener: socket.socket, most: int, idle_s: float = IDLE_HOOK_S
) -> Callable[[], Awaitable[None]]:
    """Serve the private listener for MediaMTX. Returns a function that stops listening.

    When `most` connections are open, an idle one is evicted, so that MediaMTX's calls are served even if other programs
    hold connections. uvloop accepts here, which takes a fifth less time than `Door`.
    """
    heads, stalls = Heads(), Stalls()
    connection = connections(_server(runner), heads, stalls)
    refusals = LogLimit(
        lambda why, refused: log.warning("hook_connections_refused", extra={"why": why, "refused": refused})
    )

    def accepted() -> asyncio.BaseProtocol:
        if stalls.open >= most and not heads.evict(idle_s):
            refusals.note("too many in all")
            return _Refused()
        return connection()

    listening = await asyncio.get_running_loop().create_server(accepted, sock=listener, backlog=BACKLOG)

    async def stop() -> None:
        listening.close()
        refusals.flush()

    return stop


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


def _server(runner: web.BaseRunner) -> web.Server:
    server = runner.server
    assert server is not None, "the runner must be set up"
    return server
