"""SQL of requests for the verified badge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_COLUMNS = "id, user_id, name, document, submissions, verified, created_at, updated_at, decided_at"
_SUBMIT = f"""
    insert into verification_request (user_id, name) values ($1, $2)
    on conflict (user_id) where decided_at is null
    do update set name = excluded.name, submissions = verification_request.submissions + 1, updated_at = now()
    returning {_COLUMNS}
"""
_REQUESTS = "select count(*) from verification_request where user_id = $1 and created_at > now() - $2::interval"
_SET_DOCUMENT = "update verification_request set document = $2 where id = $1"
_GET = f"select {_COLUMNS} from verification_request where id = $1"
_OPEN = f"select {_COLUMNS} from verification_request where decided_at is null order by id limit $1"
_LATEST = f"select {_COLUMNS} from verification_request order by id desc limit $1"
_DECIDE = """
    with decided as (
        update verification_request set verified = $2, decided_at = now() where id = $1 and decided_at is null
        returning user_id
    ), badge as (update app_user set verified = true where $2 and id = (select user_id from decided))
    select user_id from decided
"""
_DECIDED = """
    select id from verification_request where document is not null and decided_at < now() - $1::interval
    order by decided_at limit $2
"""
_OF_USER = "select id from verification_request where user_id = $1"
_DELETE_OF = "delete from verification_request where user_id = $1"
_EXPORT = """
    select id, name, submissions, verified, created_at, updated_at, decided_at from verification_request
    where user_id = $1 order by id desc
"""


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    id: int
    user_id: UserId
    name: str
    """As the user gave it."""
    document: str | None
    """The document's name in storage. None: it was deleted."""
    submissions: int
    """How often the user has sent a document for this request."""
    verified: bool | None
    """The decision. None: open."""
    created_at: dt.datetime
    updated_at: dt.datetime
    decided_at: dt.datetime | None


def _request(row: Row) -> VerificationRequest:
    return VerificationRequest(**row)


async def submit(connection: Connection, user_id: UserId, name: str) -> VerificationRequest:
    """The user's open request, which is new or changed."""
    return _request(present(await connection.fetchrow(_SUBMIT, user_id, name), "the statement returns a row"))


async def requests(connection: Connection, user_id: UserId, within: dt.timedelta) -> int:
    number: int = await connection.fetchval(_REQUESTS, user_id, within)
    return number


async def set_document(connection: Connection, request_id: int, name: str | None) -> None:
    await connection.execute(_SET_DOCUMENT, request_id, name)


async def get(source: Connection | Database, request_id: int) -> VerificationRequest | None:
    row = await source.fetchrow(_GET, request_id)
    return None if row is None else _request(row)


async def waiting(database: Database, limit: int) -> Sequence[VerificationRequest]:
    """Open requests, oldest first."""
    return [_request(row) for row in await database.fetch(_OPEN, limit)]


async def latest(database: Database, limit: int) -> Sequence[VerificationRequest]:
    """Requests with and without a decision, newest first."""
    return [_request(row) for row in await database.fetch(_LATEST, limit)]


async def decide(connection: Connection, request_id: int, *, verified: bool) -> UserId | None:
    """Decide an open request; `verified` gives the user the badge. Returns the user. None: there is no such open
    request."""
    user_id: UserId | None = await connection.fetchval(_DECIDE, request_id, verified)
    return user_id


async def decided(database: Database, before: dt.timedelta, limit: int) -> Sequence[int]:
    """Ids of requests that still have a document and were decided before that time, oldest decision first."""
    return [row["id"] for row in await database.fetch(_DECIDED, before, limit)]


async def of_user(connection: Connection, user_id: UserId) -> Sequence[int]:
    return [row["id"] for row in await connection.fetch(_OF_USER, user_id)]


async def delete_of(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_DELETE_OF, user_id)


async def exported_requests(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)
