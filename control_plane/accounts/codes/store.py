"""SQL of the codes that are sent to email addresses and phone numbers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database, Row
from control_plane.delivery.contacts import Channel, Contact

_COUNTS = """
    select count(*) filter (where address = $1 and created_at > $3::timestamptz - interval '1 hour') as address_hour,
        count(*) filter (where address = $1) as address_day,
        count(*) filter (where origin = $2) as origin_day,
        max(created_at) filter (where address = $1) as last_at
    from contact_code where (address = $1 or origin = $2) and created_at > $3::timestamptz - interval '1 day'
"""
_SEND_AGAIN = """
    with again as (
        select * from contact_code
        where purpose = $1 and channel = $2 and address = $3 and coalesce(user_id, 0) = coalesce($4, 0)
            and closed_at is null and silent = $6 and tries < $8 and created_at > $9
        for update
    ), earlier as (
        insert into contact_code (purpose, channel, address, user_id, origin, silent, created_at, closed_at)
        select purpose, channel, address, user_id, origin, silent, created_at, $7 from again
    )
    update contact_code set origin = $5, created_at = $7 from again where contact_code.id = again.id
    returning contact_code.id
"""
"""The row of the earlier request is closed: only limits count it."""
_CLOSE = """
    update contact_code set closed_at = $5
    where purpose = $1 and channel = $2 and address = $3 and coalesce(user_id, 0) = coalesce($4, 0) and closed_at is null
"""
_ADD = """
    insert into contact_code (purpose, channel, address, user_id, origin, silent, created_at)
    values ($1, $2, $3, $4, $5, $6, $7) returning id
"""
_COLUMNS = "id, purpose, channel, address, user_id, silent, salt, created_at"
_TRY = f"""
    update contact_code set tries = tries + 1
    where purpose = $1 and channel = $2 and address = $3 and coalesce(user_id, 0) = coalesce($4, 0)
        and closed_at is null and tries < $5 and created_at > $6
    returning {_COLUMNS}
"""
_CONFIRM = """
    update contact_code set confirmed_at = $2, confirmed_by = $3 where id = $1 and closed_at is null returning id
"""
_CONFIRMED = """
    select id from contact_code
    where purpose = $1 and channel = $2 and address = $3 and confirmed_by = $4 and confirmed_at > $5 and closed_at is null
"""
_USE = "update contact_code set closed_at = $2 where id = $1 and closed_at is null returning id"
_BY_ID = f"select {_COLUMNS} from contact_code where id = $1 and closed_at is null"
_OPEN = f"""
    select {_COLUMNS} from contact_code where closed_at is null and created_at > $1 and not silent
    order by created_at desc, id desc limit $2
"""
_DELETE = "delete from contact_code where created_at < $1"
_BY_TEXT_MESSAGE = f"select {value_of('codes.phone', '$1::bigint')}"
_COUNT_BY_TEXT_MESSAGE = "select counter_add('codes.phone', $1, 1)"
_DELETE_COUNTS = "delete from counter where name = 'codes.phone' and subject_id < $1"
"""The counter's subject is the day, as a number of days since 1970 in UTC."""


@dataclass(frozen=True, slots=True)
class Sent:
    id: int
    purpose: str
    contact: Contact
    user_id: UserId | None
    silent: bool
    salt: bytes
    created_at: dt.datetime
    """Of its last request."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Codes of the last day."""

    address_hour: int
    address_day: int
    origin_day: int
    last_at: dt.datetime | None


def _sent(row: Row) -> Sent:
    return Sent(
        id=row["id"],
        purpose=row["purpose"],
        contact=Contact(Channel(row["channel"]), row["address"]),
        user_id=row["user_id"],
        silent=row["silent"],
        salt=row["salt"],
        created_at=row["created_at"],
    )


async def lock_and_count(connection: Connection, contact: Contact, origin: str, now: dt.datetime) -> Counts:
    """Until the transaction ends, no other one passes here for the same address or the same origin."""
    await lock_names(connection, f"code to {contact.address}", f"code for {origin}")
    row = await connection.fetchrow(_COUNTS, contact.address, origin, now)
    assert row is not None, "an aggregate has one row"
    return Counts(**row)


async def by_text_message(source: Connection | Database, now: dt.datetime) -> int:
    """Requests of this day (UTC) for codes by text message, of all users."""
    number: int = await source.fetchval(_BY_TEXT_MESSAGE, _day(now))
    return number


async def count_by_text_message(connection: Connection, most: int, now: dt.datetime) -> bool:
    """Count a request for a code by text message. False: there were `most` today. Until the transaction ends, no other
    one passes here."""
    await lock_names(connection, "codes by text message")
    if await by_text_message(connection, now) >= most:
        return False
    await connection.execute(_COUNT_BY_TEXT_MESSAGE, _day(now))
    return True


async def send_again(
    connection: Connection,
    purpose: str,
    contact: Contact,
    user_id: UserId | None,
    *,
    origin: str,
    silent: bool,
    now: dt.datetime,
    tries: int,
    since: dt.datetime,
) -> int | None:
    """Count another request for the open code, whose life begins again. None: there is none, it was sent before
    `since`, or had its tries."""
    code_id: int | None = await connection.fetchval(
        _SEND_AGAIN, purpose, contact.channel, contact.address, user_id, origin, silent, now, tries, since
    )
    return code_id


async def replace(
    connection: Connection,
    purpose: str,
    contact: Contact,
    user_id: UserId | None,
    *,
    origin: str,
    silent: bool,
    now: dt.datetime,
) -> int:
    """Add a code and close the open one of the same purpose."""
    await connection.execute(_CLOSE, purpose, contact.channel, contact.address, user_id, now)
    code_id: int = await connection.fetchval(
        _ADD, purpose, contact.channel, contact.address, user_id, origin, silent, now
    )
    return code_id


async def count_try(
    database: Database, purpose: str, contact: Contact, user_id: UserId | None, *, tries: int, since: dt.datetime
) -> Sent | None:
    """Count one try of the open code and return it. None: there is none, it is older than `since`, or had its tries."""
    row = await database.fetchrow(_TRY, purpose, contact.channel, contact.address, user_id, tries, since)
    return None if row is None else _sent(row)


async def confirm(database: Database, code_id: int, by: str, now: dt.datetime) -> bool:
    """False: the code was used or replaced meanwhile."""
    return await database.fetchval(_CONFIRM, code_id, now, by) is not None


async def confirmed(database: Database, purpose: str, contact: Contact, by: str, since: dt.datetime) -> int | None:
    """The code that `by` entered after `since` and has not used."""
    found: int | None = await database.fetchval(_CONFIRMED, purpose, contact.channel, contact.address, by, since)
    return found


async def use(connection: Connection, code_id: int, now: dt.datetime) -> bool:
    """Close the code. False: it was used or replaced meanwhile."""
    return await connection.fetchval(_USE, code_id, now) is not None


async def by_id(database: Database, code_id: int) -> Sent | None:
    row = await database.fetchrow(_BY_ID, code_id)
    return None if row is None else _sent(row)


async def newest(database: Database, since: dt.datetime, limit: int) -> list[Sent]:
    """Open codes, newest first."""
    return [_sent(row) for row in await database.fetch(_OPEN, since, limit)]


async def delete_older(database: Database, before: dt.datetime) -> None:
    await database.execute(_DELETE, before)
    await database.execute(_DELETE_COUNTS, _day(before))


def _day(time: dt.datetime) -> int:
    return int(time.timestamp()) // 86400
