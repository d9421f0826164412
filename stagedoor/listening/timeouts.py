"""Timeouts of a connection: for the heads of requests, for idle connections, and for answers that the client does not read.

aiohttp has no timeout for a request's head. It is added in a subclass of its request handler.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import cast

from aiohttp import web

HEAD_WITHIN_S = 10.0
"""Timeout of a request's head: from the connection to the end of the first head, and from the first to the last byte of
each later head. Shorter disconnects slow phones; longer lets idle clients hold descriptors."""
IDLE_S = 75.0
"""Keep-alive timeout between two requests. It must be longer than that of proxies (60 s by default): otherwise we close
connections that a proxy is about to use."""
LINGER_S = 2.0
"""How long the rest of an unread request body is received, so that its sender can read the answer."""
STALLED_S = 60.0
"""How long a client may read nothing of an answer (as nginx's send_timeout). Shorter disconnects phones that change
networks and players that pause. Longer holds a descriptor and the answer's memory for clients that are gone."""


class Connection(web.RequestHandler):
    """One connection. The head timeout runs from the start, and again from the first byte after an answer."""

    __slots__ = ("_busy", "_heads", "_lost", "_stalls", "_transport")

    def __init__(self, server: web.Server, heads: Heads, stalls: Stalls, lost: Callable[[], None] | None) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            tcp_keepalive=False,
            keepalive_timeout=IDLE_S,
            lingering_time=LINGER_S,
            auto_decompress=False,  # see `api/http/encoding.py`
        )
        self._heads = heads
        self._stalls = stalls
        self._lost = lost
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._heads.expect(self)
        self._stalls.watch(self._transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._heads.forget(self)
        if self._transport is not None:
            self._stalls.forget(self._transport)
        lost, self._lost = self._lost, None
        super().connection_lost(exc)
        if lost is not None:
            lost()

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self._heads.expect(self)
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp answers by itself. It would name its version and Python's."""
        response = super().handle_error(request, status, exc, message)
        response.headers["Server"] = "stagedoor"
        return response

    def head_came(self) -> None:
        self._busy = True
        self._heads.forget(self)

    def answered(self) -> None:
        self._busy = False

    def give_up(self) -> bool:
        """Abort the connection, unless a request is in progress or an answer is still being sent. Returns whether it is
        closed."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if self._busy or not transport.is_reading() or transport.get_write_buffer_size():
            return False
        transport.abort()
        return True


class Heads:
    """The head timeout of a listener: all connections that wait for a request's head, oldest first, on one shared
    timer."""

    def __init__(self, within_s: float = HEAD_WITHIN_S) -> None:
        self._within_s = within_s
        self._loop = asyncio.get_running_loop()
        self._since: dict[Connection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, connection: Connection) -> None:
        if connection not in self._since:
            self._since[connection] = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._within_s, self._look)

    def forget(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def evict(self, idle_s: float) -> bool:
        """Close the connection that has waited longest, if it has waited `idle_s` or more. Returns whether one was
        closed."""
        for connection, since in tuple(self._since.items()):
            if self._loop.time() - since < idle_s:
                return False
            del self._since[connection]
            if connection.give_up():
                return True
            self.expect(connection)
        return False

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection, since in tuple(self._since.items()):
            if now - since < self._within_s:
                self._timer = self._loop.call_later(self._within_s - (now - since), self._look)
                break
            del self._since[connection]
            if not connection.give_up():
                self.expect(connection)


class Stalls:
    """The write timeout: aborts connections whose client has read nothing for `within_s` although data waits for it.

    Without it, a client that stops reading keeps its descriptor for ever, because closing a connection waits until
    everything is written.
    """

    def __init__(self, within_s: float = STALLED_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._within_s = within_s
        self._open: set[asyncio.Transport] = set()
        self._waiting: dict[asyncio.Transport, tuple[int, float]] = {}
        """Bytes in each write buffer, and the time since which that number has not changed."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def watch(self, transport: asyncio.Transport) -> None:
        self._open.add(transport)
        if self._timer is None:
            self._timer = self._loop.call_later(self._within_s / 4, self._look)

    def forget(self, transport: asyncio.Transport) -> None:
        self._open.discard(transport)
        self._waiting.pop(transport, None)

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._within_s / 4, self._look) if self._open else None
        now = self._loop.time()
        before, self._waiting = self._waiting, {}
        for transport in self._open:
            if size := transport.get_write_buffer_size():
                size_before, since = before.get(transport, (0, now))
                self._waiting[transport] = (size, since if size == size_before else now)
        for transport, (_, since) in tuple(self._waiting.items()):
            if now - since >= self._within_s:
                transport.abort()


def connections(server: web.Server, heads: Heads, stalls: Stalls) -> Callable[..., Connection]:
    """A factory of protocols for this server's connections. Its parameter `lost` is called when the connection is
    closed."""
    handle, make_request = server.request_handler, server.request_factory

    @functools.wraps(handle)
    async def handled(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        finally:
            connection = request.protocol
            if isinstance(connection, Connection):
                connection.answered()

    def made(message, payload, protocol, writer, task):  # type: ignore[no-untyped-def]  # as aiohttp's own
        protocol.head_came()
        return make_request(message, payload, protocol, writer, task)

    server.request_handler, server.request_factory = handled, made  # every connection reads them from the server
    return lambda lost=None: Connection(server, heads, stalls, lost)
