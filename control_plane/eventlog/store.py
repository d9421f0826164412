"""SQL of the event log: create, lock, append, read."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.base.ids import Seq, StreamId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.types import EventType

_CREATE = "insert into stream_log (stream_id, epoch) values ($1, $2)"
_LOCK = "select last_seq, closed from stream_log where stream_id = $1 for update"
_APPEND = """
    with event as (
        insert into stream_event (stream_id, seq, type, at, frame)
        select $1, * from unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[])
    )
    update stream_log set last_seq = last_seq + cardinality($2::bigint[]), closed = $6 where stream_id = $1
"""
_TAILS = "select stream_id, last_seq from stream_log where stream_id = any($1)"
_NEW_EPOCHS = """
    update stream_log set epoch = substring(encode(uuid_send(gen_random_uuid()), 'hex') for 8) where not closed
"""
_RANGE = "select seq, frame from stream_event where stream_id = $1 and seq > $2 and seq <= $3 order by seq"

# From one stream to the next by the index, instead of reading all their events.
_WITH_EVENTS = """
    with recursive kept (stream_id, number) as (
        select min(stream_id), 1 from stream_event where stream_id > $1
        union all
        select (select min(event.stream_id) from stream_event event where event.stream_id > kept.stream_id), number + 1
        from kept where stream_id is not null and number < $3
    )
    select stream_id, (
        select status = 'ended' and ended_at < now() - $2::interval from stream where id = stream_id) as ended_before
    from kept where stream_id is not null order by stream_id
"""
_DELETE_EVENTS = """
    delete from stream_event
    where stream_id = $1 and seq < (select min(seq) + $2::bigint from stream_event where stream_id = $1)
"""


class Event(NamedTuple):
    seq: Seq
    type: EventType
    at: dt.datetime
    frame: str


class HeldLog(NamedTuple):
    last_seq: Seq
    closed: bool


class StoredFrame(NamedTuple):
    seq: Seq
    frame: str


async def create_log(connection: Connection, stream_id: StreamId) -> None:
    await connection.execute(_CREATE, stream_id, secrets.token_hex(4))


async def new_epochs(connection: Connection) -> None:
    """Start a new epoch of every log that is not closed, after events were lost."""
    await connection.execute(_NEW_EPOCHS)


async def lock_log(connection: Connection, stream_id: StreamId) -> HeldLog | None:
    row = await connection.fetchrow(_LOCK, stream_id)
    return None if row is None else HeldLog(**row)


async def append(connection: Connection, stream_id: StreamId, events: Sequence[Event], closed: bool) -> None:
    """Append events that continue the log's numbers. The caller holds the lock of the log."""
    seqs, types, ats, frames = zip(*events, strict=True) if events else ((), (), (), ())
    await connection.execute(_APPEND, stream_id, seqs, types, ats, frames, closed)


async def tails(connection: Connection, stream_ids: Sequence[StreamId]) -> dict[StreamId, Seq]:
    """The newest event number of each of these streams."""
    return {row["stream_id"]: row["last_seq"] for row in await connection.fetch(_TAILS, stream_ids)}


async def frames_after(connection: Connection, stream_id: StreamId, after: int, through: int) -> list[StoredFrame]:
    return [StoredFrame(**row) for row in await connection.fetch(_RANGE, stream_id, after, through)]


class LogWithEvents(NamedTuple):
    stream_id: StreamId
    ended_before: bool


async def logs_with_events(
    database: Database, after: StreamId, ago: dt.timedelta, limit: int
) -> Sequence[LogWithEvents]:
    """The next streams that still have events, and whether they ended so long ago."""
    return [LogWithEvents(**row) for row in await database.fetch(_WITH_EVENTS, after, ago, limit)]


async def delete_events(database: Database, stream_id: StreamId, limit: int) -> int:
    """The oldest ones of a stream; returns how many."""
    tag = await database.execute(_DELETE_EVENTS, stream_id, limit)
    return int(tag.rpartition(" ")[2])
