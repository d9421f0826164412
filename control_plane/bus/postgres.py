"""The PostgreSQL engine of the bus: one connection that listens and notifies."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any

from control_plane.base.ids import Seq, StreamId
from control_plane.base.log_limit import LogLimit
from control_plane.bus.model import Receive, Topic
from control_plane.bus.notify import CHANNEL, Pair, messages, notify
from control_plane.db.connections import Connection
from control_plane.db.pool import DatabaseUnavailable, connect, unavailable_as_such

log = logging.getLogger(__name__)

PING_S = 5.0
"""Idle time before the connection is checked. Larger: a hung server goes unnoticed for longer. Smaller: more
queries."""
GATHER_S = 0.02
"""Messages published within this time share a NOTIFY, because each NOTIFY takes a lock of the whole server. Larger:
other processes see events later. Smaller: the lock is taken more often."""
RECONNECT_S = 0.5
"""Pause after the connection was lost. Larger: the gap is longer. Smaller: a database that restarts gets more
attempts."""
MALFORMED_EVERY_S = 60.0
"""Time between two log lines about malformed messages, which every client of the database may send without end.
Larger: the log shows later that it goes on. Smaller: more lines."""


class PostgresBus:
    """Implements `Bus`. `run` connects and reconnects; `publish` never waits."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.name = uuid.uuid4().hex[:12]
        self._outbox: list[Pair] = []
        self._wake = asyncio.Event()
        self._subscribers: dict[Topic, list[Receive]] = {topic: [] for topic in Topic}
        self._resyncs: list[Callable[[], Any]] = []
        self._malformed = LogLimit(_log_malformed, MALFORMED_EVERY_S)
        self.connected = asyncio.Event()

    def subscribe(self, topic: Topic, receive: Receive) -> None:
        self._subscribers[topic].append(receive)

    def on_resync(self, resync: Callable[[], Any]) -> None:
        self._resyncs.append(resync)

    def publish(self, stream_id: StreamId, first_seq: Seq) -> None:
        if self.connected.is_set():
            self._outbox.append((stream_id, first_seq))
            self._wake.set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
        while True:
            try:
                await self._session()
            except DatabaseUnavailable:
                log.warning("bus_lost")
                await asyncio.sleep(RECONNECT_S)

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

    async def _send(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(PING_S):
                await self._wake.wait()
        except TimeoutError:
            await connection.execute("select 1", timeout=PING_S)  # a hung server looks like an idle one
            return
        await asyncio.sleep(GATHER_S)
        self._wake.clear()
        waiting, self._outbox = self._outbox, []
        await notify(connection, self.name, Topic.EVENTS, waiting, timeout=PING_S)

    def _received(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            received = messages(str(payload), self.name)
        except (ValueError, RecursionError) as error:
            self._malformed.note(type(error).__name__)
            return
        for message in received:
            for receive in self._subscribers[message.topic]:
                receive(message)


def _log_malformed(why: str, number: int) -> None:
    log.warning("bus_message_malformed", extra={"why": why, "number": number})
