"""The open sockets of one route: the upgrade, the limit of an address, close codes, and the end at a server stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from api.http.bearer import bearer_token
from api.sockets.connection import Connection, Disconnect, Timing, websocket
from api.sockets.frames import CloseCode, Parser
from api.sockets.identity import Credentials
from api.sockets.limits import AddressLimit
from control_plane.base.ids import UserId

F = TypeVar("F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """What every socket has to know about its client, and the limits of clients."""

    address_of: Callable[[web.Request], str]
    is_limited: Callable[[str], bool]
    """Whether limits apply to an address."""
    sockets_per_address: int
    """Of one route."""
    page_token: Callable[[web.Request], str | None]
    """The session token in the page's cookie, if the request's Origin is ours."""
    user_wait_s: Callable[[UserId], float]
    """Takes one token of the user's rate limit and returns 0, or the seconds until there is one."""

    def credentials(self, request: web.Request) -> Credentials:
        return Credentials(bearer_token(request), self.page_token(request))


class Door:
    def __init__(self, timing: Timing, clients: Clients) -> None:
        self.closed: Counter[CloseCode] = Counter()
        """Number of sockets that the server has closed, by code."""
        self._timing = timing
        self._addresses = AddressLimit(clients.sockets_per_address, clients.is_limited)
        self._clients = clients
        self._open: set[Connection[Any]] = set()
        self._one_less = asyncio.Event()
        self._going_away = False

    def __len__(self) -> int:
        return len(self._open)

    async def handle(
        self,
        request: web.Request,
        parse: Parser[F],
        serve: Callable[[Connection[F], bool], Awaitable[None]],
    ) -> web.StreamResponse:
        """Hold a socket: `serve` gets the connection, and whether the limits of an address apply to it."""
        ws = websocket(self._timing)
        if not ws.can_prepare(request):
            return web.Response(
                status=426, text="This is a WebSocket. Use a WebSocket client.", headers={"Upgrade": "websocket"}
            )
        await ws.prepare(request)
        if request.transport is not None:
            connection = Connection(ws, request.transport, self._timing, parse)
            self._open.add(connection)
            try:
                address = self._clients.address_of(request)
                with self._addresses.socket(address) as allowed:
                    limited = self._clients.is_limited(address)
                    await connection.hold(partial(self._serve, serve, connection, allowed, limited))
            finally:
                self._open.discard(connection)
                self._one_less.set()
                if connection.code is not None:
                    self.closed[connection.code] += 1
        return ws

    async def _serve(
        self,
        serve: Callable[[Connection[F], bool], Awaitable[None]],
        connection: Connection[F],
        allowed: bool,
        limited: bool,
    ) -> None:
        if self._going_away:
            raise Disconnect(CloseCode.GOING_AWAY)
        if not allowed:
            raise Disconnect(CloseCode.TOO_MANY)
        await serve(connection, limited)

    async def close_all(self, deadline_s: float = 5.0) -> None:
        """Close all sockets with 1001 and refuse new ones. Aborts connections still open after `deadline_s`."""
        self._going_away = True
        for number, connection in enumerate(tuple(self._open), 1):
            connection.close(CloseCode.GOING_AWAY)
            if number % 8 == 0:  # yield to other tasks
                await asyncio.sleep(0)
        try:
            async with asyncio.timeout(deadline_s):
                while self._open:
                    self._one_less.clear()
                    await self._one_less.wait()
        except TimeoutError:
            for connection in self._open:
                connection.abort()
