"""SQL of uploads in parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.videos.uploads.model import ResumableUpload, UploadId

_COLUMNS = "id, user_id, name, bytes as size, sha256, expires_at"
_ADD = f"insert into upload (id, user_id, name, bytes, expires_at) values ($1, $2, $3, $4, $5) returning {_COLUMNS}"
_OPEN = "select id from upload where user_id = $1 and expires_at > now()"
_FIND = f"select {_COLUMNS} from upload where id = $1 and user_id = $2 and expires_at > now()"
_COMPLETE = "update upload set sha256 = $2 where id = $1"
_DELETE = "delete from upload where id = $1 returning id"
_FORGET_PERSON = "delete from upload where user_id = $1"
_EXPIRED = "delete from upload where expires_at <= now() and id <> all($1::text[]) returning id"
_KNOWN = "select id from upload where id = any($1::text[])"


async def open_uploads(connection: Connection, user_id: UserId) -> Sequence[UploadId]:
    return [row["id"] for row in await connection.fetch(_OPEN, user_id)]


async def add(
    connection: Connection, upload_id: UploadId, user_id: UserId, name: str, size: int, expires_at: dt.datetime
) -> ResumableUpload:
    row = await connection.fetchrow(_ADD, upload_id, user_id, name, size, expires_at)
    assert row is not None
    return ResumableUpload(**row)


async def find(database: Database, upload_id: str, user_id: UserId) -> ResumableUpload | None:
    """None: there is none, it has expired, or it is another user's."""
    row = await database.fetchrow(_FIND, upload_id, user_id)
    return None if row is None else ResumableUpload(**row)


async def complete(database: Database, upload_id: UploadId, sha256: bytes) -> None:
    await database.execute(_COMPLETE, upload_id, sha256)


async def delete(source: Database | Connection, upload_id: UploadId) -> bool:
    """False: there was none."""
    return await source.fetchval(_DELETE, upload_id) is not None


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """A job deletes the files."""
    await connection.execute(_FORGET_PERSON, user_id)


async def delete_expired(database: Database, besides: Collection[UploadId]) -> Sequence[UploadId]:
    return [row["id"] for row in await database.fetch(_EXPIRED, list(besides))]


async def known(database: Database, upload_ids: Collection[str]) -> set[str]:
    """Those of these ids that are uploads."""
    return {row["id"] for row in await database.fetch(_KNOWN, list(upload_ids))}
