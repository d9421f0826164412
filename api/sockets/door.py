"""The open sockets of one route: the upgrade, the limit of an address, close codes, and the end at a server stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from api.sockets.connection import Connection, Disconnect, Timing, websocket
from api.sockets.frames import CloseCode, Parser
from api.sockets.limits import AddressLimit

F = TypeVar("F")


class Door:
    def __init__(
        self,
        timing: Timing,
        sockets_per_address: int,
        address_of: Callable[[web.Request], str],
        is_limited: Callable[[str], bool],
    ) -> None:
        self.closed: Counter[CloseCode] = Counter()
        """Number of sockets that the server has closed, by code."""
        self._timing = timing
        self._addresses = AddressLimit(sockets_per_address, is_limited)
        self._address_of = address_of
        self._is_limited = is_limited
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
                address = self._address_of(request)
                with self._addresses.socket(address) as allowed:
                    limited = self._is_limited(address)
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
