"""The two listeners: connection limits, per-address limits, and timeouts for request heads and stalled writes.

aiohttp limits neither the time for a request's head nor the number of connections. This module adds both: timeouts in a
subclass of aiohttp's request handler, limits where connections are accepted.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import resource
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from control_plane.config.ports import BACKLOG

log = logging.getLogger(__name__)

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
ACCEPTED_AT_ONCE = 16
"""Connections accepted per turn of the event loop. More delays all other tasks during a flood; fewer accepts bursts
slower."""
RETRY_ACCEPT_S = 0.5
"""Pause after `accept` failed for lack of descriptors or memory."""
LOGGED_EVERY_S = 1.0
LARGEST_LIMIT = 1 << 20
"""Largest limit of open files. Linux's default maximum per process, also where the hard limit is infinite."""
RESERVED = 48
"""Descriptors reserved for MediaMTX's control API, pipes to children and files, besides those of the hooks listener.
Fewer: a flood of public connections makes these fail."""
LEAST_HOOK_CONNECTIONS = 64
"""Connections that the hooks listener allows in any case."""
HOOKS_SHARE = 32
"""The hooks listener may use 1/HOOKS_SHARE of the descriptors. MediaMTX makes its calls one after the other, and closes
each connection after its call."""
IDLE_HOOK_S = 0.05
"""When the hooks listener is full, a connection that has sent no head for this time may be evicted. MediaMTX sends its
head at once. Longer: clients that connect in bursts keep its calls out, and an encoder that is refused may not return."""
PER_PROBE = 8
"""Descriptors reserved per probe."""
LEAST = 16
"""Public connections that are allowed in any case."""


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard limit, for this process and its children. Returns the new soft
    limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = LARGEST_LIMIT if hard == resource.RLIM_INFINITY else min(hard, LARGEST_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError) as error:
            log.warning("open_files_not_raised", extra={"soft": soft, "hard": hard, "why": str(error)})
            return soft
        return most
    return LARGEST_LIMIT if soft == resource.RLIM_INFINITY else soft


def public_connections(open_files: int, *, database_pool: int, probes: int) -> int:
    """The connection limit of the public listener. It leaves descriptors for everything else in this process."""
    return max(LEAST, open_files - RESERVED - hook_connections(open_files) - database_pool - PER_PROBE * probes)


def hook_connections(open_files: int) -> int:
    """The connection limit of the hooks listener."""
    return max(LEAST_HOOK_CONNECTIONS, open_files // HOOKS_SHARE)


class _Handler(web.RequestHandler):
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
        self._since: dict[_Handler, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, connection: _Handler) -> None:
        if connection not in self._since:
            self._since[connection] = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._within_s, self._look)

    def forget(self, connection: _Handler) -> None:
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


@dataclass(frozen=True, slots=True)
class Limits:
    """Connection limits: `most` in total, and `per_address` for each key that `key_of` gives for a peer address. A key
    of None is not limited per address."""

    most: int
    per_address: int
    key_of: Callable[[str], str | None]


async def listen(
    runner: web.BaseRunner,
    listener: socket.socket,
    limits: Limits,
    head_within_s: float = HEAD_WITHIN_S,
    stalled_s: float = STALLED_S,
) -> Callable[[], Awaitable[None]]:
    """Serve public connections with a runner that is set up. Returns a function that stops listening."""
    door = Door(listener, _connections(_server(runner), Heads(head_within_s), Stalls(stalled_s)), limits)
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
    connection = _connections(_server(runner), heads, stalls)
    refusals = _Refusals(
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
        refusals.tell()

    return stop


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


class _Refusals:
    """Counts refusals and logs them at most once per LOGGED_EVERY_S, so that a flood of connections does not flood the
    log."""

    def __init__(self, log_it: Callable[[str, int], None]) -> None:
        self._log_it = log_it
        self._refused: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, why: str) -> None:
        self._refused[why] += 1
        if self._timer is None:
            self._tell_and_wait()

    def tell(self) -> None:
        refused, self._refused = self._refused, Counter()
        for why, number in refused.items():
            self._log_it(why, number)

    def _tell_again(self) -> None:
        self._timer = None
        if self._refused:
            self._tell_and_wait()

    def _tell_and_wait(self) -> None:
        self.tell()
        self._timer = asyncio.get_running_loop().call_later(LOGGED_EVERY_S, self._tell_again)


def _server(runner: web.BaseRunner) -> web.Server:
    server = runner.server
    assert server is not None, "the runner must be set up"
    return server


def _connections(server: web.Server, heads: Heads, stalls: Stalls) -> Callable[..., _Handler]:
    """A factory of protocols for this server's connections. Its parameter `lost` is called when the connection is
    closed."""
    handle, make_request = server.request_handler, server.request_factory

    @functools.wraps(handle)
    async def handled(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        finally:
            connection = request.protocol
            if isinstance(connection, _Handler):
                connection.answered()

    def made(message, payload, protocol, writer, task):  # type: ignore[no-untyped-def]  # as aiohttp's own
        protocol.head_came()
        return make_request(message, payload, protocol, writer, task)

    server.request_handler, server.request_factory = handled, made  # every connection reads them from the server
    return lambda lost=None: _Handler(server, heads, stalls, lost)


class Door:
    """Accepts public connections within the limits.

    It counts at `accept`, so that even a burst never takes the descriptors reserved for the rest of the process.
    uvloop's own servers accept every waiting connection, and drop some when descriptors run out.
    """

    def __init__(
        self,
        listener: socket.socket,
        connection: Callable[[Callable[[], None]], asyncio.BaseProtocol],
        limits: Limits,
    ) -> None:
        self._listener = listener
        self._connection = connection
        self._most = limits.most
        self._per_address = min(limits.per_address, max(1, limits.most // 2))  # one address never takes all connections
        self._key_of = limits.key_of
        self._loop = asyncio.get_running_loop()
        self._open = 0
        self._by_address: Counter[str] = Counter()
        self._joining: set[asyncio.Task[None]] = set()
        self._refusals = _Refusals(self._log_refused)
        self._retry: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._loop.add_reader(self._listener, self._accept)

    async def stop(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for task in self._joining:
            task.cancel()
        await asyncio.gather(*self._joining, return_exceptions=True)
        self._refusals.tell()

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                joined, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:  # no descriptor or no memory: retry soon
                self._refusals.note(error.strerror or "accept failed")
                self._loop.remove_reader(self._listener)
                self._retry = self._loop.call_later(RETRY_ACCEPT_S, self._loop.add_reader, self._listener, self._accept)
                return
            key = self._key_of(str(peer[0]))
            why = self._why_not(key)
            if why:
                joined.close()
                self._refusals.note(why)
                continue
            joined.setblocking(False)
            self._open += 1
            if key is not None:
                self._by_address[key] += 1
            task = self._loop.create_task(self._join(joined, key))
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)

    def _why_not(self, key: str | None) -> str:
        if self._open >= self._most:
            return "too many in all"
        if key is not None and self._by_address[key] >= self._per_address:
            return "too many of one address"
        return ""

    async def _join(self, joined: socket.socket, key: str | None) -> None:
        counted = True

        def lost() -> None:
            nonlocal counted
            if not counted:
                return
            counted = False
            self._open -= 1
            if key is not None:
                self._by_address[key] -= 1
                if not self._by_address[key]:
                    del self._by_address[key]

        try:
            await self._loop.connect_accepted_socket(lambda: self._connection(lost), joined)
        except (OSError, asyncio.CancelledError):
            joined.close()
            lost()

    def _log_refused(self, why: str, refused: int) -> None:
        log.warning(
            "connections_refused",
            extra={
                "why": why,
                "refused": refused,
                "open": self._open,
                "most": self._most,
                "per_address": self._per_address,
            },
        )
