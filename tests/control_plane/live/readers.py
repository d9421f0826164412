"""A test double of a socket, streams to watch, and events for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import Appending, EventLog
from control_plane.eventlog.store import create_log
from control_plane.eventlog.types import EventType
from control_plane.gifts.events import Combo, Gift, Person
from control_plane.live.hub import Hub
from control_plane.live.snapshot import Resume, Snapshot
from control_plane.live.subscriber import DisconnectReason, Subscriber
from control_plane.streams.events import StatusChange
from control_plane.streams.model import EndReason, Status
from tests.control_plane.people import new_user

PERIOD_S = 0.1
"""Of the fixture `hub`, between two stats frames."""


async def new_stream(database: Database, user_id: UserId | None = None, **columns: Any) -> StreamId:
    user_id = user_id or await new_user(database)
    values = {"user_id": user_id, "path": f"live/of-{user_id}", "grace_s": 60, **columns}
    names, numbers = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
    async with database.transaction() as connection:
        stream_id = StreamId(
            await connection.fetchval(f"insert into stream ({names}) values ({numbers}) returning id", *values.values())
        )
        await create_log(connection, stream_id)
    return stream_id


async def say(log: EventLog, stream_id: StreamId, reason: str = "") -> None:
    """An event that is recognised by its reason."""

    async def add_status(connection: Connection, appending: Appending) -> None:
        appending.add(EventType.STATUS, StatusChange(Status.LIVE, reason))

    await log.append(stream_id, add_status)


async def give(log: EventLog, stream_id: StreamId, sender: Person, coins: int, receiver_id: UserId) -> None:
    """Write what a gift leaves behind, without the ledger."""

    async def add_gift(connection: Connection, appending: Appending) -> None:
        await connection.execute("update stream set coins = coins + $2 where id = $1", stream_id, coins)
        total = await connection.fetchval(
            """insert into stream_gifter as gifter values ($1, $2, $3)
               on conflict (stream_id, user_id) do update set coins = gifter.coins + $3 returning coins""",
            stream_id,
            sender.user_id,
            coins,
        )
        gift = Gift(1, "Rose", "rose.svg", 1, coins, sender, receiver_id, total, Combo("1-1", 1))
        appending.add(EventType.GIFT, gift)

    await log.append(stream_id, add_gift)


async def end(log: EventLog, stream_id: StreamId) -> None:
    async def add_end(connection: Connection, appending: Appending) -> None:
        await connection.execute("update stream set status = 'ended', ended_at = now() where id = $1", stream_id)
        appending.add(EventType.STATUS, StatusChange(Status.ENDED, EndReason.OWNER))
        appending.close()

    await log.append(stream_id, add_end)


class Reader:
    """Records all frames; implements `Sink`."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.left: DisconnectReason | None = None
        self.stuck_bytes = 0
        self.subscriber: Subscriber | None = None

    def write(self, frames: bytes) -> None:
        assert self.left is None, "written to after it was let go"
        self.writes.append(frames)

    def buffered_bytes(self) -> int:
        return self.stuck_bytes

    def disconnect(self, why: DisconnectReason) -> None:
        self.left = self.left or why

    async def join(
        self, hub: Hub, stream_id: StreamId, user_id: UserId | None = None, resume: Resume | None = None
    ) -> Reader:
        self.subscriber = await hub.join(stream_id, self, user_id, resume, greeting)
        return self

    def leave_hub(self, hub: Hub) -> None:
        assert self.subscriber is not None
        hub.leave(self.subscriber)

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in b"".join(self.writes).splitlines()]

    @property
    def hello(self) -> dict[str, Any]:
        return self.frames[0]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "seq" in frame and frame["type"] != "hello"]

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    @property
    def stats(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == "stats"]


def greeting(snapshot: Snapshot, viewers: int) -> bytes:
    hello = {"type": "hello", "seq": snapshot.last_seq, "recovered": snapshot.recovered, "viewers": viewers}
    return json.dumps({**hello, "epoch": snapshot.epoch}).encode()


def line(text: bytes) -> bytes:
    """A framing without WebSocket: a line of JSON."""
    return text + b"\n"


class Unheard:
    """Offers that reach no hub."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        pass
