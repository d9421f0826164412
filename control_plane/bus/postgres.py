"""The message bus between control-plane processes: publish and subscribe over PostgreSQL LISTEN and NOTIFY.

A message is a hint: it may be lost, and every client of the database may send one. So a message only names a row to
read. After each connect and reconnect the bus calls the `resync` callbacks, and subscribers read everything again.
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
LIMIT_BYTES = 7900  # of one payload; PostgreSQL rejects 8000 and more
PING_S = 5.0
"""Idle time before the connection is checked. Larger: a hung server goes unnoticed for longer. Smaller: more
queries."""
GATHER_S = 0.005
"""Messages published within this time share a NOTIFY, because each NOTIFY takes a lock of the whole server. Larger:
other processes see events later. Smaller: the lock is taken more often."""


class Topic(StrEnum):
    STREAM = "stream"
    """Access to this stream (publish or watch) has changed."""
    USER = "user"
    """This user's sessions have changed."""
    EVENTS = "events"
    """The stream has new events from `first_seq` on."""


class Message(msgspec.Struct, array_like=True):
    sender: str
    topic: Topic
    id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
    first_seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


_decoder = msgspec.json.Decoder(list[Message])
_NOTIFY = "select pg_notify('stagedoor', payload) from unnest($1::text[]) as payload"

Receive = Callable[[Message], None]


async def notify_within(connection: Connection, topic: Topic, id_: int, sender: str = "") -> None:
    """Publish a message with the caller's transaction, for rare changes of access. NOTIFY serialises commits, so it
    must not be used on a busy path. `sender`: the `Bus.name` of this process, for subscribers that treat their own
    messages differently."""
    await connection.execute(_NOTIFY, [msgspec.json.encode([Message(sender, topic, id_)]).decode()])


class Bus:
    """One connection that listens and notifies. `run` reconnects it; `publish` never waits."""

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
        """Register a callback for each connect and reconnect: messages before it may have been lost."""
        self._resyncs.append(resync)

    def publish(self, stream_id: StreamId, first_seq: Seq) -> None:
        """Notify other processes of events. Dropped while disconnected: other processes then find the events in the
        tables."""
        if self.connected.is_set():
            self._outbox.append(Message(self.name, Topic.EVENTS, stream_id, first_seq))
            self._wake.set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
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
                connection.add_termination_listener(lambda _: self._wake.set())  # the next use raises the cause
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
            await connection.execute("select 1", timeout=PING_S)  # a hung server looks like an idle one
            return
        await asyncio.sleep(GATHER_S)
        self._wake.clear()
        waiting, self._outbox = self._outbox, []
        await connection.execute(_NOTIFY, _payloads(waiting), timeout=PING_S)

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        # Skip own events without decoding them. All messages of a payload have one sender and one topic.
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
    """Group messages into as few payloads of LIMIT_BYTES as possible."""
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
