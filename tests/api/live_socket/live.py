"""A live socket server on its own port, and clients for it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.live_socket.route import LiveSocket
from api.sockets.connection import Timing
from api.sockets.door import Clients
from api.sockets.websocket import websocket_frame
from control_plane.accounts.caller import Caller, Role
from control_plane.accounts.sessions import AccountBlocked
from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.base.rate_limit import RateLimit
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.eventlog.log import Appending, EventLog
from control_plane.eventlog.types import EventType
from control_plane.gifts.events import Combo, Gift, Person
from control_plane.ledger.transfers import IdempotencyConflict
from control_plane.live.hub import Hub
from control_plane.streams.model import StreamOver
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.waiting import DEADLINE_S, in_background, until

QUICK = Timing(ping_every_s=0.2, pong_within_s=0.2, identity_within_s=0.3, close_within_s=0.3)


@dataclass
class House:
    """One stream, its host, and a server for its viewers. Tokens: `host`, `fan`, `operator`. Those in `banned` raise;
    those in `away` find no database."""

    database: Database
    hub: Hub
    log: EventLog
    host: UserId
    fan: UserId
    stream_id: StreamId
    base: str = ""
    tokens: dict[str, Caller] = field(default_factory=dict)
    banned: set[str] = field(default_factory=lambda: {"banned"})
    away: set[str] = field(default_factory=lambda: {"away"})
    asked_in_vain: int = 0
    blocked: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    user_limit: RateLimit = field(default_factory=lambda: RateLimit(1e9))
    socket: LiveSocket = field(init=False)

    async def identify(self, token: str) -> Caller | None:
        if token in self.banned:
            raise AccountBlocked
        if token in self.away:
            self.asked_in_vain += 1
            raise DatabaseUnavailable
        return self.tokens.get(token)

    def wait_s(self, user_id: UserId) -> float:
        return self.user_limit.wait_s(user_id)

    async def become(self, visibility: str) -> None:
        """Change the stream's visibility and announce it as a notification would."""
        await self.database.execute("update stream set visibility = $2 where id = $1", self.stream_id, visibility)
        self.socket.stream_changed(self.stream_id)

    async def send_gift(self, caller: Caller, stream_id: StreamId, key: str, gift_id: GiftId, count: int) -> Seq:
        """Sends once per key. Gift 2 comes too late, gift 5 has a used key, gift 3 has a bug, gift 4 blocks until
        `go_on`, gift 6 blocks and has a bug when it is cancelled."""
        if gift_id == 2:
            raise StreamOver("This live stream has ended.")
        if gift_id == 5:
            raise IdempotencyConflict
        if gift_id == 3:
            raise TimeoutError("a bug")
        if gift_id == 4:
            await self.go_on.wait()
        if gift_id == 6:
            self.blocked += 1
            try:
                await self.go_on.wait()
            finally:
                raise TimeoutError("a bug")

        async def add_gift_once(connection: Connection, appending: Appending) -> Seq:
            seq = await connection.fetchval(
                "select seq from stream_event where stream_id = $1 and frame::json #>> '{data,combo,id}' = $2",
                stream_id,
                key,
            )
            if seq is None:
                seq = appending.next_seq
                sender = Person(caller.user_id, "fan", "")
                appending.add(
                    EventType.GIFT, Gift(gift_id, "Rose", "", count, count, sender, self.host, count, Combo(key, 1))
                )
            return Seq(seq)

        return await self.log.append(stream_id, add_gift_once)

    def url(self, query: str = "", stream_id: object = None) -> str:
        return f"{self.base}/ws/live/{self.stream_id if stream_id is None else stream_id}{query}"

    @asynccontextmanager
    async def visit(
        self, query: str = "", *, token: str | None = None, stream_id: object = None, **options: Any
    ) -> AsyncIterator[Client]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = self.url(query, stream_id)
        options = {"ping_interval": None, "max_queue": None, "proxy": None} | options
        async with connect(url, additional_headers=headers, **options) as client:
            yield Client(client)


class Client:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def frame(self) -> dict[str, Any]:
        """The next frame of any type."""
        async with asyncio.timeout(DEADLINE_S):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
            return frame

    async def next(self) -> dict[str, Any]:
        """The next frame except `stats`, which may come at any time."""
        while (frame := await self.frame())["type"] == "stats":
            pass
        return frame

    async def hello(self) -> dict[str, Any]:
        frame = await self.next()
        assert frame["type"] == "hello"
        return frame

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]

    async def say(self, frame: dict[str, Any] | str | bytes) -> Self:
        await self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)
        return self

    async def rest(self) -> tuple[list[dict[str, Any]], int]:
        """The remaining frames except `stats`, and the close code."""
        frames = []
        try:
            while True:
                frames.append(await self.next())
        except ConnectionClosed as closed:
            return frames, closed.rcvd.code if closed.rcvd else 1006

    async def closed(self) -> int:
        """The close code, ignoring frames before it."""
        return (await self.rest())[1]


@asynccontextmanager
async def serving(
    database: Database, timing: Timing | None = None, sockets_per_address: int = 1000, **stream: Any
) -> AsyncIterator[House]:
    hub = Hub(database, websocket_frame, period_s=0.1)
    host, fan, operator = [await new_user(database, name) for name in ("host", "fan", "operator")]
    stream_id = await new_stream(database, host, **stream)
    house = House(database, hub, EventLog(database, hub), host, fan, stream_id)
    house.tokens = {"host": Caller(host), "fan": Caller(fan), "operator": Caller(operator, Role.OPERATOR)}
    house.socket = LiveSocket(
        hub,
        database,
        house.identify,
        house.send_gift,
        lambda path: f"http://media/{path}/index.m3u8",
        Clients(
            sockets_per_address=sockets_per_address,
            address_of=lambda request: request.remote or "",
            is_limited=lambda address: True,
            page_token=lambda request: request.cookies.get("session"),
            user_wait_s=house.wait_s,
        ),
        timing=timing,
    )
    app = web.Application()
    app.router.add_get("/ws/live/{id}", house.socket.handle)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(in_background(hub.run()))
        await stack.enter_async_context(in_background(house.socket.run()))
        stack.push_async_callback(house.log.close)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=False)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(house.socket.close_all, 1.0)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        house.base = f"ws://127.0.0.1:{runner.addresses[0][1]}"
        yield house


async def epoch_of(house: House) -> str:
    epoch: str = await house.database.fetchval("select epoch from stream_log where stream_id = $1", house.stream_id)
    return epoch


@asynccontextmanager
async def raw_client(house: House, query: str = "") -> AsyncIterator[socket.socket]:
    """A client that has joined and reads nothing."""
    loop = asyncio.get_running_loop()
    host, port = house.base.removeprefix("ws://").split(":")
    before = house.hub.sockets()
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        await loop.sock_connect(client, (host, int(port)))
        request = (
            f"GET /ws/live/{house.stream_id}{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await loop.sock_sendall(client, request.encode())
        response = b""
        while not response.endswith(b"\r\n\r\n"):
            response += await loop.sock_recv(client, 1)
        assert response.startswith(b"HTTP/1.1 101")
        await until(lambda: house.hub.sockets() > before)
        yield client


def payloads(data: bytes) -> Sequence[bytes]:
    """Payloads of complete, unmasked text frames (RFC 6455 section 5.2)."""
    found, at = [], 0
    while at < len(data):
        first, size = data[at], data[at + 1]
        assert first == 0x81, "a whole text frame"
        at += 2
        if size == 126:
            (size,), at = struct.unpack_from("!H", data, at), at + 2
        elif size == 127:
            (size,), at = struct.unpack_from("!Q", data, at), at + 8
        found.append(data[at : at + size])
        at += size
    assert at == len(data)
    return found
