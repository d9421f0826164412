"""How connections come in: what is true of both listeners before a request is read.

aiohttp limits neither how long a client may take for a request's head nor how many connections there are. Both are done here, in its own
request handler and in front of it.
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

from control_plane.ports import BACKLOG

log = logging.getLogger(__name__)

HEAD_WITHIN_S = 10.0
"""From the connection to the end of the first head, and from the first byte of each later head to its end."""
IDLE_S = 75.0
"""Between two requests. Longer than proxies keep theirs (60 s by default), so that it is not us who close one that is about to be used."""
LINGER_S = 2.0
"""How long the rest of a body that nobody reads is taken, for its sender to see the answer."""
STALLED_S = 60.0
"""How long a client may take nothing of an answer (nginx's send_timeout). Shorter cuts off phones that change networks and players that
pause; longer holds a descriptor and the answer's memory for clients that are gone."""
ACCEPTED_AT_ONCE = 16
"""Before everybody else has their turn."""
RETRY_ACCEPT_S = 0.5
LOGGED_EVERY_S = 1.0
LARGEST_LIMIT = 1 << 20
"""Of open files. Linux allows a process no more unless it was changed, also where the hard limit is infinite."""
RESERVED = 48
"""Descriptors that the public never takes, besides those of the hooks listener: MediaMTX's control API, pipes to children, files."""
LEAST_HOOK_CONNECTIONS = 64
HOOKS_SHARE = 32
"""The hooks listener may have one descriptor in so many. MediaMTX calls one after the other, and closes each connection after its call."""
IDLE_HOOK_S = 0.05
"""A connection to the hooks listener that has sent no head for so long makes room for others. MediaMTX sends its head at once, and an encoder
that is refused may not come back: whoever connects in a burst must not keep it out for longer."""
PER_PROBE = 8
LEAST = 16


def raise_open_files() -> int:
    """The soft limit up to the hard one, for this process and its children; what it is then."""
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
    """How many the public listener holds at most, so that everybody else has descriptors left."""
    return max(LEAST, open_files - RESERVED - hook_connections(open_files) - database_pool - PER_PROBE * probes)


def hook_connections(open_files: int) -> int:
    """How many the hooks listener holds at most."""
    return max(LEAST_HOOK_CONNECTIONS, open_files // HOOKS_SHARE)


class _Handler(web.RequestHandler):
    """One connection. Waits for a head from the start, and again from the first byte after an answer."""

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

    def head_came(self) -> None:
        self._busy = True
        self._heads.forget(self)

    def answered(self) -> None:
        self._busy = False

    def give_up(self) -> bool:
        """Close, unless an answer is still on its way out; whether it was."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if self._busy or not transport.is_reading() or transport.get_write_buffer_size():
            return False
        transport.abort()
        return True


class Heads:
    """Of all connections of a listener those whose head is awaited, the longest first. One timer looks at them."""

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
        """Close the connection that has kept us waiting longest, if that is `idle_s` or more; whether there was one."""
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
    """Aborts connections whose client has taken nothing of what waits for it, for `within_s`. Without it, a client that stops reading
    keeps its descriptor for ever: closing a connection waits until everything is written."""

    def __init__(self, within_s: float = STALLED_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._within_s = within_s
        self._open: set[asyncio.Transport] = set()
        self._waiting: dict[asyncio.Transport, tuple[int, float]] = {}
        """Bytes that wait for each, and since when that number has been the same."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """How many connections there are."""
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
    """Of connections: `most` in all, `per_address` of those to whom `key_of` gives a key by their address."""

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
    """Serve the public by a runner that is set up. What it returns stops listening."""
    door = Door(listener, _connections(_server(runner), Heads(head_within_s), Stalls(stalled_s)), limits)
    door.start()
    return door.stop


async def listen_to_media_server(
    runner: web.BaseRunner, listener: socket.socket, most: int, idle_s: float = IDLE_HOOK_S
) -> Callable[[], Awaitable[None]]:
    """Serve what only MediaMTX should reach. When `most` are open, one that idles makes room, so that MediaMTX's calls get in whatever else
    is connected. (uvloop accepts these, in a fifth less time than `Door`.)"""
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
    """Counts, and tells at most once a second, whatever comes: a flood of strangers must not become a flood of lines."""

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
    assert server is not None, "it is set up"
    return server


def _connections(server: web.Server, heads: Heads, stalls: Stalls) -> Callable[..., _Handler]:
    """What makes a protocol for each connection of this server. `lost` is called when it is gone."""
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

    server.request_handler, server.request_factory = handled, made  # each connection takes them from there
    return lambda lost=None: _Handler(server, heads, stalls, lost)


class Door:
    """Accepts the public's connections, as many as there may be. It counts when it accepts, so that the descriptors of everybody else are
    not taken even for a moment. (uvloop's own servers accept all that wait, and drop some when descriptors run out.)"""

    def __init__(
        self,
        listener: socket.socket,
        connection: Callable[[Callable[[], None]], asyncio.BaseProtocol],
        limits: Limits,
    ) -> None:
        self._listener = listener
        self._connection = connection
        self._most = limits.most
        self._per_address = min(limits.per_address, max(1, limits.most // 2))  # nobody takes the place of everybody
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
            except OSError as error:  # no descriptor or no memory: some may be free in a moment
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
