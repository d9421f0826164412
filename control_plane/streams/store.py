"""SQL of streams, and of the connections that publish to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import DEADLINE_S, Database, Row
from control_plane.ledger.store import coins_of
from control_plane.social.blocks_store import are_blocked
from control_plane.social.model import Viewer
from control_plane.streams.media.model import MediaConnection, SourceId
from control_plane.streams.model import EndReason, HasUnfinishedStream, Status, Stream, StreamOptions, Visibility
from control_plane.streams.path import APP

_COLUMNS = """
    id, user_id, path, status, key_version, key_salt, visibility, price, title, grace_s, source_id, local_start,
    created_at, live_at, interrupted_at, ended_at, end_reason, revoked_at, coins, likes, peak_viewers, playing,
    case when playing is null then '' else coalesce(probe ->> 'note', '') end as playing_note
"""
_CREATE = f"""
    with owner as (select id from app_user where id = $1 and banned_at is null and deleted_at is null for share),
        next as (select owner.id as owner_id, nextval(pg_get_serial_sequence('stream', 'id')) as id from owner)
    insert into stream (id, user_id, path, title, visibility, pin_hash, price, grace_s, local_start)
    select id, owner_id, '{APP}/' || id, $2, $3, $4, $5, $6, $7 from next
    returning {_COLUMNS}
"""
_CONFIGURE = f"""
    update stream set title = $2, visibility = $3, pin_hash = $4, price = $5, grace_s = $6, local_start = $7
    where id = $1 and status = 'created'
    returning {_COLUMNS}
"""
_GET = f"select {_COLUMNS} from stream where id = $1"
_SEEN = (
    f"id = $1 and exists (select from visible_user where id = user_id) and not {are_blocked('user_id', '$2::integer')}"
)
_GET_SEEN = f"select {_COLUMNS} from stream where {_SEEN}"
_ENTERED = f"select {_COLUMNS}, {coins_of('$2::integer')} as viewer_coins from stream where {_SEEN}"
_BY_IDS = f"select {_COLUMNS} from stream where id = any($1)"
_UNFINISHED = f"select {_COLUMNS} from stream where status <> 'ended'"
_UNFINISHED_OF = f"select {_COLUMNS} from stream where user_id = $1 and status <> 'ended'"
_LATEST = f"select {_COLUMNS} from stream order by id desc limit $1"
_ONLINE = f"""
    update stream set status = 'live', source_id = $2, live_at = coalesce(live_at, now()), interrupted_at = null,
        playing = null
    where id = $1 and status <> 'ended' and source_id is distinct from $2 and key_version = coalesce($3, key_version)
    returning {_COLUMNS}
"""
_IS_FIRST_LIVE = "select live_at = now() from stream where id = $1"
_LOST = f"""
    update stream set status = 'interrupted', source_id = null, interrupted_at = now(), playing = null
    where id = $1 and source_id = $2
    returning {_COLUMNS}
"""
_END = f"""
    update stream set status = 'ended', ended_at = now(), end_reason = $2, source_id = null, revoked_at = now(),
        peak_viewers = greatest(peak_viewers, $3), playing = null
    where id = $1 and status <> 'ended'
    returning {_COLUMNS}
"""
_ROTATE = f"""
    update stream set key_version = key_version + 1, key_salt = substring(uuid_send(gen_random_uuid()) for 6),
        revoked_at = now()
    where id = $1 and status <> 'ended'
    returning {_COLUMNS}
"""
_LISTED = """
    select stream.id, app_user.username, profile_pic, stream.coins from stream
    join visible_user on visible_user.id = stream.user_id
    join app_user on app_user.id = stream.user_id
    where stream.id = any($1)
"""
_REVOKE_EVERY = """
    update stream set key_version = key_version + 1, key_salt = substring(uuid_send(gen_random_uuid()) for 6), revoked_at = now()
    where status <> 'ended'
"""
_PROBED = "update stream set playing = $3, probed_at = now(), probe = $4::text::jsonb where id = $1 and source_id = $2"
_NOT_ENDED_BEFORE = (
    "select id from stream where id = any($1) and (status <> 'ended' or ended_at > now() - $2::interval)"
)
_OPEN_SESSION = """
    insert into publish_session (stream_id, source_id, protocol, address, user_agent, started_at, key_version)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (stream_id, source_id) do update set ended_at = null, end_reason = null
"""
_CLOSE_SESSIONS = """
    update publish_session set ended_at = now(), end_reason = $3, inbound_bytes = greatest(inbound_bytes, $4)
    where stream_id = $1 and ended_at is null and source_id is distinct from $2
"""
_FORGET = "update stream set title = '', local_start = '', pin_hash = null where user_id = $1"
_FORGET_PUBLISHERS = """
    update publish_session set address = '', user_agent = ''
    where stream_id = any (array(select id from stream where user_id = $1))
"""
_EXPORT = """
    select id, title, visibility, price, status, created_at, live_at, ended_at, end_reason, coins, likes, peak_viewers,
        (select coalesce(json_agg(json_build_object('protocol', protocol, 'address', address, 'user_agent', user_agent,
            'started_at', started_at, 'ended_at', publisher.ended_at) order by publisher.id), '[]')::text
            from publish_session publisher where stream_id = stream.id) as publishers
    from stream where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_ADMITTED_VERSION = "select key_version from publish_session where stream_id = $1 and source_id = $2"
# Rows locked by a gift or a status change wait for the next round: waiting for several row locks could deadlock with
# their owners.
_RAISE_PEAKS = """
    with seen as (select * from unnest($1::int[], $2::int[]) as seen (stream_id, peak)),
        held as (
            select id, peak from stream join seen on stream_id = id where peak > peak_viewers
            for no key update of stream skip locked
        ),
        raised as (update stream set peak_viewers = peak from held where stream.id = held.id returning stream.id)
    select id from raised
    union all
    select stream_id from seen left join stream on id = stream_id where peak <= coalesce(peak_viewers, peak)
"""
_GIFT_SINCE = "select max(created_at) > $2 from gift_sent where stream_id = $1"
"""`max` reads the newest gift from the index. `exists` would be planned as if a match came soon, and reads all gifts if
there is none."""


def sees(stream: str, viewer: str) -> str:
    """An SQL condition: the viewer may watch the stream, or could before it ended. The arguments are SQL, of the row and
    of the viewer's id."""
    host = f"exists (select from visible_user where id = {stream}.user_id)"
    blocked = are_blocked(f"{stream}.user_id", viewer)
    public = f"{stream}.visibility = 'public' and {host} and not {blocked}"
    return f"({stream}.user_id = {viewer} or {public})"


def _stream(row: Row) -> Stream:
    return Stream(
        id=row["id"],
        user_id=row["user_id"],
        path=row["path"],
        status=Status(row["status"]),
        key_version=row["key_version"],
        key_salt=row["key_salt"],
        visibility=Visibility(row["visibility"]),
        price=row["price"],
        title=row["title"],
        grace_s=row["grace_s"],
        source_id=row["source_id"],
        local_start=row["local_start"],
        created_at=row["created_at"],
        live_at=row["live_at"],
        interrupted_at=row["interrupted_at"],
        ended_at=row["ended_at"],
        end_reason=EndReason(row["end_reason"]) if row["end_reason"] else None,
        revoked_at=row["revoked_at"],
        coins=row["coins"],
        likes=row["likes"],
        peak_viewers=row["peak_viewers"],
        playing=row["playing"],
        playing_note=row["playing_note"],
    )


def _maybe(row: Row | None) -> Stream | None:
    return None if row is None else _stream(row)


def _options(options: StreamOptions) -> tuple[object, ...]:
    o = options
    return o.title, o.visibility.value, o.pin_hash, o.price, o.grace_s, o.local_start


async def get(database: Database, stream_id: StreamId, deadline_s: float = DEADLINE_S) -> Stream | None:
    return _maybe(await database.fetchrow(_GET, stream_id, deadline_s=deadline_s))


async def seen_by(database: Database, viewer_id: Viewer, stream_id: StreamId) -> Stream | None:
    """None also if the host is banned or deleted, or if the host and the viewer have a block. Whether the stream is public
    is for the caller to decide."""
    return _maybe(await database.fetchrow(_GET_SEEN, stream_id, viewer_id))


async def entered_by(database: Database, viewer_id: Viewer, stream_id: StreamId) -> tuple[Stream, int] | None:
    """What `seen_by` finds, and the coins of the viewer."""
    row = await database.fetchrow(_ENTERED, stream_id, viewer_id)
    return None if row is None else (_stream(row), row["viewer_coins"])


async def by_ids(
    database: Database, stream_ids: Collection[StreamId], deadline_s: float = DEADLINE_S
) -> Sequence[Stream]:
    return [_stream(row) for row in await database.fetch(_BY_IDS, list(stream_ids), deadline_s=deadline_s)]


async def unfinished(database: Database) -> Sequence[Stream]:
    return [_stream(row) for row in await database.fetch(_UNFINISHED)]


async def unfinished_of(database: Database, user_id: UserId) -> Stream | None:
    return _maybe(await database.fetchrow(_UNFINISHED_OF, user_id))


async def latest(database: Database, limit: int) -> Sequence[Stream]:
    return [_stream(row) for row in await database.fetch(_LATEST, limit)]


async def not_ended_before(database: Database, stream_ids: Collection[StreamId], ago: dt.timedelta) -> set[StreamId]:
    """Those of these streams that have not ended, or not so long ago."""
    return {row["id"] for row in await database.fetch(_NOT_ENDED_BEFORE, list(stream_ids), ago)}


async def create(connection: Connection, user_id: UserId, options: StreamOptions) -> Stream | None:
    """None if the user is banned or does not exist. A concurrent ban either comes before this or finds the stream.
    Raises HasUnfinishedStream; the transaction is then aborted."""
    try:
        return _maybe(await connection.fetchrow(_CREATE, user_id, *_options(options)))
    except asyncpg.UniqueViolationError:
        raise HasUnfinishedStream("You have another live stream.") from None


async def configure(connection: Connection, stream_id: StreamId, options: StreamOptions) -> Stream | None:
    """None once the stream has been published to."""
    return _maybe(await connection.fetchrow(_CONFIGURE, stream_id, *_options(options)))


async def read(connection: Connection, stream_id: StreamId) -> Stream | None:
    return _maybe(await connection.fetchrow(_GET, stream_id))


async def online(
    connection: Connection, stream_id: StreamId, source_id: SourceId, key_version: int | None = None
) -> Stream | None:
    """None if this source already publishes, the stream has ended, or its key has another version by now."""
    return _maybe(await connection.fetchrow(_ONLINE, stream_id, source_id, key_version))


async def is_first_live(connection: Connection, stream_id: StreamId) -> bool:
    """Whether this transaction published to the stream for the first time."""
    return bool(await connection.fetchval(_IS_FIRST_LIVE, stream_id))


async def lost(connection: Connection, stream_id: StreamId, source_id: SourceId) -> Stream | None:
    """None if another source, or none, publishes by now."""
    return _maybe(await connection.fetchrow(_LOST, stream_id, source_id))


async def end(connection: Connection, stream_id: StreamId, reason: EndReason, peak_viewers: int) -> Stream | None:
    return _maybe(await connection.fetchrow(_END, stream_id, reason.value, peak_viewers))


async def rotate(connection: Connection, stream_id: StreamId) -> Stream | None:
    return _maybe(await connection.fetchrow(_ROTATE, stream_id))


class Listed(NamedTuple):
    username: str
    profile_pic: str
    """Name in storage, or a URL."""
    coins: int


async def listed(database: Database, stream_ids: Sequence[StreamId]) -> dict[StreamId, Listed]:
    """What a list of streams shows besides the fields of `Stream`."""
    rows = await database.fetch(_LISTED, stream_ids)
    return {row["id"]: Listed(row["username"], row["profile_pic"], row["coins"]) for row in rows}


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """Remove what the user's ended streams tell about the person. Their rows stay, because gifts refer to them."""
    await connection.execute(_FORGET, user_id)
    await connection.execute(_FORGET_PUBLISHERS, user_id)


async def revoke_every_key(connection: Connection) -> int:
    """Revoke the keys of all unfinished streams and return their number. Sends no notification: to be used while no
    process has a table of streams in memory."""
    return int((await connection.execute(_REVOKE_EVERY)).split()[-1])


async def probed(
    database: Database, stream_id: StreamId, source_id: SourceId, playing: bool | None, found: str
) -> None:
    """Store the result of a probe of this publisher (`found` is JSON). No effect if another source, or none, publishes
    by now."""
    await database.execute(_PROBED, stream_id, source_id, playing, found)


async def open_session(
    connection: Connection, stream_id: StreamId, publisher: MediaConnection, key_version: int | None = None
) -> None:
    await connection.execute(
        _OPEN_SESSION,
        stream_id,
        publisher.source.id,
        publisher.protocol,
        publisher.remote_address,
        publisher.user_agent,
        publisher.created_at,
        key_version,
    )


async def close_sessions(
    connection: Connection, stream_id: StreamId, why: str, inbound_bytes: int, besides: SourceId | None = None
) -> None:
    """Close the stream's open publisher sessions, except that of `besides`."""
    await connection.execute(_CLOSE_SESSIONS, stream_id, besides, why, inbound_bytes)


async def admitted_version(database: Database, stream_id: StreamId, source_id: SourceId) -> int | None:
    """Version of the key that admitted this publisher, if stored."""
    version: int | None = await database.fetchval(_ADMITTED_VERSION, stream_id, source_id)
    return version


async def gift_since(database: Database, stream_id: StreamId, since: dt.datetime) -> bool:
    return bool(await database.fetchval(_GIFT_SINCE, stream_id, since))


async def raise_peaks(connection: Connection, peaks: Mapping[StreamId, int]) -> set[StreamId]:
    """Raise stored peaks. Returns the streams whose stored peak is now at least as high; the others were locked: try
    again."""
    return {row["id"] for row in await connection.fetch(_RAISE_PEAKS, list(peaks), list(peaks.values()))}


async def exported_streams(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Mapping[str, Any]]:
    """Each with the connections that published to it."""
    rows = await database.fetch(_EXPORT, user_id, before, limit)
    return [{**row, "publishers": msgspec.Raw(row["publishers"].encode())} for row in rows]
