"""SQL of the notifications of stores."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.payments.claims_store import LONGEST_BACKOFF_S
from control_plane.payments.stores.model import Notice, NoticeKind

LONGEST_ID = 200
"""Characters of a notification's id. A longer one is kept as its hash, because an index cannot hold it."""

_KEEP = """
    insert into store_notice (store, notice_id, kind, reference)
    select $1, * from unnest($2::text[], $3::text[], $4::text[])
    on conflict (store, notice_id) do nothing
"""
_TAKE_DUE = f"""
    update store_notice set attempts = attempts + 1, due_at = clock_timestamp()
        + least(interval '1 minute' * power(2, least(attempts, 10)), interval '{LONGEST_BACKOFF_S} seconds')
    where id in (
        select id from store_notice where due_at <= now() and store <> all($2::text[])
        order by due_at limit $1 for update skip locked)
    returning id, store, notice_id, kind, reference, received_at, clock_timestamp() as asked_at
"""
_CLOSE = "update store_notice set due_at = null, reason = $2 where id = $1"
_WAIT = "update store_notice set reason = $2 where id = $1"
_WAITING = """
    select count(*) as notices, coalesce(extract(epoch from now() - min(received_at)), 0)::float8 as oldest_s
    from store_notice where due_at is not null
"""
_DELETE_OLD = """
    delete from store_notice where id in (
        select id from store_notice where received_at < now() - $1::interval and due_at is null limit $2)
"""


@dataclass(frozen=True, slots=True)
class KeptNotice:
    id: int
    store: str
    notice: Notice
    received_at: dt.datetime
    asked_at: dt.datetime


async def keep(connection: Connection, store: str, notices: Sequence[Notice]) -> None:
    """Keep what is new."""
    await connection.execute(
        _KEEP,
        store,
        [_stored_id(notice.id) for notice in notices],
        [notice.kind.value for notice in notices],
        [notice.reference for notice in notices],
    )


def _stored_id(notice_id: str) -> str:
    return notice_id if len(notice_id) <= LONGEST_ID else hashlib.sha256(notice_id.encode()).hexdigest()


async def take_due(database: Database, limit: int, down: Collection[str]) -> Sequence[KeptNotice]:
    """Notices that are due, oldest first, without those of the stores that are down. They are due again after the backoff,
    unless they are closed by then."""
    return [
        KeptNotice(
            row["id"],
            row["store"],
            Notice(row["notice_id"], NoticeKind(row["kind"]), row["reference"]),
            row["received_at"],
            row["asked_at"],
        )
        for row in await database.fetch(_TAKE_DUE, limit, list(down))
    ]


async def close(database: Database, notice_id: int, reason: str = "") -> None:
    """`reason`: why it changed nothing."""
    await database.execute(_CLOSE, notice_id, reason)


async def wait(database: Database, notice_id: int, reason: str) -> None:
    await database.execute(_WAIT, notice_id, reason)


async def waiting(database: Database) -> tuple[int, float]:
    """How many notices wait, and for how many seconds the oldest."""
    row = await database.fetchrow(_WAITING)
    return (0, 0.0) if row is None else (row["notices"], row["oldest_s"])


async def delete_old(database: Database, kept: dt.timedelta, most: int) -> int:
    """Delete at most `most` processed notices. Returns their number."""
    return int((await database.execute(_DELETE_OLD, kept, most)).split()[-1])
