"""A test double of a socket, streams to watch, and events for them."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import Appending, EventLog
from control_plane.eventlog.store import create_log
from control_plane.eventlog.types import Combo, EndReason, EventType, Gift, Person, Status, StatusChange
from control_plane.live.hub import Hub
from control_plane.live.snapshot import Resume, Snapshot
from control_plane.live.subscriber import Leave, Subscriber
from tests.control_plane.people import new_user


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

    async def work(connection: Connection, appending: Appending) -> None:
        appending.add(EventType.STATUS, StatusChange(Status.LIVE, reason))

    await log.append(stream_id, work)


async def give(log: EventLog, stream_id: StreamId, sender: Person, coins: int, receiver_id: UserId) -> None:
    """Write what a gift leaves behind, without the ledger."""

    async def work(connection: Connection, appending: Appending) -> None:
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

    await log.append(stream_id, work)


async def end(log: EventLog, stream_id: StreamId) -> None:
    async def work(connection: Connection, appending: Appending) -> None:
        await connection.execute("update stream set status = 'ended', ended_at = now() where id = $1", stream_id)
        appending.add(EventType.STATUS, StatusChange(Status.ENDED, EndReason.OWNER))
        appending.close()

    await log.append(stream_id, work)


class Reader:
    """Records all frames; implements `Sink`."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.left: Leave | None = None
        self.stuck_bytes = 0
        self.subscriber: Subscriber | None = None

    def write(self, frames: bytes) -> None:
        assert self.left is None, "written to after it was let go"
        self.writes.append(frames)

    def buffered_bytes(self) -> int:
        return self.stuck_bytes

    def leave(self, why: Leave) -> None:
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
        return [json.loads(payload) for payload in payloads(b"".join(self.writes))]

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


class Unheard:
    """Offers that reach no hub."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        pass
