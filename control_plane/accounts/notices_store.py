"""SQL of notices to the owners of accounts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact

_ADD = "insert into account_notice (about, channel, address, created_at) values ($1, $2, $3, $4) returning id"
_BY_ID = "select about, channel, address, created_at from account_notice where id = $1"
_DELETE = "delete from account_notice where created_at < $1"


@dataclass(frozen=True, slots=True)
class Notice:
    about: str
    to: Contact
    created_at: dt.datetime


async def add(connection: Connection, about: str, to: Contact, now: dt.datetime) -> int:
    notice_id: int = await connection.fetchval(_ADD, about, to.channel, to.address, now)
    return notice_id


async def by_id(database: Database, notice_id: int) -> Notice | None:
    row = await database.fetchrow(_BY_ID, notice_id)
    if row is None:
        return None
    return Notice(row["about"], Contact(Channel(row["channel"]), row["address"]), row["created_at"])


async def delete_older(database: Database, before: dt.datetime) -> None:
    await database.execute(_DELETE, before)
