"""One WebSocket of the live socket, whatever is spoken on it: writing, reading, pings, limits, closing."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import WebSocketError, WSMsgType, web
from aiohttp.http_websocket import WSMessageNoDecodeText

from api.live_socket.frames import FAULTS, Auth, CloseCode, Error, Fault, SendGift, finished, parse
from api.live_socket.limits import FrameLimit
from control_plane.db.pool import DatabaseUnavailable
from control_plane.live.subscriber import QUEUE_LIMIT_BYTES, STATE_LIMIT_BYTES, Leave

log = logging.getLogger(__name__)

MESSAGE_LIMIT_BYTES = 64 << 10

KERNEL_LIMIT_BYTES = 128 << 10
"""Of the send buffer; Linux doubles it. Left to itself it grows to some megabytes for a client that does not read. A smaller one would slow
the replay down for clients that are far away."""

DRAIN_PERIOD_S = 0.1
"""How often a socket that reads slowly is looked at, before its next frame is read."""

_PING = b"\x89\x00"
_LEAVE = {Leave.ENDED: CloseCode.ENDED, Leave.TOO_SLOW: CloseCode.TOO_SLOW, Leave.RESET: CloseCode.GOING_AWAY}


@dataclass(frozen=True, slots=True)
class Timing:
    ping_every_s: float = 25.0
    pong_within_s: float = 10.0
    identity_within_s: float = 10.0
    close_within_s: float = 5.0
    """For the close frame to leave and be answered; then the connection is aborted."""


class Left(Exception):
    """The conversation is over: by us, with this code, or by the client (None)."""

    def __init__(self, code: CloseCode | None) -> None:
        self.code = code


def websocket(timing: Timing) -> web.WebSocketResponse[Literal[False]]:
    return web.WebSocketResponse(
        compress=False,  # an event is framed once for everybody
        autoping=False,  # aiohttp answers pings, but hides the pongs
        max_msg_size=MESSAGE_LIMIT_BYTES + 1,  # its limit is exclusive
        timeout=timing.close_within_s,
        decode_text=False,
    )


class Connection:
    """Fulfils `Sink`: the hub writes to it, past aiohttp's writer, and lets it go."""

    __slots__ = (
        "_limit",
        "_loop",
        "_pong_due",
        "_reading",
        "_timer",
        "_timing",
        "_transport",
        "_until",
        "_ws",
        "code",
    )

    def __init__(self, ws: web.WebSocketResponse[Literal[False]], transport: asyncio.Transport, timing: Timing) -> None:
        self.code: CloseCode | None = None
        """Why we close it. Nothing is written any more."""
        self._ws = ws
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_LIMIT_BYTES)
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._limit = FrameLimit(self._loop.time)
        self._until: asyncio.Timeout | None = None
        self._reading = False
        self._pong_due = False
        self._timer: asyncio.TimerHandle | None = None

    # ── out ──

    def write(self, frames: bytes) -> None:
        if self.code is None and not self._transport.is_closing():
            self._transport.write(frames)

    def answer(self, frame: bytes) -> None:
        """Write what belongs to this socket alone. The hub looks at the queue before its own writes."""
        if self.buffered_bytes() > QUEUE_LIMIT_BYTES:
            self.close(CloseCode.TOO_SLOW)
        self.write(frame)

    def buffered_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def leave(self, why: Leave) -> None:
        self.close(_LEAVE[why])

    def close(self, code: CloseCode) -> None:
        """The close frame follows what was written, and the conversation ends where it waits."""
        if self.code is None:
            self.code = code
            if self._until is not None:
                self._until.reschedule(self._loop.time())

    def abort(self) -> None:
        self._transport.abort()

    async def hold(self, conversation: Coroutine[Any, Any, None]) -> None:
        """Runs the conversation until it is over or `close` was called; then closes."""
        code: CloseCode | None = None
        self._timer = self._loop.call_later(self._timing.ping_every_s, self._ping)
        try:
            async with asyncio.timeout(None) as self._until:  # `close` makes it expire
                await conversation
        except Left as left:
            code = left.code
        except DatabaseUnavailable:
            code = CloseCode.GOING_AWAY
        except Exception as error:
            if self.code is None or not isinstance(error, TimeoutError):
                log.exception("live_socket_failed")
                code = CloseCode.FAILED
        finally:
            self._until = None
            self._timer.cancel()
        self.code = self.code or code
        if self.code is not None:
            # Waits for the client's answer, but not longer than `close_within_s`.
            await self._ws.close(code=self.code, message=self.code.reason.encode(), drain=False)
        if self.buffered_bytes():
            self.abort()

    # ── in ──

    async def next_frame(self) -> Auth | SendGift:
        """The next frame that can be read. All else is answered here. Raises Left when the client has gone, or sends too much."""
        while True:
            self._reading = True
            await self._drained()
            message = await self._ws.receive()
            self._reading = False
            frame = self._read(message)
            if wait_s := self._limit.take():
                id_ = frame.id if isinstance(frame, SendGift | Error) else None
                frame = Error(id_, Fault.RATE, "That was too often.", math.ceil(wait_s * 1000))
            if isinstance(frame, Error):
                self.answer(finished(frame))
                if frame.code in FAULTS and self._limit.fault():
                    raise Left(CloseCode.TOO_MANY)
            elif frame is not None:
                return frame

    async def _drained(self) -> None:
        """Read nothing from a client that does not read: each frame would add an answer to its queue. `_unanswered` bounds the wait."""
        if self.buffered_bytes() <= STATE_LIMIT_BYTES:
            return
        self._transport.pause_reading()  # aiohttp's queue is limited in bytes, and empty pings have none
        try:
            while self.buffered_bytes() > STATE_LIMIT_BYTES:  # noqa: ASYNC110 (the transport tells only its protocol)
                await asyncio.sleep(DRAIN_PERIOD_S)
        finally:
            self._transport.resume_reading()

    def _read(self, message: WSMessageNoDecodeText) -> Auth | SendGift | Error | None:
        if message.type is WSMsgType.TEXT:
            return parse(message.data)
        if message.type is WSMsgType.BINARY:
            return Error(code=Fault.MALFORMED, message="Frames are text.")
        if message.type is WSMsgType.PING:
            self.answer(bytes((0x8A, len(message.data))) + message.data)
        elif message.type is WSMsgType.PONG:
            self._answered()
        else:  # closed, closing, broken
            too_big = isinstance(message.data, WebSocketError) and message.data.code == CloseCode.TOO_BIG
            raise Left(CloseCode.TOO_BIG if too_big else None)
        return None

    # ── whether anybody is there ──

    def _ping(self) -> None:
        self.answer(_PING)
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
        else:  # busy with the client's last frame: its pong may be waiting behind it
            self._timer = self._loop.call_later(self._timing.pong_within_s, self._unanswered)
