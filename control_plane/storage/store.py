"""SQL of stored files and their uses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.storage.model import FileName

_ADD = """
    insert into stored_file (name, kind, public, owner_id, bytes, sha256) values ($1, $2, $3, $4, $5, $6)
    on conflict (name) do update set changed_at = now(),
        state = case when stored_file.state = 'kept' then 'kept' else 'pending' end
    returning state = 'kept'
"""
_BY_NAME = "select name, public, salt, state, bytes from stored_file where name = $1"
_STATES = "select name, state from stored_file where name = any($1)"
_SERIALISE = "select pg_advisory_xact_lock(hashtextextended('file_use/' || $1, 0))"
_LOCK = """
    select id, name, state from stored_file where id in (
        select id from stored_file where name = any($2) union all select file_id from file_use where used_by = $1)
    order by id for update
"""
_USE = "insert into file_use (used_by, file_id) select $1, unnest($2::bigint[]) on conflict do nothing"
_KEEP = "update stored_file set state = 'kept', changed_at = now() where id = any($1) and state = 'pending'"
_UNUSE = "delete from file_use where used_by = $1 and file_id <> all($2::bigint[]) returning file_id"
_GIVE_UP = """
    update stored_file set state = 'deleting', changed_at = now()
    where id = any($1) and not exists (select from file_use where file_id = stored_file.id)
    returning name
"""
_DISCARD = (
    "update stored_file set state = 'deleting', changed_at = now() where name = $1 and state = 'pending' returning id"
)
_LOCK_DELETING = "select id from stored_file where name = $1 and state = 'deleting' for update"
_REMOVE = "delete from stored_file where name = $1"
_ABANDON = """
    update stored_file set state = 'deleting', changed_at = now() where id in (
        select id from stored_file where state = 'pending' and changed_at < now() - $1::interval limit 1000 for update skip locked
    ) and state = 'pending'
"""
_DELETING = "select name from stored_file where state = 'deleting' and changed_at < now() - $1::interval limit 1000"
_STRAY = """
    insert into stored_file (name, kind, public, bytes, sha256, state) values ($1, '', false, $2, '', 'deleting')
    on conflict do nothing returning name
"""
_KEPT = "select id, name from stored_file where id > $1 and state = 'kept' order by id limit 1000"
_RESALT = """
    update stored_file set salt = substring(uuid_send(gen_random_uuid()) for 6)
    where id in (select file_id from file_use where used_by = $1)
"""
_COUNT_UPLOAD = """
    insert into upload_count (user_id, kind, uploads, bytes) select $1, $2, 1, $4::bigint where $4 <= $5::bigint
    on conflict (user_id, kind, day) do update
    set uploads = upload_count.uploads + 1, bytes = upload_count.bytes + excluded.bytes
    where upload_count.uploads < $3 and upload_count.bytes + excluded.bytes <= $5
    returning uploads
"""
_UPLOADS_TODAY = """
    select uploads, bytes from upload_count
    where user_id = $1 and kind = $2 and day = (now() at time zone 'UTC')::date
"""
_FORGET_UPLOADS = "delete from upload_count where day < (now() at time zone 'UTC')::date - 1"


class StoredFile(NamedTuple):
    name: FileName
    public: bool
    salt: bytes
    state: str
    bytes: int


async def add(
    database: Database, name: FileName, kind: str, *, public: bool, owner: UserId | None, size: int, sha256: bytes
) -> bool:
    """The row of a file that is about to be stored. True: the file is there already, with a use."""
    return bool(await database.fetchval(_ADD, name, kind, public, owner, size, sha256))


async def by_name(database: Database, name: str) -> StoredFile | None:
    row = await database.fetchrow(_BY_NAME, name)
    return None if row is None else StoredFile(**row)


async def states(database: Database, names: Collection[str]) -> dict[str, str]:
    return {row["name"]: row["state"] for row in await database.fetch(_STATES, list(names))}


async def set_uses(connection: Connection, used_by: str, names: Collection[FileName]) -> Sequence[FileName] | None:
    """Make these the only files that `used_by` uses. Returns the files that nothing uses any more, now to be deleted;
    None, and changes nothing, when one of `names` is not there.

    Rows are locked in the order of their ids before their uses are counted, so that a file is not given up while
    another transaction begins to use it.
    """
    await connection.execute(_SERIALISE, used_by)
    locked = await connection.fetch(_LOCK, used_by, list(names))
    chosen = [row["id"] for row in locked if row["name"] in names and row["state"] != "deleting"]
    if len(chosen) < len(set(names)):
        return None
    await connection.execute(_USE, used_by, chosen)
    await connection.execute(_KEEP, chosen)
    left = [row["file_id"] for row in await connection.fetch(_UNUSE, used_by, chosen)]
    return [row["name"] for row in await connection.fetch(_GIVE_UP, left)] if left else []


async def lock_deleting(connection: Connection, name: str) -> bool:
    """Lock the row of a file that is to be deleted. False: it is used again, or gone."""
    return await connection.fetchval(_LOCK_DELETING, name) is not None


async def remove(connection: Connection, name: str) -> None:
    await connection.execute(_REMOVE, name)


async def discard(connection: Connection, name: FileName) -> bool:
    """Give up a file that was never used. False: it is used."""
    return await connection.fetchval(_DISCARD, name) is not None


async def abandon(connection: Connection, age: dt.timedelta) -> int:
    """Give up files that were never used since `age`. Returns their number, at most 1,000."""
    return int((await connection.execute(_ABANDON, age)).split()[-1])


async def deleting(connection: Connection, age: dt.timedelta) -> Sequence[FileName]:
    """Files that should have been deleted `age` ago, at most 1,000."""
    return [row["name"] for row in await connection.fetch(_DELETING, age)]


async def add_stray(connection: Connection, name: str, size: int) -> bool:
    """A row, to be deleted, for a file that has none. False: it has one now."""
    return await connection.fetchval(_STRAY, name, size) is not None


async def kept(database: Database, after: int) -> Sequence[tuple[int, FileName]]:
    return [(row["id"], row["name"]) for row in await database.fetch(_KEPT, after)]


async def end_addresses(connection: Connection, used_by: str) -> None:
    """End every signed address of the files of `used_by`."""
    await connection.execute(_RESALT, used_by)


async def count_upload(
    source: Connection | Database, user_id: UserId, kind: str, most: int, size: int = 0, most_bytes: int = 0
) -> bool:
    """Count an upload of this day (UTC). False: the user has had as many uploads, or bytes, as allowed."""
    return await source.fetchval(_COUNT_UPLOAD, user_id, kind, most, size, most_bytes) is not None


async def uploads_today(database: Database, user_id: UserId, kind: str) -> tuple[int, int]:
    """The uploads that were counted this day (UTC), and their bytes."""
    row = await database.fetchrow(_UPLOADS_TODAY, user_id, kind)
    return (row["uploads"], row["bytes"]) if row is not None else (0, 0)


async def forget_uploads(database: Database) -> None:
    await database.execute(_FORGET_UPLOADS)
