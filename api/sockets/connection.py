"""One WebSocket connection: writing, reading, pings, frame limits, backpressure and closing."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from aiohttp import WebSocketError, WSMsgType, web
from aiohttp.http_websocket import WSMessageNoDecodeText

from api.sockets.frames import FAULTS, CloseCode, ErrorFrame, Fault, Parser, finished
from api.sockets.limits import FrameLimit
from api.sockets.websocket import PING, pong
from control_plane.db.pool import DatabaseUnavailable
from control_plane.live.subscriber import QUEUE_LIMIT_BYTES, STATE_LIMIT_BYTES, DisconnectReason

log = logging.getLogger(__name__)

F = TypeVar("F")
"""The frames that clients send."""

MESSAGE_LIMIT_BYTES = 64 << 10
"""Largest message that is read. A larger one closes the socket; a frame above `FRAME_LIMIT_BYTES` only gets an error.
Larger: one client can hold more memory. Smaller: a mistake of an app costs it the connection."""

KERNEL_LIMIT_BYTES = 128 << 10
"""SO_SNDBUF of each socket; Linux doubles it. Without a limit it grows to some megabytes for a client that does not
read. Smaller slows the replay for clients with a long round trip."""

DRAIN_PERIOD_S = 0.1
"""Interval for checking whether a slow client has read its queue, before its next frame is read. Larger: the client's
next gift waits longer. Smaller: slow clients cost more CPU time."""

_CLOSE_CODES = {
    DisconnectReason.ENDED: CloseCode.ENDED,
    DisconnectReason.TOO_SLOW: CloseCode.TOO_SLOW,
    DisconnectReason.RESET: CloseCode.GOING_AWAY,
}


@dataclass(frozen=True, slots=True)
class Timing:
    ping_every_s: float = 25.0
    """Longer: proxies close idle connections. Shorter: phones wake up more often."""
    pong_within_s: float = 10.0
    """Longer: dead sockets count as viewers for longer. Shorter: phones that change networks are disconnected."""
    identity_within_s: float = 10.0
    """Time for a guest's `auth` frame on a stream that is not public. Longer: strangers hold sockets for longer. Shorter:
    slow clients are refused."""
    close_within_s: float = 5.0
    """Timeout for sending the close frame and receiving the client's; then the connection is aborted. Longer: clients
    that are gone hold descriptors for longer. Shorter: slow clients do not learn why they were disconnected."""


class Disconnect(Exception):
    """Ends the conversation: with the close code that the server sends, or None when the client has disconnected."""

    def __init__(self, code: CloseCode | None) -> None:
        self.code = code


def websocket(timing: Timing) -> web.WebSocketResponse[Literal[False]]:
    return web.WebSocketResponse(
        compress=False,  # an event is framed once, for all sockets
        autoping=False,  # aiohttp answers pings, but hides the pongs
        max_msg_size=MESSAGE_LIMIT_BYTES + 1,  # its limit is exclusive
        timeout=timing.close_within_s,
        decode_text=False,
    )


class Connection(Generic[F]):
    """Implements the Protocol `Sink`: the hub writes frames straight to the transport, past aiohttp's writer."""

    __slots__ = (
        "_conversation",
        "_limit",
        "_loop",
        "_parse",
        "_pong_due",
        "_reading",
        "_timer",
        "_timing",
        "_transport",
        "_ws",
        "code",
    )

    def __init__(
        self,
        ws: web.WebSocketResponse[Literal[False]],
        transport: asyncio.Transport,
        timing: Timing,
        parse: Parser[F],
    ) -> None:
        self.code: CloseCode | None = None
        """The close code. Once it is set, nothing more is written."""
        self._ws = ws
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_LIMIT_BYTES)
        self._timing = timing
        self._parse = parse
        self._loop = asyncio.get_running_loop()
        self._limit = FrameLimit(self._loop.time)
        self._conversation: asyncio.Task[None] | None = None
        self._reading = False
        self._pong_due = False
        self._timer: asyncio.TimerHandle | None = None

    # ── out ──

    def write(self, frames: bytes) -> None:
        if self.code is None and not self._transport.is_closing():
            self._transport.write(frames)

    def answer(self, frame: bytes) -> None:
        """Write a frame for this socket only; close the socket if its queue is full. The hub has its own check."""
        if self.buffered_bytes() > QUEUE_LIMIT_BYTES:
            self.close(CloseCode.TOO_SLOW)
        self.write(frame)

    def buffered_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def disconnect(self, why: DisconnectReason) -> None:
        self.close(_CLOSE_CODES[why])

    def close(self, code: CloseCode) -> None:
        """Send a close frame after everything written so far, and cancel the conversation."""
        if self.code is None:
            self.code = code
            if self._conversation is not None:
                self._conversation.cancel()

    def abort(self) -> None:
        self._transport.abort()

    async def hold(self, converse: Callable[[], Awaitable[None]]) -> None:
        """Run the conversation until it ends or `close` cancels it, then close the socket."""
        self._timer = self._loop.call_later(self._timing.ping_every_s, self._ping)
        try:
            async with asyncio.TaskGroup() as group:
                self._conversation = group.create_task(self._run(converse))
        finally:
            self._timer.cancel()
        if self.code is not None:
            # Waits for the client's close frame, at most `close_within_s`.
            await self._ws.close(code=self.code, message=self.code.reason.encode(), drain=False)
        if self.buffered_bytes():
            self.abort()

    async def _run(self, converse: Callable[[], Awaitable[None]]) -> None:
        code: CloseCode | None = None
        try:
            await converse()
        except Disconnect as disconnect:
            code = disconnect.code
        except DatabaseUnavailable:
            code = CloseCode.GOING_AWAY
        except Exception:
            log.exception("socket_failed")
            code = CloseCode.FAILED
        self.code = self.code or code

    # ── in ──

    async def next_frame(self) -> F:
        """The next valid frame. Pings and faulty frames are answered here. Raises Disconnect when the client has
        disconnected, sends a message that is too large or too many faulty frames."""
        while True:
            self._reading = True
            await self._drained()
            message = await self._ws.receive()
            self._reading = False
            frame = self._read(message)
            if wait_s := self._limit.take():
                id_ = getattr(frame, "id", None)
                frame = ErrorFrame(id_, Fault.RATE, "Too many frames. Wait `retry_after_ms`.", math.ceil(wait_s * 1000))
            if isinstance(frame, ErrorFrame):
                self.answer(finished(frame))
                if frame.code in FAULTS and self._limit.fault():
                    raise Disconnect(CloseCode.TOO_MANY)
            elif frame is not None:
                return frame

    async def _drained(self) -> None:
        """Backpressure: wait until the client has read its queue, because each frame read adds an answer to it.
        `_unanswered` limits the wait."""
        if self.buffered_bytes() <= STATE_LIMIT_BYTES:
            return
        self._transport.pause_reading()  # aiohttp limits its queue by bytes of payload, and empty pings have none
        try:
            while self.buffered_bytes() > STATE_LIMIT_BYTES:  # noqa: ASYNC110 (only the protocol is notified)
                await asyncio.sleep(DRAIN_PERIOD_S)
        finally:
            self._transport.resume_reading()

    def _read(self, message: WSMessageNoDecodeText) -> F | ErrorFrame | None:
        if message.type is WSMsgType.TEXT:
            return self._parse(message.data)
        if message.type is WSMsgType.BINARY:
            return ErrorFrame(code=Fault.MALFORMED, message="Frames must be text messages.")
        if message.type is WSMsgType.PING:
            self.answer(pong(message.data))
        elif message.type is WSMsgType.PONG:
            self._answered()
        else:  # closed, closing, broken
            too_big = isinstance(message.data, WebSocketError) and message.data.code == CloseCode.TOO_BIG
            raise Disconnect(CloseCode.TOO_BIG if too_big else None)
        return None

    # ── pings ──

    def _ping(self) -> None:
        self.answer(PING)
        self._pong_due = True
        self._timer = self._loop.call_later(self._timing.pong_within_s, self._unanswered)

    def _answered(self) -> None:
        if self._pong_due and self._timer is not None:
            self._pong_due = False
            self._timer.cancel()
            self._timer = self._loop.call_later(self._timing.ping_every_s, self._ping)

    def _unanswered(self) -> None:
        if self._reading:
            self.close(CloseCode.TOO_SLOW)
        else:  # still handling the client's last frame: its pong may be in the queue behind it
            self._timer = self._loop.call_later(self._timing.pong_within_s, self._unanswered)
