"""How control-plane processes tell each other that something changed, over PostgreSQL's LISTEN and NOTIFY.

A message is a hint: it may be lost, and every client of the database may send one. It says which row to read, and nothing that is believed
without reading. Subscribers are also told when the connection was lost and is back (`resync`), and then read everything again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import asyncpg
import msgspec

from control_plane.base.ids import LARGEST_ID, Seq, StreamId
from control_plane.db.connections import Connection
from control_plane.db.pool import DatabaseUnavailable, connect, unavailable_as_such

log = logging.getLogger(__name__)

CHANNEL = "stagedoor"
LIMIT_BYTES = 7900  # PostgreSQL takes 8000
PING_S = 5.0
GATHER_S = 0.005
"""What comes within it leaves together: a NOTIFY takes a lock of the whole server."""


class Topic(StrEnum):
    STREAM = "stream"
    """Who may publish to or watch this stream has changed."""
    USER = "user"
    """This user's sessions have changed."""
    EVENTS = "events"
    """A stream has new events, from `first_seq` on."""


class Message(msgspec.Struct, array_like=True):
    sender: str
    topic: Topic
    id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
    first_seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


_decoder = msgspec.json.Decoder(list[Message])
_NOTIFY = "select pg_notify('stagedoor', payload) from unnest($1::text[]) as payload"

Receive = Callable[[Message], None]


async def notify_within(connection: Connection, topic: Topic, id_: int, sender: str = "") -> None:
    """Send with a transaction, for the few that change access. NOTIFY serialises commits, so never on a busy path. `sender`: the name of our
    bus, for those to whom it makes a difference."""
    await connection.execute(_NOTIFY, [msgspec.json.encode([Message(sender, topic, id_)]).decode()])


class Bus:
    """Owns one connection that listens and sends. `run` keeps it alive; `publish` never waits."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.name = uuid.uuid4().hex[:12]
        self._outbox: list[Message] = []
        self._wake = asyncio.Event()
        self._subscribers: dict[Topic, list[Receive]] = {topic: [] for topic in Topic}
        self._resyncs: list[Callable[[], Any]] = []
        self.connected = asyncio.Event()

    def subscribe(self, topic: Topic, receive: Receive) -> None:
        self._subscribers[topic].append(receive)

    def on_resync(self, resync: Callable[[], Any]) -> None:
        """Called each time the connection is made: whatever came before may have been missed."""
        self._resyncs.append(resync)

    def publish(self, stream_id: StreamId, first_seq: Seq) -> None:
        """Tell the other processes of events. Not connected: dropped, for they find them in the tables."""
        if self.connected.is_set():
            self._outbox.append(Message(self.name, Topic.EVENTS, stream_id, first_seq))
            self._wake.set()

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        while True:
            try:
                await self._session()
            except DatabaseUnavailable:
                log.warning("bus_lost")
                await asyncio.sleep(0.5)

    async def _session(self) -> None:
        connection = await connect(self._dsn)
        try:
            with unavailable_as_such():
                connection.add_termination_listener(lambda _: self._wake.set())  # the next use finds out why
                await connection.add_listener(CHANNEL, self._received)
                self._outbox.clear()
                self.connected.set()
                for resync in self._resyncs:
                    resync()
                while True:
                    await self._send(connection)
        finally:
            self.connected.clear()
            connection.terminate()

    async def _send(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        try:
            async with asyncio.timeout(PING_S):
                await self._wake.wait()
        except TimeoutError:
            await connection.execute("select 1", timeout=PING_S)  # a hung server must not look like a quiet one
            return
        await asyncio.sleep(GATHER_S)
        self._wake.clear()
        waiting, self._outbox = self._outbox, []
        await connection.execute(_NOTIFY, _payloads(waiting), timeout=PING_S)

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        # Our own events, which we know; all messages of a payload have one sender and one topic.
        if str(payload).startswith(f'[["{self.name}","{Topic.EVENTS}"'):
            return
        try:
            messages = _decoder.decode(str(payload))
        except (msgspec.DecodeError, RecursionError) as error:
            log.warning("bus_message_malformed", extra={"why": type(error).__name__})
            return
        for message in messages:
            for receive in self._subscribers[message.topic]:
                receive(message)


def _payloads(messages: list[Message]) -> list[str]:
    """Group messages into as few payloads as fit."""
    payloads: list[str] = []
    group: list[bytes] = []
    size = 2
    for message in messages:
        encoded = msgspec.json.encode(message)
        if size + len(encoded) + 1 > LIMIT_BYTES:
            payloads.append(f"[{b','.join(group).decode()}]")
            group, size = [], 2
        group.append(encoded)
        size += len(encoded) + 1
    payloads.append(f"[{b','.join(group).decode()}]")
    return payloads
